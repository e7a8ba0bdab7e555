import { describe, expect, it } from 'vitest';
import { ptemu } from '../../test/transcript.js';
import { compileReference } from '../bench/c-reference.js';
import { makeTrace } from '../bench/traces.js';
import { median } from '../bench/translation.js';

const reference = compileReference();

describe('ptemu bench walk, bad usage', () => {
  it.each([
    ['bench walk --arch vax', "unknown arch 'vax'; there are x86_64, arm32, arm64, s390, powerpc"],
    ['bench walk --arch powerpc:hash', 'the hardware walks no tables under powerpc:hash; name what it walks, such as powerpc'],
    ['bench walk --trace frob', "unknown trace 'frob'; there are zipf-1, zipf-64, zipf-1024, zipf-4096, seq-4096"],
    ['bench walk --trace constructor', /^unknown trace 'constructor'/],
    ['bench walk --mode both', "unknown mode 'both'; there are batch, call"],
    ['bench walk --accesses 0', "--accesses '0' must be a whole number from 1 to 100000000"],
    ['bench walk --rounds x', "--rounds 'x' must be a whole number from 1 to 99"],
    ['bench walk --seed -1', /seed/],
  ])('%s: one line, exit code 2', async (command, message) => {
    const { stdout, stderr, code } = await ptemu(command);
    expect([stdout, code]).toEqual(['', 2]);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(stderr).toMatch(message instanceof RegExp ? new RegExp(message.source.replace('^', '^ptemu: ')) : message);
  });
}); // prettier-ignore

describe('ptemu bench walk', () => {
  const small = '--trace zipf-1 --accesses 20000 --rounds 1';

  it('gives one JSON line per architecture, trace and mode', async () => {
    const { stdout, code } = await ptemu(`bench walk ${small} --arch x86_64,arm64,arm32,s390,powerpc --json`);
    expect(code).toBe(0);
    const rows = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
    expect(rows.map(({ arch, trace, mode }) => [arch, trace, mode])).toEqual(
      ['x86_64', 'arm64', 'arm32', 's390', 'powerpc'].flatMap((arch) => [
        [arch, 'zipf-1', 'batch'],
        [arch, 'zipf-1', 'call'],
      ]),
    );
    for (const { perSecond, ratio } of rows) {
      expect(perSecond).toBeGreaterThan(1e4);
      if (reference === undefined) expect(ratio).toBeNull();
      else expect(ratio).toBeGreaterThan(0);
    }
  });

  it('prints a table', async () => {
    const { stdout, code } = await ptemu(`bench walk ${small} --mode batch`);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Node v\d+.*, 20000 accesses a trace, seed 42, medians of 1 interleaved rounds, CPU time\n/); // prettier-ignore
    expect(stdout).toMatch(/\nx86_64 +zipf-1 +batch +[\d.]+ +([\d.]+|-) /);
  });

  it('leaves out what an architecture has no room for', async () => {
    const { stdout, code } = await ptemu('bench walk --arch arm32 --trace zipf-4096 --accesses 1 --rounds 1 --json'); // prettier-ignore
    expect([stdout, code]).toEqual(['', 0]);
  });
});

describe('compileReference', () => {
  it('is undefined where there is no compiler', () => {
    expect(compileReference('no-such-compiler')).toBeUndefined();
  });

  it.skipIf(reference === undefined)('counts what the reference of the performance facts counts', () => {
    // source: `tlbref gen rand|seq MIB 20000 7` and `tlbref run`.
    reference!.trace(makeTrace({ kind: 'rand', mib: 8 }, { count: 20000, seed: 7 }));
    expect(reference!.run(2048)).toMatchObject({ l1d: 601, l2: 13498, walks: 5901, rewalks: 1056, recorded: 3375, faults: 0, sumLo: 1978198208, sumHi: 20000 });
    reference!.trace(makeTrace({ kind: 'seq', mib: 1 }, { count: 20000, seed: 7 }));
    expect(reference!.run(256)).toMatchObject({ l1d: 19687, l2: 57, walks: 256, rewalks: 228, recorded: 445, sumLo: 1877392384 });
    expect(reference!.build(512, 2 ** 21).tables).toBe(512 + 3);
    reference!.close();
  }); // prettier-ignore
});

describe('makeTrace', () => {
  it('refuses what is no trace', () => {
    expect(() => makeTrace({ kind: 'seq', mib: 0 }, { count: 1, seed: 1 })).toThrow(/whole numbers above 0/);
    expect(() => makeTrace({ kind: 'seq', mib: 1 }, { count: 0.5, seed: 1 })).toThrow(
      /whole numbers above 0/,
    );
  });

  it('gives the same words for the same seed, others for another, within the working set', () => {
    const make = (seed: number): string => makeTrace({ kind: 'zipf', mib: 1 }, { count: 100, seed }).join();
    expect(make(1)).toBe(make(1));
    expect(make(1)).not.toBe(make(2));
    const trace = makeTrace({ kind: 'zipf', mib: 1 }, { count: 1000, seed: 1, base: 0x4000_0000n });
    for (let i = 0; i < trace.length; i += 2) {
      expect(trace[i + 1]).toBe(0);
      expect(Math.floor(trace[i]! / 2 ** 20)).toBe(0x400);
    }
  });
});

describe('median', () => {
  it('is the middle', () => {
    expect(median([3, 1, 2])).toBe(2);
  });
});

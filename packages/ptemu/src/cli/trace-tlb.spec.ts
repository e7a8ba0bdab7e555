import { mkdtempSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type TestAccess, compactBytes, lackeyText } from '../../test/accesses.js';
import { ptemu } from '../../test/transcript.js';
import { ACCESS_FETCH, ACCESS_MODIFY, ACCESS_READ, ACCESS_WRITE } from '../traces/index.js';

const folder = mkdtempSync(join(tmpdir(), 'ptemu-trace-tlb-'));
const fileOf = (name: string, bytes: string | Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
};

/** Two pages of code, a page of stack, 300 pages of data touched twice: more than a first level holds. */
const LIST: readonly TestAccess[] = [
  [ACCESS_FETCH, 0x401ffen, 4],
  [ACCESS_WRITE, 0xbe00_0ff8n, 8],
  ...[0, 1].flatMap((round) =>
    Array.from({ length: 300 }, (_, i): TestAccess => [
      round === 0 ? ACCESS_WRITE : ACCESS_READ,
      0x1000_0000n + 4096n * BigInt(i),
      8,
    ]),
  ),
  [ACCESS_MODIFY, 0x1000_0000n, 4],
];
const TEXT = fileOf('small.txt', `==7== Lackey\n${lackeyText(LIST)}==7== Exit code: 0\n`);

type Row = Readonly<Record<string, unknown>>;
const rowsOf = async (words: string): Promise<readonly Row[]> => {
  const { stdout, stderr, code } = await ptemu(`trace-tlb ${words} --json`);
  expect([stderr, code]).toEqual(['', 0]);
  return stdout.trimEnd().split('\n').map((line) => JSON.parse(line) as Row); // prettier-ignore
};

/** Hand-counted, of every part that holds the 300 pages in its second level: fetches, then data. */
const L1I = { lookups: 4, misses: 4 };
const L1D = { lookups: 2 + 600 + 300 + 1, misses: 2 + 600 + 300 + 1 };
const L2 = { lookups: 907, misses: 606 };

describe('ptemu trace-tlb', () => {
  it('prints misses, walks and faults of each part, and what they are', async () => {
    const { stdout, stderr, code } = await ptemu(`trace-tlb ${TEXT} --arch x86_64,arm64`, { columns: 80 });
    expect([stderr, code]).toEqual(['', 0]);
    expect(stdout.replace(folder, 'FOLDER')).toBe(`FOLDER/small.txt: 603 accesses
1 fetch, 300 loads, 301 stores, 1 modification
kernel 6.12, no huge pages

machine            L1I     L1D      L2           refs               walks
part            misses  misses  misses  walks  / walk  faults      cycles
-------------------------------------------------------------------------
x86_64
skylake-server       4     903     606    606    1.01     303  0..130,896
zen                  4     903     606    606    1.01     303  0..130,896
arm64
neoverse-n1          4     903     606    606    1.01     303           -

misses: L2 is looked at after a miss in L1. walks: those that fault, and the
ones made again after it, among them; refs: entries that a walk reads.
faults: pages that mm mapped.
x86_64: a walk costs 0 to 216 cycles (haswell-xeon,kvm-x2apic; assumed: as dear
as an INVLPG; commit e7b52ffd45a6 (2012): about 100 ns for either, far less in
sequential access).
No price of a walk was published for arm64.
Assumed, as no source says it: skylake-server l1d.1, l2.1, walkCaches.0,
walkCaches.1, walkCaches.2, replacement; zen walkCaches.0, walkCaches.1,
replacement; neoverse-n1 walkCaches.0, replacement.
`);
  });
  it('gives the same as JSON, and no price where none was published', async () => {
    const [skylake, , n1] = await rowsOf(`${TEXT} --arch x86_64,arm64`);
    expect(skylake).toMatchObject({
      arch: 'x86_64', kernel: '6.12', part: 'skylake-server', thp: false,
      trace: { form: 'text', packing: 'none', accesses: 603, whole: true, fetches: 1, loads: 300, stores: 301, modifications: 1 },
      translations: 907, crossings: 1, walks: 606,
      tlb: { l1i: L1I, l1d: L1D, l2: L2 },
      faults: { pages: 303, hugePages: 0, pteTables: 3 },
      cost: { unit: 'cycles', walks: { least: 0, most: 606 * 216 }, basis: 'assumed', lacks: [] },
    }); // prettier-ignore
    expect(n1).toMatchObject({ part: 'neoverse-n1', cost: { walks: null, basis: null, lacks: ['walk'] } });
  });
  it('maps huge pages with --thp, small ones with --no-thp', async () => {
    const [huge] = await rowsOf(`${TEXT} --part skylake-server --thp`);
    expect(huge).toMatchObject({ thp: true, faults: { pages: 0, hugePages: 3 } });
    const [small] = await rowsOf(`${TEXT} --part skylake-server --no-thp`);
    expect(small).toMatchObject({ thp: false, faults: { pages: 303, hugePages: 0 } });
  });
  it('takes parts and releases by name, each for its architecture', async () => {
    const rows = await rowsOf(`${TEXT} --part z14,power9 --kernel 4.16,6.12`);
    expect(rows.map(({ arch, kernel, part, leftOut }) => [arch, kernel, part, leftOut])).toEqual([
      ['s390', '4.16', 'z14', undefined],
      ['s390', '6.12', 'z14', undefined],
      ['powerpc', '4.16', 'power9', undefined],
      ['powerpc', '6.12', 'power9', undefined],
      ['powerpc', '4.16', null, 'the hardware looks in a hash table; what is replayed is walks of tables'],
      ['powerpc', '6.12', null, 'the hardware looks in a hash table; what is replayed is walks of tables'],
    ]);
    const { stdout } = await ptemu(`trace-tlb ${TEXT} --part z14 --kernel 4.16,6.12`);
    expect(stdout).toMatch(/^s390@4\.16\nz14 .*\ns390@6\.12\nz14 /m);
    expect(stdout).toContain('kernel 4.16, 6.12, no huge pages\n');
  });
  it('leaves out of all what an address does not fit, and refuses it by name', async () => {
    const high = fileOf('high.txt', lackeyText([[ACCESS_READ, 0x1000n, 8], [ACCESS_READ, 0x1f_ff00_0000n, 8]])); // prettier-ignore
    const why = 'byte 14, line 2: address 0x0000001fff000000 is not below 0x00000000bf000000, where user space of arm32 ends'; // prettier-ignore
    const { stdout, code } = await ptemu(`trace-tlb ${high}`);
    expect([stdout.includes('cortex-a15'), code]).toEqual([false, 0]);
    expect(stdout).toContain(`\nleft out: arm32: ${why}\n`);
    const rows = await rowsOf(high);
    expect(rows.filter(({ leftOut }) => leftOut === undefined).map(({ part }) => part)).toEqual(['skylake-server', 'zen', 'neoverse-n1', 'z14', 'power9']); // prettier-ignore
    expect(rows.at(-1)).toMatchObject({ arch: 'arm32', part: 'cortex-a15', leftOut: why });
    expect(await ptemu(`trace-tlb ${high} --arch arm32`)).toEqual({ stdout: '', stderr: `ptemu: ${high}: ${why}\n`, code: 2 }); // prettier-ignore
  });
  it('reads standard input, packed or not, and stops at a limit', async () => {
    const stdinBytes = gzipSync(compactBytes(LIST));
    const { stdout, code } = await ptemu('trace-tlb - --arch s390 --limit 5', { stdinBytes });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^standard input: the first 5 accesses\n1 fetch, 4 stores\n/);
  });
  it('ends with exit code 3 where the tables take more memory than they may', async () => {
    const wide = lackeyText(Array.from({ length: 2000 }, (_, i): TestAccess => [ACCESS_READ, BigInt(i) << 31n, 8])); // prettier-ignore
    const { stdout, stderr, code } = await ptemu(`trace-tlb ${fileOf('wide.txt', wide)} --part zen --max-memory 4m`); // prettier-ignore
    expect([stdout, code]).toEqual(['', 3]);
    expect(stderr).toMatch(/^ptemu: \S+wide\.txt: byte \d+, line \d+: the page tables of x86_64 take more than 4 MiB; raise memoryMax \(--max-memory, which all machines share\)\n$/); // prettier-ignore
  });
});

describe('ptemu trace-tlb, interrupted', () => {
  it('says what it has read so far, and ends with exit code 3', async () => {
    const { stdout, code } = await ptemu(`trace-tlb ${TEXT} --part z14`, { interrupt: AbortSignal.abort() });
    expect([/^\S+small\.txt: the first 603 accesses\n/.test(stdout), code]).toEqual([true, 3]);
  });
  it('writes nothing', async () => {
    const out = join(folder, 'interrupted.ptt');
    const run = await ptemu(`trace-tlb ${TEXT} --convert ${out}`, { interrupt: AbortSignal.abort() });
    expect(run).toEqual({ stdout: '', stderr: 'ptemu: interrupted; nothing was written\n', code: 3 });
    expect(readdirSync(folder).filter((name) => name.startsWith('interrupted'))).toEqual([]);
  });
});

describe('ptemu trace-tlb --convert', () => {
  const compact = join(folder, 'small.ptt');
  it('writes the compact form, of which the same is said', async () => {
    const bytes = compactBytes(LIST);
    const said = `${compact}: 603 accesses in ${bytes.length.toLocaleString('en')} bytes, ${(bytes.length / 603).toFixed(2)} for each\n`; // prettier-ignore
    expect(await ptemu(`trace-tlb ${TEXT} --convert ${compact}`)).toEqual({
      stdout: said,
      stderr: '',
      code: 0,
    });
    expect(new Uint8Array(readFileSync(compact))).toEqual(bytes);
    const counts = (rows: readonly Row[]): readonly Row[] => rows.map(({ trace: _trace, ...row }) => row);
    expect(counts(await rowsOf(compact))).toEqual(counts(await rowsOf(TEXT)));
    expect(await rowsOf(`${compact} --convert ${compact}`)).toEqual([{ file: compact, accesses: 603, bytes: bytes.length }]); // prettier-ignore
  });
  it('leaves nothing half-written', async () => {
    const before = readFileSync(compact);
    const bad = fileOf('bad.txt', `${lackeyText(LIST)}oops\n`);
    const { stdout, stderr, code } = await ptemu(`trace-tlb ${bad} --convert ${compact}`);
    expect([stdout, code]).toEqual(['', 2]);
    expect(stderr).toMatch(/^ptemu: \S+bad\.txt: byte \d+, line 604: 'o' where lackey has/);
    expect(readFileSync(compact)).toEqual(before);
    await ptemu(`trace-tlb ${bad} --convert ${join(folder, 'new.ptt')}`);
    expect(readdirSync(folder).filter((name) => /part|new/.test(name))).toEqual([]);
  });
  it('writes to a device as it is', async () => {
    const { stdout, code } = await ptemu(`trace-tlb ${TEXT} --convert /dev/null`);
    expect([stdout.startsWith('/dev/null: 603 accesses'), code]).toEqual([true, 0]);
    expect(statSync('/dev/null').isCharacterDevice()).toBe(true);
  });
});

describe('ptemu trace-tlb, bad usage and bad traces: one line, exit code 2', () => {
  const damaged = Buffer.from(gzipSync(compactBytes(LIST)).subarray(0, 60));
  it.each<[string, string | RegExp]>([
    ['', "missing required argument 'file'"],
    ['/nonexistent', "cannot read '/nonexistent': no such file or folder"],
    ['/', "cannot read '/': it is a folder"],
    ['FOLDER/small.txt --arch vax', "unknown arch 'vax'; there are x86_64, arm32, arm64, s390, powerpc"],
    ['FOLDER/small.txt --arch powerpc:hash', 'powerpc:hash: the hardware looks in a hash table; what is replayed is walks of tables; name powerpc without hash'],
    ['FOLDER/small.txt --part 486', "unknown part '486'; there are skylake-server, zen, neoverse-n1, cortex-a15, z14, power9"],
    ['FOLDER/small.txt --part zen,z14 --arch arm64', "no part of --part belongs to --arch 'arm64': zen is of x86_64, z14 is of s390"],
    ['FOLDER/small.txt --kernel 99.1', /^no source places kernel release '99\.1'/],
    ['FOLDER/small.txt --limit 0', "--limit '0' must be a whole number from 1 to 9007199254740991"],
    ['FOLDER/small.txt --max-memory lots', "--max-memory 'lots' must be a number of bytes such as 500m or 2g"],
    ['FOLDER/small.txt --max-memory 0', "--max-memory '0' must be a number of bytes such as 500m or 2g"],
    ['FOLDER/small.txt --convert -', '--convert writes a file, not standard output; name one'],
    ['FOLDER/small.txt --convert /', "cannot write '/': it is a folder"],
    ['FOLDER/small.txt --convert /nonexistent/x', "cannot write '/nonexistent/x': no such file or folder"],
    ['FOLDER/small.txt --convert x --arch s390', '--convert goes without --arch: it replays nothing'],
    ['FOLDER/small.txt --convert x --max-memory 1', '--convert goes without --max-memory: it replays nothing'],
    [`FOLDER/small.txt --arch ${Array.from({ length: 65 }, () => 's390').join(',')}`, 'that makes 65 machines; at most 64: name fewer of --arch, --kernel and --part'],
    ['FOLDER/empty.txt', 'FOLDER/empty.txt: byte 0: no access in it'],
    ['FOLDER/noise.txt', /^FOLDER\/noise\.txt: byte 0, line 1: byte 0x7f where lackey has /],
    ['FOLDER/kernel.txt', 'FOLDER/kernel.txt: byte 0, line 1: address 0xffff800000000000 is not below 0x0010000000000000, where user space of powerpc ends'],
    ['FOLDER/cut.gz', /^FOLDER\/cut\.gz: byte \d+: the gzip data are cut off$/],
    ['FOLDER/cut.ptt', 'FOLDER/cut.ptt: byte 90: no footer: the trace is cut off'],
  ])('%s', async (words, message) => {
    fileOf('empty.txt', '');
    fileOf('noise.txt', '\x7fELF\0\0\n');
    fileOf('kernel.txt', ' L ffff800000000000,8\n');
    fileOf('cut.gz', damaged);
    fileOf('cut.ptt', compactBytes(LIST).subarray(0, 90));
    const { stdout, stderr, code } = await ptemu(`trace-tlb ${words.replace('FOLDER', folder)}`.trim());
    expect([stdout, code]).toEqual(['', 2]);
    expect(stderr).toMatch(/^ptemu: [^\n]+\n$/);
    const text = stderr.slice('ptemu: '.length, -1).replaceAll(folder, 'FOLDER');
    if (typeof message === 'string') expect(text).toBe(message);
    else expect(text).toMatch(message);
  }); // prettier-ignore
  it('whatever the trace holds', async () => {
    const line = fc.oneof(fc.constantFrom('I  0401ab70,3', ' S 1fff000778,8', ' L ffffffffffffffff,8', ' M 0,4096', '==1=='), fc.string({ maxLength: 20 })); // prettier-ignore
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 6 }), async (lines) => {
        const stdinBytes = Buffer.from(`${lines.join('\n')}\n`);
        const { stdout, stderr, code } = await ptemu('trace-tlb - --part skylake-server', { stdinBytes });
        expect([0, 2]).toContain(code);
        if (code === 2) expect([stdout, /^ptemu: standard input: byte \d+[^\n]+\n$/.test(stderr)]).toEqual(['', true]); // prettier-ignore
      }),
      { seed: 9, numRuns: 60 },
    );
  });
});

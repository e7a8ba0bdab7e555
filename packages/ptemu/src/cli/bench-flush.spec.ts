import { mkdtempSync, readFileSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ptemu } from '../../test/transcript.js';
import { backend } from '../backends.js';
import { calibrationCommand } from './bench-calibration.js';
import type { Io } from './io.js';

type Row = Readonly<Record<string, unknown>>;

const lines = (text: string): readonly Row[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Row);

/** The rows of a sweep. */
const rowsOf = async (options: string): Promise<readonly Row[]> => {
  const { stdout, stderr, code } = await ptemu(`bench flush ${options} --json`);
  expect([stderr, code]).toEqual(['', 0]);
  return lines(stdout);
};

describe('ptemu bench, bad usage', () => {
  it.each([
    ['', 'name a command; --help lists them'],
    ['bench', 'name a command; --help lists them'],
    ['bench frob', "unknown command 'frob'"],
    ['bench flush --arch vax', "unknown arch 'vax'; there are x86_64, arm32, arm64, s390, powerpc"],
    ['bench flush --kernel 99.1', /^no source places kernel release '99\.1'/],
    ['bench flush --operation frob', /^unknown operation 'frob'; there are munmap, /],
    ['bench flush --pages 0', "--pages '0' must be a whole number from 1 to 65536"],
    ['bench flush --pages 1,,2', "--pages '1,,2' has an empty item"],
    ['bench flush --cpus 257', "--cpus '257' must be a whole number from 1 to 256"],
    ['bench flush --profile fast', /^unknown profile 'fast'; there are intel-2015, /],
    ['bench flush --arch s390 --profile machine-a', "unknown profile 'machine-a'; there are uncalibrated"],
    ['bench flush --arch arm64 --profile machine-a,snapdragon-888', /^profile machine-a is in ns, snapdragon-888 in share/],
    ['bench flush --calibration --pages 3', '--calibration goes without --pages: it is of all profiles'],
    ['bench flush --arch arm64 --pages 1 --html /nonexistent/x', "cannot write '/nonexistent/x': no such file or folder"],
    ['bench flush --arch arm64 --pages 1 --html /', "cannot write '/': it is a folder"],
    [`bench flush --pages ${Array.from({ length: 1000 }, (_, i) => i + 1).join(',')}`, /^that makes 12000 rows; at most 10000/],
  ])('%s: one line, exit code 2', async (command, message) => {
    const { stdout, stderr, code } = await ptemu(command === '' ? [] : command);
    expect([stdout, code]).toEqual(['', 2]);
    expect(stderr).toMatch(/^ptemu: [^\n]+\n$/);
    const text = stderr.slice('ptemu: '.length, -1);
    if (typeof message === 'string') expect(text).toBe(message);
    else expect(text).toMatch(message);
  }); // prettier-ignore
});

describe('ptemu bench flush --json', () => {
  it('x86_64: 33 pages one by one, 34 all at once, on each CPU by an IPI', async () => {
    const rows = await rowsOf('--arch x86_64 --operation madv_dontneed --pages 33,34 --cpus 1,8');
    expect(rows.map(({ issued, ipis, issuedByTargets }) => [issued, ipis, issuedByTargets])).toMatchObject([
      [{ 'INVLPG loop': 33 }, 0, {}],
      [{ 'MOV to CR3': 1 }, 0, {}],
      [{ 'INVLPG loop': 33 }, 7, { 'INVLPG loop': 7 * 33 }],
      [{ 'MOV to CR3': 1 }, 7, { 'MOV to CR3': 7 }],
    ]);
    expect(rows[0]).toMatchObject({
      dropped: { wanted: 33, collateral: 0 },
      cost: {
        profile: 'haswell-xeon,kvm-x2apic',
        unit: 'cycles',
        total: { least: 68 + 33 * 216, most: 68 + 33 * 216 },
        lacks: [],
      },
    });
  });
  it('prices what was published, and is null where nothing was', async () => {
    const [arm64, s390] = await rowsOf('--arch arm64,s390 --operation madv_dontneed --pages 4 --cpus 1');
    const total = 961.4 + 4 * 468.06;
    expect(arm64?.['cost']).toMatchObject({ unit: 'ns', total: { least: expect.closeTo(total) } });
    expect(s390?.['cost']).toMatchObject({
      profile: 'uncalibrated',
      initiator: null,
      total: null,
      basis: null,
    });
  });
  it('takes profiles by name, put together, each for the architectures that have it', async () => {
    const [x86, arm64] = await rowsOf(
      '--arch x86_64,arm64 --profile westmere-xeon,kvm-xapic,machine-b --operation madv_dontneed --pages 1 --cpus 2',
    );
    expect(x86?.['cost']).toMatchObject({
      profile: 'westmere-xeon,kvm-xapic',
      initiator: { least: 214 + 258 + 6059, most: 214 + 258 + 6059 },
    });
    expect(arm64?.['cost']).toMatchObject({ profile: 'machine-b' });
  });
  it('is the same bytes each time, and without the speed of the emulator unless it is asked for', async () => {
    const command = 'bench flush --arch all --pages 1,64 --json';
    const [first, second] = [await ptemu(command), await ptemu(command)];
    expect(first.stdout).toBe(second.stdout);
    expect(first.stdout).not.toContain('perSecond');
    const [timed] = await rowsOf('--arch arm64 --pages 1 --cpus 1 --speed');
    expect(timed?.['perSecond']).toBeGreaterThan(0);
  });
  it('runs every operation on every architecture, and prints no time where none was measured', async () => {
    const rows = await rowsOf('--operation all --pages 4 --cpus 2');
    expect(new Set(rows.map(({ operation }) => operation)).size).toBeGreaterThanOrEqual(9);
    const uncalibrated = rows.filter(({ spec }) => ['arm32', 's390', 'powerpc:hash'].includes(String(spec)));
    expect(uncalibrated.length).toBe(rows.length / 2);
    for (const { cost } of uncalibrated) {
      expect(cost).toMatchObject({ initiator: null, targets: null, refill: null, total: null, basis: null });
    }
  });
  it('names architecture, release and commits as all commands do', async () => {
    const [row] = await rowsOf('--arch powerpc:page=4k@6.12 --pages 1 --cpus 1 --with d52605d7cb30');
    expect(row).toMatchObject({ arch: 'powerpc', options: { page: '4k' }, kernel: '6.12' });
  });
  it('tells processors apart, and has no price for what nobody published', async () => {
    const [broadcast, ipi] = await rowsOf(
      '--arch x86_64:cpu.invlpgb=true@6.19,x86_64@6.19 --pages 1 --cpus 8',
    );
    expect(broadcast).toMatchObject({ spec: 'x86_64:cpu.invlpgb=true', cpu: { invlpgb: true }, ipis: 0 });
    expect(broadcast?.['cost']).toMatchObject({ total: null, lacks: ['INVLPGB range', 'completion'] });
    expect(ipi).toMatchObject({ spec: 'x86_64', ipis: 7 });
  });
});

describe('ptemu bench flush', () => {
  it('prints a table for each machine within the width of the terminal, and the sources', async () => {
    const command =
      'bench flush --arch x86_64,arm64,s390 --operation madv_dontneed --pages 1,33,34,512 --cpus 1,8';
    for (const columns of [80, 140]) {
      const { stdout, code } = await ptemu(command, { columns });
      expect(code).toBe(0);
      expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(columns);
      expect(stdout).toMatch(/^madv_dontneed on x86_64, kernel 6\.12\n/);
      expect(stdout).toContain('Haswell Xeon (Dave Hansen, June 2015)');
      expect(stdout).toContain('s390: no part was measured: events only; uncalibrated');
      expect(stdout.includes('speed')).toBe(columns >= 100);
    }
  });
  it('says once for an architecture what its prices are, and which are missing', async () => {
    const { stdout } = await ptemu(
      'bench flush --arch arm64@4.19,arm64@6.12,x86_64:cpu.invlpgb=true@6.19 --pages 1',
    );
    expect([...stdout.matchAll(/^arm64: machine A/gm)]).toHaveLength(1);
    expect(stdout).toContain('- or no column: no price was published for INVLPGB range, completion.');
  });
  it('writes a page whole, with what it was made by', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'ptemu-flush-'));
    const file = join(dir, 'page.html');
    const { stdout, code } = await ptemu(['bench', 'flush', '--arch', 'x86_64', '--pages', '1,8,64', '--html', file]);
    expect([stdout, code]).toEqual([`${file}: 6 rows and their plots\n`, 0]);
    expect(readdirSync(dir)).toEqual(['page.html']);
    const html = readFileSync(file, 'utf8');
    expect(html).toContain(`ptemu bench flush --arch x86_64 --pages 1,8,64 --html ${file}`);
    expect(html).toContain('Modelled cost to the CPU that runs the operation, cycles');
    expect(html).toContain('Zeng Guang, "IPI virtualization support for VM" v7');
    expect(html.endsWith('</html>\n')).toBe(true);
  }); // prettier-ignore
});

describe('ptemu bench flush --calibration', () => {
  it('has every claimed row within 10 % or explained, and all checks of shape hold', async () => {
    const { stdout, stderr, code } = await ptemu('bench flush --calibration', { columns: 80 });
    expect([stderr, code]).toEqual(['', 0]);
    expect(stdout).toMatch(/\n101 of 109 rows within 10 %, 8 explained by the source, 0 not met\n$/);
    expect(stdout).toMatch(/\n4 +4 pages +2111\.6 +2447 +-13\.7 % +fit, not met\n/);
    expect(stdout).toMatch(/\nS1 +one IPI.* 6059 +6059 +0\.0 % +seed\n/);
    expect([...stdout.matchAll(/^\d\. holds/gm)]).toHaveLength(9);
  });
  it('says NOT MET and exits with 1 where a profile has a wrong slope', async () => {
    const x86 = backend('x86_64', { kernel: '6.12' });
    const profiles = x86.costs.profiles.map((profile) => {
      if (profile.id !== 'mm-range-2014') return profile;
      const wrong = { value: 400, kind: 'PRIM', source: 'wrong on purpose' } as const;
      return { ...profile, instructions: { ...profile.instructions, 'INVLPG loop': wrong } };
    });
    const broken = { ...x86, costs: { ...x86.costs, profiles } };
    const archs = [broken, backend('arm64', { kernel: '6.12' }), backend('powerpc', { kernel: '6.12' })];
    let text = '';
    const io: Io = {
      stdout: (some) => (text += some),
      stderr: () => undefined,
      stdin: () => Promise.resolve(''),
      columns: 80,
      color: false,
      progress: false,
    };
    expect(await calibrationCommand({}, io, archs)).toBe(1);
    expect(text).toMatch(/\n16 +16 pages +7496\.6 +5041 +\+48\.7 % +fit, NOT MET\n/);
    expect(text).toMatch(/\n1\. FAILS {2}x86: 216 to 284 cycles a page/);
  });
  it('is one line a row and a check as JSON', async () => {
    const { stdout } = await ptemu('bench flush --calibration --json');
    const rows = lines(stdout);
    const kinds = rows.map(({ kind }) => kind);
    expect([kinds.filter((kind) => kind === 'row').length, kinds.filter((kind) => kind === 'shape').length]).toEqual([109, 9]);
    const x2 = rows.find(({ id }) => id === 'X2');
    expect(x2).toMatchObject({ spec: 'x86_64', profile: 'intel-2015', unit: 'cycles', model: 260, published: 260, error: 0, verdict: 'met', by: 'seed' });
    expect(String(x2?.['source'])).toContain('Ingo Molnar');
  }); // prettier-ignore
  it('makes a page of it', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'ptemu-calibration-')), 'page.html');
    const { stdout, code } = await ptemu(['bench', 'flush', '--calibration', '--html', file]);
    expect([stdout, code]).toEqual([`${file}: 109 rows and 9 checks of shape\n`, 0]);
    expect(readFileSync(file, 'utf8')).toContain('<h3>machine B range</h3>');
  });
});

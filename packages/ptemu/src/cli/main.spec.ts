import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ptemu } from '../../test/transcript.js';

type Row = Readonly<Record<string, unknown>>;

const SPLIT = 'split-none-window-vs-zap';
const lines = (text: string): readonly Row[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Row);

describe('ptemu, bad usage', () => {
  it.each([
    ['frob', "unknown command 'frob'"],
    ['run', 'name a scenario, a part of the corpus (--part D) or a probe (--probe D-1)'],
    ['run --bogus', "unknown option '--bogus'"],
    ['run nosuch', "unknown scenario 'nosuch'; 'ptemu list' names them"],
    ['run split-none', `unknown scenario 'split-none'; did you mean ${SPLIT}?`],
    ['run zap', /^unknown scenario 'zap'; did you mean/],
    ['run --part Z', "no probe of part 'Z'; there are D"],
    [`run ${SPLIT} --probe D-99`, /^unknown probe 'D-99' of split-none-window-vs-zap; there are D-1/],
    [`run ${SPLIT} --variant blue`, /^unknown variant 'blue'; there are/],
    [`run ${SPLIT} --arch vax`, "unknown arch 'vax'; there are x86_64, arm32, arm64, s390, powerpc"],
    [`run ${SPLIT} --kernel 4.5,`, "--kernel '4.5,' has an empty item"],
    [`run ${SPLIT} --kernel 99.1`, /^no source places kernel release '99\.1'; its neighbours are/],
    [`run ${SPLIT} --kernel latest`, /^no source places kernel release 'latest'; known are/],
    [`run ${SPLIT} --arch arm32 --kernel 3.10`, /^arm32 had no transparent huge pages in 3\.10/],
    [`run ${SPLIT} --arch s390 --kernel 3.10`, /since 4\.5/],
    [`run ${SPLIT} --with 0123456789ab`, /^no commit '0123456789ab' in the registry/],
    [`run ${SPLIT} --max-states 0`, "--max-states '0' must be a whole number from 1 to 2147483647"],
    [`run ${SPLIT} --max-states 1e99`, /^--max-states '1e99' must be a whole number/],
    [`run ${SPLIT} --strategy random --runs 99999999999999999999`, /^--runs '9+' must be a whole number/],
    [`run ${SPLIT} --seed 7`, '--seed goes with --strategy random or pct, not simplest'],
    [
      `run ${SPLIT} --strategy clever`,
      "unknown strategy 'clever'; there are simplest, exhaustive, dpor, preemptions, pct, random",
    ],
    [`run ${SPLIT} --expect violates`, "--expect takes holds, not 'violates'"],
    [`compare ${SPLIT} --arch s390`, /^compare takes 2 to 8 architectures/],
    [`compare ${SPLIT} --arch s390,arm32 --kernel 4.5,4.7`, /^--kernel takes one release here/],
    ['helpers', "missing required argument 'arch'"],
    ['helpers s390 pud', "unknown level 'pud'; states are listed for pmd and pte"],
    ['decode arm64 pmd 0xzz', "entry '0xzz' is not hexadecimal; write it like 0x00e8000040000f41"],
    ['decode arm64 pmd 0x', /^entry '0x' is not hexadecimal/],
    ['decode arm64 pmd -1', /unknown option '-1'|is not hexadecimal/],
    ['decode arm64 pmd 10000000000000000', /^entry '10000000000000000' has more than 64 bits/],
    ['decode arm64 huge 0', "unknown level 'huge'; there are pgd, p4d, pud, pmd, pte"],
    ['decode arm64:granule=8k pmd 0', /^arm64 has no option 'granule=8k'; it takes granule=4k\|16k\|64k/],
    ['replay /nonexistent/trace.json', "cannot read '/nonexistent/trace.json': no such file or folder"],
    ['replay /', "cannot read '/': it is a folder"],
    ['walk /nonexistent 0x1000', /^meta\.json: cannot be read/],
    ['walk /nonexistent 0x1000 --root both', "unknown root 'both'; there are user, kernel"],
    ['walk /nonexistent', "missing required argument 'va'"],
    ['dump /nonexistent', /^meta\.json: cannot be read/],
    ['conformance s390 /nonexistent.json', "cannot read '/nonexistent.json': no such file or folder"],
  ])('%s: one line, exit code 2', async (command, message) => {
    const { stdout, stderr, code } = await ptemu(command);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^ptemu: [^\n]+\n$/);
    const text = stderr.slice('ptemu: '.length, -1);
    if (typeof message === 'string') expect(text).toBe(message);
    else expect(text).toMatch(message);
    expect(code).toBe(2);
  });
  it('keeps an absurdly long word out of its line', async () => {
    const { stderr, code } = await ptemu(['decode', 'arm64', 'pmd', 'z'.repeat(100_000)]);
    expect(stderr.length).toBeLessThan(200);
    expect(code).toBe(2);
  });
  it('prints help and version on standard output, exit code 0', async () => {
    expect(await ptemu('--version')).toEqual({ stdout: '0.1.0\n', stderr: '', code: 0 });
    const help = await ptemu('--help');
    expect(help.stdout).toContain('compare [options] <scenario>');
    expect(help.stdout).toContain('3 a bound was reached before an answer');
    expect(help).toMatchObject({ stderr: '', code: 0 });
  });
});

describe('ptemu list', () => {
  it('names scenarios with sources, and commits', async () => {
    const { stdout, code } = await ptemu('list');
    expect(stdout).toContain(`${SPLIT}\n`);
    expect(stdout).toMatch(/mail ".*THP rework on s390/);
    expect(code).toBe(0);
    const commits = lines((await ptemu('list --commits --json')).stdout);
    expect(commits.find(({ id }) => id === 'd52605d7cb30')).toMatchObject({ since: '4.16' });
  });
});

/** Words and answers: fact sheet, matrix 1.1. */
describe('ptemu helpers', () => {
  it.each([
    ['s390', '4.12', '0x0000000000000020', { pmd_none: true, pmd_present: false }],
    ['arm32', '4.5', '0x0000000000000880', { pmd_none: false, pmd_present: true, pmd_trans_huge: true }],
    ['arm64', '5.9', null, { pmd_none: false, pmd_present: false }],
    ['arm64', '5.10', null, { pmd_none: false, pmd_present: true, pmd_trans_huge: true }],
  ])('%s %s: the invalidated pmd', async (arch, kernel, word, says) => {
    const { stdout, code } = await ptemu(`helpers ${arch} --kernel ${kernel} --json`);
    const row = lines(stdout).find(({ state }) => state === 'invalidated');
    expect(row).toMatchObject({ arch, kernel, helpers: says, walker: 'fault' });
    if (word !== null) expect(row?.['entry']).toBe(word);
    expect(code).toBe(0);
  });
  it('prints states down and helpers across', async () => {
    const { stdout } = await ptemu('helpers s390 --kernel 4.12');
    expect(stdout).toMatch(
      /^pmd of a huge page on s390, kernel 4\.12\n\nstate +word in memory +none +present/,
    );
    expect(stdout).toMatch(/\ninvalidated +0x0000000000000020 +yes +\. /);
  });
  it('has ptes too, and no walker where the hardware does not walk', async () => {
    const { stdout } = await ptemu('helpers powerpc:hash pte');
    expect(stdout).toMatch(/\nPROT_NONE .* not walked +pte_modify\n/);
  });
});

describe('ptemu decode', () => {
  it('names the fields that fit the entry, what holds, and what the walker does', async () => {
    const { stdout, code } = await ptemu('decode arm64 pmd 0x00e8000040200f41');
    expect(stdout).toMatch(/^pmd 0x00e8000040200f41 on arm64, kernel 6\.12\n/);
    expect(stdout).toMatch(/0x0000000000000400 +PTE_AF +0x1 +hardware/);
    expect(stdout).not.toContain('PTE_PRESENT_INVALID');
    expect(stdout).toMatch(/\ntrue: +.*pmd_trans_huge/);
    expect(stdout).toMatch(/\nwalker: maps 0x40200000 \(2M\)\n$/);
    expect(code).toBe(0);
  });
  it('gives JSON with every bit in a field or in the rest', async () => {
    const [row] = lines((await ptemu('decode x86_64 pmd 80000000400000e7 --json')).stdout);
    const fields = row?.['fields'] as readonly { readonly mask: string }[];
    const covered = fields.reduce((sum, { mask }) => sum | BigInt(mask), BigInt(String(row?.['rest'])));
    expect(0x8000_0000_4000_00e7n & ~covered).toBe(0n);
    expect(row?.['holds']).toContain('pmd_trans_huge');
  });
});

describe('ptemu run', () => {
  it('gives verdicts as JSON Lines with everything that a reader needs', async () => {
    const { stdout, stderr, code } = await ptemu(
      `run ${SPLIT} --probe D-1 --arch s390 --kernel 4.5,4.12 --json`,
    );
    const [before, race] = lines(stdout);
    expect(before).toMatchObject({
      verdict: 'holds',
      kernel: '4.5',
      invariant: null,
      schedule: [],
      agrees: true,
    });
    expect(race).toMatchObject({ scenario: SPLIT, probe: 'D-1', arch: 's390', options: {}, commits: [] });
    expect(race).toMatchObject({ verdict: 'violates', invariant: 'I8', agrees: true });
    expect(Object.keys(race ?? {})).toEqual(
      expect.arrayContaining(['alsoFell', 'states', 'executions', 'bounds']),
    );
    expect((race?.['schedule'] as readonly Row[])[0]).toEqual({
      actor: expect.any(String),
      step: expect.any(String),
    });
    expect([stderr, code]).toEqual(['', 0]);
  });
  it('prints the table, the interleaving in at most 72 columns, and the command that replays it', async () => {
    const { stdout, code } = await ptemu(`run ${SPLIT} --probe D-1 --arch s390 --kernel 4.12`);
    const [table, trace = ''] = stdout.split('\ncounterexample\n');
    expect(table).toMatch(/\nD-1 +s390 +4\.12 +violates I8 .*CEX\n/);
    expect(Math.max(...trace.split('\n').map((line) => line.length))).toBeLessThanOrEqual(72);
    expect(trace).toContain('\nI8: BUG: Bad rss-counter state');
    expect(trace).toContain('--json | npx ptemu replay -');
    expect(trace).toContain('\narch s390, kernel 4.12\n');
    expect(code).toBe(0);
  });
  it('exits with 1 for a violation under --expect holds, with 3 where a bound was hit', async () => {
    const race = `run ${SPLIT} --probe D-1 --arch s390 --json`;
    expect((await ptemu(`${race} --kernel 4.12 --expect holds`)).code).toBe(1);
    expect((await ptemu(`${race} --kernel 4.5 --expect holds`)).code).toBe(0);
    const cut = await ptemu(`${race} --kernel 4.5 --max-states 20`);
    expect(lines(cut.stdout)[0]).toMatchObject({ verdict: 'unknown', bounds: { maxStates: 20 } });
    expect(cut.code).toBe(3);
  });
  it('leaves out of --arch all what did not exist in a release, and says so on standard error', async () => {
    const { stdout, stderr, code } = await ptemu(`run ${SPLIT} --probe D-1 --arch all --kernel 4.5 --json`);
    expect(lines(stdout).map(({ spec }) => spec)).toEqual([
      'x86_64',
      'arm32',
      'arm64',
      's390',
      'powerpc:hash',
    ]);
    expect(stderr).toBe(
      "left out: powerpc 4.5 has no mmu 'radix'; radix came with 4.7: ask for mmu 'hash'\n",
    );
    expect(code).toBe(0);
  });
  it('toggles commits', async () => {
    const { stdout } = await ptemu(
      `run ${SPLIT} --probe D-1 --arch s390 --kernel 4.12 --without 227be799c39a --json`,
    );
    expect(lines(stdout)[0]).toMatchObject({ verdict: 'holds', commits: ['-227be799c39a'] });
    expect(lines(stdout)[0]).toMatchObject({ expected: { verdict: 'SAFE' }, agrees: true });
  });
  it('notes where no source says which verdict to expect, which is no difference', async () => {
    const command = 'run split-window-misread-as-swap --arch arm64 --kernel 4.6';
    const why = '5bb1cc0ff9a6 came between 4.5 and 4.7';
    const { stdout, code } = await ptemu(command);
    expect(stdout).toMatch(/^D-9 thp-migration +arm64 +4\.6 +holds +\d+ +\d+ +-$/m);
    expect(stdout).toContain(`\nnote: D-9 on arm64 4.6, no expectation: ${why}\n`);
    expect(code).toBe(0);
    const [race] = lines((await ptemu(`${command} --json`)).stdout);
    expect(race).toMatchObject({ verdict: 'holds', expected: null, noExpectation: why, agrees: null });
  });
  it('searches at random with a seed, the same twice', async () => {
    const command = `run ${SPLIT} --probe D-1 --arch s390 --kernel 4.12 --strategy random --seed 3 --runs 200`;
    const first = await ptemu(command);
    expect(first.stdout).toContain('\nseed 3\n');
    expect(await ptemu(command)).toEqual(first);
  });
  it('prints the same bytes twice', async () => {
    const command = `run ${SPLIT} --probe D-2 --twins --arch arm32@4.5,x86_64@4.5`;
    expect(await ptemu(command)).toEqual(await ptemu(command));
  });
});

describe('ptemu replay', () => {
  const race = `run ${SPLIT} --probe D-1 --arch s390 --kernel 4.12`;
  it('takes a verdict of run --json again, and falls the same way', async () => {
    const { stdout } = await ptemu(`${race} --json`);
    const again = await ptemu('replay -', { stdin: stdout });
    expect(again.stdout).toContain('I8: BUG: Bad rss-counter state');
    expect([again.stderr, again.code]).toEqual(['', 0]);
  });
  it('takes a trace that run wrote', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'ptemu-')), 'trace.json');
    await ptemu(`${race} --json --trace ${file}`);
    const again = await ptemu(`replay ${file} --json`);
    expect(lines(again.stdout)[0]).toMatchObject({ invariant: 'I8', agrees: true, drift: null });
    const trace = JSON.parse(readFileSync(file, 'utf8')) as { steps: { step: string }[] };
    const step = trace.steps[3];
    if (step) step.step = 'no_such_function: load pmd';
    writeFileSync(file, JSON.stringify(trace));
    const drifted = await ptemu(`replay ${file}`);
    expect(drifted.stdout).toContain("'no_such_function: load pmd'");
    expect(drifted.code).toBe(1);
  });
  it.each([
    ['', 'the recording is empty'],
    ['{"format":"ptemu-trace"', /line 1 of the recording is not JSON, or was cut short/],
    ['[1]', 'the recording is neither a trace document nor a verdict of ptemu run --json'],
    ['{"format":"ptemu-trace","version":7}', 'trace version 7 is unknown; this ptemu reads version 1'],
    ['{"schedule":[]}', /^the verdict lacks 'scenario'/],
    ['{"schedule":[{"actor":1}],"scenario":"a","probe":"b","spec":"c","kernel":"d"}', /^entry 1 of/],
  ])('refuses %j', async (stdin, message) => {
    const { stdout, stderr, code } = await ptemu('replay -', { stdin });
    expect([stdout, code]).toEqual(['', 2]);
    expect(stderr.slice('ptemu: '.length).trimEnd()).toMatch(message);
  });
});

describe('ptemu compare', () => {
  it('has steps down, architectures across, and marks the first divergence', async () => {
    const { stdout, code } = await ptemu(`compare ${SPLIT} --arch s390@4.12,x86_64 --kernel 4.12`);
    expect(stdout).toMatch(/\nactor +step +s390 4\.12 +x86_64 4\.12\n/);
    expect(stdout).toContain('0x0000000000000020 N....');
    expect(stdout).toMatch(/\n>> first divergence, step \d+: pmd_/);
    expect(code).toBe(0);
  });
  it('gives one JSON object per step', async () => {
    const { stdout } = await ptemu(`compare ${SPLIT} --arch s390,arm32 --kernel 4.12 --json`);
    const rows = lines(stdout);
    expect(rows.length).toBeGreaterThan(10);
    expect(rows[0]).toMatchObject({ scenario: SPLIT, probe: 'D-1', step: 1 });
    for (const row of rows) expect(row['cells']).toHaveLength(2);
  });
});

const CAPTURE = new URL('../../../capture/test/fixtures/arm-6.1.176-lpae-a', import.meta.url).pathname;

describe('ptemu walk and dump', () => {
  it('says what the MMU does and what Linux calls an address', async () => {
    const { stdout, code } = await ptemu(`walk ${CAPTURE} 0x10000 --json`);
    const [row] = lines(stdout);
    expect(row).toMatchObject({
      va: '0x0000000000010000',
      level: 'pte',
      size: 4096,
      linux: { kind: 'present' },
    });
    expect(row?.['pa']).toMatch(/^0x[0-9a-f]{16}$/);
    expect(row?.['entries']).toHaveLength(3);
    expect(code).toBe(0);
  });
  it('gives a fault for an address of nobody', async () => {
    const [row] = lines((await ptemu(`walk ${CAPTURE} ffffffffffffffff --json`)).stdout);
    expect(row).toMatchObject({ fault: 'non-canonical', size: null });
  });
  it('dumps ranges', async () => {
    const { stdout } = await ptemu(`dump ${CAPTURE}`);
    expect(stdout).toMatch(/\n0x0000000000010000-0x[0-9a-f]{16} pte r-x-u present -> 0x/);
  });
});

describe('ptemu conformance', () => {
  it('grades the laws', async () => {
    const { stdout, code } = await ptemu('conformance x86_64');
    expect(stdout).toMatch(/\n\d+ holds/);
    expect(code).toBe(0);
  });
  it('compares a vector file slot by slot', async () => {
    const file = new URL('../../../x86_64/test/fixtures/x86_64-4level-min-v6.12.json.gz', import.meta.url);
    const { stdout, code } = await ptemu(`conformance x86_64 ${file.pathname} --json`);
    const [row] = lines(stdout);
    expect(row?.['agree']).toBe(row?.['slots']);
    expect(code).toBe(0);
  });
});

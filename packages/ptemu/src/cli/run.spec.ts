import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ptemu, type Transcript } from '../../test/transcript.js';
import { scenarioApi } from './scenario-api.js';

const folder = mkdtempSync(join(tmpdir(), 'ptemu-run-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string): string => join(folder, name);

type Verdict = Readonly<Record<string, unknown>>;
const verdicts = ({ stdout }: Transcript): readonly Verdict[] =>
  stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Verdict);

/** Three bystanders' worth of states: enough for a search to be cut short in. */
const LARGE = 'run split-none-window-vs-zap --probe D-3 --arch powerpc:hash --kernel 4.5';
const SMALL = 'run split-none-window-vs-zap --probe D-1 --arch s390 --kernel 4.12,4.15';

describe('ptemu run --strategy', () => {
  it.each([
    ['simplest', 'violates'],
    ['exhaustive', 'violates'],
    ['dpor', 'violates'],
    ['preemptions', 'violates'],
    ['pct --seed 3', 'violates'],
  ])('%s finds the race of s390 4.12', async (strategy, verdict) => {
    const ran = await ptemu(`${SMALL} --json --strategy ${strategy}`);
    expect(verdicts(ran)[0]).toMatchObject({ kernel: '4.12', verdict });
    expect((verdicts(ran)[0] as { fell: string[] }).fell).toContain('I8');
  });

  it.each([
    ['exhaustive', 'holds', 0],
    ['dpor', 'holds', 0],
    ['preemptions --preemptions 9', 'holds', 0],
    ['preemptions --preemptions 1', 'unknown', 3],
    ['pct --runs 5', 'unknown', 3],
    ['random --runs 5', 'unknown', 3],
    ['exhaustive --max-states 10', 'unknown', 3],
    ['exhaustive --hash-compact', 'unknown', 3],
    ['dpor --max-executions 2', 'unknown', 3],
  ])('%s says of arm64 6.12: %s, exit code %i', async (strategy, verdict, code) => {
    const ran = await ptemu(
      `run split-none-window-vs-zap --probe D-1 --arch arm64 --kernel 6.12 --json --strategy ${strategy}`,
    );
    expect([verdicts(ran)[0]?.['verdict'], ran.code]).toEqual([verdict, code]);
  });

  it('says what was searched, what the default costs, and how probable an omission is', async () => {
    const usual = await ptemu(`${SMALL}`);
    expect(usual.stdout).toMatch(
      /^searched \(simplest\): [\d,]+ states, [\d,]+ transitions;\n {2}looking for the simplest counterexamples took [\d,]+ and [\d,]+ besides\nreductions: sleep sets, bisimilar thread states merged where they can be$/m,
    );
    const plain = await ptemu(`${SMALL} --strategy exhaustive --no-sleep-sets --no-merge`);
    expect(plain.stdout).toMatch(/^searched \(exhaustive\): [\d,]+ states, [\d,]+ transitions$/m);
    const compact = await ptemu(
      'run split-none-window-vs-zap --probe D-1 --arch arm64 --kernel 6.12 --hash-compact',
    );
    expect(compact.stdout).toMatch(/a state may have been omitted, with probability at most \d/);
  });

  it('gives the same verdict lines with several threads', async () => {
    const [one, two] = [await ptemu(`${LARGE} --json`), await ptemu(`${LARGE} --json --jobs 2`)];
    expect(two.stdout).toBe(one.stdout);
  });

  it.each([
    ['--depth 2', '--depth goes with --strategy pct, not simplest'],
    ['--strategy dpor --jobs 2', '--jobs goes with --strategy simplest or exhaustive, not dpor'],
    [
      '--strategy random --no-sleep-sets',
      '--no-sleep-sets goes with --strategy simplest or exhaustive, not random',
    ],
    ['--jobs 0', "--jobs '0' must be a whole number from 1 to 64"],
    ['--max-memory lots', "--max-memory 'lots' must be a number of bytes such as 500m or 2g"],
    ['--timeout soon', "--timeout 'soon' must be a time such as 30, 90s, 10m or 2h"],
    ['--timeout 0', "--timeout '0' must be a time such as 30, 90s, 10m or 2h"],
    ['--shard 3/2', "--shard '3/2' must be i/n with 1 <= i <= n <= 1000, such as 2/3"],
    ['--checkpoint-every 3', '--checkpoint-every goes with --checkpoint'],
    ['--checkpoint x --checkpoint-every often', "--checkpoint-every 'often' must be a number of seconds"],
  ])('%s: one line, exit code 2', async (words, line) => {
    expect(await ptemu(`${SMALL} ${words}`)).toEqual({ stdout: '', stderr: `ptemu: ${line}\n`, code: 2 });
  });
});

describe('ptemu run, cut short', () => {
  it('ends at --timeout with what was covered: unknown, exit code 3', async () => {
    const ran = await ptemu(`${LARGE} --json --strategy exhaustive --timeout 0.3`);
    expect(ran.code).toBe(3);
    expect(verdicts(ran)[0]).toMatchObject({ verdict: 'unknown', bounds: { timeout: 0.3 } });
    expect(verdicts(ran)[0]?.['states']).toBeGreaterThanOrEqual(1);
  });

  it('ends at --max-memory', async () => {
    const ran = await ptemu(`${LARGE} --json --max-memory 2m`);
    expect(ran.code).toBe(3);
    expect(verdicts(ran)[0]).toMatchObject({ verdict: 'unknown', bounds: { maxMemory: 2 * 1024 * 1024 } });
  });

  it('prints the partial report when it is interrupted, and says what was not begun', async () => {
    const stop = new AbortController();
    const api: typeof scenarioApi = {
      ...scenarioApi,
      *searchProbe(...args) {
        const search = scenarioApi.searchProbe(...args);
        let step = search.next();
        for (let n = 0; step.done !== true; n++) {
          if (n === 40) stop.abort();
          step = search.next(yield step.value);
        }
        return step.value;
      },
    };
    const ran = await ptemu(`${LARGE},4.7,6.12`, { api, interrupt: stop.signal });
    expect(ran.code).toBe(3);
    expect(ran.stdout).toMatch(/^D-3 +powerpc:hash +4\.5 +unknown/m);
    expect(ran.stdout).toMatch(/is unknown: nothing fell in \d+ states; the search was stopped/);
    expect(ran.stderr).toBe('ended early: 2 of 3 searches were not begun\n');
  });
});

describe('ptemu run --checkpoint', () => {
  /** Runs until the n-th look of the search at hand, and then no more, as after a kill. */
  async function killed(command: string, looks: number): Promise<void> {
    let left = looks;
    const api: typeof scenarioApi = {
      ...scenarioApi,
      *searchProbe(...args) {
        const search = scenarioApi.searchProbe(...args);
        let step = search.next();
        while (step.done !== true) {
          if (left-- === 0) throw new Error('killed');
          step = search.next(yield step.value);
        }
        return step.value;
      },
    };
    expect((await ptemu(command, { api })).code).toBe(70);
  }

  it('goes on after a kill to the same output, and leaves no file behind', async () => {
    const path = file('large');
    const command = `${LARGE},4.7 --json --strategy exhaustive`;
    const whole = await ptemu(command);
    for (const looks of [30, 90, 260]) {
      await killed(`${command} --checkpoint ${path} --checkpoint-every 0`, looks);
      expect(existsSync(path)).toBe(true);
    }
    const resumed = await ptemu(`${command} --checkpoint ${path}`);
    expect(resumed).toEqual(whole);
    expect(existsSync(path)).toBe(false);
  });

  it('goes on after --timeout', async () => {
    const path = file('timeout');
    const whole = await ptemu(`${LARGE} --json`);
    const cut = await ptemu(`${LARGE} --json --timeout 0.5 --checkpoint ${path}`);
    expect([cut.code, existsSync(path)]).toEqual([3, true]);
    expect(await ptemu(`${LARGE} --json --checkpoint ${path}`)).toEqual(whole);
  });

  it('refuses a file of another run, a damaged one, and one that is none', async () => {
    const path = file('other');
    await killed(`${LARGE} --strategy exhaustive --checkpoint ${path} --checkpoint-every 0`, 30);
    const bytes = readFileSync(path);
    const refused = async (command: string): Promise<string> => {
      const { code, stderr, stdout } = await ptemu(command);
      expect([code, stdout]).toEqual([2, '']);
      return stderr;
    };
    expect(await refused(`${LARGE} --checkpoint ${path}`)).toMatch(
      /is of a run with other words or another version/,
    );
    const exhaustive = `${LARGE} --strategy exhaustive --checkpoint ${path}`;
    writeFileSync(path, bytes.subarray(0, bytes.length - 100));
    expect(await refused(exhaustive)).toMatch(/is damaged or not whole; remove it$/m);
    writeFileSync(path, 'something else\n');
    expect(await refused(exhaustive)).toMatch(/is no checkpoint of a run; name another file$/m);
  });
});

describe('ptemu run --shard and ptemu merge', () => {
  const command = 'run --part D --arch arm64,s390 --kernel 4.12,6.12';

  it('say together what one run says', async () => {
    const whole = await ptemu(command);
    const names = ['a', 'b', 'c'].map((name) => file(`shard-${name}`));
    for (const [i, name] of names.entries()) {
      const { stdout } = await ptemu(`${command} --json --shard ${i + 1}/3`);
      writeFileSync(name, stdout);
    }
    const [a, b, c] = names;
    const merged = await ptemu(`merge ${c} ${a} ${b}`);
    expect([merged.stdout, merged.code]).toEqual([whole.stdout, whole.code]);
    const lines = await ptemu(`merge ${a} ${b} ${c} --json`);
    expect(lines.stdout).toBe((await ptemu(`${command} --json`)).stdout);

    const refused = async (words: string): Promise<string> => {
      const ran = await ptemu(words);
      expect([ran.code, ran.stdout]).toEqual([2, '']);
      return ran.stderr;
    };
    expect(await refused(`merge ${a} ${c}`)).toBe('ptemu: shard 2/3 is missing\n');
    expect(await refused(`merge ${a} ${b} ${c} ${b}`)).toBe('ptemu: shard 2/3 is given twice\n');
    const cut = file('cut');
    writeFileSync(
      cut,
      readFileSync(names[1] as string, 'utf8')
        .split('\n')
        .slice(0, 3)
        .join('\n'),
    );
    expect(await refused(`merge ${a} ${cut} ${c}`)).toMatch(
      /lacks the verdict of .*; run that shard to its end/,
    );
    const other = file('other-shard');
    writeFileSync(other, (await ptemu(`${SMALL} --json --shard 2/3`).catch(() => ({ stdout: '' }))).stdout);
    expect(await refused(`merge ${a} ${other} ${c}`)).toMatch(/is of another run than/);
    writeFileSync(other, '{}\n');
    expect(await refused(`merge ${other}`)).toMatch(
      /is no shard; give outputs of ptemu run --shard i\/n --json/,
    );
    writeFileSync(other, 'x');
    expect(await refused(`merge ${other}`)).toMatch(/line 1 is no JSON/);
  });
});

/**
 * How fast is an exhaustive verdict, beside SPIN's, and what does a state cost?
 *
 * The model is split, zap and fault of huge pages in three sizes, written as generators (`packages/explore/test/svz.ts`), and
 * the same in Promela (`bench/spin/svz.pml`), which SPIN searches beside it where spin and gcc are installed. Before anything
 * is timed the states must be SPIN's, one by one. Runs take turns; CPU time of user and system counts, medians are compared.
 * A whole run is a process of its own, from its start to its verdict: node with everything that it loads, or spin, gcc and pan.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import type Benchmark from 'benchmark';
import {
  type Actor,
  MmWorld,
  type Program,
  type Steps,
  __vaddr,
  backend,
  cells,
  explore,
  folioCells,
  madvise_dontneed,
  median,
  split_huge_pmd_address,
  table,
  touch,
} from 'ptemu';
// The models that the tests hold against SPIN and the literature; a copy of them here would be another model.
// eslint-disable-next-line ptemu/import-directions
import { lastZero } from '../packages/explore/test/protocols.js';
// eslint-disable-next-line ptemu/import-directions
import { SIZES, svz, svzByLabel } from '../packages/explore/test/svz.js';

const ROUNDS = 5;
const SEED = 1;
/** States as SPIN stores them, and what its model is compiled with. */
const SPIN = {
  S: { states: 335, flags: ['-DPAGES=1', '-DCPUS=1', '-DACCESSES=2'] },
  M: { states: 14_996, flags: ['-DPAGES=1', '-DCPUS=2', '-DACCESSES=2', '-DFAULT'] },
  L: { states: 814_424, flags: ['-DPAGES=2', '-DCPUS=2', '-DACCESSES=3', '-DFAULT', '-DSPLIT1'] },
} as const;
type Size = keyof typeof SPIN;

const plain = { strategy: 'exhaustive', merge: 'none', sleepSets: false } as const;
const reduced = { strategy: 'exhaustive' } as const;

const number = (value: number, digits = 0): string =>
  value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });

/** CPU time of an action, in milliseconds. */
function cpuOf(action: () => unknown): number {
  const start = process.cpuUsage();
  action();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1000;
}

/** Runs a shell command and returns the CPU time of its processes, in milliseconds. */
function cpuOfCommand(command: string, folder: string): number {
  const script = `TIMEFORMAT='%U %S'; time { ${command}; } >/dev/null 2>/dev/null`;
  const out = execFileSync('bash', ['-c', `{ ${script}; } 2>&1`], { cwd: folder, encoding: 'utf8' });
  return out
    .trim()
    .split(' ')
    .reduce((sum, part) => sum + 1000 * Number(part), 0);
}

/** SPIN with the model of one size. */
class Pan {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'ptemu-spin-'));
  readonly compile: string;
  readonly run: string = './pan -m10000 -w22';

  constructor(size: Size) {
    const model = fileURLToPath(new URL('../spin/svz.pml', import.meta.url));
    this.compile = `spin -a ${SPIN[size].flags.join(' ')} '${model}' && gcc -O2 -w -DSAFETY -o pan pan.c`;
    execFileSync('bash', ['-c', this.compile], { cwd: this.folder, stdio: 'ignore' });
  }

  get states(): number {
    const out = execFileSync('bash', ['-c', this.run], { cwd: this.folder, encoding: 'utf8' });
    return Number(/(\d+) states, stored/.exec(out)?.[1]);
  }

  close(): void {
    rmSync(this.folder, { recursive: true });
  }
}

const hasSpin = (): boolean => {
  try {
    execFileSync('bash', ['-c', 'command -v spin && command -v gcc'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};

/** CPU time of a new node that searches a size and ends. */
function wholeRun(size: Size): number {
  const here = pathToFileURL(fileURLToPath(import.meta.url)).href;
  const code = `const { once } = await import(${JSON.stringify(here)}); once(${JSON.stringify(size)});
    const { user, system } = process.cpuUsage(); console.log((user + system) / 1000);`;
  return Number(execFileSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' }));
}

/** Searches a size: what a whole run does. */
export function once(size: Size): void {
  if (explore(svz(SIZES[size]), reduced).verdict !== 'holds') throw new Error('the model must hold');
}

/** The same model searched in several ways, and by SPIN. */
function beside(size: Size): string {
  const spin = hasSpin() ? new Pan(size) : undefined;
  const labels = explore(svzByLabel(SIZES[size]), plain);
  if (labels.states !== SPIN[size].states || (spin !== undefined && spin.states !== labels.states)) {
    throw new Error(`size ${size} must have the ${SPIN[size].states} states of SPIN, not ${labels.states}`);
  }
  const ways = [
    ['by labels, no reduction', () => explore(svzByLabel(SIZES[size]), plain)],
    ['generators, merged', () => explore(svz(SIZES[size]), { ...reduced, sleepSets: false })],
    ['generators, merged, sleep sets', () => explore(svz(SIZES[size]), reduced)],
    ['default: simplest first', () => explore(svz(SIZES[size]))],
  ] as const;
  const times = ways.map((): number[] => []);
  const [pan, compiled, whole]: [number[], number[], number[]] = [[], [], []];
  for (let round = 0; round < ROUNDS; round++) {
    ways.forEach(([, run], i) => times[i]?.push(cpuOf(run)));
    whole.push(wholeRun(size));
    if (spin === undefined) continue;
    pan.push(cpuOfCommand(spin.run, spin.folder));
    compiled.push(cpuOfCommand(`${spin.compile} && ${spin.run}`, spin.folder));
  }
  spin?.close();
  const ratio = (ms: number, of: readonly number[]): string =>
    of.length > 0 ? (ms / median(of)).toFixed(2) : '-';
  const rows = ways.map(([name, run], i) => {
    const { states, transitions } = run();
    const ms = median(times[i] ?? []);
    return [
      name, number(states), number(transitions), number(ms, 1),
      number(states / ms), number(transitions / ms), ratio(ms, pan), '-',
    ]; // prettier-ignore
  });
  rows.push([
    'whole run: node to verdict',
    '',
    '',
    number(median(whole), 1),
    '',
    '',
    '',
    ratio(median(whole), compiled),
  ]);
  if (pan.length > 0) {
    const states = SPIN[size].states;
    rows.push([
      'SPIN: pan -O2',
      number(states),
      '',
      number(median(pan), 1),
      number(states / median(pan)),
      '',
      '1',
      '',
    ]);
    rows.push(['SPIN: spin, gcc and pan', '', '', number(median(compiled), 1), '', '', '', '1']);
  }
  const head = [
    'search',
    'states',
    'transitions',
    'CPU ms',
    'states/ms',
    'transitions/ms',
    'x pan',
    'x whole',
  ];
  return `size ${size}\n\n${table(head, rows, { align: ['left', ...Array<'right'>(7).fill('right')] })}`;
}

/** Bytes that a search holds for each state, from what it says of its progress. */
function bytesPerState(program: Program): number {
  let bytes = NaN;
  const { states } = explore(program, { ...reduced, progress: (p) => (bytes = p.bytes / p.states) });
  return states > 0 ? bytes : NaN;
}

/** Four threads that count in cells of their own: (n + 1)^4 states, and 4 n (n + 1)^3 steps. */
function counters(n: number): Program {
  const c = cells(4);
  const count = (cell: number) =>
    function* (): Steps<void> {
      for (let i = 0; i < n; i++) yield* c.fetchAdd(cell, 1);
    };
  return { world: c.world, threads: [0, 1, 2, 3].map((i) => ({ name: `T${i}`, start: count(i) })) };
}

/** How far from their mean the costs of a state may lie. */
const FLAT = 0.2;

/** What a state costs from 10^4 to 10^7 of them. */
function scale(): string {
  const costs: number[] = [];
  explore(counters(17), { strategy: 'exhaustive', sleepSets: false });
  const rows = [9, 17, 31, 56].map((n) => {
    const states = (n + 1) ** 4;
    const repeat = Math.max(1, Math.round(1e6 / states));
    let bytes = NaN;
    const options = {
      strategy: 'exhaustive',
      sleepSets: false,
      liveness: false,
      merge: 'none',
      maxStates: 2e7,
      progress: (p: { readonly bytes: number; readonly states: number }) => (bytes = p.bytes / p.states),
    } as const;
    const ms = median(
      Array.from({ length: 3 }, () =>
        cpuOf(() => {
          for (let i = 0; i < repeat; i++) {
            const found = explore(counters(n), options);
            if (found.states !== states) throw new Error(`${found.states} states where ${states} must be`);
          }
        }),
      ),
    );
    costs.push((1e6 * ms) / (repeat * states));
    return [
      number(states),
      number(costs.at(-1) ?? NaN),
      number(bytes, 1),
      number(process.memoryUsage.rss() / 2 ** 20),
    ];
  });
  const mean = costs.reduce((sum, cost) => sum + cost, 0) / costs.length;
  const furthest = Math.max(...costs.map((cost) => Math.abs(cost / mean - 1)));
  return [
    `cost of a state, four counters\n\n${table(['states', 'CPU ns/state', 'bytes/state', 'process MiB'], rows, { align: ['right', 'right', 'right', 'right'] })}`,
    `furthest from their mean of ${number(mean)} ns: ${number(100 * furthest)} % (bar ${100 * FLAT}): ${furthest <= FLAT ? 'holds' : 'does not hold'}`,
  ].join('\n\n');
}

/** split-none-window-vs-zap with three bystanders on arm64: the whole mm behind every step. */
function bystanders(): Program<unknown> {
  const arch = backend('arm64', { kernel: '6.12' });
  const users = [2, 3, 4];
  const cpus = [
    { id: 0, translates: false },
    { id: 1, mm: 'mm', translates: false },
    ...users.map((id) => ({ id, mm: 'mm', translates: true })),
  ];
  const world = new MmWorld({ arch, cpus, extraRefs: 1 });
  const address = __vaddr(world.vma.vm_start + BigInt(arch.layoutOf().PAGE_SIZE));
  const actors: readonly Actor[] = [
    {
      name: 'reclaim', cpu: 0, title: 'splits the huge pmd',
      *run(cx, w) {
        yield* split_huge_pmd_address(cx, w.vma, w.frames);
        yield* cx.in('put_page').act('put', folioCells(w.frames.huge).ref, [1, w.frames.huge.name]);
      },
    },
    { name: 'dontneed', cpu: 1, title: 'zaps the range', run: (cx, w) => madvise_dontneed(cx, w.vma, w.frames) },
    ...users.map((cpu): Actor => ({
      name: `user${cpu}`, cpu, title: 'uses the second page',
      run: (cx, w) => touch(cx, w.vma, w.frames, address, { write: cpu === 2, n: 0 }),
    })),
  ]; // prettier-ignore
  return world.program(actors, ['I3', 'I8', 'I9'], []) as Program<unknown>;
}

const MM_STATES = 2_000_000;

function mm(): string {
  const rows = ([true, false] as const).map((sleepSets) => {
    const options = { strategy: 'exhaustive', merge: 'none', sleepSets, maxStates: MM_STATES } as const;
    const ms = median(Array.from({ length: 3 }, () => cpuOf(() => explore(bystanders(), options))));
    const { states, transitions } = explore(bystanders(), options);
    return [
      sleepSets ? 'with sleep sets' : 'every step',
      number(states),
      number(transitions),
      number(ms),
      number((1000 * transitions) / ms),
    ];
  });
  const head = [
    'split-none-window-vs-zap, three bystanders, arm64',
    'states',
    'transitions',
    'CPU ms',
    'transitions/s',
  ];
  return table(head, rows, { align: ['left', 'right', 'right', 'right', 'right'] });
}

/** Executions per second of the strategies that count in them. */
function executions(): string {
  const cases = [
    ['dpor, lastzero(13)', () => explore(lastZero(13), { strategy: 'dpor' }).executions],
    [
      'random, size M',
      () => explore(svz(SIZES.M), { strategy: 'random', seed: SEED, runs: 2000 }).executions,
    ],
    ['pct, size M', () => explore(svz(SIZES.M), { strategy: 'pct', seed: SEED, runs: 2000 }).executions],
  ] as const;
  const rows = cases.map(([name, run]) => {
    const ms = cpuOf(run);
    const count = Number(run());
    return [name, number(count), number(ms), number((1000 * count) / ms)];
  });
  return table(['strategy', 'executions', 'CPU ms', 'executions/s'], rows, {
    align: ['left', 'right', 'right', 'right'],
  });
}

const LOOP = `let x = 1; for (let i = 0; i < 1.2e9; i++) x = (Math.imul(x, 1664525) + 1013904223) | 0; x;`;

/** Wall time until n workers have each run the calibrating loop, in milliseconds. */
async function loops(n: number): Promise<number> {
  const start = performance.now();
  await Promise.all(
    Array.from(
      { length: n },
      () => new Promise((resolve) => new Worker(LOOP, { eval: true }).on('exit', resolve)),
    ),
  );
  return performance.now() - start;
}

/** What two threads gain on a search, beside what they gain on a loop that shares nothing. */
async function parallel(): Promise<string> {
  // To the end: a search that is cut has rounds that come to nothing.
  const options = { strategy: 'exhaustive', merge: 'none', maxStates: 4e7, liveness: false } as const;
  let states = 0;
  const ratios: [number[], number[]] = [[], []];
  for (let round = 0; round < 3; round++) {
    const [one, two] = [await loops(1), await loops(2)];
    ratios[0].push((2 * one) / two);
    const wall = [1, 2].map((jobs) => {
      const start = performance.now();
      states = explore(bystanders(), { ...options, jobs }).states;
      return performance.now() - start;
    });
    ratios[1].push((wall[0] ?? NaN) / (wall[1] ?? NaN));
  }
  const [loop, search] = [median(ratios[0]), median(ratios[1])];
  return `two threads, ${number(states)} states: ${search.toFixed(2)} times as fast; the calibrating loop ${loop.toFixed(2)}; share ${(search / loop).toFixed(2)}`;
}

/** Small sizes over and over, as benchmark.js presents them. */
async function small(): Promise<string> {
  const lines: string[] = [];
  // Not above: a whole run is a process that loads this file.
  const { default: benchmark } = await import('benchmark');
  new benchmark.Suite()
    .add('size S to its verdict', () => once('S'))
    .add('size M to its verdict', () => once('M'))
    .on('cycle', (event: Benchmark.Event) => lines.push(String(event.target)))
    .run();
  return lines.join('\n');
}

/** Returns what the benchmark prints; `PTEMU_BENCH` names the parts, such as `L,mm`. */
export async function main(): Promise<string> {
  const parts: readonly (readonly [string, () => string | Promise<string>])[] = [
    ['S', () => beside('S')],
    ['M', () => beside('M')],
    [
      'L',
      () => `${beside('L')}\n\nbytes per state, vectors whole: ${bytesPerState(svz(SIZES.L)).toFixed(1)}`,
    ],
    ['mm', mm],
    ['executions', executions],
    ['scale', scale],
    ['parallel', parallel],
    ['small', small],
  ];
  const wanted = process.env['PTEMU_BENCH']?.split(',');
  const out = [`node ${process.version}, seed ${SEED}, medians of ${ROUNDS} rounds`];
  for (const [name, run] of parts) if (wanted?.includes(name) ?? true) out.push(await run());
  return out.join('\n\n');
}

/**
 * How fast does the emulator run an operation with all its TLB work, beside a loop that does nothing but clear the entries?
 *
 * The loop is the least that any form of the operation could do: one store to simulated memory for each page. What the kernel's
 * path, the flushes and the book-keeping of eight CPUs' translations add is the ratio: medians of CPU time, the cases taken in
 * turn, as the machine's speed wanders. An operation includes its set-up: a process is made, its pages are faulted in and used
 * by every CPU. Before anything is timed every translation of the pages must go, and two runs must count the same.
 *
 * And how fast is the flush itself, in the TLB model that traces run on: pages are read and invalidated one by one, beside the C
 * reference, which does the same with the same structures. Hits, walks and dropped entries must be equal before times count.
 */
import Benchmark from 'benchmark';
import {
  type Arch,
  type CReference,
  type FlushEvents,
  PhysicalMemory,
  REFERENCE_TLB,
  type ReferenceFlush,
  backend,
  compileReference,
  compileTranslator,
  mapWorkload,
  operationEvents,
  table,
} from 'ptemu';

const CPUS = 8;
const PAGES = [1, 512];
const ARCHS = ['x86_64', 'arm64', 's390', 'powerpc'];
const OPERATION = 'madv_dontneed';

interface Case {
  readonly name: string;
  readonly pages: number;
  readonly run: () => unknown;
  /** Throws where the result is not what it must be. */
  readonly verify: () => void;
}

/** An operation on an architecture. */
function operationCase(arch: Arch, pages: number): Case {
  const run = (): FlushEvents => operationEvents(arch, { operation: OPERATION, pages, cpus: CPUS });
  return {
    name: `${arch.name}, ${OPERATION}`,
    pages,
    run,
    verify: () => {
      const [first, second] = [run(), run()];
      if (JSON.stringify(first) !== JSON.stringify(second)) throw new Error(`${arch.name}: two runs differ`);
      if (first.dropped.wanted !== pages * CPUS) {
        throw new Error(`${arch.name}: ${first.dropped.wanted} translations went, not ${pages * CPUS}`);
      }
    },
  };
}

/** The entries of a table cleared one by one. */
function loopCase(pages: number): Case {
  const memory = new PhysicalMemory({ firstFrame: 0x100 });
  const base = 0x10_0000n;
  const run = (): void => {
    for (let page = 0; page < pages; page++) memory.store(base + BigInt(8 * page), 0n);
  };
  return {
    name: 'plain loop, one store a page',
    pages,
    run,
    verify: () => {
      const last = base + BigInt(8 * (pages - 1));
      memory.store(last, 1n);
      run();
      if (memory.load(last) !== 0n) throw new Error('the loop does not reach the last entry');
    },
  };
}

const ROUNDS = 7;
const ROUND_SECONDS = 0.02;

/** Seconds of CPU time of one run: the median of rounds in which every case has its turn. */
function interleaved(cases: readonly Case[]): readonly number[] {
  const runs = cases.map(({ run }) => runsIn(run));
  const seconds = cases.map((): number[] => []);
  for (let round = 0; round < ROUNDS; round++) {
    cases.forEach(({ run }, i) => seconds[i]?.push(secondsOf(run, runs[i] ?? 1)));
  }
  return seconds.map((values) => [...values].sort((a, b) => a - b)[(ROUNDS - 1) / 2] ?? NaN);
}

/** How many runs fill a round. */
function runsIn(run: () => unknown): number {
  let runs = 1;
  while (secondsOf(run, runs) * runs < ROUND_SECONDS) runs *= 2;
  return runs;
}

function secondsOf(run: () => unknown, runs: number): number {
  const start = process.cpuUsage();
  for (let i = 0; i < runs; i++) run();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1e6 / runs;
}

/** Where the C reference has its pages. */
const REFERENCE_BASE = 0x7f00_0000_0000n;
const FLUSHES = 2_000_000;

/** Reads pages and invalidates each of them, so many times, in the TLB model. */
function modelFlush(pages: number, rounds: number): ReferenceFlush {
  const arch = backend('x86_64', { kernel: '6.12' });
  const { memory, mmu, space } = mapWorkload(arch, { base: REFERENCE_BASE, bytes: pages * 4096 });
  const unit = compileTranslator({ memory, mmu, tlb: REFERENCE_TLB, id: `flush ${pages} ${rounds}` });
  unit.load(space);
  const hi = Number(REFERENCE_BASE >> 32n);
  let dropped = 0;
  const start = process.cpuUsage();
  for (let round = 0; round < rounds; round++) {
    for (let page = 0; page < pages; page++) {
      if (unit.translate(4096 * page, hi, 0) !== 0) throw new Error(`page ${page} faults`);
    }
    for (let page = 0; page < pages; page++) dropped += unit.invalidatePage(4096 * page, hi);
  }
  const { user, system } = process.cpuUsage(start);
  const { l1d, l2, walks } = unit.counters();
  return { ns: (user + system) * 1000, l1d, l2, walks, dropped };
}

/** Flushes of the model beside those of the reference. */
function besideC(reference: CReference): string {
  const rows = [1, 33, 512].map((pages) => {
    const rounds = Math.round(FLUSHES / pages);
    const [model, c]: [number[], number[]] = [[], []];
    for (let round = 0; round < ROUNDS; round++) {
      const [ours, theirs] = [modelFlush(pages, rounds), reference.flush(pages, rounds)];
      for (const count of ['l1d', 'l2', 'walks', 'dropped'] as const) {
        if (ours[count] !== theirs[count]) {
          throw new Error(
            `${pages} pages: ${count} is ${ours[count]}, and ${theirs[count]} in the reference`,
          );
        }
      }
      model.push(ours.ns);
      c.push(theirs.ns);
    }
    const [ours = NaN, theirs = NaN] = [model, c].map((ns) => ns.sort((a, b) => a - b)[ROUNDS >> 1]);
    const each = (ns: number): string => (ns / (pages * rounds)).toFixed(1);
    return [String(pages), each(ours), each(theirs), (ours / theirs).toFixed(2)];
  });
  const head = ['pages', 'ns a page', 'C, ns a page', 'CPU time / C'];
  return table(head, rows, { align: ['right', 'right', 'right', 'right'] });
}

/** Returns the tables of results. */
export function main(): string {
  const reference = compileReference();
  const flushes = reference === undefined ? 'no gcc here, so no comparison with C' : besideC(reference);
  reference?.close();
  return `${operations()}\n\nread and invalidated page by page, in the TLB model on x86_64\n\n${flushes}`;
}

function operations(): string {
  const archs = ARCHS.map((name) => backend(name, { kernel: '6.12' }));
  const rows = PAGES.flatMap((pages) => {
    const cases = [loopCase(pages), ...archs.map((arch) => operationCase(arch, pages))];
    for (const { verify } of cases) verify();
    const medians = interleaved(cases);
    return cases.map(({ name, run }, i) => {
      const bench = new Benchmark(name, run).run();
      const ratio = (medians[i] ?? NaN) / (medians[0] ?? NaN);
      return [
        String(pages),
        name,
        Math.round(bench.hz).toLocaleString('en'),
        `±${bench.stats.rme.toFixed(1)}%`,
        (1e6 / bench.hz).toFixed(2),
        String(Number(ratio.toPrecision(2))),
      ];
    });
  });
  return [
    `Node ${process.version}, kernel 6.12, ${CPUS} CPUs, 64 other pages on each; nothing is random`,
    '',
    table(['pages', 'case', 'runs/s', 'error', 'us/run', 'CPU time / loop'], rows, {
      align: ['right', 'left', 'right', 'right', 'right', 'right'],
    }),
  ].join('\n');
}

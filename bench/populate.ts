/**
 * How many times the C reference's time does it take to build page tables, and how much memory do they reserve?
 *
 * x86_64 with 4 levels: 64 GiB with a page every 64 KiB, 1 TiB with a page every 2 MiB (2 GiB of tables), and 1 GiB of adjacent
 * pages, page by page and by range. A walk must find the first and the last page before a time counts. The package `benchmark`
 * samples each case once more, on the wall clock; the bars are judged by CPU time in turns.
 */
import Benchmark from 'benchmark';
import {
  PhysicalMemory,
  TableBuilder,
  backend,
  compileReference,
  entryWords,
  median,
  table,
  walk,
} from 'ptemu';

const BASE = 0x7f00_0000_0000;
const FIRST_FRAME = 0x10_0000;
const ROUNDS = 7;
/** Builds of a small part before anything is timed, so that the code is compiled. */
const WARM_UPS = 8;

interface Case {
  readonly name: string;
  readonly pages: number;
  readonly stride: number;
  readonly how: 'page' | 'range';
  /** The factor to reach; none where the row is there to be compared with. */
  readonly bar?: number;
}

const CASES: readonly Case[] = [
  { name: '64 GiB every 64 KiB', pages: 2 ** 20, stride: 2 ** 16, how: 'page', bar: 2.5 },
  { name: '1 TiB every 2 MiB', pages: 2 ** 19, stride: 2 ** 21, how: 'page', bar: 1.5 },
  { name: 'dense 1 GiB by range', pages: 2 ** 18, stride: 2 ** 12, how: 'range', bar: 4 },
  { name: 'dense 1 GiB page by page', pages: 2 ** 18, stride: 2 ** 12, how: 'page' },
];
/** A build takes up to seconds: the fewest samples that an error can be given for. */
const SAMPLING = { minSamples: 5, maxTime: 0.5 };
/** Bytes reserved per byte of tables in use. */
const MEMORY_BAR = 1.05;

/** Returns the table of results. */
export function main(): string {
  const reference = compileReference();
  try {
    const rows = CASES.map((one) => {
      for (let i = 0; i < WARM_UPS; i++) build({ ...one, pages: Math.min(one.pages, 2 ** 17) / (one.stride > 2 ** 20 ? 64 : 1) });
      const times: number[] = [];
      const referenceTimes: number[] = [];
      let overhead = 0;
      for (let round = 0; round < ROUNDS; round++) {
        if (reference !== undefined) referenceTimes.push(reference.build(one.pages, one.stride).ns);
        const built = build(one);
        times.push(built.ns);
        overhead = built.overhead;
      }
      const ratio = reference === undefined ? NaN : median(times) / median(referenceTimes);
      const { hz, stats } = new Benchmark(one.name, () => build(one), SAMPLING).run();
      const holds = one.bar === undefined || reference === undefined ? '-' : ratio <= one.bar ? 'holds' : 'does not hold';
      return [
        one.name,
        (median(times) / one.pages).toFixed(1),
        reference === undefined ? '-' : (median(referenceTimes) / one.pages).toFixed(1),
        Number.isNaN(ratio) ? '-' : ratio.toFixed(2),
        one.bar?.toFixed(1) ?? '-',
        holds,
        overhead.toFixed(3),
        overhead <= MEMORY_BAR ? 'holds' : 'does not hold',
        ((hz * one.pages) / 1e6).toFixed(2),
        `±${stats.rme.toFixed(1)}%`,
      ];
    });
    return [
      `Node ${process.version}, x86_64 with 4 levels, medians of ${ROUNDS} interleaved rounds, CPU time`,
      reference === undefined ? 'no gcc here: nothing to compare with' : `x C: time over that of packages/ptemu/bin/tlb-reference.c, gcc -O3; reserved: bytes per byte of tables in use (bar ${MEMORY_BAR})`,
      '',
      table(['tables', 'ns/page', 'C ns/page', 'x C', 'bar', '', 'reserved', '', 'million pages/s', 'error'], rows, { align: ['left', 'right', 'right', 'right', 'right', 'left', 'right', 'left', 'right', 'right'] }),
    ].join('\n');
  } finally {
    reference?.close();
  }
} // prettier-ignore

function build({ pages, stride, how }: Case): { readonly ns: number; readonly overhead: number } {
  const arch = backend('x86_64', { kernel: '6.12' });
  const mmu = arch.mmuOf();
  const { tables, leaf } = entryWords(arch);
  const [leafLo, leafHi] = [Number(BigInt.asIntN(32, leaf)), Number(BigInt.asIntN(32, leaf >> 32n))];
  const start = process.cpuUsage();
  const memory = new PhysicalMemory({ addressBits: 46 });
  const builder = new TableBuilder({ memory, mmu, tables });
  if (how === 'range') builder.mapRange(BigInt(BASE), BigInt(FIRST_FRAME) * 4096n, pages, leaf);
  else
    for (let i = 0; i < pages; i++) {
      const va = BASE + i * stride;
      const pfn = FIRST_FRAME + i;
      builder.mapPair(va | 0, (va / 2 ** 32) | 0, pfn << 12, pfn >>> 20, leafLo, leafHi);
    }
  const { user, system } = process.cpuUsage(start);
  for (const i of [0, pages - 1]) {
    const found = walk(memory, mmu, builder.root, BigInt(BASE + i * stride), { kind: 'read', mode: 'user' });
    if (found.kind !== 'mapped' || found.paddr !== BigInt(FIRST_FRAME + i) * 4096n) throw new Error(`page ${i} is not mapped`);
  }
  return { ns: (user + system) * 1000, overhead: memory.reservedBytes / (builder.nrTables * 4096) };
} // prettier-ignore

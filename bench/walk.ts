/**
 * How many translations per second does the walker make: generated, written by hand for x86_64 alone, and as specified? And is
 * the generated one as fast as the one by hand when all five backends' walkers are loaded?
 *
 * One region of 64 MiB of small pages, walked in a fixed pseudo-random order, so that neither the tables nor the branch
 * predictor of the host see a pattern. All forms must give the same sum of physical addresses before they are timed. Rates come
 * from the package `benchmark`; the ratio comes from interleaved runs and their medians of CPU time.
 */
import Benchmark from 'benchmark';
import {
  CHUNK_DATA,
  CHUNK_SHIFT,
  OFFSET_MASK,
  type PhysicalMemory,
  R_COUNT,
  R_DENIED,
  R_ENTRIES,
  R_LEVEL,
  R_PA_HI,
  R_PA_LO,
  R_RECORDS,
  R_SHIFT,
  R_STATUS,
  R_TLB_SHIFT,
  accessNumber,
  backend,
  compileWalker,
  mapWorkload,
  median,
  seeded,
  table,
  walk,
} from 'ptemu';

const MIB = 64;
const PAGES = MIB * 256;
const WALKS = 4096;
const BASE = 0x4000_0000;
const SEED = 1;
const ROUNDS = 15;
const RUNS_PER_ROUND = 100;
const BAR = 1.15;
const LOAD = { kind: 'read', mode: 'user' } as const;
const SPECS = ['x86_64', 'arm64', 'arm32', 's390', 'powerpc'];

/** The walk of x86_64's 4 levels, written down: user loads of small pages; -1 for all else. Its result is the generated one's. */
function walkByHand(result: Uint32Array, memory: PhysicalMemory, root: number, vaLo: number, vaHi: number): number {
  const { chunks } = memory;
  let table = root | 0;
  let tableHi = 0;
  let clean = 0;
  for (let level = 0; ; level++) {
    const index =
      level === 0 ? (vaHi >>> 7) & 511 : level === 1 ? ((vaLo >>> 30) | (vaHi << 2)) & 511 : level === 2 ? (vaLo >>> 21) & 511 : (vaLo >>> 12) & 511;
    const at = table | (index << 3);
    const words = chunks[((tableHi << (32 - CHUNK_SHIFT)) | (at >>> CHUNK_SHIFT)) >>> 0];
    if (words === undefined) return -1;
    const i = CHUNK_DATA + ((at & OFFSET_MASK) >>> 2);
    if (i >= words.length) return -1;
    const lo = words[i]! | 0;
    const hi = words[i + 1]! | 0;
    const n = R_ENTRIES + 4 * level;
    result[n] = at;
    result[n + 1] = tableHi;
    result[n + 2] = lo;
    result[n + 3] = hi;
    if ((lo & 5) !== 5) return -1;
    clean |= ~lo & 0x20;
    if (level === 3) {
      result[R_PA_LO] = (lo & -4096) | (vaLo & 4095);
      result[R_PA_HI] = hi & 0xf_ffff;
      result[R_SHIFT] = 12;
      result[R_TLB_SHIFT] = 12;
      result[R_LEVEL] = 3;
      result[R_COUNT] = 4;
      result[R_DENIED] = (hi < 0 ? 12 : 0) | ((lo & 2) === 0 ? 2 : 0);
      result[R_RECORDS] = clean === 0 ? 0 : 1;
      result[R_STATUS] = 0;
      return 0;
    }
    if ((lo & 0x80) !== 0) return -1;
    table = lo & -4096;
    tableHi = hi & 0xf_ffff;
  }
} // prettier-ignore

/** Returns the table of results. */
export function main(): string {
  const arch = backend('x86_64', { kernel: '6.12' });
  const { memory, space } = mapWorkload(arch, { base: BigInt(BASE), bytes: MIB * 2 ** 20 });
  const mmu = arch.mmuOf();
  const random = seeded(SEED);
  const addresses = Array.from({ length: WALKS }, () => BASE + 4096 * random(PAGES));
  const root = Number(space.root);
  const access = accessNumber(LOAD);
  const fast = compileWalker(mmu);
  const byHand = new Uint32Array(fast.result.length);
  const others = SPECS.map((spec) => backend(spec, { kernel: '6.12' }).mmuOf());
  // The others walk too, before anything is timed: what they do to the shared code of the walkers is done.
  for (const other of others.map(compileWalker))
    for (const va of addresses) other.walk(memory, root, 0, va, 0, access);
  const sumOf = (result: Uint32Array, step: (va: number) => number): number => {
    let sum = 0;
    for (const va of addresses) {
      if (step(va) !== 0) return NaN;
      sum += result[R_PA_HI]! * 2 ** 32 + result[R_PA_LO]!;
    }
    return sum;
  };
  const generated = (): number => sumOf(fast.result, (va) => fast.walk(memory, root, 0, va, 0, access));
  const hand = (): number => sumOf(byHand, (va) => walkByHand(byHand, memory, root, va, 0));
  const specified = (): number =>
    addresses.reduce((sum, va) => {
      const found = walk(memory, mmu, space.root, BigInt(va), LOAD);
      return found.kind === 'mapped' ? sum + Number(found.paddr) : NaN;
    }, 0);
  const cases = [
    { name: 'generated, on pairs', run: generated },
    { name: 'by hand, on pairs', run: hand },
    { name: 'as specified, on bigint', run: specified },
  ];
  const sums = new Set(cases.map(({ run }) => run()));
  if (sums.size !== 1 || sums.has(NaN)) throw new Error('the walkers disagree');
  const ratio = ratioOf(generated, hand);
  const rows = cases.map(({ name, run }) => {
    const bench = new Benchmark(name, run).run();
    return [name, ((bench.hz * WALKS) / 1e6).toFixed(2), `±${bench.stats.rme.toFixed(1)}%`, String(bench.stats.sample.length)];
  });
  return [
    `Node ${process.version}, x86_64 with 4 levels, ${PAGES} pages of 4K, ${WALKS} walks a run, seed ${SEED}`,
    '',
    table(['walker', 'million walks/s', 'error', 'samples'], rows, { align: ['left', 'right', 'right', 'right'] }),
    '',
    `generated over by hand, all five backends loaded: ${ratio.toFixed(2)} (bar ${BAR}): ${ratio <= BAR ? 'holds' : 'does not hold'}; medians of ${ROUNDS} interleaved rounds, CPU time`,
  ].join('\n');
} // prettier-ignore

/** Median time of one over that of another, in turns. */
function ratioOf(one: () => number, other: () => number): number {
  const times: readonly [number[], number[]] = [[], []];
  for (let round = 0; round <= ROUNDS; round++)
    for (const [i, run] of [one, other].entries()) {
      const start = process.cpuUsage();
      for (let n = 0; n < RUNS_PER_ROUND; n++) run();
      const { user, system } = process.cpuUsage(start);
      // The first round is there to compile.
      if (round > 0) times[i]!.push(user + system);
    }
  return median(times[0]) / median(times[1]);
}

/**
 * How many times the C reference's time does translation take, with the general translator made from a configuration?
 *
 * Five traces of 10 million accesses (Zipf over 1 MiB, 64 MiB, 1 GiB and 4 GiB, and one sequential pass over 4 GiB), 30 % writes,
 * on x86_64 with 4 levels: whole traces per call, and one call per access. Then the other backends' batches beside x86_64's, and
 * a tenth of a trace beside the whole. Every run's counters and checksum must be the reference's before its time counts. The
 * package `benchmark` samples x86_64 once more, on the wall clock; the bars are judged by CPU time in turns.
 */
import Benchmark from 'benchmark';
import {
  REFERENCE_TLB,
  type TranslationMode,
  type TranslationRow,
  TRACES,
  type Translator,
  backend,
  compileReference,
  compileTranslator,
  geometricMean,
  makeTrace,
  mapWorkload,
  measureTranslation,
  median,
  table,
} from 'ptemu';

const ACCESSES = 10_000_000;
const ROUNDS = 5;
const SEED = 42;
const OTHERS = ['arm64', 's390', 'powerpc:page=4k', 'arm32'];
const OTHER_TRACE = 'zipf-64';
const BASE = 0x7f00_0000_0000n;
/** A run takes up to a second: the fewest samples that an error can be given for. */
const SAMPLING = { minSamples: 5, maxTime: 0.5 };

/** The factors to reach: a geometric mean and a highest value by mode, the others beside x86_64, ten times the trace. */
const BARS = { batch: { mean: 1.7, max: 2 }, call: { mean: 2.2, max: 2.2 }, others: 1.3, tenfold: [9, 11] } as const; // prettier-ignore

const arch = (spec: string): ReturnType<typeof backend> => backend(spec, { kernel: '6.12' });
const fixed = (value: number | null): string => (value === null ? '-' : value.toFixed(2));
const verdict = (holds: boolean): string => (holds ? 'holds' : 'does not hold');

/** Returns the tables of results. */
export function main(): string {
  const reference = compileReference();
  const common = { accesses: ACCESSES, rounds: ROUNDS, seed: SEED, reference };
  const trace = { [OTHER_TRACE]: TRACES[OTHER_TRACE]! };
  try {
    const own = [...measureTranslation({ ...common, archs: [arch('x86_64')], modes: ['batch', 'call'], traces: TRACES })];
    const others = [...measureTranslation({ ...common, archs: ['x86_64', ...OTHERS].map(arch), modes: ['batch'], traces: trace })];
    return [
      `Node ${process.version}, ${ACCESSES} accesses, seed ${SEED}, medians of ${ROUNDS} interleaved rounds, CPU time`,
      reference === undefined ? 'no gcc here: nothing to compare with' : 'x C: time over that of packages/ptemu/bin/tlb-reference.c, gcc -O3',
      '',
      rowsOf([...own, ...others.filter((row) => row.arch !== 'x86_64')]),
      '',
      ...(['batch', 'call'] as const).flatMap((mode) => barOf(mode, own)),
      ...othersOf(others),
      tenfold(),
      '',
      sampledTable(),
    ].join('\n');
  } finally {
    reference?.close();
  }
} // prettier-ignore

const rowsOf = (rows: readonly TranslationRow[]): string =>
  table(
    ['arch', 'trace', 'mode', 'million/s', 'x C', 'spread'],
    rows.map(({ arch, trace, mode, perSecond, ratio, spread }) => [arch, trace, mode, (perSecond / 1e6).toFixed(2), fixed(ratio), spread === null ? '-' : spread.map(fixed).join('..')]),
    { align: ['left', 'left', 'left', 'right', 'right', 'right'] },
  ); // prettier-ignore

function barOf(mode: 'batch' | 'call', rows: readonly TranslationRow[]): readonly string[] {
  const ratios = rows.flatMap((row) => (row.mode === mode && row.ratio !== null ? [row.ratio] : []));
  if (ratios.length === 0) return [];
  const [mean, highest] = [geometricMean(ratios), Math.max(...ratios)];
  const bar = BARS[mode];
  return [`${mode}: geometric mean ${fixed(mean)} (bar ${bar.mean}), highest ${fixed(highest)} (bar ${bar.max}): ${verdict(mean <= bar.mean && highest <= bar.max)}`]; // prettier-ignore
}

function othersOf(rows: readonly TranslationRow[]): readonly string[] {
  const own = rows.find((row) => row.arch === 'x86_64')!.perSecond;
  return rows
    .filter((row) => row.arch !== 'x86_64')
    .map(({ arch, perSecond }) => `${arch}: ${fixed(own / perSecond)} x the time of x86_64 (bar ${BARS.others}): ${verdict(own / perSecond <= BARS.others)}`); // prettier-ignore
}

/** A tenth of a trace and the whole, with one translator whose code is compiled and whose pages are dirty: empty TLBs each time. */
function tenfold(): string {
  const { unit, trace } = loadedUnit(OTHER_TRACE, 'tenfold');
  unit.run(trace);
  const timed = (to: number): number => {
    unit.reset();
    const start = process.cpuUsage();
    unit.run(trace, { to });
    const { user, system } = process.cpuUsage(start);
    return user + system;
  };
  const times = Array.from({ length: ROUNDS }, () => [timed(ACCESSES / 10), timed(ACCESSES)] as const);
  const ratio = median(times.map(([, whole]) => whole)) / median(times.map(([tenth]) => tenth));
  const [low, high] = BARS.tenfold;
  return `ten times the trace: ${fixed(ratio)} x the time (bar ${low} to ${high}): ${verdict(ratio >= low && ratio <= high)}`;
}

/** A translator of x86_64 with the pages of a trace, and the trace. */
function loadedUnit(name: string, id: string): { readonly unit: Translator; readonly trace: Uint32Array } {
  const { kind, mib } = TRACES[name]!;
  const { memory, mmu, space } = mapWorkload(arch('x86_64'), { base: BASE, bytes: mib * 2 ** 20 });
  const unit = compileTranslator({ memory, mmu, tlb: REFERENCE_TLB, id });
  unit.load(space);
  return { unit, trace: makeTrace({ kind, mib }, { count: ACCESSES, seed: SEED, base: BASE }) };
}

function sampledTable(): string {
  const rows = Object.keys(TRACES).flatMap((name) =>
    (['batch', 'call'] as const).map((mode) => {
      const { unit, trace } = loadedUnit(name, `sampled ${name} ${mode}`);
      const { hz, stats } = new Benchmark(name, () => translateAll(unit, trace, mode), SAMPLING).run();
      return [name, mode, ((hz * ACCESSES) / 1e6).toFixed(2), `±${stats.rme.toFixed(1)}%`, String(stats.sample.length)];
    }),
  );
  return table(['x86_64', 'mode', 'million/s', 'error', 'samples'], rows, {
    align: ['left', 'left', 'right', 'right', 'right'],
  });
} // prettier-ignore

function translateAll(unit: Translator, trace: Uint32Array, mode: TranslationMode): void {
  unit.reset();
  if (mode === 'batch') return unit.run(trace);
  for (let i = 0; i < trace.length; i += 2) {
    const word = trace[i]!;
    if (unit.translate(word & -4, trace[i + 1]!, word & 1) !== 0) throw new Error(`access ${i / 2} faults`);
  }
}

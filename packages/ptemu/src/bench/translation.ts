/**
 * How fast the translator is beside the C reference, trace by trace: interleaved runs in one process (reference, batch, one call
 * per access, and again), CPU time, medians. Each form runs once before, so that its code is compiled. The counters and the
 * checksum of every run are compared; tables are new for each, since an access leaves its states in them.
 */
import type { Arch } from '@ptemu/arch';
import { ArchError } from '@ptemu/arch';
import { type TlbCounters, type Translator, compileTranslator } from '@ptemu/hw';
import type { CReference, ReferenceRun } from './c-reference.js';
import { REFERENCE_BASE, type TraceShape, makeTrace } from './traces.js';
import { REFERENCE_TLB, baseOf, mapWorkload } from './workload.js';

/** A form of the translator: a whole trace per call, or one access per call. */
export type TranslationMode = 'batch' | 'call';

/** One line of the result. */
export interface TranslationRow {
  readonly mode: TranslationMode;
  readonly trace: string;
  /** Spec of the backend. */
  readonly arch: string;
  /** Translations per second of CPU time. */
  readonly perSecond: number;
  /** Time over that of the C reference; null where there is none. */
  readonly ratio: number | null;
  /** Lowest and highest ratio of the rounds, each against the reference's run next to it. */
  readonly spread: readonly [number, number] | null;
}

/** What to measure. */
export interface TranslationOptions {
  readonly archs: readonly Arch[];
  readonly modes: readonly TranslationMode[];
  readonly traces: Readonly<Record<string, TraceShape>>;
  /** Accesses of a trace. */
  readonly accesses: number;
  readonly rounds: number;
  readonly seed: number;
  readonly reference?: CReference | undefined;
  /** Told before each measurement what comes. */
  readonly progress?: (what: string) => void;
}

/** Measures; yields the rows of a trace when it is done. Traces that an architecture has no room for are left out. */
export function* measureTranslation(options: TranslationOptions): Generator<TranslationRow> {
  for (const [name, shape] of Object.entries(options.traces)) {
    const bytes = shape.mib * 2 ** 20;
    const bases = options.archs.map((arch) => baseOf(arch, bytes));
    let written: bigint | undefined;
    let trace: Uint32Array = new Uint32Array(0);
    const traceAt = (base: bigint): Uint32Array => {
      if (written !== base) trace = makeTrace(shape, { count: options.accesses, seed: options.seed, base });
      written = base;
      return trace;
    };
    for (const [i, arch] of options.archs.entries()) {
      const base = bases[i];
      if (base !== undefined)
        yield* measureOne({ arch, name, shape, bytes, trace: traceAt(base), base }, options);
    }
  }
}

interface Case {
  readonly arch: Arch;
  readonly name: string;
  readonly shape: TraceShape;
  readonly bytes: number;
  readonly trace: Uint32Array;
  readonly base: bigint;
}

function* measureOne(one: Case, options: TranslationOptions): Generator<TranslationRow> {
  const { arch, name, bytes, trace } = one;
  const { reference, rounds, modes, progress } = options;
  const pages = bytes / 4096;
  // The reference has its working set at one place only.
  reference?.trace(
    one.base === REFERENCE_BASE
      ? trace
      : makeTrace(one.shape, { count: options.accesses, seed: options.seed }),
  );
  const golden = reference?.run(pages);
  const times: Record<TranslationMode, number[]> = { batch: [], call: [] };
  const ratios: Record<TranslationMode, number[]> = { batch: [], call: [] };
  const referenceTimes: number[] = [];
  let first: TlbCounters | undefined;
  const pageSizes = { pages: [arch.layoutOf().PAGE_SHIFT] };
  const tlb = { ...REFERENCE_TLB, l1d: [{ ...REFERENCE_TLB.l1d[0]!, ...pageSizes }], l2: [{ ...REFERENCE_TLB.l2![0]!, ...pageSizes }] };
  const units = modes.map((mode) => {
    const { memory, mmu } = mapWorkload(arch, one);
    return { mode, memory, unit: compileTranslator({ memory, mmu, tlb, id: `${arch.spec} ${name} ${mode}` }) };
  });
  for (let round = 0; round <= rounds; round++) {
    const ns = reference?.run(pages).ns;
    if (ns !== undefined && round > 0) referenceTimes.push(ns);
    for (const { mode, memory, unit } of units) {
      progress?.(`${arch.spec} ${name} ${mode} ${round}/${rounds}`);
      unit.load(mapWorkload(arch, { ...one, memory }).space);
      unit.reset();
      const start = process.cpuUsage();
      const sums = mode === 'batch' ? unit.run(trace) : runByCall(unit, trace);
      const { user, system } = process.cpuUsage(start);
      const counters = { ...unit.counters(), ...sums };
      verify(one, counters, (first ??= counters), golden);
      if (round === 0) continue;
      const taken = (user + system) * 1000;
      times[mode].push(taken);
      if (ns !== undefined) ratios[mode].push(taken / ns);
    }
  }
  for (const mode of modes) {
    const [low = 0, high = 0] = [Math.min(...ratios[mode]), Math.max(...ratios[mode])];
    const accesses = trace.length / 2;
    yield {
      mode,
      trace: name,
      arch: arch.spec,
      perSecond: Math.round((accesses / median(times[mode])) * 1e9),
      ratio: reference === undefined ? null : round3(median(times[mode]) / median(referenceTimes)),
      spread: reference === undefined ? null : [round3(low), round3(high)],
    };
  }
} // prettier-ignore

function runByCall(unit: Translator, trace: Uint32Array): { readonly sumLo: number; readonly sumHi: number } {
  const { result } = unit;
  let sumLo = 0;
  let sumHi = 0;
  for (let i = 0; i < trace.length; i += 2) {
    const word = trace[i]!;
    if (unit.translate(word & -4, trace[i + 1]!, word & 1) !== 0) continue;
    sumLo = (sumLo + result[0]!) | 0;
    sumHi = (sumHi + result[1]!) | 0;
  }
  return { sumLo: sumLo >>> 0, sumHi: sumHi >>> 0 };
}

/**
 * Throws where a run counted something else than the reference: on x86_64 all of it; on others, which record states in their own
 * way, what does not depend on that (with pages of 4 KiB), and what the first run counted.
 */
function verify({ arch, name }: Case, counters: TlbCounters, first: TlbCounters, golden: ReferenceRun | undefined): void {
  const { l1d, l2, walks, rewalks, recorded, faults, sumLo, sumHi } = counters;
  const states = arch.name === 'x86_64';
  const got = { l1d, l2, walks, faults, sumLo, sumHi, ...(states && { rewalks, recorded }) };
  const want = { ...(golden !== undefined && arch.layoutOf().PAGE_SHIFT === 12 ? golden : first), faults: 0 };
  for (const [count, value] of Object.entries(got)) {
    const wanted = want[count as keyof typeof got];
    if (value !== wanted)
      throw new ArchError('BAD_ARGUMENT', `${arch.spec} on ${name}: ${count} is ${value}, and ${wanted} in the reference`, { count }); // prettier-ignore
  }
} // prettier-ignore

/** Geometric mean of ratios. */
export const geometricMean = (values: readonly number[]): number =>
  Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);

/** The middle of some numbers. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? NaN;
}

const round3 = (value: number): number => Math.round(value * 1000) / 1000;

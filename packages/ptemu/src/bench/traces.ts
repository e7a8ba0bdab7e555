/**
 * Traces of addresses as the C reference of the performance facts generates them: a xorshift generator of 64 bits, kept in two
 * words here. Each access is two words (lo, hi); bit 0 says write, which three in ten are.
 */
import { ArchError } from '@ptemu/arch';

/** How addresses follow on one another: by Zipf's law (exponent 0.99) over scattered pages, uniformly, or 64 bytes apart. */
export type TraceKind = 'zipf' | 'rand' | 'seq';

/** A trace to make. */
export interface TraceShape {
  readonly kind: TraceKind;
  /** The working set, in MiB. */
  readonly mib: number;
}

/** The five traces that the factors are about. */
export const TRACES: Readonly<Record<string, TraceShape>> = {
  'zipf-1': { kind: 'zipf', mib: 1 },
  'zipf-64': { kind: 'zipf', mib: 64 },
  'zipf-1024': { kind: 'zipf', mib: 1024 },
  'zipf-4096': { kind: 'zipf', mib: 4096 },
  'seq-4096': { kind: 'seq', mib: 4096 },
};

/** Where the working set begins in the reference's address space. */
export const REFERENCE_BASE = 0x7f00_0000_0000n;
const PAGE = 4096;
const EXPONENT = -0.99;
const TWO_21 = 2 ** 21;
/** What a seed is multiplied with before the generator starts. */
const SEED_FACTOR = 0x9e37_79b9_7f4a_7c15n;

/** Makes a trace of `count` accesses from `base` on. The same arguments give the same words. */
export function makeTrace(
  { kind, mib }: TraceShape,
  { count, seed, base = REFERENCE_BASE }: { readonly count: number; readonly seed: number; readonly base?: bigint }, // prettier-ignore
): Uint32Array {
  if (!Number.isInteger(mib) || mib < 1 || !Number.isInteger(count) || count < 1)
    throw new ArchError('BAD_ARGUMENT', `a trace of ${count} accesses to ${mib} MiB; both are whole numbers above 0`, { mib, count }); // prettier-ignore
  const bytes = mib * 2 ** 20;
  const pages = bytes / PAGE;
  const start = BigInt.asUintN(64, BigInt(seed) * SEED_FACTOR) | 1n;
  let lo = Number(start & 0xffff_ffffn) | 0;
  let hi = Number(start >> 32n) | 0;
  const next = (): void => {
    const a = hi ^ ((hi << 13) | (lo >>> 19));
    const b = lo ^ (lo << 13);
    lo = b ^ ((b >>> 7) | (a << 25));
    hi = a ^ (a >>> 7);
    const c = lo;
    lo ^= lo << 17;
    hi ^= (hi << 17) | (c >>> 15);
  };
  /** The upper 53 bits. */
  const high53 = (): number => (hi >>> 0) * TWO_21 + (lo >>> 11);
  const sums = kind === 'zipf' ? zipfSums(pages) : new Float64Array(0);
  const trace = new Uint32Array(2 * count);
  const first = Number(base);
  for (let i = 0; i < count; i++) {
    let offset: number;
    if (kind === 'seq') offset = (i * 64) % bytes;
    else {
      next();
      const page = kind === 'rand' ? high53() % pages : (rankOf(sums, high53() * 2 ** -53) * 2654435761) % pages; // prettier-ignore
      next();
      offset = page * PAGE + (lo & 0xff8);
    }
    next();
    const write = ((hi >>> 0) * 2 ** 12 + (lo >>> 20)) % 10 < 3 ? 1 : 0;
    const va = first + offset;
    trace[2 * i] = (va >>> 0) | write;
    trace[2 * i + 1] = Math.floor(va / 2 ** 32);
  }
  return trace;
}

/** Share of accesses to the pages up to each rank. */
function zipfSums(pages: number): Float64Array {
  const sums = new Float64Array(pages);
  let sum = 0;
  for (let i = 0; i < pages; i++) sums[i] = sum += (i + 1) ** EXPONENT;
  for (let i = 0; i < pages; i++) sums[i] = sums[i]! / sum;
  return sums;
}

/** The first rank whose share reaches `u`. */
function rankOf(sums: Float64Array, u: number): number {
  let low = 0;
  let high = sums.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sums[middle]! < u) low = middle + 1;
    else high = middle;
  }
  return low;
}

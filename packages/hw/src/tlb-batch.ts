/**
 * Translation of whole traces through a hierarchy of set-associative TLBs with exact LRU, and the walker below them: the
 * fast sibling of `TranslationUnit`, for one address space and no invalidation but of everything.
 *
 * Entries are of the base page size: a large page fills one entry per base page that is touched (fractured, as processors
 * without a TLB for the size do). A first write through an entry whose dirty state is not recorded walks again. Like the
 * walker, the loop is generated from the description and the geometry; numbers only, no allocation per access.
 */
import { type AddressPiece, ArchError, type MmuDescription, type MmuLevel } from '@ptemu/arch';
import { CHUNK_DATA, CHUNK_SHIFT, OFFSET_MASK, STATE_MASK, STATE_SHIFT, type PhysicalMemory } from './memory.js'; // prettier-ignore
import {
  A_UPDATE,
  A_USER,
  A_WRITE,
  type FastWalker,
  R_COUNT,
  R_DENIED,
  R_ENTRIES,
  R_PA_HI,
  R_PA_LO,
  R_RECORDS,
  compileWalker,
} from './walk-fast.js';
import {
  anySource,
  canonicalSource,
  denialSource,
  high,
  indexSource,
  low,
  matchSource,
  mergeSource,
  piecesSource,
} from './walk-source.js';

/** Geometry of one TLB. `sets` is a power of two. */
export interface TlbGeometry {
  readonly sets: number;
  readonly ways: number;
}

/** What a trace did, summed up since the last reset. */
export interface TraceCounters {
  /** Hits by TLB, first level first. */
  readonly hits: readonly number[];
  /** Walks because no TLB had the page, and walks to record the first write. */
  readonly walks: number;
  readonly dirtyWalks: number;
  /** Entries in which the walker recorded a state. */
  readonly recorded: number;
  readonly faults: number;
  /** Sums of the low and the high words of all physical addresses, modulo 2^32. */
  readonly sumLo: number;
  readonly sumHi: number;
}

/** TLBs and a walker for one address space. */
export interface TraceTranslator {
  /** Translates user accesses [from, to) of a trace: pairs of words (lo, hi) per access, bit 0 of lo says write. */
  run(trace: Uint32Array, from?: number, to?: number): void;
  /** Translates one access; the address is in `result` (lo, hi). Returns 0, or the walker's fault status. */
  translate(lo: number, hi: number, write: 0 | 1): number;
  readonly result: Uint32Array;
  counters(): TraceCounters;
  /** Drops everything cached and clears the counters. */
  reset(): void;
}

/** What a translator is made of. */
export interface TraceTranslatorOptions {
  readonly memory: PhysicalMemory;
  readonly mmu: MmuDescription;
  readonly root: bigint;
  /** From the one next to the processor on; 1 to 3 levels. */
  readonly tlbs: readonly TlbGeometry[];
  /** log2 of the base page; 12 when left out. */
  readonly pageShift?: number;
}

const COUNTERS = 10;
const C_HITS = 0;
const C_WALKS = 3;
const C_DIRTY = 4;
const C_RECORDED = 5;
const C_FAULTS = 6;

/** Generates a translator. Throws `BAD_ARGUMENT` for a geometry that cannot be indexed. */
export function compileTranslator(options: TraceTranslatorOptions): TraceTranslator {
  const { memory, mmu, tlbs } = options;
  if (tlbs.length < 1 || tlbs.length > 3)
    throw new ArchError('BAD_ARGUMENT', `${tlbs.length} TLBs; give 1 to 3 levels`, { tlbs });
  for (const { sets, ways } of tlbs)
    if (!Number.isInteger(Math.log2(sets)) || sets > 2 ** 20 || !Number.isInteger(ways) || ways < 1 || ways > 64)
      throw new ArchError('BAD_ARGUMENT', `a TLB of ${sets} sets and ${ways} ways; sets are a power of two, ways 1 to 64`, { sets, ways }); // prettier-ignore
  const walker = compileWalker(mmu);
  const counts = new Float64Array(COUNTERS);
  const sums = new Uint32Array(2);
  const result = new Uint32Array(2);
  const state = tlbs.map(({ sets, ways }) =>
    Array.from({ length: FIELDS }, () => new Int32Array(sets * ways)),
  );
  const generate = new Function(
    'memory',
    'walker',
    'counts',
    'sums',
    'result',
    'state',
    sourceOf(options),
  ) as Generate;
  const { run, translate, resetClock } = generate(memory, walker, counts, sums, result, state);
  return {
    run: (trace, from = 0, to = trace.length >>> 1) => run(trace, from, Math.min(to, trace.length >>> 1)),
    translate,
    result,
    counters: () => ({
      hits: tlbs.map((_, i) => counts[C_HITS + i]!),
      walks: counts[C_WALKS]!,
      dirtyWalks: counts[C_DIRTY]!,
      recorded: counts[C_RECORDED]!,
      faults: counts[C_FAULTS]!,
      sumLo: sums[0]!,
      sumHi: sums[1]!,
    }),
    reset: () => {
      for (const words of state.flat()) words.fill(0);
      counts.fill(0);
      sums.fill(0);
      resetClock();
    },
  };
}

type Generate = (
  memory: PhysicalMemory, walker: FastWalker, counts: Float64Array, sums: Uint32Array, result: Uint32Array, state: readonly (readonly Int32Array[])[],
) => { run: (trace: Uint32Array, from: number, to: number) => void; translate: TraceTranslator['translate']; resetClock: () => void }; // prettier-ignore

/** Accesses that one call of the generated loop translates. */
const PART = 8192;

/** Fields of a TLB entry, an array each: page number, its high bits with a valid bit, frame with a writable bit, high word, last use. */
const FIELDS = 5;

/** The whole source: TLBs in arrays, the walk of the common case, the walker for all else, and the loop over a trace. */
function sourceOf(options: TraceTranslatorOptions): string {
  const { tlbs, pageShift = 12 } = options;
  const offset = 2 ** pageShift - 1;
  return `'use strict';
${tlbs.map((_, i) => `const [p${i}, g${i}, f${i}, h${i}, c${i}] = state[${i}];`).join('\n')}
const r = walker.result, chunks = memory.chunks, out = new Int32Array(2);
let clock = 0;
const resetClock = () => { clock = 0; };
${wholeWalkSource(options)}
${shortWalkSource(options)}
const part = (trace, from, to) => {
  const ${tlbs.map((_, i) => `P${i} = p${i}, G${i} = g${i}, F${i} = f${i}, H${i} = h${i}, C${i} = c${i}`).join(', ')};
  let sumLo = sums[0] | 0, sumHi = sums[1] | 0, now = clock, walks = 0, dirty = 0, frame = 0, frameHi = 0;
  ${tlbs.map((_, i) => `let hits${i} = 0;`).join(' ')}
  for (let i = from; i < to; i += 2) {
    const word = trace[i] | 0, lo = word & -2, hi = trace[i + 1] | 0, write = word & 1;
    const page = ((lo >>> ${pageShift}) | (hi << ${32 - pageShift})) | 0, tag = ((hi >>> ${pageShift}) << 1) | 1;
    let b = 0, e = 0, upTo = ${tlbs.length};
    now = (now + 1) | 0;
    look: {
${tlbs.map(lookupSource).join('\n')}
      walks++;
      if (walk(lo, hi, write) !== 0) { frame = 0; frameHi = 0; continue; }
      frame = out[0]; frameHi = out[1];
    }
    if (upTo !== 0) {
      ${tlbs
        .map((geometry, i) => `${i === 0 ? '' : `if (upTo > ${i}) `}{ ${fillSource(geometry, i)} }`)
        .reverse()
        .join('\n')}
    }
    frame = (frame & -2) | (lo & ${offset});
    sumLo = (sumLo + frame) | 0; sumHi = (sumHi + frameHi) | 0;
  }
  clock = now;
  sums[0] = sumLo; sums[1] = sumHi;
  result[0] = frame; result[1] = frameHi;
  ${tlbs.map((_, i) => `counts[${C_HITS + 0} + ${i}] += hits${i};`).join(' ')}
  counts[${C_WALKS}] += walks; counts[${C_DIRTY}] += dirty;
};
// In parts, so that most of them run in code that was compiled as a whole and not in the middle of its loop.
const run = (trace, from, to) => {
  for (let i = 2 * from; i < 2 * to; i += ${2 * PART}) part(trace, i, Math.min(i + ${2 * PART}, 2 * to));
};
const one = new Uint32Array(2);
const translate = (lo, hi, write) => {
  const faults = counts[${C_FAULTS}];
  one[0] = (lo & -2) | write; one[1] = hi;
  run(one, 0, 1);
  return counts[${C_FAULTS}] === faults ? 0 : r[0];
};
return { run, translate, resetClock };`;
}

/**
 * Looks in all ways of the set. A hit that may be used is then filled into the TLBs above; a first write through an entry of
 * a page that was not dirty walks, and corrects the entry in place.
 */
function lookupSource({ sets, ways }: TlbGeometry, level: number): string {
  const way = (i: number): string =>
    `P${level}[b + ${i}] === page && G${level}[b + ${i}] === tag ? b + ${i} : `;
  const probes = Array.from({ length: ways }, (_, i) => way(i)).join('');
  return `      b = (page & ${sets - 1}) * ${ways};
      e = ${probes}-1;
      if (e >= 0) {
        hits${level}++; C${level}[e] = now; upTo = ${level};
        frame = F${level}[e]; frameHi = H${level}[e];
        if ((write & ~frame) === 0) break look;
        dirty++;
        if (walk(lo, hi, write) !== 0) { frame = 0; frameHi = 0; continue; }
        F${level}[e] = frame = out[0]; H${level}[e] = frameHi = out[1];
        break look;
      }`;
}

/** Replaces the entry used longest ago; an empty entry was never used. */
function fillSource({ sets, ways }: TlbGeometry, i: number): string {
  const others = Array.from({ length: ways - 1 }, (_, way) => way + 1);
  const older = others.map(
    (way) => `age = C${i}[b + ${way}]; if (age < oldest) { oldest = age; e = b + ${way}; }`,
  );
  return `b = (page & ${sets - 1}) * ${ways}; e = b; let oldest = C${i}[b], age = 0;
      ${older.join(' ')}
      P${i}[e] = page; G${i}[e] = tag; F${i}[e] = frame; H${i}[e] = frameHi; C${i}[e] = now;`;
}

/** The generated walker: it records states, counts, and knows every fault. */
function wholeWalkSource({ mmu, root, pageShift = 12 }: TraceTranslatorOptions): string {
  const recorded =
    mmu.dirty === undefined
      ? ''
      : `const at = ${R_ENTRIES} + 4 * (r[${R_COUNT}] - 1), lo = r[at + 2] | 0, hi = r[at + 3] | 0;`;
  const clean = mmu.dirty === undefined ? 'false' : `write === 0 && ${matchSource(mmu.dirty.clean)}`;
  return `const wholeWalk = (vaLo, vaHi, write) => {
  const status = walker.walk(memory, ${low(root)}, ${high(root)}, vaLo, vaHi, ${A_USER | A_UPDATE} | (write === 0 ? 0 : ${A_WRITE}));
  counts[${C_RECORDED}] += r[${R_RECORDS}];
  if (status !== 0) { counts[${C_FAULTS}]++; return status; }
  ${recorded}
  out[0] = (r[${R_PA_LO}] & ${-(2 ** pageShift)}) | ((r[${R_DENIED}] & 18) === 0 && !(${clean}) ? 1 : 0);
  out[1] = r[${R_PA_HI}];
  return 0;
};`;
}

/** The walk where nothing is to be recorded and nothing faults; it leaves all else to the whole one. */
function shortWalkSource({ mmu, memory, root, pageShift = 12 }: TraceTranslatorOptions): string {
  const levels = mmu.levels
    .map((level, i) => shortLevelSource(level, i, { mmu, memory, root, pageShift }))
    .join('\n');
  return `const walk = (vaLo, vaHi, write) => {
  let tableLo = ${low(root)}, tableHi = ${high(root)}, denied = 0, lo = 0, hi = 0, at = 0, atHi = 0, chunk = 0, words;
  if (!(${canonicalSource(mmu)})) return wholeWalk(vaLo, vaHi, write);
${levels}
  return wholeWalk(vaLo, vaHi, write);
};`;
}

interface ShortWalk {
  readonly mmu: MmuDescription;
  readonly memory: PhysicalMemory;
  readonly root: bigint;
  readonly pageShift: number;
}

function shortLevelSource(level: MmuLevel, index: number, walk: ShortWalk): string {
  const { mmu, memory } = walk;
  const leave = 'return wholeWalk(vaLo, vaHi, write);';
  const above = index === 0 ? undefined : mmu.levels[index - 1]!.table!;
  const aligned = alignedBits(above, walk.root) >= level.indexBits + 3;
  const { accessed, dirty } = mmu;
  const lines = [
    aligned
      ? `at = tableLo | (${indexSource(level)} << 3); atHi = tableHi;`
      : `at = (tableLo + (${indexSource(level)} << 3)) | 0; atHi = (at >>> 0) < (tableLo >>> 0) ? (tableHi + 1) | 0 : tableHi;`,
    `if ((at & ${memory.beyondLo | (aligned ? 0 : 7)}) !== 0 || (atHi & ${memory.beyondHi}) !== 0) ${leave}`,
    `chunk = (atHi << ${32 - CHUNK_SHIFT}) | (at >>> ${CHUNK_SHIFT});`,
    `if ((chunk >>> 0) >= chunks.length) ${leave}`,
    `words = chunks[chunk]; if (words === undefined) ${leave}`,
    ...(memory.unwritten === 'zero'
      ? []
      : [`if (words[(at >>> ${STATE_SHIFT}) & ${STATE_MASK}] === 0) ${leave}`]),
    `at = ${CHUNK_DATA} + ((at & ${OFFSET_MASK}) >>> 2); if (at >= words.length) ${leave} lo = words[at] | 0; hi = words[at + 1] | 0;`,
    ...level.valid.map((match) => `if (!(${matchSource(match)})) ${leave}`),
    ...(level.reserved === undefined || level.reserved.length === 0
      ? []
      : [`if (${anySource(level.reserved)}) ${leave}`]),
  ];
  const leaf = level.page === undefined ? '' : shortLeafSource(level.page, level, walk);
  if (level.leaf === 'always') lines.push(leaf);
  else {
    if (level.leaf !== 'never') lines.push(`if (${anySource(level.leaf)}) {\n${leaf}\n}`);
    lines.push(denialSource(level.tableDenies));
    for (const state of [accessed, dirty])
      if (state?.by === 'hardware' && state.inTables === true)
        lines.push(`if (${matchSource(state.clean)}) ${leave}`);
    const [tableLo, tableHi] = piecesSource(level.table!);
    lines.push(`tableLo = ${tableLo}; tableHi = ${tableHi};`);
  }
  return lines.filter((line) => line !== '').join('\n');
}

function shortLeafSource(
  page: NonNullable<MmuLevel['page']>,
  level: MmuLevel,
  { mmu, pageShift }: ShortWalk,
): string {
  const leave = 'return wholeWalk(vaLo, vaHi, write);';
  const { accessed, dirty } = mmu;
  const [lo, hi] = piecesSource(page.address);
  const offset = (1n << BigInt(page.shift)) - 1n;
  const clean = dirty === undefined ? 'false' : matchSource(dirty.clean);
  const lines = [
    denialSource(level.leafDenies),
    `if ((denied & (write === 0 ? 17 : 18)) !== 0) ${leave}`,
    accessed === undefined ? '' : `if (${matchSource(accessed.clean)}) ${leave}`,
    dirty === undefined ? '' : `if (write !== 0 && ${clean}) ${leave}`,
    `out[0] = ((${mergeSource(lo, 'vaLo', low(offset))}) & ${-(2 ** pageShift)}) | ((denied & 18) === 0 && !(${clean}) ? 1 : 0);`,
    `out[1] = ${mergeSource(hi, 'vaHi', high(offset))}; return 0;`,
  ];
  return lines.filter((line) => line !== '').join('\n');
}

/** How many low bits of a table's address are 0 whatever the entry. */
function alignedBits(pieces: readonly AddressPiece[] | undefined, root: bigint): number {
  const possible =
    pieces === undefined
      ? root
      : pieces.reduce(
          (sum, { mask, shift }) => sum | (shift >= 0 ? mask << BigInt(shift) : mask >> BigInt(-shift)),
          0n,
        );
  let bits = 0;
  while (bits < 20 && ((possible >> BigInt(bits)) & 1n) === 0n) bits++;
  return bits;
}

/**
 * Translation at speed: TLBs, paging-structure caches and walker of one CPU, generated from the part's configuration and the
 * backend's description. `tlb-model.ts` says what it must do, access by access; a property test holds the two together.
 *
 * An access looks in the first level (of data or instructions), then in the second, then walks from the deepest table that a
 * paging-structure cache knows. A walk fills both levels, a hit in the second the first. An entry remembers what may be done
 * through it without another walk; any other access walks again, so that a write through an entry whose dirty state was not
 * recorded records it, and corrects the entry in place, or replaces it where the size has changed. Faults fill nothing.
 *
 * Numbers only, no allocation per access: `run` takes whole traces, `translate` one access at a time.
 */
import { ArchError, type MmuDescription, hex } from '@ptemu/arch';
import type { PhysicalMemory } from './memory.js';
import type { LoadedSpace, SpaceTag } from './address-space.js';
import { type PlacedSize, type PlacedTlb, type TlbConfig, placeTlb } from './tlb-config.js';
import {
  COUNTS,
  type CountName,
  FIND_LOCALS,
  GLOBAL_SLOT,
  GLOBAL_TAG,
  SLOTS,
  SLOT_SHIFT,
  S_CLOCK,
  S_COUNTS,
  S_FRAME_HI,
  S_FRAME_LO,
  S_HELD,
  S_HELD_GLOBAL,
  S_KERNEL_LO,
  S_LAST,
  S_PA_HI,
  S_PA_LO,
  S_ROOT_LO,
  S_SHIFT,
  S_SUM_HI,
  S_SUM_LO,
  S_TAG,
  S_WALK_TAG,
  S_WORDS,
  countAt,
  countSource,
  fillLevelSource,
  fillTlbSource,
  findSource,
  hitSource,
  holdsSource,
  pageSource,
  tagSource,
  useSource,
} from './tlb-source.js';
import { clear, drop, renew, type Dropping } from './tlb-upkeep.js';
import { walkSource } from './tlb-walk-source.js';
import { type Access, DENY_EXEC, DENY_KERNEL_EXEC, DENY_READ, DENY_USER, DENY_WRITE } from './walk.js';
import { A_EXEC, A_UPDATE, A_USER, A_USER_PAGES_FORBIDDEN, A_WRITE, type FastWalker, compileWalker } from './walk-fast.js'; // prettier-ignore

/** Who makes the accesses of a trace; `kernel` may not reach user pages under `kernel-only`. */
export type TraceMode = 'user' | 'kernel' | 'kernel-only';

/** What an invalidation drops; see `InvalidationInstruction` for the words. */
export interface TlbInvalidation {
  /** `address`: what covers `start`; `range`: what covers any of [start, end); `mm`: of one space; `all`: of every space. */
  readonly drops: 'address' | 'range' | 'mm' | 'all' | 'nothing';
  readonly dropsGlobal: boolean;
  readonly dropsWalkCache: boolean;
  readonly start?: bigint;
  readonly end?: bigint;
  /** The loaded space when left out. */
  readonly space?: SpaceTag;
}

/** How many entries an invalidation dropped. */
export interface Dropped {
  /** Translations, in all structures: one page may stand in three. */
  readonly translations: number;
  readonly tables: number;
}

/** What accesses did since the last reset. */
export interface TlbCounters {
  /** Hits in the first level for data, for instructions, and in the second. */
  readonly l1d: number;
  readonly l1i: number;
  readonly l2: number;
  /** Walks because no TLB had the page ... */
  readonly walks: number;
  /** ... and because an entry did not allow the access: first writes, and accesses that fault. */
  readonly rewalks: number;
  /** Walks that began at a cached table. */
  readonly walkCaches: number;
  /** Entries that the walker read. */
  readonly references: number;
  /** Entries in which the walker recorded a state. */
  readonly recorded: number;
  readonly faults: number;
  /** Sums of the low and the high words of all physical addresses of `run`, modulo 2^32. */
  readonly sumLo: number;
  readonly sumHi: number;
}

/** TLBs, paging-structure caches and walker of one CPU. */
export interface Translator {
  /** Loads an address space. Nothing is dropped where the configuration has tags. */
  load(space: LoadedSpace): void;
  /**
   * Translates accesses [from, to) of a trace: pairs of words (lo, hi) per access. Bits 0 and 1 of lo say read (0), write (1) or
   * instruction fetch (2); the address is a multiple of 4.
   */
  run(trace: Uint32Array, options?: { readonly from?: number; readonly to?: number; readonly mode?: TraceMode }): void; // prettier-ignore
  /** Translates one access, numbered by `accessRight`. Returns 0 and leaves the address in `result` (lo, hi), or the fault's status. */
  translate(lo: number, hi: number, right: number): number;
  readonly result: Int32Array;
  /**
   * Drops what covers an address of the loaded space, given by its words; global entries and pointers to its tables go too, as
   * with INVLPG. Returns how many translations went. Allocates nothing; `invalidate` does all other kinds.
   */
  invalidatePage(lo: number, hi: number): number;
  /** Carries out an invalidation. */
  invalidate(what: TlbInvalidation): Dropped;
  counters(): TlbCounters;
  /** Drops everything cached and clears the counters. The space stays loaded. */
  reset(): void;
}

/** What a translator is made of. */
export interface TranslatorOptions {
  readonly memory: PhysicalMemory;
  readonly mmu: MmuDescription;
  readonly tlb: TlbConfig;
  /**
   * Names this translator in its source. V8 optimises best what exists once: translators of one configuration that run in one
   * process are faster with names of their own.
   */
  readonly id?: string;
}

/** The number of an access for `translate`: 3 times the mode (user, kernel, kernel that may not reach user pages) and the kind. */
export const accessRight = ({ kind, mode, userPages }: Access): number =>
  (mode === 'user' ? 0 : userPages === 'forbidden' ? 6 : 3) + KINDS.indexOf(kind);
const KINDS: readonly Access['kind'][] = ['read', 'write', 'exec'];
const RIGHTS = 9;
const FIRST_RIGHT: Readonly<Record<TraceMode, number>> = { user: 0, kernel: 3, 'kernel-only': 6 };

/** Accesses that one call of the generated loop translates. */
const PART = 8192;
/**
 * The first parts are short: V8 compiles a long loop while it runs, and where what comes after the loop has never run, the
 * compiled code is left at the end of every part from then on.
 */
const SHORT_PART = 128;
const SHORT_PARTS = 24;
/** Accesses after which counts are collected at the latest, so that no word of them overflows. */
const CLOCK_MAX = 2 ** 27;

/** Generates a translator. Throws `BAD_ARGUMENT` for a configuration that cannot be indexed. */
export function compileTranslator(options: TranslatorOptions): Translator {
  const { memory, mmu, tlb: config } = options;
  const placed = placeTlb(config, mmu);
  const words = new Int32Array(placed.words);
  const state = new Int32Array(S_WORDS);
  const counts = new Float64Array(COUNTS.length);
  const spaces = new Spaces(config);
  const result = state.subarray(S_PA_LO, S_PA_HI + 1);
  const collect = (): void => {
    for (let i = 0; i < COUNTS.length; i++) {
      counts[i] = counts[i]! + state[S_COUNTS + i]!;
      state[S_COUNTS + i] = 0;
    }
  };
  const renewAll = (): void => {
    collect();
    renew(placed, words, state);
  };
  const loaded = (): void => {
    if (state[S_TAG] === 0) throw new ArchError('BAD_ARGUMENT', 'no address space is loaded; call load first', {}); // prettier-ignore
  };
  const generate = new Function('memory', 'walker', 'A', 'S', 'T', 'rightsOf', 'accessOf', 'renew', 'loaded', sourceOf(options, placed)) as Generate; // prettier-ignore
  const { part, translate, invalidatePage } = generate(memory, compileWalker(mmu), words, state, new Int32Array(3), RIGHTS_OF, ACCESS_OF, renewAll, loaded); // prettier-ignore
  const clockMax = clockMaxOf(placed);
  const tables = placed.structures.filter(({ level }) => level === 'walkCaches');
  const translations = placed.structures.filter(({ level }) => level !== 'walkCaches');
  let shortParts = SHORT_PARTS;
  const dropSlot = (slot: number | 'all'): void => void drop(placed.structures, words, { slot, dropsGlobal: false }); // prettier-ignore
  const reset = (): void => {
    clear(placed, words, state, config.seed ?? 1);
    counts.fill(0);
    state.fill(0, S_COUNTS);
    state[S_SUM_LO] = 0;
    state[S_SUM_HI] = 0;
  };
  reset();
  return {
    result,
    load: ({ space, root, kernelRoot = root }) => {
      const { slot, recycled } = spaces.load(space);
      if (recycled) dropSlot(slot);
      if (config.tagBits === 0 && state[S_TAG] !== slot << SLOT_SHIFT) dropSlot('all');
      state[S_TAG] = slot << SLOT_SHIFT;
      for (const [at, address] of [[S_ROOT_LO, root], [S_KERNEL_LO, kernelRoot]] as const) {
        state[at] = Number(BigInt.asIntN(32, address));
        state[at + 1] = Number(BigInt.asIntN(32, address >> 32n));
      } // prettier-ignore
    },
    run: (trace, { from = 0, to = trace.length >>> 1, mode = 'user' } = {}) => {
      loaded();
      const end = 2 * Math.min(to, trace.length >>> 1);
      for (let i = 2 * from; i < end;) {
        if (state[S_CLOCK]! + PART >= clockMax) renewAll();
        const next = Math.min(i + 2 * (shortParts > 0 ? SHORT_PART : PART), end);
        if (shortParts > 0) shortParts--;
        part(trace, i, next, FIRST_RIGHT[mode]);
        i = next;
      }
    },
    translate,
    invalidatePage,
    invalidate: (what) => {
      const range = rangeOf(what);
      if (what.drops === 'nothing' || (range !== undefined && range.from >= range.to)) return { translations: 0, tables: 0 }; // prettier-ignore
      const slot = what.drops === 'all' ? 'all' : spaces.slotOf(what.space, state[S_TAG]! >>> SLOT_SHIFT);
      const dropping: Dropping = {
        slot,
        dropsGlobal: what.dropsGlobal,
        ...(range === undefined ? {} : { range }),
      };
      return {
        translations: drop(translations, words, dropping),
        tables: what.dropsWalkCache ? drop(tables, words, dropping) : 0,
      };
    },
    counters: () => {
      collect();
      const named = Object.fromEntries(COUNTS.map((name, i) => [name, counts[i]!])) as Record<
        CountName,
        number
      >;
      return { ...named, sumLo: state[S_SUM_LO]! >>> 0, sumHi: state[S_SUM_HI]! >>> 0 };
    },
    reset,
  };
}

type Part = (trace: Uint32Array, from: number, to: number, base: number) => void;
type Generate = (
  memory: PhysicalMemory, walker: FastWalker, words: Int32Array, state: Int32Array, start: Int32Array,
  rightsOf: Int32Array, accessOf: Int32Array, renewAll: () => void, loaded: () => void,
) => { readonly part: Part } & Pick<Translator, 'translate' | 'invalidatePage'>; // prettier-ignore

/** The pages of 4 KiB that an invalidation names; undefined where it names none. */
function rangeOf({ drops, start = 0n, end }: TlbInvalidation): { from: number; to: number } | undefined {
  if (drops !== 'address' && drops !== 'range') return undefined;
  const to = drops === 'range' ? (end ?? start + 1n) : start + 1n;
  if (start < 0n || to > 1n << 64n)
    throw new ArchError('BAD_ARGUMENT', `[${hex(start)}, ${hex(to)}) is not a range of 64-bit addresses`, { start, to }); // prettier-ignore
  return { from: Number(start >> 12n), to: Number((to + 4095n) >> 12n) };
}

/** Slots of the tags: a number for each space that may have entries. */
class Spaces {
  private readonly config: TlbConfig;
  /** Slot by space, the one loaded longest ago first. */
  private readonly slots = new Map<SpaceTag, number>();

  constructor(config: TlbConfig) {
    this.config = config;
  }

  /** The slot of a space. When all are taken, the one of the space loaded longest ago is recycled: its entries must go. */
  load(space: SpaceTag): { readonly slot: number; readonly recycled: boolean } {
    const { tagBits = 0, name } = this.config;
    if (tagBits > 0 && typeof space === 'number' && !(Number.isInteger(space) && space >= 0 && space < 2 ** tagBits))
      throw new ArchError('BAD_ARGUMENT', `space ${space} does not fit the ${tagBits} bits of a tag of ${name}`, { space }); // prettier-ignore
    let slot = this.slots.get(space);
    const first = SLOTS - this.slots.size - 1;
    let recycled = false;
    if (slot === undefined && first > GLOBAL_SLOT) slot = first;
    else if (slot === undefined) {
      const [[oldest, freed]] = this.slots as unknown as Iterable<[SpaceTag, number]> as [[SpaceTag, number]]; // prettier-ignore
      this.slots.delete(oldest);
      slot = freed;
      recycled = true;
    }
    this.slots.delete(space);
    this.slots.set(space, slot);
    return { slot, recycled };
  }

  /** The slot of a space, or of the loaded one; 0, which nothing has, where the space was never loaded. */
  slotOf(space: SpaceTag | undefined, loaded: number): number {
    return space === undefined ? loaded : (this.slots.get(space) ?? 0);
  }
}

/** What is allowed by denials: a bit per right. */
const RIGHTS_OF: Int32Array = Int32Array.from({ length: 32 }, (_, denied) => {
  const has = (bits: number): boolean => (denied & bits) !== 0;
  const allowed = [
    !has(DENY_USER | DENY_READ), !has(DENY_USER | DENY_WRITE), !has(DENY_USER | DENY_EXEC),
    !has(DENY_READ), !has(DENY_WRITE), !has(DENY_KERNEL_EXEC),
    has(DENY_USER) && !has(DENY_READ), has(DENY_USER) && !has(DENY_WRITE), !has(DENY_KERNEL_EXEC),
  ]; // prettier-ignore
  return allowed.reduce((bits, yes, right) => (yes ? bits | (1 << right) : bits), 0);
});

/** The walker's number of each right. */
const ACCESS_OF: Int32Array = Int32Array.from({ length: RIGHTS }, (_, right) => {
  const kind = [0, A_WRITE, A_EXEC][right % 3]!;
  return kind | A_UPDATE | [A_USER, 0, A_USER_PAGES_FORBIDDEN][Math.floor(right / 3)]!;
});

/** The clock may grow until a word of last use, which has the way below it, would be negative. */
const clockMaxOf = ({ structures }: PlacedTlb): number =>
  Math.min(CLOCK_MAX, ...structures.map(({ wayBits }) => 2 ** (31 - wayBits) - 1));

/** The whole source. */
function sourceOf({ mmu, memory, tlb, id = '' }: TranslatorOptions, placed: PlacedTlb): string {
  const { l1d, l1i } = placed.sizes;
  const source: Source = { placed, smallest: Math.min(...mmu.levels.map(({ page }) => page?.shift ?? 64)) };
  const split = l1i.length > 0;
  const first = l1d[0]!;
  const noteLast = `if (lastTag !== 0) { e = last; set = lastSet; ${useSource(first.structure, 'e')} lastTag = 0; }`;
  return `'use strict';
// ${id.replace(/[^\w .:-]/g, '_')}
${walkSource({ mmu, memory, tlb: placed, merge: tlb.contiguous === 'merge' })}
${levelSource('l1d', [first], source)}
${split ? levelSource('l1i', [], source) : ''}
const part = (trace, from, to, base) => {
  let sumLo = S[${S_SUM_LO}], sumHi = S[${S_SUM_HI}], now = S[${S_CLOCK}], hits = 0;
  // The entry used last, in locals. Its use is noted when another is used: until then nothing looks at it.
  let last = 0, lastSet = 0, lastPage = 0, lastTag = 0, lastLo = 0, lastHi = 0;
  const own = S[${S_TAG}];
  let page = 0, set = 0, hint = 0, e = 0, x = 0, c = 0, tag = 0, f = 0, fh = 0;
  for (let i = from; i < to; i += 2) {
    const word = trace[i] | 0, lo = word & -4, hi = trace[i + 1] | 0;
    const right = base + (word & 3 & ~((word >> 1) & 1));
    ${split ? `if ((word & 2) !== 0) { ${noteLast} now = (now + 1) | 0; S[${S_CLOCK}] = now; if (l1i(lo, hi, right) === 0) { sumLo = (sumLo + S[${S_PA_LO}]) | 0; sumHi = (sumHi + S[${S_PA_HI}]) | 0; } continue; }` : ''}
    page = ${pageSource(first.shift)}; tag = ${tagSource('own', first)};
    if (page === lastPage && tag === lastTag && ((lastLo >>> right) & 1) !== 0) {
      now = (now + 1) | 0; hits++; f = lastLo; fh = lastHi;
      sumLo = (sumLo + (${hitSource(first)[0]})) | 0; sumHi = (sumHi + (${hitSource(first)[1]})) | 0;
      continue;
    }
    ${noteLast}
    now = (now + 1) | 0;
    ${findSource(first)}
    if (e >= 0) {
      f = A[${first.structure.lo} + e]; fh = A[${first.structure.hi} + e];
      if (((f >>> right) & 1) !== 0) {
        hits++;
        last = e; lastSet = set; lastPage = page; lastTag = tag; lastLo = f; lastHi = fh;
        sumLo = (sumLo + (${hitSource(first)[0]})) | 0; sumHi = (sumHi + (${hitSource(first)[1]})) | 0;
        continue;
      }
    }
    S[${S_CLOCK}] = now;
    if (l1d(lo, hi, right, e) === 0) { sumLo = (sumLo + S[${S_PA_LO}]) | 0; sumHi = (sumHi + S[${S_PA_HI}]) | 0; }
  }
  finish(now, last, lastSet, lastTag, hits, sumLo, sumHi);
};
const finish = (count, last, set, lastTag, hits, sumLo, sumHi) => {
  const e = last, now = count;
  if (lastTag !== 0) { ${useSource(first.structure, 'e')} }
  S[${S_CLOCK}] = now; S[${S_LAST}] = last; S[${countAt('l1d')}] += hits;
  S[${S_SUM_LO}] = sumLo; S[${S_SUM_HI}] = sumHi;
};
const translate = (lo, hi, right) => {
  lo |= 0; hi |= 0;
  const own = S[${S_TAG}];
  if (own === 0) loaded();
  if (S[${S_CLOCK}] >= ${clockMaxOf(placed) - 1}) renew();
  const now = (S[${S_CLOCK}] + 1) | 0, last = S[${S_LAST}];
  S[${S_CLOCK}] = now;
  ${split ? 'if (right % 3 === 2) return l1i(lo, hi, right);' : ''}
  let page = 0, set = 0, hint = 0, e = 0, x = 0, c = 0, tag = 0;
  ${firstSource(first)}
  if (e >= 0) {
    const f = A[${first.structure.lo} + e], fh = A[${first.structure.hi} + e];
    if (((f >>> right) & 1) !== 0) {
      ${countSource('l1d')} ${useSource(first.structure, 'e')}
      S[${S_PA_LO}] = ${hitSource(first)[0]}; S[${S_PA_HI}] = ${hitSource(first)[1]};
      return 0;
    }
  }
  return l1d(lo, hi, right, e);
};
${invalidateSource(placed)}
return { part, translate, invalidatePage };`;
}

interface Source {
  readonly placed: PlacedTlb;
  /** log2 of the smallest page of the description. */
  readonly smallest: number;
}

/** Looks in the first structure, at the entry used last before all others. */
function firstSource(first: PlacedSize): string {
  const { page, tag, sets } = first.structure;
  return `page = ${pageSource(first.shift)}; tag = ${tagSource('own', first)}; set = page & ${sets - 1}; e = last;
    if (A[${page} + e] !== page || A[${tag} + e] !== tag) { ${findSource(first)} if (e >= 0) S[${S_LAST}] = e; }`;
}

/**
 * A function that looks in a first level, in the second, and walks; returns the status. Of the sizes in `seen`, the caller has
 * looked for the space's own entry already, and hands it in, or -1.
 */
function levelSource(level: 'l1d' | 'l1i', seen: readonly PlacedSize[], source: Source): string {
  const { placed, smallest } = source;
  const sizes = placed.sizes[level];
  const { l2 } = placed.sizes;
  const probe = (size: PlacedSize, of: 'l1' | 'l2'): string => {
    const hit = (slot: string): string => hitCode({ size, slot, of, level }, source);
    const find = (held: number, slot: string): string =>
      `if ((S[${held}] & ${size.heldBit}) !== 0) { tag = ${tagSource(slot, size)}; ${findSource(size)} if (e >= 0) { ${hit(slot)} } }`;
    const own = seen.includes(size)
      ? `if (found >= 0) { e = found; ${size.structure.sets > 1 ? `page = ${pageSource(size.shift)}; set = page & ${size.structure.sets - 1};` : ''} ${hit('own')} }`
      : find(S_HELD, 'own');
    return `${own}\n${find(S_HELD_GLOBAL, `${GLOBAL_TAG}`)}`;
  };
  return `const refill_${level} = (lo, hi) => {
  ${FIND_LOCALS}
  const now = S[${S_CLOCK}], f = S[${S_FRAME_LO}], fh = S[${S_FRAME_HI}], t = S[${S_SHIFT}], slot = S[${S_WALK_TAG}];
  ${[l2, sizes].flatMap((list) => list.map((size) => `if (${holdsSource(list, size)}) { ${replaceSource(size)} }`)).join('\n  ')}
  S[${S_PA_LO}] = (f & -4096) | (lo & 4095); S[${S_PA_HI}] = fh;
};
const ${level} = (lo, hi, right${seen.length > 0 ? ', found' : ''}) => {
  ${FIND_LOCALS}
  const now = S[${S_CLOCK}], own = S[${S_TAG}];
  let f = 0, fh = 0, t = 0, slot = 0, status = 0;
  S[${S_PA_LO}] = 0; S[${S_PA_HI}] = 0;
  fill: {
${sizes.map((size) => probe(size, 'l1')).join('\n')}
${l2.map((size) => probe(size, 'l2')).join('\n')}
    ${countSource('walks')}
    status = walk(lo, hi, right);
    if (status !== 0) return status;
    f = S[${S_FRAME_LO}]; fh = S[${S_FRAME_HI}]; t = S[${S_SHIFT}]; slot = S[${S_WALK_TAG}];
    ${fillLevelSource(l2, smallest)}
    S[${S_PA_LO}] = (f & -4096) | (lo & 4095); S[${S_PA_HI}] = fh;
  }
  ${fillLevelSource(sizes, smallest)}
  return 0;
};`;
}

/** Drops what covers an address: of each size what its own space and what all share. */
function invalidateSource({ sizes }: PlacedTlb): string {
  const drops = (size: PlacedSize, count: string): string => {
    const of = (slot: string): string =>
      `tag = ${tagSource(slot, size)}; ${findSource(size)} if (e >= 0) { A[${size.structure.tag} + e] = 0; ${agedSource(size)} ${count} }`;
    return `${of('own')}\nif ((S[${S_HELD_GLOBAL}] & ${size.heldBit}) !== 0) { ${of(`${GLOBAL_TAG}`)} }`;
  };
  const { l1d, l1i, l2, walkCaches } = sizes;
  return `const invalidatePage = (lo, hi) => {
  ${FIND_LOCALS}
  const own = S[${S_TAG}];
  if (own === 0) loaded();
  let dropped = 0;
  ${[...l1d, ...l1i, ...l2].map((size) => drops(size, 'dropped++;')).join('\n')}
  ${walkCaches.map((size) => drops(size, '')).join('\n')}
  return dropped;
};`;
}

/** Fills a translation that may be there already. */
function replaceSource(size: PlacedSize): string {
  const { structure } = size;
  return `tag = ${tagSource('slot', size)}; ${findSource(size)}
if (e >= 0) { A[${structure.tag} + e] = 0; ${agedSource(size)} }
${fillTlbSource(size)}`;
}

/** Makes entry `e`, which is given up, the oldest of its set. */
function agedSource({ structure }: PlacedSize): string {
  const { replacement, use, stride } = structure;
  return replacement === 'lru' || replacement === 'fifo' ? `A[${use} + e] = e % ${stride};` : '';
}

/** What happens at a hit in `e`: rights, and in the second level filling the first. */
function hitCode(
  at: {
    readonly size: PlacedSize;
    readonly slot: string;
    readonly of: 'l1' | 'l2';
    readonly level: 'l1d' | 'l1i';
  },
  { placed }: Source,
): string {
  const { size, slot, of, level } = at;
  const { structure } = size;
  const sizes = of === 'l1' ? placed.sizes[level] : placed.sizes.l2;
  const [paLo, paHi] = hitSource(size);
  const rewalk = `if (((f >>> right) & 1) === 0) {
${countSource('rewalks')}
status = walk(lo, hi, right);
if (status !== 0) return status;
f = S[${S_FRAME_LO}]; fh = S[${S_FRAME_HI}]; t = S[${S_SHIFT}];
if (!(${holdsSource(sizes, size)}) || S[${S_WALK_TAG}] !== ${slot}) { A[${structure.tag} + e] = 0; ${agedSource(size)} refill_${level}(lo, hi); return 0; }
A[${structure.lo} + e] = (f & ${~((size.shift >= 32 ? -1 : 2 ** size.shift - 1) | 0)}) | (f & 4095); A[${structure.hi} + e] = fh & ${size.shift <= 32 ? -1 : ~((2 ** (size.shift - 32) - 1) | 0)};
}`;
  return `${countSource(of === 'l1' ? level : 'l2')} ${useSource(structure, 'e')}
f = A[${structure.lo} + e]; fh = A[${structure.hi} + e];
${rewalk}
S[${S_PA_LO}] = ${paLo}; S[${S_PA_HI}] = ${paHi};
${of === 'l1' ? 'return 0;' : `f = (S[${S_PA_LO}] & -4096) | (f & 4095); fh = S[${S_PA_HI}]; t = ${size.shift}; slot = ${slot}; break fill;`}`;
}

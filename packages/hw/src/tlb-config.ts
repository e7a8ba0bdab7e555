/**
 * What the TLBs and paging-structure caches of a part look like, as plain data, and where each structure of it lies in the
 * arrays of the generated form.
 *
 * A translation is held, at each level, by the structure that lists the largest page size which is not larger than it. A larger
 * page is fractured: it fills one entry per part that is touched. A level that lists no size that is small enough does not hold it.
 */
import { ArchError, type Level, type MmuDescription } from '@ptemu/arch';

/**
 * Which way of a full set is given up: `lru` exactly the one used longest ago, `plru` by a binary tree of bits (ways a power of
 * two, at most 32), `fifo` the one filled longest ago, `random` by a generator seeded with `seed`. An empty way is always taken
 * first, the lowest.
 */
export type Replacement = 'lru' | 'plru' | 'fifo' | 'random';

/** Geometry of one structure: `sets` a power of two, `ways` 1 to 128. One set is a fully associative structure. */
export interface CacheGeometry {
  readonly sets: number;
  readonly ways: number;
  /** `lru` when left out. */
  readonly replacement?: Replacement;
}

/** A structure that holds translations. */
export interface TlbStructure extends CacheGeometry {
  /** log2 of the bytes of the pages that it holds, ascending, 12 and more; 12 alone when left out. */
  readonly pages?: readonly number[];
}

/** A structure that holds table pointers. */
export interface WalkCacheStructure extends CacheGeometry {
  /** Levels of the entries that point. A level that the description does not cache is left out. */
  readonly levels: readonly Level[];
}

/** TLBs and paging-structure caches of a part. */
export interface TlbConfig {
  readonly name: string;
  /** First level for loads and stores. */
  readonly l1d: readonly TlbStructure[];
  /** First level for instruction fetches; left out: the one for data serves them. */
  readonly l1i?: readonly TlbStructure[];
  /** Second level, for data and instructions. */
  readonly l2?: readonly TlbStructure[];
  readonly walkCaches?: readonly WalkCacheStructure[];
  /** Bits of the tag of an address space (PCID, ASID, PID). 0: no tag, and loading another root drops what is not global. */
  readonly tagBits?: number;
  /** Leaves with a contiguous hint are held as one translation of all of them. */
  readonly contiguous?: 'merge' | 'ignore';
  /** Of `random` replacement; 1 when left out. */
  readonly seed?: number;
}

/** The levels of structures. */
export type TlbLevel = 'l1d' | 'l1i' | 'l2' | 'walkCaches';

/** One size (or, of a walk cache, one level of tables) that a structure holds. */
export interface PlacedSize {
  readonly structure: PlacedStructure;
  /** Index in the structure's list: part of the tag. */
  readonly index: number;
  /** log2 of the bytes that an entry covers. */
  readonly shift: number;
  /** Index in `mmu.levels` of the entry that points; of a walk cache only. */
  readonly mmuLevel: number;
  /** Bit of the words that say which sizes are held at all. */
  readonly heldBit: number;
}

/** A structure with its place in the words. Offsets are in words; `stride` is the ways rounded up to fours. */
export interface PlacedStructure {
  readonly level: TlbLevel;
  readonly sets: number;
  readonly ways: number;
  readonly replacement: Replacement;
  readonly sizes: readonly PlacedSize[];
  readonly stride: number;
  /** log2 of the sets, and bits that a way needs. */
  readonly setBits: number;
  readonly wayBits: number;
  /** Page number, tag, payload (lo, hi, denials), and last use (or, of `plru`, the bits of a set). */
  readonly page: number;
  readonly tag: number;
  readonly lo: number;
  readonly hi: number;
  readonly denied: number;
  readonly use: number;
  /** One byte of the page number per way, four to the word, for a quick search. */
  readonly hint: number;
  readonly hintWords: number;
  /** Of `plru`: what each way clears and sets in the bits of its set. */
  readonly tree: number;
}

/** All structures of a configuration. */
export interface PlacedTlb {
  readonly structures: readonly PlacedStructure[];
  /** Sizes by level, smallest first. */
  readonly sizes: Readonly<Record<TlbLevel, readonly PlacedSize[]>>;
  readonly words: number;
}

/** Sizes that one structure may list: three bits of the tag. */
const SIZES_MAX = 8;
const WAYS_MAX = 128;
/** Bits of the two words that say what is held. */
const HELD_MAX = 31;

/** Places every structure. Throws `BAD_ARGUMENT` for a geometry that cannot be indexed. */
export function placeTlb(config: TlbConfig, mmu: MmuDescription): PlacedTlb {
  if (config.l1d.length === 0) throw bad(`${config.name}: no first-level TLB for data; give l1d`, config);
  const structures: PlacedStructure[] = [];
  const at = { words: 0, held: 0 };
  const add = (level: TlbLevel, geometry: CacheGeometry, shifts: readonly number[], mmuLevels: readonly number[]): void => {
    if (shifts.length > 0) structures.push(place(level, geometry, shifts, mmuLevels, at));
  }; // prettier-ignore
  for (const level of ['l1d', 'l1i', 'l2'] as const)
    for (const one of config[level] ?? []) {
      checkGeometry(config, one);
      checkPages(config, one.pages ?? [12]);
      add(level, one, one.pages ?? [12], []);
    }
  for (const one of config.walkCaches ?? []) {
    checkGeometry(config, one);
    const levels = cachedLevels(mmu, one.levels);
    add('walkCaches', one, levels.map((i) => mmu.levels[i]!.indexShift), levels); // prettier-ignore
  }
  const sizesOf = (level: TlbLevel): readonly PlacedSize[] =>
    structures
      .filter((one) => one.level === level)
      .flatMap(({ sizes }) => sizes)
      .sort((a, b) => a.shift - b.shift);
  const sizes = { l1d: sizesOf('l1d'), l1i: sizesOf('l1i'), l2: sizesOf('l2'), walkCaches: sizesOf('walkCaches') }; // prettier-ignore
  for (const [level, list] of Object.entries(sizes))
    if (new Set(list.map(({ shift }) => shift)).size < list.length)
      throw bad(`${config.name}: ${level} lists a size twice; each belongs to one structure`, config);
  if (at.held > HELD_MAX)
    throw bad(`${config.name}: ${at.held} sizes in all structures; at most ${HELD_MAX}`, config);
  return { structures, sizes, words: at.words };
}

function place(
  level: TlbLevel,
  { sets, ways, replacement = 'lru' }: CacheGeometry,
  shifts: readonly number[],
  mmuLevels: readonly number[],
  at: { words: number; held: number },
): PlacedStructure {
  const stride = (ways + 3) & ~3;
  const take = (words: number): number => (at.words += words) - words;
  const sizes: PlacedSize[] = [];
  const structure: PlacedStructure = {
    level, sets, ways, replacement, sizes, stride,
    setBits: Math.log2(sets),
    wayBits: Math.ceil(Math.log2(ways)),
    page: take(sets * stride),
    tag: take(sets * stride),
    lo: take(sets * stride),
    hi: take(sets * stride),
    denied: level === 'walkCaches' ? take(sets * stride) : 0,
    use: take(sets * stride),
    hint: take(sets * (stride >> 2)),
    hintWords: stride >> 2,
    tree: replacement === 'plru' ? take(2 * ways) : 0,
  }; // prettier-ignore
  for (const [index, shift] of shifts.entries())
    sizes.push({ structure, index, shift, mmuLevel: mmuLevels[index] ?? 0, heldBit: 1 << at.held++ });
  return structure;
}

/** Indices of those levels that the description caches, deepest first. */
const cachedLevels = (mmu: MmuDescription, levels: readonly Level[]): readonly number[] =>
  mmu.levels
    .map((_, index) => index)
    .filter((index) => {
      const { level, table } = mmu.levels[index]!;
      return table !== undefined && levels.includes(level) && mmu.walkCache.includes(level);
    })
    .reverse();

function checkGeometry(config: TlbConfig, { sets, ways, replacement }: CacheGeometry): void {
  if (!Number.isInteger(Math.log2(sets)) || sets > 2 ** 20 || !Number.isInteger(ways) || ways < 1 || ways > WAYS_MAX)
    throw bad(`${config.name}: ${sets} sets and ${ways} ways; sets are a power of two, ways 1 to ${WAYS_MAX}`, config);
  if (replacement === 'plru' && (ways > 32 || !Number.isInteger(Math.log2(ways))))
    throw bad(`${config.name}: plru of ${ways} ways; its ways are a power of two, at most 32`, config);
} // prettier-ignore

function checkPages(config: TlbConfig, pages: readonly number[]): void {
  const ascending = pages.every((shift, i) => Number.isInteger(shift) && shift >= 12 && shift < 64 && shift > (pages[i - 1] ?? 0)); // prettier-ignore
  if (pages.length < 1 || pages.length > SIZES_MAX || !ascending)
    throw bad(`${config.name}: pages ${pages.join(', ')}; give log2 of 1 to ${SIZES_MAX} sizes, ascending, 12 to 63`, config); // prettier-ignore
}

const bad = (message: string, config: TlbConfig): ArchError =>
  new ArchError('BAD_ARGUMENT', message, { config: config.name });

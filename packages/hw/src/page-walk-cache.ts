/**
 * A paging-structure cache: for each level that the description names, where the table lies that an entry pointed to when it
 * was read, and what that entry and those above it denied. It goes stale like a TLB: an entry that was cleared or replaced in
 * memory still leads to the old table until an invalidation drops it.
 *
 * Nothing is evicted by itself: what may happen to be evicted is a matter of scenarios (`invalidate` on purpose).
 */
import type { MmuDescription } from '@ptemu/arch';

/** Names an address space: what the hardware's tag stands for. Compared by value. */
export type SpaceTag = string | number;

/** A cached table pointer. */
export interface CachedTable {
  readonly space: SpaceTag;
  /** Index in `mmu.levels` of the entry that pointed. */
  readonly level: number;
  /** First address that the entry covers, and log2 of the bytes. */
  readonly start: bigint;
  readonly shift: number;
  readonly table: bigint;
  /** Denial bits of this entry and those above it. */
  readonly denied: number;
}

/** Table pointers by space, level and address. */
export class PageWalkCache {
  private readonly mmu: MmuDescription;
  /** Indices of the levels whose entries may be cached, deepest first. */
  private readonly levels: readonly number[];
  private readonly tables = new Map<string, CachedTable>();

  constructor(mmu: MmuDescription) {
    this.mmu = mmu;
    this.levels = mmu.levels
      .map((_, index) => index)
      .filter((index) => mmu.walkCache.includes(mmu.levels[index]!.level) && index + 1 < mmu.levels.length)
      .reverse();
  }

  /** The deepest table that is known for an address, or undefined: the walk then starts at the root. */
  lookup(space: SpaceTag, va: bigint): CachedTable | undefined {
    for (const level of this.levels) {
      const found = this.tables.get(this.key(space, level, va));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Remembers where the entry of a level pointed; levels that the description does not name are not cached. */
  insert(space: SpaceTag, level: number, va: bigint, table: bigint, denied: number): void {
    if (!this.levels.includes(level)) return;
    const shift = this.mmu.levels[level]!.indexShift;
    const start = (va >> BigInt(shift)) << BigInt(shift);
    this.tables.set(this.key(space, level, va), { space, level, start, shift, table, denied });
  }

  /** Drops what `drop` says. */
  invalidate(drop: (table: CachedTable) => boolean): void {
    for (const [key, table] of this.tables) if (drop(table)) this.tables.delete(key);
  }

  /** Everything that is cached. */
  *[Symbol.iterator](): Generator<CachedTable> {
    yield* this.tables.values();
  }

  private key(space: SpaceTag, level: number, va: bigint): string {
    return `${level}:${va >> BigInt(this.mmu.levels[level]!.indexShift)}:${typeof space}:${space}`;
  }
}

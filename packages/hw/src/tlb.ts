/**
 * A translation look-aside buffer: tagged translations of any size, which stay until an invalidation names them. It keeps what
 * the entries said when they were read, permissions and dirty state included, so stale translations are as visible as on
 * hardware. Capacity and sets are not modelled: an entry that is not there any more can only hide a bug.
 */
import type { SpaceTag } from './page-walk-cache.js';

/** One translation. */
export interface Translation {
  /** Tag of the address space; not looked at for global translations. */
  readonly space: SpaceTag;
  readonly global: boolean;
  /** First address, and log2 of the bytes. */
  readonly start: bigint;
  readonly shift: number;
  readonly pa: bigint;
  /** Denial bits (`DENY_*`) of all entries of the walk. */
  readonly denied: number;
  /** Whether a write may go ahead without another walk: the dirty state was recorded, or there is none. */
  readonly dirtyRecorded: boolean;
}

/** Tests whether a translation and [start, end) have an address in common. */
export const translates = (entry: Translation, start: bigint, end: bigint): boolean =>
  entry.start < end && start < entry.start + (1n << BigInt(entry.shift));

/** Translations by size, address and space. */
export class Tlb {
  private readonly bySize = new Map<number, Map<bigint, Translation[]>>();

  /** The translation of an address in a space, or undefined. Smaller sizes are looked at first. */
  lookup(space: SpaceTag, va: bigint): Translation | undefined {
    for (const [shift, pages] of this.bySize) {
      const found = pages.get(va >> BigInt(shift))?.find((entry) => entry.global || entry.space === space);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** All translations of an address in a space: more than one where a size changed without an invalidation. */
  lookupAll(space: SpaceTag, va: bigint): readonly Translation[] {
    return [...this.bySize].flatMap(([shift, pages]) =>
      (pages.get(va >> BigInt(shift)) ?? []).filter((entry) => entry.global || entry.space === space),
    );
  }

  /** Adds a translation; it replaces one of the same size, address and tag. */
  insert(entry: Translation): void {
    let pages = this.bySize.get(entry.shift);
    if (pages === undefined) {
      this.bySize.set(entry.shift, (pages = new Map()));
      const sorted = [...this.bySize].sort(([a], [b]) => a - b);
      this.bySize.clear();
      for (const [shift, map] of sorted) this.bySize.set(shift, map);
    }
    const page = entry.start >> BigInt(entry.shift);
    const others = (pages.get(page) ?? []).filter(
      (old) => old.global !== entry.global || (!entry.global && old.space !== entry.space),
    );
    pages.set(page, [...others, entry]);
  }

  /** Drops what `drop` says. */
  invalidate(drop: (entry: Translation) => boolean): void {
    for (const pages of this.bySize.values()) {
      for (const [page, entries] of pages) {
        const left = entries.filter((entry) => !drop(entry));
        if (left.length === 0) pages.delete(page);
        else if (left.length < entries.length) pages.set(page, left);
      }
    }
  }

  /** Everything that is cached. */
  *[Symbol.iterator](): Generator<Translation> {
    for (const pages of this.bySize.values()) for (const entries of pages.values()) yield* entries;
  }
}

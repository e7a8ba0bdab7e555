/**
 * Which CPU holds which translation: exact bookkeeping in place of a TLB of some size, for counting what a flush drops.
 *
 * A translation is held by a set of CPUs from when they used it until an invalidation that covers it reaches them; nothing is
 * evicted. Beside it the paging-structure caches: for every table that a walk went through, the CPUs that remember it. Global
 * entries, those of the kernel, are not kept.
 */
import type { InvalidationInstruction, Level, MmRef, Paddr, Vaddr } from '@ptemu/arch';
import { type CpuSet } from './cpu-set.js';

/** A leaf translation and who holds it. */
export interface CachedLeaf {
  readonly mm: string;
  readonly start: Vaddr;
  /** log2 of its bytes. */
  readonly shift: number;
  readonly pa: Paddr;
  readonly write: boolean;
  readonly cpus: CpuSet;
}

/** A remembered pointer to a table, and who remembers it. */
export interface CachedTable {
  readonly mm: string;
  /** Level of the entry that points to the table. */
  readonly level: Level;
  readonly start: Vaddr;
  readonly shift: number;
  readonly table: Paddr;
  readonly cpus: CpuSet;
}

/** What an invalidation covers. Without `mm` every address space, without `start` every address. */
export interface Extent {
  readonly mm?: MmRef | undefined;
  readonly start?: Vaddr | undefined;
  readonly end?: Vaddr | undefined;
}

/** Hears of each leaf that went, with the number of CPUs that lost it. */
export type OnDrop = (leaf: CachedLeaf, lost: CpuSet) => void;

type Entry = CachedLeaf | CachedTable;

/** Entries of one kind: by address space, by shift, by the number of the block of that size. */
class Shelf<E extends Entry> {
  readonly #mms = new Map<string, Map<number, Map<number, E>>>();

  add(entry: E): void {
    let shifts = this.#mms.get(entry.mm);
    if (shifts === undefined) this.#mms.set(entry.mm, (shifts = new Map()));
    let blocks = shifts.get(entry.shift);
    if (blocks === undefined) shifts.set(entry.shift, (blocks = new Map()));
    const block = Number(entry.start >> BigInt(entry.shift));
    const held = blocks.get(block);
    if (held === undefined) blocks.set(block, entry);
    else held.cpus.addAll(entry.cpus);
  }

  get(mm: string, shift: number, address: bigint): E | undefined {
    return this.#mms
      .get(mm)
      ?.get(shift)
      ?.get(Number(address >> BigInt(shift)));
  }

  *all(): Generator<E> {
    for (const shifts of this.#mms.values()) for (const blocks of shifts.values()) yield* blocks.values();
  }

  /** The entries that an extent touches. */
  *in({ mm, start, end }: Extent): Generator<E> {
    const mms = mm === undefined ? this.#mms.values() : [this.#mms.get(mm.id) ?? new Map<number, never>()];
    for (const shifts of mms as Iterable<Map<number, Map<number, E>>>) {
      for (const [shift, blocks] of shifts) {
        if (start === undefined) {
          yield* blocks.values();
          continue;
        }
        const first = Number(start >> BigInt(shift));
        const last = Number(((end ?? start + 1n) - 1n) >> BigInt(shift));
        if (last - first < blocks.size) {
          for (let block = first; block <= last; block++) {
            const entry = blocks.get(block);
            if (entry !== undefined) yield entry;
          }
        } else {
          for (const [block, entry] of blocks) if (block >= first && block <= last) yield entry;
        }
      }
    }
  }
}

/** The TLBs and paging-structure caches of all CPUs. */
export class CachedTranslations {
  readonly #leaves = new Shelf<CachedLeaf>();
  readonly #tables = new Shelf<CachedTable>();

  /** The CPUs of `leaf.cpus` have walked to it, through these tables. */
  fill(leaf: CachedLeaf, tables: readonly CachedTable[]): void {
    if (leaf.cpus.isEmpty) return;
    this.#leaves.add(leaf);
    for (const table of tables) this.#tables.add(table);
  }

  /** Carries out one invalidation on a set of CPUs. */
  drop(row: InvalidationInstruction, what: Extent, cpus: CpuSet, onDrop: OnDrop): void {
    const extent = extentOf(row, what);
    if (row.drops !== 'nothing') {
      for (const leaf of this.#leaves.in(extent)) {
        const lost = leaf.cpus.and(cpus);
        if (leaf.cpus.deleteAll(cpus) > 0) onDrop(leaf, lost);
      }
    }
    if (row.dropsWalkCache) for (const table of this.#tables.in(extent)) table.cpus.deleteAll(cpus);
  }

  /** Every leaf that some CPU holds. */
  *leaves(): Generator<CachedLeaf> {
    for (const leaf of this.#leaves.all()) if (!leaf.cpus.isEmpty) yield leaf;
  }

  /** Every table pointer that some CPU remembers. */
  *tables(): Generator<CachedTable> {
    for (const table of this.#tables.all()) if (!table.cpus.isEmpty) yield table;
  }

  /** Who holds the translation of an address, at this size. */
  holders(mm: MmRef, address: Vaddr, shift: number): CpuSet | undefined {
    return this.#leaves.get(mm.id, shift, address)?.cpus;
  }

  /**
   * Walks that bring a dropped leaf back, on each of `cpus`: a walk begins below the deepest table that its CPU still
   * remembers, and remembers what it went through. Returns the entries that are read.
   */
  refill(
    leaf: CachedLeaf,
    cpus: CpuSet,
    path: readonly { readonly level: Level; readonly shift: number }[],
  ): number {
    const left = cpus.clone();
    let references = 0;
    for (let depth = path.length - 1; depth >= 0; depth--) {
      const { shift } = path[depth]!;
      const table = this.#tables.get(leaf.mm, shift, leaf.start);
      if (table === undefined) continue;
      references += left.deleteAll(table.cpus) * (path.length - depth);
      table.cpus.addAll(cpus);
    }
    return references + left.size * (path.length + 1);
  }
}

/** What an instruction covers of what it was told. */
function extentOf(row: InvalidationInstruction, what: Extent): Extent {
  switch (row.drops) {
    case 'all':
      return {};
    case 'mm':
    case 'nothing':
      return { mm: what.mm };
    case 'address':
    case 'range':
      return what;
  }
}

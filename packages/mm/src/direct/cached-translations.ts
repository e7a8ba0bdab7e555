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

/** Entries of one kind: by address space, by shift, by the number of the block of that size. Two CPUs may hold different ones. */
class Shelf<E extends Entry> {
  readonly #mms = new Map<string, Map<number, Map<number, E[]>>>();
  readonly #same: (a: E, b: E) => boolean;

  /** @param same - Whether two entries of a block say the same. */
  constructor(same: (a: E, b: E) => boolean) {
    this.#same = same;
  }

  /** Keeps an entry; its set of CPUs stays the caller's. What those CPUs held of the block before is theirs no more. */
  add(entry: E): void {
    let shifts = this.#mms.get(entry.mm);
    if (shifts === undefined) this.#mms.set(entry.mm, (shifts = new Map()));
    let blocks = shifts.get(entry.shift);
    if (blocks === undefined) shifts.set(entry.shift, (blocks = new Map()));
    const block = Number(entry.start >> BigInt(entry.shift));
    const held = blocks.get(block);
    if (held === undefined) {
      blocks.set(block, [{ ...entry, cpus: entry.cpus.clone() }]);
      return;
    }
    for (const other of held) other.cpus.deleteAll(entry.cpus);
    const same = held.find((other) => this.#same(other, entry));
    if (same === undefined) held.push({ ...entry, cpus: entry.cpus.clone() });
    else same.cpus.addAll(entry.cpus);
  }

  get(mm: string, shift: number, address: bigint): readonly E[] {
    return (
      this.#mms
        .get(mm)
        ?.get(shift)
        ?.get(Number(address >> BigInt(shift))) ?? []
    );
  }

  *all(): Generator<E> {
    for (const shifts of this.#mms.values()) {
      for (const blocks of shifts.values()) for (const entries of blocks.values()) yield* entries;
    }
  }

  /** The entries that an extent touches. */
  *in({ mm, start, end }: Extent): Generator<E> {
    if (start === undefined) {
      for (const entry of this.all()) if (mm === undefined || entry.mm === mm.id) yield entry;
      return;
    }
    for (const [id, shifts] of this.#mms) {
      if (mm !== undefined && id !== mm.id) continue;
      for (const [shift, blocks] of shifts) {
        const first = Number(start >> BigInt(shift));
        const last = Number(((end ?? start + 1n) - 1n) >> BigInt(shift));
        if (last - first < blocks.size) {
          for (let block = first; block <= last; block++) yield* blocks.get(block) ?? [];
        } else {
          for (const [block, entries] of blocks) if (block >= first && block <= last) yield* entries;
        }
      }
    }
  }
}

/** The TLBs and paging-structure caches of all CPUs. */
export class CachedTranslations {
  readonly #leaves = new Shelf<CachedLeaf>((a, b) => a.pa === b.pa && a.write === b.write);
  readonly #tables = new Shelf<CachedTable>((a, b) => a.table === b.table);

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

  /** Who holds a translation of an address, at this size, true or not. */
  holders(mm: MmRef, address: Vaddr, shift: number): readonly CpuSet[] {
    return this.#leaves.get(mm.id, shift, address).map(({ cpus }) => cpus);
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
      const known = this.#tables.get(leaf.mm, shift, leaf.start);
      for (const table of known) references += left.deleteAll(table.cpus) * (path.length - depth);
      const newest = known.at(-1);
      if (newest !== undefined) this.#tables.add({ ...newest, cpus });
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

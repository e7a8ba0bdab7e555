/**
 * What a path holds in its hands: an mm, a VMA, a folio. These objects are immutable; every field that two threads can
 * see is a cell of the world, named here. @see Linux include/linux/mm_types.h (6.12.117)
 */
import type { MmRef, Slot, Vaddr, VmaRef } from '@ptemu/arch';

/** An address space. Counters and locks are cells: `<id>.mmap_lock`, `<id>.rss`, `<id>.nr_ptes`. */
export interface MmStruct extends MmRef {
  readonly mmap_lock: string;
  readonly rss: string;
  readonly nr_ptes: string;
}

/** A mapping. `anon_vma` names the lock of its rmap tree; `unlinked` the cell that says it has left that tree. */
export interface VmAreaStruct extends VmaRef {
  readonly vm_mm: MmStruct;
  readonly vm_start: Vaddr;
  readonly vm_end: Vaddr;
  /** Protection bits of its entries. */
  readonly vm_page_prot: bigint;
  readonly anonymous: boolean;
  readonly anon_vma: string;
  readonly unlinked: string;
  /** The pmd that maps it: the scenarios have one pmd per VMA. */
  readonly pmd: Slot<'pmd'>;
}

/** A run of frames that are allocated together: a huge page, or a small one. */
export interface Folio {
  readonly name: string;
  readonly pfn: number;
  readonly nrPages: number;
}

/** Names of a folio's cells. */
export const folioCells = (
  folio: Folio,
): {
  /** Mappings by a huge pmd (compound mapcount). */
  readonly entire: string;
  /** Mappings of its pages by ptes, summed. */
  readonly ptes: string;
  readonly ref: string;
  /** PG_dirty of any of its pages. */
  readonly dirty: string;
  /** A store has reached it since it was clean. */
  readonly stored: string;
  /** `compound`, `split` or `free`. */
  readonly state: string;
  /** A zap that covered its mapping has returned. */
  readonly zapped: string;
} => ({
  entire: `${folio.name}.entire_mapcount`,
  ptes: `${folio.name}.page_mapcounts`,
  ref: `${folio.name}.refcount`,
  dirty: `${folio.name}.dirty`,
  stored: `${folio.name}.stored`,
  state: `${folio.name}.state`,
  zapped: `${folio.name}.zapped`,
});

/** The lock that guards the entries of a table: it lies in the metadata of the table's page (split page-table locks). */
export const ptlOf = (table: string): string => `ptl:${table}`;

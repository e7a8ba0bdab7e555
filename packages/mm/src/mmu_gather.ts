/** Batching of what a zap frees until the TLBs are flushed. @see Linux mm/mmu_gather.c, include/asm-generic/tlb.h (6.12.117) */
import type { Vaddr } from '@ptemu/arch';
import type { Steps } from '@ptemu/explore';
import type { Context } from './context.js';
import { type Folio, folioCells, type MmStruct } from './mm_types.js';

/** The gather of one zap: local to its thread. */
export interface MmuGather {
  readonly mm: MmStruct;
  /** Which zap of its thread this is: what a loop that starts again depends on. */
  readonly name: string;
  readonly fullmm: boolean;
  readonly start: Vaddr;
  readonly end: Vaddr;
  /** Ptes were cleared that a TLB may hold. */
  cleared_ptes: boolean;
  /** A huge pmd was. */
  cleared_pmds: boolean;
  /** References to drop once flushed. */
  readonly pages: { readonly folio: Folio; readonly refs: number }[];
  /** Tables to free once flushed. */
  readonly tables: string[];
}

/**
 * Starts a gather. Nothing is flushed or freed before `tlb_finish_mmu`.
 * @param options.name - Tells the zaps of one thread apart; `zap` when left out, for a thread that has one.
 */
export const tlb_gather_mmu = (
  mm: MmStruct,
  range: { readonly start: Vaddr; readonly end: Vaddr },
  options: { readonly fullmm: boolean; readonly name?: string },
): MmuGather => ({
  mm,
  name: options.name ?? 'zap',
  fullmm: options.fullmm,
  ...range,
  cleared_ptes: false,
  cleared_pmds: false,
  pages: [],
  tables: [],
});

/** Queues references of a folio for after the flush. */
export function tlb_remove_page_size(tlb: MmuGather, folio: Folio, refs: number): void {
  tlb.pages.push({ folio, refs });
}

/** Queues a table for after the flush: a walker may still be in it. */
export function pte_free_tlb(tlb: MmuGather, table: string): void {
  tlb.tables.push(table);
}

/** Flushes, then frees the queued tables, then drops the queued references: the last one frees. */
export function* tlb_finish_mmu(cx: Context, tlb: MmuGather): Steps<void> {
  const c = cx.in('tlb_finish_mmu');
  const freedTables = tlb.tables.length > 0;
  if ((tlb.cleared_ptes || tlb.cleared_pmds || freedTables) && c.switches['zap.flush'] !== false) {
    const range = { start: tlb.start, end: tlb.end };
    const unmapped = tlb.cleared_ptes ? 'pte' : 'pmd';
    yield* c.sequences.tlb_flush(c, tlb.mm, range, { freedTables, full: tlb.fullmm, unmapped });
  }
  for (const table of tlb.tables) yield* c.act('free-table', table, []);
  for (const { folio, refs } of tlb.pages) {
    yield* c.act('put', folioCells(folio).ref, [refs, folio.name]);
  }
}

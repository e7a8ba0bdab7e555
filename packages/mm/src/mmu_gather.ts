/** Batching of what a zap frees until the TLBs are flushed. @see Linux mm/mmu_gather.c, include/asm-generic/tlb.h */
import type { Vaddr } from '@ptemu/arch';
import type { Steps } from '@ptemu/explore';
import type { Context } from './context.js';
import { type Folio, folioCells, type MmStruct } from './mm_types.js';

/** The gather of one zap: local to its thread. */
export interface MmuGather {
  readonly mm: MmStruct;
  readonly fullmm: boolean;
  readonly start: Vaddr;
  readonly end: Vaddr;
  /** An entry was cleared that a TLB may hold. */
  cleared: boolean;
  freedTables: boolean;
  /** References to drop once flushed. */
  readonly pages: { readonly folio: Folio; readonly refs: number }[];
}

/** Starts a gather. Nothing is flushed or freed before `tlb_finish_mmu`. */
export const tlb_gather_mmu = (
  mm: MmStruct,
  range: { readonly start: Vaddr; readonly end: Vaddr },
  options: { readonly fullmm: boolean },
): MmuGather => ({ mm, fullmm: options.fullmm, ...range, cleared: false, freedTables: false, pages: [] });

/** Queues references of a folio for after the flush. */
export function tlb_remove_page_size(tlb: MmuGather, folio: Folio, refs: number): void {
  tlb.pages.push({ folio, refs });
}

/** Flushes, then drops the queued references: the last one frees. */
export function* tlb_finish_mmu(cx: Context, tlb: MmuGather): Steps<void> {
  const c = cx.in('tlb_finish_mmu');
  if ((tlb.cleared || tlb.freedTables) && c.switches['zap.flush'] !== false) {
    const range = { start: tlb.start, end: tlb.end };
    yield* c.sequences.tlb_flush(c, tlb.mm, range, { freedTables: tlb.freedTables, full: tlb.fullmm });
  }
  for (const { folio, refs } of tlb.pages) {
    yield* c.act('put', folioCells(folio).ref, [refs, folio.name]);
  }
}

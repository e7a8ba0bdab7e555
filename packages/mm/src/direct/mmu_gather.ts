/** Batching of what a zap frees until the TLBs are flushed. @see Linux mm/mmu_gather.c, include/asm-generic/tlb.h (6.12.117) */
import { type Level, LEVELS, type Vaddr, __vaddr } from '@ptemu/arch';
import type { Steps } from '@ptemu/explore';
import type { DirectContext } from './context.js';
import type { DirectMm } from './mm_types.js';

/** The gather of one zap. */
export interface MmuGather {
  readonly mm: DirectMm;
  readonly fullmm: boolean;
  /** Addresses whose translations must go; empty while `end` is 0. */
  start: Vaddr;
  end: Vaddr;
  /** Levels of the entries that were cleared: `cleared_ptes`, `cleared_pmds`, ... */
  readonly cleared: Set<Level>;
  freed_tables: boolean;
  /** Size of the pages gathered so far, where the architecture keeps to one. */
  page_size: number;
  /** Pages that wait for the flush, and what is to be done after it. */
  pages: number;
  readonly after: (() => void)[];
}

/** Pages that the first bundle of a gather holds. @see Linux include/asm-generic/tlb.h, `MMU_GATHER_BUNDLE` (6.12.117) */
const MMU_GATHER_BUNDLE = 8;

export const tlb_gather_mmu = (mm: DirectMm, options: { readonly fullmm: boolean }): MmuGather => ({
  mm,
  fullmm: options.fullmm,
  start: __vaddr(0n),
  end: __vaddr(0n),
  cleared: new Set(),
  freed_tables: false,
  page_size: 0,
  pages: 0,
  after: [],
});

/**
 * Flushes when pages of another size begin, on an architecture whose gather holds one size only.
 * @see Linux include/asm-generic/tlb.h, `tlb_change_page_size` with CONFIG_MMU_GATHER_PAGE_SIZE (6.12.117)
 */
export function* tlb_change_page_size(cx: DirectContext, tlb: MmuGather, sizeBytes: number): Steps<void> {
  if (cx.arch.tlb.gathersOneSize !== true) return;
  if (tlb.page_size !== 0 && tlb.page_size !== sizeBytes && !tlb.fullmm) yield* tlb_flush_mmu(cx, tlb);
  tlb.page_size = sizeBytes;
}

/**
 * An entry of a level was cleared: the range grows by it.
 * @see Linux include/asm-generic/tlb.h, `__tlb_adjust_range`, `tlb_flush_pte_range`, `tlb_flush_pmd_range` (6.12.117)
 */
export function tlb_flush_level_range(
  tlb: MmuGather,
  level: Level,
  address: bigint,
  sizeBytes: number,
): void {
  const end = address + BigInt(sizeBytes);
  tlb.start = __vaddr(tlb.end === 0n || address < tlb.start ? address : tlb.start);
  tlb.end = __vaddr(end > tlb.end ? end : tlb.end);
  tlb.cleared.add(level);
}

/**
 * A table is freed after the flush. Its range is one page at the table's first address, as the kernel has it: what flushes the
 * walk caches for it is `freed_tables`.
 * @see Linux include/asm-generic/tlb.h, `pte_free_tlb`, `pmd_free_tlb` (6.12.117)
 */
export function tableFree(
  tlb: MmuGather,
  level: Level,
  address: bigint,
  pageBytes: number,
  free: () => void,
): void {
  tlb_flush_level_range(tlb, level, address, pageBytes);
  tlb.freed_tables = true;
  tlb.after.push(free);
}

/**
 * Queues a page, and flushes when the gather is full: after some 10 000 pages, whatever the page size.
 * @see Linux mm/mmu_gather.c, `__tlb_remove_page_size`, `tlb_next_batch`; asm-generic/tlb.h, `MAX_GATHER_BATCH_COUNT` (6.12.117)
 */
export function* tlb_remove_page(cx: DirectContext, tlb: MmuGather, free: () => void): Steps<void> {
  tlb.after.push(free);
  tlb.pages++;
  const perBatch = (cx.machine.layout.PAGE_SIZE - 16) / 8;
  const most = MMU_GATHER_BUNDLE + Math.floor(10_000 / perBatch) * perBatch;
  if (tlb.pages >= most) yield* tlb_flush_mmu(cx, tlb);
}

/** Flushes what was gathered, then frees it. Nothing is issued where nothing was cleared. */
export function* tlb_flush_mmu(cx: DirectContext, tlb: MmuGather): Steps<void> {
  if (tlb.cleared.size > 0) {
    const range = { start: tlb.start, end: tlb.end };
    // Since 4.20 the gather knows which levels were cleared; an architecture of an older kernel does not look at it.
    const unmapped = LEVELS.findLast((level) => tlb.cleared.has(level)) ?? 'pte';
    yield* cx.sequences.tlb_flush(cx.cpu, tlb.mm, range, {
      freedTables: tlb.freed_tables,
      full: tlb.fullmm,
      unmapped,
      ...(tlb.page_size !== 0 && { pageBytes: tlb.page_size }),
    });
  }
  tlb.start = tlb.end = __vaddr(0n);
  tlb.cleared.clear();
  tlb.freed_tables = false;
  tlb.pages = 0;
  for (const free of tlb.after.splice(0)) free();
}

export const tlb_finish_mmu: typeof tlb_flush_mmu = tlb_flush_mmu;

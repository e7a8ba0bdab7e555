/** Unmapping pages for reclaim. @see Linux mm/rmap.c */
import { type Vaddr } from '@ptemu/arch';
import type { Steps } from '@ptemu/explore';
import type { DirectContext } from './context.js';
import type { DirectVma } from './mm_types.js';

/** Pages that reclaim takes in one go, with one flush of the batch. @see Linux include/linux/swap.h, `SWAP_CLUSTER_MAX` (6.12.117) */
export const SWAP_CLUSTER_MAX = 32;

/**
 * Unmaps one page. Where the architecture batches, nothing has been waited for yet on return: `try_to_unmap_flush` does. Else the
 * page is flushed at once. The swap entry that takes its place is not written: no TLB can tell.
 * @see Linux mm/rmap.c, `try_to_unmap_one`, `should_defer_flush`, `set_tlb_ubc_flush_pending` (6.1.192, 6.12.117)
 */
export function* try_to_unmap_one(cx: DirectContext, vma: DirectVma, address: Vaddr): Steps<void> {
  const { cpu, sequences, tables } = cx;
  const pmd = tables.pmd_offset(vma.vm_mm, address);
  const table = pmd && tables.tableAt(pmd);
  if (table === undefined) return;
  const slot = tables.pte_offset(table, address);
  const { arch_tlbbatch_add_pending } = sequences;
  let old: bigint;
  if (arch_tlbbatch_add_pending !== undefined) {
    old = yield* sequences.ptep_get_and_clear(cpu, vma.vm_mm, address, slot);
    yield* arch_tlbbatch_add_pending(cpu, vma.vm_mm, address);
  } else {
    old = yield* sequences.ptep_clear_flush(cpu, vma, address, slot);
  }
  vma.vm_mm.rss--;
  cx.machine.pages.free(cx.pte.pte_pfn(old));
}

/** Waits for what was put off: once for a batch of pages. @see Linux mm/rmap.c, `try_to_unmap_flush` (6.12.117) */
export function* try_to_unmap_flush(cx: DirectContext, vma: DirectVma): Steps<void> {
  const { arch_tlbbatch_flush } = cx.sequences;
  if (arch_tlbbatch_flush !== undefined) yield* arch_tlbbatch_flush(cx.cpu, vma.vm_mm);
}

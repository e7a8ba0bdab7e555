/** Dropping pages while the process runs on. @see Linux mm/madvise.c */
import type { Vaddr } from '@ptemu/arch';
import type { Steps } from '@ptemu/explore';
import type { DirectContext } from './context.js';
import { unmap_page_range } from './memory.js';
import type { DirectVma } from './mm_types.js';
import { tlb_finish_mmu, tlb_gather_mmu } from './mmu_gather.js';

/** MADV_DONTNEED: the pages go, the tables stay. @see Linux mm/memory.c, `zap_page_range_single` (6.1.192, 6.12.117) */
export function* madvise_dontneed_single_vma(
  cx: DirectContext,
  vma: DirectVma,
  start: Vaddr,
  end: Vaddr,
): Steps<void> {
  const tlb = tlb_gather_mmu(vma.vm_mm, { fullmm: false });
  yield* unmap_page_range(cx, tlb, vma, start, end);
  yield* tlb_finish_mmu(cx, tlb);
}

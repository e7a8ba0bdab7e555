/** Removing a mapping. @see Linux mm/mmap.c */
import type { Steps } from '@ptemu/explore';
import type { DirectContext } from './context.js';
import { free_pgtables, unmap_page_range } from './memory.js';
import type { DirectVma } from './mm_types.js';
import { tlb_finish_mmu, tlb_gather_mmu } from './mmu_gather.js';

/**
 * Takes a whole VMA away: its pages, and the tables that nothing else uses. One flush covers both.
 * @see Linux mm/mmap.c, `unmap_region` (6.1.192, 6.12.117)
 */
export function* unmap_region(cx: DirectContext, vma: DirectVma): Steps<void> {
  const { vmas } = vma.vm_mm;
  vmas.splice(vmas.indexOf(vma), 1);
  const tlb = tlb_gather_mmu(vma.vm_mm, { fullmm: false });
  yield* unmap_page_range(cx, tlb, vma, vma.vm_start, vma.vm_end);
  yield* free_pgtables(cx, tlb, vma, vma.vm_start, vma.vm_end);
  yield* tlb_finish_mmu(cx, tlb);
}

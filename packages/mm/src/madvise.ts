/** Dropping a range while the process runs on. @see Linux mm/madvise.c, `madvise_dontneed_single_vma` (4.5: `madvise_dontneed`) */
import type { Steps } from '@ptemu/explore';
import type { Context } from './context.js';
import type { Frames } from './frames.js';
import { zap_pmd_range } from './memory.js';
import type { VmAreaStruct } from './mm_types.js';
import { tlb_finish_mmu, tlb_gather_mmu } from './mmu_gather.js';

/**
 * MADV_DONTNEED on the whole VMA. It holds mmap_lock for reading, as faults do, so neither excludes the other; the
 * lock has no writer in the scenarios that use this, and takes no step.
 */
export function* madvise_dontneed(cx: Context, vma: VmAreaStruct, frames: Frames): Steps<void> {
  const c = cx.in('madvise_dontneed');
  const tlb = tlb_gather_mmu(vma.vm_mm, { start: vma.vm_start, end: vma.vm_end }, { fullmm: false });
  yield* zap_pmd_range(c, tlb, vma, frames, vma.vm_start);
  yield* tlb_finish_mmu(c, tlb);
  yield* c.act('zap-done', 'madvise', []);
}

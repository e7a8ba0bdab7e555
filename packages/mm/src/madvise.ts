/** Dropping a range while the process runs on. @see Linux mm/madvise.c, `madvise_dontneed_single_vma` (6.12.117) */
import type { Steps } from '@ptemu/explore';
import type { Context } from './context.js';
import type { Frames } from './frames.js';
import { zap_pmd_range } from './memory.js';
import type { VmAreaStruct } from './mm_types.js';
import { tlb_finish_mmu, tlb_gather_mmu } from './mmu_gather.js';

/**
 * MADV_DONTNEED on the whole VMA. It holds mmap_lock for reading, as faults do, so neither excludes the other; the
 * lock has no writer in the scenarios that use this, and takes no step.
 *
 * @param options.n - Number of the call in its thread, where one makes several.
 * @see Linux mm/memory.c, `zap_page_range_single` (6.12.117)
 */
export function* madvise_dontneed(
  cx: Context,
  vma: VmAreaStruct,
  frames: Frames,
  options: { readonly n?: number } = {},
): Steps<void> {
  const c = cx.in('madvise_dontneed');
  const range = { start: vma.vm_start, end: vma.vm_end };
  const tlb = tlb_gather_mmu(vma.vm_mm, range, { fullmm: false, name: `madvise#${options.n ?? 0}` });
  yield* zap_pmd_range(c, tlb, vma, frames, vma.vm_start);
  yield* tlb_finish_mmu(c, tlb);
  yield* c.act('zap-done', 'madvise', []);
}

/** Copying an address space. @see Linux kernel/fork.c */
import type { Steps } from '@ptemu/explore';
import type { DirectContext } from './context.js';
import { copy_page_range } from './memory.js';
import type { DirectMm, DirectVma } from './mm_types.js';

/**
 * Copies the private writable mappings of an mm; what is only read is faulted in anew by the child (`vma_needs_copy`). The parent's
 * address space is flushed as a whole in the end: its pages have become read-only.
 * @see Linux kernel/fork.c, `dup_mmap` (6.1.192, 6.12.117)
 */
export function* dup_mmap(cx: DirectContext, oldmm: DirectMm): Steps<DirectMm> {
  const mm = cx.tables.mm_alloc();
  for (const vma of oldmm.vmas) {
    const child: DirectVma = { ...vma, vm_mm: mm };
    mm.vmas.push(child);
    if (vma.written) yield* copy_page_range(cx, vma, child);
  }
  yield* cx.sequences.flush_tlb_mm(cx.cpu, oldmm);
  return mm;
}

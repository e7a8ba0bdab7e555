/** The end of an address space. @see Linux mm/mmap.c, `exit_mmap`; mm/memory.c, `free_pgtables`; kernel/fork.c, `check_mm` */
import type { Steps } from '@ptemu/explore';
import type { Context } from './context.js';
import type { Frames } from './frames.js';
import { zap_pmd_range } from './memory.js';
import type { VmAreaStruct } from './mm_types.js';
import { type MmuGather, pte_free_tlb, tlb_finish_mmu, tlb_gather_mmu } from './mmu_gather.js';
import { pmd_none_or_clear_bad } from './pgtable-generic.js';
import { unlink_anon_vmas } from './rmap.js';

/**
 * Tears down an address space that nobody runs any more: zaps, takes the VMA out of the rmap, unlinks the tables, flushes
 * and frees, and checks the counters. Whoever reaches the VMA through the rmap can still be at work until it is unlinked.
 * @see Linux mm/mmap.c, `exit_mmap` (6.1.192, 6.12.117)
 */
export function* exit_mmap(cx: Context, vma: VmAreaStruct, frames: Frames): Steps<void> {
  const c = cx.in('exit_mmap');
  const range = { start: vma.vm_start, end: vma.vm_end };
  const tlb = tlb_gather_mmu(vma.vm_mm, range, { fullmm: true, name: 'exit' });
  yield* zap_pmd_range(c, tlb, vma, frames, vma.vm_start);
  yield* unlink_anon_vmas(c, vma);
  yield* free_pgtables(c, tlb, vma);
  yield* tlb_finish_mmu(c, tlb);
  yield* c.act('zap-done', 'exit', []);
  yield* c.in('check_mm').act('check-mm', vma.vm_mm.id, []);
}

/**
 * Unlinks the pte table. It is freed with the gather, after the flush.
 * @see Linux mm/memory.c, `free_pgtables`, `free_pmd_range`, `free_pte_range` (6.1.192, 6.12.117)
 */
function* free_pgtables(cx: Context, tlb: MmuGather, vma: VmAreaStruct): Steps<void> {
  const c = cx.in('free_pgtables');
  const table = yield* pmd_none_or_clear_bad(c, vma);
  if (table === undefined) return;
  yield* c.sequences.pmd_clear(c, vma.pmd);
  pte_free_tlb(tlb, table.name);
  yield* c.account(vma.vm_mm.nr_ptes, -1);
}

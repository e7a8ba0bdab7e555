/** The end of an address space. @see Linux mm/mmap.c, `exit_mmap`; mm/memory.c, `free_pgtables`; kernel/fork.c, `check_mm` */
import type { Steps } from '@ptemu/explore';
import type { Context } from './context.js';
import type { Frames } from './frames.js';
import { zap_pmd_range } from './memory.js';
import type { VmAreaStruct } from './mm_types.js';
import { type MmuGather, tlb_finish_mmu, tlb_gather_mmu } from './mmu_gather.js';
import { pmd_pgtable } from './page-table.js';

/**
 * Tears down an address space that nobody runs any more: zaps, takes the VMA out of the rmap, frees the tables, flushes,
 * and checks the counters. Whoever reaches the VMA through the rmap can still be at work until it is unlinked.
 */
export function* exit_mmap(cx: Context, vma: VmAreaStruct, frames: Frames): Steps<void> {
  const c = cx.in('exit_mmap');
  const tlb = tlb_gather_mmu(vma.vm_mm, { start: vma.vm_start, end: vma.vm_end }, { fullmm: true });
  yield* zap_pmd_range(c, tlb, vma, frames, vma.vm_start);
  yield* unlink_anon_vmas(c, vma);
  yield* free_pgtables(c, tlb, vma);
  yield* tlb_finish_mmu(c, tlb);
  yield* c.act('zap-done', 'exit', []);
  yield* c.in('check_mm').act('check-mm', vma.vm_mm.id, []);
}

/** Takes the VMA out of the rmap: waits for rmap walks, and later ones do not find it. @see Linux mm/rmap.c */
function* unlink_anon_vmas(cx: Context, vma: VmAreaStruct): Steps<void> {
  const c = cx.in('unlink_anon_vmas');
  yield* c.down_write(vma.anon_vma);
  yield* c.write(vma.unlinked, true);
  yield* c.up_write(vma.anon_vma);
}

function* free_pgtables(cx: Context, tlb: MmuGather, vma: VmAreaStruct): Steps<void> {
  const c = cx.in('free_pgtables');
  const entry = yield* c.load(vma.pmd);
  if (c.pmd.pmd_none(entry)) return;
  const table = pmd_pgtable(c, entry);
  if (table === undefined) {
    yield* c.bug_on(true, `bad pmd 0x${entry.toString(16)}`);
    return;
  }
  yield* c.sequences.pmd_clear(c, vma.pmd);
  tlb.freedTables = true;
  yield* c.act('free-table', table.name, []);
  yield* c.account(vma.vm_mm.nr_ptes, -1);
}

/** Making a huge page of small ones. @see Linux mm/khugepaged.c */
import { type Vaddr, __vaddr } from '@ptemu/arch';
import type { Steps } from '@ptemu/explore';
import type { DirectContext } from './context.js';
import type { DirectVma } from './mm_types.js';

/**
 * Replaces the pte table of a block by a huge page that holds copies of its pages. The pmd is cleared and flushed first, so that
 * nobody writes to the small pages any more; from 6.1 on an interrupt to every CPU then waits for lock-less walkers. The huge page is
 * mapped without a flush: nothing was mapped there.
 * @see Linux mm/khugepaged.c, `collapse_huge_page`, `__collapse_huge_page_copy` (6.1.192, 6.12.117)
 */
export function* collapse_huge_page(cx: DirectContext, vma: DirectVma, address: Vaddr): Steps<void> {
  const { cpu, kernel, sequences, tables } = cx;
  const { HPAGE_PMD_NR, PAGE_SIZE } = cx.machine.layout;
  const pmd = tables.pmd_alloc(vma.vm_mm, address);
  const table = tables.tableAt(pmd);
  if (table === undefined) return;
  yield* (sequences.pmdp_collapse_flush ?? sequences.pmdp_huge_clear_flush)(cpu, vma, address, pmd);
  if (kernel.has('2ba99c5e0881')) yield* cpu.in('tlb_remove_table_sync_one').crossCall({});
  for (let i = 0; i < HPAGE_PMD_NR; i++) {
    const at = __vaddr(address + BigInt(i * PAGE_SIZE));
    const slot = tables.pte_offset(table, at);
    const old = cx.machine.memory.load(slot.paddr);
    if (cx.pte.pte_none(old)) continue;
    yield* sequences.pte_clear(cpu, vma.vm_mm, at, slot);
    cx.machine.pages.free(cx.pte.pte_pfn(old));
  }
  const pfn = cx.machine.pages.takeBlock();
  let entry: bigint = cx.pmd.pmd_mkhuge(cx.pmd.pfn_pmd(pfn, vma.vm_page_prot));
  entry = cx.pmd.pmd_mkyoung(cx.pmd.pmd_mkwrite(cx.pmd.pmd_mkdirty(entry), vma));
  yield* sequences.pgtable_trans_huge_deposit(cpu, vma.vm_mm, pmd, table);
  yield* sequences.set_pmd_at(cpu, vma.vm_mm, address, pmd, entry);
}

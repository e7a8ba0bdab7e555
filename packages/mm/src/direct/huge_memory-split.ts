/** Splitting a huge pmd in direct mode. @see Linux mm/huge_memory.c; fact sheet 3.1 for the order by release */
import { type Paddr, type Slot, type Vaddr, __vaddr } from '@ptemu/arch';
import type { Steps } from '@ptemu/explore';
import type { DirectContext } from './context.js';
import type { DirectVma } from './mm_types.js';

/**
 * Splits a huge pmd into a table of ptes that map the same pages. Up to 4.4 the pmd is first marked as splitting; up to 4.15
 * the table is filled before the entry is invalidated, later after.
 * @see Linux mm/huge_memory.c, `__split_huge_pmd_locked` (6.1.192, 6.12.117); fact sheet 3.1
 */
export function* __split_huge_pmd(
  cx: DirectContext,
  vma: DirectVma,
  pmd: Slot<'pmd'>,
  haddr: Vaddr,
): Steps<void> {
  const { cpu, kernel, sequences } = cx;
  const mm = vma.vm_mm;
  const late = !kernel.has('d52605d7cb30');
  if (!kernel.has('pmd-splitting-removed'))
    yield* sequences.pmdp_splitting_flush?.(cpu, vma, haddr, pmd) ?? none();
  let old: bigint = cx.machine.memory.load(pmd.paddr);
  if (!late) old = yield* sequences.pmdp_invalidate(cpu, vma, haddr, pmd);
  else yield* sequences.pmdp_huge_split_prepare?.(cpu, vma, haddr, pmd) ?? none();
  const table = yield* sequences.pgtable_trans_huge_withdraw(cpu, mm, pmd);
  yield* fillSplitTable(cx, vma, table, haddr, old);
  if (late) yield* sequences.pmdp_invalidate(cpu, vma, haddr, pmd);
  yield* sequences.pmd_populate(cpu, mm, pmd, table);
}

function* none(): Steps<void> {}

/** Ptes for the pages of the huge page, with what its entry allowed and recorded. */
function* fillSplitTable(
  cx: DirectContext,
  vma: DirectVma,
  table: Paddr,
  haddr: Vaddr,
  old: bigint,
): Steps<void> {
  const { HPAGE_PMD_NR, PAGE_SIZE } = cx.machine.layout;
  const pfn = cx.pmd.pmd_pfn(old);
  const dirty = cx.pmd.pmd_dirty(old) && cx.kernel.has('split-keeps-pte-dirty');
  for (let i = 0; i < HPAGE_PMD_NR; i++) {
    const address = __vaddr(haddr + BigInt(i * PAGE_SIZE));
    let entry: bigint = cx.pte.pfn_pte(pfn + i, vma.vm_page_prot);
    entry = cx.pmd.pmd_write(old) ? cx.pte.pte_mkwrite(entry, vma) : cx.pte.pte_wrprotect(entry);
    if (cx.pmd.pmd_young(old)) entry = cx.pte.pte_mkyoung(entry);
    if (dirty) entry = cx.pte.pte_mkdirty(entry);
    yield* cx.sequences.set_pte_at(cx.cpu, vma.vm_mm, address, cx.tables.pte_offset(table, address), entry);
  }
}

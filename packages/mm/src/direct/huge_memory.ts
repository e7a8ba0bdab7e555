/** Huge pages in direct mode: mapping, zapping, splitting. @see Linux mm/huge_memory.c */
import { type Slot, type Vaddr, __paddr, __pfn, __vaddr } from '@ptemu/arch';
import type { Steps } from '@ptemu/explore';
import type { DirectContext } from './context.js';
import type { DirectVma } from './mm_types.js';
import { type MmuGather, tlb_flush_level_range, tlb_remove_page } from './mmu_gather.js';

/** Frees the table that was put aside for a huge pmd. @see Linux mm/huge_memory.c, `zap_deposited_table` (6.12.117) */
export function* zap_deposited_table(cx: DirectContext, vma: DirectVma, pmd: Slot<'pmd'>): Steps<void> {
  const table = yield* cx.sequences.pgtable_trans_huge_withdraw(cx.cpu, vma.vm_mm, pmd);
  cx.tables.pte_free(table);
  vma.vm_mm.nr_ptes--;
}

/** Zaps a huge pmd; its page goes with the gather. @see Linux mm/huge_memory.c, `zap_huge_pmd` (6.1.192, 6.12.117) */
export function* zap_huge_pmd(
  cx: DirectContext,
  tlb: MmuGather,
  vma: DirectVma,
  pmd: Slot<'pmd'>,
  addr: Vaddr,
): Steps<void> {
  const { HPAGE_PMD_NR, HPAGE_PMD_SIZE } = cx.machine.layout;
  const full = cx.sequences.pmdp_huge_get_and_clear_full;
  const orig =
    full === undefined
      ? yield* cx.sequences.pmdp_huge_get_and_clear(cx.cpu, vma.vm_mm, addr, pmd)
      : yield* full(cx.cpu, vma, addr, pmd, { full: tlb.fullmm });
  tlb_flush_level_range(tlb, 'pmd', addr, HPAGE_PMD_SIZE);
  yield* zap_deposited_table(cx, vma, pmd);
  vma.vm_mm.rss -= HPAGE_PMD_NR;
  const pfn = cx.pmd.pmd_pfn(orig);
  yield* tlb_remove_page(cx, tlb, () => cx.machine.memory.free(__pfn(pfn), HPAGE_PMD_NR));
}

/** The aligned block of a huge page that holds an address. */
export const hugeStart = (cx: DirectContext, address: bigint): Vaddr =>
  __vaddr(address & -BigInt(cx.machine.layout.HPAGE_PMD_SIZE));

/**
 * Maps a new huge page, with a table put aside for when it is split. Returns false when the VMA does not hold the whole block.
 * @see Linux mm/huge_memory.c, `do_huge_pmd_anonymous_page`, `__do_huge_pmd_anonymous_page` (6.1.192, 6.12.117)
 */
export function* do_huge_pmd_anonymous_page(
  cx: DirectContext,
  vma: DirectVma,
  pmd: Slot<'pmd'>,
  address: Vaddr,
): Steps<boolean> {
  const { HPAGE_PMD_NR, HPAGE_PMD_SIZE } = cx.machine.layout;
  const haddr = hugeStart(cx, address);
  if (haddr < vma.vm_start || haddr + BigInt(HPAGE_PMD_SIZE) > vma.vm_end) return false;
  const pfn = cx.machine.memory.allocateFrames('data', HPAGE_PMD_NR);
  const table = cx.tables.pte_alloc_one();
  let entry: bigint = cx.pmd.pmd_mkhuge(cx.pmd.pfn_pmd(pfn, vma.vm_page_prot));
  entry = cx.pmd.pmd_mkyoung(cx.pmd.pmd_mkwrite(cx.pmd.pmd_mkdirty(entry), vma));
  yield* cx.sequences.pgtable_trans_huge_deposit(cx.cpu, vma.vm_mm, pmd, __paddr(table));
  yield* cx.sequences.set_pmd_at(cx.cpu, vma.vm_mm, haddr, pmd, entry);
  vma.vm_mm.rss += HPAGE_PMD_NR;
  vma.vm_mm.nr_ptes++;
  return true;
}

/** Huge pages in direct mode: mapping, zapping, splitting. @see Linux mm/huge_memory.c */
import { type Slot, type Vaddr, __paddr, __vaddr } from '@ptemu/arch';
import type { Steps } from '@ptemu/explore';
import type { DirectContext } from './context.js';
import type { DirectVma } from './mm_types.js';
import {
  type MmuGather,
  tlb_change_page_size,
  tlb_flush_level_range,
  tlb_remove_page,
} from './mmu_gather.js';

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
  yield* tlb_change_page_size(cx, tlb, HPAGE_PMD_SIZE);
  const full = cx.sequences.pmdp_huge_get_and_clear_full;
  const orig =
    full === undefined
      ? yield* cx.sequences.pmdp_huge_get_and_clear(cx.cpu, vma.vm_mm, addr, pmd)
      : yield* full(cx.cpu, vma, addr, pmd, { full: tlb.fullmm });
  tlb_flush_level_range(tlb, 'pmd', addr, HPAGE_PMD_SIZE);
  yield* zap_deposited_table(cx, vma, pmd);
  vma.vm_mm.rss -= HPAGE_PMD_NR;
  const pfn = cx.pmd.pmd_pfn(orig);
  yield* tlb_remove_page(cx, tlb, () => cx.machine.pages.freeBlock(pfn));
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
  const pfn = cx.machine.pages.takeBlock();
  const table = cx.tables.pte_alloc_one();
  let entry: bigint = cx.pmd.pmd_mkhuge(cx.pmd.pfn_pmd(pfn, vma.vm_page_prot));
  entry = cx.pmd.pmd_mkyoung(cx.pmd.pmd_mkwrite(cx.pmd.pmd_mkdirty(entry), vma));
  yield* cx.sequences.pgtable_trans_huge_deposit(cx.cpu, vma.vm_mm, pmd, __paddr(table));
  yield* cx.sequences.set_pmd_at(cx.cpu, vma.vm_mm, haddr, pmd, entry);
  vma.vm_mm.rss += HPAGE_PMD_NR;
  vma.vm_mm.nr_ptes++;
  return true;
}

/**
 * Changes the protection of a huge pmd. Up to 4.10 it passed through none; later it is invalidated, with a flush of its own, and
 * where the gather comes after (5.19, here 6.1) without one on an architecture that needs none.
 * @see Linux mm/huge_memory.c, `change_huge_pmd` (6.1.192, 6.12.117; older by fact sheet 3.5)
 */
export function* change_huge_pmd(
  cx: DirectContext,
  tlb: MmuGather,
  vma: DirectVma,
  pmd: Slot<'pmd'>,
  addr: Vaddr,
  newprot: bigint,
): Steps<void> {
  const { cpu, kernel, sequences } = cx;
  const { HPAGE_PMD_SIZE } = cx.machine.layout;
  yield* tlb_change_page_size(cx, tlb, HPAGE_PMD_SIZE);
  let old: bigint = cx.machine.memory.load(pmd.paddr);
  if (!kernel.has('ced108037c2a')) {
    old = yield* sequences.pmdp_huge_get_and_clear(cpu, vma.vm_mm, addr, pmd);
  } else {
    const ad = kernel.has('pmdp-invalidate-ad') ? sequences.pmdp_invalidate_ad : undefined;
    const invalidated = yield* (ad ?? sequences.pmdp_invalidate)(cpu, vma, addr, pmd);
    if (kernel.has('d52605d7cb30')) old = invalidated;
  }
  yield* sequences.set_pmd_at(cpu, vma.vm_mm, addr, pmd, cx.pmd.pmd_modify(old, newprot));
  tlb_flush_level_range(tlb, 'pmd', addr, HPAGE_PMD_SIZE);
}

/**
 * Moves a huge pmd, with the table that was put aside for it where the locks of the two tables differ. Flushed at once from 4.9
 * on, when it was dirty, which it is; by the caller before. Returns whether the caller has to flush.
 * @see Linux mm/huge_memory.c, `move_huge_pmd` (6.1.192, 6.12.117; 4.9 to 4.19 in msm-4.14)
 */
export function* move_huge_pmd(
  cx: DirectContext,
  vma: DirectVma,
  from: { readonly pmd: Slot<'pmd'>; readonly addr: Vaddr },
  to: { readonly pmd: Slot<'pmd'>; readonly addr: Vaddr },
): Steps<boolean> {
  const { cpu, sequences } = cx;
  const mm = vma.vm_mm;
  const entry = yield* sequences.pmdp_huge_get_and_clear(cpu, mm, from.addr, from.pmd);
  const table = yield* sequences.pgtable_trans_huge_withdraw(cpu, mm, from.pmd);
  yield* sequences.pgtable_trans_huge_deposit(cpu, mm, to.pmd, table);
  yield* sequences.set_pmd_at(cpu, mm, to.addr, to.pmd, entry);
  if (!cx.kernel.has('5d1904204c99')) return true;
  const range = { start: from.addr, end: __vaddr(from.addr + BigInt(cx.machine.layout.HPAGE_PMD_SIZE)) };
  const flush = cx.kernel.has('7c38f1812d5b') ? sequences.flush_pmd_tlb_range : sequences.flush_tlb_range;
  yield* flush(cpu, vma, range);
  return false;
}

/**
 * Shares a huge page with a child: write-protected in both. The child gets a table to put aside as well.
 * @see Linux mm/huge_memory.c, `copy_huge_pmd` (6.1.192, 6.12.117)
 */
export function* copy_huge_pmd(
  cx: DirectContext,
  vma: DirectVma,
  child: DirectVma,
  pmd: Slot<'pmd'>,
  addr: Vaddr,
): Steps<void> {
  const { cpu, sequences } = cx;
  const entry = cx.machine.memory.load(pmd.paddr);
  const to = cx.tables.pmd_alloc(child.vm_mm, addr);
  yield* sequences.pmdp_set_wrprotect(cpu, vma.vm_mm, addr, pmd);
  yield* sequences.pgtable_trans_huge_deposit(cpu, child.vm_mm, to, cx.tables.pte_alloc_one());
  yield* sequences.set_pmd_at(cpu, child.vm_mm, addr, to, cx.pmd.pmd_mkold(cx.pmd.pmd_wrprotect(entry)));
  child.vm_mm.rss += cx.machine.layout.HPAGE_PMD_NR;
  child.vm_mm.nr_ptes++;
}

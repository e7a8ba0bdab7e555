/** Huge pages: zapping a pmd, faulting on it. What splits them is in `huge_memory-split.ts`. @see Linux mm/huge_memory.c */
import type { Slot, Vaddr } from '@ptemu/arch';
import type { Steps } from '@ptemu/explore';
import type { Context } from './context.js';
import { type Folio, folioCells, ptlOf, type VmAreaStruct } from './mm_types.js';
import { type MmuGather, tlb_remove_page_size } from './mmu_gather.js';
import { thp_migration_supported } from './pgtable-generic.js';

/** The lock of a pmd table: one per table page. */
export const pmd_lockptr = (cx: Context, pmd: Slot<'pmd'>): string => {
  const region = cx.machine.regionAt(pmd.paddr);
  return ptlOf(region?.name ?? 'mm');
};

/**
 * Zaps a huge pmd. Returns false when the pmd is no longer huge under the lock: then the caller goes on with its table.
 * The deposited table goes after the entry is cleared (powerpc hash looks into it to find what to flush), and at once:
 * nobody walks it. The page goes with the gather.
 * @see Linux mm/huge_memory.c, `zap_huge_pmd`, `__pmd_trans_huge_lock`, `zap_deposited_table` (6.1.192, 6.12.117)
 */
export function* zap_huge_pmd(
  cx: Context,
  tlb: MmuGather,
  vma: VmAreaStruct,
  folio: Folio,
  addr: Vaddr,
): Steps<boolean> {
  const c = cx.in('zap_huge_pmd');
  const mm = vma.vm_mm;
  const ptl = pmd_lockptr(c, vma.pmd);
  const locked = c.switches['zap.recheck'] !== false;
  if (locked) {
    yield* c.lock(ptl);
    const entry = yield* c.load(vma.pmd);
    if (!isHugeForZap(c, entry)) {
      yield* c.unlock(ptl);
      return false;
    }
  }
  const orig = yield* getAndClearFull(c, tlb, vma, addr);
  tlb.cleared_pmds = true;
  if (c.kernel.has('616b8371539a') && !c.pmd.pmd_present(orig)) {
    const why = thp_migration_supported(c) ? 'is no migration entry' : 'without pmd migration: page is NULL';
    yield* c.bug_on(true, `non-present huge pmd 0x${orig.toString(16)} ${why}`);
  } else {
    const cells = folioCells(folio);
    yield* c.account(
      cells.entire,
      -1,
      mm.rss,
      -folio.nrPages,
      ...(c.pmd.pmd_dirty(orig) && !vma.anonymous ? [cells.dirty, 1] : []),
    );
    tlb_remove_page_size(tlb, folio, 1);
  }
  if (vma.anonymous || c.sequences.arch_needs_pgtable_deposit()) yield* zap_deposited_table(c, vma);
  if (locked) yield* c.unlock(ptl);
  return true;
}

/** Whether zap takes a pmd for huge: since 4.14 a non-present one (swap, migration) counts too. */
export function isHugeForZap(c: Context, entry: bigint): boolean {
  if (c.pmd.pmd_trans_huge(entry)) return true;
  return c.kernel.has('616b8371539a') && !c.pmd.pmd_none(entry) && !c.pmd.pmd_present(entry);
}

function* getAndClearFull(c: Context, tlb: MmuGather, vma: VmAreaStruct, addr: Vaddr): Steps<bigint> {
  const full = c.sequences.pmdp_huge_get_and_clear_full;
  return full === undefined
    ? yield* c.sequences.pmdp_huge_get_and_clear(c, vma.vm_mm, addr, vma.pmd)
    : yield* full(c, vma, addr, vma.pmd, { full: tlb.fullmm });
}

/** Frees the table that was put aside for a huge pmd; the pmd lock is held. */
export function* zap_deposited_table(cx: Context, vma: VmAreaStruct): Steps<void> {
  const c = cx.in('zap_deposited_table');
  const table = yield* c.sequences.pgtable_trans_huge_withdraw(c, vma.vm_mm, vma.pmd);
  const region = c.machine.regionByBase(table);
  if (region === undefined) {
    yield* c.bug_on(true, `withdrew 0x${table.toString(16)}, which is no deposited table`);
    return;
  }
  yield* c.act('free-table', region.name, []);
  yield* c.account(vma.vm_mm.nr_ptes, -1);
}

/**
 * A fault on a huge pmd that only needs its access flags set.
 * @see Linux mm/huge_memory.c, `huge_pmd_set_accessed`, `touch_pmd` (6.12.117)
 */
export function* huge_pmd_set_accessed(
  cx: Context,
  vma: VmAreaStruct,
  address: Vaddr,
  orig: bigint,
  options: { readonly write: boolean },
): Steps<void> {
  const c = cx.in('huge_pmd_set_accessed');
  const ptl = pmd_lockptr(c, vma.pmd);
  yield* c.lock(ptl);
  if (c.pmd.pmd_same(yield* c.load(vma.pmd), orig)) {
    const young = c.pmd.pmd_mkyoung(orig);
    const entry = options.write ? c.pmd.pmd_mkdirty(young) : young;
    yield* c.sequences.pmdp_set_access_flags(c, vma, address, vma.pmd, entry, { dirty: options.write });
  }
  yield* c.unlock(ptl);
}

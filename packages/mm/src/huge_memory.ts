/** Huge pages: splitting a pmd, zapping it, faulting on it. @see Linux mm/huge_memory.c */
import type { Paddr, Slot, Vaddr } from '@ptemu/arch';
import { __vaddr } from '@ptemu/arch';
import type { Operand, Steps } from '@ptemu/explore';
import type { Context } from './context.js';
import { type Folio, folioCells, ptlOf, type VmAreaStruct } from './mm_types.js';
import { type MmuGather, tlb_remove_page_size } from './mmu_gather.js';
import { watchedSlots } from './page-table.js';

/** The lock of a pmd table: one per table page. */
export const pmd_lockptr = (cx: Context, pmd: Slot<'pmd'>): string => {
  const region = cx.machine.regionAt(pmd.paddr);
  return ptlOf(region?.name ?? 'mm');
};

/**
 * Splits a huge pmd into a table of ptes that map the same pages. Does nothing when it is no longer huge.
 * @see Linux mm/huge_memory.c, `__split_huge_pmd` (4.5, 6.12)
 */
export function* __split_huge_pmd(cx: Context, vma: VmAreaStruct, folio: Folio, haddr: Vaddr): Steps<void> {
  const c = cx.in('__split_huge_pmd');
  const ptl = pmd_lockptr(c, vma.pmd);
  yield* c.lock(ptl);
  if (c.pmd.pmd_trans_huge(yield* c.load(vma.pmd))) {
    if (vma.anonymous) yield* __split_huge_pmd_locked(c, vma, folio, haddr);
    else yield* dropFilePmd(c, vma, folio, haddr);
  }
  yield* c.unlock(ptl);
}

/** What the ptes of a split take over from the huge entry. */
interface Inherited {
  readonly write: boolean;
  readonly young: boolean;
  readonly dirty: boolean;
}

/**
 * The split of an anonymous pmd, its lock held.
 *
 * Up to 4.15 the state bits are sampled from the live entry, the deposited table is withdrawn and filled, and only then
 * the entry is invalidated; from 4.16 on (d52605d7cb30) it is invalidated first and the bits come from what that returned.
 * @see Linux mm/huge_memory.c, `__split_huge_pmd_locked` (4.5, 4.16, 6.12)
 */
function* __split_huge_pmd_locked(cx: Context, vma: VmAreaStruct, folio: Folio, haddr: Vaddr): Steps<void> {
  const c = cx.in('__split_huge_pmd_locked').within('split');
  const mm = vma.vm_mm;
  const late = !c.kernel.has('d52605d7cb30') || c.switches['split.withdraw-first'] === true;
  let old: bigint = yield* c.load(vma.pmd);
  if (!late) old = yield* invalidate(c, vma, haddr, haddr, old);
  if (late && c.switches['split.prepare'] !== false) {
    const k = c.switches['split.invalidate'] === 'no-flush' ? c.withoutFlush() : c;
    yield* c.sequences.pmdp_huge_split_prepare?.(k, vma, haddr, vma.pmd) ?? nothing();
  }
  const inherited = {
    write: c.pmd.pmd_write(old),
    young: c.pmd.pmd_young(old),
    dirty: c.pmd.pmd_dirty(old),
  };
  const table = yield* c.sequences.pgtable_trans_huge_withdraw(c, mm, vma.pmd);
  yield* fillSplitTable(c, vma, folio, table, inherited);
  yield* c.barrier('smp_wmb');
  if (late) {
    const wrong =
      c.switches['invalidate.addr'] === 'plus-one' || !c.kernel.has('thp-invalidate-right-address');
    const address = wrong ? __vaddr(haddr + BigInt(c.arch.layoutOf().HPAGE_PMD_SIZE)) : haddr;
    yield* invalidate(c, vma, haddr, address, old);
  }
  yield* c.sequences.pmd_populate(c, mm, vma.pmd, table);
}

function* nothing(): Steps<void> {}

/** `pmdp_invalidate`, or what a variant puts in its place; returns the entry as it was. */
function* invalidate(
  c: Context,
  vma: VmAreaStruct,
  haddr: Vaddr,
  address: Vaddr,
  old: bigint,
): Steps<bigint> {
  const range = {
    start: address,
    end: __vaddr(address + BigInt(c.arch.layoutOf().HPAGE_PMD_SIZE)),
  };
  switch (c.switches['split.invalidate']) {
    case 'none':
      return old;
    case 'no-flush':
      return yield* c.sequences.pmdp_invalidate(c.withoutFlush(), vma, address, vma.pmd);
    case 'raw-zero':
      yield* c.in('pmdp_invalidate').store(vma.pmd, c.pmd.pmd_clear());
      yield* c.sequences.flush_pmd_tlb_range(c, vma, range);
      return old;
    case 'clear-all': {
      const cleared = yield* c.sequences.pmdp_huge_get_and_clear(c, vma.vm_mm, address, vma.pmd);
      yield* c.sequences.flush_pmd_tlb_range(c, vma, range);
      return cleared;
    }
    default: {
      const entry = yield* c.sequences.pmdp_invalidate(c, vma, address, vma.pmd);
      yield* c.act('promise', `0x${haddr.toString(16)}`, [vma.vm_mm.id, 'none']);
      return entry;
    }
  }
}

/**
 * Fills the withdrawn table with ptes for the pages of the folio and moves the mapping's counts from the folio to its
 * pages. Nobody else can see the table yet, so this is one range step and one accounting step.
 */
function* fillSplitTable(
  c: Context,
  vma: VmAreaStruct,
  folio: Folio,
  table: Paddr,
  inherited: Inherited,
): Steps<void> {
  const region = c.machine.regionByBase(table);
  if (region === undefined) {
    yield* c.bug_on(true, `withdrew 0x${table.toString(16)}, which is no deposited table`);
    return;
  }
  const cells = folioCells(folio);
  const pages: Operand[] = [];
  for (const { slot, index } of watchedSlots(c, region)) {
    pages.push(slot.label, c.arch.seq.set_pte_at(splitPte(c, vma, folio.pfn + index, inherited)).stored);
  }
  yield* c.fillTable(region.name, folio.name, pages);
  const dirty = inherited.dirty ? [cells.dirty, 1] : [];
  yield* c.account(cells.entire, -1, cells.ptes, folio.nrPages, cells.ref, folio.nrPages - 1, ...dirty);
}

/** One pte of a split: the page, with what the huge entry allowed and recorded. */
function splitPte(c: Context, vma: VmAreaStruct, pfn: number, inherited: Inherited): bigint {
  let entry: bigint = c.pte.pfn_pte(pfn, vma.vm_page_prot);
  entry = inherited.write ? c.pte.pte_mkwrite(entry, vma) : c.pte.pte_wrprotect(entry);
  entry = inherited.young ? c.pte.pte_mkyoung(entry) : c.pte.pte_mkold(entry);
  return inherited.dirty ? c.pte.pte_mkdirty(entry) : entry;
}

/** A file-backed huge pmd is not split but dropped, to be faulted in again. @see __split_huge_pmd_locked (4.8, 6.12) */
function* dropFilePmd(cx: Context, vma: VmAreaStruct, folio: Folio, haddr: Vaddr): Steps<void> {
  const c = cx.in('__split_huge_pmd_locked');
  const cells = folioCells(folio);
  const old = yield* c.sequences.pmdp_huge_clear_flush(c, vma, haddr, vma.pmd);
  if (c.sequences.arch_needs_pgtable_deposit()) yield* zap_deposited_table(c, vma);
  if (c.switches['split.reinstall'] === true) {
    // Broken twin: puts back what it has cleared, as an anonymous split that went through none would.
    yield* c.sequences.set_pmd_at(c, vma.vm_mm, haddr, vma.pmd, old);
    return;
  }
  yield* c.account(
    cells.entire,
    -1,
    vma.vm_mm.rss,
    -folio.nrPages,
    ...(c.pmd.pmd_dirty(old) ? [cells.dirty, 1] : []),
  );
  yield* c.act('put', cells.ref, [1, folio.name]);
}

/**
 * Zaps a huge pmd. Returns false when the pmd is no longer huge under the lock: then the caller goes on with its table.
 * @see Linux mm/huge_memory.c, `zap_huge_pmd` and `__pmd_trans_huge_lock` (4.5, 4.16, 6.12)
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
  tlb.cleared = true;
  if (c.kernel.has('616b8371539a') && !c.pmd.pmd_present(orig)) {
    yield* c.bug_on(true, `non-present huge pmd 0x${orig.toString(16)} without pmd migration: page is NULL`);
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

function* zap_deposited_table(cx: Context, vma: VmAreaStruct): Steps<void> {
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
 * @see Linux mm/huge_memory.c, `huge_pmd_set_accessed` (4.5, 6.12)
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

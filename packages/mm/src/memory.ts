/** Zapping ranges and handling faults. @see Linux mm/memory.c */
import type { Slot, Vaddr } from '@ptemu/arch';
import { __paddr } from '@ptemu/arch';
import type { Steps } from '@ptemu/explore';
import type { Context } from './context.js';
import type { Frames } from './frames.js';
import { huge_pmd_set_accessed, isHugeForZap, pmd_lockptr, zap_huge_pmd } from './huge_memory.js';
import { folioCells, ptlOf, type VmAreaStruct } from './mm_types.js';
import { type MmuGather, tlb_remove_page_size } from './mmu_gather.js';
import { regionNamed } from './object-steps.js';
import { frozenFolio, slotFor, watchedSlots } from './page-table.js';
import {
  pmd_none_or_trans_huge_or_clear_bad,
  pte_lockptr,
  pte_offset_map,
  pte_offset_map_lock,
  thp_migration_supported,
} from './pgtable-generic.js';

/**
 * Zaps what one pmd maps, looking at it without its lock first. A pmd that reads none is skipped: whoever lets it pass
 * through none makes this function overlook the range.
 *
 * Up to 6.1 the second look also passes over what is huge or bad; from 6.5 on only over none, and a pmd whose table
 * cannot be mapped is looked at again from the start.
 * @see Linux mm/memory.c, `zap_pmd_range` (4.5 by fact sheet 3.2, 6.1.192, 6.12.117)
 */
export function* zap_pmd_range(
  cx: Context,
  tlb: MmuGather,
  vma: VmAreaStruct,
  frames: Frames,
  addr: Vaddr,
): Steps<void> {
  const c = cx.in('zap_pmd_range');
  const repeats = c.kernel.has('pte-offset-map-may-fail');
  for (;;) {
    const entry = yield* c.load(vma.pmd, repeats ? { forget: `zap ${tlb.name}` } : {});
    if (isHugeForZap(c, entry) && (yield* zap_huge_pmd(c, tlb, vma, frames.huge, addr))) return;
    const skip = repeats
      ? c.pmd.pmd_none(yield* c.load(vma.pmd))
      : yield* pmd_none_or_trans_huge_or_clear_bad(c, vma);
    if (skip) return;
    if ((yield* zap_pte_range(c, tlb, vma, frames, addr)) || !repeats) return;
  }
}

/**
 * Zaps the ptes of the table under a pmd. Migration entries are dropped too: their pages still count as mapped memory.
 * @returns Whether there was a table.
 * @see Linux mm/memory.c, `zap_pte_range` (6.1.192, 6.12.117)
 */
function* zap_pte_range(
  cx: Context,
  tlb: MmuGather,
  vma: VmAreaStruct,
  frames: Frames,
  addr: Vaddr,
): Steps<boolean> {
  const c = cx.in('zap_pte_range');
  const locked = yield* pte_offset_map_lock(c, vma, `zap ${tlb.name} ptes`);
  if (locked === undefined) return false;
  const { table, ptl } = locked;
  const pageSize = BigInt(c.arch.layoutOf().PAGE_SIZE);
  for (const { slot, index } of watchedSlots(c, table)) {
    const pte = yield* c.load(slot);
    if (c.pte.pte_none(pte)) continue;
    const address = (addr + BigInt(index) * pageSize) as Vaddr;
    if (!c.pte.pte_present(pte)) {
      yield* c.sequences.pte_clear(c, vma.vm_mm, address, slot);
      yield* c.account(vma.vm_mm.rss, -1);
      continue;
    }
    const old = yield* c.sequences.ptep_get_and_clear_full(c, vma.vm_mm, address, slot, { full: tlb.fullmm });
    tlb.cleared_ptes = true;
    yield* dropPage(c, tlb, vma, frames, c.pte.pte_pfn(old), 1);
  }
  yield* zapRun(c, tlb, vma, frames, table.name, watchedSlots(c, table).length);
  yield* c.unlock(ptl);
  return true;
}

/** Zaps the slots of a table that nobody addresses singly: one step. */
function* zapRun(
  c: Context,
  tlb: MmuGather,
  vma: VmAreaStruct,
  frames: Frames,
  table: string,
  watched: number,
): Steps<void> {
  const run = yield* c.takeRun(table);
  const folio = frames.named(run);
  if (folio !== undefined) {
    tlb.cleared_ptes = true;
    yield* dropPage(c, tlb, vma, frames, folio.pfn, folio.nrPages - watched);
    return;
  }
  const frozen = frozenFolio(frames, run);
  if (frozen !== undefined) yield* c.account(vma.vm_mm.rss, -(frozen.nrPages - watched));
}

function* dropPage(
  c: Context,
  tlb: MmuGather,
  vma: VmAreaStruct,
  frames: Frames,
  pfn: number,
  pages: number,
): Steps<void> {
  const folio = frames.ofPfn(pfn);
  if (folio === undefined) {
    yield* c.bug_on(true, `zapped pte maps pfn 0x${pfn.toString(16)}, which is no page of this mapping`);
    return;
  }
  yield* c.account(folioCells(folio).ptes, -pages, vma.vm_mm.rss, -pages);
  tlb_remove_page_size(tlb, folio, pages);
}

/** A fault: what was accessed, and which access of its thread it was. */
export interface Fault {
  readonly write: boolean;
  readonly n?: number;
}

/**
 * A fault in the VMA. Returns when the access may be tried again. No huge page is to be had: where the pmd is none, a
 * table is linked.
 *
 * The kernel loads the pmd twice, once for none and once for the rest: between the two loads nothing can happen that one
 * load at the later moment would not show. A huge pmd that only needs flags, one that is hinted at and one that is to be
 * copied differ behind the lock; all three do nothing when the pmd is no longer what it was.
 * @see Linux mm/memory.c, `__handle_mm_fault` (6.1.192, 6.12.117)
 */
export function* handle_mm_fault(
  cx: Context,
  vma: VmAreaStruct,
  frames: Frames,
  address: Vaddr,
  options: Fault,
): Steps<void> {
  const c = cx.in('__handle_mm_fault');
  const entry = yield* c.load(vma.pmd);
  if (!c.pmd.pmd_none(entry)) {
    if (c.kernel.has('616b8371539a') && !c.pmd.pmd_present(entry)) {
      yield* c.bug_on(
        thp_migration_supported(c),
        `pmd 0x${entry.toString(16)} is not present and is no migration entry`,
      );
      return;
    }
    if (c.pmd.pmd_trans_huge(entry)) {
      yield* huge_pmd_set_accessed(c, vma, address, entry, options);
      return;
    }
  } else if (!(yield* __pte_alloc(c, vma))) {
    return;
  }
  yield* handle_pte_fault(c, vma, frames, address, options);
}

/**
 * Links a new pte table where the pmd is none. Returns false when there is no spare table left (out of memory).
 * @see Linux mm/memory.c, `__pte_alloc`, `pmd_install` (6.1.192, 6.12.117)
 */
function* __pte_alloc(cx: Context, vma: VmAreaStruct): Steps<boolean> {
  const c = cx.in('__pte_alloc');
  const table = (yield* c.act('alloc-table', 'pte tables', [])) as string;
  if (table === '') return false;
  const ptl = pmd_lockptr(c, vma.pmd);
  yield* c.lock(ptl);
  const linked = c.pmd.pmd_none(yield* c.load(vma.pmd));
  if (linked) {
    yield* c.account(vma.vm_mm.nr_ptes, 1);
    const { base } = regionNamed(c.machine, table);
    yield* c.sequences.pmd_populate(c, vma.vm_mm, vma.pmd, __paddr(base));
  }
  yield* c.unlock(ptl);
  if (!linked) yield* c.act('free-table', table, []);
  return true;
}

/**
 * A fault below a pmd that is no huge page: the pte is read without its lock, and compared under it. An entry that is
 * neither none nor present is a migration entry: the fault waits for its end, which here is to try again.
 * @see Linux mm/memory.c, `handle_pte_fault` (6.1.192, 6.12.117)
 */
function* handle_pte_fault(
  cx: Context,
  vma: VmAreaStruct,
  frames: Frames,
  address: Vaddr,
  options: Fault,
): Steps<void> {
  const c = cx.in('handle_pte_fault');
  const mayFail = c.kernel.has('pte-offset-map-may-fail');
  if (!mayFail && (yield* pmd_none_or_trans_huge_or_clear_bad(c, vma))) return;
  const mapped = yield* pte_offset_map(c, vma);
  if (mapped === undefined) return;
  const slot = slotFor(c, mapped.table, vma, address);
  const orig = yield* c.load(slot);
  if (c.pte.pte_none(orig)) {
    yield* do_anonymous_page(c, vma, frames, address, options);
    return;
  }
  if (!c.pte.pte_present(orig)) return;
  const ptl = mayFail ? ptlOf(mapped.table.name) : yield* pte_lockptr(c, vma);
  if (ptl === undefined) return;
  yield* c.lock(ptl);
  if (c.pte.pte_same(yield* c.load(slot), orig)) yield* setAccessed(c, vma, address, slot, orig, options);
  yield* c.unlock(ptl);
}

/** The end of a fault on a present pte; a write to a read-only private page that nobody shares makes it writable. */
function* setAccessed(
  c: Context,
  vma: VmAreaStruct,
  address: Vaddr,
  slot: Slot<'pte'>,
  orig: bigint,
  { write }: Fault,
): Steps<void> {
  const young = c.pte.pte_mkyoung(orig);
  const entry = write ? c.pte.pte_mkdirty(c.pte.pte_mkwrite(young, vma)) : young;
  yield* c.sequences.ptep_set_access_flags(c, vma, address, slot, entry, { dirty: write });
}

/**
 * Maps a new page where the pte is none. The page is allocated before the lock is taken, and given back when the pte is
 * no longer none.
 * @see Linux mm/memory.c, `do_anonymous_page` (6.1.192, 6.12.117)
 */
function* do_anonymous_page(
  cx: Context,
  vma: VmAreaStruct,
  frames: Frames,
  address: Vaddr,
  options: Fault,
): Steps<void> {
  const c = cx.in('do_anonymous_page');
  const name = (yield* c.act('alloc-page', 'pages', [])) as string;
  const folio = frames.named(name);
  if (folio === undefined) return;
  const cells = folioCells(folio);
  const at = `fault#${options.n ?? 0} 0x${address.toString(16)} ${name}`;
  const locked = yield* pte_offset_map_lock(c, vma, at);
  if (locked === undefined) {
    yield* c.act('put', cells.ref, [1, name]);
    return;
  }
  const slot = slotFor(c, locked.table, vma, address);
  const none = c.pte.pte_none(yield* c.load(slot));
  if (none) {
    let entry: bigint = c.pte.pfn_pte(folio.pfn, vma.vm_page_prot);
    entry = c.pte.pte_mkyoung(c.pte.pte_mkwrite(c.pte.pte_mkdirty(entry), vma));
    yield* c.account(cells.ptes, 1, vma.vm_mm.rss, 1);
    yield* c.sequences.set_pte_at(c, vma.vm_mm, address, slot, entry);
  }
  yield* c.unlock(locked.ptl);
  if (!none) yield* c.act('put', cells.ref, [1, name]);
}

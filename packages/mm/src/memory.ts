/** Zapping ranges and handling faults. @see Linux mm/memory.c */
import type { Slot, Vaddr } from '@ptemu/arch';
import type { Steps } from '@ptemu/explore';
import type { SlotInfo, TableRegion } from '@ptemu/hw';
import type { Context } from './context.js';
import { huge_pmd_set_accessed, isHugeForZap, pmd_lockptr, zap_huge_pmd } from './huge_memory.js';
import { folioCells, ptlOf, type VmAreaStruct } from './mm_types.js';
import { type MmuGather, tlb_remove_page_size } from './mmu_gather.js';
import { pmd_pgtable, watchedSlots } from './page-table.js';
import type { Frames } from './frames.js';

/**
 * Zaps what one pmd maps, looking at it without its lock first. A pmd that reads none is skipped: whoever lets it pass
 * through none makes this function overlook the range.
 * @see Linux mm/memory.c, `zap_pmd_range` (4.5, 6.12)
 */
export function* zap_pmd_range(
  cx: Context,
  tlb: MmuGather,
  vma: VmAreaStruct,
  frames: Frames,
  addr: Vaddr,
): Steps<void> {
  const c = cx.in('zap_pmd_range');
  const entry = yield* c.load(vma.pmd);
  if (isHugeForZap(c, entry)) {
    if (yield* zap_huge_pmd(c, tlb, vma, frames.huge, addr)) return;
  }
  if (yield* skipsPmd(c, vma, entry)) return;
  yield* zap_pte_range(c, tlb, vma, frames, addr);
}

/**
 * Whether a pmd that is not huge is passed over. Up to 6.1 it is read again, and an entry that is neither none, huge nor
 * a table is reported and cleared (`pmd_none_or_trans_huge_or_clear_bad`); from 6.5 on only none is skipped here.
 */
function* skipsPmd(c: Context, vma: VmAreaStruct, seen: bigint): Steps<boolean> {
  if (c.kernel.has('pte-offset-map-may-fail')) return c.pmd.pmd_none(seen);
  const k = c.in('pmd_none_or_trans_huge_or_clear_bad');
  const entry = yield* k.load(vma.pmd);
  if (k.pmd.pmd_none(entry) || k.pmd.pmd_trans_huge(entry)) return true;
  if (!k.pmd.pmd_bad(entry)) return false;
  yield* k.bug_on(true, `bad pmd 0x${entry.toString(16)}`);
  return true;
}

/** Zaps the ptes of the table under a pmd, if there still is one. @see Linux mm/memory.c, `zap_pte_range` (4.5, 6.12) */
function* zap_pte_range(
  cx: Context,
  tlb: MmuGather,
  vma: VmAreaStruct,
  frames: Frames,
  addr: Vaddr,
): Steps<void> {
  const c = cx.in('zap_pte_range');
  const locked = yield* pte_offset_map_lock(c, vma);
  if (locked === undefined) return;
  const { table, ptl } = locked;
  const pageSize = BigInt(c.arch.layoutOf().PAGE_SIZE);
  for (const { slot, index } of watchedSlots(c, table)) {
    const pte = yield* c.load(slot);
    if (c.pte.pte_none(pte) || !c.pte.pte_present(pte)) continue;
    const address = (addr + BigInt(index) * pageSize) as Vaddr;
    const old = yield* c.sequences.ptep_get_and_clear_full(c, vma.vm_mm, address, slot, { full: tlb.fullmm });
    tlb.cleared = true;
    yield* dropPage(c, tlb, vma, frames, c.pte.pte_pfn(old), 1);
  }
  const run = yield* c.takeRun(table.name);
  const folio = frames.named(run);
  if (folio !== undefined) {
    tlb.cleared = true;
    const pages = folio.nrPages - watchedSlots(c, table).length;
    yield* dropPage(c, tlb, vma, frames, folio.pfn, pages);
  }
  yield* c.unlock(ptl);
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

/**
 * Finds and locks the table under a pmd; nothing when the pmd is no table (6.5 on: `pte_offset_map` may fail).
 * The lock lies in the metadata of the table's page, so it is computed from an entry read without lock.
 */
export function* pte_offset_map_lock(
  cx: Context,
  vma: VmAreaStruct,
): Steps<{ readonly table: TableRegion; readonly ptl: string } | undefined> {
  const c = cx.in('pte_offset_map_lock');
  const entry = yield* c.load(vma.pmd);
  const table = pmd_pgtable(c, entry);
  if (table === undefined) {
    if (!c.kernel.has('pte-offset-map-may-fail')) {
      yield* c.bug_on(true, `pmd 0x${entry.toString(16)} taken for a table`);
    }
    return undefined;
  }
  const ptl = ptlOf(table.name);
  yield* c.lock(ptl);
  if (c.kernel.has('pte-offset-map-may-fail') && !c.pmd.pmd_same(yield* c.load(vma.pmd), entry)) {
    yield* c.unlock(ptl);
    return undefined;
  }
  return { table, ptl };
}

/** A fault in the VMA. Returns when the access may be tried again. @see Linux mm/memory.c, `__handle_mm_fault` (4.5, 5.8, 6.12) */
export function* handle_mm_fault(
  cx: Context,
  vma: VmAreaStruct,
  frames: Frames,
  address: Vaddr,
  options: { readonly write: boolean },
): Steps<void> {
  const c = cx.in('__handle_mm_fault');
  const entry = yield* c.load(vma.pmd);
  if (!c.pmd.pmd_none(entry)) {
    if (c.kernel.has('616b8371539a') && isSwapPmd(c, entry)) {
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

/** Whether the architecture migrates huge pages whole: a variant may say so of one that does not. */
const thp_migration_supported = (c: Context): boolean => {
  if (c.switches['thp-migration'] === true) return true;
  const { make_readable_migration_entry, swp_entry_to_pmd } = c.arch.swap;
  return c.pmd.is_pmd_migration_entry?.(swp_entry_to_pmd(make_readable_migration_entry(1n))) === true;
};

const isSwapPmd = (c: Context, entry: bigint): boolean => !c.pmd.pmd_none(entry) && !c.pmd.pmd_present(entry);

/** Links a new pte table where the pmd is none. Returns false when there is no spare table left (out of memory). */
function* __pte_alloc(cx: Context, vma: VmAreaStruct): Steps<boolean> {
  const c = cx.in('__pte_alloc');
  const table = (yield* c.act('alloc-table', 'pte tables', [])) as string;
  if (table === '') return false;
  const region = c.machine.regions().find((candidate) => candidate.name === table);
  if (region === undefined) throw new Error(`internal: no region '${table}'`);
  const ptl = pmd_lockptr(c, vma.pmd);
  yield* c.lock(ptl);
  const linked = c.pmd.pmd_none(yield* c.load(vma.pmd));
  if (linked) {
    yield* c.account(vma.vm_mm.nr_ptes, 1);
    yield* c.sequences.pmd_populate(
      c,
      vma.vm_mm,
      vma.pmd,
      region.base as Parameters<typeof c.sequences.pmd_populate>[3],
    );
  }
  yield* c.unlock(ptl);
  if (!linked) yield* c.act('free-table', table, []);
  return true;
}

/** @see Linux mm/memory.c, `handle_pte_fault`, `do_anonymous_page` (4.5, 6.12) */
function* handle_pte_fault(
  cx: Context,
  vma: VmAreaStruct,
  frames: Frames,
  address: Vaddr,
  options: { readonly write: boolean },
): Steps<void> {
  const c = cx.in('handle_pte_fault');
  if (!c.kernel.has('pte-offset-map-may-fail')) {
    const entry = yield* c.in('pmd_trans_unstable').load(vma.pmd);
    if (c.pmd.pmd_none(entry) || c.pmd.pmd_trans_huge(entry) || c.pmd.pmd_bad(entry)) return;
  }
  const locked = yield* pte_offset_map_lock(c, vma);
  if (locked === undefined) return;
  const slot = slotFor(c, locked.table, vma, address);
  const pte = yield* c.load(slot);
  if (c.pte.pte_none(pte)) {
    yield* do_anonymous_page(c, vma, frames, address, slot);
  } else if (c.pte.pte_present(pte)) {
    const young = c.pte.pte_mkyoung(pte);
    const entry = options.write ? c.pte.pte_mkdirty(c.pte.pte_mkwrite(young, vma)) : young;
    yield* c.sequences.ptep_set_access_flags(c, vma, address, slot, entry, { dirty: options.write });
  }
  yield* c.unlock(locked.ptl);
}

function* do_anonymous_page(
  cx: Context,
  vma: VmAreaStruct,
  frames: Frames,
  address: Vaddr,
  slot: Slot<'pte'>,
): Steps<void> {
  const c = cx.in('do_anonymous_page');
  const name = (yield* c.act('alloc-page', 'pages', [])) as string;
  const folio = frames.named(name);
  if (folio === undefined) return;
  const cells = folioCells(folio);
  let entry: bigint = c.pte.pfn_pte(folio.pfn, vma.vm_page_prot);
  entry = c.pte.pte_mkyoung(c.pte.pte_mkwrite(c.pte.pte_mkdirty(entry), vma));
  yield* c.account(cells.ref, 1, cells.ptes, 1, vma.vm_mm.rss, 1);
  yield* c.sequences.set_pte_at(c, vma.vm_mm, address, slot, entry);
}

/** The slot of a table that translates an address. */
export function slotFor(
  cx: Context,
  table: TableRegion,
  vma: VmAreaStruct,
  address: Vaddr,
): Slot<'pte'> & SlotInfo {
  const { PAGE_SHIFT } = cx.arch.layoutOf();
  const index = Number((address - vma.vm_start) >> BigInt(PAGE_SHIFT));
  const found = watchedSlots(cx, table).find((watched) => watched.index === index);
  if (found === undefined)
    throw new Error(`internal: pte ${index} of ${table.name} is not watched; declare it in the setup`);
  return found.slot;
}

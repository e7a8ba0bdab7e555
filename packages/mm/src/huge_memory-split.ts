/**
 * Splitting a huge pmd into a table of ptes, and a huge page into small ones.
 *
 * The order of a pmd split, its lock held. Up to 4.15: sample the state bits from the live entry, withdraw the deposited
 * table, fill it, invalidate the entry, link the table. From 4.16 on (d52605d7cb30): invalidate first, and take the bits
 * from what that returned.
 *
 * A page is split with its pmds split in *frozen* form: the ptes are migration entries from the start, so that nobody can
 * get at the page through them while its reference count is frozen.
 * @see Linux mm/huge_memory.c (6.1.192, 6.12.117); fact sheet 3.1
 */
import type { Paddr, Vaddr } from '@ptemu/arch';
import { __vaddr } from '@ptemu/arch';
import type { Operand, Steps } from '@ptemu/explore';
import type { Context } from './context.js';
import type { Frames } from './frames.js';
import { pmd_lockptr, zap_deposited_table } from './huge_memory.js';
import { type Folio, folioCells, type VmAreaStruct } from './mm_types.js';
import { frozenRun, watchedSlots } from './page-table.js';
import { pte_offset_map_lock } from './pgtable-generic.js';

/**
 * Splits a huge pmd into a table of ptes that map the same pages. Does nothing when it is no longer huge.
 *
 * @param options.freeze - The ptes are migration entries of the pages, which then hold no references and no mapcounts.
 * @see Linux mm/huge_memory.c, `__split_huge_pmd` (6.1.192, 6.12.117)
 */
export function* __split_huge_pmd(
  cx: Context,
  vma: VmAreaStruct,
  folio: Folio,
  haddr: Vaddr,
  options: { readonly freeze?: boolean } = {},
): Steps<void> {
  const c = cx.in('__split_huge_pmd');
  const ptl = pmd_lockptr(c, vma.pmd);
  yield* c.lock(ptl);
  if (c.pmd.pmd_trans_huge(yield* c.load(vma.pmd))) {
    if (vma.anonymous) yield* __split_huge_pmd_locked(c, vma, folio, haddr, options.freeze ?? false);
    else yield* dropFilePmd(c, vma, folio, haddr);
  }
  yield* c.unlock(ptl);
}

/** What the ptes of a split take over from the huge entry. */
interface Inherited {
  readonly write: boolean;
  readonly young: boolean;
  readonly dirty: boolean;
  readonly freeze: boolean;
}

/**
 * The split of an anonymous pmd, its lock held.
 * @see Linux mm/huge_memory.c, `__split_huge_pmd_locked` (6.1.192, 6.12.117; before 4.16 by fact sheet 3.1)
 */
function* __split_huge_pmd_locked(
  cx: Context,
  vma: VmAreaStruct,
  folio: Folio,
  haddr: Vaddr,
  freeze: boolean,
): Steps<void> {
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
    freeze,
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
 * pages; frozen, the mapping has no counts any more. Nobody else can see the table yet, so this is one range step and one
 * accounting step.
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
  yield* c.fillTable(region.name, inherited.freeze ? frozenRun(folio) : folio.name, pages);
  const counts = inherited.freeze
    ? [cells.entire, -1, cells.ref, -1]
    : [cells.entire, -1, cells.ptes, folio.nrPages, cells.ref, folio.nrPages - 1];
  yield* c.account(...counts, ...(inherited.dirty ? [cells.dirty, 1] : []));
}

/**
 * One pte of a split: the page, with what the huge entry allowed and recorded. A dirty entry makes the page dirty, and
 * since some release after 6.1 the pte too.
 */
function splitPte(c: Context, vma: VmAreaStruct, pfn: number, inherited: Inherited): bigint {
  if (inherited.freeze) return migrationPte(c, pfn, inherited.write);
  let entry: bigint = c.pte.pfn_pte(pfn, vma.vm_page_prot);
  entry = inherited.write ? c.pte.pte_mkwrite(entry, vma) : c.pte.pte_wrprotect(entry);
  entry = inherited.young ? c.pte.pte_mkyoung(entry) : c.pte.pte_mkold(entry);
  return inherited.dirty && c.kernel.has('split-keeps-pte-dirty') ? c.pte.pte_mkdirty(entry) : entry;
}

function migrationPte(c: Context, pfn: number, write: boolean): bigint {
  const { make_writable_migration_entry, make_readable_migration_entry, swp_entry_to_pte } = c.arch.swap;
  const make = write ? make_writable_migration_entry : make_readable_migration_entry;
  return swp_entry_to_pte(make(BigInt(pfn)));
}

/**
 * A file-backed huge pmd is not split but dropped, to be faulted in again.
 * @see Linux mm/huge_memory.c, `__split_huge_pmd_locked` (6.1.192, 6.12.117)
 */
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
 * Splits the pmd that maps a huge page, as reclaim does: through the rmap and without mmap_lock. A VMA that has been
 * unlinked is not found.
 * @see Linux mm/rmap.c, `rmap_walk_anon`; mm/huge_memory.c, `split_huge_pmd_address` (6.12.117)
 */
export function* split_huge_pmd_address(cx: Context, vma: VmAreaStruct, frames: Frames): Steps<void> {
  const c = cx.in('split_huge_pmd_address');
  yield* c.down_read(vma.anon_vma);
  if ((yield* c.read(vma.unlinked)) !== true) yield* __split_huge_pmd(c, vma, frames.huge, vma.vm_start);
  yield* c.up_read(vma.anon_vma);
}

/**
 * Splits the huge page itself, the lock of its rmap held for writing throughout: splits its pmd into migration entries,
 * freezes the reference count, and takes the page apart. When somebody holds a reference, the ptes are restored. After a
 * split the migration entries stay: they stand for the swap entries that reclaim puts there next, and the caller's
 * reference was the last.
 * @see Linux mm/huge_memory.c, `split_huge_page_to_list`, `unmap_folio`, `remap_page`, `__split_huge_page` (6.1.192, 6.12.117)
 */
export function* split_huge_page(cx: Context, vma: VmAreaStruct, frames: Frames): Steps<void> {
  const c = cx.in('split_huge_page_to_list');
  const folio = frames.huge;
  const cells = folioCells(folio);
  yield* c.down_write(vma.anon_vma);
  const mapped = (yield* c.read(vma.unlinked)) !== true;
  if (mapped) yield* __split_huge_pmd(c.in('unmap_folio'), vma, folio, vma.vm_start, { freeze: true });
  // One reference is the caller's; every other one is a pin.
  const frozen = (yield* c.act('freeze', cells.ref, [1])) === true;
  if (frozen) {
    yield* c.act('split-folio', folio.name, []);
    if (mapped) yield* c.account(vma.vm_mm.rss, -folio.nrPages);
  } else if (mapped) {
    yield* remap_page(c, vma, folio);
  }
  yield* c.up_write(vma.anon_vma);
  if (!frozen) return;
  yield* c.in('__split_huge_page').account(cells.ref, 1);
  yield* c.act('put', cells.ref, [1, folio.name]);
}

/**
 * Puts ptes in the place of the migration entries of a page that could not be split: old, and writable as they were.
 * @see Linux mm/migrate.c, `remove_migration_pte` (6.1.192, 6.12.117)
 */
function* remap_page(cx: Context, vma: VmAreaStruct, folio: Folio): Steps<void> {
  const c = cx.in('remap_page');
  const locked = yield* pte_offset_map_lock(c, vma, 'remap_page');
  if (locked === undefined) return;
  const slots = watchedSlots(c, locked.table);
  let pages = 0;
  for (const { slot, index } of slots) {
    const write = migrationPte(c, folio.pfn + index, true);
    const pte = yield* c.load(slot);
    if (pte !== write && pte !== migrationPte(c, folio.pfn + index, false)) continue;
    const old = c.pte.pte_mkold(c.pte.pfn_pte(folio.pfn + index, vma.vm_page_prot));
    const entry = pte === write ? c.pte.pte_mkwrite(old, vma) : c.pte.pte_wrprotect(old);
    const address = __vaddr(vma.vm_start + BigInt(index * c.arch.layoutOf().PAGE_SIZE));
    yield* c.sequences.set_pte_at(c, vma.vm_mm, address, slot, entry);
    pages++;
  }
  if ((yield* c.act('swap-run', locked.table.name, [frozenRun(folio), folio.name])) === true) {
    pages += folio.nrPages - slots.length;
  }
  const cells = folioCells(folio);
  yield* c.account(cells.ptes, pages, cells.ref, pages);
  yield* c.unlock(locked.ptl);
}

/** Reaching a page's mappings through the rmap. @see Linux mm/rmap.c; mm/huge_memory.c, `split_huge_page_to_list` */
import type { Steps } from '@ptemu/explore';
import type { Context } from './context.js';
import type { Frames } from './frames.js';
import { __split_huge_pmd } from './huge_memory.js';
import { pte_offset_map_lock } from './memory.js';
import { folioCells, type VmAreaStruct } from './mm_types.js';
import { watchedSlots } from './page-table.js';

/**
 * Splits the pmd that maps a huge page, as reclaim does: through the rmap and without mmap_lock. A VMA that has been
 * unlinked is not found.
 */
export function* split_huge_pmd_address(cx: Context, vma: VmAreaStruct, frames: Frames): Steps<void> {
  const c = cx.in('split_huge_pmd_address');
  yield* c.down_read(vma.anon_vma);
  if ((yield* c.read(vma.unlinked)) !== true) yield* __split_huge_pmd(c, vma, frames.huge, vma.vm_start);
  yield* c.up_read(vma.anon_vma);
}

/**
 * Splits the huge page itself: splits its pmd, unmaps its pages, freezes the reference count, and takes it apart. Fails
 * (and leaves the pages unmapped, to be faulted in again) when somebody holds a reference.
 * @see Linux mm/huge_memory.c, `split_huge_page_to_list`, `unmap_page`, `__split_huge_page` (4.5, 6.12)
 */
export function* split_huge_page(cx: Context, vma: VmAreaStruct, frames: Frames): Steps<void> {
  const c = cx.in('split_huge_page_to_list');
  const cells = folioCells(frames.huge);
  yield* split_huge_pmd_address(c, vma, frames);
  yield* unmap_page(c, vma, frames);
  // One reference is the caller's; every other one is a pin.
  if ((yield* c.act('freeze', cells.ref, [1])) !== true) return;
  yield* c.act('split-folio', frames.huge.name, []);
  yield* c.in('__split_huge_page').account(cells.ref, 1);
  yield* c.act('put', cells.ref, [1, frames.huge.name]);
}

/** Takes every pte of the page out of the table (as migration entries that no other actor here looks at). */
function* unmap_page(cx: Context, vma: VmAreaStruct, frames: Frames): Steps<void> {
  const c = cx.in('unmap_page');
  const locked = yield* pte_offset_map_lock(c, vma);
  if (locked === undefined) return;
  const cells = folioCells(frames.huge);
  let pages = 0;
  for (const { slot, index } of watchedSlots(c, locked.table)) {
    const pageSize = BigInt(c.arch.layoutOf().PAGE_SIZE);
    const address = (vma.vm_start + BigInt(index) * pageSize) as typeof vma.vm_start;
    if (!c.pte.pte_present(yield* c.load(slot))) continue;
    yield* c.sequences.ptep_clear_flush(c, vma, address, slot);
    pages++;
  }
  if ((yield* c.takeRun(locked.table.name)) === frames.huge.name) {
    yield* c.sequences.flush_tlb_range(c, vma, { start: vma.vm_start, end: vma.vm_end });
    pages += frames.huge.nrPages - watchedSlots(c, locked.table).length;
  }
  yield* c.account(cells.ptes, -pages, cells.ref, -pages, vma.vm_mm.rss, -pages);
  yield* c.unlock(locked.ptl);
}

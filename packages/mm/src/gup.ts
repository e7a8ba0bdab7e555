/** GUP-fast: pinning a page by a lockless walk with interrupts off. @see Linux mm/gup.c */
import type { Vaddr } from '@ptemu/arch';
import type { Steps } from '@ptemu/explore';
import type { Context } from './context.js';
import type { Frames } from './frames.js';
import { slotFor } from './memory.js';
import { type Folio, folioCells, type VmAreaStruct } from './mm_types.js';
import { pmd_pgtable } from './page-table.js';

/**
 * Pins the page at an address without locks. Returns whether it did; then `gup-pinned` has checked what was pinned.
 * @see Linux mm/gup.c, `get_user_pages_fast`, `gup_pgd_range` (4.5: `gup_pud_range`; 6.12: `gup_fast_pgd_range`)
 */
export function* get_user_pages_fast(
  cx: Context,
  vma: VmAreaStruct,
  frames: Frames,
  address: Vaddr,
): Steps<boolean> {
  const c = cx.in('get_user_pages_fast');
  yield* c.local_irq_disable();
  const pinned = yield* gup_pmd_range(c, vma, frames, address);
  yield* c.local_irq_enable();
  if (pinned !== undefined) yield* c.act('put', folioCells(pinned).ref, [1, pinned.name]);
  return pinned !== undefined;
}

function* gup_pmd_range(
  cx: Context,
  vma: VmAreaStruct,
  frames: Frames,
  address: Vaddr,
): Steps<Folio | undefined> {
  const c = cx.in('gup_pmd_range');
  const entry = yield* c.load(vma.pmd);
  if (c.pmd.pmd_none(entry)) return undefined;
  if (c.kernel.has('pte-offset-map-may-fail') && !c.pmd.pmd_present(entry)) return undefined;
  if (c.pmd.pmd_trans_huge(entry)) return yield* gup_huge_pmd(c, vma, frames, address, entry);
  return yield* gup_pte_range(c, vma, frames, address, entry);
}

/** A page of a huge mapping. The reference is speculative and the entry is looked at again, unless a variant says not. */
function* gup_huge_pmd(
  cx: Context,
  vma: VmAreaStruct,
  frames: Frames,
  address: Vaddr,
  orig: bigint,
): Steps<Folio | undefined> {
  const c = cx.in('gup_huge_pmd');
  if (c.pmd.pmd_protnone?.(orig) === true || !c.pmd.pmd_write(orig)) return undefined;
  const pfn = c.pmd.pmd_pfn(orig);
  const folio = frames.ofPfn(pfn);
  if (folio === undefined) {
    yield* c.bug_on(
      true,
      `takes a reference on the struct page of pfn 0x${pfn.toString(16)}, which is no memory`,
    );
    return undefined;
  }
  const ref = folioCells(folio).ref;
  if (c.switches['gup.recheck'] === false) {
    yield* c.act('get', ref, []);
  } else {
    if ((yield* c.act('try-get', ref, [])) !== true) return undefined;
    if (!c.pmd.pmd_same(yield* c.load(vma.pmd), orig)) {
      yield* c.act('put', ref, [1, folio.name]);
      return undefined;
    }
  }
  yield* c.act('gup-pinned', folio.name, [address]);
  return folio;
}

function* gup_pte_range(
  cx: Context,
  vma: VmAreaStruct,
  frames: Frames,
  address: Vaddr,
  pmd: bigint,
): Steps<Folio | undefined> {
  const c = cx.in('gup_pte_range');
  const table = pmd_pgtable(c, pmd);
  if (table === undefined) return undefined;
  const slot = slotFor(c, table, vma, address);
  const pte = yield* c.load(slot);
  if (!c.pte.pte_present(pte) || !c.pte.pte_write(pte) || c.pte.pte_protnone?.(pte) === true)
    return undefined;
  const folio = frames.ofPfn(c.pte.pte_pfn(pte));
  if (folio === undefined) return undefined;
  const ref = folioCells(folio).ref;
  if ((yield* c.act('try-get', ref, [])) !== true) return undefined;
  if (c.switches['gup.recheck'] !== false && (yield* c.load(slot)) !== pte) {
    yield* c.act('put', ref, [1, folio.name]);
    return undefined;
  }
  yield* c.act('gup-pinned', folio.name, [address]);
  return folio;
}

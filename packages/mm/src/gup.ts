/** GUP-fast: pinning a page by a lockless walk with interrupts off. @see Linux mm/gup.c */
import type { Vaddr } from '@ptemu/arch';
import type { Steps } from '@ptemu/explore';
import type { Context } from './context.js';
import type { Frames } from './frames.js';
import { type Folio, folioCells, type VmAreaStruct } from './mm_types.js';
import { pmd_pgtable, slotFor } from './page-table.js';

/**
 * Pins the page at an address for writing, without locks. Returns whether it did; then `gup-pinned` has checked what was
 * pinned, and the pin has been dropped again.
 * @see Linux mm/gup.c, `get_user_pages_fast`, `gup_pgd_range` (6.1.192; in 6.12.117 `gup_fast_pgd_range`)
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

/** @see Linux mm/gup.c, `gup_pmd_range` (6.1.192; with pmd_present instead of pmd_none since 4.14) */
function* gup_pmd_range(
  cx: Context,
  vma: VmAreaStruct,
  frames: Frames,
  address: Vaddr,
): Steps<Folio | undefined> {
  const c = cx.in('gup_pmd_range');
  const entry = yield* c.loadForTable(vma.pmd, vma.vm_mm, 'maybe-table');
  if (c.pmd.pmd_none(entry)) return undefined;
  if (c.kernel.has('616b8371539a') && !c.pmd.pmd_present(entry)) return undefined;
  if (c.pmd.pmd_trans_huge(entry)) return yield* gup_huge_pmd(c, vma, frames, address, entry);
  return yield* gup_pte_range(c, vma, frames, address, entry);
}

/**
 * A page of a huge mapping. The reference is speculative and the entry is looked at again, unless a variant says not.
 * Up to 4.12 only x86, in a gup.c of its own, asked for the bits of `pmd_access_permitted`; the others asked `pmd_write`.
 * The model asks the former in every release.
 * @see Linux mm/gup.c, `gup_huge_pmd` (6.1.192; in 6.12.117 `gup_fast_pmd_leaf`)
 */
function* gup_huge_pmd(
  cx: Context,
  vma: VmAreaStruct,
  frames: Frames,
  address: Vaddr,
  orig: bigint,
): Steps<Folio | undefined> {
  const c = cx.in('gup_huge_pmd');
  if (c.pmd.pmd_protnone?.(orig) === true) return undefined;
  if (c.pmd.pmd_access_permitted?.(orig, { write: true }) === false) return undefined;
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
    if ((yield* c.load(vma.pmd)) !== orig) {
      yield* c.act('put', ref, [1, folio.name]);
      return undefined;
    }
  }
  yield* c.act('gup-pinned', folio.name, [address]);
  return folio;
}

/**
 * A page of a small mapping. Since 6.1 the pmd is compared again too: the table may have been taken out meanwhile.
 * @see Linux mm/gup.c, `gup_pte_range` (6.1.192; in 6.12.117 `gup_fast_pte_range`)
 */
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
  if (c.switches['gup.recheck'] !== false) {
    const moved = c.kernel.has('70cbc3cc78a9') && (yield* c.load(vma.pmd)) !== pmd;
    if (moved || (yield* c.load(slot)) !== pte) {
      yield* c.act('put', ref, [1, folio.name]);
      return undefined;
    }
  }
  yield* c.act('gup-pinned', folio.name, [address]);
  return folio;
}

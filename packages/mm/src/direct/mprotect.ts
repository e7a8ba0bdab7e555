/** Changing the protection of a range. @see Linux mm/mprotect.c */
import { type Slot, type Vaddr, __vaddr } from '@ptemu/arch';
import type { Steps } from '@ptemu/explore';
import type { DirectContext } from './context.js';
import { forEachPmd } from './for-each-pmd.js';
import { change_huge_pmd } from './huge_memory.js';
import { enterLazyMmu, leaveLazyMmu } from './memory.js';
import type { DirectVma } from './mm_types.js';
import {
  type MmuGather,
  tlb_change_page_size,
  tlb_finish_mmu,
  tlb_flush_level_range,
  tlb_gather_mmu,
} from './mmu_gather.js';

/**
 * Gives a range the protection `newprot`, which is not above what its pages have. Up to 5.18 the whole range is flushed in the end
 * if any entry changed; from 5.19 on (here 6.0) the entries that need it are gathered, as a zap does.
 * @see Linux mm/mprotect.c, `change_protection_range` (6.1.192, 6.12.117; before 5.19 in 5.4.59)
 */
export function* change_protection(
  cx: DirectContext,
  vma: DirectVma,
  start: Vaddr,
  end: Vaddr,
  newprot: bigint,
): Steps<void> {
  const gathers = cx.kernel.has('4a18419f71cd');
  const tlb = tlb_gather_mmu(vma.vm_mm, { fullmm: false });
  let changed = false;
  yield* forEachPmd(cx, vma, start, end, {
    huge: (pmd, at) => {
      changed = true;
      return change_huge_pmd(cx, tlb, vma, pmd, at, newprot);
    },
    *ptes(pmd, at, next) {
      changed = (yield* change_pte_range(cx, tlb, vma, pmd, at, next, newprot)) || changed;
    },
  });
  if (gathers) yield* tlb_finish_mmu(cx, tlb);
  else if (changed) yield* cx.sequences.flush_tlb_range(cx.cpu, vma, { start, end });
}

/**
 * Changes the ptes of one table. Every one of them loses a right that a TLB may hold, so every one needs a flush
 * (`pte_needs_flush`, where an architecture has one, says so of each).
 * @see Linux mm/mprotect.c, `change_pte_range` (6.1.192, 6.12.117)
 */
function* change_pte_range(
  cx: DirectContext,
  tlb: MmuGather,
  vma: DirectVma,
  pmd: Slot<'pmd'>,
  addr: Vaddr,
  end: Vaddr,
  newprot: bigint,
): Steps<boolean> {
  const table = cx.tables.tableAt(pmd);
  if (table === undefined) return false;
  const { PAGE_SIZE } = cx.machine.layout;
  let changed = false;
  yield* tlb_change_page_size(cx, tlb, PAGE_SIZE);
  yield* enterLazyMmu(cx);
  for (let at: bigint = addr; at < end; at += BigInt(PAGE_SIZE)) {
    const address = __vaddr(at);
    const slot = cx.tables.pte_offset(table, address);
    if (!cx.pte.pte_present(cx.machine.memory.load(slot.paddr))) continue;
    const old = yield* cx.sequences.ptep_modify_prot_start(cx.cpu, vma, address, slot);
    const pte = cx.pte.pte_modify(old, newprot);
    yield* cx.sequences.ptep_modify_prot_commit(cx.cpu, vma, address, slot, old, pte);
    tlb_flush_level_range(tlb, 'pte', at, PAGE_SIZE);
    changed = true;
  }
  yield* leaveLazyMmu(cx);
  return changed;
}

/** Faults and zapping on real page tables. @see Linux mm/memory.c */
import { type Paddr, type Slot, type Vaddr, __paddr, __vaddr } from '@ptemu/arch';
import type { Steps } from '@ptemu/explore';
import type { DirectContext } from './context.js';
import { forEachPmd } from './for-each-pmd.js';
import { copy_huge_pmd, do_huge_pmd_anonymous_page, hugeStart, zap_huge_pmd } from './huge_memory.js';
import type { DirectVma } from './mm_types.js';
import {
  type MmuGather,
  tableFree,
  tlb_change_page_size,
  tlb_flush_level_range,
  tlb_remove_page,
} from './mmu_gather.js';
import { anonymousPte } from './pte-template.js';

/**
 * Zaps [addr, end) of a VMA, pmd by pmd. A huge pmd that is covered in part is split first.
 * @see Linux mm/memory.c, `unmap_page_range`, `zap_pmd_range` (6.1.192, 6.12.117)
 */
export function* unmap_page_range(
  cx: DirectContext,
  tlb: MmuGather,
  vma: DirectVma,
  addr: Vaddr,
  end: Vaddr,
): Steps<void> {
  yield* forEachPmd(cx, vma, addr, end, {
    huge: (pmd, at) => zap_huge_pmd(cx, tlb, vma, pmd, at),
    ptes: (pmd, at, next) => zap_pte_range(cx, tlb, vma, pmd, at, next),
  });
}

/** Zaps the ptes of one table. @see Linux mm/memory.c, `zap_pte_range` (6.1.192, 6.12.117) */
function* zap_pte_range(
  cx: DirectContext,
  tlb: MmuGather,
  vma: DirectVma,
  pmd: Slot<'pmd'>,
  addr: Vaddr,
  end: Vaddr,
): Steps<void> {
  const table = cx.tables.tableAt(pmd);
  if (table === undefined) return;
  const { PAGE_SIZE } = cx.machine.layout;
  yield* tlb_change_page_size(cx, tlb, PAGE_SIZE);
  yield* enterLazyMmu(cx);
  for (let at: bigint = addr; at < end; at += BigInt(PAGE_SIZE)) {
    const address = __vaddr(at);
    const slot = cx.tables.pte_offset(table, address);
    if (cx.pte.pte_none(cx.machine.memory.load(slot.paddr))) continue;
    const old = yield* cx.sequences.ptep_get_and_clear_full(cx.cpu, vma.vm_mm, address, slot, {
      full: tlb.fullmm,
    });
    tlb_flush_level_range(tlb, 'pte', at, PAGE_SIZE);
    vma.vm_mm.rss--;
    const pfn = cx.pte.pte_pfn(old);
    yield* tlb_remove_page(cx, tlb, () => cx.machine.pages.free(pfn));
  }
  yield* leaveLazyMmu(cx);
}

/** Flushes of single entries may be put off from here ... */
export function* enterLazyMmu(cx: DirectContext): Steps<void> {
  yield* cx.sequences.arch_enter_lazy_mmu_mode?.(cx.cpu) ?? nothing();
}

/** ... to here. */
export function* leaveLazyMmu(cx: DirectContext): Steps<void> {
  yield* cx.sequences.arch_leave_lazy_mmu_mode?.(cx.cpu) ?? nothing();
}

function* nothing(): Steps<void> {}

/**
 * Unlinks the tables under a range that no other VMA uses, bottom up; they are freed after the flush.
 * @see Linux mm/memory.c, `free_pgtables`, `free_pgd_range`, `free_pte_range` (6.1.192, 6.12.117)
 */
export function* free_pgtables(
  cx: DirectContext,
  tlb: MmuGather,
  vma: DirectVma,
  addr: Vaddr,
  end: Vaddr,
): Steps<void> {
  const { tables, machine } = cx;
  const { PAGE_SIZE } = machine.layout;
  yield* tlb_change_page_size(cx, tlb, PAGE_SIZE);
  for (let at = addr, next = at; at < end; at = next) {
    next = tables.pmd_addr_end(at, end);
    const block = hugeStart(cx, at);
    const blockEnd = block + BigInt(machine.layout.HPAGE_PMD_SIZE);
    if (vma.vm_mm.vmas.some((other) => other.vm_start < blockEnd && other.vm_end > block)) continue;
    const pmd = tables.pmd_offset(vma.vm_mm, at);
    if (pmd === undefined) continue;
    const table = tables.tableAt(pmd);
    if (table !== undefined) {
      yield* cx.sequences.pmd_clear(cx.cpu, pmd);
      tableFree(tlb, 'pmd', block, PAGE_SIZE, () => tables.pte_free(table));
      vma.vm_mm.nr_ptes--;
    }
    tables.freeEmptyAbove(vma.vm_mm, at, (slot, _table, free) => {
      tableFree(tlb, slot.level, block, PAGE_SIZE, free);
    });
  }
}

/**
 * A fault on an address of a VMA: a new page where nothing is mapped, a huge one where the VMA has them and holds the whole
 * block. An address that is mapped stays as it is.
 * @see Linux mm/memory.c, `__handle_mm_fault`, `do_anonymous_page` (6.1.192, 6.12.117)
 */
export function* handle_mm_fault(cx: DirectContext, vma: DirectVma, address: Vaddr): Steps<void> {
  const pmd = cx.tables.pmd_alloc(vma.vm_mm, address);
  const entry = cx.machine.memory.load(pmd.paddr);
  if (cx.pmd.pmd_none(entry)) {
    if (vma.thp && (yield* do_huge_pmd_anonymous_page(cx, vma, pmd, address))) return;
    yield* cx.sequences.pmd_populate(cx.cpu, vma.vm_mm, pmd, __paddr(cx.tables.pte_alloc_one()));
    vma.vm_mm.nr_ptes++;
  } else if (cx.pmd.pmd_trans_huge(entry)) {
    return;
  }
  yield* do_anonymous_page(cx, vma, pmd, address);
}

function* do_anonymous_page(
  cx: DirectContext,
  vma: DirectVma,
  pmd: Slot<'pmd'>,
  address: Vaddr,
): Steps<void> {
  const table = cx.tables.tableAt(pmd);
  if (table === undefined) return;
  const slot = cx.tables.pte_offset(table, address);
  if (!cx.pte.pte_none(cx.machine.memory.load(slot.paddr))) return;
  const entry = anonymousPte(cx, vma, cx.machine.pages.take());
  yield* cx.sequences.set_pte_at(cx.cpu, vma.vm_mm, address, slot, entry);
  vma.vm_mm.rss++;
}

/**
 * Shares the pages of a private mapping with a child: the ptes of both become read-only. Nothing is flushed here: the parent's
 * whole address space is in the end, by `dup_mmap`.
 * @see Linux mm/memory.c, `copy_page_range`, `copy_pmd_range`, `copy_pte_range` (6.1.192, 6.12.117)
 */
export function* copy_page_range(cx: DirectContext, vma: DirectVma, child: DirectVma): Steps<void> {
  for (let at = vma.vm_start, next = at; at < vma.vm_end; at = next) {
    next = cx.tables.pmd_addr_end(at, vma.vm_end);
    const pmd = cx.tables.pmd_offset(vma.vm_mm, at);
    if (pmd === undefined) continue;
    const entry = cx.machine.memory.load(pmd.paddr);
    if (cx.pmd.pmd_none(entry)) continue;
    if (cx.pmd.pmd_trans_huge(entry)) yield* copy_huge_pmd(cx, vma, child, pmd, at);
    else yield* copy_pte_range(cx, vma, child, pmd, at, next);
  }
}

function* copy_pte_range(
  cx: DirectContext,
  vma: DirectVma,
  child: DirectVma,
  pmd: Slot<'pmd'>,
  addr: Vaddr,
  end: Vaddr,
): Steps<void> {
  const { cpu, sequences, tables } = cx;
  const from = tables.tableAt(pmd);
  if (from === undefined) return;
  const to = yield* pte_alloc(cx, child, addr);
  if (to === undefined) return;
  const { PAGE_SIZE } = cx.machine.layout;
  yield* enterLazyMmu(cx);
  for (let at: bigint = addr; at < end; at += BigInt(PAGE_SIZE)) {
    const address = __vaddr(at);
    const slot = tables.pte_offset(from, address);
    const entry = cx.machine.memory.load(slot.paddr);
    if (!cx.pte.pte_present(entry)) continue;
    if (cx.pte.pte_write(entry)) yield* sequences.ptep_set_wrprotect(cpu, vma.vm_mm, address, slot);
    const shared = cx.pte.pte_mkold(cx.pte.pte_wrprotect(entry));
    yield* sequences.set_pte_at(cpu, child.vm_mm, address, tables.pte_offset(to, address), shared);
    child.vm_mm.rss++;
  }
  yield* leaveLazyMmu(cx);
}

/** The pte table of an address, linked if there was none; undefined under a huge pmd. @see Linux mm/memory.c, `__pte_alloc` (6.12.117) */
export function* pte_alloc(cx: DirectContext, vma: DirectVma, address: Vaddr): Steps<Paddr | undefined> {
  const pmd = cx.tables.pmd_alloc(vma.vm_mm, address);
  if (cx.pmd.pmd_none(cx.machine.memory.load(pmd.paddr))) {
    yield* cx.sequences.pmd_populate(cx.cpu, vma.vm_mm, pmd, cx.tables.pte_alloc_one());
    vma.vm_mm.nr_ptes++;
  }
  return cx.tables.tableAt(pmd);
}

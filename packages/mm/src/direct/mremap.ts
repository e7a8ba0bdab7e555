/** Moving a mapping to another address. @see Linux mm/mremap.c */
import { type Slot, type Vaddr, __vaddr } from '@ptemu/arch';
import type { Steps } from '@ptemu/explore';
import type { DirectContext } from './context.js';
import { hugeStart, move_huge_pmd } from './huge_memory.js';
import { enterLazyMmu, leaveLazyMmu, pte_alloc } from './memory.js';
import type { DirectVma } from './mm_types.js';

/** Pages that are moved at a time up to 4.18. @see Linux mm/mremap.c, `LATENCY_LIMIT` (msm-4.14) */
const LATENCY_LIMIT_PAGES = 64n;

/**
 * Moves the pages of a VMA to `new_vma`, which lies as the old one does within the blocks of its pmds. When the old translations
 * are flushed depends on the release: up to 4.8 once, in the end; from 4.9 on for each run of ptes, because they are dirty, under
 * the lock of the table. A run is a pmd, and up to 4.18 at most 64 pages. Where the architecture can, a whole table moves (5.0).
 * @see Linux mm/mremap.c, `move_page_tables` (6.1.192, 6.12.117)
 */
export function* move_page_tables(cx: DirectContext, vma: DirectVma, new_vma: DirectVma): Steps<void> {
  const { HPAGE_PMD_SIZE, PAGE_SIZE } = cx.machine.layout;
  const limit = cx.kernel.has('mremap-no-latency-limit')
    ? undefined
    : LATENCY_LIMIT_PAGES * BigInt(PAGE_SIZE);
  const distance = new_vma.vm_start - vma.vm_start;
  let unflushed = false;
  for (let at = vma.vm_start, next = at; at < vma.vm_end; at = next) {
    next = cx.tables.pmd_addr_end(at, vma.vm_end);
    const pmd = cx.tables.pmd_offset(vma.vm_mm, at);
    if (pmd === undefined) continue;
    const entry = cx.machine.memory.load(pmd.paddr);
    if (cx.pmd.pmd_none(entry)) continue;
    const to = __vaddr(at + distance);
    const whole = next - at === BigInt(HPAGE_PMD_SIZE);
    if (cx.pmd.pmd_trans_huge(entry)) {
      const new_pmd = cx.tables.pmd_alloc(new_vma.vm_mm, to);
      const late = yield* move_huge_pmd(cx, vma, { pmd, addr: at }, { pmd: new_pmd, addr: to });
      unflushed ||= late;
      continue;
    }
    if (whole && cx.sequences.arch_supports_page_table_move?.() === true) {
      yield* move_normal_pmd(cx, vma, pmd, at, to);
      continue;
    }
    if (limit !== undefined && next - at > limit) next = __vaddr(at + limit);
    const late = yield* move_ptes(cx, vma, new_vma, pmd, { start: at, end: next }, to);
    unflushed ||= late;
  }
  if (unflushed) yield* cx.sequences.flush_tlb_range(cx.cpu, vma, { start: vma.vm_start, end: vma.vm_end });
}

/** Moves ptes one by one. Returns whether the caller has to flush. @see Linux mm/mremap.c, `move_ptes` (6.1.192, 6.12.117) */
function* move_ptes(
  cx: DirectContext,
  vma: DirectVma,
  new_vma: DirectVma,
  pmd: Slot<'pmd'>,
  range: { readonly start: Vaddr; readonly end: Vaddr },
  to: Vaddr,
): Steps<boolean> {
  const { cpu, sequences, tables } = cx;
  const table = tables.tableAt(pmd);
  const target = yield* pte_alloc(cx, new_vma, to);
  if (table === undefined || target === undefined) return false;
  let moved = false;
  yield* enterLazyMmu(cx);
  for (let at: bigint = range.start; at < range.end; at += BigInt(cx.machine.layout.PAGE_SIZE)) {
    const slot = tables.pte_offset(table, __vaddr(at));
    if (cx.pte.pte_none(cx.machine.memory.load(slot.paddr))) continue;
    const pte = yield* sequences.ptep_get_and_clear(cpu, vma.vm_mm, __vaddr(at), slot);
    const address = __vaddr(to + (at - range.start));
    yield* sequences.set_pte_at(cpu, vma.vm_mm, address, tables.pte_offset(target, address), pte);
    moved = true;
  }
  yield* leaveLazyMmu(cx);
  if (!moved || !cx.kernel.has('5d1904204c99')) return moved;
  yield* sequences.flush_tlb_range(cpu, vma, range);
  return false;
}

/** Moves a pte table with all that it maps. @see Linux mm/mremap.c, `move_normal_pmd` (6.1.192, 6.12.117) */
function* move_normal_pmd(
  cx: DirectContext,
  vma: DirectVma,
  pmd: Slot<'pmd'>,
  addr: Vaddr,
  to: Vaddr,
): Steps<void> {
  const { cpu, sequences } = cx;
  const start = hugeStart(cx, addr);
  const new_pmd = cx.tables.pmd_alloc(vma.vm_mm, to);
  const table = cx.tables.tableAt(pmd);
  if (table === undefined) return;
  yield* sequences.pmd_clear(cpu, pmd);
  yield* sequences.pmd_populate(cpu, vma.vm_mm, new_pmd, table);
  const end = __vaddr(start + BigInt(cx.machine.layout.HPAGE_PMD_SIZE));
  yield* sequences.flush_tlb_range(cpu, vma, { start, end });
}

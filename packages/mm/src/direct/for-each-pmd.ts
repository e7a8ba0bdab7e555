/** The way through the pmds of a range that unmapping and mprotect share. */
import type { Slot, Vaddr } from '@ptemu/arch';
import type { Steps } from '@ptemu/explore';
import type { DirectContext } from './context.js';
import { hugeStart } from './huge_memory.js';
import { __split_huge_pmd } from './huge_memory-split.js';
import type { DirectVma } from './mm_types.js';

/** What is done at a pmd. */
interface PmdWork {
  /** To a huge page that the range covers whole. */
  readonly huge: (pmd: Slot<'pmd'>, addr: Vaddr) => Steps<void>;
  /** To the ptes of [addr, end) in a table. */
  readonly ptes: (pmd: Slot<'pmd'>, addr: Vaddr, end: Vaddr) => Steps<void>;
}

/**
 * Goes through the pmds of [addr, end) that are not none. A huge pmd that is covered in part is split first.
 * @see Linux mm/memory.c, `zap_pmd_range`; mm/mprotect.c, `change_pmd_range` (6.1.192, 6.12.117)
 */
export function* forEachPmd(
  cx: DirectContext,
  vma: DirectVma,
  addr: Vaddr,
  end: Vaddr,
  work: PmdWork,
): Steps<void> {
  const whole = BigInt(cx.machine.layout.HPAGE_PMD_SIZE);
  for (let at = addr, next = at; at < end; at = next) {
    next = cx.tables.pmd_addr_end(at, end);
    const pmd = cx.tables.pmd_offset(vma.vm_mm, at);
    if (pmd === undefined) continue;
    const entry = cx.machine.memory.load(pmd.paddr);
    if (cx.pmd.pmd_none(entry)) continue;
    if (cx.pmd.pmd_trans_huge(entry)) {
      if (next - at === whole) {
        yield* work.huge(pmd, at);
        continue;
      }
      yield* __split_huge_pmd(cx, vma, pmd, hugeStart(cx, at));
    }
    yield* work.ptes(pmd, at, next);
  }
}

/**
 * The entry of a new page as two words plus the frame: what the helpers make of it is the same for every page of a mapping but
 * for the frame number, so they are asked once. The obvious form is `anonymousPte`; a property test holds that both agree.
 */
import { type Vaddr, VM_WRITE, __paddr } from '@ptemu/arch';
import type { DirectContext } from './context.js';
import { run } from './machine.js';
import type { DirectVma } from './mm_types.js';

/** The words of an entry whose frame is 0. The frame stands at its own address: `entry | pfn << PAGE_SHIFT`. */
export interface PteTemplate {
  readonly lo: number;
  readonly hi: number;
}

/** The entry that a fault on a new page makes: young, and where the mapping may be written, dirty and writable. */
export function anonymousPte(cx: DirectContext, vma: DirectVma, pfn: number): bigint {
  const entry = cx.pte.pte_mkyoung(cx.pte.pfn_pte(pfn, vma.vm_page_prot));
  if ((vma.vm_flags & VM_WRITE) === 0n) return entry;
  return cx.pte.pte_mkwrite(cx.pte.pte_mkdirty(entry), vma);
}

/** A word of a frame that is never handed out: where `set_pte_at` is tried. */
const SCRATCH = __paddr(0x8000n);

/** What `set_pte_at` stores of an entry. */
export function storedPte(cx: DirectContext, vma: DirectVma, address: Vaddr, entry: bigint): bigint {
  const { memory } = cx.machine;
  const slot = { level: 'pte', paddr: SCRATCH } as const;
  memory.store(SCRATCH, cx.pte.pte_clear());
  run(cx.sequences.set_pte_at(cx.cpu, vma.vm_mm, address, slot, entry));
  const stored = memory.load(SCRATCH);
  memory.store(SCRATCH, 0n);
  return stored;
}

/** The template of a mapping; undefined where the frame number is not simply put in (arm64 with 52-bit addresses). */
export function pteTemplate(cx: DirectContext, vma: DirectVma): PteTemplate | undefined {
  const { memory, layout } = cx.machine;
  const stored = (pfn: number): bigint => storedPte(cx, vma, vma.vm_start, anonymousPte(cx, vma, pfn));
  const base = stored(0);
  const bits = memory.addressBits - layout.PAGE_SHIFT;
  for (let bit = 0; bit < bits; bit++) {
    const frame = 1n << BigInt(bit + layout.PAGE_SHIFT);
    if ((base & frame) !== 0n || stored(2 ** bit) !== (base | frame)) return undefined;
  }
  return { lo: Number(base & 0xffff_ffffn), hi: Number(base >> 32n) };
}

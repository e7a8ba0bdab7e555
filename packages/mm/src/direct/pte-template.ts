/**
 * The entry of a new page as two words plus the frame: what the helpers make of it is the same for every page of a mapping but
 * for the frame number, so they are asked once. The obvious form is `anonymousPte`; a property test holds that both agree.
 */
import { type Vaddr, VM_WRITE, __paddr } from '@ptemu/arch';
import type { DirectContext } from './context.js';
import { run } from './machine.js';
import type { DirectMm, DirectVma } from './mm_types.js';

/** The words of an entry that points to address 0. The address of a frame or a table is put in as it is: `entry | address`. */
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

/** What `pmd_populate` stores for a pte table at an address. */
export function storedTable(cx: DirectContext, mm: DirectMm, table: bigint): bigint {
  const { memory } = cx.machine;
  const slot = { level: 'pmd', paddr: SCRATCH } as const;
  run(cx.sequences.pmd_populate(cx.cpu, mm, slot, __paddr(table)));
  const stored = memory.load(SCRATCH);
  memory.store(SCRATCH, 0n);
  return stored;
}

/** The template of an entry that points to a pte table: `entry | address`; undefined where the address is not simply put in. */
export function tableTemplate(cx: DirectContext, mm: DirectMm, tableBytes: number): PteTemplate | undefined {
  const base = storedTable(cx, mm, 0n);
  for (let bit = Math.log2(tableBytes); bit < cx.machine.memory.addressBits; bit++) {
    const address = 1n << BigInt(bit);
    if ((base & address) !== 0n || storedTable(cx, mm, address) !== (base | address)) return undefined;
  }
  return pairOf(base);
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
  return pairOf(base);
}

const pairOf = (entry: bigint): PteTemplate => ({
  lo: Number(entry & 0xffff_ffffn),
  hi: Number(entry >> 32n),
});

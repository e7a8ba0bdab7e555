/** Moving between tables: which table an entry points to, which slot translates an address. */
import type { Slot } from '@ptemu/arch';
import { type SlotInfo, type TableRegion, viewEntry } from '@ptemu/hw';
import type { Context } from './context.js';

/** The pte table that a pmd points to, by the kernel's reading of the entry; undefined when it points to none. */
export function pmd_pgtable(cx: Context, entry: bigint): TableRegion | undefined {
  const view = viewEntry(cx.machine.mmu, 'pmd', entry);
  return view.kind === 'table' ? cx.machine.regionByBase(view.base) : undefined;
}

/** The slots of a pte table that actors address, with their index. The other slots are the table's run. */
export function watchedSlots(
  cx: Context,
  table: TableRegion,
): readonly { readonly slot: Slot<'pte'> & SlotInfo; readonly index: number }[] {
  return cx.machine.slotsOf(table).map((slot) => ({
    slot: slot as Slot<'pte'> & SlotInfo,
    index: Number((slot.paddr - table.base) / 8n),
  }));
}

/** Number of slots in a pte table of this architecture. */
export function PTRS_PER_PTE(cx: Context): number {
  return cx.arch.layoutOf().HPAGE_PMD_NR;
}

/** Moving between tables: which table an entry points to, which slot translates an address. */
import type { Slot, Vaddr } from '@ptemu/arch';
import { type SlotInfo, type TableRegion, viewEntry } from '@ptemu/hw';
import type { Context } from './context.js';
import type { Frames } from './frames.js';
import type { Folio, VmAreaStruct } from './mm_types.js';

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

/** The slot of a table that translates an address. */
export function slotFor(
  cx: Context,
  table: TableRegion,
  vma: VmAreaStruct,
  address: Vaddr,
): Slot<'pte'> & SlotInfo {
  const { PAGE_SHIFT } = cx.arch.layoutOf();
  const index = Number((address - vma.vm_start) >> BigInt(PAGE_SHIFT));
  const found = watchedSlots(cx, table).find((watched) => watched.index === index);
  if (found === undefined)
    throw new Error(`internal: pte ${index} of ${table.name} is not watched; declare it in the setup`);
  return found.slot;
}

/** What the run of a table holds while the ptes of a folio are migration entries. */
export const frozenRun = (folio: Folio): string => `${folio.name} frozen`;

/** The folio whose migration entries a run stands for. */
export const frozenFolio = (frames: Frames, run: string): Folio | undefined =>
  frames.all().find((folio) => frozenRun(folio) === run);

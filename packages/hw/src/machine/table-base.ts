/**
 * I2, before any damage: the address of a table is computed from an entry, and what lies there is no table of the level
 * below.
 */
import type { Level } from '@ptemu/arch';
import { depthOf, viewEntry } from './entry-view.js';
import type { Machine, SlotInfo, TableRegion } from './machine.js';

/**
 * What a load's caller makes of the entry: `table`: it goes to the table whatever the entry says; `maybe-table`: it does
 * so where the kernel's helpers say that the entry is neither none nor huge.
 */
export type TableUse = 'table' | 'maybe-table';

/**
 * The table that an entry points to, as the walker reads it. I2 falls, and there is none, where the entry is no table
 * entry or what lies at its address has not the role of a table of the level below.
 */
export function tableBelow(
  machine: Machine,
  slot: SlotInfo,
  entry: bigint,
  who: string,
): TableRegion | undefined {
  const view = viewEntry(machine.mmu, slot.level, entry);
  const says = `${who}: ${slot.label} = 0x${entry.toString(16)}`;
  if (view.kind !== 'table') {
    machine.fall('I2', `${says} is taken for the address of a table`);
    return undefined;
  }
  const region = machine.regionByBase(view.base);
  const role = region === undefined ? 'no table' : machine.roleOf(region);
  if (region === undefined || role !== `table:${levelBelow(machine, slot.level)}`) {
    machine.fall(
      'I2',
      `${says} points to ${region?.name ?? `0x${view.base.toString(16)}`}, which is ${role}`,
    );
    return undefined;
  }
  return region;
}

/** I2 and I20 for software that goes from an entry to the table below. */
export function checkTableBase(
  machine: Machine,
  slot: SlotInfo,
  entry: bigint,
  by: { readonly use: TableUse; readonly who: string; readonly mm: string },
): void {
  const { pmd } = machine.arch;
  if (by.use === 'maybe-table' && (pmd.pmd_none(entry) || pmd.pmd_trans_huge(entry) || pmd.pmd_bad(entry))) {
    return;
  }
  const region = tableBelow(machine, slot, entry, by.who);
  if (region !== undefined && region.owner !== by.mm) {
    machine.fall(
      'I20',
      `${by.who}: a walk of ${by.mm} goes from ${slot.label} to a table of ${region.owner}`,
    );
  }
}

function levelBelow(machine: Machine, level: Level): Level | undefined {
  const at = depthOf(machine.mmu, level);
  return machine.mmu.levels[at + 1]?.level;
}

/**
 * Steps on table slots: loads, stores and atomic updates by software, and the checks that belong to every access.
 *
 * I1: the slot must lie in a region whose role is a table of its level (a deposited table counts while it is deposited:
 * its words are a list head or hash slots). I2: an address that is in no slot of the model was computed wrongly.
 */
import type { Step } from '@ptemu/explore';
import { always, type Machine, type Prepared, type SlotInfo, slotCell, type StepKind } from './machine.js';
import { checkTableBase, type TableUse } from './table-base.js';

/** What mm adds to every change of a slot. `tag` is the section of the path that stores, such as `split`. */
export type StoreHook = (change: {
  readonly slot: SlotInfo;
  readonly old: bigint;
  readonly value: bigint;
  readonly tag: string;
  readonly by: 'software' | 'hardware';
}) => void;

/**
 * Registers the kinds `load load-when-clear store xchg cmpxchg update`. A load says as operands what the caller takes the
 * entry for, and whose address space it walks, where it goes on to the table below: `[TableUse, mm]`.
 */
export function defineMemorySteps(machine: Machine, onStore: StoreHook): void {
  const kind = (
    name: string,
    act: (slot: SlotInfo, cell: number, step: Step) => bigint | undefined,
  ): void => {
    machine.define(name, slotStep(act));
  };
  const put = (slot: SlotInfo, cell: number, value: bigint, step: Step): void => {
    const old = machine.cells.get(cell) as bigint;
    const next = BigInt.asUintN(64, value);
    machine.cells.set(cell, next);
    onStore({ slot, old, value: next, tag: tagOf(step), by: 'software' });
  };

  kind('load', (slot, cell, step) => {
    const entry = machine.cells.get(cell) as bigint;
    const [use, mm] = step.operands as [TableUse | undefined, string | undefined];
    if (use !== undefined) checkTableBase(machine, slot, entry, { use, who: step.fn, mm: mm ?? '' });
    return entry;
  });
  machine.define('load-when-clear', (m, step) => {
    const slot = m.slotByLabel(step.object);
    if (slot === undefined)
      throw new Error(`internal: ${step.fn} spins on ${step.object}, which is no declared slot`);
    const bits = step.operands[0] as bigint;
    return {
      enabled: () => (m.valueOf(slot) & bits) === 0n,
      run: () => {
        checkTableAccess(m, slot, step.fn);
        return m.valueOf(slot);
      },
      waitsFor: () => [`bits 0x${bits.toString(16)} of ${slot.label}`],
    };
  });
  kind('store', (slot, cell, step) => {
    put(slot, cell, step.operands[0] as bigint, step);
    return undefined;
  });
  kind('xchg', (slot, cell, step) => {
    const old = machine.cells.get(cell) as bigint;
    put(slot, cell, step.operands[0] as bigint, step);
    return old;
  });
  kind('cmpxchg', (slot, cell, step) => {
    const old = machine.cells.get(cell) as bigint;
    if (old === step.operands[0]) put(slot, cell, step.operands[1] as bigint, step);
    return old;
  });
  kind('update', (slot, cell, step) => {
    const old = machine.cells.get(cell) as bigint;
    put(slot, cell, (old & ~(step.operands[0] as bigint)) | (step.operands[1] as bigint), step);
    return old;
  });
}

/** The last operand of a memory step names the section of the path: '' outside any. */
const tagOf = (step: Step): string => String(step.operands.at(-1) ?? '');

function slotStep(act: (slot: SlotInfo, cell: number, step: Step) => bigint | undefined): StepKind {
  return (machine, step): Prepared => {
    const slot = machine.slotByLabel(step.object);
    if (slot === undefined) {
      return always(() => {
        machine.fall('I2', `${step.fn}: ${step.kind} of ${step.object}, which is in no table of the model`);
        return 0n;
      });
    }
    const cell = machine.cells.cell(slotCell(slot), undefined);
    return always(() => {
      checkTableAccess(machine, slot, step.fn);
      return act(slot, cell, step);
    });
  };
}

/**
 * I1: an access to a slot needs a table of the slot's level under it. I20: one that is made for an address space, as by a
 * walk from its root, needs a table of that address space.
 */
export function checkTableAccess(machine: Machine, slot: SlotInfo, who: string, mm?: string): void {
  if (mm !== undefined && slot.region.owner !== mm) {
    machine.fall('I20', `${who}: a walk of ${mm} reads ${slot.label}, a table of ${slot.region.owner}`);
  }
  const role = machine.roleOf(slot.region);
  if (role === `table:${slot.level}` || role === 'deposited' || role === 'private') return;
  machine.fall('I1', `${who}: access to ${slot.label}, but ${slot.region.name} is ${role}`);
}

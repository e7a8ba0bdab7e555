/**
 * Steps that ask or tell the whole world: what a path promises, what has ended, what is pinned, and the pools that pages
 * and tables are taken from.
 */
import type { Operand, Step } from '@ptemu/explore';
import { always, type Machine, slotCell } from '@ptemu/hw';
import type { Frames } from './frames.js';
import { promiseCell } from './invariants.js';
import { folioCells } from './mm_types.js';
import { restCell } from './object-steps.js';
import type { MmWorld } from './world.js';

/**
 * Registers the kinds
 * - `promise` [mm, permission]: an invalidation of the range has returned, weaker permissions hold from now on (I4);
 * - `zap-done`, `check-mm`, `gup-pinned` [address], `contract`: the moments at which I9, I8, I3 and I21 are judged;
 * - `split-folio`: a page has been taken apart;
 * - `alloc-page`, `alloc-table`: return the name of a free one, or ''.
 */
export function defineWorldSteps(world: MmWorld): void {
  const { machine } = world;
  const tell = (kind: string, act: (step: Step) => void): void => {
    machine.define(kind, (_m, step) =>
      always(() => {
        act(step);
        return undefined;
      }),
    );
  };
  const ask = (kind: string, act: () => Operand): void => {
    machine.define(kind, () => always(act));
  };
  tell('promise', (step) => machine.set(promiseCell(world.vma), step.operands[1], ''));
  tell('zap-done', () => world.invariants.zapDone());
  tell('check-mm', () => world.invariants.checkMm());
  tell('gup-pinned', (step) => world.invariants.pinned(step.object, step.operands[0] as bigint));
  tell('contract', () => world.invariants.contract(machine.valueOf(world.pmd)));
  tell('split-folio', (step) => machine.set(`${step.object}.state`, 'split'));
  ask('alloc-page', () => allocPage(machine, world.frames));
  ask('alloc-table', () => allocTable(world));
}

/** Takes a small page from the pool, clean and with one reference. */
function allocPage(machine: Machine, frames: Frames): string {
  const free = frames.small.find((folio) => machine.get(folioCells(folio).state) === 'free');
  if (free === undefined) return '';
  const cells = folioCells(free);
  machine.set(cells.state, 'page');
  machine.set(cells.ref, 1, 0);
  machine.set(cells.stored, 0, 0);
  machine.set(cells.dirty, 0, 0);
  return free.name;
}

/** Takes a table from the pool and empties it; nobody else can see it before it is linked. */
function allocTable({ machine, arch }: MmWorld): string {
  const free = machine
    .regions()
    .find((region) => region.level === 'pte' && region.owner === 'mm' && machine.roleOf(region) === 'free');
  if (free === undefined) return '';
  machine.setRole(free, 'private');
  for (const slot of machine.slotsOf(free)) machine.set(slotCell(slot), arch.pte.pte_clear());
  machine.set(restCell(free.name), 'empty', 'empty');
  return free.name;
}

/**
 * Steps on the objects of mm: cells, counters, locks, reference counts, runs of ptes.
 *
 * A *run* stands for all slots of a pte table that no actor addresses singly: `rest:<table>` holds `empty` or the folio
 * that they map page by page. One step fills or takes it, as DESIGN.md's geometry rule says; counters still count pages.
 */
import { always, type Machine, type Prepared, type TableRegion } from '@ptemu/hw';
import type { Operand, Step } from '@ptemu/explore';

/** Cell of a lock: the name of its holder, or ''. */
const holder = (machine: Machine, lock: string): string => machine.get(lock, '') as string;

/** Cell that says what the slots of a table hold that nobody addresses singly. */
export const restCell = (table: string): string => `rest:${table}`;

/** What mm's invariants want to be told of. */
export interface ObjectHooks {
  /** A page-table lock was dropped: what it guards must be consistent now. */
  readonly unlocked: (lock: string) => void;
  /** A lock in the metadata of this table was taken. */
  readonly locked: (lock: string, who: string) => void;
  /** The reference count of a folio reached zero. */
  readonly released: (folio: string) => void;
  readonly tableFreed: (region: TableRegion) => void;
}

/** Registers the kinds of this file. */
export function defineObjectSteps(machine: Machine, hooks: ObjectHooks): void {
  machine.define('read', (m, step) => always(() => m.get(step.object)));
  machine.define('write', (m, step) =>
    always(() => {
      m.set(step.object, step.operands[0], undefined);
      return undefined;
    }),
  );
  // [cell, delta, cell, delta, ...]: counters that only the end of a section looks at change together.
  machine.define('account', (m, step) =>
    always(() => {
      for (let i = 0; i + 1 < step.operands.length; i += 2) {
        const cell = step.operands[i] as string;
        m.set(cell, (m.get(cell, 0) as number) + (step.operands[i + 1] as number), 0);
      }
      return undefined;
    }),
  );
  machine.define('lock', (m, step) => lockStep(m, step, hooks));
  machine.define('unlock', (m, step) =>
    always(() => {
      if (holder(m, step.object) !== step.operands[0])
        m.fall('I22', `${step.fn}: ${step.object} is not held`);
      m.set(step.object, '', '');
      hooks.unlocked(step.object);
      return undefined;
    }),
  );
  defineRwsem(machine);
  defineReferences(machine, hooks);
  machine.define('fill-run', (m, step) => fillRun(m, step));
  machine.define('take-run', (m, step) =>
    always(() => {
      const cell = restCell(step.object);
      const run = m.get(cell, 'empty');
      m.set(cell, 'empty', 'empty');
      return run;
    }),
  );
  // [expected, run]: the rest of a live table changes in place. Returns whether it held what was expected.
  machine.define('swap-run', (m, step) =>
    always(() => {
      const cell = restCell(step.object);
      if (m.get(cell, 'empty') !== step.operands[0]) return false;
      m.set(cell, step.operands[1], 'empty');
      return true;
    }),
  );
  machine.define('free-table', (m, step) => {
    const region = regionNamed(m, step.object);
    return always(() => {
      if (m.roleOf(region) === 'free') m.fall('I1', `${step.fn}: ${region.name} is freed twice`);
      m.setRole(region, 'free');
      hooks.tableFreed(region);
      return undefined;
    });
  });
  machine.define('bug', (m, step) =>
    always(() => {
      m.fall('I22', `${step.fn}: ${step.object}`);
      return undefined;
    }),
  );
}

export function regionNamed(machine: Machine, name: string): TableRegion {
  const region = machine.regions().find((candidate) => candidate.name === name);
  if (region === undefined) throw new Error(`internal: no region '${name}'`);
  return region;
}

function lockStep(machine: Machine, step: Step, hooks: ObjectHooks): Prepared {
  const who = step.operands[0] as string;
  return {
    enabled: () => holder(machine, step.object) === '',
    run: () => {
      machine.set(step.object, who, '');
      hooks.locked(step.object, `${who} in ${step.fn}`);
      return undefined;
    },
    waitsFor: () => [holder(machine, step.object)],
  };
}

/** `down_read`, `up_read`, `down_write`, `up_write` on a cell: readers counted, -1 for a writer. */
function defineRwsem(machine: Machine): void {
  const state = (m: Machine, name: string): number => m.get(name, 0) as number;
  const change = (allowed: (now: number) => boolean, next: (now: number) => number) => {
    return (m: Machine, step: Step): Prepared => ({
      enabled: () => allowed(state(m, step.object)),
      run: (): Operand => {
        m.set(step.object, next(state(m, step.object)), 0);
        return undefined;
      },
      waitsFor: () => [step.object],
    });
  };
  machine.define(
    'down_read',
    change(
      (now) => now >= 0,
      (now) => now + 1,
    ),
  );
  machine.define(
    'up_read',
    change(
      () => true,
      (now) => now - 1,
    ),
  );
  machine.define(
    'down_write',
    change(
      (now) => now === 0,
      () => -1,
    ),
  );
  machine.define(
    'up_write',
    change(
      () => true,
      () => 0,
    ),
  );
}

function defineReferences(machine: Machine, hooks: ObjectHooks): void {
  const count = (m: Machine, cell: string): number => m.get(cell, 0) as number;
  // Adds unless the count is zero: a speculative reference. Returns whether it was taken.
  machine.define('try-get', (m, step) =>
    always(() => {
      const now = count(m, step.object);
      if (now === 0) return false;
      m.set(step.object, now + 1, 0);
      return true;
    }),
  );
  machine.define('get', (m, step) =>
    always(() => {
      const now = count(m, step.object);
      if (now <= 0)
        m.fall('I22', `${step.fn}: ${step.object} is ${now}: a reference to what is frozen or free`);
      m.set(step.object, now + 1, 0);
      return undefined;
    }),
  );
  machine.define('put', (m, step) =>
    always(() => {
      const now = count(m, step.object) - (step.operands[0] as number);
      if (now < 0) m.fall('I22', `${step.fn}: ${step.object} drops to ${now}`);
      m.set(step.object, now, 0);
      if (now === 0) hooks.released(step.operands[1] as string);
      return now;
    }),
  );
  // page_ref_freeze: from the expected count to zero, or not at all.
  machine.define('freeze', (m, step) =>
    always(() => {
      if (count(m, step.object) !== step.operands[0]) return false;
      m.set(step.object, 0, 0);
      return true;
    }),
  );
}

/** [run, label, value, label, value, ...]: the watched slots and the rest of a table that nobody else can see. */
function fillRun(machine: Machine, step: Step): Prepared {
  const [run, ...slots] = step.operands;
  const region = regionNamed(machine, step.object);
  return always(() => {
    machine.setRole(region, 'private');
    machine.set(restCell(step.object), run, 'empty');
    for (let i = 0; i + 1 < slots.length; i += 2) {
      machine.set(`slot:${String(slots[i])}`, slots[i + 1]);
    }
    return undefined;
  });
}

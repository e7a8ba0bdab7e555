/**
 * Steps of the MMU: accesses and walks of a CPU, invalidations with issue and completion, shootdown IPIs, and the
 * s390 instructions that edit an entry and purge it.
 *
 * A walk in flight keeps its CPU busy (`walk:<cpu>`): an interrupt is taken, and an invalidation takes effect, only
 * between two accesses. So nothing that a walk read can be cached after the invalidation that covers it has completed.
 */
import type { Invalidation, InvalidationInstruction } from '@ptemu/arch';
import type { Step } from '@ptemu/explore';
import { sizeName } from './size-name.js';
import { always, type Machine, type Prepared } from './machine.js';
import { overlaps, pagesOverlap, tlbEntries, type TlbEntry, withEntry, withoutEntries } from './tlb-state.js';

/** Cell that holds the content of a CPU's TLB. */
export const tlbCell = (cpu: number): string => `tlb:CPU${cpu}`;
const busyCell = (cpu: number): string => `walk:CPU${cpu}`;
/** Cell that is 1 while a CPU has interrupts off. */
export const irqCell = (cpu: number): string => `irq:CPU${cpu}`;
const ipiCell = (cpu: number): string => `ipi:CPU${cpu}`;
const pendingCell = (cpu: number): string => `inv:CPU${cpu}`;

/** One request waiting on a CPU: who sent it and what it drops, as text in a cell. */
interface Request {
  readonly from: string;
  readonly instruction: string;
  readonly mm: string;
  readonly start: bigint;
  readonly end: bigint;
}

/** The TLB content of a CPU now. */
export const tlbOf = (machine: Machine, cpu: number): readonly TlbEntry[] =>
  tlbEntries(machine.get(tlbCell(cpu), '') as string);

/** Puts a translation into a CPU's TLB; I11: it must not overlap one of another size or output. */
export function fillTlb(machine: Machine, cpu: number, entry: TlbEntry): void {
  const content = machine.get(tlbCell(cpu), '') as string;
  for (const other of tlbEntries(content)) {
    if (other.mm !== entry.mm || !pagesOverlap(other, entry)) continue;
    const samePlace = other.pa - other.va === entry.pa - entry.va;
    if (machine.mmu.mixedSizes === 'allowed' && samePlace) continue;
    if (other.pageBytes !== entry.pageBytes || !samePlace) {
      machine.fall(
        'I11',
        `CPU${cpu} holds ${show(other)} and loads ${show(entry)} (mixed sizes: ${machine.mmu.mixedSizes})`,
      );
    }
  }
  const replaced = withoutEntries(
    content,
    (other) => other.mm === entry.mm && other.va === entry.va && other.sizeBytes === entry.sizeBytes,
  );
  machine.set(tlbCell(cpu), withEntry(replaced, entry), '');
  machine.effect(`CPU${cpu} caches ${show(entry)}`);
}

/** Drops from one CPU what an instruction drops. */
export function dropFromTlb(machine: Machine, cpu: number, what: Omit<Request, 'from'>): void {
  const instruction = machine.arch.tlb.instructions[what.instruction];
  if (instruction === undefined) throw new Error(`internal: no instruction '${what.instruction}'`);
  const content = machine.get(tlbCell(cpu), '') as string;
  const next = withoutEntries(content, (entry) => covers(instruction, what, entry));
  if (next !== content) {
    machine.set(tlbCell(cpu), next, '');
    machine.effect(`CPU${cpu} drops by ${instruction.name}`);
  }
}

function covers(instruction: InvalidationInstruction, what: Omit<Request, 'from'>, entry: TlbEntry): boolean {
  switch (instruction.drops) {
    case 'nothing':
      return false;
    case 'all':
      return true;
    case 'mm':
      return entry.mm === what.mm;
    case 'address':
    case 'range':
      return entry.mm === what.mm && overlaps(entry, what.start, what.end);
  }
}

/** CPUs that the machine must reach: those whose TLB can hold something. */
const translating = (machine: Machine): readonly number[] =>
  machine.cpus.filter((cpu) => cpu.translates).map((cpu) => cpu.id);

/** Encodes an invalidation as operands of a step. */
export const invalidationOperands = (what: Invalidation): readonly (string | bigint)[] => [
  what.instruction,
  what.mm?.id ?? '',
  what.start ?? 0n,
  what.end ?? (what.start ?? 0n) + 1n,
];

const requestOf = (from: string, operands: readonly unknown[]): Request => ({
  from,
  instruction: operands[0] as string,
  mm: operands[1] as string,
  start: operands[2] as bigint,
  end: operands[3] as bigint,
});

const encode = (r: Request): string =>
  `${r.from},${r.instruction},${r.mm},${r.start.toString(16)},${r.end.toString(16)}`;

function decode(text: string): Request {
  const [from = '', instruction = '', mm = '', start = '0', end = '0'] = text.split(',');
  return { from, instruction, mm, start: BigInt(`0x${start}`), end: BigInt(`0x${end}`) };
}

const queue = (machine: Machine, cell: string): readonly string[] => {
  const content = machine.get(cell, '') as string;
  return content === '' ? [] : content.split(';');
};

function enqueue(machine: Machine, cell: string, request: string): void {
  machine.set(cell, [...queue(machine, cell), request].join(';'), '');
}

const walks = (machine: Machine, cpu: number): number => machine.get(busyCell(cpu), 0) as number;
const isBusy = (machine: Machine, cpu: number): boolean => walks(machine, cpu) !== 0;
const irqsOff = (machine: Machine, cpu: number): boolean => machine.get(irqCell(cpu), 0) !== 0;

/**
 * Registers the kinds
 * - `tlbi` (instruction, mm, start, end, cpu): issues one; a local one takes effect at once, a broadcast one when each
 *   CPU's agent delivers it;
 * - `dvm-sync` (cpu): waits for all that the object (a thread) issued;
 * - `ipi-send` (instruction, mm, start, end, target...) and `ipi-wait`;
 * - `ipi` and `dvm` (cpu): the agents' steps;
 * - `irq-off`, `irq-on` (cpu).
 */
export function defineTlbSteps(machine: Machine): void {
  machine.define('tlbi', (m, step) => {
    const request = requestOf(step.object, step.operands);
    const cpu = step.operands[4] as number;
    const instruction = m.arch.tlb.instructions[request.instruction];
    if (instruction === undefined) throw new Error(`internal: no instruction '${request.instruction}'`);
    return always(() => {
      if (instruction.reach === 'local') {
        dropFromTlb(m, cpu, request);
      } else if (instruction.completes === 'immediate') {
        for (const target of translating(m)) dropFromTlb(m, target, request);
      } else {
        for (const target of translating(m)) enqueue(m, pendingCell(target), encode(request));
      }
      return undefined;
    });
  });
  machine.define('dvm-sync', (m, step) => ({
    enabled: () =>
      translating(m).every((cpu) => !queue(m, pendingCell(cpu)).some((r) => decode(r).from === step.object)),
    run: () => undefined,
    waitsFor: () => translating(m).map((cpu) => `dvm CPU${cpu}`),
  }));
  machine.define('dvm', (m, step) => {
    const cpu = step.operands[0] as number;
    return deliver(m, cpu, pendingCell(cpu), () => true);
  });
  machine.define('ipi-send', (m, step) => {
    const request = encode(requestOf(step.object, step.operands));
    const targets = step.operands.slice(4) as readonly number[];
    return always(() => {
      for (const target of targets) enqueue(m, ipiCell(target), request);
      return undefined;
    });
  });
  machine.define('ipi-wait', (m, step) => ({
    enabled: () =>
      m.cpus.every((cpu) => !queue(m, ipiCell(cpu.id)).some((r) => decode(r).from === step.object)),
    run: () => undefined,
    waitsFor: () =>
      m.cpus.filter((cpu) => queue(m, ipiCell(cpu.id)).length > 0).map((cpu) => `ipi CPU${cpu.id}`),
  }));
  machine.define('ipi', (m, step) => {
    const cpu = step.operands[0] as number;
    return deliver(m, cpu, ipiCell(cpu), () => !irqsOff(m, cpu));
  });
  machine.define('irq-off', (m, step) => irqStep(m, step, 1));
  machine.define('irq-on', (m, step) => irqStep(m, step, 0));
}

function irqStep(machine: Machine, step: Step, value: 0 | 1): Prepared {
  const cell = irqCell(step.operands[0] as number);
  return always(() => {
    machine.set(cell, value, 0);
    return undefined;
  });
}

function deliver(machine: Machine, cpu: number, cell: string, allowed: () => boolean): Prepared {
  return {
    enabled: () => queue(machine, cell).length > 0 && !isBusy(machine, cpu) && allowed(),
    run: () => {
      const [first = '', ...rest] = queue(machine, cell);
      const request = decode(first);
      if (request.instruction !== '') dropFromTlb(machine, cpu, request);
      machine.set(cell, rest.join(';'), '');
      return undefined;
    },
  };
}

/** A walk begins on a CPU, or ends: a store or load and a speculative one may be in flight together. */
export function setBusy(machine: Machine, cpu: number, busy: boolean): void {
  machine.set(busyCell(cpu), walks(machine, cpu) + (busy ? 1 : -1), 0);
}

/** Tests whether no CPU that can translate is in a walk: what an instruction that completes at once must wait for. */
export const allIdle = (machine: Machine): boolean =>
  translating(machine).every((cpu) => !isBusy(machine, cpu));

/** CPUs whose TLBs a global purge reaches. */
export const purgeTargets = (machine: Machine): readonly number[] => translating(machine);

/** A translation for people: `0x40000000 2M -> 0x40000000 rw`. */
export function show(entry: TlbEntry): string {
  return `0x${entry.va.toString(16)} ${sizeName(entry.sizeBytes)} -> 0x${entry.pa.toString(16)} ${entry.write ? 'rw' : 'r'}`;
}

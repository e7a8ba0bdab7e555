/**
 * One CPU of direct mode: arch's `Cpu` over the machine. Every method is done when it returns, so that the kernel's
 * sequences, which are generators for the sake of exploration, run straight through.
 */
import {
  __paddr, type Barrier, type Cpu, type CrossCallTargets, type EntryOf, type EntryPurge, type Invalidation, type Kernel,
  levelLayout, type Level, type MmRef, type Paddr, type Sequences, type Slot, type Steps, __vaddr,
} from '@ptemu/arch'; // prettier-ignore
import type { Operand } from '@ptemu/explore';
import { CpuSet } from './cpu-set.js';
import type { DirectMachine } from './machine.js';
import type { DirectMm } from './mm_types.js';

/** A call of a flush function; counted once it issues something. */
interface FlushCall {
  counted: boolean;
}

/** The functions whose calls are counted: entry points of a flush, by their kernel names. */
const FLUSH_FUNCTION =
  /^(__flush_|flush_|local_flush_|tlb_flush|radix__|arch_tlbbatch_|__tlb_flush_|hash__|leave_mm|switch_mm)/;

/** A CPU, and the kernel function that it is in. */
export class DirectCpu implements Cpu {
  readonly machine: DirectMachine;
  readonly kernel: Kernel;
  /** Number of this CPU. */
  readonly id: number;
  readonly tlbBatch: { active: boolean; readonly pending: Invalidation[] };
  readonly #call: FlushCall | undefined;

  constructor(
    machine: DirectMachine,
    id: number,
    call?: FlushCall,
    tlbBatch: DirectCpu['tlbBatch'] = { active: false, pending: [] },
  ) {
    this.tlbBatch = tlbBatch;
    this.machine = machine;
    this.kernel = machine.arch.kernel;
    this.id = id;
    this.#call = call;
  }

  get sequences(): Sequences {
    return this.machine.arch.sequences;
  }

  /** The same CPU in `fn`. A flush function within another one belongs to that one's call. */
  in(fn: string): DirectCpu {
    if (this.#call !== undefined || !FLUSH_FUNCTION.test(fn)) return this;
    return new DirectCpu(this.machine, this.id, { counted: false }, this.tlbBatch);
  }

  *load<L extends Level>(slot: Slot<L>): Steps<EntryOf[L]> {
    return this.machine.memory.load(slot.paddr) as EntryOf[L];
  }
  *store(slot: Slot, value: bigint): Steps<void> {
    this.machine.memory.store(slot.paddr, value);
  }
  *xchg<L extends Level>(slot: Slot<L>, value: bigint): Steps<EntryOf[L]> {
    const old = this.machine.memory.load(slot.paddr);
    this.machine.memory.store(slot.paddr, value);
    return old as EntryOf[L];
  }
  *cmpxchg<L extends Level>(slot: Slot<L>, expected: bigint, value: bigint): Steps<EntryOf[L]> {
    const old = this.machine.memory.load(slot.paddr);
    if (old === expected) this.machine.memory.store(slot.paddr, value);
    return old as EntryOf[L];
  }
  *update<L extends Level>(
    slot: Slot<L>,
    change: { readonly clear: bigint; readonly set: bigint },
  ): Steps<EntryOf[L]> {
    const old = this.machine.memory.load(slot.paddr);
    this.machine.memory.store(slot.paddr, (old & ~change.clear) | change.set);
    return old as EntryOf[L];
  }
  *fill(table: Paddr, sizeBytes: number, value: bigint): Steps<void> {
    this.machine.memory.fill(table, sizeBytes / 8, value);
  }

  *read(cell: string): Steps<Operand> {
    return this.machine.cells.get(this.#cell(cell));
  }
  *write(cell: string, value: Operand): Steps<void> {
    this.machine.cells.set(this.#cell(cell), value);
  }

  /** Orders memory, which is in order here. */
  *barrier(_kind: Barrier): Steps<void> {}

  *invalidate(what: Invalidation): Steps<void> {
    this.#countCall();
    this.machine.invalidate(this.id, what);
  }
  *complete(): Steps<void> {
    this.machine.complete(this.id);
  }

  /** The instruction sets its bit in the entry that its operands select, and drops what was translated through it. */
  *purgeEntry(what: EntryPurge): Steps<void> {
    const { machine } = this;
    const { shift, entries } = levelLayout(machine.layout, what.level);
    const index = (what.va >> BigInt(shift)) & BigInt(entries - 1);
    const target = (what.origin & ~(what.originAlignment - 1n)) + index * 8n;
    machine.memory.store(target, machine.memory.load(target) | what.sets);
    const start = what.va & ~((1n << BigInt(shift)) - 1n);
    this.#countCall();
    machine.invalidate(this.id, {
      instruction: what.scope === 'local' ? `${what.instruction} local` : what.instruction,
      mm: what.mm,
      start: __vaddr(start),
      end: __vaddr(start + (1n << BigInt(shift))),
    });
  }

  *crossCall(targets: CrossCallTargets, what?: Invalidation): Steps<void> {
    const { machine } = this;
    const mm = targets.mm as DirectMm | undefined;
    const cpus = (mm?.cpumask ?? machine.online).clone();
    cpus.delete(this.id);
    const lazy =
      mm === undefined || targets.lazy === undefined ? new CpuSet(machine.cpus) : cpus.and(mm.lazy);
    if (!lazy.isEmpty) cpus.deleteAll(lazy);
    if (mm !== undefined) {
      mm.behind.addAll(mm.left);
      if (targets.lazy === 'skip') mm.behind.addAll(lazy);
    }
    if (typeof targets.lazy !== 'object' || lazy.isEmpty) {
      // An interrupt that flushes nothing is no flush.
      if (!cpus.isEmpty && what !== undefined) this.#countCall();
      machine.crossCall(cpus, what);
      return;
    }
    // One cross-call for both; what differs is what its targets do.
    this.#countCall();
    const all = cpus.clone();
    all.addAll(lazy);
    machine.crossCall(all, undefined);
    if (what !== undefined) machine.byTargets(cpus, what);
    for (const cpu of lazy.members()) {
      mm!.cpumask.delete(cpu);
      mm!.lazy.delete(cpu);
      mm!.left.add(cpu);
      machine.loaded[cpu] = undefined;
    }
    machine.byTargets(lazy, { instruction: targets.lazy.leaves, ...(mm && { mm }) });
  }

  *isOnlyUser(mm: MmRef): Steps<boolean> {
    const { cpumask } = mm as DirectMm;
    return cpumask.size === 1 && cpumask.has(this.id);
  }
  *isLoaded(mm: MmRef): Steps<boolean> {
    return this.machine.loaded[this.id]?.id === mm.id;
  }

  *leaveMask(mm: MmRef): Steps<void> {
    const { cpumask, left } = mm as DirectMm;
    cpumask.delete(this.id);
    left.add(this.id);
  }
  *activeCpus(mm: MmRef): Steps<number> {
    const { cpumask, lazy } = mm as DirectMm;
    const active = cpumask.clone();
    active.deleteAll(lazy);
    return active.size;
  }

  #cell(name: string): string {
    return name.startsWith('this_cpu.') ? `CPU${this.id}.${name}` : name;
  }

  #countCall(): void {
    if (this.#call?.counted === true) return;
    if (this.#call !== undefined) this.#call.counted = true;
    this.machine.countCall();
  }
}

/** The address of an entry of a table. */
export const slotAt = <L extends Level>(level: L, table: bigint, index: number): Slot<L> => ({
  level,
  paddr: __paddr(table + BigInt(8 * index)),
});

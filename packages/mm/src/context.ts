/**
 * The context in which a path runs: one thread on one CPU. It is arch's `Cpu` for the sequences, and gives mm's paths
 * their locks, counters and memory accesses. Every method that returns `Steps` yields exactly one step, unless it says
 * otherwise.
 */
import type {
  Arch,
  Barrier,
  Cpu,
  EntryOf,
  EntryPurge,
  Invalidation,
  Kernel,
  Level,
  MmRef,
  Paddr,
  PmdHelpers,
  PteHelpers,
  Sequences,
  Slot,
} from '@ptemu/arch';
import type { Operand, Step, StepResult, Steps } from '@ptemu/explore';
import { __paddr } from '@ptemu/arch';
import { invalidationOperands, type Machine, type TableUse } from '@ptemu/hw';

/** Switches of a variant: how it departs from the kernel as released. */
export type Switches = Readonly<Record<string, string | boolean | undefined>>;

/** One thread of the kernel or of user space, on its CPU. */
export class Context implements Cpu {
  readonly machine: Machine;
  readonly kernel: Kernel;
  readonly arch: Arch;
  readonly cpu: number;
  /** The thread's name: holder of its locks, sender of its IPIs. */
  readonly thread: string;
  readonly switches: Switches;
  readonly #fn: string;
  readonly #section: string;
  readonly #flushes: boolean;

  constructor(
    machine: Machine,
    thread: { readonly name: string; readonly cpu: number },
    switches: Switches,
    at: { readonly fn: string; readonly section: string; readonly flushes: boolean } = {
      fn: thread.name,
      section: '',
      flushes: true,
    },
  ) {
    this.#flushes = at.flushes;
    this.machine = machine;
    this.arch = machine.arch;
    this.kernel = machine.arch.kernel;
    this.thread = thread.name;
    this.cpu = thread.cpu;
    this.switches = switches;
    this.#fn = at.fn;
    this.#section = at.section;
  }

  get pmd(): PmdHelpers {
    return this.arch.pmd;
  }
  get pte(): PteHelpers {
    return this.arch.pte;
  }
  get sequences(): Sequences {
    return this.arch.sequences;
  }

  in(fn: string): Context {
    return this.#derive({ fn });
  }

  /** The same, with what it stores judged as part of a section of a path: `split`. */
  within(section: string): Context {
    return this.#derive({ section });
  }

  /** The same, but none of its invalidations happens: for broken twins. Entries are still edited. */
  withoutFlush(): Context {
    return this.#derive({ flushes: false });
  }

  /** `forget`: see `Step.forget`; for the head of a loop that starts again with nothing to remember. */
  *load<L extends Level>(slot: Slot<L>, options: { readonly forget?: string } = {}): Steps<EntryOf[L]> {
    return (yield { ...this.#step('load', this.#label(slot), []), ...options }) as EntryOf[L];
  }
  /** A load by who then goes to the table that the entry points to: I2 and I20 are checked in the same step. */
  *loadForTable<L extends Level>(
    slot: Slot<L>,
    mm: MmRef,
    use: TableUse,
    options: { readonly forget?: string } = {},
  ): Steps<EntryOf[L]> {
    return (yield { ...this.#step('load', this.#label(slot), [use, mm.id]), ...options }) as EntryOf[L];
  }
  *loadWhenClear<L extends Level>(slot: Slot<L>, bits: bigint): Steps<EntryOf[L]> {
    return (yield this.#step('load-when-clear', this.#label(slot), [bits])) as EntryOf[L];
  }
  *store(slot: Slot, value: bigint): Steps<void> {
    yield this.#memory('store', slot, [value]);
  }
  *xchg<L extends Level>(slot: Slot<L>, value: bigint): Steps<EntryOf[L]> {
    return (yield this.#memory('xchg', slot, [value])) as EntryOf[L];
  }
  *cmpxchg<L extends Level>(slot: Slot<L>, expected: bigint, value: bigint): Steps<EntryOf[L]> {
    return (yield this.#memory('cmpxchg', slot, [expected, value])) as EntryOf[L];
  }
  *update<L extends Level>(
    slot: Slot<L>,
    change: { readonly clear: bigint; readonly set: bigint },
  ): Steps<EntryOf[L]> {
    return (yield this.#memory('update', slot, [change.clear, change.set])) as EntryOf[L];
  }
  *fill(table: Paddr, _sizeBytes: number, value: bigint): Steps<void> {
    const region = this.machine.regionByBase(table);
    if (region === undefined) {
      yield* this.bug_on(true, `zeroes 0x${table.toString(16)}, which is no page table`);
      return;
    }
    const slots = this.machine.slotsOf(region).flatMap((slot) => [slot.label, value]);
    yield this.#step('fill-run', region.name, ['empty', ...slots]);
  }
  /** Fills a private table: the slots that actors address, and the rest as a run. */
  *fillTable(table: string, run: string, slots: readonly Operand[]): Steps<void> {
    yield this.#step('fill-run', table, [run, ...slots]);
  }
  /** Takes what the rest of a table holds, and empties it. */
  *takeRun(table: string): Steps<string> {
    return (yield this.#step('take-run', table, [])) as string;
  }

  *read(cell: string): Steps<Operand> {
    return yield this.#step('read', cell, []);
  }
  *write(cell: string, value: Operand): Steps<void> {
    yield this.#step('write', cell, [value]);
  }
  *account(...changes: readonly (string | number)[]): Steps<void> {
    yield this.#step('account', String(changes[0]), changes);
  }

  *lock(name: string): Steps<void> {
    yield this.#step('lock', name, [this.thread]);
  }
  *unlock(name: string): Steps<void> {
    yield this.#step('unlock', name, [this.thread]);
  }
  *down_read(name: string): Steps<void> {
    yield this.#step('down_read', name, []);
  }
  *up_read(name: string): Steps<void> {
    yield this.#step('up_read', name, []);
  }
  *down_write(name: string): Steps<void> {
    yield this.#step('down_write', name, []);
  }
  *up_write(name: string): Steps<void> {
    yield this.#step('up_write', name, []);
  }

  /** Orders memory: nothing to do in a sequentially consistent world, so no step is taken. */
  *barrier(_kind: Barrier): Steps<void> {}

  /** No step for the address of a page that nobody uses: see `Machine.isSeen`. */
  *invalidate(what: Invalidation): Steps<void> {
    if (!this.#flushes) return;
    const single =
      this.arch.tlb.instructions[what.instruction]?.drops === 'address' && what.end === undefined;
    if (single && what.start !== undefined && !this.machine.isSeen(what.start)) return;
    yield this.#step('tlbi', this.thread, [...invalidationOperands(what), this.cpu]);
  }
  *complete(): Steps<void> {
    if (!this.#flushes) return;
    yield this.#step('dvm-sync', this.thread, []);
  }
  /** Two steps: the IPIs are sent, then awaited. None when no other CPU is meant. */
  *crossCall(targets: { readonly mm?: MmRef }, what?: Invalidation): Steps<void> {
    const cpus = this.machine.cpus
      .filter((cpu) => cpu.id !== this.cpu && (targets.mm === undefined || cpu.mm === targets.mm.id))
      .map((cpu) => cpu.id);
    const kick = what === undefined && this.switches['kick'] === false;
    if (cpus.length === 0 || kick || !this.#flushes || this.switches['ipi'] === false) return;
    const request = what === undefined ? ['', '', 0n, 0n] : invalidationOperands(what);
    yield this.#step('ipi-send', this.thread, [...request, ...cpus]);
    yield this.#step('ipi-wait', this.thread, []);
  }
  *purgeEntry(what: EntryPurge): Steps<void> {
    const layout = this.arch.layoutOf();
    const at = layout.levels.find((level) => level.level === what.level);
    if (at === undefined) throw new Error(`internal: no level ${what.level}`);
    const size = 1n << BigInt(at.shift);
    const index = (what.va >> BigInt(at.shift)) & BigInt(at.entries - 1);
    const target = (what.origin & ~(what.originAlignment - 1n)) + index * 8n;
    const start = what.va & ~(size - 1n);
    if (!this.#flushes) {
      yield* this.update({ level: what.level, paddr: __paddr(target) }, { clear: 0n, set: what.sets });
      return;
    }
    yield this.#step('purge', what.instruction, [
      target,
      what.mm.id,
      start,
      start + size,
      what.sets,
      what.scope === 'local' ? this.cpu : -1,
      what.level,
      this.#section,
    ]);
  }
  *isOnlyUser(mm: MmRef): Steps<boolean> {
    return this.machine.cpus.every((cpu) => cpu.mm !== mm.id || cpu.id === this.cpu);
  }

  *local_irq_disable(): Steps<void> {
    yield this.#step('irq-off', `CPU${this.cpu}`, [this.cpu]);
  }
  *local_irq_enable(): Steps<void> {
    yield this.#step('irq-on', `CPU${this.cpu}`, [this.cpu]);
  }

  /** BUG_ON: a step only when the condition holds; I22 falls with it. */
  *bug_on(condition: boolean, text: string): Steps<void> {
    if (condition) yield this.#step('bug', text, []);
  }

  /** Any other step of the world. */
  *act(
    kind: string,
    object: string,
    operands: readonly Operand[],
    options: { readonly forget?: string } = {},
  ): Steps<StepResult> {
    return yield { ...this.#step(kind, object, operands), ...options };
  }

  #derive(change: { readonly fn?: string; readonly section?: string; readonly flushes?: boolean }): Context {
    const at = { fn: this.#fn, section: this.#section, flushes: this.#flushes, ...change };
    return new Context(this.machine, { name: this.thread, cpu: this.cpu }, this.switches, at);
  }
  #memory(kind: string, slot: Slot, operands: readonly Operand[]): Step {
    return this.#step(kind, this.#label(slot), [...operands, this.#section]);
  }
  #label(slot: Slot): string {
    return this.machine.labelOf(slot.paddr);
  }
  #step(kind: string, object: string, operands: readonly Operand[]): Step {
    return { kind, object, operands, fn: this.#fn };
  }
}

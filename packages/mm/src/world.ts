/**
 * The world of one huge page: an address space with one VMA, mapped by a huge pmd, a deposited table beside it, CPUs,
 * and the invariants. Geometry is that of the architecture: real shifts, table sizes and offsets.
 */
import { type Arch, __paddr, __vaddr, levelLayout, type Slot, VM_READ, VM_WRITE } from '@ptemu/arch';
import type { Program, Sometimes, Step, Steps, Thread } from '@ptemu/explore';
import {
  type CpuConfig,
  defineAccessSteps,
  defineMemorySteps,
  defineTlbSteps,
  irqCell,
  Machine,
  type Prepared,
  type SlotInfo,
} from '@ptemu/hw';
import { Context, type Switches } from './context.js';
import { Frames } from './frames.js';
import { Invariants } from './invariants.js';
import { type Folio, folioCells, type MmStruct, ptlOf, type VmAreaStruct } from './mm_types.js';
import { defineObjectSteps, regionNamed, restCell } from './object-steps.js';
import { defineWorldSteps } from './world-steps.js';

/** How a world is set up. */
export interface WorldOptions {
  readonly arch: Arch;
  readonly cpus: readonly CpuConfig[];
  readonly switches?: Switches;
  /** Start of the VMA; rounded up to the architecture's huge page size. */
  readonly va?: bigint;
  readonly anonymous?: boolean;
  /** State of the huge entry at the start. */
  readonly entry?: { readonly dirty: boolean };
  /** Pages of the VMA that actors address singly (index 0 and 1 always are). */
  readonly pages?: readonly number[];
  /** References that others hold on the huge page: reclaim's own. */
  readonly extraRefs?: number;
  /** A spare table and small pages for faults. */
  readonly spareTables?: number;
  readonly smallPages?: number;
}

/** An actor: its name and CPU, a title for people, and what it runs. */
export interface Actor {
  readonly name: string;
  readonly cpu: number;
  readonly title: string;
  /** `agent`: hardware, which need not come to its end. */
  readonly role?: 'actor' | 'agent';
  /** False: hardware that may act or not; see explore's `Thread.fair`. */
  readonly fair?: boolean;
  readonly run: (cx: Context, world: MmWorld) => Steps<unknown>;
}

const PMD_TABLE = 0x6000_0000n;
const PTE_TABLES = 0x5000_0000n;
const SMALL_PAGES = 0x7000_0000n;
/** Tables lie this far apart: more than any architecture's table needs. */
const TABLE_STRIDE = 0x2_0000n;

/** The world; `program` makes it ready to explore. */
export class MmWorld {
  readonly machine: Machine;
  readonly arch: Arch;
  readonly mm: MmStruct;
  readonly vma: VmAreaStruct;
  readonly frames: Frames;
  readonly pmd: SlotInfo;
  /** The word that the pmd holds at the start. */
  readonly initialPmd: bigint;
  readonly invariants: Invariants;
  readonly switches: Switches;

  constructor(options: WorldOptions) {
    const { arch } = options;
    const layout = arch.layoutOf();
    const machine = new Machine(arch, options.cpus);
    this.machine = machine;
    this.arch = arch;
    this.switches = options.switches ?? {};
    const size = BigInt(layout.HPAGE_PMD_SIZE);
    const start = __vaddr((((options.va ?? 0x4000_0000n) + size - 1n) / size) * size);

    const pmdLayout = levelLayout(layout, 'pmd');
    const index = (start >> BigInt(pmdLayout.shift)) & BigInt(pmdLayout.entries - 1);
    const bytes = Math.max(pmdLayout.tableBytes, pmdLayout.entries * 16);
    machine.region({
      name: 'pmd table',
      base: PMD_TABLE,
      bytes,
      level: 'pmd',
      owner: 'mm',
      role: 'table:pmd',
    });
    // Another process's pte table lies before it; the word that an instruction with a wrong address may reach is a slot.
    const before = PMD_TABLE - 4096n;
    machine.region({
      name: 'pte table of another mm',
      base: before,
      bytes: 4096,
      level: 'pte',
      owner: 'other',
      role: 'table:pte',
    });
    const neighbour = arch.pte.pfn_pte(
      Number(SMALL_PAGES >> BigInt(layout.PAGE_SHIFT)) + 64,
      arch.prot.vm_get_page_prot({ read: true, write: false, exec: false, shared: false }),
    );
    machine.slot('pte of another mm', 'pte', before + (((index + 1n) * 8n) % 4096n), neighbour);
    const pmdp: Slot<'pmd'> = { level: 'pmd', paddr: __paddr(PMD_TABLE + index * 8n) };

    this.mm = { id: 'mm', mmap_lock: 'mm.mmap_lock', rss: 'mm.rss', nr_ptes: 'mm.nr_ptes' };
    const anonymous = options.anonymous ?? true;
    this.vma = {
      vm_mm: this.mm,
      vm_flags: VM_READ | VM_WRITE,
      vm_start: start,
      vm_end: __vaddr(start + size),
      vm_page_prot: arch.prot.vm_get_page_prot({ read: true, write: true, exec: false, shared: !anonymous }),
      anonymous,
      anon_vma: 'anon_vma',
      unlinked: 'vma.unlinked',
      pmd: pmdp,
    };
    this.frames = makeFrames(arch, options.smallPages ?? 2);
    this.#defineKinds();
    this.invariants = new Invariants({ ...this, pmd: this.#declarePmd(pmdp, options) });
    this.pmd = machine.slotAt(pmdp.paddr) as SlotInfo;
    this.initialPmd = machine.valueOf(this.pmd);
    this.#declareTables(options);
    this.#initialCounts(options);
    if (anonymous || arch.sequences.arch_needs_pgtable_deposit()) this.#deposit(pmdp);
    machine.atEnd(() => this.#balanced());
  }

  /** A context for a thread that is not explored: for set-up and direct mode. */
  context(name: string, cpu = 0): Context {
    return new Context(this.machine, { name, cpu }, this.switches);
  }

  /** Runs steps straight through, on the world as it is. Throws when one would have to wait. */
  run<T>(steps: Steps<T>): T {
    let next = steps.next();
    while (next.done !== true) {
      const prepared = this.machine.prepare(next.value);
      if (!prepared.enabled())
        throw new Error(`internal: ${next.value.fn}: ${next.value.kind} ${next.value.object} must wait`);
      next = steps.next(prepared.run());
    }
    return next.value;
  }

  /** The program of these actors, with the agents that deliver interrupts and broadcast invalidations. */
  program(
    actors: readonly Actor[],
    judgedBy: readonly string[],
    sometimes: readonly Sometimes[],
  ): Program<Prepared> {
    const threads: Thread[] = actors.map((actor) => ({
      name: actor.name,
      ...(actor.role !== undefined && { role: actor.role }),
      ...(actor.fair !== undefined && { fair: actor.fair }),
      start: () => actor.run(new Context(this.machine, actor, this.switches), this),
    }));
    for (const { id, translates } of this.machine.cpus) {
      threads.push(agent('ipi', id));
      if (translates) threads.push(agent('dvm', id));
    }
    return { world: this.machine, threads, judgedBy, sometimes };
  }

  #declarePmd(pmdp: Slot<'pmd'>, options: WorldOptions): SlotInfo {
    const { arch, vma } = this;
    let entry: bigint = arch.pmd.pmd_mkhuge(arch.pmd.pfn_pmd(this.frames.huge.pfn, vma.vm_page_prot));
    entry = arch.pmd.pmd_mkyoung(arch.pmd.pmd_mkwrite(arch.pmd.pmd_mkdirty(entry), vma));
    if (options.entry?.dirty === false) entry = arch.pmd.pmd_mkclean?.(entry) ?? entry;
    const stored = arch.seq.set_pmd_at(entry).stored;
    // The word behind the table's entries where powerpc hash keeps the deposited table.
    const entries = BigInt(levelLayout(arch.layoutOf(), 'pmd').entries);
    this.machine.slot('pmd deposit', 'pmd', pmdp.paddr + entries * 8n, 0n);
    return this.machine.slot('pmd', 'pmd', pmdp.paddr, stored);
  }

  #declareTables(options: WorldOptions): void {
    const { machine, arch } = this;
    const bytes = levelLayout(arch.layoutOf(), 'pte').tableBytes;
    const watched = [...new Set([0, 1, ...(options.pages ?? [])])].sort((a, b) => a - b);
    const { PAGE_SIZE } = arch.layoutOf();
    machine.watchPages(watched.map((i) => this.vma.vm_start + BigInt(i * PAGE_SIZE)));
    for (let n = 0; n <= (options.spareTables ?? 1); n++) {
      const base = PTE_TABLES + BigInt(n) * TABLE_STRIDE;
      const role = n === 0 ? 'deposited' : 'free';
      machine.region({ name: `T${n}`, base, bytes, level: 'pte', owner: 'mm', role });
      for (const i of watched)
        machine.slot(`T${n}[${i}]`, 'pte', base + BigInt(i) * 8n, arch.pte.pte_clear());
      machine.cells.cell(restCell(`T${n}`), 'empty');
    }
  }

  #initialCounts(options: WorldOptions): void {
    const { cells } = this.machine;
    for (const folio of this.frames.all()) {
      const c = folioCells(folio);
      const huge = folio === this.frames.huge;
      cells.cell(c.entire, huge ? 1 : 0);
      cells.cell(c.ptes, 0);
      cells.cell(c.ref, huge ? 1 + (options.extraRefs ?? 0) : folio === this.frames.zero ? 1 : 0);
      cells.cell(c.dirty, 0);
      cells.cell(c.stored, 0);
      cells.cell(c.state, huge ? 'compound' : folio === this.frames.zero ? 'reserved' : 'free');
    }
    cells.cell(this.mm.rss, this.frames.huge.nrPages);
    const deposited = this.vma.anonymous || this.arch.sequences.arch_needs_pgtable_deposit();
    cells.cell(this.mm.nr_ptes, deposited ? 1 : 0);
    cells.cell(this.vma.unlinked, false);
    if (!deposited) this.machine.setRole(regionNamed(this.machine, 'T0'), 'free');
  }

  #deposit(pmdp: Slot<'pmd'>): void {
    const table = __paddr(PTE_TABLES);
    this.run(this.arch.sequences.pgtable_trans_huge_deposit(this.context('setup'), this.mm, pmdp, table));
    this.machine.takeFallen();
  }

  #defineKinds(): void {
    const { machine } = this;
    const late = (): Invariants => this.invariants;
    defineMemorySteps(machine, (change) => late().onStore(change));
    defineTlbSteps(machine);
    defineAccessSteps(
      machine,
      (use) => late().onUse(use),
      (change) => late().onStore(change),
    );
    defineObjectSteps(machine, {
      unlocked: () => late().unlocked(),
      locked: (lock, who) => late().locked(lock, who),
      released: (folio) => late().released(folio),
      tableFreed: (table) => late().tableFreed(table),
    });
    defineWorldSteps(this);
  }

  /** I22: at the end no lock is held and interrupts are on. */
  #balanced(): void {
    const { machine } = this;
    for (const lock of machine.regions().map(({ name }) => ptlOf(name))) {
      const who = machine.get(lock, '') as string;
      if (who !== '') machine.fall('I22', `${who} ends with ${lock} held`);
    }
    if (machine.get(this.vma.anon_vma, 0) !== 0)
      machine.fall('I22', `the run ends with ${this.vma.anon_vma} held`);
    for (const { id } of machine.cpus) {
      if (machine.get(irqCell(id), 0) !== 0) machine.fall('I22', `CPU${id} ends with interrupts off`);
    }
  }
}

function makeFrames(arch: Arch, smallPages: number): Frames {
  const { PAGE_SHIFT, HPAGE_PMD_NR, HPAGE_PMD_SIZE } = arch.layoutOf();
  const pfn = (pa: bigint): number => Number(pa >> BigInt(PAGE_SHIFT));
  // At 1 GiB, as in the fact sheet's worked words; at 2 GiB where it would reach over the tables.
  const hugeAt = HPAGE_PMD_SIZE > 0x1000_0000 ? 0x8000_0000n : 0x4000_0000n;
  const huge: Folio = { name: 'H', pfn: pfn(hugeAt), nrPages: HPAGE_PMD_NR };
  const small = Array.from({ length: smallPages }, (_, i) => ({
    name: `P${i}`,
    pfn: pfn(SMALL_PAGES) + i,
    nrPages: 1,
  }));
  return new Frames(huge, small, { name: 'frame0', pfn: 0, nrPages: 1 });
}

/** A hardware agent: one step, taken whenever there is something to deliver; it remembers nothing. */
function agent(kind: 'ipi' | 'dvm', cpu: number): Thread {
  const step: Step = {
    kind,
    object: `CPU${cpu}`,
    operands: [cpu],
    fn: kind === 'ipi' ? 'interrupt' : 'invalidation',
    forget: 'idle',
  };
  return {
    name: `${kind} CPU${cpu}`,
    role: 'agent',
    *start(): Steps<unknown> {
      for (;;) yield step;
    },
  };
}

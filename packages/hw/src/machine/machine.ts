/**
 * The machine under exploration: memory slots, CPUs with TLBs, interrupts, and whatever cells mm adds.
 *
 * A step is data; `prepare` turns each distinct one into a pair of functions over cells, once. The kinds are registered
 * by `define`: the machine brings those of memory, TLB and interrupts, mm brings those of its objects. An invariant that
 * falls is reported through `fall` and left for the explorer.
 */
import type { Arch, Level, MmuDescription } from '@ptemu/arch';
import type { CellValues, CellWatcher, Fallen, Operand, Step, StepResult, World } from '@ptemu/explore';
import { CellStore } from './cells.js';

/** A step made ready: what it waits for, what it does. */
export interface Prepared {
  enabled(): boolean;
  run(): StepResult;
  /** Names of threads or resources that a disabled step waits for. */
  waitsFor?(): readonly string[];
}

/** Makes a prepared step of a step of one kind. */
export type StepKind = (machine: Machine, step: Step) => Prepared;

/** A CPU of the machine. */
export interface CpuConfig {
  readonly id: number;
  /** The address space loaded on it, if any: such a CPU is in `mm_cpumask`. */
  readonly mm?: string;
  /** Whether anything on it translates user addresses: only then can its TLB hold something. */
  readonly translates: boolean;
}

/** A page table (or the space where one may be), as the machine knows it. */
export interface TableRegion {
  readonly name: string;
  readonly base: bigint;
  readonly bytes: number;
  readonly level: Level;
  readonly owner: string;
  /** `table:pmd`, `table:pte`, `deposited`, `data`, `free`, ...: the role that it starts with. */
  readonly role: string;
}

/** What a slot is called in steps, and where it lies. */
export interface SlotInfo {
  readonly label: string;
  readonly level: Level;
  readonly paddr: bigint;
  readonly region: TableRegion;
}

/** The machine; also the `World` that the explorer drives. */
export class Machine implements World<Prepared> {
  readonly arch: Arch;
  readonly mmu: MmuDescription;
  readonly cells: CellStore = new CellStore();
  readonly cpus: readonly CpuConfig[];
  readonly #kinds = new Map<string, StepKind>();
  readonly #regions: TableRegion[] = [];
  readonly #slotsByLabel = new Map<string, SlotInfo>();
  readonly #slotsByAddress = new Map<bigint, SlotInfo>();
  readonly #watchedPages = new Set<bigint>();
  #fallen: Fallen[] = [];
  #effects: string[] = [];
  readonly #finishers: (() => void)[] = [];
  #lockOwners: ((lock: string) => string | undefined) | undefined;

  constructor(arch: Arch, cpus: readonly CpuConfig[]) {
    this.arch = arch;
    this.mmu = arch.mmuOf();
    this.cpus = cpus;
  }

  /** Registers a kind of step. */
  define(kind: string, make: StepKind): void {
    this.#kinds.set(kind, make);
  }

  /** Registers a check for the end of a run. */
  atEnd(check: () => void): void {
    this.#finishers.push(check);
  }

  /** Declares a region of memory that tables may live in. Its role is a cell. */
  region(region: TableRegion): TableRegion {
    this.#regions.push(region);
    return region;
  }

  /** Declares a slot under a label; entries that nobody declared are not addressable by steps. */
  slot(label: string, level: Level, paddr: bigint, initial: bigint): SlotInfo {
    const region = this.regionAt(paddr);
    if (region === undefined) throw new Error(`internal: slot ${label} lies in no region`);
    const info: SlotInfo = { label, level, paddr, region };
    this.#slotsByLabel.set(label, info);
    this.#slotsByAddress.set(paddr, info);
    this.cells.cell(slotCell(info), BigInt.asUintN(64, initial));
    return info;
  }

  regionAt(paddr: bigint): TableRegion | undefined {
    return this.#regions.find((region) => region.base <= paddr && paddr < region.base + BigInt(region.bytes));
  }

  regionByBase(base: bigint): TableRegion | undefined {
    return this.#regions.find((region) => region.base === base);
  }

  /** Every declared region. */
  regions(): readonly TableRegion[] {
    return this.#regions;
  }

  /** The declared slots of a region, by address. */
  slotsOf(region: TableRegion): readonly SlotInfo[] {
    return [...this.#slotsByAddress.values()]
      .filter((slot) => slot.region === region)
      .sort((a, b) => (a.paddr < b.paddr ? -1 : 1));
  }

  slotByLabel(label: string): SlotInfo | undefined {
    return this.#slotsByLabel.get(label);
  }

  slotAt(paddr: bigint): SlotInfo | undefined {
    return this.#slotsByAddress.get(paddr);
  }

  /** The label of a slot, or its address when nobody declared it. */
  labelOf(paddr: bigint): string {
    return this.#slotsByAddress.get(paddr)?.label ?? `word 0x${paddr.toString(16)}`;
  }

  /** The value in a declared slot now. */
  valueOf(slot: SlotInfo): bigint {
    return this.get(slotCell(slot)) as bigint;
  }

  /** The role of a region now. */
  roleOf(region: TableRegion): string {
    return this.get(`role:${region.name}`, region.role) as string;
  }

  setRole(region: TableRegion, role: string): void {
    this.set(`role:${region.name}`, role, region.role);
  }

  /** The value of a cell by name; one that nothing touched has the value `initial`. */
  get(name: string, initial?: Operand): Operand {
    return this.cells.get(this.cells.cell(name, initial), initial);
  }

  /** Sets a cell by name, registering it with `initial` first. */
  set(name: string, value: Operand, initial?: Operand): void {
    this.cells.set(this.cells.cell(name, initial), value);
  }

  /** Declares virtual pages (first addresses) that actors address singly. */
  watchPages(pages: readonly bigint[]): void {
    for (const page of pages) this.#watchedPages.add(page);
  }

  /**
   * Whether dropping the translation of this one address can be seen: it is the first of a huge page, or some actor
   * uses its page. Of a loop of single-address invalidations only those are steps.
   */
  isSeen(va: bigint): boolean {
    return va % BigInt(this.arch.layoutOf().HPAGE_PMD_SIZE) === 0n || this.#watchedPages.has(va);
  }

  /** Reports that an invariant fell. */
  fall(invariant: string, message: string): void {
    this.#fallen.push({ invariant, message });
  }

  /** Notes an effect of the present step for people. */
  effect(text: string): void {
    this.#effects.push(text);
  }

  /** Returns and forgets the effects noted since the last call. */
  takeEffects(): readonly string[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  /** Tells who holds a lock, for wait cycles. */
  ownersFrom(owners: (lock: string) => string | undefined): void {
    this.#lockOwners = owners;
  }

  prepare(step: Step): Prepared {
    const make = this.#kinds.get(step.kind);
    if (make === undefined) throw new Error(`internal: no step kind '${step.kind}'`);
    return make(this, step);
  }

  enabled(_thread: number, prepared: Prepared): boolean {
    return prepared.enabled();
  }

  execute(_thread: number, prepared: Prepared): StepResult {
    this.#effects.length = 0;
    return prepared.run();
  }

  waitsFor(_thread: number, prepared: Prepared): readonly string[] {
    const waits = prepared.waitsFor?.() ?? [];
    return waits.map((name) => this.#lockOwners?.(name) ?? name);
  }

  takeFallen(): readonly Fallen[] {
    if (this.#fallen.length === 0) return NOTHING;
    const fallen = this.#fallen;
    this.#fallen = [];
    return fallen;
  }

  finish(): void {
    for (const check of this.#finishers) check();
  }

  mark(): number {
    return this.cells.mark();
  }

  rollback(mark: number): void {
    this.cells.rollback(mark);
  }

  watch(watcher: CellWatcher | null): void {
    this.cells.watch(watcher);
  }

  cellValues(): readonly CellValues[] {
    return this.cells.values();
  }

  internValues(cells: readonly CellValues[]): void {
    this.cells.intern(cells);
  }

  pack(out: number[]): void {
    this.cells.pack(out);
  }

  unpack(from: ArrayLike<number>, start: number, end: number): void {
    this.cells.unpack(from, start, end);
  }
}

/** Name of the cell that holds a slot's word. */
export const slotCell = (slot: SlotInfo): string => `slot:${slot.label}`;

const NOTHING: readonly Fallen[] = [];

/** A step that can always be taken. */
export const always = (run: () => StepResult): Prepared => ({ enabled: () => true, run });

/**
 * The machine of direct mode: kernel paths run straight through, one at a time, on real page tables in physical memory. It
 * knows which CPUs have which mm loaded, what their TLBs hold, and counts what flushes do.
 */
import {
  type Arch, type Invalidation, InvariantError, type Layout, type MmRef, type MmuDescription, type Steps,
} from '@ptemu/arch'; // prettier-ignore
import type { Operand } from '@ptemu/explore';
import { type FlushEvents, PhysicalMemory } from '@ptemu/hw';
import { type CachedLeaf, CachedTranslations } from './cached-translations.js';
import { CpuSet } from './cpu-set.js';
import type { DirectMm } from './mm_types.js';
import { PageFrames } from './page-frames.js';

/** What of a flush does not happen: for broken twins. */
export type Omission = 'invalidate' | 'crossCall' | 'complete';

/** What a machine is made of. */
export interface DirectMachineOptions {
  readonly arch: Arch;
  /** CPUs online; 1 when left out. */
  readonly cpus?: number;
  readonly omit?: Omission;
}

/** The addresses that an operation is about: what goes of them is wanted. */
export interface Subject {
  readonly mm: MmRef;
  readonly start: bigint;
  readonly end: bigint;
}

/** First frame handed out: frame 0 is never a table or a page. */
const FIRST_FRAME = 0x100;

/** Memory, CPUs and counters. */
export class DirectMachine {
  readonly arch: Arch;
  readonly layout: Layout;
  readonly mmu: MmuDescription;
  readonly memory: PhysicalMemory;
  /** Frames of pages; those of tables are the memory's. */
  readonly pages: PageFrames;
  readonly online: CpuSet;
  readonly cached: CachedTranslations = new CachedTranslations();
  readonly cells: Map<string, Operand> = new Map();
  /** By CPU: the mm whose tables it walks. */
  readonly loaded: (DirectMm | undefined)[];
  readonly omit: Omission | undefined;
  #mms = 0;
  #subject: Subject | undefined;
  #counts = noCounts();
  /** Broadcast invalidations that their CPU has not waited for. */
  #pending: { readonly cpu: number; readonly what: Invalidation }[] = [];
  /** What went although nobody asked for it. */
  #collateral: { readonly leaf: CachedLeaf; readonly cpus: CpuSet }[] = [];

  constructor({ arch, cpus = 1, omit }: DirectMachineOptions) {
    this.arch = arch;
    this.omit = omit;
    this.layout = arch.layoutOf();
    this.mmu = arch.mmuOf();
    const addressBits = Math.min(this.layout.paBits, 52);
    const pageShift = this.layout.PAGE_SHIFT;
    this.memory = new PhysicalMemory({ addressBits, pageShift, firstFrame: FIRST_FRAME });
    this.pages = new PageFrames({ addressBits, pageShift, blockFrames: this.layout.HPAGE_PMD_NR });
    this.online = CpuSet.first(cpus, cpus);
    this.loaded = new Array<DirectMm | undefined>(cpus).fill(undefined);
  }

  get cpus(): number {
    return this.loaded.length;
  }

  /** A name that no address space of this machine has. */
  nextMmId(): string {
    return `mm${this.#mms++}`;
  }

  /** Starts to count anew. `subject`: whose translations are meant to go. */
  beginCounting(subject: Subject | undefined): void {
    this.#subject = subject;
    this.#counts = noCounts();
    this.#collateral = [];
  }

  /** What was counted since, with the walks that bring the collateral losses back; those walks are then done. */
  events(): FlushEvents {
    const { wanted, collateral, ...counts } = this.#counts;
    let references = 0;
    for (const { leaf, cpus } of this.#collateral) {
      const path = this.mmu.levels
        .filter(({ indexShift, table }) => table !== undefined && indexShift > leaf.shift)
        .map(({ level, indexShift }) => ({ level, shift: indexShift }));
      references += this.cached.refill(leaf, cpus, path);
      this.cached.fill({ ...leaf, cpus }, []);
    }
    this.#collateral = [];
    return { ...counts, dropped: { wanted, collateral }, refill: { walks: collateral, references } };
  }

  countCall(): void {
    this.#counts.calls++;
  }

  /** An invalidation by a CPU. Of a broadcast one nothing has gone before `complete`, unless it completes at once. */
  invalidate(cpu: number, what: Invalidation): void {
    count(this.#counts.issued, what, 1);
    if (this.omit === 'invalidate') return;
    const row = this.instruction(what.instruction);
    if (row.completes === 'barrier') this.#pending.push({ cpu, what });
    else this.#drop(what, row.reach === 'local' ? this.#only(cpu) : this.online);
  }

  complete(cpu: number): void {
    this.#counts.completions++;
    if (this.omit === 'complete') return;
    const done = this.#pending.filter((pending) => pending.cpu === cpu);
    this.#pending = this.#pending.filter((pending) => pending.cpu !== cpu);
    for (const { what } of done) {
      this.#drop(what, this.instruction(what.instruction).reach === 'local' ? this.#only(cpu) : this.online);
    }
  }

  /** Interrupts CPUs, which carry out an invalidation each, if any. */
  crossCall(targets: CpuSet, what: Invalidation | undefined): void {
    const { size } = targets;
    if (size === 0) return;
    this.#counts.crossCalls++;
    this.#counts.ipis += size;
    if (what === undefined) return;
    count(this.#counts.issuedByTargets, what, size);
    if (this.omit !== 'crossCall') this.#drop(what, targets);
  }

  /** More work of CPUs that `crossCall` has interrupted already. */
  byTargets(targets: CpuSet, what: Invalidation): void {
    if (targets.isEmpty) return;
    count(this.#counts.issuedByTargets, what, targets.size);
    if (this.omit !== 'crossCall') this.#drop(what, targets);
  }

  instruction(name: string): Arch['tlb']['instructions'][string] {
    const row = this.arch.tlb.instructions[name];
    if (row === undefined) throw new InvariantError(`${this.arch.name} has no instruction ${name}`);
    return row;
  }

  #only(cpu: number): CpuSet {
    const set = new CpuSet(this.cpus);
    set.add(cpu);
    return set;
  }

  #drop(what: Invalidation, cpus: CpuSet): void {
    const row = this.instruction(what.instruction);
    this.cached.drop(row, what, cpus, (leaf, lost) => {
      if (this.#isWanted(leaf)) {
        this.#counts.wanted += lost.size;
      } else {
        this.#counts.collateral += lost.size;
        this.#collateral.push({ leaf, cpus: lost });
      }
    });
  }

  #isWanted(leaf: CachedLeaf): boolean {
    const subject = this.#subject;
    return (
      subject !== undefined &&
      subject.mm.id === leaf.mm &&
      leaf.start < subject.end &&
      leaf.start + (1n << BigInt(leaf.shift)) > subject.start
    );
  }
}

/** Runs a path straight through. It has no step to wait at, as nobody else runs. */
export function run<T>(steps: Steps<T>): T {
  const next = steps.next();
  if (next.done === true) return next.value;
  throw new InvariantError(`direct mode has no steps, but ${next.value.fn} took ${next.value.kind}`);
}

const noCounts = () => ({
  calls: 0,
  issued: {} as Record<string, number>,
  completions: 0,
  crossCalls: 0,
  ipis: 0,
  issuedByTargets: {} as Record<string, number>,
  wanted: 0,
  collateral: 0,
});

function count(counts: Record<string, number>, what: Invalidation, cpus: number): void {
  counts[what.instruction] = (counts[what.instruction] ?? 0) + (what.count ?? 1) * cpus;
}

/**
 * What a page-table sequence may do to the machine: arch's small view of a CPU.
 *
 * Sequences (`pmdp_invalidate`, `set_pmd_at`, ...) are generators over this interface. mm's `Context` implements it on
 * the world under exploration; `one-entry.ts` implements it on a single word, for tests and tables. Every method that
 * returns `Steps` is one thing that others can see.
 */
import type { Operand, Steps } from '@ptemu/explore';
import type { Kernel } from './kernel.js';
import type { Level, P4d, Paddr, Pgd, Pmd, Pte, Pud, Vaddr } from './values.js';

/** The branded entry type of a level. */
export interface EntryOf {
  readonly pgd: Pgd;
  readonly p4d: P4d;
  readonly pud: Pud;
  readonly pmd: Pmd;
  readonly pte: Pte;
}

/** Where an entry lies: the word that a `pmd_t *` points to. */
export interface Slot<L extends Level = Level> {
  readonly level: L;
  /** Physical address of the 8-byte entry. */
  readonly paddr: Paddr;
}

/** An address space, as far as sequences need to know it. Compared by `id`. */
export interface MmRef {
  readonly id: string;
}

/** What sequences and helpers read of a VMA. */
export interface VmaRef {
  readonly vm_mm: MmRef;
  readonly vm_flags: bigint;
}

/** One invalidation instruction, or a run of them. What it drops says the backend's `tlb` description. */
export interface Invalidation {
  /** Key of `arch.tlb.instructions`. */
  readonly instruction: string;
  /** Address space that it names, where it names one. */
  readonly mm?: MmRef;
  /** First address; absent when the instruction takes none. */
  readonly start?: Vaddr;
  /** End of the range, exclusive; absent for a single address. */
  readonly end?: Vaddr;
  /** How many instructions are issued, where this stands for a run of them; 1 when left out. For who counts, no more. */
  readonly count?: number;
}

/** Who is interrupted by `Cpu.crossCall`. */
export interface CrossCallTargets {
  /** The other CPUs of this mm; all other CPUs when left out. */
  readonly mm?: MmRef;
  /**
   * CPUs that have the mm loaded but run a kernel thread on it (lazy TLB). `skip`: not interrupted, they catch up when they
   * use the mm again. `leaves`: interrupted, and they load init_mm with this instruction instead of invalidating anything.
   * Left out: treated as any other. A machine that does not know lazy CPUs need not look at it.
   */
  readonly lazy?: 'skip' | { readonly leaves: string };
}

/** The s390 instructions that edit an entry and purge it from the TLBs in one interlocked operation. */
export interface EntryPurge {
  readonly instruction: 'IPTE' | 'IDTE' | 'CSP';
  readonly level: 'pte' | 'pmd' | 'pud';
  /** Table origin operand, in bytes. */
  readonly origin: Paddr;
  /** Alignment of a table of this level: the hardware ignores the bits of `origin` below it. A power of two. */
  readonly originAlignment: bigint;
  /** Virtual address operand: selects the entry within the table. */
  readonly va: Vaddr;
  /** The invalid bit that the instruction sets in the entry: a fact of the architecture. */
  readonly sets: bigint;
  readonly mm: MmRef;
  /** `local`: only this CPU's TLB is purged (needs the local-clearing facility). */
  readonly scope: 'local' | 'global';
}

/** Barriers that sequences use; `complete` waits for invalidations and is a method of its own. */
export type Barrier = 'smp_wmb' | 'smp_rmb' | 'smp_mb' | 'dsb(ishst)' | 'isb' | 'ptesync';

/** The machine as a sequence sees it. */
export interface Cpu {
  readonly kernel: Kernel;
  /** The same CPU, whose steps are labelled with the kernel function `fn`. */
  in(fn: string): Cpu;

  /** One whole 64-bit load. */
  load<L extends Level>(slot: Slot<L>): Steps<EntryOf[L]>;
  /**
   * Spins until none of the bits is set, and returns the entry then: a load that waits. A CPU without it is loaded from
   * again and again.
   */
  loadWhenClear?<L extends Level>(slot: Slot<L>, bits: bigint): Steps<EntryOf[L]>;
  /** One whole 64-bit store. No barrier, no flush. */
  store(slot: Slot, value: bigint): Steps<void>;
  /** Atomic exchange; returns the old value. */
  xchg<L extends Level>(slot: Slot<L>, value: bigint): Steps<EntryOf[L]>;
  /** Atomic compare-and-exchange; returns the old value, stored only where it equals `expected`. */
  cmpxchg<L extends Level>(slot: Slot<L>, expected: bigint, value: bigint): Steps<EntryOf[L]>;
  /** Atomic `(old & ~clear) | set`; returns the old value. */
  update<L extends Level>(
    slot: Slot<L>,
    change: { readonly clear: bigint; readonly set: bigint },
  ): Steps<EntryOf[L]>;
  /** Stores `value` in all entries of [table, table + bytes): one range step. Nobody else may look at them. */
  fill(table: Paddr, sizeBytes: number, value: bigint): Steps<void>;

  /**
   * Reads a cell of the world that is no table entry: a list head, a flag, a mask. A name that begins with `this_cpu.` is that
   * of a cell of each CPU.
   */
  read(cell: string): Steps<Operand>;
  /** Writes such a cell. */
  write(cell: string, value: Operand): Steps<void>;

  /**
   * Takes and releases a spin lock of the world that a sequence itself takes (s390: `context.lock`). Absent on a machine
   * that has no locks, such as the one-entry table.
   */
  lock?(name: string): Steps<void>;
  unlock?(name: string): Steps<void>;

  barrier(kind: Barrier): Steps<void>;
  /** Issues an invalidation. For broadcast instructions it has not completed on return: `complete` waits for it. */
  invalidate(what: Invalidation): Steps<void>;
  /** Waits until every invalidation that this CPU issued has completed on every CPU (DSB, tlbsync + ptesync, TLBSYNC). */
  complete(): Steps<void>;
  /** Edits the entry that the operands select, wherever that is, and purges it. Completed on return. */
  purgeEntry(what: EntryPurge): Steps<void>;
  /**
   * Sends an IPI to the other CPUs of `mm` (or to all), which invalidate there what `what` says (nothing when absent),
   * and waits. A CPU with interrupts off does not answer. This CPU's own TLB is not touched.
   */
  crossCall(targets: CrossCallTargets, what?: Invalidation): Steps<void>;
  /** Tests whether this is the only CPU that has or may have the mm loaded (mm_cpumask, cpu_attach_mask). */
  isOnlyUser(mm: MmRef): Steps<boolean>;
  /** Tests whether this CPU itself has the mm loaded. Where a machine has no answer it does. */
  isLoaded?(mm: MmRef): Steps<boolean>;
  /** What this CPU has put off (powerpc hash: `ppc64_tlb_batch`); where a machine has no such list, nothing is ever put off. */
  readonly tlbBatch?: { active: boolean; readonly pending: Invalidation[] };
  /** How many CPUs have the mm loaded and are not lazy. */
  activeCpus?(mm: MmRef): Steps<number>;
  /** Takes this CPU out of `mm_cpumask`; what its TLB holds under the tag of the mm stays. */
  leaveMask?(mm: MmRef): Steps<void>;
}

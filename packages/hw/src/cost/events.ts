/**
 * What an operation on an address space did in TLB work: counts only, no cost. A cost profile turns them into cycles or
 * nanoseconds; where a part is uncalibrated the counts are all that is said.
 */

/**
 * How often each instruction was issued, by its name in `arch.tlb.instructions`. A name that stands for several of them
 * (`INVLPG loop`, a run of `tlbie RIC=0`, the local PID flush of radix with a `tlbiel` for each of 128 sets) counts each
 * instruction, not the run: prices are per instruction.
 */
export type InstructionCounts = Readonly<Record<string, number>>;

/** The TLB work of one operation, by who pays for it. */
export interface FlushEvents {
  /**
   * How often a flush function of the kernel was entered that issued anything. Published times of whole flushes have a
   * part that is paid once per call, whatever the number of pages (1097 of 1351 cycles for one page in commit
   * a5102476a24b), so a profile that is calibrated with them needs the calls.
   */
  readonly calls: number;
  /** Instructions that the CPU issued that ran the operation. */
  readonly issued: InstructionCounts;
  /** How often it waited for all that it had issued: DSB, TLBSYNC, ptesync. */
  readonly completions: number;
  /** Cross-calls that it made: each interrupts one or more CPUs and waits for all of them. */
  readonly crossCalls: number;
  /** CPUs interrupted, summed over the cross-calls. */
  readonly ipis: number;
  /** Instructions issued by the interrupted CPUs, summed over them. */
  readonly issuedByTargets: InstructionCounts;
  /** Cached translations that went, summed over all CPUs: those of the pages that the operation was about, and others. */
  readonly dropped: { readonly wanted: number; readonly collateral: number };
  /** What it takes to have the collateral ones back: walks, and memory references of those walks. */
  readonly refill: { readonly walks: number; readonly references: number };
}

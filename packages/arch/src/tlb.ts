/** What the invalidation instructions of an architecture drop, on which CPUs, and when they are done: data. */

/** One instruction (or the kernel's idiom around one), as the TLB model needs it. */
export interface InvalidationInstruction {
  /** As the manual names it: `INVLPG`, `TLBI VALE1IS`, `tlbie RIC=2`. */
  readonly name: string;
  /** Which CPUs' TLBs it reaches by itself. */
  readonly reach: 'local' | 'broadcast';
  /** Leaf translations dropped: those of one address, of a range, of one address space, or all. */
  readonly drops: 'address' | 'range' | 'mm' | 'all' | 'nothing';
  /** Whether paging-structure cache entries go too, for the same extent. */
  readonly dropsWalkCache: boolean;
  /** Whether translations shared by all address spaces (global) go too. */
  readonly dropsGlobal: boolean;
  /** `immediate`: done when the instruction is; `barrier`: done when a later completion barrier is. */
  readonly completes: 'immediate' | 'barrier';
  readonly source: string;
}

/** The TLB of an architecture, as sequences and the machine use it. */
export interface TlbDescription {
  /** What tags an entry: `PCID`, `ASID`, `ASCE`, `PID`, `VSID`, or nothing. */
  readonly tag: string;
  readonly instructions: Readonly<Record<string, InvalidationInstruction>>;
  /** How the kernel reaches other CPUs for a user flush in this release. */
  readonly remote: 'ipi' | 'broadcast' | 'instruction';
  /** Whether a gather of the kernel holds pages of one size, and is flushed when another comes (CONFIG_MMU_GATHER_PAGE_SIZE). */
  readonly gathersOneSize?: boolean;
  /** Whether a TLB flush of the kernel implies an interrupt on every CPU that runs the mm (GUP-fast relied on it). */
  readonly flushIsIpi: boolean;
}

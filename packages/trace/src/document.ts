/** What the hardware and the kernel's helpers say of the watched pmd after a step. */
export interface PmdView {
  /** The word in memory, as `0x` and 16 digits. */
  readonly entry: string;
  readonly none: boolean;
  readonly present: boolean;
  readonly trans_huge: boolean;
  readonly bad: boolean;
  /** Absent where the release has no pmd_leaf and no pmd_large. */
  readonly leaf?: boolean;
  /** What the walker would do with the entry: `fault`, `table 0x...`, `maps 0x... (2M)`, `not walked` (powerpc hash). */
  readonly walker: string;
}

/** One step of a run. */
export interface TraceStep {
  readonly actor: string;
  /** The kernel function that takes the step. */
  readonly fn: string;
  /** What it does, in a few words: `load pmd -> 0x20`. */
  readonly text: string;
  /** As a schedule names it; replay compares this. */
  readonly step: string;
  /** Kind of step and object without values, for aligning architectures: `store pmd`. */
  readonly align: string;
  /** The pmd under watch after the step; absent in scenarios without one. */
  readonly pmd?: PmdView;
  /** TLB and other effects in words: `CPU1 caches 0x40000000 2M`, `CPU0 drops ...`. */
  readonly effects: readonly string[];
  /** Invariants that fell in this step. */
  readonly fell: readonly { readonly invariant: string; readonly message: string }[];
}

/** A run of one scenario, complete enough to be shown and replayed. */
export interface TraceDocument {
  readonly format: 'ptemu-trace';
  readonly version: 1;
  readonly scenario: string;
  readonly probe?: string;
  readonly variant?: string;
  /** Name of the backend: `powerpc`. */
  readonly arch: string;
  /** As the command line writes it: `powerpc:hash,page=4k`. */
  readonly spec: string;
  readonly options: Readonly<Record<string, string | number | boolean>>;
  readonly kernel: string;
  /** Toggled commits: `+id`, `-id`. */
  readonly commits: readonly string[];
  readonly verdict: 'holds' | 'violates' | 'unknown';
  readonly invariant?: string;
  readonly message?: string;
  readonly alsoFell: readonly string[];
  readonly actors: readonly { readonly name: string; readonly title: string }[];
  readonly steps: readonly TraceStep[];
}

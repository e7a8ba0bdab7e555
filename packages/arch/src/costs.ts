/**
 * What TLB maintenance costs, as data with sources.
 *
 * A row is a published figure. A profile is a table of prices for one part and one unit, which says which rows it claims to
 * reproduce. Rows of a system call or a workload (E2E) are never claimed: they contain the operation and much else. The model
 * that charges prices lies in `hw`; nothing here computes.
 */

/** `share`: of the one operation that the profile names, where only proportions were published. */
export type CostUnit = 'cycles' | 'ns' | 'share';

/**
 * `PRIM`: the operation timed by itself. `E2E`: a system call, benchmark or workload that contains it. `DERIVED`: arithmetic
 * on published rows, shown in the source. `assumed`: not measured; the source says why this value.
 */
export type CostKind = 'PRIM' | 'E2E' | 'DERIVED' | 'assumed';

/** One published figure. */
export interface CostRow {
  /** `X1`, or the table's name and the number of pages: `flush_tlb_mm_range/15`. */
  readonly id: string;
  readonly kind: CostKind;
  readonly what: string;
  /** One value, or the smallest and the largest where the source gives a range. */
  readonly value: number | readonly [number, number];
  /** `cycles`, `ns`, `us`, `ops/s`, ... */
  readonly unit: string;
  /** Who published it, where and when. */
  readonly source: string;
}

/** The price of one event. */
export interface CostPrimitive {
  /** In the profile's unit. */
  readonly value: number;
  readonly kind: CostKind;
  /** Rows and arithmetic that it comes from, or why it was assumed. */
  readonly source: string;
}

/** What was done while a row was measured. What is left out did not happen. */
export interface ClaimedEvents {
  readonly calls?: number;
  /** By name in `arch.tlb.instructions`. */
  readonly issued?: Readonly<Record<string, number>>;
  readonly completions?: number;
  readonly crossCalls?: number;
  readonly ipis?: number;
}

/** A row that a profile claims to reproduce within 10 %. */
export interface CostClaim {
  /** Id of a row of kind PRIM. */
  readonly row: string;
  readonly events: ClaimedEvents;
  /** Whether the row was measured with the empty call of the profile's harness in it. */
  readonly withHarness?: boolean;
  /** `seed`: a price was set to meet it; `fit`: it is one of more rows than prices; `prediction`: no price looked at it. */
  readonly by: 'seed' | 'fit' | 'prediction';
  /** Why the row is not met although it is claimed: a property of the source. */
  readonly notMet?: string;
}

/** The prices of one part. What has no price here is not priced, which is not the same as free. */
export interface CostProfile {
  /** Unique within the backend: `haswell-xeon`. */
  readonly id: string;
  /** The part, and who measured it when. */
  readonly label: string;
  readonly unit: CostUnit;
  /** `calibrated` with PRIM rows; `derived` from DERIVED rows, claiming no error; `uncalibrated`: no price at all. */
  readonly status: 'calibrated' | 'derived' | 'uncalibrated';
  readonly source: string;
  /** What a reader has to know before using the figures. */
  readonly note?: string;
  /** By name in `arch.tlb.instructions`; each price is for one instruction. */
  readonly instructions: Readonly<Record<string, CostPrimitive>>;
  /** Entering a flush function of the kernel. Left out: the source has no such part. */
  readonly call?: CostPrimitive;
  /** Waiting for what was issued: DSB, TLBSYNC, ptesync. */
  readonly completion?: CostPrimitive;
  /** From sending an interrupt to one CPU until that CPU has handled it. */
  readonly crossCall?: CostPrimitive;
  /** Having one dropped translation back. */
  readonly walk?: CostPrimitive;
  /** The empty call of the harness that the rows were measured with: part of rows, not of operations. */
  readonly harness?: CostPrimitive;
  readonly claims: readonly CostClaim[];
}

/** All that is published for an architecture. */
export interface ArchCosts {
  readonly rows: readonly CostRow[];
  readonly profiles: readonly CostProfile[];
  /** Ids of the profiles that apply where none is named; several are put together. */
  readonly standard: readonly string[];
}

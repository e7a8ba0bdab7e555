import type { Arch } from '@ptemu/arch';
import type { ExploreOptions, Progress, ScheduleEntry, SimplestCounts, Stop, Strategy } from '@ptemu/explore';
import type { TraceDocument, TraceStep } from '@ptemu/trace';

/** SAFE: no interleaving breaks the invariants that the probe names. CEX: one does. */
export type Expected = 'SAFE' | 'CEX';

/**
 * A claim about Linux, with its source. The run decides whether ptemu agrees. An era is told by commits, so that toggling
 * one moves the claim with it; where it is not known whether a release has the commit, there is no expectation.
 */
export interface Expectation {
  /** Backends by name or spec prefix (`powerpc:hash`); empty: all. */
  readonly archs: readonly string[];
  /** The commit that brought what is claimed; from the first release that the probe covers when absent. */
  readonly from?: string;
  /** The commit that ended it; to this day when absent. */
  readonly to?: string;
  readonly verdict: Expected;
  /** Invariants of which at least one falls when the verdict is CEX. */
  readonly invariants?: readonly string[];
  /** `doc`: on record. `derived`: a prediction. `computed`: follows from the stored words (fact sheet). */
  readonly basis: 'doc' | 'derived' | 'computed';
  readonly source: string;
}

/** One question of a scenario: a fixed variant, the invariants that judge it, and what is expected. */
export interface Probe {
  /** As the corpus numbers it: `D-1`; a broken twin is `D-1/no-recheck`. */
  readonly id: string;
  readonly title: string;
  readonly variant?: string;
  readonly judgedBy: readonly string[];
  /** First claim that fits decides; where none fits, or where it is open whether one does, there is no expectation. */
  readonly expected: readonly Expectation[];
  /** For a broken twin: the probe that it breaks, and the step that it drops. */
  readonly twinOf?: { readonly probe: string; readonly drops: string };
  /** Says why the probe makes no sense on this backend, or nothing when it does. */
  readonly skip?: (arch: Arch) => string | undefined;
}

/** Where a scenario comes from. */
export interface ScenarioSource {
  readonly kind: 'mail' | 'commit' | 'cve';
  readonly subject: string;
  readonly date?: string;
  readonly id?: string;
}

/** A documented race. */
export interface Scenario {
  readonly id: string;
  readonly title: string;
  readonly summary: string;
  readonly sources: readonly ScenarioSource[];
  /** Commits of the registry that it is about. */
  readonly needs: readonly string[];
  /** What the model must contain, in the codes of the corpus. */
  readonly features: readonly string[];
  /** First release in which the modelled code path exists. */
  readonly since: string;
  readonly probes: readonly Probe[];
}

/** How a probe is searched; see explore's options. A bound that is hit makes the verdict `unknown`. */
export type RunOptions = Omit<ExploreOptions, 'strategy' | 'schedule' | 'observe'> & {
  readonly strategy?: Exclude<Strategy, 'replay'>;
};

/** A search of a probe that its caller drives: see explore's `Search`. */
export type ProbeSearch = Generator<Progress, ProbeResult, Stop | undefined>;

/** What a run found. */
export interface ProbeResult {
  readonly scenario: string;
  readonly probe: string;
  readonly variant?: string;
  readonly arch: string;
  readonly spec: string;
  readonly options: Readonly<Record<string, string | number | boolean>>;
  readonly kernel: string;
  readonly commits: readonly string[];
  readonly verdict: 'holds' | 'violates' | 'unknown';
  readonly invariant?: string;
  readonly message?: string;
  /** Invariants that fell and are not among those that judge the probe. */
  readonly alsoFell: readonly string[];
  /** Every invariant that fell, the judging ones included, each with what was found first. */
  readonly fell: readonly { readonly invariant: string; readonly message: string }[];
  readonly states: number;
  readonly transitions: number;
  /** Schedules explored; null where they were not counted, as there are too many or no end of them. */
  readonly executions: string | null;
  /** What looking for the simplest counterexample took beside that. */
  readonly simplest?: SimplestCounts;
  /** With `hashCompact`: the most that the probability of an omitted state can be. */
  readonly omission?: number;
  /** Bounds of hardware agents and of the search, in words: `user touches: 2`. */
  readonly bounds: Readonly<Record<string, string | number>>;
  /** The scenario's interesting states: was each reached? */
  readonly reached: Readonly<Record<string, boolean>>;
  readonly schedule: readonly ScheduleEntry[];
  /** I18: the steps that follow the schedule again and again. */
  readonly cycle?: readonly ScheduleEntry[];
  readonly expected?: Expectation;
  /** Why there is no expectation, where a commit decides whose release is not known: `<commit> came between 4.5 and 4.7`. */
  readonly noExpectation?: string;
  /** Whether the verdict is the expected one; absent without expectation, and where the verdict is unknown. */
  readonly agrees?: boolean;
}

/** What the package offers to the command line. */
export interface ScenarioApi {
  readonly scenarios: readonly Scenario[];
  /** Runs one probe on one backend. Throws ScenarioError for unknown ids or a probe that the backend skips. */
  runProbe(arch: Arch, scenario: string, probe: string, options?: RunOptions): ProbeResult;
  /** The same search, driven by the caller. */
  searchProbe(arch: Arch, scenario: string, probe: string, options?: RunOptions): ProbeSearch;
  /** Runs one schedule and records every step, for printing and for `compare`. */
  traceOf(arch: Arch, result: Pick<ProbeResult, 'scenario' | 'probe' | 'schedule'>): TraceDocument;
  /**
   * Runs a schedule made for one backend on another: steps are matched by actor; an actor's surplus steps run before
   * its next match, missing ones leave a gap (undefined), so that rows line up by kernel function and object.
   */
  alignedTraces(archs: readonly Arch[], scenario: string, probe: string): readonly AlignedRow[];
}

/** One row of `compare`: a step, and what each backend made of it (undefined: it has no such step). */
export interface AlignedRow {
  readonly actor: string;
  readonly fn: string;
  readonly align: string;
  readonly cells: readonly (TraceStep | undefined)[];
}

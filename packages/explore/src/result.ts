import type { Bound, Strategy } from './options.js';
import type { ScheduleEntry } from './types.js';

/**
 * `holds`: every reachable state was seen, and no judged invariant fell. `violates`: one fell; the schedule replays it.
 * `unknown`: neither, because a bound was reached or the strategy does not look everywhere.
 */
export type Verdict = 'holds' | 'violates' | 'unknown';

/** The first fall of one invariant. */
export interface Finding {
  readonly invariant: string;
  /** What the world said, or for `deadlock` who waits for whom. */
  readonly message: string;
  /** Whether the program is judged by this invariant. */
  readonly judged: boolean;
  /**
   * Found by `exhaustive`: a shortest one to this invariant's fall; the judging one of `simplest`: with the fewest
   * preemptions, and shrunk.
   */
  readonly schedule: readonly ScheduleEntry[];
  /** `livelock`: what follows the schedule again and again. */
  readonly cycle?: readonly ScheduleEntry[];
}

/** Whether a `Sometimes` of the program was true in some state. */
export interface Reached {
  readonly name: string;
  readonly reached: boolean;
  /** Where `exhaustive` reached it: a shortest one. Empty when not reached, or true from the start. */
  readonly schedule: readonly ScheduleEntry[];
}

/** A limit that cut the search short. */
export interface BoundHit {
  readonly option: Bound;
  readonly limit: number;
}

/** Where a replay could not go on. */
export interface Drift {
  /** Position in the schedule of the entry that could not be taken, from 0. */
  readonly index: number;
  readonly expected: ScheduleEntry;
  /**
   * `no-such-actor`: the program has no thread of this name. `ended`: the actor has no step left. `other-step`: it would
   * take another step now. `blocked`: it waits to take the expected step.
   */
  readonly reason: 'no-such-actor' | 'ended' | 'other-step' | 'blocked';
  /** What the actor would do now; null when it has ended or does not exist. */
  readonly actual: string | null;
  /** All steps that could be taken now. */
  readonly enabled: readonly ScheduleEntry[];
}

/** What `preemptions` met first with so many preemptions and not with fewer. */
export interface PreemptionCounts {
  readonly preemptions: number;
  /** Pairs of a state and the thread that stepped last. */
  readonly states: number;
  readonly transitions: number;
  readonly terminalStates: number;
}

/** What `simplest` took to look for the simplest violation, before the exhaustive search or beside it. */
export interface SimplestCounts {
  /** The fewest preemptions of a violation; null when there is none, or none was found. */
  readonly preemptions: number | null;
  /** Pairs of a state and the thread that stepped last. */
  readonly states: number;
  readonly transitions: number;
}

/** What a search found. Equal programs and options give equal results, byte for byte. */
export interface ExploreResult {
  readonly strategy: Strategy;
  readonly verdict: Verdict;
  /** The judged invariant that fell first, or `deadlock`; null unless the verdict is `violates`. */
  readonly invariant: string | null;
  /** One line for people: what fell, what was searched, or which option to raise. */
  readonly message: string;
  /** How `invariant` falls, the last step included; empty unless the verdict is `violates`. */
  readonly schedule: readonly ScheduleEntry[];
  /** Every invariant that fell, judged or not, with the first schedule to it; shortest first, then as found. */
  readonly fell: readonly Finding[];
  /** Invariants that fell and are not judged, sorted. */
  readonly alsoFell: readonly string[];
  /** Distinct states kept by `exhaustive`, the first included, those that only a violation leads to not; else 0. */
  readonly states: number;
  /** Steps taken from those states, or by `random` and `replay` in all. */
  readonly transitions: number;
  /** States in which no step could be taken; in `random` and `replay`, how often such a state was met. */
  readonly terminalStates: number;
  /**
   * `exhaustive`: how many schedules the program has, each up to its end, its deadlock or its judged violation. Null
   * when there are infinitely many (a loop of states, which takes a step with `forget`), when the search was cut short,
   * and when it took more than 4,194,304 steps. `dpor`: how many it explored, one per Mazurkiewicz trace. `preemptions`:
   * null. Else the number of runs made.
   */
  readonly executions: bigint | null;
  /** `hashCompact`: the most that the probability of an omitted state can be. */
  readonly omission?: number;
  /** `dpor`: executions given up because all that could step had been explored elsewhere; 0, as the paper proves. */
  readonly redundant?: number;
  /** `simplest`: what looking for the simplest violation took, not counted elsewhere. */
  readonly simplest?: SimplestCounts;
  /** `preemptions`: what was seen with each number of preemptions, from 0 on. */
  readonly perPreemptions?: readonly PreemptionCounts[];
  /** One for each `sometimes` of the program, in its order. */
  readonly reached: readonly Reached[];
  /** The bounds that were reached: sorted, empty when the search is complete. */
  readonly bounds: readonly BoundHit[];
  /** `random` and `pct`: what repeats this search. */
  readonly seed: number | null;
  /** `replay`: where it drifted; null when every step was taken up to the end or a judged violation. */
  readonly drift: Drift | null;
}

import type {
  BoundHit,
  Drift,
  ExploreResult,
  Finding,
  PreemptionCounts,
  Reached,
  SimplestCounts,
  Verdict,
} from './result.js';
import type { Bound, Settings, Strategy } from './options.js';
import type { Fallen, Program, ScheduleEntry, Sometimes } from './types.js';

/** The invariant by which every program is judged: some actor has not ended and nothing can step. */
export const DEADLOCK = 'deadlock';

/** The invariant by which every program is judged: an actor can go round for ever while nothing that it reads changes. */
export const LIVELOCK = 'livelock';

/** What was counted, as the result shows it. */
export interface Counts {
  readonly states: number;
  readonly transitions: number;
  readonly terminalStates: number;
  readonly executions: bigint | null;
  readonly redundant?: number;
  readonly omission?: number;
  readonly simplest?: SimplestCounts;
  readonly perPreemptions?: readonly PreemptionCounts[];
}

/** Strategies that have seen everything when no bound was reached. */
const COMPLETE: ReadonlySet<Strategy> = new Set(['simplest', 'exhaustive', 'dpor', 'preemptions']);

/** What a judge has noted. */
export interface JudgeState {
  readonly findings: readonly Finding[];
  readonly first: string | null;
  readonly reached: readonly (readonly [name: string, schedule: readonly ScheduleEntry[]])[];
  readonly bounds: readonly (readonly [Bound, number])[];
}

/** Collects what a search meets and says at the end what it means. Knows nothing of how schedules are chosen. */
export class Judge {
  readonly #settings: Settings;
  /** What a strategy adds to the message of a search in which nothing fell. */
  #note = '';
  readonly #judgedBy: readonly string[] | undefined;
  readonly #sometimes: readonly Sometimes[];
  readonly #findings = new Map<string, Finding>();
  readonly #reached = new Map<Sometimes, readonly ScheduleEntry[]>();
  readonly #bounds = new Map<Bound, number>();
  #first: Finding | undefined;
  /** Those of `sometimes` that no state had so far, by their places. */
  #open: number[];

  constructor(program: Pick<Program, 'judgedBy' | 'sometimes'>, settings: Settings) {
    this.#settings = settings;
    this.#judgedBy = program.judgedBy;
    this.#sometimes = program.sometimes ?? [];
    this.#open = this.#sometimes.map((_, i) => i);
  }

  /** Whether a judged invariant has fallen. */
  get violated(): boolean {
    return this.#first !== undefined;
  }

  /** Places of those of `sometimes` that no state had so far. */
  get open(): readonly number[] {
    return this.#open;
  }

  /** Whether some `sometimes` has not been seen, so that states must still be looked at. */
  get looking(): boolean {
    return this.#open.length > 0;
  }

  /**
   * Takes note of what fell at once after `steps` steps. `schedule` is called only when it is news: an invariant's first
   * fall, or an earlier one than was known.
   *
   * @returns Whether a judged invariant is among them. Of those, the one that stands first in `judgedBy` comes first.
   */
  fall(
    fallen: readonly (Fallen & Pick<Finding, 'cycle'>)[],
    steps: number,
    schedule: () => readonly ScheduleEntry[],
  ): boolean {
    let made: readonly ScheduleEntry[] | undefined;
    const news: Finding[] = [];
    let judges = false;
    for (const { invariant, message, cycle } of fallen) {
      const judged = this.judges(invariant);
      judges ||= judged;
      const known = this.#findings.get(invariant);
      if (known !== undefined && known.schedule.length <= steps) continue;
      const finding: Finding = {
        invariant,
        message,
        judged,
        schedule: (made ??= schedule()),
        ...(cycle !== undefined && { cycle }),
      };
      this.#findings.set(invariant, finding);
      if (judged) news.push(finding);
    }
    const [first] = news.sort((a, b) => this.#rank(a) - this.#rank(b));
    if (first !== undefined && (this.#first === undefined || steps < this.#first.schedule.length)) {
      this.#first = first;
    }
    return judges;
  }

  /** Asks of a state whether it has each `sometimes` that was not seen so far. */
  look(has: (i: number) => boolean, schedule: () => readonly ScheduleEntry[]): void {
    const seen = this.#open.filter((i) => has(i));
    if (seen.length === 0) return;
    const made = schedule();
    for (const i of seen) this.#reached.set(this.#sometimes[i] as Sometimes, made);
    this.#open = this.#open.filter((i) => !seen.includes(i));
  }

  /** Looks at the world's present state. */
  lookNow(schedule: () => readonly ScheduleEntry[]): void {
    this.look((i) => this.#sometimes[i]?.test() === true, schedule);
  }

  /** What was found so far, for a checkpoint. */
  save(): JudgeState {
    const reached = [...this.#reached].map(([{ name }, schedule]) => [name, schedule] as const);
    return {
      findings: [...this.#findings.values()],
      first: this.#first?.invariant ?? null,
      reached,
      // Who goes on is not stopped any more.
      bounds: [...this.#bounds].filter(([bound]) => bound !== 'timeout' && bound !== 'interrupt'),
    };
  }

  restore({ findings, first, reached, bounds }: JudgeState): void {
    for (const finding of findings) this.#findings.set(finding.invariant, finding);
    this.#first = findings.find(({ invariant }) => invariant === first);
    const schedules = new Map(reached);
    this.#open = [];
    this.#sometimes.forEach((sometimes, i) => {
      const schedule = schedules.get(sometimes.name);
      if (schedule === undefined) this.#open.push(i);
      else this.#reached.set(sometimes, schedule);
    });
    for (const [bound, limit] of bounds) this.#bounds.set(bound, limit);
  }

  /** Takes note that a limit kept the search from something. */
  hit(bound: Bound, limit: number = this.#limitOf(bound)): void {
    this.#bounds.set(bound, limit);
  }

  /** The judged invariant that fell first. */
  get invariant(): string | undefined {
    return this.#first?.invariant;
  }

  /** Adds to what is said when nothing fell. */
  note(text: string): void {
    this.#note = text;
  }

  get bounded(): boolean {
    return this.#bounds.size > 0;
  }

  result(counts: Counts, drift: Drift | null): ExploreResult {
    const { strategy, seed } = this.#settings;
    const first = this.#first;
    const bounds: BoundHit[] = [...this.#bounds]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([option, limit]) => ({ option, limit }));
    const complete = COMPLETE.has(strategy) && bounds.length === 0;
    const verdict: Verdict = first !== undefined ? 'violates' : complete ? 'holds' : 'unknown';
    const fell = [...this.#findings.values()].sort((a, b) => a.schedule.length - b.schedule.length);
    return {
      strategy,
      verdict,
      invariant: first?.invariant ?? null,
      message: first?.message ?? this.#explain(counts, bounds, drift),
      schedule: first?.schedule ?? [],
      fell,
      alsoFell: fell.flatMap(({ invariant, judged }) => (judged ? [] : [invariant])).sort(),
      ...counts,
      reached: this.#sometimes.map((sometimes): Reached => ({
        name: sometimes.name,
        reached: this.#reached.has(sometimes),
        schedule: this.#reached.get(sometimes) ?? [],
      })),
      bounds,
      seed: strategy === 'random' || strategy === 'pct' ? seed : null,
      drift,
    };
  }

  /** Which options to raise, of those that can be raised. */
  #advice(bounds: readonly BoundHit[]): string {
    const kinds: readonly Bound[] = ['hashCompact', 'timeout', 'interrupt'];
    const raise = bounds.filter(({ option }) => !kinds.includes(option));
    if (raise.length === 0)
      return bounds.some(({ option }) => option === 'hashCompact') ? '' : '; the search was stopped';
    return `; raise ${raise.map(({ option, limit }) => `${option} ${limit}`).join(', ')} to see more`;
  }

  #rank({ invariant }: Finding): number {
    const order = this.#judgedBy ?? [];
    return order.includes(invariant) ? order.indexOf(invariant) : order.length;
  }

  #limitOf(bound: Bound): number {
    return bound === 'interrupt' || bound === 'timeout' || bound === 'hashCompact'
      ? 0
      : (this.#settings[bound] ?? 0);
  }

  /** Tests whether the fall of an invariant is a violation. */
  judges(invariant: string): boolean {
    return (
      this.#judgedBy === undefined ||
      invariant === DEADLOCK ||
      invariant === LIVELOCK ||
      this.#judgedBy.includes(invariant)
    );
  }

  #explain(
    { states, transitions, executions }: Counts,
    bounds: readonly BoundHit[],
    drift: Drift | null,
  ): string {
    if (drift !== null) return explainDrift(drift);
    const raise = bounds.map(({ option, limit }) => `${option} ${limit}`).join(', ');
    switch (this.#settings.strategy) {
      case 'simplest':
      case 'exhaustive':
        return bounds.length === 0
          ? `nothing fell in ${states} states, which are all`
          : `nothing fell in ${states} states${this.#note}${this.#advice(bounds)}`;
      case 'preemptions': {
        const seen = `nothing fell in ${states} pairs of a state and its last thread`;
        return bounds.length === 0
          ? `${seen}, which are all: no schedule needs more preemptions`
          : `${seen}; raise ${raise} to see more`;
      }
      case 'dpor':
        return bounds.length === 0
          ? `nothing fell in ${executions} executions, one for each trace`
          : `nothing fell in ${executions} executions; raise ${raise} to see more`;
      case 'pct':
        return `nothing fell in ${executions} walks${this.#note}; raise ${raise} to see more`;
      case 'random':
        return `nothing fell in ${transitions} random steps; raise ${raise} to see more`;
      case 'replay':
        return `nothing fell in the ${transitions} steps replayed${bounds.length === 0 ? '' : `; raise ${raise}`}`;
    }
  }
}

function explainDrift({ index, expected, reason, actual }: Drift): string {
  const at = `the replay drifts at step ${index} (from 0)`;
  switch (reason) {
    case 'no-such-actor':
      return `${at}: no actor is called ${expected.actor}`;
    case 'ended':
      return `${at}: ${expected.actor} has ended; expected "${expected.step}"`;
    case 'other-step':
      return `${at}: ${expected.actor} would do "${actual}"; expected "${expected.step}"`;
    case 'blocked':
      return `${at}: ${expected.actor} cannot do "${expected.step}" now`;
  }
}

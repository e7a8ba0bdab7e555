import { fallenAtEnd } from './deadlock.js';
import { ExploreError } from './errors.js';
import { checkProgram, explore } from './explore.js';
import { settingsOf } from './options.js';
import { Judge } from './judge.js';
import { LiveState } from './live-state.js';
import { FALLS, LEAF_FLAGS, Model } from './model.js';
import { stepName } from './step-table.js';
import type { PreparedStep } from './step-table.js';
import type { Fallen, Program, ScheduleEntry } from './types.js';

/** Runs of steps up to this length are all tried. */
const SIZES_MAX = 64;

/** How a schedule may be shrunk. */
export interface ShrinkOptions {
  /** How many preemptions the result may have: leaving out a step can make one of what was none. Default: any number. */
  readonly preemptions?: number;
}

/** Threads by their numbers, in the order in which they step. */
type Order = readonly number[];

/**
 * Makes a violation's schedule smaller while the same judged invariant still falls first, and by its last step.
 *
 * In the schedule that is returned nothing can be left out: without all steps of any one actor, or without any one
 * entry, the invariant does not fall, since a schedule is who steps when and the actor then does what it comes to; and
 * no run of steps of one actor can be moved to another run of the same actor, so that there is a context switch less.
 * Equal programs and schedules give equal results; the result replays. It need not be the smallest of all schedules.
 *
 * The world is taken as it is, and is left in that state again.
 *
 * @throws ExploreError `BAD_OPTION` when no judged invariant falls in a replay of the schedule, and what `explore` throws.
 */
export function shrink<P>(
  program: Program<P>,
  schedule: readonly ScheduleEntry[],
  { preemptions = Infinity }: ShrinkOptions = {},
): readonly ScheduleEntry[] {
  checkProgram(program.threads);
  const { invariant, schedule: taken, drift } = explore(program, { strategy: 'replay', schedule });
  if (invariant === null) {
    throw new ExploreError(
      'BAD_OPTION',
      `the schedule to shrink violates nothing${drift === null ? '' : `, it drifts at step ${drift.index}`}`,
      { schedule },
    );
  }
  const numbers = new Map(program.threads.map(({ name }, thread) => [name, thread]));
  const trial = new Trial(program, invariant, preemptions);
  let order: Order = taken.map(({ actor }) => numbers.get(actor) ?? 0);
  for (let smaller: Order | undefined = order; smaller !== undefined;) {
    order = smaller;
    smaller = firstFalling(trial, order);
  }
  return trial.schedule(order) ?? taken;
}

/** The first smaller candidate in which the invariant falls, cut after its fall. */
function firstFalling<P>(trial: Trial<P>, order: Order): Order | undefined {
  for (const candidate of candidates(order)) {
    const length = trial.lengthOf(candidate);
    if (length !== undefined) return candidate.slice(0, length);
  }
  return undefined;
}

/** Orders that have fewer steps, or as many and fewer context switches; the promising ones first. */
function* candidates(order: Order): Generator<Order> {
  const actors = [...new Set(order)];
  for (const actor of actors) yield order.filter((thread) => thread !== actor);
  for (const size of sizesOf(order.length)) {
    for (let start = order.length - size; start >= 0; start--) {
      yield [...order.slice(0, start), ...order.slice(start + size)];
    }
    for (const actor of actors) {
      const own = order.flatMap((thread, i) => (thread === actor ? [i] : []));
      if (size >= own.length) continue;
      const dropped = new Set(own.slice(-size));
      yield order.filter((_, i) => !dropped.has(i));
    }
  }
  const runs = runsOf(order);
  for (let from = 0; from < runs.length; from++) {
    for (let to = 0; to < runs.length; to++) {
      const run = runs[from] as Order;
      if (to === from || run[0] !== runs[to]?.[0]) continue;
      const moved = runs.flatMap((other, i) => (i === from ? [] : i === to ? [...other, ...run] : other));
      yield moved;
    }
  }
}

/** How many steps to leave out together, most first: every number for short orders, and for long ones each half. */
function* sizesOf(length: number): Generator<number> {
  for (let size = length - 1; size >= 1; size = size > SIZES_MAX ? size >> 1 : size - 1) yield size;
}

/** The order in pieces: all steps of one actor that come one after the other. */
function runsOf(order: Order): Order[] {
  const runs: number[][] = [];
  for (const thread of order) {
    const last = runs.at(-1);
    if (last?.[0] === thread) last.push(thread);
    else runs.push([thread]);
  }
  return runs;
}

/** Runs orders of steps and says whether the invariant falls. */
class Trial<P> {
  readonly #program: Program<P>;
  readonly #invariant: string;
  readonly #preemptions: number;
  readonly #state: LiveState<P>;

  constructor(program: Program<P>, invariant: string, preemptions: number) {
    this.#preemptions = preemptions;
    this.#program = program;
    this.#invariant = invariant;
    this.#state = new LiveState(new Model(program, () => false));
  }

  /** After how many steps of the order the invariant falls; undefined when it does not, or the order cannot be taken. */
  lengthOf(order: Order): number | undefined {
    return this.schedule(order)?.length;
  }

  /** The order as a schedule, up to the fall. */
  schedule(order: Order): readonly ScheduleEntry[] | undefined {
    const { threads, judgedBy } = this.#program;
    const state = this.#state;
    const { model } = state;
    const judge = new Judge(judgedBy === undefined ? {} : { judgedBy }, settingsOf({}));
    const mark = state.mark();
    const taken: [thread: number, step: PreparedStep<P>][] = [];
    let preemptions = 0;
    for (const thread of order) {
      const last = taken.at(-1)?.[0] ?? thread;
      if (last !== thread && state.enabled(last) >= 0) preemptions++;
      const leaf = judge.violated ? -1 : state.enabled(thread);
      if (leaf < 0) break;
      taken.push([thread, model.stepAt(thread, state.vector[thread] as number) as PreparedStep<P>]);
      if ((model.leaves.at(leaf + LEAF_FLAGS) & FALLS) !== 0) {
        judge.fall(model.fallenIn(state.vector, thread), taken.length, () => []);
      }
      if (!judge.violated) state.take(thread, leaf);
    }
    if (taken.length === order.length && !judge.violated) {
      judge.fall(this.#fallenAtEnd(), taken.length, () => []);
    }
    state.rollback(mark);
    if (judge.invariant !== this.#invariant || preemptions > this.#preemptions) return undefined;
    return taken.map(([thread, { step }]) => ({ actor: threads[thread]?.name ?? '', step: stepName(step) }));
  }

  /** What falls in the present state, if nothing can step there. */
  #fallenAtEnd(): readonly Fallen[] {
    const state = this.#state;
    const { threads } = this.#program;
    if (threads.some((_, thread) => state.enabled(thread) >= 0)) return [];
    return state.model.inWorld(state.vector, () => fallenAtEnd(this.#program, state.waiting()));
  }
}

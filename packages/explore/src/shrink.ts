import { ThreadAutomaton } from './automaton.js';
import { fallenAtEnd } from './deadlock.js';
import type { Waiting } from './deadlock.js';
import { ExploreError } from './errors.js';
import { checkProgram, explore } from './explore.js';
import { settingsOf } from './options.js';
import { StepTable, stepName } from './step-table.js';
import { Judge } from './judge.js';
import type { Fallen, Program, ScheduleEntry } from './types.js';

/** Runs of steps up to this length are all tried. */
const SIZES_MAX = 64;

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
export function shrink<P>(program: Program<P>, schedule: readonly ScheduleEntry[]): readonly ScheduleEntry[] {
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
  const trial = new Trial(program, invariant);
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

/** Runs orders of steps in the program's world and says whether the invariant falls. */
class Trial<P> {
  readonly #program: Program<P>;
  readonly #invariant: string;
  readonly #threads: readonly ThreadAutomaton<P>[];

  constructor(program: Program<P>, invariant: string) {
    this.#program = program;
    this.#invariant = invariant;
    const table = new StepTable(program.world);
    this.#threads = program.threads.map((thread) => new ThreadAutomaton(thread, table));
  }

  /** After how many steps of the order the invariant falls; undefined when it does not, or the order cannot be taken. */
  lengthOf(order: Order): number | undefined {
    return this.schedule(order)?.length;
  }

  /** The order as a schedule, up to the fall. */
  schedule(order: Order): readonly ScheduleEntry[] | undefined {
    const { world, threads, judgedBy } = this.#program;
    const judge = new Judge(judgedBy === undefined ? {} : { judgedBy }, settingsOf({}));
    const mark = world.mark();
    const nodes = this.#threads.map(({ root }) => root);
    const schedule: ScheduleEntry[] = [];
    for (const thread of order) {
      const automaton = this.#threads[thread] as ThreadAutomaton<P>;
      const node = nodes[thread] as number;
      const next = automaton.at(node);
      if (next === undefined || judge.violated || !world.enabled(thread, next.prepared)) break;
      const result = world.execute(thread, next.prepared);
      schedule.push({ actor: threads[thread]?.name ?? '', step: stepName(next.step) });
      judge.fall(world.takeFallen(), schedule.length, () => schedule);
      nodes[thread] = automaton.next(node, result);
    }
    if (schedule.length === order.length && !judge.violated) {
      judge.fall(this.#fallenAtEnd(nodes), schedule.length, () => schedule);
    }
    world.rollback(mark);
    return judge.invariant === this.#invariant ? schedule : undefined;
  }

  /** What falls where the threads are at these nodes, if nothing can step there. */
  #fallenAtEnd(nodes: readonly number[]): readonly Fallen[] {
    const waiting: Waiting<P>[] = this.#threads.flatMap((automaton, thread) => {
      const next = automaton.at(nodes[thread] as number);
      return next === undefined ? [] : [{ thread, next }];
    });
    const { world } = this.#program;
    if (waiting.some(({ thread, next }) => world.enabled(thread, next.prepared))) return [];
    return fallenAtEnd(this.#program, waiting);
  }
}

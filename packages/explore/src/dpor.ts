/**
 * Optimal dynamic partial order reduction: one execution of each Mazurkiewicz trace.
 *
 * Follows algorithm 2 of Parosh Aziz Abdulla, Stavros Aronis, Bengt Jonsson and Konstantinos Sagonas, "Source sets: a
 * foundation for optimal dynamic partial order reduction", Journal of the ACM 64 (4), 2017 (POPL 2014 in short). An
 * execution is run to its end; each of its races, an event and a later one that conflicts with it and could have come
 * first, gives a sequence that reverses it, which is put into the wakeup tree of the state before the race, unless a
 * thread that sleeps there covers it. Then the next branch of the deepest tree is run. Threads sleep where what they
 * would start was explored, until a step conflicts with theirs.
 *
 * Where it departs from the paper:
 * - Recursion is a loop over one stack, and the world is rolled back only as far as a race needs. A race whose reversal a
 *   sleeping thread covers whatever the reversed step does is dropped before it is run.
 * - Dependency is the conflict of footprints, each taken in the state in which the step runs.
 * - Blocking. A step that waits need not race with the one that let it go on, but with one that took away what it waits
 *   for: after `lock` of A, `unlock` of A, `lock` of B the two locks race, though the unlock lies between. So a step that
 *   may wait races with every earlier event that it conflicts with and that does not happen before its thread came to
 *   it, where running shows that it could have been taken. The same goes for steps that still wait at the end. For this,
 *   a step that makes another wait must write all cells of the waiting one (`Footprint.mayWait`); then what goes before
 *   the reversed step has no other step in conflict with it, as the paper's proof needs.
 * - The end of a thread is no event, and agents are threads like the others.
 * - A step in which a judged invariant falls ends nothing, since what comes after it may race with what was before.
 * - `maxSteps` and `maxDepth` end an execution as if it were maximal; the verdict is then `unknown`.
 */
import { DONE, ThreadAutomaton } from './automaton.js';
import { conflict } from './commute.js';
import { fallenAtEnd } from './deadlock.js';
import type { Waiting } from './deadlock.js';
import { assert, ExploreError } from './errors.js';
import { Judge } from './judge.js';
import type { Settings } from './options.js';
import type { ExploreResult } from './result.js';
import { stepName, StepTable } from './step-table.js';
import type { PreparedStep } from './step-table.js';
import type { Footprint, Program, ScheduleEntry, World } from './types.js';
import { insertSequence, isWeakInitial } from './wakeup-tree.js';
import type { Act, Branch } from './wakeup-tree.js';

/** Explores one execution of each trace of the program, within `maxExecutions`, `maxDepth` and `maxSteps`. */
export function dpor<P>(program: Program<P>, settings: Settings): ExploreResult {
  if (program.world.footprint === undefined) {
    throw new ExploreError(
      'BAD_OPTION',
      'option strategy is dpor, but the world of this program has no footprint; use exhaustive',
      { name: 'strategy', value: 'dpor' },
    );
  }
  return new Dpor(program, settings).run();
}

/** An event of the present execution, and what is known of the state before it. */
interface Event<P> extends Act {
  /** Node of the thread before the event. */
  readonly node: number;
  readonly next: PreparedStep<P>;
  /** By thread: how many events of the execution come up to its last one that happens before this one, or is it. */
  readonly clock: Int32Array;
  /** Place of the thread's event before this one, plus one; 0 when this is its first. */
  readonly previous: number;
  /** The thread's number of events before this one. */
  readonly depth: number;
}

/** What is asleep and what is to be explored in a state on the stack. */
interface Place {
  readonly sleep: Act[];
  tree: Branch[];
}

const REST: Footprint = { reads: [], writes: [], mayWait: false };

class Dpor<P> {
  readonly #program: Program<P>;
  readonly #world: World<P>;
  readonly #settings: Settings;
  readonly #judge: Judge;
  readonly #threads: readonly ThreadAutomaton<P>[];
  /** The present execution. */
  readonly #events: Event<P>[] = [];
  /** The states before each event, and at the end. */
  readonly #places: Place[] = [{ sleep: [], tree: [] }];
  /** The world's marks before each event that is in effect; their number is how far the world is. */
  readonly #marks: number[] = [];
  /** By thread, at the end of `#events`: node, and the place of its last event plus one. */
  readonly #nodes: number[];
  readonly #last: number[];
  readonly #depths: number[];
  /** The event in which a judged invariant fell first in this execution. */
  #fellAt = Infinity;
  #executions = 0;
  #redundant = 0;
  #transitions = 0;
  #terminalStates = 0;

  constructor(program: Program<P>, settings: Settings) {
    this.#program = program;
    this.#world = program.world;
    this.#settings = settings;
    this.#judge = new Judge(program, settings);
    const table = new StepTable(program.world);
    this.#threads = program.threads.map((thread) => new ThreadAutomaton(thread, table));
    this.#nodes = this.#threads.map(({ root }) => root);
    this.#last = this.#threads.map(() => 0);
    this.#depths = this.#threads.map(() => 0);
  }

  run(): ExploreResult {
    const { stopAtFirst, maxExecutions } = this.#settings;
    const judge = this.#judge;
    judge.look(() => []);
    let more = !judge.fall(this.#world.takeFallen(), 0, () => []);
    while (more) {
      if (this.#executions + this.#redundant >= maxExecutions) {
        judge.hit('maxExecutions');
        break;
      }
      if (this.#runToEnd()) {
        this.#executions++;
        this.#reverseRaces();
      } else this.#redundant++;
      if (stopAtFirst === true && judge.violated) break;
      more = this.#backtrack();
    }
    this.#rewind(0);
    return judge.result(
      {
        states: 0,
        transitions: this.#transitions,
        terminalStates: this.#terminalStates,
        executions: BigInt(this.#executions),
        redundant: this.#redundant,
      },
      null,
    );
  }

  /** Goes on from the end of `#events`; returns false when all that can step sleeps. */
  #runToEnd(): boolean {
    const { maxSteps, maxDepth } = this.#settings;
    for (;;) {
      const place = this.#places[this.#events.length] as Place;
      const enabled = this.#enabled();
      if (enabled.length === 0) {
        this.#end();
        return true;
      }
      const [branch] = place.tree;
      const thread =
        branch?.thread ?? enabled.find((able) => !place.sleep.some((asleep) => asleep.thread === able));
      if (thread === undefined) return false;
      assert(enabled.includes(thread), 'a wakeup tree holds a step that is not enabled');
      const long = this.#events.length >= maxSteps;
      if (long || (this.#depths[thread] as number) >= maxDepth) {
        this.#judge.hit(long ? 'maxSteps' : 'maxDepth');
        place.tree = [];
        return true;
      }
      this.#step(place, thread);
      this.#checkWaiting(enabled);
    }
  }

  #enabled(): number[] {
    const enabled: number[] = [];
    this.#nodes.forEach((node, thread) => {
      if (node !== DONE && this.#world.enabled(thread, this.#at(thread, node).prepared)) enabled.push(thread);
    });
    return enabled;
  }

  #step(place: Place, thread: number): void {
    const judge = this.#judge;
    const index = this.#events.length;
    const node = this.#nodes[thread] as number;
    const next = this.#at(thread, node);
    const footprint = this.#footprint(thread, next);
    const event: Event<P> = {
      thread,
      node,
      next,
      footprint,
      clock: this.#clock(thread, footprint),
      previous: this.#last[thread] as number,
      depth: this.#depths[thread] as number,
    };
    if (place.tree.length === 0) place.tree.push({ thread, footprint, next: [] });
    const branch = place.tree[0] as Branch;
    this.#events.push(event);
    this.#places.push({
      sleep: place.sleep.filter((asleep) => !conflict(asleep.footprint, footprint)),
      tree: branch.next,
    });
    branch.next = [];

    this.#marks.push(this.#world.mark());
    const result = this.#world.execute(thread, next.prepared);
    const fallen = this.#world.takeFallen();
    this.#transitions++;
    if (judge.looking) judge.look(() => this.#schedule());
    if (this.#fellAt > index && judge.fall(fallen, index + 1, () => this.#schedule())) this.#fellAt = index;
    this.#nodes[thread] = (this.#threads[thread] as ThreadAutomaton<P>).next(node, result);
    this.#last[thread] = index + 1;
    this.#depths[thread] = event.depth + 1;
  }

  #clock(thread: number, footprint: Footprint): Int32Array {
    const previous = this.#last[thread] as number;
    const clock =
      previous > 0
        ? (this.#events[previous - 1] as Event<P>).clock.slice()
        : new Int32Array(this.#threads.length);
    for (let i = this.#events.length - 1; i >= 0; i--) {
      const other = this.#events[i] as Event<P>;
      if ((clock[other.thread] as number) > i || !conflict(other.footprint, footprint)) continue;
      other.clock.forEach((count, t) => {
        if (count > (clock[t] as number)) clock[t] = count;
      });
    }
    clock[thread] = this.#events.length + 1;
    return clock;
  }

  /** Checks the contract of `Footprint.mayWait` on threads that the last event has made wait. */
  #checkWaiting(before: readonly number[]): void {
    const event = this.#events.at(-1) as Event<P>;
    for (const thread of before) {
      if (thread === event.thread) continue;
      const next = this.#at(thread, this.#nodes[thread] as number);
      if (this.#world.enabled(thread, next.prepared)) continue;
      const { reads, writes, mayWait } = this.#footprint(thread, next);
      const written = [...reads, ...writes].every((cell) => event.footprint.writes.includes(cell));
      if (written && mayWait !== false) continue;
      throw new ExploreError(
        'BAD_STEP',
        `"${stepName(event.next.step)}" makes "${stepName(next.step)}" wait; its footprint must write all cells of that step, which must not deny mayWait`,
      );
    }
  }

  /** Judges a state in which nothing is enabled. */
  #end(): void {
    this.#terminalStates++;
    if (this.#fellAt !== Infinity) return;
    const waiting: Waiting<P>[] = this.#nodes.flatMap((node, thread) =>
      node === DONE ? [] : [{ thread, next: this.#at(thread, node) }],
    );
    const fallen = fallenAtEnd(this.#program, waiting);
    this.#judge.fall(fallen, this.#events.length, () => this.#schedule());
  }

  /** Finds the races of the present execution, from the last event back, and plans what reverses them. */
  #reverseRaces(): void {
    const events = this.#events;
    const later = new Map<number, Set<number>>();
    const race = (first: number, thread: number, node: number): void => {
      let known = later.get(first);
      if (known === undefined) later.set(first, (known = new Set()));
      // A thread waits at one node between two of its events, so the pair names the reversed step.
      known.add(thread * 0x1_0000_0000 + node);
    };
    events.forEach((event, j) => {
      if (event.footprint.mayWait === false) this.#races(event, (i) => race(i, event.thread, event.node));
      else this.#conflicts(event, j, (i) => race(i, event.thread, event.node));
    });
    this.#nodes.forEach((node, thread) => {
      if (node === DONE) return;
      const next = this.#at(thread, node);
      const footprint = this.#footprint(thread, next);
      const pending = { thread, footprint, previous: this.#last[thread] as number };
      this.#conflicts(pending, events.length, (i) => race(i, thread, node));
    });
    for (let i = events.length - 1; i >= 0; i--) {
      for (const key of later.get(i) ?? []) {
        this.#reverse(i, Math.floor(key / 0x1_0000_0000), key % 0x1_0000_0000);
      }
    }
  }

  /** Events of other threads that happen before `event` with nothing between them. */
  #races(event: Event<P>, found: (i: number) => void): void {
    const { thread, clock, previous } = event;
    for (let t = 0; t < clock.length; t++) {
      const i = t === thread ? -1 : (clock[t] as number) - 1;
      if (i < 0) continue;
      let between = false;
      for (let u = 0; u < clock.length && !between; u++) {
        const k = u === thread ? previous - 1 : (clock[u] as number) - 1;
        between = u !== t && k >= 0 && (this.#events[k] as Event<P>).clock[t] === i + 1;
      }
      if (!between) found(i);
    }
  }

  /** Events before `end` that conflict with a step and do not happen before its thread came to it. */
  #conflicts(
    { thread, footprint, previous }: Act & { readonly previous: number },
    end: number,
    found: (i: number) => void,
  ): void {
    const known = previous > 0 ? (this.#events[previous - 1] as Event<P>).clock : undefined;
    for (let i = 0; i < end; i++) {
      const event = this.#events[i] as Event<P>;
      if (event.thread === thread || (known?.[event.thread] ?? 0) > i) continue;
      if (conflict(event.footprint, footprint)) found(i);
    }
  }

  /** Plans to take, before event `i`, what does not happen after it and then the step at `node`, if that can be. */
  #reverse(i: number, thread: number, node: number): void {
    const events = this.#events;
    const first = events[i] as Event<P>;
    const acts: Event<P>[] = [];
    for (let k = i + 1; k < events.length; k++) {
      const event = events[k] as Event<P>;
      if ((event.clock[first.thread] as number) <= i) acts.push(event);
    }
    const { sleep, tree } = this.#places[i] as Place;
    // A sleeping thread that begins this, or is the reversed one, covers it whatever the reversed step touches.
    const open = sleep.filter((asleep) => isWeakInitial(asleep, acts));
    const begins = (asleep: Act): boolean => acts.some((act) => act.thread === asleep.thread);
    if (open.some((asleep) => asleep.thread === thread || begins(asleep))) return;

    this.#rewind(i);
    const mark = this.#world.mark();
    for (const act of acts) this.#world.execute(act.thread, act.next.prepared);
    const next = this.#at(thread, node);
    const able = this.#world.enabled(thread, next.prepared);
    const footprint = able ? this.#footprint(thread, next) : undefined;
    this.#world.takeFallen();
    this.#world.rollback(mark);
    if (footprint === undefined || open.some((asleep) => !conflict(asleep.footprint, footprint))) return;
    insertSequence(tree, [...acts, { thread, footprint }]);
  }

  /** Takes the next branch of the deepest tree that has one; returns false when there is none. */
  #backtrack(): boolean {
    const events = this.#events;
    while (events.length > 0) {
      const event = events.pop() as Event<P>;
      const { thread, footprint } = event;
      this.#places.pop();
      this.#nodes[thread] = event.node;
      this.#last[thread] = event.previous;
      this.#depths[thread] = event.depth;
      if (this.#fellAt >= events.length) this.#fellAt = Infinity;
      const place = this.#places[events.length] as Place;
      place.tree.shift();
      place.sleep.push({ thread, footprint });
      if (place.tree.length === 0) continue;
      this.#rewind(events.length);
      for (let i = this.#marks.length; i < events.length; i++) {
        const again = events[i] as Event<P>;
        this.#marks.push(this.#world.mark());
        this.#world.execute(again.thread, again.next.prepared);
      }
      this.#world.takeFallen();
      return true;
    }
    return false;
  }

  /** Undoes the events from `index` on in the world, as far as they are in effect there. */
  #rewind(index: number): void {
    if (this.#marks.length <= index) return;
    this.#world.rollback(this.#marks[index] as number);
    this.#marks.length = index;
  }

  #at(thread: number, node: number): PreparedStep<P> {
    return (this.#threads[thread] as ThreadAutomaton<P>).at(node) as PreparedStep<P>;
  }

  #footprint(thread: number, { prepared }: PreparedStep<P>): Footprint {
    return this.#world.footprint?.(thread, prepared) ?? REST;
  }

  #schedule(): readonly ScheduleEntry[] {
    return this.#events.map(({ thread, next }) => ({
      actor: this.#program.threads[thread]?.name ?? '',
      step: stepName(next.step),
    }));
  }
}

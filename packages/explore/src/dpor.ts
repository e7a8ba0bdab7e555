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
 * - Dependency is the conflict of footprints, each learned in the state in which the step runs.
 * - Blocking. A step that waits need not race with the one that let it go on, but with one that took away what it waits
 *   for: after `lock` of A, `unlock` of A, `lock` of B the two locks race, though the unlock lies between. So a step that
 *   may wait races with every earlier event that it conflicts with and that does not happen before its thread came to
 *   it, where running shows that it could have been taken. The same goes for steps that still wait at the end. For this,
 *   cells that one step waits for are one resource (`Resources`): then what goes before the reversed step has no other
 *   step in conflict with it, as the paper's proof needs. When cells are joined in the middle, the search begins anew.
 * - The end of a thread is no event, and agents are threads like the others.
 * - A step in which a judged invariant falls ends nothing, since what comes after it may race with what was before.
 * - `maxSteps` and `maxDepth` end an execution as if it were maximal; the verdict is then `unknown`.
 */
import { conflict } from './commute.js';
import type { Footprint } from './commute.js';
import { fallenAtEnd } from './deadlock.js';
import { assert } from './errors.js';
import { Judge } from './judge.js';
import { LiveState } from './live-state.js';
import { ENDED, FALLS, LEAF_FLAGS, Model } from './model.js';
import type { Settings } from './options.js';
import { Resources } from './resources.js';
import type { Search } from './search.js';
import { stepName } from './step-table.js';
import type { PreparedStep } from './step-table.js';
import type { Program, ScheduleEntry } from './types.js';
import { insertSequence, isWeakInitial } from './wakeup-tree.js';
import type { Act, Branch } from './wakeup-tree.js';

/** Explores one execution of each trace of the program, within `maxExecutions`, `maxDepth` and `maxSteps`. */
export function* dpor<P>(program: Program<P>, settings: Settings): Search {
  const model = new Model(program, () => false);
  const resources = new Resources(model);
  for (;;) {
    const before = resources.version;
    const search = new Dpor(model, resources, settings);
    const result = yield* search.run();
    // What is known of resources only grows, so this comes to an end.
    if (resources.version === before) return result;
  }
}

/** An event of the present execution, and what is known of the state before it. */
interface Event<P> extends Act {
  /** Code of the thread before the event. */
  readonly code: number;
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

/** How many executions are explored before the caller is asked whether to go on. */
const TELL_EXECUTIONS = 0x40;

class Dpor<P> {
  readonly #program: Program<P>;
  readonly #model: Model<P>;
  readonly #resources: Resources<P>;
  readonly #settings: Settings;
  readonly #judge: Judge;
  /** The state after those events that are in effect. */
  readonly #state: LiveState<P>;
  /** The present execution. */
  readonly #events: Event<P>[] = [];
  /** The states before each event, and at the end. */
  readonly #places: Place[] = [{ sleep: [], tree: [] }];
  /** The state's marks before each event that is in effect; their number is how far the state is. */
  readonly #marks: number[] = [];
  /** By thread, at the end of `#events`: the place of its last event plus one, and how many events it has. */
  readonly #last: number[];
  readonly #depths: number[];
  /** The event in which a judged invariant fell first in this execution. */
  #fellAt = Infinity;
  #executions = 0;
  #redundant = 0;
  #transitions = 0;
  #terminalStates = 0;

  constructor(model: Model<P>, resources: Resources<P>, settings: Settings) {
    this.#program = model.program;
    this.#model = model;
    this.#resources = resources;
    this.#settings = settings;
    this.#judge = new Judge(model.program, settings);
    this.#state = new LiveState(model);
    this.#last = model.threads.map(() => 0);
    this.#depths = model.threads.map(() => 0);
  }

  /** Ends early when cells were joined. */
  *run(): Search {
    const { stopAtFirst, maxExecutions } = this.#settings;
    const judge = this.#judge;
    const { version } = this.#resources;
    judge.look(this.#test, () => []);
    let more = !judge.fall(this.#settings.fallen, 0, () => []);
    while (more && this.#resources.version === version) {
      if (this.#executions % TELL_EXECUTIONS === 0) {
        const counts = { transitions: this.#transitions, executions: this.#executions };
        const stop = yield { states: 0, expanded: 0, bytes: 0, ...counts };
        if (stop !== undefined) {
          judge.hit(stop.bound, stop.limit);
          break;
        }
      }
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
    }
  }

  #enabled(): number[] {
    const enabled: number[] = [];
    for (let thread = 0; thread < this.#model.nrThreads; thread++) {
      if (this.#state.enabled(thread) >= 0) enabled.push(thread);
    }
    return enabled;
  }

  #step(place: Place, thread: number): void {
    const judge = this.#judge;
    const index = this.#events.length;
    const code = this.#state.vector[thread] as number;
    const next = this.#at(thread, code);
    const leaf = this.#state.enabled(thread);
    const footprint = this.#resources.footprint(leaf);
    const event: Event<P> = {
      thread,
      code,
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

    const falls = (this.#model.leaves.at(leaf + LEAF_FLAGS) & FALLS) !== 0;
    if (falls && this.#fellAt > index) {
      const fallen = this.#model.fallenIn(this.#state.vector, thread);
      if (judge.fall(fallen, index + 1, () => this.#schedule())) this.#fellAt = index;
    }
    this.#marks.push(this.#state.mark());
    this.#state.take(thread, leaf);
    this.#transitions++;
    if (judge.looking) judge.look(this.#test, () => this.#schedule());
    this.#last[thread] = index + 1;
    this.#depths[thread] = event.depth + 1;
  }

  #clock(thread: number, footprint: Footprint): Int32Array {
    const previous = this.#last[thread] as number;
    const clock =
      previous > 0
        ? (this.#events[previous - 1] as Event<P>).clock.slice()
        : new Int32Array(this.#model.nrThreads);
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

  /** Judges a state in which nothing is enabled. */
  #end(): void {
    this.#terminalStates++;
    if (this.#fellAt !== Infinity) return;
    const { vector } = this.#state;
    const waiting = this.#state.waiting();
    if (waiting.every(({ thread }) => this.#program.threads[thread]?.role === 'agent')) {
      const leaf = this.#model.finishLeaf(vector);
      if (leaf < 0 || (this.#model.leaves.at(leaf + LEAF_FLAGS) & FALLS) === 0) return;
    }
    const fallen = this.#model.inWorld(vector, () => fallenAtEnd(this.#program, waiting));
    this.#judge.fall(fallen, this.#events.length, () => this.#schedule());
  }

  /** Finds the races of the present execution, from the last event back, and plans what reverses them. */
  #reverseRaces(): void {
    const events = this.#events;
    const later = new Map<number, Set<number>>();
    const race = (first: number, thread: number, code: number): void => {
      let known = later.get(first);
      if (known === undefined) later.set(first, (known = new Set()));
      // A thread waits at one node between two of its events, so the pair names the reversed step.
      known.add(thread * 0x1_0000_0000 + code);
    };
    events.forEach((event, j) => {
      if (event.footprint.mayWait === false) this.#races(event, (i) => race(i, event.thread, event.code));
      else this.#conflicts(event, j, (i) => race(i, event.thread, event.code));
    });
    for (let thread = 0; thread < this.#model.nrThreads; thread++) {
      const code = this.#state.vector[thread] as number;
      if (code === ENDED) continue;
      const footprint = this.#resources.footprint(this.#state.leaf(thread));
      const pending = { thread, footprint, previous: this.#last[thread] as number };
      this.#conflicts(pending, events.length, (i) => race(i, thread, code));
    }
    for (let i = events.length - 1; i >= 0; i--) {
      for (const key of later.get(i) ?? []) {
        this.#reverse(i, Math.floor(key / 0x1_0000_0000));
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

  /** Plans to take, before event `i`, what does not happen after it and then the next step of a thread, if that can be. */
  #reverse(i: number, thread: number): void {
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
    const state = this.#state;
    const mark = state.mark();
    for (const act of acts) state.take(act.thread, state.enabled(act.thread));
    const leaf = state.enabled(thread);
    const footprint = leaf < 0 ? undefined : this.#resources.footprint(leaf);
    state.rollback(mark);
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
        this.#marks.push(this.#state.mark());
        this.#state.take(again.thread, this.#state.enabled(again.thread));
      }
      return true;
    }
    return false;
  }

  /** Undoes the events from `index` on in the state, as far as they are in effect there. */
  #rewind(index: number): void {
    if (this.#marks.length <= index) return;
    this.#state.rollback(this.#marks[index] as number);
    this.#marks.length = index;
  }

  #at(thread: number, code: number): PreparedStep<P> {
    return this.#model.stepAt(thread, code) as PreparedStep<P>;
  }

  /** Whether the present state has the i-th `sometimes`. */
  readonly #test = (i: number): boolean => this.#model.testIn(this.#state.vector, i);

  #schedule(): readonly ScheduleEntry[] {
    return this.#events.map(({ thread, next }) => ({
      actor: this.#program.threads[thread]?.name ?? '',
      step: stepName(next.step),
    }));
  }
}

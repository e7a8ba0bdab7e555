/**
 * Looks for an actor that can go round for ever while nothing that it reads changes.
 *
 * For each actor that has a loop, take the graph of states without the steps of other threads that change a cell which the
 * actor reads in its loops. A strongly connected part of that graph in which the actor steps is a livelock if it is fair:
 * every thread that can step somewhere in it does step in it. Then a schedule that goes round it for ever starves nobody,
 * not even a thread that can step only now and then (strong fairness: locks are handed on and invalidations are delivered
 * some time), the state that the actor retries on never changes, and the actor never comes to its end. A part that is not
 * fair may have a smaller one that is: one that keeps out of the states in which the starved threads can step. So these
 * states are taken away, and what is left is looked at again, as for the emptiness of Streett automata.
 *
 * The steps are found anew from the kept states, so this needs no edges, and sees those that sleep sets left out.
 *
 * @see Robert Tarjan, "Depth-first search and linear graph algorithms", SIAM Journal on Computing 1 (2), 1972
 * @see E. Allen Emerson, Chin-Laung Lei, "Modalities for model checking: branching time logic strikes back", Science of
 * Computer Programming 8 (3), 1987, for fairness by taking states away
 */
import { ENABLED, ENDED, JUDGED, LEAF_FLAGS } from './model.js';
import type { Model } from './model.js';
import type { PackedStore } from './packed-store.js';
import type { Stop } from './search.js';
import { stepName } from './step-table.js';
import type { PreparedStep } from './step-table.js';
import type { ScheduleEntry } from './types.js';

/** A livelock: a state in it, and the steps that lead from there back to it. */
export interface Livelock {
  readonly message: string;
  readonly state: number;
  readonly cycle: readonly ScheduleEntry[];
}

/** How many states are looked at before the caller is asked whether to go on. */
const SLICE_STATES = 0x1000;

/**
 * The first livelock of a program all of whose states are kept; undefined when it has none. Asks now and then whether to go
 * on, and returns the reason when it is told to stop.
 */
export function* findLivelock<P>(
  model: Model<P>,
  store: PackedStore,
): Generator<void, Livelock | Stop | undefined, Stop | undefined> {
  for (let actor = 0; actor < model.nrThreads; actor++) {
    if (model.program.threads[actor]?.role === 'agent') continue;
    const loops = model.loopsOf(actor);
    if (loops === undefined) continue;
    const found = yield* new Rounds(model, store, actor, loops).find();
    if (found !== undefined) return found;
  }
  return undefined;
}

/** What is known of the steps from the states at hand: by state, thread by thread. */
const CANNOT = -1;
/** Code of a thread that has not begun. */
const START = 0;
const LEFT_OUT = -2;

/** Looks at the strongly connected parts of one actor's graph. */
class Rounds<P> {
  readonly #model: Model<P>;
  readonly #store: PackedStore;
  readonly #actor: number;
  readonly #reads: ReadonlySet<number>;
  /** Codes of the actor from which it can come back to them: only states in which it has one are looked at. */
  readonly #codes: ReadonlySet<number>;
  /** By state: when it was met, from 1; 0 when not. */
  readonly #met: Int32Array;
  readonly #low: Int32Array;
  /** By state: 1 while its part is not known, 2 when it is taken away. */
  readonly #mark: Uint8Array;
  readonly #vector: Int32Array;
  readonly #after: Int32Array;
  #clock = 0;

  constructor(
    model: Model<P>,
    store: PackedStore,
    actor: number,
    loops: { readonly codes: ReadonlySet<number>; readonly reads: ReadonlySet<number> },
  ) {
    this.#model = model;
    this.#store = store;
    this.#actor = actor;
    this.#reads = loops.reads;
    this.#codes = loops.codes;
    this.#met = new Int32Array(store.size);
    this.#low = new Int32Array(store.size);
    this.#mark = new Uint8Array(store.size);
    this.#vector = new Int32Array(model.nrSlots);
    this.#after = new Int32Array(model.nrSlots);
  }

  *find(): Generator<void, Livelock | Stop | undefined, Stop | undefined> {
    return yield* this.#findAmong(this.#store.size, (i) => i);
  }

  /** Looks at the parts of the graph that the given states are in, by Tarjan's algorithm without recursion. */
  *#findAmong(
    count: number,
    state: (i: number) => number,
  ): Generator<void, Livelock | Stop | undefined, Stop | undefined> {
    const stack: number[] = [];
    const path: number[] = [];
    /** For each state on the way: its steps, and how many of them were looked at. */
    const steps: number[][] = [];
    const enter = (at: number): void => {
      this.#met[at] = this.#low[at] = ++this.#clock;
      this.#mark[at] = 1;
      stack.push(at);
      path.push(at);
      steps.push(this.#stepsOf(at).filter((to) => to >= 0));
    };
    for (let i = 0; i < count; i++) {
      const root = state(i);
      if (i % SLICE_STATES === 0) {
        const stop = yield;
        if (stop !== undefined) return stop;
      }
      if (this.#met[root] !== 0 || this.#mark[root] === 2 || !this.#isInLoop(root)) continue;
      enter(root);
      for (let at = path.at(-1); at !== undefined; at = path.at(-1)) {
        const to = (steps.at(-1) as number[]).pop();
        if (to !== undefined) {
          if (this.#mark[to] === 2) continue;
          if (this.#met[to] === 0) enter(to);
          else if (this.#mark[to] === 1) this.#lower(at, this.#met[to] as number);
          continue;
        }
        path.pop();
        steps.pop();
        const above = path.at(-1);
        if (above !== undefined) this.#lower(above, this.#low[at] as number);
        if (this.#low[at] !== this.#met[at]) continue;
        const part = stack.splice(stack.lastIndexOf(at));
        for (const member of part) this.#mark[member] = 0;
        const found = yield* this.#judge(part);
        if (found !== undefined) return found;
      }
    }
    return undefined;
  }

  #isInLoop(state: number): boolean {
    this.#store.load(state, this.#vector);
    return this.#codes.has(this.#vector[this.#actor] as number);
  }

  #lower(state: number, to: number): void {
    if (to < (this.#low[state] as number)) this.#low[state] = to;
  }

  /** By thread: the state after its step; CANNOT where it cannot step, LEFT_OUT where its step is not in the graph. */
  #stepsOf(state: number): number[] {
    this.#store.load(state, this.#vector);
    const steps: number[] = [];
    for (let thread = 0; thread < this.#model.nrThreads; thread++) steps.push(this.#stepOf(thread));
    return steps;
  }

  #stepOf(thread: number): number {
    const model = this.#model;
    const vector = this.#vector;
    const code = vector[thread] as number;
    if (code === ENDED) return CANNOT;
    const leaf = model.leafFor(vector, thread);
    const flags = model.leaves.at(leaf + LEAF_FLAGS);
    if ((flags & ENABLED) === 0) return CANNOT;
    if ((flags & JUDGED) !== 0) return LEFT_OUT;
    const after = this.#after;
    after.set(vector);
    const writes = model.writesOf(leaf);
    for (let i = 0; i < writes.length; i += 2) {
      const [slot, value] = [writes[i] as number, writes[i + 1] as number];
      if (thread !== this.#actor && vector[slot] !== value && this.#reads.has(slot)) return LEFT_OUT;
      after[slot] = value;
    }
    after[thread] = model.codeAfter(thread, code, leaf);
    if (!this.#codes.has(after[this.#actor] as number)) return LEFT_OUT;
    return this.#store.find(after);
  }

  /** Tests whether a strongly connected part is a livelock, or has one in it. */
  *#judge(part: readonly number[]): Generator<void, Livelock | Stop | undefined, Stop | undefined> {
    // One state that does not lead to itself is no way round.
    const inside = new Set(part);
    if (part.length === 1 && !this.#stepsOf(part[0] as number).some((to) => inside.has(to))) return undefined;
    const { nrThreads, program } = this.#model;
    const steps = new Set<number>();
    const able = new Set<number>();
    for (const state of part) {
      this.#stepsOf(state).forEach((to, thread) => {
        if (to !== CANNOT) able.add(thread);
        if (inside.has(to)) steps.add(thread);
      });
    }
    if (!steps.has(this.#actor)) return undefined;
    // A thread that does not step in the part is at one place all through it.
    this.#store.load(part[0] as number, this.#vector);
    const mayStay = (thread: number): boolean =>
      program.threads[thread]?.fair === false && this.#vector[thread] === START;
    const starved = Array.from({ length: nrThreads }, (_, thread) => thread).filter(
      (thread) => able.has(thread) && !steps.has(thread) && !mayStay(thread),
    );
    if (starved.length > 0) return yield* this.#judgeWithout(part, starved);
    const state = Math.min(...part);
    const cycle = this.#cycle(state, inside);
    const name = program.threads[this.#actor]?.name ?? '';
    const own = cycle.filter(({ actor }) => actor === name).length;
    const message = `${name} goes round for ever: ${own} steps, after which it is where it was, and nothing that it reads has been changed by others`;
    return { message, state, cycle };
  }

  /** Looks at a part without the states in which a thread that is starved in it can step. */
  *#judgeWithout(
    part: readonly number[],
    starved: readonly number[],
  ): Generator<void, Livelock | Stop | undefined, Stop | undefined> {
    const rest = part.filter((state) => {
      const steps = this.#stepsOf(state);
      return starved.every((thread) => steps[thread] === CANNOT);
    });
    // States outside the part cannot be on a way round in it; those taken away are not to be walked through.
    const before = part.map((state) => this.#mark[state] as number);
    for (const state of part) this.#mark[state] = 2;
    for (const state of rest) {
      this.#mark[state] = 0;
      this.#met[state] = 0;
    }
    const found = yield* this.#findAmong(rest.length, (i) => rest[i] as number);
    part.forEach((state, i) => (this.#mark[state] = before[i] as number));
    return found;
  }

  /** A way through the part from a state back to it on which the actor steps: to its next step, and from there home. */
  #cycle(from: number, inside: ReadonlySet<number>): readonly ScheduleEntry[] {
    const there = this.#way(from, inside, (_, thread) => thread === this.#actor);
    const back = this.#way(there.end, inside, (to) => to === from);
    return [...there.steps, ...(there.end === from ? [] : back.steps)];
  }

  /** The shortest way from a state, at least one step, that ends with a step that is `last`. */
  #way(
    from: number,
    inside: ReadonlySet<number>,
    last: (to: number, thread: number) => boolean,
  ): { readonly end: number; readonly steps: readonly ScheduleEntry[] } {
    const came = new Map<number, readonly [from: number, thread: number]>();
    const queue = [from];
    for (const state of queue) {
      for (let thread = 0; thread < this.#model.nrThreads; thread++) {
        const to = this.#stepsOf(state)[thread] as number;
        if (!inside.has(to)) continue;
        if (last(to, thread)) {
          const steps = [this.#name(state, thread)];
          for (let at = state; at !== from;) {
            const [before, by] = came.get(at) as readonly [number, number];
            steps.unshift(this.#name(before, by));
            at = before;
          }
          return { end: to, steps };
        }
        if (came.has(to) || to === from) continue;
        came.set(to, [state, thread]);
        queue.push(to);
      }
    }
    return { end: from, steps: [] };
  }

  #name(state: number, thread: number): ScheduleEntry {
    this.#store.load(state, this.#vector);
    const { step } = this.#model.stepAt(thread, this.#vector[thread] as number) as PreparedStep<P>;
    return { actor: this.#model.program.threads[thread]?.name ?? '', step: stepName(step) };
  }
}

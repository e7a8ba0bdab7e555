/**
 * Looks for an actor that can go round for ever while nothing that it reads changes.
 *
 * For each actor that has a loop, take the graph of states without the steps of other threads that change a cell which the
 * actor reads in its loops. A strongly connected part of that graph in which the actor steps is a livelock if it is fair:
 * every thread steps in it, or is somewhere in it not able to. Then a schedule that goes round it for ever starves nobody
 * (weak fairness), the state that the actor retries on never changes, and the actor never comes to its end. A part that is
 * not fair has no fair part within it: what steps in the smaller one steps in the larger, and the larger has all states of
 * the smaller. Where another thread could make the change that the actor waits for, and can do so all the time, fairness
 * makes it do so, and the part is not fair.
 *
 * The steps are found anew from the kept states, so this needs no edges, and sees those that sleep sets left out.
 *
 * @see Robert Tarjan, "Depth-first search and linear graph algorithms", SIAM Journal on Computing 1 (2), 1972
 */
import { ENABLED, ENDED, JUDGED, LEAF_FLAGS } from './model.js';
import type { Model } from './model.js';
import type { PackedStore } from './packed-store.js';
import { stepName } from './step-table.js';
import type { PreparedStep } from './step-table.js';
import type { ScheduleEntry } from './types.js';

/** A livelock: a state in it, and the steps that lead from there back to it. */
export interface Livelock {
  readonly message: string;
  readonly state: number;
  readonly cycle: readonly ScheduleEntry[];
}

/** The first livelock of a program all of whose states are kept; undefined when it has none. */
export function findLivelock<P>(model: Model<P>, store: PackedStore): Livelock | undefined {
  for (let actor = 0; actor < model.nrThreads; actor++) {
    if (model.program.threads[actor]?.role === 'agent') continue;
    const reads = model.readsInLoops(actor);
    if (reads === undefined) continue;
    const found = new Rounds(model, store, actor, reads).find();
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Tarjan's algorithm on the states, without recursion. */
class Rounds<P> {
  readonly #model: Model<P>;
  readonly #store: PackedStore;
  readonly #actor: number;
  readonly #reads: ReadonlySet<number>;
  /** By state: when it was met, from 1; 0 when not. */
  readonly #met: Int32Array;
  readonly #low: Int32Array;
  /** By state: 1 while its part is not known. */
  readonly #open: Uint8Array;
  #vector: Int32Array;
  #after: Int32Array;

  constructor(model: Model<P>, store: PackedStore, actor: number, reads: ReadonlySet<number>) {
    this.#model = model;
    this.#store = store;
    this.#actor = actor;
    this.#reads = reads;
    this.#met = new Int32Array(store.size);
    this.#low = new Int32Array(store.size);
    this.#open = new Uint8Array(store.size);
    this.#vector = new Int32Array(model.nrSlots);
    this.#after = new Int32Array(model.nrSlots);
  }

  find(): Livelock | undefined {
    let clock = 0;
    const stack: number[] = [];
    /** States on the way, each with the thread whose step is looked at next. */
    const path: number[] = [];
    const threads: number[] = [];
    const enter = (state: number): void => {
      this.#met[state] = this.#low[state] = ++clock;
      this.#open[state] = 1;
      stack.push(state);
      path.push(state);
      threads.push(0);
    };
    for (let root = 0; root < this.#store.size; root++) {
      if (this.#met[root] !== 0) continue;
      enter(root);
      while (path.length > 0) {
        const state = path.at(-1) as number;
        const thread = threads[threads.length - 1] as number;
        threads[threads.length - 1] = thread + 1;
        if (thread < this.#model.nrThreads) {
          const to = this.#step(state, thread);
          if (to < 0) continue;
          if (this.#met[to] === 0) enter(to);
          else if (this.#open[to] === 1) this.#lower(state, this.#met[to] as number);
          continue;
        }
        path.pop();
        threads.pop();
        const above = path.at(-1);
        if (above !== undefined) this.#lower(above, this.#low[state] as number);
        if (this.#low[state] !== this.#met[state]) continue;
        const part = stack.splice(stack.lastIndexOf(state));
        for (const member of part) this.#open[member] = 0;
        const found = this.#judge(part);
        if (found !== undefined) return found;
      }
    }
    return undefined;
  }

  #lower(state: number, to: number): void {
    if (to < (this.#low[state] as number)) this.#low[state] = to;
  }

  /** The state after a thread's step; -1 when it cannot step, or its step is left out. */
  #step(state: number, thread: number): number {
    this.#store.load(state, this.#vector);
    return this.#stepFrom(thread);
  }

  #stepFrom(thread: number): number {
    const model = this.#model;
    const vector = this.#vector;
    const code = vector[thread] as number;
    if (code === ENDED) return -1;
    const leaf = model.leafFor(vector, thread);
    const flags = model.leaves.at(leaf + LEAF_FLAGS);
    if ((flags & ENABLED) === 0 || (flags & JUDGED) !== 0) return -1;
    const after = this.#after;
    after.set(vector);
    const writes = model.writesOf(leaf);
    for (let i = 0; i < writes.length; i += 2) {
      const [slot, value] = [writes[i] as number, writes[i + 1] as number];
      if (thread !== this.#actor && this.#reads.has(slot) && vector[slot] !== value) return -1;
      after[slot] = value;
    }
    after[thread] = model.codeAfter(thread, code, leaf);
    return this.#store.find(after);
  }

  /** Tests whether a strongly connected part is a livelock. */
  #judge(part: readonly number[]): Livelock | undefined {
    const inside = new Set(part);
    const { nrThreads, program } = this.#model;
    const steps = new Set<number>();
    const able = new Set(program.threads.keys());
    for (const state of part) {
      this.#store.load(state, this.#vector);
      for (let thread = 0; thread < nrThreads; thread++) {
        if (inside.has(this.#stepFrom(thread))) steps.add(thread);
        if (!this.#canStep(thread)) able.delete(thread);
      }
    }
    if (!steps.has(this.#actor)) return undefined;
    for (const thread of able) {
      if (!steps.has(thread) && program.threads[thread]?.fair !== false) return undefined;
    }
    const state = Math.min(...part);
    const cycle = this.#cycle(state, inside);
    const name = program.threads[this.#actor]?.name ?? '';
    const own = cycle.filter(({ actor }) => actor === name).length;
    const message = `${name} goes round for ever: ${own} steps, after which it is where it was, and nothing that it reads has been changed by others`;
    return { message, state, cycle };
  }

  #canStep(thread: number): boolean {
    if (this.#vector[thread] === ENDED) return false;
    const leaf = this.#model.leafFor(this.#vector, thread);
    return (this.#model.leaves.at(leaf + LEAF_FLAGS) & ENABLED) !== 0;
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
        const to = this.#step(state, thread);
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

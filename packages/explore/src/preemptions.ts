/**
 * Iterative context bounding: all that can be reached with 0 preemptions, then with 1, and so on.
 *
 * A preemption is a step of another thread than the one that stepped last while that one could have stepped. Follows
 * Madanlal Musuvathi and Shaz Qadeer, "Iterative context bounding for systematic testing of multithreaded programs",
 * PLDI 2007, and departs from it in this: visited pairs of a state and the thread that stepped last are
 * kept, so that each is expanded once, with the fewest preemptions that lead to it; every step is a scheduling point,
 * not only steps on synchronisation variables; and a schedule's first step is never a preemption.
 */
import { fallenAtEnd } from './deadlock.js';
import type { Waiting } from './deadlock.js';
import { Judge } from './judge.js';
import { mergedThreads } from './merge.js';
import { BARRED, ENABLED, ENDED, FALLS, JUDGED, LEAF_FLAGS, Model } from './model.js';
import type { Settings } from './options.js';
import type { PreemptionCounts } from './result.js';
import type { Search } from './search.js';
import { scheduleTo } from './schedule-to.js';
import { StateStore } from './state-store.js';
import type { Program, ScheduleEntry } from './types.js';

/** Sees what can be reached with at most `settings.preemptions`, within `maxStates`, `maxDepth` and `maxSteps`. */
export function preemptions<P>(program: Program<P>, settings: Settings): Search {
  return new Preemptions(program, settings).run();
}

/** How many states are expanded before the caller is asked whether to go on. */
const TELL_STATES = 0x400;

class Preemptions<P> {
  readonly #program: Program<P>;
  readonly #settings: Settings;
  readonly #judge: Judge;
  readonly #model: Model<P>;
  /** States, and before the codes of each the number of the thread that stepped last plus one. */
  readonly #store = new StateStore();
  #vector: Int32Array;
  readonly #last = new Int32Array(1);
  /** By state: the steps to it. */
  readonly #lengths: number[] = [0];
  /** Preemptions not made so far: a state and a thread, in turns. */
  #later: number[] = [];
  #transitions = 0;
  #terminalStates = 0;
  #stopped = false;

  constructor(program: Program<P>, settings: Settings) {
    this.#program = program;
    this.#settings = settings;
    this.#judge = new Judge(program, settings);
    const threads = settings.merge === 'bisimilar' ? mergedThreads(program) : undefined;
    const judges = (invariant: string): boolean => this.#judge.judges(invariant);
    this.#model = new Model(program, judges, { threads, maxDepth: settings.maxDepth });
    this.#vector = this.#model.firstState();
  }

  *run(): Search {
    const perPreemptions: PreemptionCounts[] = [];
    let seen = { states: 0, transitions: 0, terminalStates: 0 };
    let expanded = 0;
    if (this.#start()) this.#stopped = true;
    for (let spent = 0; ; spent++) {
      while (expanded < this.#store.size && !this.#stopped) {
        if (expanded % TELL_STATES === 0) {
          const { size: states } = this.#store;
          const counts = { states, expanded, transitions: this.#transitions };
          const stop = yield { ...counts, executions: 0, bytes: 0, preemptions: spent };
          if (stop !== undefined) {
            this.#judge.hit(stop.bound, stop.limit);
            this.#stopped = true;
            break;
          }
        }
        this.#expand(expanded++);
      }
      const now = {
        states: this.#store.size,
        transitions: this.#transitions,
        terminalStates: this.#terminalStates,
      };
      perPreemptions.push({
        preemptions: spent,
        states: now.states - seen.states,
        transitions: now.transitions - seen.transitions,
        terminalStates: now.terminalStates - seen.terminalStates,
      });
      seen = now;
      if (this.#judge.violated || this.#stopped || this.#later.length === 0) break;
      if (spent === this.#settings.preemptions) {
        this.#judge.hit('preemptions');
        break;
      }
      this.#preempt();
    }
    return this.#judge.result({ ...seen, executions: null, perPreemptions }, null);
  }

  /** Enters the first state; returns whether a judged invariant had fallen before any step. */
  #start(): boolean {
    this.#store.find(this.#last, 1, this.#vector);
    this.#store.insert(0, 0);
    this.#judge.look(
      (i) => this.#model.testIn(this.#vector, i),
      () => [],
    );
    return this.#judge.fall(this.#settings.fallen, 0, () => []);
  }

  /** Makes the preemptions that were put off. */
  #preempt(): void {
    const later = this.#later;
    this.#later = [];
    for (let i = 0; i < later.length && !this.#stopped; i += 2) {
      const state = later[i] as number;
      this.#load(state);
      this.#step(state, later[i + 1] as number);
    }
  }

  #load(state: number): void {
    const length = this.#store.load(state) - 1;
    if (this.#vector.length < this.#model.nrSlots) this.#vector = new Int32Array(2 * this.#model.nrSlots);
    const { vector } = this.#store;
    this.#last[0] = length >= 0 ? (vector[0] as number) : 0;
    for (let slot = 0; slot < this.#vector.length; slot++) {
      this.#vector[slot] = slot < length ? (vector[slot + 1] as number) : 0;
    }
  }

  #expand(state: number): void {
    this.#load(state);
    const enabled: number[] = [];
    for (let thread = 0; thread < this.#model.nrThreads; thread++) {
      if (this.#flags(thread) & ENABLED) enabled.push(thread);
    }
    if (enabled.length === 0) this.#end(state);
    const last = (this.#last[0] as number) - 1;
    for (const thread of enabled) {
      if (this.#stopped) return;
      if (thread !== last && enabled.includes(last)) this.#later.push(state, thread);
      else this.#step(state, thread);
    }
  }

  /** The flags of a thread's step in the state at hand, 0 when it has ended. */
  #flags(thread: number): number {
    if (this.#vector[thread] === ENDED) return 0;
    return this.#model.leaves.at(this.#model.leafFor(this.#vector, thread) + LEAF_FLAGS);
  }

  /** Takes a step from the state at hand and comes back to it. */
  #step(state: number, thread: number): void {
    const { maxSteps, maxStates, stopAtFirst } = this.#settings;
    const judge = this.#judge;
    const model = this.#model;
    const length = (this.#lengths[state] as number) + 1;
    const leaf = model.leafFor(this.#vector, thread);
    const flags = model.leaves.at(leaf + LEAF_FLAGS);
    if (length > maxSteps) return judge.hit('maxSteps');
    if ((flags & BARRED) !== 0) return judge.hit('maxDepth');
    this.#transitions++;
    const vector = new Int32Array(Math.max(this.#vector.length, model.nrSlots));
    vector.set(this.#vector);
    const code = vector[thread] as number;
    const writes = model.writesOf(leaf);
    for (let i = 0; i < writes.length; i += 2) vector[writes[i] as number] = writes[i + 1] as number;
    const schedule = (): readonly ScheduleEntry[] => this.#schedule(state, thread);
    if (judge.looking) judge.look((i) => model.testIn(vector, i), schedule);
    if ((flags & FALLS) !== 0) {
      // A later one with as many preemptions may be shorter, so each is told.
      if (judge.fall(model.fallenIn(this.#vector, thread), length, schedule)) {
        this.#stopped = stopAtFirst === true;
      }
    }
    if ((flags & JUDGED) !== 0) return;
    vector[thread] = model.codeAfter(thread, code, leaf);
    const before = this.#last[0] as number;
    this.#last[0] = thread + 1;
    if (this.#store.find(this.#last, 1, vector) < 0) {
      if (this.#store.size >= maxStates) judge.hit('maxStates');
      else this.#lengths[this.#store.insert(state, thread)] = length;
    }
    this.#last[0] = before;
  }

  /** Judges a state in which no step is enabled. */
  #end(state: number): void {
    this.#terminalStates++;
    const model = this.#model;
    const vector = this.#vector.slice();
    const waiting = model.threads.flatMap((_, thread): Waiting<P>[] => {
      const next = model.stepAt(thread, vector[thread] as number);
      return next === undefined ? [] : [{ thread, next }];
    });
    const stuck = waiting.some(({ thread }) => this.#program.threads[thread]?.role !== 'agent');
    if (!stuck) {
      const leaf = model.finishLeaf(vector);
      if (leaf < 0 || (model.leaves.at(leaf + LEAF_FLAGS) & FALLS) === 0) return;
    }
    const fallen = model.inWorld(vector, () => fallenAtEnd(this.#program, waiting));
    const length = this.#lengths[state] as number;
    const judged = this.#judge.fall(fallen, length, () => this.#schedule(state));
    this.#stopped = judged && this.#settings.stopAtFirst === true;
  }

  /** The schedule to a kept state, and then one more step of `thread` where it is given. */
  #schedule(state: number, thread?: number): readonly ScheduleEntry[] {
    return scheduleTo(this.#store, this.#model, state, thread);
  }
}

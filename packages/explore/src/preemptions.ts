/**
 * Iterative context bounding: all that can be reached with 0 preemptions, then with 1, and so on.
 *
 * A preemption is a step of another thread than the one that stepped last while that one could have stepped. Follows
 * Madanlal Musuvathi and Shaz Qadeer, "Iterative context bounding for systematic testing of multithreaded programs",
 * PLDI 2007, and departs from it in this: visited pairs of a state and the thread that stepped last are
 * kept, so that each is expanded once, with the fewest preemptions that lead to it; every step is a scheduling point,
 * not only steps on synchronisation variables; and a schedule's first step is never a preemption.
 */
import { DONE, ThreadAutomaton } from './automaton.js';
import { fallenAtEnd } from './deadlock.js';
import type { Waiting } from './deadlock.js';
import { Judge } from './judge.js';
import type { Settings } from './options.js';
import type { ExploreResult, PreemptionCounts } from './result.js';
import { scheduleTo } from './schedule-to.js';
import { StateStore } from './state-store.js';
import { StepTable } from './step-table.js';
import type { PreparedStep } from './step-table.js';
import type { Program, ScheduleEntry, World } from './types.js';

/** Sees what can be reached with at most `settings.preemptions`, within `maxStates`, `maxDepth` and `maxSteps`. */
export function preemptions<P>(program: Program<P>, settings: Settings): ExploreResult {
  return new Preemptions(program, settings).run();
}

class Preemptions<P> {
  readonly #program: Program<P>;
  readonly #world: World<P>;
  readonly #settings: Settings;
  readonly #judge: Judge;
  readonly #threads: readonly ThreadAutomaton<P>[];
  readonly #store = new StateStore();
  readonly #packed: number[] = [];
  /** The nodes of the state at hand, and then the number of the thread that stepped last plus one. */
  readonly #head: Int32Array;
  /** By state: the steps to it. */
  readonly #lengths: number[] = [0];
  /** Preemptions not made so far: a state and a thread, in turns. */
  #later: number[] = [];
  #transitions = 0;
  #terminalStates = 0;
  #stopped = false;

  constructor(program: Program<P>, settings: Settings) {
    this.#program = program;
    this.#world = program.world;
    this.#settings = settings;
    this.#judge = new Judge(program, settings);
    const table = new StepTable(program.world);
    this.#threads = program.threads.map((thread) => new ThreadAutomaton(thread, table));
    this.#head = new Int32Array(this.#threads.length + 1);
  }

  run(): ExploreResult {
    const perPreemptions: PreemptionCounts[] = [];
    let seen = { states: 0, transitions: 0, terminalStates: 0 };
    let expanded = 0;
    if (this.#start()) this.#stopped = true;
    for (let spent = 0; ; spent++) {
      while (expanded < this.#store.size && !this.#stopped) this.#expand(expanded++);
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
      if (this.#judge.violated || this.#later.length === 0) break;
      if (spent === this.#settings.preemptions) {
        this.#judge.hit('preemptions');
        break;
      }
      this.#preempt();
    }
    this.#load(0);
    return this.#judge.result({ ...seen, executions: null, perPreemptions }, null);
  }

  /** Enters the first state; returns whether a judged invariant had fallen before any step. */
  #start(): boolean {
    this.#threads.forEach((thread, i) => (this.#head[i] = thread.root));
    this.#world.pack(this.#packed);
    this.#store.find(this.#head, this.#head.length, this.#packed);
    this.#store.insert(0, 0);
    this.#judge.look(() => []);
    return this.#judge.fall(this.#world.takeFallen(), 0, () => []);
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
    const length = this.#store.load(state);
    for (let i = 0; i < this.#head.length; i++) this.#head[i] = this.#store.vector[i] as number;
    this.#world.unpack(this.#store.vector, this.#head.length, length);
  }

  #expand(state: number): void {
    this.#load(state);
    const enabled = this.#threads.flatMap((_, i) => {
      const next = this.#next(i);
      return next !== undefined && this.#world.enabled(i, next.prepared) ? [i] : [];
    });
    if (enabled.length === 0) this.#end(state);
    const last = (this.#head[this.#threads.length] as number) - 1;
    for (const thread of enabled) {
      if (this.#stopped) return;
      if (thread !== last && enabled.includes(last)) this.#later.push(state, thread);
      else this.#step(state, thread);
    }
  }

  /** Takes a step from the state at hand and comes back to it. */
  #step(state: number, actor: number): void {
    const { maxDepth, maxSteps, maxStates, stopAtFirst } = this.#settings;
    const world = this.#world;
    const judge = this.#judge;
    const thread = this.#threads[actor] as ThreadAutomaton<P>;
    const node = this.#head[actor] as number;
    const length = (this.#lengths[state] as number) + 1;
    if (length > maxSteps) return judge.hit('maxSteps');
    if (thread.depth(node) >= maxDepth) return judge.hit('maxDepth');
    const schedule = (): readonly ScheduleEntry[] => scheduleTo(this.#store, this.#threads, state, actor);
    const mark = world.mark();
    const result = world.execute(actor, (this.#next(actor) as PreparedStep<P>).prepared);
    const fallen = world.takeFallen();
    this.#transitions++;
    if (judge.looking) judge.look(schedule);
    if (fallen.length > 0 && judge.fall(fallen, length, schedule)) this.#stopped = stopAtFirst === true;
    else {
      const last = this.#threads.length;
      const before = this.#head[last] as number;
      this.#head[actor] = thread.next(node, result);
      this.#head[last] = actor + 1;
      this.#packed.length = 0;
      world.pack(this.#packed);
      if (this.#store.find(this.#head, this.#head.length, this.#packed) < 0) {
        if (this.#store.size >= maxStates) judge.hit('maxStates');
        else this.#lengths[this.#store.insert(state, actor)] = length;
      }
      this.#head[actor] = node;
      this.#head[last] = before;
    }
    world.rollback(mark);
  }

  /** Judges a state in which no step is enabled. */
  #end(state: number): void {
    this.#terminalStates++;
    const waiting: Waiting<P>[] = this.#threads.flatMap((_, thread) => {
      const next = this.#next(thread);
      return next === undefined ? [] : [{ thread, next }];
    });
    const fallen = fallenAtEnd(this.#program, waiting);
    const length = this.#lengths[state] as number;
    const judged = this.#judge.fall(fallen, length, () => scheduleTo(this.#store, this.#threads, state));
    this.#stopped = judged && this.#settings.stopAtFirst === true;
  }

  #next(thread: number): PreparedStep<P> | undefined {
    const node = this.#head[thread] as number;
    return node === DONE ? undefined : (this.#threads[thread] as ThreadAutomaton<P>).at(node);
  }
}

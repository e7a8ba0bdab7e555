/**
 * Every reachable state, breadth first.
 *
 * A state is one automaton node per thread and the packed world. States are expanded in the order in which they were
 * found and threads in the order of the program, so the result depends on nothing else, and the first schedule found to
 * a state is a shortest one. A step in which a judged invariant falls is counted, but the state after it is not
 * entered; the search goes on with the others, so that counts and `alsoFell` are those of the whole space.
 */
import { ThreadAutomaton, DONE } from './automaton.js';
import { Judge } from './judge.js';
import type { ExploreResult } from './result.js';
import { fallenAtEnd } from './deadlock.js';
import type { Waiting } from './deadlock.js';
import type { PreparedStep } from './step-table.js';
import { PathCounter } from './path-counter.js';
import type { Settings } from './options.js';
import { scheduleTo } from './schedule-to.js';
import { StateStore } from './state-store.js';
import { StepTable } from './step-table.js';
import type { Program, World } from './types.js';

/** How many states are expanded between two calls of `progress`. */
const PROGRESS_STATES = 0x4000;

/** Sees every reachable state of the program, within `maxStates`, `maxDepth` and `maxSteps`. */
export function exhaustive<P>(program: Program<P>, settings: Settings): ExploreResult {
  return new Exhaustive(program, settings).run();
}

class Exhaustive<P> {
  readonly #program: Program<P>;
  readonly #world: World<P>;
  readonly #settings: Settings;
  readonly #judge: Judge;
  readonly #threads: readonly ThreadAutomaton<P>[];
  readonly #store = new StateStore();
  readonly #paths = new PathCounter();
  readonly #packed: number[] = [];
  /** The nodes of the state being expanded; `#step` changes one and sets it back. */
  readonly #nodes: Int32Array;
  /** Steps from the first state to those being expanded. */
  #level = 0;
  /** The first state of the next level. */
  #levelEnd = 1;
  #transitions = 0;
  #terminalStates = 0;

  constructor(program: Program<P>, settings: Settings) {
    this.#program = program;
    this.#world = program.world;
    this.#settings = settings;
    this.#judge = new Judge(program, settings);
    const table = new StepTable(program.world);
    this.#threads = program.threads.map((thread) => new ThreadAutomaton(thread, table));
    this.#nodes = new Int32Array(this.#threads.length);
  }

  run(): ExploreResult {
    const { progress, stopAtFirst } = this.#settings;
    const store = this.#store;
    this.#threads.forEach((thread, i) => (this.#nodes[i] = thread.root));
    const cut = this.#start();
    for (let state = 0; state < store.size && !cut; state++) {
      if (state === this.#levelEnd) {
        if (stopAtFirst === true && this.#judge.violated) break;
        this.#level++;
        this.#levelEnd = store.size;
      }
      if (progress !== undefined && state % PROGRESS_STATES === 0) {
        progress({ states: store.size, expanded: state, transitions: this.#transitions });
      }
      this.#expand(state);
    }
    this.#unpack(0);
    const complete = !cut && !this.#judge.bounded && !(stopAtFirst === true && this.#judge.violated);
    return this.#judge.result(
      {
        states: store.size,
        transitions: this.#transitions,
        terminalStates: this.#terminalStates,
        executions: complete ? this.#paths.total(store.size) : null,
      },
      null,
    );
  }

  /** Enters the first state; returns whether a judged invariant had fallen before any step. */
  #start(): boolean {
    this.#packed.length = 0;
    this.#world.pack(this.#packed);
    this.#store.find(this.#nodes, this.#nodes.length, this.#packed);
    this.#store.insert(0, 0);
    this.#judge.look(() => []);
    const fallen = this.#world.takeFallen();
    return fallen.length > 0 && this.#judge.fall(fallen, 0, () => []);
  }

  #unpack(state: number): void {
    const length = this.#store.load(state);
    this.#world.unpack(this.#store.vector, this.#nodes.length, length);
  }

  #expand(state: number): void {
    const world = this.#world;
    const { maxDepth, maxSteps } = this.#settings;
    const nodes = this.#nodes;
    this.#unpack(state);
    for (let i = 0; i < nodes.length; i++) nodes[i] = this.#store.vector[i] as number;

    let terminal = true;
    for (let i = 0; i < nodes.length; i++) {
      const node = nodes[i] as number;
      if (node === DONE) continue;
      const thread = this.#threads[i] as ThreadAutomaton<P>;
      const next = thread.at(node) as PreparedStep<P>;
      if (!world.enabled(i, next.prepared)) continue;
      terminal = false;
      if (this.#level >= maxSteps) this.#judge.hit('maxSteps');
      else if (thread.depth(node) >= maxDepth) this.#judge.hit('maxDepth');
      else this.#step(state, i, node, next.prepared);
    }
    if (terminal) this.#end(state);
  }

  #step(state: number, actor: number, node: number, prepared: P): void {
    const world = this.#world;
    const judge = this.#judge;
    const mark = world.mark();
    const result = world.execute(actor, prepared);
    const fallen = world.takeFallen();
    this.#transitions++;
    if (judge.looking) judge.look(() => scheduleTo(this.#store, this.#threads, state, actor));
    const violates =
      fallen.length > 0 &&
      judge.fall(fallen, this.#level + 1, () => scheduleTo(this.#store, this.#threads, state, actor));
    if (violates) this.#paths.end(state);
    else {
      this.#nodes[actor] = (this.#threads[actor] as ThreadAutomaton<P>).next(node, result);
      this.#packed.length = 0;
      world.pack(this.#packed);
      this.#enter(state, actor);
      this.#nodes[actor] = node;
    }
    world.rollback(mark);
  }

  #enter(from: number, actor: number): void {
    const store = this.#store;
    let to = store.find(this.#nodes, this.#nodes.length, this.#packed);
    if (to < 0) {
      if (store.size >= this.#settings.maxStates) {
        this.#judge.hit('maxStates');
        return;
      }
      to = store.insert(from, actor);
    }
    this.#paths.edge(from, to);
  }

  /** Judges a state in which no step is enabled. */
  #end(state: number): void {
    this.#terminalStates++;
    this.#paths.end(state);
    const waiting: Waiting<P>[] = [];
    this.#nodes.forEach((node, thread) => {
      const next = this.#threads[thread]?.at(node);
      if (next !== undefined) waiting.push({ thread, next });
    });
    const fallen = fallenAtEnd(this.#program, waiting);
    if (fallen.length > 0)
      this.#judge.fall(fallen, this.#level, () => scheduleTo(this.#store, this.#threads, state));
  }
}

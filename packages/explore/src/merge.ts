/**
 * Threads with bisimilar nodes merged.
 *
 * A thread's state is the node that its history leads to, so two histories after which the thread does the same in all
 * that may come are two states, and the program has more states than a model in which a thread is a program counter. Here
 * the histories are all run first, with every value that any thread may ever store in a cell, found as a fixed point that
 * does not ask in which order things happen: what comes out covers every reachable history. Then nodes are told apart only
 * by the steps that follow (partition refinement, as for minimising automata), and each class is one node.
 *
 * It is worth while for small programs, and is given up for those whose histories are many; `forget` serves those.
 *
 * @see Robert Paige, Robert E. Tarjan, "Three partition refinement algorithms", SIAM Journal on Computing 16 (6), 1987;
 * here the plain form: refine all classes at once until none splits
 */
import { DONE, type ThreadAutomaton } from './automaton.js';
import type { Automaton } from './automaton.js';
import { assert, ExploreError } from './errors.js';
import { codeOfNode, ENABLED, LEAF_FLAGS, Model } from './model.js';
import type { PreparedStep } from './step-table.js';
import type { Program, StepResult, Thread } from './types.js';

/** Limits of what is run to merge nodes: nodes of all threads, leaves looked at, codes of one cell. */
const NODES_MAX = 4096;
const LEAVES_MAX = 1 << 16;
const CODES_MAX = 64;

/** The threads of a program with bisimilar nodes merged; `undefined` when their histories are too many to run. */
export function mergedThreads<P>(program: Program<P>): readonly Automaton<P>[] | undefined {
  const threads: ThreadAutomaton<P>[] = [];
  try {
    const model = new Model(program, () => false);
    for (const thread of model.threads) threads.push(thread as ThreadAutomaton<P>);
    if (!new Closure(model, threads).run()) return undefined;
    for (const thread of threads) thread.verify();
  } catch (error) {
    // A value that never comes there may mislead a thread; what is really wrong the search will meet.
    if (error instanceof ExploreError && error.code !== 'NONDETERMINISTIC') return undefined;
    throw error;
  }
  return threads.map((thread) => new MergedAutomaton(thread));
}

/** Runs every history that values from the present domains allow, until no cell gets a new value. */
class Closure<P> {
  readonly #model: Model<P>;
  readonly #threads: readonly ThreadAutomaton<P>[];
  /** By slot: the codes that it may have, the first one first. */
  readonly #domains: number[][] = [];
  #vector: Int32Array;
  #leaves = 0;
  #grown = true;

  constructor(model: Model<P>, threads: readonly ThreadAutomaton<P>[]) {
    this.#model = model;
    this.#threads = threads;
    this.#vector = model.firstState();
    this.#vector.forEach((code) => this.#domains.push([code]));
  }

  /** Returns whether it came to an end within the limits. */
  run(): boolean {
    while (this.#grown) {
      this.#grown = false;
      for (let thread = 0; thread < this.#threads.length; thread++) {
        const seen = new Set<number>([codeOfNode(DONE)]);
        const open = [codeOfNode(this.#threads[thread]?.root ?? DONE)];
        for (let code = open.pop(); code !== undefined; code = open.pop()) {
          if (seen.has(code)) continue;
          seen.add(code);
          if (!this.#follow(thread, code, open)) return false;
        }
      }
    }
    return true;
  }

  /** Goes through all leaves of the step at a code; the codes after it are added to `open`. */
  #follow(thread: number, code: number, open: number[]): boolean {
    const model = this.#model;
    this.#vector[thread] = code;
    /** The slots on the path to the leaf at hand, and the place in its domain of the code of each. */
    const path: [slot: number, at: number][] = [];
    do {
      const leaf = model.leafFor(this.#vector, thread);
      this.#widen();
      for (const slot of model.readsOf(leaf).slice(path.length)) path.push([slot, 0]);
      if ((model.leaves.at(leaf + LEAF_FLAGS) & ENABLED) !== 0) {
        const writes = [...model.writesOf(leaf)];
        for (let i = 0; i < writes.length; i += 2)
          this.#mayHave(writes[i] as number, writes[i + 1] as number);
        open.push(model.codeAfter(thread, code, leaf));
      }
      const nodes = this.#threads.reduce((sum, { size }) => sum + size, 0);
      if (++this.#leaves > LEAVES_MAX || nodes > NODES_MAX) return false;
      if (this.#domains.some(({ length }) => length > CODES_MAX)) return false;
    } while (this.#turn(path));
    this.#vector[thread] = codeOfNode(this.#threads[thread]?.root ?? DONE);
    return true;
  }

  /** Goes to the next combination of codes on the path; false when all have been. */
  #turn(path: [number, number][]): boolean {
    for (let last = path.at(-1); last !== undefined; last = path.at(-1)) {
      const domain = this.#domains[last[0]] as number[];
      last[1]++;
      if (last[1] < domain.length) {
        this.#vector[last[0]] = domain[last[1]] as number;
        return true;
      }
      this.#vector[last[0]] = domain[0] as number;
      path.pop();
    }
    return false;
  }

  #mayHave(slot: number, code: number): void {
    this.#widen();
    const domain = this.#domains[slot] as number[];
    if (domain.includes(code)) return;
    domain.push(code);
    this.#grown = true;
  }

  /** Makes places for slots that the model has come to know. */
  #widen(): void {
    const { nrSlots } = this.#model;
    if (nrSlots <= this.#vector.length && nrSlots <= this.#domains.length) return;
    const larger = new Int32Array(nrSlots);
    larger.set(this.#vector);
    this.#vector = larger;
    while (this.#domains.length < nrSlots) this.#domains.push([0]);
  }
}

/** A thread all of whose histories are known, one node for each class of bisimilar ones. */
class MergedAutomaton<P> implements Automaton<P> {
  readonly thread: Thread;
  readonly root: number;
  readonly #steps: (PreparedStep<P> | undefined)[] = [];
  readonly #depths: number[] = [];
  readonly #edges: Map<StepResult, number>[] = [];

  constructor(learned: ThreadAutomaton<P>) {
    this.thread = learned.thread;
    const classes = bisimilar(learned);
    for (let node = 0; node < learned.size; node++) {
      const merged = classes[node] as number;
      if (merged === this.#steps.length) {
        this.#steps.push(learned.at(node));
        this.#depths.push(learned.depth(node));
        this.#edges.push(new Map());
      }
      this.#depths[merged] = Math.min(this.#depths[merged] as number, learned.depth(node));
      for (const [result, child] of learned.edges(node)) {
        this.#edges[merged]?.set(result, classes[child] as number);
      }
    }
    this.root = classes[learned.root] as number;
  }

  get size(): number {
    return this.#steps.length;
  }

  at(node: number): PreparedStep<P> | undefined {
    return this.#steps[node];
  }

  depth(node: number): number {
    return this.#depths[node] as number;
  }

  /** Nothing is left to check: the histories were, before they were merged. */
  verify(): void {}

  next(node: number, result: StepResult): number {
    const child = this.#edges[node]?.get(result);
    assert(child !== undefined, `thread ${this.thread.name} was not run on a result that a step can return`);
    return child;
  }
}

/** By node: its class, numbered in the order of the nodes, so that `DONE` is 0. */
function bisimilar<P>(thread: ThreadAutomaton<P>): readonly number[] {
  const names = new Map<StepResult, number>();
  const nameOf = (result: StepResult): number => {
    const known = names.get(result) ?? names.size;
    names.set(result, known);
    return known;
  };
  const edges = Array.from({ length: thread.size }, (_, node) =>
    thread
      .edges(node)
      .map(([result, child]): [number, number] => [nameOf(result), child])
      .sort((a, b) => a[0] - b[0]),
  );
  let classes: number[] = [];
  let keys = Array.from({ length: thread.size }, (_, node) => String(thread.at(node)?.action ?? 'ended'));
  for (let before = -1; ;) {
    const numbers = new Map<string, number>();
    classes = keys.map((key) => {
      const number = numbers.get(key) ?? numbers.size;
      numbers.set(key, number);
      return number;
    });
    if (numbers.size === before) return classes;
    before = numbers.size;
    keys = edges.map((list, node) =>
      [classes[node], ...list.map(([result, child]) => `${result}:${classes[child]}`)].join(),
    );
  }
}

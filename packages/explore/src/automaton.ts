/**
 * Threads as integer automata, learned while they are explored.
 *
 * A generator cannot be copied, so a search that keeps generators would have to build them anew at each backtrack.
 * Instead a thread is run once per reachable history of results. What it did is kept as a tree: a node is the step that
 * the thread waits to take, an edge the result that the step returned. From then on the thread's state is the number of
 * its node, and taking a step costs one look-up.
 *
 * A step with `forget` ends what the thread remembers: all nodes after it that agree on the key and on the result are
 * one node, which makes the tree a graph and lets a loop be finite.
 *
 * Whether a thread does the same on the same results is checked whenever it is run again: for a second result of a step
 * that was already left by another, and once for each history that reaches the thread's end.
 */
import { ExploreError, threw } from './errors.js';
import { formatOperand, stepName } from './step-table.js';
import type { PreparedStep, StepTable } from './step-table.js';
import type { CellWatcher, Operand, Step, StepResult, Steps, Thread, World } from './types.js';

/** The node of a thread that has ended, in every automaton. */
export const DONE = 0;

/** Generators that wait at the newest nodes are kept, so that going on there runs nothing again. */
const LIVE_MAX = 4096;

/** What a search asks of a thread. */
export interface Automaton<P> {
  readonly thread: Thread;
  /** Where the thread starts. */
  readonly root: number;
  /** Nodes known so far, `DONE` included. */
  readonly size: number;
  /** The step that the thread waits to take; `undefined` at `DONE`. */
  at(node: number): PreparedStep<P> | undefined;
  /** Steps taken on the shortest history known that leads to the node. */
  depth(node: number): number;
  /** The node after the step of `node` returned `result`. */
  next(node: number, result: StepResult): number;
  /** Checks what is not checked while histories are learned. */
  verify(): void;
}

/** The part of one thread that was met so far. */
export class ThreadAutomaton<P> implements Automaton<P> {
  readonly thread: Thread;
  readonly root: number;
  readonly #table: StepTable<P>;
  /** By node: the step it waits to take; `undefined` at `DONE` only. */
  readonly #steps: (PreparedStep<P> | undefined)[] = [undefined];
  /** By node: how many steps the history has by which it was first reached. */
  readonly #depths: number[] = [0];
  /** By node: the node and the result by which it was first reached. */
  readonly #parents: number[] = [DONE];
  readonly #parentResults: StepResult[] = [undefined];
  /** By node: the edge learned first, which most nodes never need more than; -1 before it is known. */
  readonly #firstChild: number[] = [-1];
  readonly #firstResult: StepResult[] = [undefined];
  /** By node: the other edges. */
  readonly #children: (Map<StepResult, number> | undefined)[] = [undefined];
  /** By forget key and result: the node that such histories share. */
  readonly #forgotten = new Map<string, Map<StepResult, number>>();
  readonly #live = new Map<number, Steps<unknown>>();
  readonly #world: Pick<World<P>, 'watch'>;
  readonly #outside = new OutsideWatcher();

  constructor(thread: Thread, table: StepTable<P>, world: Pick<World<P>, 'watch'>) {
    this.thread = thread;
    this.#table = table;
    this.#world = world;
    const run = thread.start();
    const first = this.#advance(run, undefined, 0);
    this.root = first === undefined ? DONE : this.#addNode(first, DONE, undefined, run);
    if (thread.forget !== undefined) this.#forgotten.set(thread.forget, new Map([[undefined, this.root]]));
  }

  /** Nodes learned so far, `DONE` included. */
  get size(): number {
    return this.#steps.length;
  }

  at(node: number): PreparedStep<P> | undefined {
    return this.#steps[node];
  }

  /** Of the history by which the node was first reached. */
  depth(node: number): number {
    return this.#depths[node] as number;
  }

  /** Results that the step of a node has returned so far, each with the node after it. */
  edges(node: number): readonly (readonly [StepResult, number])[] {
    const first = this.#firstChild[node] as number;
    if (first < 0) return [];
    return [[this.#firstResult[node], first], ...(this.#children[node] ?? [])];
  }

  /** By node from 2 on, in the order in which they were learned: the node before, and the result that led on. */
  histories(): readonly (readonly [parent: number, result: StepResult])[] {
    return this.#parents.slice(2).map((parent, i) => [parent, this.#parentResults[i + 2]]);
  }

  /**
   * The node after the step of `node` returned `result`; runs the generator when that never happened before.
   *
   * @throws ExploreError `NONDETERMINISTIC`, `BAD_FORGET`, `BAD_STEP` or `THREAD_THREW`.
   */
  next(node: number, result: StepResult): number {
    const first = this.#firstChild[node] as number;
    if (first >= 0 && this.#firstResult[node] === result) return first;
    const known = this.#children[node]?.get(result);
    if (known !== undefined) return known;
    const child = this.#learn(node, result);
    if (first < 0) {
      this.#firstChild[node] = child;
      this.#firstResult[node] = result;
    } else {
      const others = this.#children[node];
      if (others === undefined) this.#children[node] = new Map([[result, child]]);
      else others.set(result, child);
    }
    return child;
  }

  /**
   * Runs again the histories after which the thread has taken no step, which nothing else has checked.
   *
   * @throws ExploreError `NONDETERMINISTIC`.
   */
  verify(): void {
    for (let node = 1; node < this.size; node++)
      if ((this.#firstChild[node] as number) < 0) this.#runTo(node);
  }

  #learn(node: number, result: StepResult): number {
    const run = this.#live.get(node) ?? this.#runTo(node);
    this.#live.delete(node);
    const depth = this.depth(node) + 1;
    const step = this.#advance(run, result, depth);
    if (step === undefined) {
      const again = this.#advance(this.#runTo(node), result, depth);
      if (again !== undefined) this.#differ(depth, 'had ended', again);
    }
    const key = this.#steps[node]?.step.forget;
    if (key === undefined) return step === undefined ? DONE : this.#addNode(step, node, result, run);

    let shared = this.#forgotten.get(key);
    if (shared === undefined) this.#forgotten.set(key, (shared = new Map()));
    const known = shared.get(result);
    if (known === undefined) {
      const child = step === undefined ? DONE : this.#addNode(step, node, result, run);
      shared.set(result, child);
      return child;
    }
    if (this.#steps[known] !== step) this.#badForget(key, result, this.#steps[known], step);
    return known;
  }

  #addNode(step: PreparedStep<P>, parent: number, result: StepResult, run: Steps<unknown>): number {
    const node = this.#steps.length;
    this.#steps.push(step);
    this.#depths.push(parent === DONE ? 0 : this.depth(parent) + 1);
    this.#parents.push(parent);
    this.#parentResults.push(result);
    this.#firstChild.push(-1);
    this.#firstResult.push(undefined);
    this.#children.push(undefined);
    this.#live.set(node, run);
    if (this.#live.size > LIVE_MAX) {
      for (const oldest of this.#live.keys()) {
        this.#live.delete(oldest);
        break;
      }
    }
    return node;
  }

  /** Runs the generator from its start to where it waits at `node`, and checks that it takes the same way. */
  #runTo(node: number): Steps<unknown> {
    const path: number[] = [];
    for (let at = node; at !== DONE; at = this.#parents[at] as number) path.push(at);
    const run = this.thread.start();
    let depth = 0;
    while (path.length > 0) {
      const expected = path.pop() as number;
      const step = this.#advance(run, this.#parentResults[expected], depth);
      if (step !== this.#steps[expected]) this.#differ(depth, this.#steps[expected], step);
      depth++;
    }
    return run;
  }

  #advance(run: Steps<unknown>, result: StepResult, depth: number): PreparedStep<P> | undefined {
    let next: IteratorResult<Step, unknown>;
    this.#world.watch(this.#outside);
    try {
      next = run.next(result);
    } catch (cause) {
      throw threw(this.thread.name, depth, cause);
    } finally {
      this.#world.watch(null);
    }
    if (this.#outside.touched !== '') this.#touchesWorld(depth);
    if (next.done === true) return undefined;
    return this.#table.intern(next.value, this.thread.name);
  }

  #differ(
    depth: number,
    before: PreparedStep<P> | 'had ended' | undefined,
    now: PreparedStep<P> | undefined,
  ): never {
    const { name } = this.thread;
    const was = before === 'had ended' ? 'it had ended' : `it took ${quote(before)}`;
    throw new ExploreError(
      'NONDETERMINISTIC',
      `thread ${name} takes ${quote(now)} after ${depth} steps where ${was} on the same results; keep what it depends on in the world`,
      { thread: name, depth, step: now === undefined ? null : stepName(now.step) },
    );
  }

  #touchesWorld(depth: number): never {
    const { name } = this.thread;
    throw new ExploreError(
      'NONDETERMINISTIC',
      `thread ${name} ${this.#outside.touched} of the world after ${depth} steps, between two steps; make that a step`,
      { thread: name, depth },
    );
  }

  #badForget(
    key: string,
    result: Operand,
    before: PreparedStep<P> | undefined,
    now: PreparedStep<P> | undefined,
  ): never {
    const { name } = this.thread;
    throw new ExploreError(
      'BAD_FORGET',
      `thread ${name} forgets alike under ${JSON.stringify(key)} with result ${formatOperand(result)}, but goes on with ${quote(before)} or with ${quote(now)}; give the two histories different keys`,
      { thread: name, key },
    );
  }
}

/** Notes the first touch of the world by a thread that is not taking a step. */
class OutsideWatcher implements CellWatcher {
  touched = '';
  reads(cell: number): void {
    if (this.touched === '') this.touched = `reads cell ${cell}`;
  }
  writes(cell: number): void {
    if (!this.touched.startsWith('changes')) this.touched = `changes cell ${cell}`;
  }
}

function quote(step: PreparedStep<unknown> | undefined): string {
  return step === undefined ? 'no step' : `"${stepName(step.step)}"`;
}

/**
 * A program as tables of integers, learned while it is explored.
 *
 * A state is a vector of codes, one a slot: first the threads (the node that each stands at), then the world's cells. What
 * a step does is a function of the cells that it reads, so it is learned as a decision tree: an inner node names a slot, an
 * edge is the code found there, a leaf says whether the step can be taken, which slots it sets to which codes, and which
 * result it gives the thread. The real world is asked once per leaf; from then on a step is a few look-ups. The same
 * holds for the tests of `sometimes` and for what the world's `finish` finds.
 *
 * A leaf is learned by taking the step twice; what differs between the two depends on something that no cell holds.
 */
import { DONE, ThreadAutomaton } from './automaton.js';
import type { Automaton } from './automaton.js';
import { ExploreError } from './errors.js';
import { IntBuffer, ownMemory } from './int-buffer.js';
import type { Allocate } from './int-buffer.js';
import { formatOperand, stepName, StepTable } from './step-table.js';
import type { PreparedStep } from './step-table.js';
import type { CellWatcher, Fallen, Program, StepResult, World } from './types.js';

/** Bits of a leaf's `LEAF_FLAGS`. */
export const ENABLED = 1;
export const FALLS = 2;
export const JUDGED = 4;
/** Set when the fall of the leaf has been told to the judge: the first time is the earliest. */
export const TOLD = 8;
/** The step waits for something in some states: its `enabled` reads a cell. */
export const MAY_WAIT = 16;
/** Stands for a step that the thread may not take any more: it has taken as many as it may. */
export const BARRED = 32;

/** Places in a leaf: flags; the number of the result; which of 64 groups of cells it reads and writes; how many cells. */
export const LEAF_FLAGS = 0;
export const LEAF_RESULT = 1;
export const LEAF_READS = 2;
export const LEAF_WRITES = 4;
export const LEAF_NR_WRITES = 6;
export const LEAF_NR_READS = 7;
/** How many of the reads, the first, decide whether the step can be taken. */
export const LEAF_NR_WAITS = 8;
/** Then the writes, a slot and a code each, and the slots that are read. */
export const LEAF_LISTS = 9;

/** Code of a thread that has ended; a thread at its start has code 0 where it has a step at all. */
export const ENDED: number = DONE ^ 1;

/** The codes of nodes: those of the first two are swapped, so that the start is 0 as every cell's first value is. */
export const codeOfNode = (node: number): number => node ^ 1;

/** What is known of one kind of step of one thread. */
interface Action<P> {
  readonly thread: number;
  readonly prepared: P;
  readonly name: string;
  /** Place in `tree` of the pointer to its decision tree. */
  readonly root: number;
  readonly results: StepResult[];
}

/** How a model is made. */
export interface ModelOptions<P> {
  readonly allocate?: Allocate;
  /** The threads, where they are known already, as by `mergedThreads`. */
  readonly threads?: readonly Automaton<P>[] | undefined;
  /** Steps that one thread may take. */
  readonly maxDepth?: number;
}

/** The program's tables, and what extends them. */
export class Model<P> {
  readonly program: Program<P>;
  readonly threads: readonly Automaton<P>[];
  readonly nrThreads: number;
  /**
   * Decision trees. A pointer is 0 where nothing is known, positive to an inner node (slot, number of children, children),
   * and `~leaf` to a leaf.
   */
  readonly tree: IntBuffer;
  readonly leaves: IntBuffer;
  /** By thread, two places a code: where the pointer to the step's tree stands in `tree`, and the block in `kids`. */
  readonly nodes: readonly IntBuffer[];
  /** Blocks of what comes after a step by its result: how many results have a place, and codes plus one, 0 unknown. */
  readonly kids: IntBuffer;
  /** By slot: the largest code met. */
  readonly maxCodes: number[] = [];
  /** Counts what was learned: leaves, nodes and codes. Tables may have moved when it has changed. */
  version = 0;

  readonly #world: World<P>;
  /** The world's state when the model was made, as it packs it. */
  readonly #first: number[] = [];
  readonly #recorder = new Recorder();
  readonly #judges: (invariant: string) => boolean;
  /** By thread: actions by their numbers in the step table. */
  readonly #actions: Map<number, Action<P>>[];
  readonly #testRoots: number[];
  readonly #finishRoot: number;
  readonly #maxDepth: number;
  readonly #barredRoot: number;
  /** Leaves by place, and by slot the group that it is in, -1 while no step writes it. */
  readonly #leafPlaces: number[] = [];
  readonly #groups: number[] = [];
  #nrGroups = 0;

  constructor(program: Program<P>, judges: (invariant: string) => boolean, options: ModelOptions<P> = {}) {
    const { allocate = ownMemory, threads, maxDepth = Infinity } = options;
    this.#maxDepth = maxDepth;
    this.program = program;
    this.#world = program.world;
    this.#world.pack(this.#first);
    this.#judges = judges;
    this.nrThreads = program.threads.length;
    const table = new StepTable(program.world);
    this.tree = new IntBuffer(allocate, 1024);
    this.leaves = new IntBuffer(allocate, 1024);
    this.kids = new IntBuffer(allocate, 1024);
    this.tree.push(0);
    this.kids.push(0);
    this.#finishRoot = this.tree.push(0);
    this.#barredRoot = this.tree.push(~this.#addLeaf(ENABLED | BARRED, 0, [], []));
    this.#testRoots = (program.sometimes ?? []).map(() => this.tree.push(0));
    this.#actions = program.threads.map(() => new Map<number, Action<P>>());
    this.nodes = program.threads.map(() => new IntBuffer(allocate));
    this.threads =
      threads ?? program.threads.map((thread) => new ThreadAutomaton(thread, table, this.#world));
    this.threads.forEach(({ size }, thread) => {
      this.maxCodes.push(0);
      for (let node = 0; node < size; node++) this.#enterNode(thread, node);
    });
  }

  /** Slots so far: threads and cells that some step has touched. */
  get nrSlots(): number {
    return this.maxCodes.length;
  }

  /** The state in which the world was when the model was made, with every thread at its start. */
  firstState(): Int32Array {
    const packed = this.#first;
    const vector = new Int32Array(this.nrThreads + packed.length);
    this.threads.forEach(({ root }, thread) => (vector[thread] = codeOfNode(root)));
    packed.forEach((code, cell) => {
      vector[this.nrThreads + cell] = checkedCode(code);
      this.touch(this.nrThreads + cell, code);
    });
    this.threads.forEach(({ root }, thread) => this.touch(thread, codeOfNode(root)));
    return vector;
  }

  /** Learns the nodes of a thread by its histories, in the order in which they were learned once. */
  learnHistories(
    thread: number,
    histories: readonly (readonly [parent: number, result: StepResult])[],
  ): void {
    const automaton = this.threads[thread] as Automaton<P>;
    for (const [parent, result] of histories) this.#enterNode(thread, automaton.next(parent, result));
  }

  /** The step that a thread waits to take; `undefined` when it has ended. */
  stepAt(thread: number, code: number): PreparedStep<P> | undefined {
    return (this.threads[thread] as Automaton<P>).at(codeOfNode(code));
  }

  /** The leaf of a thread's next step in a state; the thread must not have ended. */
  leafFor(vector: Int32Array, thread: number): number {
    const code = vector[thread] as number;
    const root = (this.nodes[thread] as IntBuffer).at(2 * code);
    const known = this.#find(root, vector);
    return known < 0 ? ~known : this.#learnLeaf(this.#actionAt(thread, code), vector);
  }

  /** The code that a thread has after its step gave the result of a leaf that is enabled. */
  codeAfter(thread: number, code: number, leaf: number): number {
    const block = (this.nodes[thread] as IntBuffer).at(2 * code + 1);
    const result = this.leaves.at(leaf + LEAF_RESULT);
    const known = result < this.kids.at(block) ? this.kids.at(block + 1 + result) : 0;
    return known > 0 ? known - 1 : this.#learnNode(thread, code, result);
  }

  /** Whether the i-th of the program's `sometimes` is true in a state. */
  testIn(vector: Int32Array, i: number): boolean {
    const root = this.#testRoots[i] as number;
    const known = this.#find(root, vector);
    if (known < 0) return ~known === 1;
    const { name, test } = this.program.sometimes?.[i] ?? { name: '', test: () => false };
    const answer = this.#record(vector, test);
    const again = this.#record(vector, test);
    if (again !== answer || this.#recorder.wrote) {
      throw nondeterministic(`the test "${name}" gives ${answer} and then ${again}, or changes the world`);
    }
    this.#insert(root, vector, answer ? 1 : 0, `the test "${name}"`);
    return answer;
  }

  /** Places in `tree` of the pointers to the trees of the tests. */
  get testRoots(): readonly number[] {
    return this.#testRoots;
  }

  /** The leaf of `finish` in a state in which every actor has ended; -1 in a world without `finish`. */
  finishLeaf(vector: Int32Array): number {
    const { finish } = this.#world;
    if (finish === undefined) return -1;
    const known = this.#find(this.#finishRoot, vector);
    if (known < 0) return ~known;
    const fallen = this.#record(vector, () => this.#finish());
    const flags = ENABLED | this.#fallFlags(fallen);
    return this.#insert(this.#finishRoot, vector, this.#addLeaf(flags, 0, [], []), 'finish');
  }

  /** Asks the real world what falls when a thread takes its step in a state. */
  fallenIn(vector: Int32Array, thread: number): readonly Fallen[] {
    const { prepared } = this.#actionAt(thread, vector[thread] as number);
    return this.inWorld(vector, () => {
      this.#world.execute(thread, prepared);
      return this.#world.takeFallen();
    });
  }

  /** Asks the real world what falls in a state in which every actor has ended. */
  fallenAtEnd(vector: Int32Array): readonly Fallen[] {
    return this.inWorld(vector, () => this.#finish());
  }

  /** Runs `ask` with the world in a state, and takes the world back to where it was when the model was made. */
  inWorld<T>(vector: Int32Array, ask: () => T): T {
    const world = this.#world;
    world.unpack(vector, this.nrThreads, this.nrSlots);
    const mark = world.mark();
    try {
      return ask();
    } finally {
      world.rollback(mark);
      world.unpack(this.#first, 0, this.#first.length);
    }
  }

  /**
   * Where a thread can step infinitely often, and the slots that it reads there; undefined when it has no loop. Goes by what
   * was learned.
   */
  loopsOf(
    thread: number,
  ): { readonly codes: ReadonlySet<number>; readonly reads: ReadonlySet<number> } | undefined {
    const nodes = this.nodes[thread] as IntBuffer;
    const nrCodes = nodes.length >>> 1;
    const after = Array.from({ length: nrCodes }, (_, code) => this.#codesAfter(thread, code));
    // What is left when codes without a way in, and codes without a way on, are taken away again and again.
    const left = new Set(Array.from({ length: nrCodes }, (_, code) => code));
    for (let before = -1; before !== left.size;) {
      before = left.size;
      const reached = new Set([...left].flatMap((code) => after[code] ?? []));
      for (const code of left) {
        if (!reached.has(code) || !(after[code] ?? []).some((next) => left.has(next))) left.delete(code);
      }
    }
    if (left.size === 0) return undefined;
    const reads = new Set<number>();
    for (const code of left) this.#readsOfTree(this.tree.at(nodes.at(2 * code)), reads);
    return { codes: left, reads };
  }

  #codesAfter(thread: number, code: number): number[] {
    const block = (this.nodes[thread] as IntBuffer).at(2 * code + 1);
    const known: number[] = [];
    for (let i = 0; i < this.kids.at(block); i++) {
      const next = this.kids.at(block + 1 + i);
      if (next > 0) known.push(next - 1);
    }
    return known;
  }

  #readsOfTree(pointer: number, reads: Set<number>): void {
    if (pointer < 0) for (const slot of this.readsOf(~pointer)) reads.add(slot);
    for (let i = 0; pointer > 0 && i < this.tree.at(pointer + 1); i++) {
      this.#readsOfTree(this.tree.at(pointer + 2 + i), reads);
    }
  }

  /** Slots that a leaf reads. */
  readsOf(leaf: number): Int32Array {
    const from = leaf + LEAF_LISTS + 2 * this.leaves.at(leaf + LEAF_NR_WRITES);
    return this.leaves.array.subarray(from, from + this.leaves.at(leaf + LEAF_NR_READS));
  }

  /** A leaf's writes: a slot and a code, in turns. */
  writesOf(leaf: number): Int32Array {
    const from = leaf + LEAF_LISTS;
    return this.leaves.array.subarray(from, from + 2 * this.leaves.at(leaf + LEAF_NR_WRITES));
  }

  /** Follows a tree: `~leaf` where it ends in one, else 0. */
  #find(root: number, vector: Int32Array): number {
    const tree = this.tree.array;
    let at = tree[root] as number;
    while (at > 0) {
      // A slot that is new to the model is beyond the vector: it has its first value.
      const code = (vector[tree[at] as number] as number) | 0;
      at = code < (tree[at + 1] as number) ? (tree[at + 2 + code] as number) : 0;
    }
    return at;
  }

  #actionAt(thread: number, code: number): Action<P> {
    const step = this.stepAt(thread, code) as PreparedStep<P>;
    return this.#actions[thread]?.get(step.action) as Action<P>;
  }

  #learnLeaf(action: Action<P>, vector: Int32Array): number {
    const { thread, prepared, name, root } = action;
    const world = this.#world;
    let nrWaits = 0;
    const take = (): Taken => {
      let result: StepResult;
      let fallen: readonly Fallen[] = [];
      const enabled = world.enabled(thread, prepared);
      nrWaits = this.#recorder.nrReads;
      if (enabled) {
        result = world.execute(thread, prepared);
        fallen = world.takeFallen();
      }
      return { enabled, result, fallen, text: `${enabled} ${typeof result} ${formatOperand(result)}` };
    };
    const first = this.#record(vector, take);
    const { writes, reads } = this.#recorder.taken();
    const second = this.#record(vector, take);
    const again = this.#recorder.taken();
    if (first.text !== second.text || again.text !== Recorder.textOf(reads, writes)) {
      throw nondeterministic(
        `step "${name}" of thread ${this.program.threads[thread]?.name} does two things in one state (result ${first.text.split(' ').at(-1)}, then ${second.text.split(' ').at(-1)}); keep what it depends on in the world`,
        { step: name, thread: this.program.threads[thread]?.name },
      );
    }
    let result = 0;
    if (first.enabled) {
      result = action.results.findIndex((known) => Object.is(known, first.result));
      if (result < 0) result = action.results.push(first.result) - 1;
    }
    const flags =
      (first.enabled ? ENABLED : 0) | (nrWaits > 0 ? MAY_WAIT : 0) | this.#fallFlags(first.fallen);
    const shift = this.nrThreads;
    const slots = writes.map(([cell, code]): [number, number] => [cell + shift, checkedCode(code)]);
    for (const [slot, code] of slots) this.touch(slot, code);
    const readSlots = reads.map(([cell]) => cell + shift);
    const leaf = this.#addLeaf(flags, result, slots, readSlots);
    this.leaves.array[leaf + LEAF_NR_WAITS] = nrWaits;
    return this.#insert(root, vector, leaf, `step "${name}"`, reads);
  }

  /** Runs `act` in a state of the world with the recorder on. */
  #record<T>(vector: Int32Array, act: () => T): T {
    const world = this.#world;
    this.#recorder.clear();
    return this.inWorld(vector, () => {
      // An exception may have left what fell before it.
      world.takeFallen();
      world.watch(this.#recorder);
      try {
        return act();
      } finally {
        world.watch(null);
      }
    });
  }

  #finish(): readonly Fallen[] {
    this.#world.finish?.();
    return this.#world.takeFallen();
  }

  #fallFlags(fallen: readonly Fallen[]): number {
    if (fallen.length === 0) return 0;
    return FALLS | (fallen.some(({ invariant }) => this.#judges(invariant)) ? JUDGED : 0);
  }

  /** Hangs a leaf into a tree along the reads just recorded; returns it. */
  #insert(
    root: number,
    vector: Int32Array,
    leaf: number,
    what: string,
    reads: readonly (readonly [number, number])[] = this.#recorder.taken().reads,
  ): number {
    this.version++;
    let pointer = root;
    for (const [cell, code] of reads) {
      const slot = cell + this.nrThreads;
      this.touch(slot, code);
      if ((vector[slot] ?? 0) !== code) {
        throw nondeterministic(`${what} reads cell ${cell} as ${code}, but the state has ${vector[slot]}`);
      }
      let at = this.tree.at(pointer);
      if (at < 0 || (at > 0 && this.tree.at(at) !== slot)) {
        throw nondeterministic(`${what} reads other cells after the same values`);
      }
      if (at === 0 || this.tree.at(at + 1) <= code) {
        const before = at === 0 ? 0 : this.tree.at(at + 1);
        const children = Math.max(2, before, 1 << (32 - Math.clz32(code)));
        const moved = this.tree.reserve(2 + children);
        this.tree.array[moved] = slot;
        this.tree.array[moved + 1] = children;
        for (let i = 0; i < before; i++) this.tree.array[moved + 2 + i] = this.tree.at(at + 2 + i);
        this.tree.array[pointer] = moved;
        at = moved;
      }
      pointer = at + 2 + code;
    }
    if (this.tree.at(pointer) !== 0)
      throw nondeterministic(`${what} reads other cells after the same values`);
    this.tree.array[pointer] = ~leaf;
    return leaf;
  }

  #addLeaf(
    flags: number,
    result: number,
    writes: readonly (readonly [number, number])[],
    reads: readonly number[],
  ): number {
    for (const [slot] of writes) this.#group(slot);
    const leaf = this.leaves.reserve(LEAF_LISTS + 2 * writes.length + reads.length);
    const { array } = this.leaves;
    array[leaf + LEAF_FLAGS] = flags;
    array[leaf + LEAF_RESULT] = result;
    array[leaf + LEAF_NR_WRITES] = writes.length;
    array[leaf + LEAF_NR_READS] = reads.length;
    let at = leaf + LEAF_LISTS;
    for (const [slot, code] of writes) {
      array[at++] = slot;
      array[at++] = code;
      this.#mark(leaf + LEAF_WRITES, slot);
    }
    for (const slot of reads) {
      array[at++] = slot;
      this.#mark(leaf + LEAF_READS, slot);
    }
    this.#leafPlaces.push(leaf);
    return leaf;
  }

  /** Gives a slot that is written a group of its own; from the 65th on slots share one. */
  #group(slot: number): void {
    if ((this.#groups[slot] ?? -1) >= 0) return;
    while (this.#groups.length <= slot) this.#groups.push(-1);
    this.#groups[slot] = this.#nrGroups++ & 63;
    for (const leaf of this.#leafPlaces) {
      if (this.readsOf(leaf).includes(slot)) this.#mark(leaf + LEAF_READS, slot);
    }
  }

  #mark(place: number, slot: number): void {
    const group = this.#groups[slot] ?? -1;
    if (group < 0) return;
    const at = place + (group >>> 5);
    this.leaves.array[at] = this.leaves.at(at) | (1 << (group & 31));
  }

  #learnNode(thread: number, code: number, result: number): number {
    this.version++;
    const action = this.#actionAt(thread, code);
    const automaton = this.threads[thread] as Automaton<P>;
    const node = automaton.next(codeOfNode(code), action.results[result]);
    if (node !== DONE) this.#enterNode(thread, node);
    const nodes = this.nodes[thread] as IntBuffer;
    let block = nodes.at(2 * code + 1);
    const size = this.kids.at(block);
    if (result >= size) {
      const larger = Math.max(2, 1 << (32 - Math.clz32(result)));
      const moved = this.kids.reserve(1 + larger);
      this.kids.array[moved] = larger;
      for (let i = 0; i < size; i++) this.kids.array[moved + 1 + i] = this.kids.at(block + 1 + i);
      nodes.array[2 * code + 1] = block = moved;
    }
    const after = codeOfNode(node);
    this.kids.array[block + 1 + result] = after + 1;
    this.touch(thread, after);
    return after;
  }

  /** Makes places for a node's step. */
  #enterNode(thread: number, node: number): void {
    const code = codeOfNode(node);
    const nodes = this.nodes[thread] as IntBuffer;
    if (nodes.length < 2 * code + 2) nodes.reserve(2 * code + 2 - nodes.length);
    const step = (this.threads[thread] as Automaton<P>).at(node);
    if (step === undefined) return;
    const actions = this.#actions[thread] as Map<number, Action<P>>;
    let action = actions.get(step.action);
    if (action === undefined) {
      const { prepared } = step;
      action = { thread, prepared, name: stepName(step.step), root: this.tree.push(0), results: [] };
      actions.set(step.action, action);
    }
    const deep = (this.threads[thread] as Automaton<P>).depth(node) >= this.#maxDepth;
    nodes.array[2 * code] = deep ? this.#barredRoot : action.root;
  }

  /** Takes note that a slot may have a code. */
  touch(slot: number, code: number): void {
    while (this.maxCodes.length <= slot) this.maxCodes.push(0);
    if (code > (this.maxCodes[slot] as number)) this.maxCodes[slot] = code;
  }
}

/** What a step did, with a text by which two runs of it are compared. */
interface Taken {
  readonly enabled: boolean;
  readonly result: StepResult;
  readonly fallen: readonly Fallen[];
  readonly text: string;
}

/** Notes what a step reads before it writes it, in order, and what it leaves in the cells that it writes. */
class Recorder implements CellWatcher {
  readonly #reads: [cell: number, code: number][] = [];
  readonly #writes = new Map<number, number>();
  readonly #seen = new Set<number>();

  static textOf(
    reads: readonly (readonly [number, number])[],
    writes: readonly (readonly [number, number])[],
  ): string {
    return `${reads.join(' ')}|${writes.join(' ')}`;
  }

  get nrReads(): number {
    return this.#reads.length;
  }

  get wrote(): boolean {
    return this.#writes.size > 0;
  }

  clear(): void {
    this.#reads.length = 0;
    this.#writes.clear();
    this.#seen.clear();
  }

  reads(cell: number, code: number): void {
    if (this.#seen.has(cell)) return;
    this.#seen.add(cell);
    this.#reads.push([cell, code]);
  }

  writes(cell: number, code: number): void {
    this.#seen.add(cell);
    this.#writes.set(cell, code);
  }

  taken(): {
    readonly reads: readonly (readonly [number, number])[];
    readonly writes: readonly (readonly [number, number])[];
    readonly text: string;
  } {
    const reads = [...this.#reads];
    const writes = [...this.#writes];
    return { reads, writes, text: Recorder.textOf(reads, writes) };
  }
}

function checkedCode(code: number): number {
  if (Number.isInteger(code) && code >= 0 && code <= 0x7fff_ffff) return code;
  throw new ExploreError('BAD_STATE', `the world packed ${code}; it must pack integers in [0, 2^31)`);
}

function nondeterministic(message: string, data: Readonly<Record<string, unknown>> = {}): ExploreError {
  return new ExploreError('NONDETERMINISTIC', message, data);
}

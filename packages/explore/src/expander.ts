/**
 * Expands states one after the other: what the kernel finds is entered here, and what it does not know is learned.
 *
 * New states wait in a small batch, so that the places where they may be found in the index are all fetched before the
 * first is looked at: memory is slow to answer, but answers many at a time.
 */
import type { Expanded } from './crew.js';
import { makeKernel } from './kernel.js';
import type { KernelScratch, KernelTables } from './kernel.js';
import { mix } from './packed-store.js';
import type { PackedStore } from './packed-store.js';
import type { Model } from './model.js';
import { BARRED, ENABLED, ENDED, JUDGED, LEAF_FLAGS, TOLD } from './model.js';

/** What the search is told while states are expanded. */
export interface ExpanderEvents {
  /** An invariant falls in the step of a thread from a state, for the first time by this leaf. */
  falls(state: number, thread: number): void;
  /** No step can be taken in a state, which is `vector`, to be read only. */
  terminal(state: number, vector: Int32Array): void;
  /** A thread may not take the step that it could take: it has taken as many as it may. */
  barred(): void;
  /** There is no room for one more state. */
  full(): void;
  /** A state was entered; called while `looking` only, and may learn tests. */
  entered(state: number): void;
  /** A step leads from a state to a state; called while `counting` only. */
  edge(from: number, to: number): void;
  /** A schedule ends with a step from a state; called while `counting` only. */
  end(from: number): void;
}

/** A state that was expanded alone: also how many steps were taken, and whether none can be. */
export interface ExpandedAlone extends Expanded {
  readonly steps: number;
  readonly terminal: boolean;
}

/** Candidates in a batch. */
const BATCH = 256;
const kernel = makeKernel();
const { CHUNK_BITS, EXTRA, SLEEPERS_MAX } = kernel.constants;
const { REASON, NR_BATCH, TRANSITIONS, MET_BARRED, WHO, UNKNOWN, TERMINAL, TO_TELL } = kernel.constants;
const CHUNK_MASK = (1 << CHUNK_BITS) - 1;

/** Expands states of one program, and makes the model learn what they need. */
export class Expander<P> {
  transitions = 0;
  /** Whether states entered and edges are told. */
  looking = false;
  counting = false;
  readonly #model: Model<P>;
  readonly #store: PackedStore;
  readonly #events: ExpanderEvents;
  readonly #sleepSets: boolean;
  readonly #maxStates: number;
  readonly #scratch: KernelScratch;
  #tables: KernelTables | undefined;
  #layout: PackedStore['layout'] | undefined;
  #version = -1;
  /** Keeps what a batch fetches from being optimised away. */
  #fetched = 0;

  constructor(
    model: Model<P>,
    store: PackedStore,
    events: ExpanderEvents,
    { sleepSets, maxStates }: { readonly sleepSets: boolean; readonly maxStates: number },
  ) {
    this.#model = model;
    this.#store = store;
    this.#events = events;
    this.#sleepSets = sleepSets;
    this.#maxStates = maxStates;
    this.#scratch = scratchOf(model);
  }

  /** Expands the states [from, to), all of one level. */
  run(from: number, to: number): void {
    const scratch = this.#scratch;
    const { registers } = scratch;
    for (let state = from; state < to;) {
      const tables = this.tables();
      const stride = tables.nrWords + EXTRA;
      const batchMax = this.looking ? tables.nrThreads : Math.max(BATCH, tables.nrThreads);
      if (scratch.batch.length < batchMax * stride) scratch.batch = new Int32Array(batchMax * stride);
      registers[TRANSITIONS] = 0;
      registers[MET_BARRED] = 0;
      state = kernel.fillBatch(tables, scratch, state, to, 0, batchMax);
      this.transitions += registers[TRANSITIONS] as number;
      this.#flush(registers[NR_BATCH] as number);
      if (registers[MET_BARRED] === 1) this.#events.barred();
      const reason = registers[REASON] as number;
      if (reason === UNKNOWN) this.#learn(state);
      else if (reason === TO_TELL) this.#tell(state, registers[WHO] as number, scratch);
      else if (reason === TERMINAL) this.#events.terminal(state++, scratch.vector);
    }
  }

  /** The tables as they are now; `tests` are the places of the trees of tests to be looked at. */
  tables(tests: readonly number[] = []): KernelTables {
    const model = this.#model;
    const store = this.#store;
    if (this.#layout !== store.layout || this.#version !== model.version || this.#tables === undefined) {
      this.#version = model.version;
      if (this.#layout !== store.layout) this.#tables = undefined;
      this.#layout = store.layout;
      this.#tables = this.#newTables(this.#tables);
      if (this.#scratch.vector.length < model.nrSlots)
        this.#scratch.vector = new Int32Array(2 * model.nrSlots);
    }
    const now = this.#tables;
    if (
      now.index !== store.index ||
      now.counting !== this.counting ||
      now.tests.length !== tests.length ||
      now.tests.some((root, i) => root !== tests[i])
    ) {
      this.#tables = { ...now, index: store.index, counting: this.counting, tests };
    }
    return this.#tables;
  }

  #newTables(before: KernelTables | undefined): KernelTables {
    const model = this.#model;
    const store = this.#store;
    const { nrWords, active, wordOf, shiftOf, maskOf, factorOf } = store.layout;
    const fieldsOf = (slot: number): number[] =>
      [wordOf, shiftOf, maskOf, factorOf].map((of) => of[slot] as number);
    return {
      nrThreads: model.nrThreads,
      sleepSets: this.#sleepSets,
      compact: store.compact,
      counting: this.counting,
      tree: model.tree.array,
      leaves: model.leaves.array,
      kids: model.kids.array,
      nodes: model.nodes.map(({ array }) => array),
      nrWords,
      decode: before?.decode ?? Int32Array.from([...active].flatMap((slot) => [slot, ...fieldsOf(slot)])),
      wordOf,
      shiftOf,
      factorOf,
      bitsOf: before?.bitsOf ?? maskOf.map((mask, slot) => mask << (shiftOf[slot] as number)),
      words: store.words,
      parents: store.parents,
      actors: store.actors,
      sleeps: store.sleeps,
      order: store.order,
      index: store.index,
      tests: [],
    };
  }

  /**
   * Expands one state of which something was not known, into the batch of `scratch`, for a crew: see `Alone`.
   */
  expandAlone(state: number, scratch: KernelScratch, tests: readonly number[]): ExpandedAlone | undefined {
    const { registers } = scratch;
    const { layout } = this.#store;
    for (;;) {
      const tables = this.tables(tests);
      if (scratch.vector.length < this.#model.nrSlots)
        scratch.vector = new Int32Array(2 * this.#model.nrSlots);
      registers[TRANSITIONS] = 0;
      registers[MET_BARRED] = 0;
      const stride = tables.nrWords + EXTRA;
      kernel.fillBatch(tables, scratch, state, state + 1, 0, Math.floor(scratch.batch.length / stride));
      if (registers[MET_BARRED] === 1) return undefined;
      const reason = registers[REASON] as number;
      if (reason === UNKNOWN) {
        this.#learn(state);
        if (this.#store.layout !== layout) return undefined;
      } else if (reason === TO_TELL) this.#tell(state, registers[WHO] as number, scratch);
      else {
        const [nrBatch, steps] = [registers[NR_BATCH] as number, registers[TRANSITIONS] as number];
        return { tables, nrBatch, steps, terminal: reason === TERMINAL };
      }
    }
  }

  /** Learns what the threads do in a state, as far as the search will ask. */
  #learn(state: number): void {
    const model = this.#model;
    const store = this.#store;
    const vector = new Int32Array(model.nrSlots);
    store.load(state, vector);
    const sleep = this.#sleepSets ? this.#sleepOf(state) : 0;
    for (let thread = 0; thread < model.nrThreads; thread++) {
      const code = vector[thread] as number;
      if (code === ENDED) continue;
      const leaf = model.leafFor(vector, thread);
      const flags = model.leaves.at(leaf + LEAF_FLAGS);
      const steps = (flags & ENABLED) !== 0 && (flags & (JUDGED | BARRED)) === 0;
      const asleep = thread < SLEEPERS_MAX && (sleep & (1 << thread)) !== 0;
      if (steps && !asleep) model.codeAfter(thread, code, leaf);
    }
    store.fit(model.maxCodes);
  }

  #sleepOf(state: number): number {
    const place = this.#store.placeOf(state);
    return (this.#store.sleeps[place >>> CHUNK_BITS] as Int32Array)[place & CHUNK_MASK] as number;
  }

  #tell(state: number, thread: number, { leafOf }: KernelScratch): void {
    const leaves = this.#model.leaves.array;
    const leaf = leafOf[thread] as number;
    leaves[leaf + LEAF_FLAGS] = (leaves[leaf + LEAF_FLAGS] as number) | TOLD;
    this.#events.falls(state, thread);
  }

  /** Looks up the candidates of the batch in the order in which they were made, and enters those that are new. */
  #flush(nrBatch: number): void {
    if (nrBatch === 0) return;
    const store = this.#store;
    const events = this.#events;
    const { batch } = this.#scratch;
    const { counting, looking } = this;
    const sleepSets = this.#sleepSets;
    const { levelPlace, order } = store;
    const ordered = order.length > 0;
    store.reserve(Math.min(store.size + nrBatch, this.#maxStates));
    const { nrWords } = store.layout;
    const stride = nrWords + EXTRA;
    const { index, words: chunks, parents, actors, sleeps, seconds, compact } = store;
    const mask = (index.length >>> 1) - 1;
    const end = nrBatch * stride;
    let fetched = 0;
    for (let at = nrWords; at < end; at += stride)
      fetched += index[2 * (mix(batch[at] as number) & mask)] as number;
    for (let at = nrWords; at < end; at += stride) {
      const hash = batch[at] as number;
      const place = 2 * (mix(hash) & mask);
      const entry = index[place] as number;
      if (entry !== 0 && index[place + 1] === hash && !compact) {
        const known = entry - 1;
        fetched += (chunks[known >>> CHUNK_BITS] as Int32Array)[(known & CHUNK_MASK) * nrWords] as number;
      }
    }
    this.#fetched = fetched;
    candidates: for (let at = 0; at < end; at += stride) {
      const extra = at + nrWords;
      const hash = batch[extra] as number;
      const from = batch[extra + 1] as number;
      if (batch[extra + 2] === -1) {
        events.end(from);
        continue;
      }
      let slot = mix(hash) & mask;
      for (;;) {
        const entry = index[2 * slot] as number;
        if (entry === 0) break;
        if (index[2 * slot + 1] === hash) {
          const known = entry - 1;
          let same: boolean;
          if (compact) {
            same = (seconds[known >>> CHUNK_BITS] as Int32Array)[known & CHUNK_MASK] === batch[extra + 4];
          } else {
            const words = chunks[known >>> CHUNK_BITS] as Int32Array;
            const base = (known & CHUNK_MASK) * nrWords;
            let k = 0;
            while (k < nrWords && words[base + k] === batch[at + k]) k++;
            same = k === nrWords;
          }
          if (same) {
            if (sleepSets && known >= levelPlace) {
              const sleep = sleeps[known >>> CHUNK_BITS] as Int32Array;
              sleep[known & CHUNK_MASK] =
                (sleep[known & CHUNK_MASK] as number) & (batch[extra + 3] as number);
            }
            // Counted are few states only: their places are their numbers.
            if (counting) events.edge(from, known);
            continue candidates;
          }
        }
        slot = (slot + 1) & mask;
      }
      if (store.size >= this.#maxStates) {
        events.full();
        continue;
      }
      const state = store.size++;
      const place = ordered ? store.nrPlaces : state;
      index[2 * slot] = place + 1;
      index[2 * slot + 1] = hash;
      const words = chunks[place >>> CHUNK_BITS] as Int32Array;
      const base = (place & CHUNK_MASK) * nrWords;
      for (let k = 0; k < nrWords; k++) words[base + k] = batch[at + k] as number;
      if (sleepSets)
        (sleeps[place >>> CHUNK_BITS] as Int32Array)[place & CHUNK_MASK] = batch[extra + 3] as number;
      if (compact)
        (seconds[place >>> CHUNK_BITS] as Int32Array)[place & CHUNK_MASK] = batch[extra + 4] as number;
      (parents[state >>> CHUNK_BITS] as Int32Array)[state & CHUNK_MASK] = from;
      (actors[state >>> CHUNK_BITS] as Uint8Array)[state & CHUNK_MASK] = batch[extra + 2] as number;
      if (ordered) {
        (order[state >>> CHUNK_BITS] as Int32Array)[state & CHUNK_MASK] = place;
        store.nrPlaces = place + 1;
      }
      if (counting) events.edge(from, state);
      if (looking) events.entered(state);
    }
  }
}

/** Scratch memory for the kernel. */
export function scratchOf(model: Model<unknown>): KernelScratch {
  return {
    vector: new Int32Array(model.nrSlots),
    leafOf: new Int32Array(model.nrThreads),
    batch: new Int32Array(0),
    registers: new Int32Array(8),
  };
}

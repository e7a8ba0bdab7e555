/**
 * The inner loop of the exhaustive search: states in, states out, integers only.
 *
 * A state is unpacked once; each step of a thread is then looked up in the model's trees, and the state after it made by
 * changing bits of the packed one. New states wait in a small batch, so that the places where they may be found in the
 * index are all fetched before the first is looked at: memory is slow to answer, but answers many at a time.
 */
import { CHUNK_BITS, FIRST, mix, SECOND, slotHash } from './packed-store.js';
import type { PackedStore } from './packed-store.js';
import type { Model } from './model.js';
import {
  BARRED,
  ENABLED,
  ENDED,
  FALLS,
  JUDGED,
  LEAF_FLAGS,
  LEAF_LISTS,
  LEAF_NR_WRITES,
  LEAF_READS,
  LEAF_RESULT,
  LEAF_WRITES,
  TOLD,
} from './model.js';

/** What the search is told while states are expanded. None of these may change the tables or the store. */
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

/** Candidates in a batch. */
const BATCH = 256;
/**
 * Beside its words a candidate has its hash, the state it comes from, the thread that stepped, who sleeps, and with `compact`
 * the second half of its fingerprint.
 */
const EXTRA = 5;
const CHUNK_MASK = (1 << CHUNK_BITS) - 1;
/** Threads from this one on never sleep. */
const SLEEPERS_MAX = 31;

/** Expands states of one program; makes the model learn only through `learn`. */
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
  #vector: Int32Array;
  readonly #leafOf: Int32Array;
  #batch = new Int32Array(0);
  #nrBatch = 0;
  /** The first state of the next level. */
  #levelEnd = 0;
  /** By slot: its bits in its word. */
  #bitsOf = new Int32Array(0);
  /** Slot, word, shift, mask and factor of each slot that has bits. */
  #decode = new Int32Array(0);
  #layout: PackedStore['layout'] | undefined;
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
    this.#vector = new Int32Array(model.nrSlots);
    this.#leafOf = new Int32Array(model.nrThreads);
  }

  /** Expands the states [from, to), all of one level, of which `levelEnd` is the end. */
  run(from: number, to: number, levelEnd: number): void {
    this.#levelEnd = levelEnd;
    for (let state = from; state < to;) {
      this.#prepare();
      state = this.#expand(state, to);
      if (state < to) this.#learn(state);
    }
    this.#flush();
  }

  /** Learns what the threads do in a state, as far as the search will ask. */
  #learn(state: number): void {
    this.#flush();
    const model = this.#model;
    const store = this.#store;
    const vector = new Int32Array(model.nrSlots);
    store.load(state, vector);
    const sleep = this.#sleepOf(state);
    for (let thread = 0; thread < model.nrThreads; thread++) {
      const code = vector[thread] as number;
      if (code === ENDED) continue;
      const leaf = model.leafFor(vector, thread);
      const flags = model.leaves.at(leaf + LEAF_FLAGS);
      const steps = (flags & ENABLED) !== 0 && (flags & (JUDGED | BARRED)) === 0;
      if (steps && (thread >= SLEEPERS_MAX || (sleep & (1 << thread)) === 0))
        model.codeAfter(thread, code, leaf);
    }
    store.fit(model.maxCodes);
  }

  #sleepOf(state: number): number {
    return (this.#store.sleeps[state >>> CHUNK_BITS] as Int32Array)[state & CHUNK_MASK] as number;
  }

  /** Makes room for what the next call of `#expand` may enter. */
  #prepare(): void {
    const { nrSlots } = this.#model;
    if (this.#vector.length < nrSlots) this.#vector = new Int32Array(nrSlots);
    const { layout } = this.#store;
    if (layout === this.#layout) return;
    this.#layout = layout;
    this.#batch = new Int32Array(BATCH * (layout.nrWords + EXTRA));
    const { active, wordOf, shiftOf, maskOf, factorOf } = layout;
    this.#decode = Int32Array.from(
      [...active].flatMap((slot) =>
        [slot, wordOf, shiftOf, maskOf, factorOf].map((of) =>
          typeof of === 'number' ? of : (of[slot] as number),
        ),
      ),
    );
    this.#bitsOf = layout.maskOf.map((mask, slot) => mask << (layout.shiftOf[slot] as number));
  }

  /** Expands states up to `to`, or up to the first in which something is not known; returns that state. */
  #expand(from: number, to: number): number {
    const model = this.#model;
    const store = this.#store;
    const events = this.#events;
    const { nrThreads } = model;
    const tree = model.tree.array;
    const leaves = model.leaves.array;
    const kids = model.kids.array;
    const nodes = model.nodes.map(({ array }) => array);
    const vector = this.#vector;
    const leafOf = this.#leafOf;
    const { nrWords, wordOf, shiftOf, factorOf } = store.layout;
    const bitsOf = this.#bitsOf;
    const decode = this.#decode;
    const decodeEnd = decode.length;
    const batch = this.#batch;
    const stride = nrWords + EXTRA;
    const counting = this.counting;
    const batchMax = this.looking ? 1 : BATCH;
    const sleepSets = this.#sleepSets;
    const { compact } = store;
    let nrBatch = this.#nrBatch;
    let transitions = 0;
    let state = from;

    states: for (; state < to; state++) {
      const words = store.words[state >>> CHUNK_BITS] as Int32Array;
      const base = (state & CHUNK_MASK) * nrWords;
      let hash = 0;
      for (let k = 0; k < decodeEnd; k += 5) {
        const word = words[base + (decode[k + 1] as number)] as number;
        const code = (word >>> (decode[k + 2] as number)) & (decode[k + 3] as number);
        vector[decode[k] as number] = code;
        hash = (hash + Math.imul(code, decode[k + 4] as number)) | 0;
      }
      let second = 0;
      if (compact) {
        hash = store.hashOf(vector);
        second = store.secondOf(vector);
      }
      const sleep = sleepSets
        ? ((store.sleeps[state >>> CHUNK_BITS] as Int32Array)[state & CHUNK_MASK] as number)
        : 0;

      let terminal = true;
      for (let thread = 0; thread < nrThreads; thread++) {
        const code = vector[thread] as number;
        if (code === ENDED) {
          leafOf[thread] = -1;
          continue;
        }
        const places = nodes[thread] as Int32Array;
        let at = tree[places[2 * code] as number] as number;
        while (at > 0) {
          const found = vector[tree[at] as number] as number;
          at = found < (tree[at + 1] as number) ? (tree[at + 2 + found] as number) : 0;
        }
        if (at === 0) break states;
        const leaf = ~at;
        const flags = leaves[leaf + LEAF_FLAGS] as number;
        if ((flags & ENABLED) === 0) {
          leafOf[thread] = -1;
          continue;
        }
        leafOf[thread] = leaf;
        terminal = false;
        if ((flags & (JUDGED | BARRED)) !== 0 || (sleep & (1 << thread)) !== 0) continue;
        const block = places[2 * code + 1] as number;
        const result = leaves[leaf + LEAF_RESULT] as number;
        if (result >= (kids[block] as number) || kids[block + 1 + result] === 0) break states;
      }
      if (terminal) {
        events.terminal(state, vector);
        if (model.tree.array === tree && model.leaves.array === leaves) continue;
        // What `finish` finds was learned, and the tables have moved.
        state++;
        break;
      }

      let done = sleep;
      for (let thread = 0; thread < nrThreads; thread++) {
        const leaf = leafOf[thread] as number;
        const bit = sleepSets && thread < SLEEPERS_MAX ? 1 << thread : 0;
        if (leaf < 0 || (sleep & bit) !== 0) continue;
        const flags = leaves[leaf + LEAF_FLAGS] as number;
        if ((flags & (FALLS | BARRED)) !== 0) {
          if ((flags & BARRED) !== 0) {
            events.barred();
            continue;
          }
          if ((flags & TOLD) === 0) {
            leaves[leaf + LEAF_FLAGS] = flags | TOLD;
            events.falls(state, thread);
          }
          if ((flags & JUDGED) !== 0) {
            transitions++;
            done |= bit;
            if (counting) events.end(state);
            continue;
          }
        }
        const code = vector[thread] as number;
        const block = (nodes[thread] as Int32Array)[2 * code + 1] as number;
        const after = (kids[block + 1 + (leaves[leaf + LEAF_RESULT] as number)] as number) - 1;
        const to = nrBatch * stride;
        for (let k = 0; k < nrWords; k++) batch[to + k] = words[base + k] as number;
        const word = to + (wordOf[thread] as number);
        batch[word] =
          ((batch[word] as number) & ~(bitsOf[thread] as number)) | (after << (shiftOf[thread] as number));
        let hashAfter = (hash + Math.imul(after - code, factorOf[thread] as number)) | 0;
        let secondAfter = second;
        if (compact) {
          hashAfter = (hash + slotHash(thread, after, FIRST) - slotHash(thread, code, FIRST)) | 0;
          secondAfter = (second + slotHash(thread, after, SECOND) - slotHash(thread, code, SECOND)) | 0;
        }
        let write = leaf + LEAF_LISTS;
        for (let n = leaves[leaf + LEAF_NR_WRITES] as number; n > 0; n--, write += 2) {
          const slot = leaves[write] as number;
          const next = leaves[write + 1] as number;
          const place = to + (wordOf[slot] as number);
          batch[place] =
            ((batch[place] as number) & ~(bitsOf[slot] as number)) | (next << (shiftOf[slot] as number));
          const old = vector[slot] as number;
          if (compact) {
            hashAfter = (hashAfter + slotHash(slot, next, FIRST) - slotHash(slot, old, FIRST)) | 0;
            secondAfter = (secondAfter + slotHash(slot, next, SECOND) - slotHash(slot, old, SECOND)) | 0;
          } else hashAfter = (hashAfter + Math.imul(next - old, factorOf[slot] as number)) | 0;
        }
        let asleep = 0;
        if (done !== 0) {
          const readsLow = leaves[leaf + LEAF_READS] as number;
          const readsHigh = leaves[leaf + LEAF_READS + 1] as number;
          const writesLow = leaves[leaf + LEAF_WRITES] as number;
          const writesHigh = leaves[leaf + LEAF_WRITES + 1] as number;
          for (let rest = done; rest !== 0; rest &= rest - 1) {
            const other = leafOf[31 - Math.clz32(rest & -rest)] as number;
            const low = leaves[other + LEAF_WRITES] as number;
            const high = leaves[other + LEAF_WRITES + 1] as number;
            const meet =
              (low & (readsLow | writesLow)) |
              (high & (readsHigh | writesHigh)) |
              (writesLow & (leaves[other + LEAF_READS] as number)) |
              (writesHigh & (leaves[other + LEAF_READS + 1] as number));
            if (meet === 0) asleep |= rest & -rest;
          }
        }
        const extra = to + nrWords;
        batch[extra] = hashAfter;
        batch[extra + 1] = state;
        batch[extra + 2] = thread;
        batch[extra + 3] = asleep;
        batch[extra + 4] = secondAfter;
        done |= bit;
        transitions++;
        if (++nrBatch >= batchMax) {
          this.#nrBatch = nrBatch;
          this.#flush();
          nrBatch = 0;
        }
      }
      if (model.tree.array !== tree) {
        // What was learned for a test has moved the trees.
        state++;
        break;
      }
    }
    this.#nrBatch = nrBatch;
    this.transitions += transitions;
    return state;
  }

  /** Looks up the candidates of the batch in the order in which they were made, and enters those that are new. */
  #flush(): void {
    const nrBatch = this.#nrBatch;
    if (nrBatch === 0) return;
    this.#nrBatch = 0;
    const store = this.#store;
    const events = this.#events;
    const batch = this.#batch;
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
            if (known >= this.#levelEnd) {
              const sleep = sleeps[known >>> CHUNK_BITS] as Int32Array;
              sleep[known & CHUNK_MASK] =
                (sleep[known & CHUNK_MASK] as number) & (batch[extra + 3] as number);
            }
            if (this.counting) events.edge(from, known);
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
      const chunk = state >>> CHUNK_BITS;
      const place = state & CHUNK_MASK;
      index[2 * slot] = state + 1;
      index[2 * slot + 1] = hash;
      const words = chunks[chunk] as Int32Array;
      for (let k = 0; k < nrWords; k++) words[place * nrWords + k] = batch[at + k] as number;
      (parents[chunk] as Int32Array)[place] = from;
      (actors[chunk] as Uint8Array)[place] = batch[extra + 2] as number;
      (sleeps[chunk] as Int32Array)[place] = batch[extra + 3] as number;
      if (compact) (seconds[chunk] as Int32Array)[place] = batch[extra + 4] as number;
      if (this.counting) events.edge(from, state);
      if (this.looking) events.entered(state);
    }
  }
}

/**
 * The set of visited states, each kept whole and packed into bits.
 *
 * A state is a vector of codes (see `Model`). Each slot has as many bits as the codes met so far need; a slot that never
 * changes has none. When a larger code is met, its slot moves to more bits in all kept states. The hash of a state is a sum over its
 * slots, so that a step changes it by what it changes; it finds candidates, and two states are the same when all their
 * words are.
 *
 * States have consecutive numbers from 0. The index is open addressing over pairs: a state's number plus one (0: free),
 * and its hash.
 */
import type { Allocate } from './int-buffer.js';
import { makeKernel } from './kernel.js';

const kernel = makeKernel();

/** States in one piece of memory: a power of two. */
export const CHUNK_BITS: number = kernel.constants.CHUNK_BITS;
const CHUNK = 1 << CHUNK_BITS;
/** The two halves of a fingerprint. */
export const FIRST: number = kernel.constants.FIRST;
export const SECOND: number = kernel.constants.SECOND;
/** Memory is asked for in pieces of this share of the chunks that there are, as a shift. */
const PIECE_SHIFT = 4;
/** An index of so many places grows in smaller leaps. */
const LARGE_INDEX = 1 << 18;

/** Where each slot lies in the words of a packed state. */
export interface Layout {
  readonly nrWords: number;
  /** By slot. A slot without bits has mask 0. */
  readonly wordOf: Int32Array;
  readonly shiftOf: Int32Array;
  readonly maskOf: Int32Array;
  /** By slot: what its code is multiplied by in the hash. Odd. */
  readonly factorOf: Int32Array;
  /** Slots that have bits, in order. */
  readonly active: Int32Array;
}

/** All kept states, in plain arrays. */
export interface StoredStates {
  readonly size: number;
  readonly layout: {
    readonly wordOf: readonly number[];
    readonly shiftOf: readonly number[];
    readonly maskOf: readonly number[];
    /** By word: the bits that are some slot's. */
    readonly used: readonly number[];
  };
  readonly words: Int32Array;
  readonly parents: Int32Array;
  readonly sleeps: Int32Array;
  readonly actors: Uint8Array;
}

/** Enters what an index has into a larger one that is empty. */
export type MoveEntries = (before: Int32Array, after: Int32Array) => void;

/** States under consecutive numbers, each with the state it was reached from and the thread that stepped. */
export class PackedStore {
  layout: Layout;
  readonly compact: boolean;
  /** By chunk of places: the words of a state. */
  readonly words: Int32Array[] = [];
  /** By place: threads that need not step in a state, a bit each; of use while the state is not expanded. */
  readonly sleeps: Int32Array[] = [];
  /** By chunk of states. */
  readonly parents: Int32Array[] = [];
  readonly actors: Uint8Array[] = [];
  /** The place of each state; empty while it is the state's number, until several threads enter states. */
  readonly order: Int32Array[] = [];
  /** With `compact`: the second half of each state's fingerprint. */
  readonly seconds: Int32Array[] = [];
  /** A place plus 1, and the hash of the state there. */
  index: Int32Array;
  size = 0;
  /** The first place of the states that are a step further than those being expanded. */
  levelPlace = 1;
  /** Chunks of places of which only what is not for expansion is kept. */
  #forgotten = 0;
  /** Places taken where there is an order, those that were left empty among them. */
  #nrPlaces = 0;
  /** By place: the state, where there is an order; made when it is asked for. */
  #numberOf: Int32Array | undefined;
  /** By word: the bits that are some slot's. */
  readonly #used: number[] = [0];
  readonly #allocate: Allocate;
  readonly #leaps: 'small' | 'large';
  #moveEntries: MoveEntries = moveAlone;

  /**
   * @param compact - Keeps of an expanded state a fingerprint of 64 bits and nothing else: states of one fingerprint are
   * taken for one.
   * @param leaps - Large ones cost memory and save time: the index is made anew by one thread while others wait.
   */
  constructor(
    allocate: Allocate,
    compact: 'compact' | 'whole' = 'whole',
    leaps: 'small' | 'large' = 'small',
  ) {
    this.#leaps = leaps;
    this.#allocate = allocate;
    this.compact = compact === 'compact';
    const none = new Int32Array(0);
    this.layout = { nrWords: 1, wordOf: none, shiftOf: none, maskOf: none, factorOf: none, active: none };
    this.index = new Int32Array(allocate(4 * 2 * (1 << 12)));
  }

  /** Places taken: the next state is entered here. */
  get nrPlaces(): number {
    return this.order.length === 0 ? this.size : this.#nrPlaces;
  }

  set nrPlaces(count: number) {
    this.#nrPlaces = count;
  }

  /** From now on a state's place need not be its number, and several threads may enlarge the index. */
  startOrder(moveEntries: MoveEntries): void {
    if (this.order.length > 0) return;
    this.#moveEntries = moveEntries;
    this.#nrPlaces = this.size;
    this.#addInts(this.order, this.parents.length * CHUNK);
    for (let state = 0; state < this.size; state++)
      (this.order[state >>> CHUNK_BITS] as Int32Array)[state & (CHUNK - 1)] = state;
  }

  placeOf(state: number): number {
    return this.order.length === 0
      ? state
      : ((this.order[state >>> CHUNK_BITS] as Int32Array)[state & (CHUNK - 1)] as number);
  }

  /** Enters the first state; a slot without bits has code 0 in all states. */
  start(vector: Int32Array, maxCodes: readonly number[]): void {
    this.fit(maxCodes);
    this.reserve(1);
    const words = this.words[0] as Int32Array;
    this.#pack(vector, words, 0);
    if (this.compact) (this.seconds[0] as Int32Array)[0] = this.secondOf(vector);
    this.#enter(this.hashOf(vector), 0);
    this.size = 1;
  }

  /** Tests whether every slot has bits for its largest code. */
  fits(maxCodes: readonly number[]): boolean {
    return maxCodes.every((code, slot) => code === 0 || code <= (this.layout.maskOf[slot] ?? 0));
  }

  /**
   * Gives each slot bits for its largest code. A slot that had none is 0 in all states, so it takes bits that nobody
   * uses; one that had too few moves to where there are enough, and one more than it needs, so that it moves seldom.
   */
  fit(maxCodes: readonly number[]): void {
    if (this.fits(maxCodes)) return;
    const { layout } = this;
    const wordOf = padded(layout.wordOf, maxCodes.length);
    const shiftOf = padded(layout.shiftOf, maxCodes.length);
    const maskOf = padded(layout.maskOf, maxCodes.length);
    const moves: Move[] = [];
    maxCodes.forEach((code, slot) => {
      const before = maskOf[slot] as number;
      if (code <= before) return;
      const width = Math.min(31, 32 - Math.clz32(code) + (before > 0 ? 1 : 0));
      const place = this.#place(width);
      if (before > 0) {
        const [fromWord, fromShift] = [wordOf[slot] as number, shiftOf[slot] as number];
        moves.push({ fromWord, fromShift, mask: before, word: place.word, shift: place.shift });
      }
      wordOf[slot] = place.word;
      shiftOf[slot] = place.shift;
      maskOf[slot] = 2 ** width - 1;
    });
    const factorOf = Int32Array.from(maxCodes, (_, slot) => factorOfSlot(slot));
    const active = Int32Array.from(maskOf.keys()).filter((slot) => maskOf[slot] !== 0);
    this.layout = { nrWords: this.#used.length, wordOf, shiftOf, maskOf, factorOf, active };
    if (layout.nrWords < this.layout.nrWords) this.#widen(layout.nrWords, this.layout.nrWords);
    for (const move of moves) this.#move(move);
  }

  /** Finds bits that nobody uses, in a new word if need be, and takes them. */
  #place(width: number): { readonly word: number; readonly shift: number } {
    const bits = 2 ** width - 1;
    for (let word = 0; ; word++) {
      if (word === this.#used.length) this.#used.push(0);
      for (let shift = 0; shift + width <= 32; shift++) {
        if (((this.#used[word] as number) & (bits << shift)) !== 0) continue;
        this.#used[word] = (this.#used[word] as number) | (bits << shift);
        return { word, shift };
      }
    }
  }

  /** Copies all states to where each has more words. */
  #widen(before: number, after: number): void {
    this.words.forEach((from, chunk) => {
      if (from.length === 0) return;
      const to = new Int32Array(this.#allocate(4 * CHUNK * after));
      const places = Math.min(CHUNK, this.nrPlaces - chunk * CHUNK);
      for (let i = 0; i < places; i++) {
        for (let k = 0; k < before; k++) to[i * after + k] = from[i * before + k] as number;
      }
      this.words[chunk] = to;
    });
  }

  /** Moves a slot's bits in all states, and frees those that it had. */
  #move({ fromWord, fromShift, mask, word, shift }: Move): void {
    const { nrWords } = this.layout;
    this.words.forEach((words, chunk) => {
      if (words.length === 0) return;
      const end = Math.min(CHUNK, this.nrPlaces - chunk * CHUNK) * nrWords;
      for (let at = 0; at < end; at += nrWords) {
        const old = words[at + fromWord] as number;
        words[at + fromWord] = old & ~(mask << fromShift);
        words[at + word] = (words[at + word] as number) | (((old >>> fromShift) & mask) << shift);
      }
    });
    this.#used[fromWord] = (this.#used[fromWord] as number) & ~(mask << fromShift);
  }

  /** Makes room for states up to `count` in all, and in the index, and for as many places as may be taken. */
  reserve(count: number, nrPlaces: number = this.nrPlaces + count - this.size): void {
    this.#addInts(this.words, nrPlaces, this.layout.nrWords);
    this.#addInts(this.sleeps, nrPlaces);
    if (this.compact) this.#addInts(this.seconds, nrPlaces);
    this.#addInts(this.parents, count);
    while (this.actors.length * CHUNK < count) this.actors.push(new Uint8Array(this.#allocate(CHUNK)));
    if (this.order.length > 0) this.#addInts(this.order, count);
    let slots = this.index.length >>> 1;
    if (count * 3 <= slots * 2) return;
    while (count * 3 > slots * 2) slots *= slots < LARGE_INDEX || this.#leaps === 'large' ? 4 : 2;
    this.#grow(slots);
  }

  /** Adds chunks until there are `count` elements of so many integers. Many chunks are cut from one piece of memory. */
  #addInts(chunks: Int32Array[], count: number, width = 1): void {
    while (chunks.length * CHUNK < count) {
      const length = CHUNK * width;
      const pieces = 1 + (chunks.length >>> PIECE_SHIFT);
      const memory = this.#allocate(4 * length * pieces);
      for (let i = 0; i < pieces; i++) chunks.push(new Int32Array(memory, 4 * length * i, length));
    }
  }

  /** The states, for a checkpoint. */
  save(): StoredStates {
    const { nrWords, wordOf, shiftOf, maskOf } = this.layout;
    const words = new Int32Array(this.size * nrWords);
    const parents = new Int32Array(this.size);
    const sleeps = new Int32Array(this.size);
    const actors = new Uint8Array(this.size);
    for (let state = 0; state < this.size; state++) {
      const place = this.placeOf(state);
      const kept = this.words[place >>> CHUNK_BITS] as Int32Array;
      const base = (place & (CHUNK - 1)) * nrWords;
      for (let k = 0; k < nrWords; k++) words[state * nrWords + k] = kept[base + k] as number;
      // Those of expanded states were given back.
      sleeps[state] = (this.sleeps[place >>> CHUNK_BITS] as Int32Array)[place & (CHUNK - 1)] ?? 0;
      parents[state] = this.parent(state);
      actors[state] = this.actor(state);
    }
    const layout = { wordOf: [...wordOf], shiftOf: [...shiftOf], maskOf: [...maskOf], used: [...this.#used] };
    return { size: this.size, layout, words, parents, sleeps, actors };
  }

  /** Takes the place of all that is kept. */
  restore({ size, layout, words, parents, sleeps, actors }: StoredStates): void {
    const maskOf = Int32Array.from(layout.maskOf);
    this.#used.splice(0, Infinity, ...layout.used);
    const nrWords = layout.used.length;
    this.layout = {
      nrWords,
      wordOf: Int32Array.from(layout.wordOf),
      shiftOf: Int32Array.from(layout.shiftOf),
      maskOf,
      factorOf: maskOf.map((_, slot) => factorOfSlot(slot)),
      active: Int32Array.from(maskOf.keys()).filter((slot) => maskOf[slot] !== 0),
    };
    for (const list of [this.words, this.parents, this.actors, this.sleeps, this.order]) list.length = 0;
    this.index = new Int32Array(this.#allocate(4 * 2 * (1 << 12)));
    this.size = 0;
    this.#forgotten = 0;
    this.reserve(size);
    const vector = new Int32Array(maskOf.length);
    for (let state = 0; state < size; state++) {
      const chunk = state >>> CHUNK_BITS;
      const place = state & (CHUNK - 1);
      const kept = this.words[chunk] as Int32Array;
      for (let k = 0; k < nrWords; k++) kept[place * nrWords + k] = words[state * nrWords + k] as number;
      (this.parents[chunk] as Int32Array)[place] = parents[state] as number;
      (this.sleeps[chunk] as Int32Array)[place] = sleeps[state] as number;
      (this.actors[chunk] as Uint8Array)[place] = actors[state] as number;
      this.load(state, vector);
      this.#enter(this.hashOf(vector), state);
    }
    this.size = size;
  }

  /** Bytes that are held. */
  get bytes(): number {
    const { words, parents, actors, sleeps, order, seconds } = this;
    const kept = sleeps.length - this.#forgotten;
    const ints =
      (this.compact ? kept : words.length) * this.layout.nrWords +
      parents.length +
      kept +
      order.length +
      seconds.length;
    return 4 * this.index.length + CHUNK * (4 * ints + actors.length);
  }

  parent(state: number): number {
    return (this.parents[state >>> CHUNK_BITS] as Int32Array)[state & (CHUNK - 1)] as number;
  }

  actor(state: number): number {
    return (this.actors[state >>> CHUNK_BITS] as Uint8Array)[state & (CHUNK - 1)] as number;
  }

  /** Reads a state; slots beyond those that have been laid out are 0. */
  load(state: number, vector: Int32Array): void {
    vector.fill(0);
    const place = this.placeOf(state);
    const words = this.words[place >>> CHUNK_BITS] as Int32Array;
    unpackWords(this.layout, words, (place & (CHUNK - 1)) * this.layout.nrWords, vector);
  }

  /** The number of a state, -1 when it is not kept. */
  find(vector: Int32Array): number {
    const { nrWords, active, wordOf, shiftOf } = this.layout;
    const words = new Int32Array(nrWords);
    for (const slot of active) {
      const word = wordOf[slot] as number;
      words[word] = (words[word] as number) | ((vector[slot] as number) << (shiftOf[slot] as number));
    }
    const hash = this.hashOf(vector);
    const mask = (this.index.length >>> 1) - 1;
    for (let slot = mix(hash) & mask; ; slot = (slot + 1) & mask) {
      const entry = this.index[2 * slot] as number;
      if (entry === 0) return -1;
      if (this.index[2 * slot + 1] !== hash) continue;
      const kept = this.words[(entry - 1) >>> CHUNK_BITS] as Int32Array;
      const base = ((entry - 1) & (CHUNK - 1)) * nrWords;
      if (words.every((word, k) => kept[base + k] === word)) return this.#stateAt(entry - 1);
    }
  }

  /** The state at a place. */
  #stateAt(place: number): number {
    if (this.order.length === 0) return place;
    if (this.#numberOf?.length !== this.nrPlaces) {
      const numbers = new Int32Array(this.nrPlaces);
      for (let state = 0; state < this.size; state++) numbers[this.placeOf(state)] = state;
      this.#numberOf = numbers;
    }
    return this.#numberOf[place] as number;
  }

  hashOf(vector: Int32Array): number {
    let hash = 0;
    for (const slot of this.layout.active) {
      const code = vector[slot] as number;
      const term = this.compact
        ? slotHash(slot, code, FIRST)
        : Math.imul(code, this.layout.factorOf[slot] as number);
      hash = (hash + term) | 0;
    }
    return hash;
  }

  /** The second half of a state's fingerprint. */
  secondOf(vector: Int32Array): number {
    let hash = 0;
    for (const slot of this.layout.active) hash = (hash + slotHash(slot, vector[slot] as number, SECOND)) | 0;
    return hash;
  }

  /** The states that are a step further are expanded now; gives back what is kept of those before for their expansion only. */
  nextLevel(): void {
    const before = this.levelPlace;
    this.levelPlace = this.nrPlaces;
    for (let chunk = (before >>> CHUNK_BITS) - 1; chunk >= 0 && this.sleeps[chunk]?.length !== 0; chunk--) {
      this.sleeps[chunk] = new Int32Array(0);
      this.#forgotten++;
      if (this.compact) this.words[chunk] = new Int32Array(0);
    }
  }

  #pack(vector: Int32Array, words: Int32Array, at: number): void {
    const { active, wordOf, shiftOf } = this.layout;
    for (const slot of active) {
      const place = at + (wordOf[slot] as number);
      words[place] = (words[place] as number) | ((vector[slot] as number) << (shiftOf[slot] as number));
    }
  }

  #enter(hash: number, place: number): void {
    enterInto(this.index, place + 1, hash);
  }

  #grow(slots: number): void {
    const before = this.index;
    this.index = new Int32Array(this.#allocate(8 * slots));
    this.#moveEntries(before, this.index);
  }
}

function moveAlone(before: Int32Array, after: Int32Array): void {
  // A page of new memory that is read before it is written is given twice by the system.
  after.fill(0);
  for (let i = 0; i < before.length; i += 2) {
    const entry = before[i] as number;
    if (entry !== 0) enterInto(after, entry, before[i + 1] as number);
  }
}

function enterInto(index: Int32Array, entry: number, hash: number): void {
  const mask = (index.length >>> 1) - 1;
  let slot = mix(hash) & mask;
  while (index[2 * slot] !== 0) slot = (slot + 1) & mask;
  index[2 * slot] = entry;
  index[2 * slot + 1] = hash;
}

function unpackWords(layout: Layout, words: Int32Array, at: number, vector: Int32Array): void {
  const { active, wordOf, shiftOf, maskOf } = layout;
  for (const slot of active) {
    const word = words[at + (wordOf[slot] as number)] as number;
    vector[slot] = (word >>> (shiftOf[slot] as number)) & (maskOf[slot] as number);
  }
}

/** A slot's bits go from one place to another. */
interface Move {
  readonly fromWord: number;
  readonly fromShift: number;
  readonly mask: number;
  readonly word: number;
  readonly shift: number;
}

function padded(list: Int32Array, length: number): Int32Array {
  const longer = new Int32Array(Math.max(length, list.length));
  longer.set(list);
  return longer;
}

/** An odd number that looks random, one for each slot. */
function factorOfSlot(slot: number): number {
  let word = Math.imul(slot + 1, 0x9e3779b1);
  word = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35);
  return (word ^ (word >>> 16)) | 1;
}

/** What a code in a slot adds to a half of the fingerprint: 0 for code 0, else a number that looks random. */
export const slotHash: (slot: number, code: number, half: number) => number = kernel.slotHash;

/** Spreads a hash over the index. */
export const mix: (hash: number) => number = kernel.mix;

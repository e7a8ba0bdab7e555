/**
 * The set of visited states, each kept whole and packed into bits.
 *
 * A state is a vector of codes (see `Model`). Each slot has as many bits as the codes met so far need; a slot that never
 * changes has none. When a larger code is met, all kept states are packed anew. The hash of a state is a sum over its
 * slots, so that a step changes it by what it changes; it finds candidates, and two states are the same when all their
 * words are.
 *
 * States have consecutive numbers from 0. The index is open addressing over pairs: a state's number plus one (0: free),
 * and its hash.
 */
import type { Allocate } from './int-buffer.js';

/** States in one piece of memory: a power of two. */
export const CHUNK_BITS = 14;
const CHUNK = 1 << CHUNK_BITS;

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

/** States under consecutive numbers, each with the state it was reached from and the thread that stepped. */
export class PackedStore {
  layout: Layout;
  /** By chunk: the words of its states. */
  readonly words: Int32Array[] = [];
  readonly parents: Int32Array[] = [];
  readonly actors: Uint8Array[] = [];
  /** Threads that need not step in a state, a bit each; of use while the state is not expanded. */
  readonly sleeps: Int32Array[] = [];
  index: Int32Array;
  size = 0;
  /** By slot: bits that it was given. */
  #bits: number[] = [];
  readonly #allocate: Allocate;

  constructor(allocate: Allocate) {
    this.#allocate = allocate;
    this.layout = layoutOf([], 0);
    this.index = new Int32Array(allocate(4 * 2 * (1 << 12)));
  }

  /** Enters the first state; a slot without bits has code 0 in all states. */
  start(vector: Int32Array, maxCodes: readonly number[]): void {
    this.fit(maxCodes);
    this.reserve(1);
    const words = this.words[0] as Int32Array;
    this.#pack(vector, words, 0);
    this.#enter(this.hashOf(vector), 0);
    this.size = 1;
  }

  /** Tests whether every slot has bits for its largest code. */
  fits(maxCodes: readonly number[]): boolean {
    return maxCodes.every((code, slot) => code === 0 || code <= (this.layout.maskOf[slot] ?? 0));
  }

  /** Gives each slot bits for its largest code, and packs all states anew. A slot that grows again gets one bit more. */
  fit(maxCodes: readonly number[]): void {
    if (this.fits(maxCodes)) return;
    maxCodes.forEach((code, slot) => {
      const before = this.#bits[slot] ?? 0;
      const needs = 32 - Math.clz32(code);
      this.#bits[slot] = needs <= before ? before : Math.min(31, needs + (before > 0 ? 1 : 0));
    });
    const old = this.layout;
    this.layout = layoutOf(this.#bits, maxCodes.length);
    const vector = new Int32Array(maxCodes.length);
    for (let chunk = 0; chunk < this.words.length; chunk++) {
      const from = this.words[chunk] as Int32Array;
      const to = new Int32Array(this.#allocate(4 * CHUNK * this.layout.nrWords));
      const states = Math.min(CHUNK, this.size - chunk * CHUNK);
      for (let i = 0; i < states; i++) {
        unpackWords(old, from, i * old.nrWords, vector);
        this.#pack(vector, to, i * this.layout.nrWords);
      }
      this.words[chunk] = to;
    }
  }

  /** Makes places for states up to `count` in all, and in the index. */
  reserve(count: number): void {
    while (this.words.length * CHUNK < count) {
      this.words.push(new Int32Array(this.#allocate(4 * CHUNK * this.layout.nrWords)));
      this.parents.push(new Int32Array(this.#allocate(4 * CHUNK)));
      this.actors.push(new Uint8Array(this.#allocate(CHUNK)));
      this.sleeps.push(new Int32Array(this.#allocate(4 * CHUNK)));
    }
    let slots = this.index.length >>> 1;
    if (count * 3 <= slots * 2) return;
    while (count * 3 > slots * 2) slots *= 4;
    this.#grow(slots);
  }

  /** Bytes that are held. */
  get bytes(): number {
    let bytes = 4 * this.index.length;
    for (const list of [this.words, this.parents, this.actors, this.sleeps]) {
      for (const chunk of list) bytes += chunk.byteLength;
    }
    return bytes;
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
    const words = this.words[state >>> CHUNK_BITS] as Int32Array;
    unpackWords(this.layout, words, (state & (CHUNK - 1)) * this.layout.nrWords, vector);
  }

  hashOf(vector: Int32Array): number {
    let hash = 0;
    for (const slot of this.layout.active) {
      hash = (hash + Math.imul(vector[slot] as number, this.layout.factorOf[slot] as number)) | 0;
    }
    return hash;
  }

  /** Gives back the sleep sets of the states before this one, which are expanded. */
  forgetSleeps(before: number): void {
    for (let chunk = (before >>> CHUNK_BITS) - 1; chunk >= 0 && this.sleeps[chunk]?.length !== 0; chunk--) {
      this.sleeps[chunk] = new Int32Array(0);
    }
  }

  #pack(vector: Int32Array, words: Int32Array, at: number): void {
    const { active, wordOf, shiftOf } = this.layout;
    for (const slot of active) {
      const place = at + (wordOf[slot] as number);
      words[place] = (words[place] as number) | ((vector[slot] as number) << (shiftOf[slot] as number));
    }
  }

  #enter(hash: number, state: number): void {
    const mask = (this.index.length >>> 1) - 1;
    let slot = mix(hash) & mask;
    while (this.index[2 * slot] !== 0) slot = (slot + 1) & mask;
    this.index[2 * slot] = state + 1;
    this.index[2 * slot + 1] = hash;
  }

  #grow(slots: number): void {
    const old = this.index;
    this.index = new Int32Array(this.#allocate(8 * slots));
    const { index } = this;
    const mask = slots - 1;
    for (let i = 0; i < old.length; i += 2) {
      const entry = old[i] as number;
      if (entry === 0) continue;
      const hash = old[i + 1] as number;
      let slot = mix(hash) & mask;
      while (index[2 * slot] !== 0) slot = (slot + 1) & mask;
      index[2 * slot] = entry;
      index[2 * slot + 1] = hash;
    }
  }
}

function unpackWords(layout: Layout, words: Int32Array, at: number, vector: Int32Array): void {
  const { active, wordOf, shiftOf, maskOf } = layout;
  for (const slot of active) {
    const word = words[at + (wordOf[slot] as number)] as number;
    vector[slot] = (word >>> (shiftOf[slot] as number)) & (maskOf[slot] as number);
  }
}

function layoutOf(bits: readonly number[], nrSlots: number): Layout {
  const wordOf = new Int32Array(nrSlots);
  const shiftOf = new Int32Array(nrSlots);
  const maskOf = new Int32Array(nrSlots);
  const factorOf = new Int32Array(nrSlots);
  const active: number[] = [];
  /** By word: bits in use. */
  const used: number[] = [0];
  for (let slot = 0; slot < nrSlots; slot++) {
    factorOf[slot] = factorOfSlot(slot);
    const width = bits[slot] ?? 0;
    if (width === 0) continue;
    let word = used.findIndex((taken) => taken + width <= 32);
    if (word < 0) word = used.push(0) - 1;
    wordOf[slot] = word;
    shiftOf[slot] = used[word] as number;
    maskOf[slot] = width === 31 ? 0x7fff_ffff : (1 << width) - 1;
    used[word] = (used[word] as number) + width;
    active.push(slot);
  }
  return { nrWords: used.length, wordOf, shiftOf, maskOf, factorOf, active: Int32Array.from(active) };
}

/** An odd number that looks random, one for each slot. */
function factorOfSlot(slot: number): number {
  let word = Math.imul(slot + 1, 0x9e3779b1);
  word = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35);
  return (word ^ (word >>> 16)) | 1;
}

/** Spreads a hash over the index. */
export function mix(hash: number): number {
  const word = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return word ^ (word >>> 12);
}

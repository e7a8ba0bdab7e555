/**
 * The set of visited states, each kept whole.
 *
 * A state is a vector of integers in [0, 2^31), trailing zeros not counted. It is stored as its length and its values
 * in a variable-length code of 7 bits per byte, padded to whole words, in chunks that are never moved. A hash finds
 * candidates; two states are the same when all their words are.
 */
import { assert, ExploreError } from './errors.js';

const CHUNK_BITS = 18;
const CHUNK_WORDS = 1 << CHUNK_BITS;
const CHUNK_MASK = CHUNK_WORDS - 1;

/** A growing list of integers that never moves what it holds. */
class IntList {
  readonly #chunks: Int32Array[] = [];
  #length = 0;

  push(value: number): void {
    const at = this.#length++;
    if ((at & 0xffff) === 0) this.#chunks.push(new Int32Array(0x10000));
    (this.#chunks[at >>> 16] as Int32Array)[at & 0xffff] = value;
  }

  get(at: number): number {
    return (this.#chunks[at >>> 16] as Int32Array)[at & 0xffff] as number;
  }
}

/** States under consecutive numbers from 0, each with the state it was reached from and the thread that stepped. */
export class StateStore {
  /** The state that `load` read last; longer than the state when an earlier one was. */
  vector: Int32Array = new Int32Array(64);
  #size = 0;

  readonly #chunks: Int32Array[] = [];
  /** The same memory, by bytes. */
  readonly #byteChunks: Uint8Array[] = [];
  /** Words in use, by chunk. */
  readonly #used: number[] = [];
  readonly #offsets = new IntList();
  readonly #parents = new IntList();
  /** By state: the thread that stepped. */
  #actors = new Uint8Array(1 << 12);

  /** Open addressing: the state's number plus one, 0 where free, and eight bits of its hash. */
  #slots = new Int32Array(1 << 12);
  #tags = new Uint8Array(1 << 12);

  #bytes = new Uint8Array(1 << 10);
  #words = new Int32Array(this.#bytes.buffer);
  /** What `find` looked for last: words, hash, and the free slot that it came to. */
  #nrWords = 0;
  #hash = 0;
  #slot = 0;

  get size(): number {
    return this.#size;
  }

  parent(state: number): number {
    return this.#parents.get(state);
  }

  /** The thread by whose step the state was first reached. */
  actor(state: number): number {
    return this.#actors[state] as number;
  }

  /**
   * Looks for the state that is `head[0..headLength)` followed by `tail`.
   *
   * @returns Its number, or -1; then `insert` would add it.
   * @throws ExploreError `BAD_STATE` when a value is not an integer in [0, 2^31).
   */
  find(head: ArrayLike<number>, headLength: number, tail: ArrayLike<number>): number {
    this.#encode(head, headLength, tail);
    const words = this.#words;
    const nrWords = this.#nrWords;
    const hash = (this.#hash = hashWords(words, 0, nrWords));
    const tag = hash >>> 24;
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    for (;;) {
      const entry = this.#slots[slot] as number;
      if (entry === 0) {
        this.#slot = slot;
        return -1;
      }
      if (this.#tags[slot] === tag) {
        const offset = this.#offsets.get(entry - 1);
        const chunk = this.#chunks[offset >>> CHUNK_BITS] as Int32Array;
        const from = offset & CHUNK_MASK;
        // A state begins with its length, so words that agree so far belong to states of the same number of words.
        let i = 0;
        while (i < nrWords && chunk[from + i] === words[i]) i++;
        if (i === nrWords) return entry - 1;
      }
      slot = (slot + 1) & mask;
    }
  }

  /** Adds the state that `find` has just not found, and returns its number. */
  insert(parent: number, actor: number): number {
    const state = this.#size++;
    this.#offsets.push(this.#append());
    this.#parents.push(parent);
    if (state === this.#actors.length) {
      const larger = new Uint8Array(state * 2);
      larger.set(this.#actors);
      this.#actors = larger;
    }
    this.#actors[state] = actor;
    this.#slots[this.#slot] = state + 1;
    this.#tags[this.#slot] = this.#hash >>> 24;
    if (this.#size * 4 > this.#slots.length * 3) this.#rehash();
    return state;
  }

  /** Reads a state into `vector` and returns how many values it has; those beyond are zero in the state. */
  load(state: number): number {
    const offset = this.#offsets.get(state);
    const bytes = this.#byteChunks[offset >>> CHUNK_BITS] as Uint8Array;
    let at = (offset & CHUNK_MASK) * 4;
    let length = 0;
    for (let i = -1; i < length; i++) {
      let byte = bytes[at++] as number;
      let value = byte & 0x7f;
      for (let shift = 7; byte >= 0x80; shift += 7) {
        byte = bytes[at++] as number;
        value |= (byte & 0x7f) << shift;
      }
      if (i >= 0) this.vector[i] = value;
      else {
        length = value;
        if (length > this.vector.length) this.vector = new Int32Array(2 * length);
      }
    }
    return length;
  }

  #encode(head: ArrayLike<number>, headLength: number, tail: ArrayLike<number>): void {
    let tailLength = tail.length;
    while (tailLength > 0 && tail[tailLength - 1] === 0) tailLength--;
    const length = headLength + tailLength;
    if (this.#bytes.length < 5 * length + 9) {
      this.#bytes = new Uint8Array(4 * (3 * length + 5));
      this.#words = new Int32Array(this.#bytes.buffer);
    }
    let at = this.#putLarge(0, length);
    const bytes = this.#bytes;
    for (let i = 0; i < headLength; i++) {
      const value = head[i] as number;
      if ((value & 0x7f) === value) bytes[at++] = value;
      else at = this.#putLarge(at, value);
    }
    for (let i = 0; i < tailLength; i++) {
      const value = tail[i] as number;
      if ((value & 0x7f) === value) bytes[at++] = value;
      else at = this.#putLarge(at, value);
    }
    while ((at & 3) !== 0) bytes[at++] = 0;
    this.#nrWords = at >>> 2;
  }

  #putLarge(at: number, value: number): number {
    if ((value | 0) !== value || value < 0) {
      throw new ExploreError('BAD_STATE', `the world packed ${value}; it must pack integers in [0, 2^31)`);
    }
    while (value >= 0x80) {
      this.#bytes[at++] = (value & 0x7f) | 0x80;
      value >>>= 7;
    }
    this.#bytes[at++] = value;
    return at;
  }

  #append(): number {
    const nrWords = this.#nrWords;
    assert(nrWords <= CHUNK_WORDS, 'a state is larger than a chunk');
    let chunk = this.#chunks.length - 1;
    if (chunk < 0 || (this.#used[chunk] as number) + nrWords > CHUNK_WORDS) {
      const words = new Int32Array(CHUNK_WORDS);
      this.#chunks.push(words);
      this.#byteChunks.push(new Uint8Array(words.buffer));
      this.#used.push(0);
      chunk++;
    }
    const from = this.#used[chunk] as number;
    const to = this.#chunks[chunk] as Int32Array;
    for (let i = 0; i < nrWords; i++) to[from + i] = this.#words[i] as number;
    this.#used[chunk] = from + nrWords;
    return chunk * CHUNK_WORDS + from;
  }

  #rehash(): void {
    const slots = new Int32Array(this.#slots.length * 2);
    const tags = new Uint8Array(slots.length);
    const mask = slots.length - 1;
    for (let state = 0; state < this.#size; state++) {
      const offset = this.#offsets.get(state);
      const chunk = offset >>> CHUNK_BITS;
      const next = state + 1 < this.#size ? this.#offsets.get(state + 1) : -1;
      const end = next >>> CHUNK_BITS === chunk ? next & CHUNK_MASK : (this.#used[chunk] as number);
      const hash = hashWords(this.#chunks[chunk] as Int32Array, offset & CHUNK_MASK, end);
      let slot = hash & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = state + 1;
      tags[slot] = hash >>> 24;
    }
    this.#slots = slots;
    this.#tags = tags;
  }
}

function hashWords(words: Int32Array, start: number, end: number): number {
  let hash = 0;
  for (let i = start; i < end; i++) {
    hash = Math.imul(hash ^ (words[i] as number), 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  hash = Math.imul(hash, 0x85ebca6b);
  return hash ^ (hash >>> 13);
}

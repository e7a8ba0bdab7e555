/** A set of CPUs as a bit mask: a `cpumask`. CPUs are numbered from 0. */
export class CpuSet {
  readonly #words: Uint32Array;

  constructor(words: number | Uint32Array) {
    this.#words = typeof words === 'number' ? new Uint32Array((words + 31) >>> 5) : words;
  }

  /** The set of CPUs 0 to `count` - 1, with room for `capacity`. */
  static first(count: number, capacity: number): CpuSet {
    const set = new CpuSet(capacity);
    for (let cpu = 0; cpu < count; cpu++) set.add(cpu);
    return set;
  }

  add(cpu: number): void {
    this.#words[cpu >>> 5]! |= 1 << (cpu & 31);
  }

  delete(cpu: number): void {
    this.#words[cpu >>> 5]! &= ~(1 << (cpu & 31));
  }

  has(cpu: number): boolean {
    return (((this.#words[cpu >>> 5] ?? 0) >>> (cpu & 31)) & 1) !== 0;
  }

  clone(): CpuSet {
    return new CpuSet(this.#words.slice());
  }

  /** Adds the CPUs of another set. */
  addAll(other: CpuSet): void {
    for (let i = 0; i < this.#words.length; i++) this.#words[i]! |= other.#words[i]!;
  }

  /** Removes the CPUs of another set and returns how many there were to remove. */
  deleteAll(other: CpuSet): number {
    let removed = 0;
    for (let i = 0; i < this.#words.length; i++) {
      removed += ones(this.#words[i]! & other.#words[i]!);
      this.#words[i]! &= ~other.#words[i]!;
    }
    return removed;
  }

  /** The CPUs that are in both. */
  and(other: CpuSet): CpuSet {
    return new CpuSet(this.#words.map((word, i) => word & other.#words[i]!));
  }

  get size(): number {
    let size = 0;
    for (const word of this.#words) size += ones(word);
    return size;
  }

  get isEmpty(): boolean {
    return this.#words.every((word) => word === 0);
  }

  /** The members in ascending order. */
  *members(): Generator<number> {
    for (let cpu = 0; cpu < this.#words.length * 32; cpu++) if (this.has(cpu)) yield cpu;
  }
}

/** Bits set in a 32-bit word. */
function ones(word: number): number {
  let v = word - ((word >>> 1) & 0x5555_5555);
  v = (v & 0x3333_3333) + ((v >>> 2) & 0x3333_3333);
  return Math.imul((v + (v >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}

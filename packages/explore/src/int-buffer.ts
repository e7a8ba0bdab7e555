/** Makes the memory of a list of integers: shared memory where several threads look at it. */
export type Allocate = (bytes: number) => ArrayBuffer | SharedArrayBuffer;

/** Memory of this thread only. */
export const ownMemory: Allocate = (bytes) => new ArrayBuffer(bytes);
/** Memory that other threads can be given. */
export const sharedMemory: Allocate = (bytes) => new SharedArrayBuffer(bytes);

/** A growing list of 32-bit integers in one piece of memory, for loops that read it through `array`. */
export class IntBuffer {
  /** Replaced when the list grows; beyond `length` it is zero. */
  array: Int32Array;
  length = 0;
  readonly #allocate: Allocate;

  constructor(allocate: Allocate, capacity = 64) {
    this.#allocate = allocate;
    this.array = new Int32Array(allocate(4 * capacity));
  }

  /** Appends `count` zeros and returns the place of the first. */
  reserve(count: number): number {
    const at = this.length;
    this.length += count;
    if (this.length > this.array.length) {
      const larger = new Int32Array(this.#allocate(4 * Math.max(this.length, 2 * this.array.length)));
      larger.set(this.array);
      this.array = larger;
    }
    return at;
  }

  push(value: number): number {
    const at = this.reserve(1);
    this.array[at] = value;
    return at;
  }

  /** The value at a place that is in the list. */
  at(place: number): number {
    return this.array[place] as number;
  }
}

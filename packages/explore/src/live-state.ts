import { ENABLED, ENDED, JUDGED, LEAF_FLAGS } from './model.js';
import type { Model } from './model.js';
import type { Waiting } from './deadlock.js';

/** A state of a program in which steps are taken one by one, by the model's tables, and undone. */
export class LiveState<P> {
  readonly model: Model<P>;
  /** Codes by slot; replaced when the model comes to know more slots. */
  vector: Int32Array;
  /** Slots changed and their codes before, in turns. */
  readonly #log: number[] = [];

  /** Begins in the world's present state, with every thread at its start. */
  constructor(model: Model<P>) {
    this.model = model;
    this.vector = model.firstState();
  }

  /** The leaf of a thread's next step, if that can be taken now; else -1. */
  enabled(thread: number): number {
    const leaf = this.leaf(thread);
    return leaf >= 0 && (this.model.leaves.at(leaf + LEAF_FLAGS) & ENABLED) !== 0 ? leaf : -1;
  }

  /** The leaf of a thread's next step, whether it can be taken or not; -1 when it has ended. */
  leaf(thread: number): number {
    if (this.vector[thread] === ENDED) return -1;
    const leaf = this.model.leafFor(this.vector, thread);
    this.#fit();
    return leaf;
  }

  /** Takes the step whose leaf `enabled` gave. After a step in which a judged invariant falls the thread stays where it is. */
  take(thread: number, leaf: number): void {
    const { model } = this;
    const code = this.vector[thread] as number;
    const falls = (model.leaves.at(leaf + LEAF_FLAGS) & JUDGED) !== 0;
    if (!falls) this.#set(thread, model.codeAfter(thread, code, leaf));
    const writes = model.writesOf(leaf);
    for (let i = 0; i < writes.length; i += 2) this.#set(writes[i] as number, writes[i + 1] as number);
  }

  /** Threads that have not ended, each with the step that it waits to take. */
  waiting(): Waiting<P>[] {
    return this.model.threads.flatMap((_, thread) => {
      const next = this.model.stepAt(thread, this.vector[thread] as number);
      return next === undefined ? [] : [{ thread, next }];
    });
  }

  /** A point to come back to. */
  mark(): number {
    return this.#log.length;
  }

  /** Undoes every step taken since `mark()` gave that number. */
  rollback(mark: number): void {
    while (this.#log.length > mark) {
      const code = this.#log.pop() as number;
      this.vector[this.#log.pop() as number] = code;
    }
  }

  #set(slot: number, code: number): void {
    this.#log.push(slot, this.vector[slot] as number);
    this.vector[slot] = code;
  }

  #fit(): void {
    if (this.vector.length >= this.model.nrSlots) return;
    const larger = new Int32Array(2 * this.model.nrSlots);
    larger.set(this.vector);
    this.vector = larger;
  }
}

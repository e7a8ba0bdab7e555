import type { Footprint } from './commute.js';
import { LEAF_NR_WAITS, MAY_WAIT, LEAF_FLAGS } from './model.js';
import type { Model } from './model.js';

/**
 * Cells as partial order reduction sees them.
 *
 * A step that waits for several cells at once may be made to wait by a step that writes one of them, though the two do not
 * meet in the others. Where such a step is reversed, all that goes before it must be what decides whether it can be taken;
 * so cells that one step waits for count as one resource: they are joined, for all steps alike.
 */
export class Resources<P> {
  readonly #model: Model<P>;
  /** By slot: another slot of its resource, or itself. */
  readonly #joined: number[] = [];
  readonly #footprints = new Map<number, Footprint>();
  /** Counts the joins: what was concluded before one may be wrong. */
  version = 0;

  constructor(model: Model<P>) {
    this.#model = model;
  }

  /** What a leaf touches. */
  footprint(leaf: number): Footprint {
    const known = this.#footprints.get(leaf);
    if (known !== undefined) return known;
    const model = this.#model;
    const reads = [...model.readsOf(leaf)];
    const waits = reads.slice(0, model.leaves.at(leaf + LEAF_NR_WAITS));
    for (const slot of waits) this.#join(slot, waits[0] as number);
    const writes = new Set<number>();
    model.writesOf(leaf).forEach((slot, i) => {
      if (i % 2 === 0) writes.add(this.#find(slot));
    });
    const others = new Set(reads.map((slot) => this.#find(slot)));
    const footprint: Footprint = {
      reads: [...others].filter((slot) => !writes.has(slot)),
      writes: [...writes],
      mayWait: (model.leaves.at(leaf + LEAF_FLAGS) & MAY_WAIT) !== 0,
    };
    this.#footprints.set(leaf, footprint);
    return footprint;
  }

  #join(a: number, b: number): void {
    const [low, high] = [this.#find(a), this.#find(b)].sort((x, y) => x - y) as [number, number];
    if (low === high) return;
    this.#joined[high] = low;
    this.version++;
    this.#footprints.clear();
  }

  #find(slot: number): number {
    while (this.#joined.length <= slot) this.#joined.push(this.#joined.length);
    let at = slot;
    while (this.#joined[at] !== at) at = this.#joined[at] as number;
    return at;
  }
}

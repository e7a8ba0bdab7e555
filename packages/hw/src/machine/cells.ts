/**
 * The cells that a world is made of.
 *
 * Every piece of shared state is a cell: a table slot, a lock, a counter, the content of a TLB. A cell's values are
 * interned when first seen, value 0 being the one it started with; so a state is a vector of small integers, compared
 * whole. Changes go through `set`, which keeps an undo log.
 */
import type { CellValues, CellWatcher, Operand } from '@ptemu/explore';

/** A store of interned cells with mark, rollback, pack and unpack. */
export class CellStore {
  readonly #ids = new Map<string, number>();
  readonly #names: string[] = [];
  readonly #values: Operand[][] = [];
  readonly #interned: Map<Operand, number>[] = [];
  readonly #now: number[] = [];
  readonly #undo: number[] = [];

  #watcher: CellWatcher | null = null;

  /**
   * Registers a cell at its first touch, with the value it has had so far; later calls return the same number. A cell that
   * was registered without a value (`undefined`) takes that of the first call that has one.
   */
  cell(name: string, initial: Operand): number {
    const known = this.#ids.get(name);
    if (known !== undefined) {
      this.#giveInitial(known, initial);
      return known;
    }
    const id = this.#names.length;
    this.#ids.set(name, id);
    this.#names.push(name);
    this.#values.push([initial]);
    this.#interned.push(new Map([[initial, 0]]));
    this.#now.push(0);
    return id;
  }

  /** The number of a cell, or undefined when nothing has touched it. */
  find(name: string): number | undefined {
    return this.#ids.get(name);
  }

  nameOf(id: number): string {
    return this.#names[id] ?? `#${id}`;
  }

  /** The value of a cell; `initial` where it still has its first one and nobody has said what that is. */
  get(id: number, initial?: Operand): Operand {
    const code = this.#now[id] ?? 0;
    this.#watcher?.reads(id, code);
    return this.#values[id]?.[code] ?? initial;
  }

  /** From now on tells the watcher of every cell that is read or written; null: tells nobody. */
  watch(watcher: CellWatcher | null): void {
    this.#watcher = watcher;
  }

  /** The cells in the order of their numbers, with the values that their codes stand for. */
  values(): readonly CellValues[] {
    return this.#values.map((values, id) => ({ name: this.nameOf(id), values }));
  }

  /** Registers the same cells and gives their values the same codes. */
  intern(cells: readonly CellValues[]): void {
    for (const { name, values } of cells) {
      const id = this.cell(name, values[0]);
      for (const value of values.slice(1)) this.#codeOf(id, value);
    }
  }

  set(id: number, value: Operand): void {
    const next = this.#codeOf(id, value);
    this.#watcher?.writes(id, next);
    const old = this.#now[id] ?? 0;
    if (old === next) return;
    this.#undo.push(id, old);
    this.#now[id] = next;
  }

  #giveInitial(id: number, initial: Operand): void {
    const values = this.#values[id];
    const interned = this.#interned[id];
    if (initial === undefined || values?.[0] !== undefined || interned?.has(initial) !== false) return;
    if (values !== undefined) values[0] = initial;
    interned.delete(undefined);
    interned.set(initial, 0);
  }

  #codeOf(id: number, value: Operand): number {
    const interned = this.#interned[id];
    const values = this.#values[id];
    if (interned === undefined || values === undefined) throw new Error(`internal: no cell #${id}`);
    let next = interned.get(value);
    if (next === undefined) {
      next = values.length;
      interned.set(value, next);
      values.push(value);
    }
    return next;
  }

  mark(): number {
    return this.#undo.length;
  }

  rollback(mark: number): void {
    while (this.#undo.length > mark) {
      const old = this.#undo.pop() ?? 0;
      const id = this.#undo.pop() ?? 0;
      this.#now[id] = old;
    }
  }

  pack(out: number[]): void {
    for (const value of this.#now) out.push(value);
  }

  unpack(from: ArrayLike<number>, start: number, end: number): void {
    const n = end - start;
    for (let id = 0; id < this.#now.length; id++) this.#now[id] = id < n ? (from[start + id] ?? 0) : 0;
    this.#undo.length = 0;
  }
}

import { CellsWorld, checkIndex } from './cells-world.js';
import type { CellOp, CellsOptions, CellsReader } from './cells-world.js';
import { ExploreError } from './errors.js';
import type { Operand, Step, StepResult, Steps, World } from './types.js';

/** What may be said of a step beside what it does. */
export interface StepMark {
  /** The function of the program that takes the step; names it in schedules. */
  readonly fn?: string;
  /** See `Step.forget`. */
  readonly forget?: string;
}

/**
 * Makes a world of integer cells and locks, with step constructors for the generators that share it.
 *
 * @param count - How many cells there are; they are numbered from 0, as are locks.
 * @throws ExploreError `BAD_OPTION` when a count is not a natural number, or a list does not have one item per cell.
 */
export function cells(count: number, options: CellsOptions = {}): Cells {
  return new Cells(new CellsWorld(count, options), '');
}

/**
 * Steps on cells, each to be taken with `yield*`: `const v = yield* c.read(0)`.
 *
 * A constructor throws ExploreError `BAD_CELL` when its world has no such cell or lock, in the thread that calls it.
 */
export class Cells {
  /** What a program names as its `world`. */
  readonly world: World<CellOp>;
  readonly #world: CellsWorld;
  readonly #fn: string;

  /** Use `cells` to make one. */
  constructor(world: CellsWorld, fn: string) {
    this.world = world;
    this.#world = world;
    this.#fn = fn;
  }

  /** The same steps, taken by the function `fn` of the program. */
  as(fn: string): Cells {
    return new Cells(this.#world, fn);
  }

  /** The present values, for `sometimes` and for tests; no step of a thread. */
  get now(): CellsReader {
    return this.#world;
  }

  /** Returns the cell's value. */
  *read(cell: number, mark?: StepMark): Steps<number> {
    return (yield this.#step('read', this.#cell(cell), [], mark)) as number;
  }

  /** Sets the cell. */
  *write(cell: number, value: number, mark?: StepMark): Steps<void> {
    yield this.#step('write', this.#cell(cell), [value], mark);
  }

  /** Sets the cell to `value` if it is `expected`, in one step, and returns whether it was. */
  *compareAndSwap(cell: number, expected: number, value: number, mark?: StepMark): Steps<boolean> {
    return (yield this.#step('compareAndSwap', this.#cell(cell), [expected, value], mark)) as boolean;
  }

  /** Adds to the cell in one step and returns the value before. */
  *fetchAdd(cell: number, addend: number, mark?: StepMark): Steps<number> {
    return (yield this.#step('fetchAdd', this.#cell(cell), [addend], mark)) as number;
  }

  /** Waits until the cell is `value`; other threads may change it again before the next step. */
  *waitUntil(cell: number, value: number, mark?: StepMark): Steps<void> {
    yield this.#step('waitUntil', this.#cell(cell), [value], mark);
  }

  /** Waits until the lock is free and takes it. Who holds it already waits for ever. */
  *lock(lock: number, mark?: StepMark): Steps<void> {
    yield this.#step('lock', this.#lock(lock), [], mark);
  }

  /** Gives the lock back; `lock-owner` falls when the thread does not hold it, and the lock stays as it is. */
  *unlock(lock: number, mark?: StepMark): Steps<void> {
    yield this.#step('unlock', this.#lock(lock), [], mark);
  }

  /** Takes an operation that `cells` was given, in one step, and returns what it returns. */
  *call(operation: string, operands: readonly number[] = [], mark?: StepMark): Steps<StepResult> {
    if (!this.#world.hasOperation(operation)) {
      throw new ExploreError('BAD_CELL', `no operation is called ${JSON.stringify(operation)}`, {
        operation,
      });
    }
    return yield this.#step('call', operation, operands, mark);
  }

  /**
   * Lets `assert` fall when the condition, which the thread has computed from what it read, is false. A true condition
   * is no step and costs no state.
   */
  *assertThat(condition: boolean, message: string, mark?: StepMark): Steps<void> {
    if (!condition) yield this.#step('assert', '', [message], mark);
  }

  #cell(cell: number): string {
    checkIndex('cell', cell, this.#world.nrCells);
    return this.#world.cellName(cell);
  }

  #lock(lock: number): string {
    checkIndex('lock', lock, this.#world.nrLocks);
    return this.#world.lockName(lock);
  }

  #step(kind: string, object: string, operands: readonly Operand[], mark: StepMark = {}): Step {
    const { fn = this.#fn, forget } = mark;
    return forget === undefined ? { kind, object, operands, fn } : { kind, object, operands, fn, forget };
  }
}

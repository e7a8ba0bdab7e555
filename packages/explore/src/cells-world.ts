/**
 * The world behind `cells`: numbered integers and locks, with an undo log.
 *
 * A cell holds a value and its code: the place of the value among those that the cell has ever had, 0 for the initial
 * one. The codes are the packed state. A lock is a cell that holds its owner's number plus one, 0 when free.
 */
import { ExploreError } from './errors.js';
import { formatOperand, stepName } from './step-table.js';
import type { CellValues, CellWatcher, Fallen, Operand, Step, StepResult, World } from './types.js';

/** Reads cells without a step. */
export interface CellsReader {
  get(cell: number): number;
}

/** What an operation may do to cells, all in its one step. */
export interface CellsWriter extends CellsReader {
  set(cell: number, value: number): void;
  /** Lets an invariant fall in this step. */
  fall(invariant: string, message: string): void;
}

/** A step of the user's own making. What it does depends on cells and operands only. */
export interface CellOperation {
  /** Tests whether it can be taken now; left out: always. */
  readonly when?: (cells: CellsReader, ...operands: number[]) => boolean;
  /** Takes it; what it returns is the result of the step. */
  readonly run: (cells: CellsWriter, ...operands: number[]) => StepResult | void;
}

/** What a world of cells has beside its cells. */
export interface CellsOptions {
  /** How many locks there are, default none. */
  readonly locks?: number;
  /** The cells' first values, default all 0. */
  readonly initial?: readonly number[];
  /** The cells' names in schedules, default `cell[0]`, ... */
  readonly names?: readonly string[];
  /** Steps for `call`, by name. */
  readonly operations?: Readonly<Record<string, CellOperation>>;
  /**
   * What must be true after each step that writes, by name; it falls when the predicate gives false, or a message. The
   * first state is not looked at.
   */
  readonly invariants?: Readonly<Record<string, CellsPredicate>>;
  /** What must be true when all actors have ended and nothing can step, likewise. */
  readonly final?: Readonly<Record<string, CellsPredicate>>;
}

/** True when all is well; false, or what is wrong, when not. */
export type CellsPredicate = (cells: CellsReader) => boolean | string;

/** A step on cells, prepared: `cell` is the number of a cell, or of a lock's cell. */
export interface CellOp {
  readonly kind: CellOpKind;
  readonly cell: number;
  readonly a: number;
  readonly b: number;
  readonly text: string;
  readonly operation: CellOperation | undefined;
  readonly operands: number[];
}

const KINDS = [
  'read',
  'write',
  'compareAndSwap',
  'fetchAdd',
  'waitUntil',
  'lock',
  'unlock',
  'call',
  'assert',
] as const;
type CellOpKind = (typeof KINDS)[number];

const NOTHING: readonly Fallen[] = [];

/** Implements `World` for `Cells`. */
export class CellsWorld implements World<CellOp>, CellsWriter {
  readonly nrCells: number;
  readonly nrLocks: number;
  readonly #names: readonly string[];
  readonly #operations: ReadonlyMap<string, CellOperation>;
  readonly #invariants: readonly [name: string, test: CellsPredicate][];
  readonly #final: readonly [name: string, test: CellsPredicate][];
  /** Numbers of cells by their names; locks come behind the cells. */
  readonly #objects = new Map<string, number>();

  readonly #values: number[];
  readonly #codes: number[];
  /** By cell: the values that it has had, by code and the other way round. */
  readonly #valueOf: number[][];
  readonly #codeOf: Map<number, number>[];
  #watcher: CellWatcher | null = null;
  /** Whether the step at hand has written a cell. */
  #wrote = false;
  /** Cells changed and their codes before, in turns. */
  readonly #log: number[] = [];
  #fallen: Fallen[] = [];

  constructor(
    count: number,
    { locks = 0, initial, names, operations = {}, invariants = {}, final = {} }: CellsOptions,
  ) {
    checkCount('count', count);
    checkCount('locks', locks);
    checkLength('initial', initial, count);
    checkLength('names', names, count);
    this.nrCells = count;
    this.nrLocks = locks;
    const numbers = (nr: number): number[] => Array.from({ length: nr }, (_, i) => i);
    this.#names = [
      ...(names ?? numbers(count).map((i) => `cell[${i}]`)),
      ...numbers(locks).map((i) => `lock[${i}]`),
    ];
    this.#names.forEach((name, i) => this.#objects.set(name, i));
    if (this.#objects.size < count + locks) {
      throw new ExploreError('BAD_OPTION', 'option names has a name twice, or the name of a lock');
    }
    this.#operations = new Map(Object.entries(operations));
    this.#invariants = Object.entries(invariants);
    this.#final = Object.entries(final);
    this.#values = numbers(count + locks).map((i) => initial?.[i] ?? 0);
    this.#codes = this.#values.map(() => 0);
    this.#valueOf = this.#values.map((value) => [value]);
    this.#codeOf = this.#values.map((value) => new Map([[value, 0]]));
  }

  cellName(cell: number): string {
    return this.#names[cell] ?? '';
  }

  lockName(lock: number): string {
    return this.#names[this.nrCells + lock] ?? '';
  }

  hasOperation(name: string): boolean {
    return this.#operations.has(name);
  }

  get(cell: number): number {
    this.#watcher?.reads(cell, this.#codes[cell] as number);
    return this.#values[cell] as number;
  }

  set(cell: number, value: number): void {
    this.#wrote = true;
    if (this.#values[cell] !== value) {
      this.#log.push(cell, this.#codes[cell] as number);
      this.#values[cell] = value;
      this.#codes[cell] = this.#intern(cell, value);
    }
    this.#watcher?.writes(cell, this.#codes[cell] as number);
  }

  watch(watcher: CellWatcher | null): void {
    this.#watcher = watcher;
  }

  cellValues(): readonly CellValues[] {
    return this.#valueOf.map((values, cell) => ({ name: this.#names[cell] ?? '', values }));
  }

  internValues(cells: readonly CellValues[]): void {
    cells.forEach(({ values }, cell) => values.forEach((value) => this.#intern(cell, value as number)));
  }

  fall(invariant: string, message: string): void {
    this.#fallen.push({ invariant, message });
  }

  prepare(step: Step): CellOp {
    const kind = KINDS.find((known) => known === step.kind);
    const operation = this.#operations.get(step.object);
    const cell = this.#objects.get(step.object) ?? -1;
    const ok = kind === 'assert' || (kind === 'call' ? operation !== undefined : cell >= 0);
    if (kind === undefined || !ok) {
      throw new ExploreError('BAD_STEP', `a world of cells cannot do "${stepName(step)}"`);
    }
    const operands = kind === 'assert' ? [] : step.operands.map((operand) => checkInteger(step, operand));
    const [a = 0, b = 0] = operands;
    return { kind, cell, a, b, text: String(step.operands[0] ?? ''), operation, operands };
  }

  enabled(_thread: number, { kind, cell, a, operation, operands }: CellOp): boolean {
    switch (kind) {
      case 'lock':
        return this.get(cell) === 0;
      case 'waitUntil':
        return this.get(cell) === a;
      case 'call':
        return operation?.when === undefined || operation.when(this, ...operands);
      default:
        return true;
    }
  }

  execute(thread: number, op: CellOp): StepResult {
    this.#wrote = false;
    const result = this.#execute(thread, op);
    if (this.#wrote) this.#check(this.#invariants);
    return result;
  }

  finish(): void {
    this.#check(this.#final);
  }

  takeFallen(): readonly Fallen[] {
    if (this.#fallen.length === 0) return NOTHING;
    const fallen = this.#fallen;
    this.#fallen = [];
    return fallen;
  }

  mark(): number {
    return this.#log.length;
  }

  rollback(mark: number): void {
    const log = this.#log;
    while (log.length > mark) {
      const code = log.pop() as number;
      const cell = log.pop() as number;
      this.#codes[cell] = code;
      this.#values[cell] = (this.#valueOf[cell] as number[])[code] as number;
    }
  }

  pack(out: number[]): void {
    for (let cell = 0; cell < this.#codes.length; cell++) out.push(this.#codes[cell] as number);
  }

  unpack(from: ArrayLike<number>, start: number, end: number): void {
    this.#log.length = 0;
    for (let cell = 0; cell < this.#codes.length; cell++) {
      const code = start + cell < end ? (from[start + cell] as number) : 0;
      this.#codes[cell] = code;
      this.#values[cell] = (this.#valueOf[cell] as number[])[code] as number;
    }
  }

  waitsFor(_thread: number, { kind, cell, a, operation }: CellOp): readonly (string | number)[] {
    if (kind === 'lock') return [(this.#values[cell] as number) - 1];
    if (kind === 'waitUntil') return [`${this.cellName(cell)} to be ${a}`];
    for (const [name, known] of this.#operations) if (known === operation) return [`${name} to be possible`];
    return [];
  }

  describe(step: Step, result: StepResult): string {
    return result === undefined ? stepName(step) : `${stepName(step)} -> ${formatOperand(result)}`;
  }

  #execute(thread: number, { kind, cell, a, b, text, operation, operands }: CellOp): StepResult {
    switch (kind) {
      case 'read':
        return this.get(cell);
      case 'write':
        this.set(cell, a);
        return undefined;
      case 'compareAndSwap': {
        // An exclusive access whether it succeeds or not.
        const value = this.get(cell);
        this.set(cell, value === a ? b : value);
        return value === a;
      }
      case 'fetchAdd': {
        const value = this.get(cell);
        this.set(cell, value + a);
        return value;
      }
      case 'lock':
        this.set(cell, thread + 1);
        return undefined;
      case 'unlock': {
        const owner = this.get(cell);
        this.set(cell, owner === thread + 1 ? 0 : owner);
        if (owner !== thread + 1)
          this.fall('lock-owner', `${this.cellName(cell)} is given back by a thread that does not hold it`);
        return undefined;
      }
      case 'assert':
        this.fall('assert', text);
        return undefined;
      case 'call':
        return operation?.run(this, ...operands) ?? undefined;
      case 'waitUntil':
        return undefined;
    }
  }

  #intern(cell: number, value: number): number {
    const codes = this.#codeOf[cell] as Map<number, number>;
    let code = codes.get(value);
    if (code === undefined) {
      code = (this.#valueOf[cell] as number[]).push(value) - 1;
      codes.set(value, code);
    }
    return code;
  }

  #check(predicates: readonly [name: string, test: CellsPredicate][]): void {
    for (const [name, test] of predicates) {
      const holds = test(this);
      if (holds !== true) this.fall(name, holds === false ? `it is false with ${this.#show()}` : holds);
    }
  }

  #show(): string {
    return this.#names.map((name, cell) => `${name} = ${this.#values[cell]}`).join(', ');
  }
}

/** @throws ExploreError `BAD_CELL` unless `index` is in [0, count). */
export function checkIndex(what: 'cell' | 'lock', index: number, count: number): void {
  if (!Number.isInteger(index) || index < 0 || index >= count) {
    throw new ExploreError('BAD_CELL', `there is no ${what} ${index}; there are ${count}, numbered from 0`, {
      [what]: index,
    });
  }
}

function checkInteger(step: Step, operand: Operand): number {
  if (typeof operand === 'number' && Number.isSafeInteger(operand)) return operand;
  throw new ExploreError(
    'BAD_STEP',
    `"${stepName(step)}" has the operand ${formatOperand(operand)}; cells hold safe integers`,
  );
}

function checkCount(name: string, count: number): void {
  if (!Number.isInteger(count) || count < 0 || count > 0xffff) {
    throw new ExploreError('BAD_OPTION', `${name} is ${count}; it must be an integer in [0, 65535]`, {
      name,
    });
  }
}

function checkLength(name: string, list: readonly unknown[] | undefined, count: number): void {
  if (list !== undefined && list.length !== count) {
    throw new ExploreError('BAD_OPTION', `option ${name} has ${list.length} items for ${count} cells`, {
      name,
    });
  }
}

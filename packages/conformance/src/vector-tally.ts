import { ArchError, KernelBug } from '@ptemu/arch';
import { asAnswer } from './vector-answers.js';

/** A slot where backend and kernel disagree. */
export interface Disagreement {
  readonly section: string;
  readonly column: string;
  readonly input: string;
  readonly kernel: string;
  readonly backend: string;
}

/** Counts of one comparison. */
export interface VectorTally {
  readonly name: string;
  /** Slots that hold a value; a row of the `swap` section is one slot. */
  readonly slots: number;
  readonly agree: number;
  readonly traps: number;
  /** The first ones, at most `limit`. */
  readonly disagreements: readonly Disagreement[];
  /** Disagreements per `section column`. */
  readonly byColumn: ReadonlyMap<string, number>;
}

/** Counts slots while they are compared, and keeps the first disagreements, at most `limit`. */
export class Tally {
  readonly #limit: number;
  readonly #disagreements: Disagreement[] = [];
  readonly #byColumn = new Map<string, number>();
  #slots = 0;
  #agree = 0;
  #traps = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  check(
    section: string,
    column: string,
    input: string,
    expected: string | number,
    answer: () => unknown,
  ): void {
    if (typeof expected === 'string' && expected.startsWith('trap:')) {
      this.#traps++;
      return;
    }
    this.#slots++;
    let got: string;
    try {
      const value = asAnswer(answer());
      if (value === BigInt(expected)) {
        this.#agree++;
        return;
      }
      got = `0x${value.toString(16)}`;
    } catch (error) {
      if (!(error instanceof ArchError || error instanceof KernelBug)) throw error;
      got = error.message;
    }
    const key = `${section} ${column}`;
    this.#byColumn.set(key, (this.#byColumn.get(key) ?? 0) + 1);
    if (this.#disagreements.length < this.#limit) {
      this.#disagreements.push({ section, column, input, kernel: String(expected), backend: got });
    }
  }

  /** Compares a row of several columns as one slot. */
  checkRow(
    section: string,
    input: string,
    cells: readonly {
      readonly column: string;
      readonly expected: string | number;
      readonly answer: () => unknown;
    }[],
  ): void {
    const before = { slots: this.#slots, agree: this.#agree, traps: this.#traps };
    for (const { column, expected, answer } of cells) this.check(section, column, input, expected, answer);
    const slots = this.#slots - before.slots;
    const whole = this.#agree - before.agree === slots;
    this.#slots = before.slots + (slots > 0 ? 1 : 0);
    this.#agree = before.agree + (slots > 0 && whole ? 1 : 0);
    this.#traps = before.traps + (slots > 0 ? 0 : 1);
  }

  report(name: string): VectorTally {
    return {
      name,
      slots: this.#slots,
      agree: this.#agree,
      traps: this.#traps,
      disagreements: this.#disagreements,
      byColumn: this.#byColumn,
    };
  }
}

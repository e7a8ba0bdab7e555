import { ExploreError } from './errors.js';
import type { Operand, Step, World } from './types.js';

/**
 * Names a step as schedules print it: `fn: kind object operands`.
 *
 * A bigint is printed in hex, everything else as `String` prints it. `fn: ` is left out when the step names no
 * function. `forget` is no part of the name: it changes what is searched, not what is done.
 */
export function stepName(step: Step): string {
  const words = [step.kind, step.object, ...step.operands.map(formatOperand)].filter((word) => word !== '');
  return `${step.fn === '' ? '' : `${step.fn}: `}${words.join(' ')}`;
}

/** Prints an operand or a result: a bigint as `0x20`, everything else as `String` prints it. */
export function formatOperand(value: Operand): string {
  if (typeof value !== 'bigint') return String(value);
  return value < 0n ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;
}

/** A step with what its world made of it; there is one per distinct step, so identity is equality. */
export interface PreparedStep<P> {
  readonly step: Step;
  readonly prepared: P;
  /** Number of what is done, from 0: equal for steps that differ in nothing but `forget`. */
  readonly action: number;
}

/** Finds the one `PreparedStep` of equal steps, and has the world prepare each step once. */
export class StepTable<P> {
  readonly #world: World<P>;
  readonly #known = new Map<string, PreparedStep<P>>();
  /** The first step of each action, by the step's key without `forget`. */
  readonly #actions = new Map<string, PreparedStep<P>>();

  constructor(world: World<P>) {
    this.#world = world;
  }

  /** @throws ExploreError `BAD_STEP` when the value is not a step. */
  intern(step: Step, thread: string): PreparedStep<P> {
    if (!isStep(step)) {
      throw new ExploreError(
        'BAD_STEP',
        `thread ${thread} yielded ${describeValue(step)}, which is not a step; write yield* before a step constructor`,
        { thread },
      );
    }
    const key = stepKey(step);
    let entry = this.#known.get(key);
    if (entry === undefined) {
      const bare = stepKey({ ...step, forget: undefined });
      const same = this.#actions.get(bare);
      entry =
        same === undefined
          ? { step, prepared: this.#world.prepare(step), action: this.#actions.size }
          : { ...same, step };
      if (same === undefined) this.#actions.set(bare, entry);
      this.#known.set(key, entry);
    }
    return entry;
  }
}

/** A string that two steps share exactly when they have equal fields; unlike the name, it tells `1` from `'1'`. */
function stepKey(step: Omit<Step, 'forget'> & { readonly forget?: string | undefined }): string {
  const operands = step.operands.map((value) => `${typeof value} ${String(value)}`);
  return JSON.stringify([step.kind, step.object, step.fn, step.forget ?? null, operands]);
}

function isStep(value: unknown): value is Step {
  if (typeof value !== 'object' || value === null) return false;
  const step = value as Partial<Record<keyof Step, unknown>>;
  return (
    typeof step.kind === 'string' &&
    typeof step.object === 'string' &&
    typeof step.fn === 'string' &&
    Array.isArray(step.operands)
  );
}

function describeValue(value: unknown): string {
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}

/** What a caller can get wrong; each code is explained in `EXPLORE_ERROR_CODES`. */
export type ExploreErrorCode = keyof typeof EXPLORE_ERROR_CODES;

/** The closed set of codes that an `ExploreError` carries, with what each means. */
export const EXPLORE_ERROR_CODES: {
  readonly BAD_OPTION: string;
  readonly UNKNOWN_STRATEGY: string;
  readonly BAD_PROGRAM: string;
  readonly BAD_STEP: string;
  readonly BAD_STATE: string;
  readonly NONDETERMINISTIC: string;
  readonly BAD_FORGET: string;
  readonly THREAD_THREW: string;
  readonly BAD_CELL: string;
  readonly BAD_CHECKPOINT: string;
} = {
  BAD_OPTION: 'an option of `explore` or `cells` is out of range, of the wrong type, or missing',
  UNKNOWN_STRATEGY: 'no search strategy has this name',
  BAD_PROGRAM: 'the program has no thread, two threads of one name, or more threads than fit',
  BAD_STEP: 'a thread yielded something that is not a step, or a step that its world does not know',
  BAD_STATE: 'the world packed a state into something else than integers in [0, 2^31)',
  NONDETERMINISTIC: 'a thread did different things after the same results; it uses state outside the world',
  BAD_FORGET: 'two histories that a step declared to be forgotten alike are followed by different steps',
  THREAD_THREW: 'a thread threw an exception; `cause` has it',
  BAD_CHECKPOINT: 'the bytes are no checkpoint, are damaged, or are of another program or other options',
  BAD_CELL: 'a step names a cell, lock or operation that its world does not have',
};

/** A caller's mistake, with a code to switch on and the data that the message was made from. */
export class ExploreError extends Error {
  readonly code: ExploreErrorCode;
  readonly data: Readonly<Record<string, unknown>>;
  constructor(
    code: ExploreErrorCode,
    message: string,
    data: Readonly<Record<string, unknown>> = {},
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'ExploreError';
    this.code = code;
    this.data = data;
  }
}

/** What `explore` throws when a thread throws. */
export function threw(thread: string, depth: number, cause: unknown): ExploreError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new ExploreError(
    'THREAD_THREW',
    `thread ${thread} threw after ${depth} steps: ${why}`,
    { thread, depth },
    cause,
  );
}

/** Our own mistake. The text starts with `internal:`. */
export class InvariantError extends Error {
  constructor(message: string) {
    super(`internal: ${message}`);
    this.name = 'InvariantError';
  }
}

/** Checks what can only be false through a mistake of ours. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}

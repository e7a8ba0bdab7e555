/** What a caller can get wrong; each code is explained in `ARCH_ERROR_CODES`. */
export type ArchErrorCode = keyof typeof ARCH_ERROR_CODES;

/** The closed set of codes that an `ArchError` carries, with what each means. */
export const ARCH_ERROR_CODES: {
  readonly UNKNOWN_RELEASE: string;
  readonly UNKNOWN_COMMIT: string;
  readonly RELEASE_BEFORE_THP: string;
  readonly UNKNOWN_OPTION: string;
  readonly UNKNOWN_ARCH: string;
  readonly UNKNOWN_HELPER: string;
  readonly BAD_ARGUMENT: string;
} = {
  UNKNOWN_RELEASE: 'no source places this release; the message names its neighbours',
  UNKNOWN_COMMIT: 'the registry has no commit of this id or slug',
  RELEASE_BEFORE_THP: 'the architecture had no transparent huge pages in this release',
  UNKNOWN_OPTION: 'the architecture has no such option, or the option has no such value',
  UNKNOWN_ARCH: 'no backend has this name',
  UNKNOWN_HELPER: 'the architecture does not define this helper in this release',
  BAD_ARGUMENT: 'an argument is out of range, unaligned or of the wrong kind',
};

/** A caller's mistake, with a code to switch on and the data that the message was made from. */
export class ArchError extends Error {
  readonly code: ArchErrorCode;
  readonly data: Readonly<Record<string, unknown>>;
  constructor(code: ArchErrorCode, message: string, data: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.name = 'ArchError';
    this.code = code;
    this.data = data;
  }
}

/** Thrown where a kernel helper would hit BUG() or leave its domain: there is no value to return. */
export class KernelBug extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'KernelBug';
  }
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

/** The end of a `switch` over a union: the compiler proves that it is not reached. */
export function unreachable(value: never): never {
  throw new InvariantError(`unreachable: ${String(value)}`);
}

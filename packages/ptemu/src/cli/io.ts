/** What a command may use of the world: so that a test can run it in-process and read what it wrote. */
export interface Io {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** The whole standard input. */
  readonly stdin: () => Promise<string>;
  /** Standard input as it comes, instead of `stdin`; that of the process when left out. */
  readonly stdinBytes?: () => AsyncIterable<Uint8Array>;
  /** Columns of the terminal; undefined in a pipe. */
  readonly columns: number | undefined;
  /** Whether standard output may be coloured. */
  readonly color: boolean;
  /** Aborted when the user wants the command to end with what it has. */
  readonly interrupt?: AbortSignal;
  /** Whether progress may be shown on standard error. */
  readonly progress: boolean;
}

/** Exit codes of every command. */
export const EXIT: {
  readonly expected: 0;
  readonly differs: 1;
  readonly usage: 2;
  readonly bound: 3;
  readonly internal: 70;
} = { expected: 0, differs: 1, usage: 2, bound: 3, internal: 70 };

/** One of `EXIT`. */
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Bad usage or input. The message is one line that says what was wrong and what would be right. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}

/**
 * What a program under exploration is made of.
 *
 * A program is a set of named threads and one world. A thread is a generator function: everything that another
 * thread could see happens in a step that it yields; what it does between two steps depends only on what its steps
 * returned. So the explorer may run a generator again from its start, feeding it the results of an earlier run, and
 * will find it at the same place: a thread's state is the tree node that its results lead to (a small integer), and a
 * state of the program is the packed world plus one integer per thread.
 */

/** A plain value that a step takes or returns; compared by value, never by identity. */
export type Operand = bigint | number | string | boolean | undefined;

/** What the interpretation of a step gives back to the thread that yielded it. */
export type StepResult = Operand;

/**
 * One thing that other threads can see: immutable data, interpreted by the world, never a closure.
 *
 * Two steps with equal fields are the same step. `object` names what is touched, in a form that is stable from run to
 * run (a replay compares it); `fn` is the function of the program that takes the step (for display and for aligning
 * runs of different programs).
 */
export interface Step {
  readonly kind: string;
  readonly object: string;
  readonly operands: readonly Operand[];
  readonly fn: string;
  /**
   * Declares that, once this step has returned, the thread's further behaviour depends only on this key and on the
   * step's result: its earlier locals are dead. Histories that agree on the key are then one thread state.
   */
  readonly forget?: string;
}

/** A computation that yields steps and returns a `T`. */
export type Steps<T> = Generator<Step, T, StepResult>;

/**
 * Hears which cells a world reads and writes. From what it hears the explorer learns what a step does as a function of the
 * cells that it reads, and which steps commute.
 */
export interface CellWatcher {
  /** The cell is read, and `code` is what `pack` gives for it now. */
  reads(cell: number, code: number): void;
  /** The cell is written, be it with the value that it has; `code` is what `pack` gives for it from now on. */
  writes(cell: number, code: number): void;
}

/** A cell and the values that it has had. */
export interface CellValues {
  readonly name: string;
  /** By code. */
  readonly values: readonly Operand[];
}

/** An invariant that fell in the step just executed. */
export interface Fallen {
  /** For example `'I9'`; `'deadlock'` is reserved for the explorer. */
  readonly invariant: string;
  /** One line that says what was found, with values in hex. */
  readonly message: string;
}

/**
 * All state that threads share. Nothing outside it is shared; everything in it can be marked, rolled back, packed into
 * small integers and restored from them.
 *
 * @typeParam P - What the world makes of a step once, so that executing it again costs no interpretation.
 */
export interface World<P = unknown> {
  /** Compiles a step; called once per distinct step, so it may be slow. Must not change the state. */
  prepare(step: Step): P;
  /** Tests whether the step could be taken now. A blocking step (a lock, a wait) is one that is not enabled. */
  enabled(thread: number, prepared: P): boolean;
  /** Takes the step. The change is recorded for `rollback`; invariants that fell are left for `takeFallen`. */
  execute(thread: number, prepared: P): StepResult;
  /** Returns and forgets what fell since the last call. */
  takeFallen(): readonly Fallen[];
  /** A point to come back to. Marks nest; a rollback to one forgets the later ones. */
  mark(): number;
  /** Undoes every change made since `mark()` gave that number. */
  rollback(mark: number): void;
  /**
   * Appends the state to `out` as integers in [0, 2^31), one per cell in order of first touch. A cell that has its
   * initial value packs as 0, so a state is unchanged by cells that are registered later; trailing zeros do not count.
   */
  pack(out: number[]): void;
  /** Sets the state to a packed one: `from[start]` up to `from[end - 1]`; cells beyond are set to their initial value. */
  unpack(from: ArrayLike<number>, start: number, end: number): void;
  /**
   * From now on tells `watcher` of every cell that is read or written, on whatever way (null: tells nobody). What
   * `enabled`, `execute`, `finish` and the tests of the program do must depend on cells that were heard of, and on nothing
   * else that changes.
   */
  watch(watcher: CellWatcher | null): void;
  /** For checkpoints: the cells so far, and what the codes of each stand for. Left out: there are no checkpoints. */
  cellValues?(): readonly CellValues[];
  /** Registers the same cells in the same order, and gives the same codes to the same values. */
  internValues?(cells: readonly CellValues[]): void;
  /**
   * For a step that is not enabled: who or what it waits for. Threads by name or by their number in the program;
   * what no thread holds by a name of its own.
   */
  waitsFor?(thread: number, prepared: P): readonly (string | number)[];
  /** Checks what must hold when all actors have ended; what fell is left for `takeFallen`. */
  finish?(): void;
  /** Renders a step and its result for people: `pmd 0x40000000: load -> 0x20`. */
  describe?(step: Step, result: StepResult): string;
}

/** A thread of a program. */
export interface Thread {
  readonly name: string;
  /**
   * `actor` (default): must be able to run to its end, or it is deadlock. `agent`: hardware or an interrupt
   * handler; a program may end while it still has steps.
   */
  readonly role?: 'actor' | 'agent';
  /**
   * False: the thread need not begin, as hardware that may look something up ahead or not; once begun it goes on like any
   * other. A livelock starves no other thread that can step; default true.
   */
  readonly fair?: boolean;
  /**
   * Declares that the thread at its start is in the state that a step with this `Step.forget` leaves when it returns
   * nothing: the head of a loop that an agent begins in and comes back to.
   */
  readonly forget?: string;
  /** Starts the thread from its beginning. Called any number of times. */
  readonly start: () => Steps<unknown>;
}

/** A question about the states of a program: does one with this property occur? */
export interface Sometimes {
  readonly name: string;
  /** Reads the world's present state; must not change it. */
  readonly test: () => boolean;
}

/** A world, the threads that act on it, and what to look for. */
export interface Program<P = unknown> {
  readonly world: World<P>;
  readonly threads: readonly Thread[];
  /**
   * Invariants whose fall ends the search with `violates`; others that fall are collected in `alsoFell`. `'deadlock'`
   * is always among them. Left out: every invariant of the world.
   */
  readonly judgedBy?: readonly string[];
  readonly sometimes?: readonly Sometimes[];
}

/** One step of a schedule: who did what, in words that survive a new version of the program. */
export interface ScheduleEntry {
  readonly actor: string;
  /** `fn: kind object operands`, as `stepName` gives it. */
  readonly step: string;
}

import type { Judge } from './judge.js';
import { fallenAtEnd } from './deadlock.js';
import type { Waiting } from './deadlock.js';
import { threw } from './errors.js';
import type { Settings } from './options.js';
import type { PreparedStep, StepTable } from './step-table.js';
import { stepName } from './step-table.js';
import type { Fallen, Program, ScheduleEntry, Step, StepResult, Steps } from './types.js';

/** One schedule in the making: the program's generators run side by side, step by step, in its world. */
export class Walker<P> {
  /** The steps taken so far. */
  readonly schedule: ScheduleEntry[] = [];
  readonly #program: Program<P>;
  readonly #table: StepTable<P>;
  readonly #judge: Judge;
  readonly #settings: Settings;
  readonly #runs: Steps<unknown>[];
  readonly #next: (PreparedStep<P> | undefined)[];
  readonly #depths: number[];

  /** Starts every thread. The world must be in the program's first state. */
  constructor(program: Program<P>, table: StepTable<P>, judge: Judge, settings: Settings) {
    this.#program = program;
    this.#table = table;
    this.#judge = judge;
    this.#settings = settings;
    this.#runs = program.threads.map(({ start }) => start());
    this.#depths = this.#runs.map(() => 0);
    this.#next = this.#runs.map((_, thread) => this.#advance(thread, undefined));
  }

  /** The step that a thread waits to take; `undefined` when it has ended. */
  next(thread: number): PreparedStep<P> | undefined {
    return this.#next[thread];
  }

  /** Threads whose step could be taken now, in the program's order. */
  enabled(): number[] {
    const enabled: number[] = [];
    this.#next.forEach((next, thread) => {
      if (next !== undefined && this.#program.world.enabled(thread, next.prepared)) enabled.push(thread);
    });
    return enabled;
  }

  /** Tests whether a bound keeps the thread from its step, and tells the judge. */
  barred(thread: number): boolean {
    const { maxDepth, maxSteps } = this.#settings;
    const long = this.schedule.length >= maxSteps;
    const deep = (this.#depths[thread] as number) >= maxDepth;
    if (long) this.#judge.hit('maxSteps');
    else if (deep) this.#judge.hit('maxDepth');
    return long || deep;
  }

  /** Takes the step of a thread that is enabled. Judges what falls; the caller asks the judge. */
  step(thread: number): { readonly result: StepResult; readonly fallen: readonly Fallen[] } {
    const { world, threads } = this.#program;
    const next = this.#next[thread] as PreparedStep<P>;
    const result = world.execute(thread, next.prepared);
    const fallen = world.takeFallen();
    this.schedule.push({ actor: threads[thread]?.name ?? '', step: stepName(next.step) });
    this.#depths[thread] = (this.#depths[thread] as number) + 1;
    const schedule = (): readonly ScheduleEntry[] => [...this.schedule];
    if (this.#judge.looking) this.#judge.lookNow(schedule);
    this.#judge.fall(fallen, this.schedule.length, schedule);
    this.#next[thread] = this.#advance(thread, result);
    return { result, fallen };
  }

  /** Judges the present state as one in which nothing is enabled. */
  end(): void {
    const waiting: Waiting<P>[] = this.#next.flatMap((next, thread) =>
      next === undefined ? [] : [{ thread, next }],
    );
    const fallen = fallenAtEnd(this.#program, waiting);
    this.#judge.fall(fallen, this.schedule.length, () => [...this.schedule]);
  }

  #advance(thread: number, result: StepResult): PreparedStep<P> | undefined {
    const { name } = this.#program.threads[thread] as { readonly name: string };
    let next: IteratorResult<Step, unknown>;
    try {
      next = (this.#runs[thread] as Steps<unknown>).next(result);
    } catch (cause) {
      throw threw(name, this.#depths[thread] ?? 0, cause);
    }
    return next.done === true ? undefined : this.#table.intern(next.value, name);
  }
}

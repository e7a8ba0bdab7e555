/** Runs searches one after the other, so that they can be ended from outside and taken up again. */
import type { Progress } from '@ptemu/explore';
import type { ProbeResult, ProbeSearch } from '@ptemu/scenarios';
import type { Io } from './io.js';

/** What may end a run before its end. */
export interface Limits {
  readonly io: Io;
  /** Milliseconds on the clock of `performance` at which the run ends, if any, and the seconds that it was given. */
  readonly deadline: number | undefined;
  readonly seconds: number;
  /** Called between two slices of work. */
  readonly between: (progress: Progress) => void;
}

/** Between two looks at the outside, in milliseconds. */
const SLICE = 30;

/** Whether the run is to end now, and why. */
export function endOf({ io, deadline }: Limits): 'interrupt' | 'timeout' | undefined {
  if (io.interrupt?.aborted === true) return 'interrupt';
  return deadline !== undefined && performance.now() >= deadline ? 'timeout' : undefined;
}

/** Drives a search to its end, or to that of the run; what was covered is in the result. */
export async function drive(search: ProbeSearch, limits: Limits): Promise<ProbeResult> {
  let step = search.next();
  let since = performance.now();
  while (step.done !== true) {
    if (performance.now() - since >= SLICE) {
      // Signals are only heard when the event loop turns.
      await new Promise((resolve) => setImmediate(resolve));
      since = performance.now();
    }
    limits.between(step.value);
    const bound = endOf(limits);
    step = search.next(
      bound === undefined ? undefined : { bound, limit: bound === 'timeout' ? limits.seconds : 0 },
    );
  }
  return step.value;
}

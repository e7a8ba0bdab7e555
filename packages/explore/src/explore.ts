import { ExploreError } from './errors.js';
import { dpor } from './dpor.js';
import { exhaustive } from './exhaustive.js';
import { settingsOf } from './options.js';
import type { ExploreOptions } from './options.js';
import { pct } from './pct.js';
import { preemptions } from './preemptions.js';
import { random } from './random.js';
import { replay } from './replay.js';
import type { ExploreResult } from './result.js';
import type { Search } from './search.js';
import { simplest } from './simplest.js';
import type { Program } from './types.js';

/** The thread that stepped is kept in one byte per state. */
const THREADS_MAX = 256;

/**
 * Runs a program under chosen schedules and says whether an invariant falls.
 *
 * - `simplest` (default) looks first for a violation with the fewest preemptions, and shrinks its schedule; then it goes on
 *   as `exhaustive`, so that `holds` and the counts are those of the whole space.
 * - `exhaustive` sees every reachable state once, breadth first: the schedule of a violation is a shortest one, and `holds`
 *   means that there is none.
 * - `dpor` runs one schedule of each Mazurkiewicz trace, for programs whose threads all end; `holds` means as much. A
 *   judged fall does not end an execution, but what falls after it is not told.
 * - `preemptions` sees what can be reached with that many preemptions, fewest first: the schedule of a violation has the
 *   fewest. `unknown` when nothing fell, except that no schedule needs more preemptions.
 * - `pct` makes seeded walks by priorities, with a known chance to meet a violation that needs few orderings.
 * - `random` makes seeded walks, uniform over the enabled threads, and ends at the first violation. `unknown` otherwise.
 * - `replay` takes a given schedule, and says where the program no longer follows it.
 *
 * A state in which nothing is enabled ends a schedule: `deadlock` when an actor has not ended there, else the world's
 * `finish` is asked. Where agents can step for ever, no schedule ends and `finish` is never asked (`terminalStates` is
 * then 0); bound the agents. `livelock` (`simplest` and `exhaustive`): an actor can go round for ever while nothing that it
 * reads changes, though every thread that could step all the time does step.
 *
 * The world is taken as it is, and is left in that state again.
 *
 * @throws ExploreError for a caller's mistake: see `EXPLORE_ERROR_CODES`. What a program does wrong is in the result.
 */
export function explore<P>(program: Program<P>, options: ExploreOptions = {}): ExploreResult {
  const search = exploration(program, options);
  let step = search.next();
  while (step.done !== true) {
    options.progress?.(step.value);
    step = search.next(undefined);
  }
  return step.value;
}

/**
 * The same search, that the caller drives: each `next()` goes on for a while and tells how far it is, until it returns the
 * result; `next({ bound, limit })` ends it early. Between two calls the world is in the state in which it was found.
 *
 * @throws ExploreError as `explore` does, and from `next` for what is wrong with the program.
 */
export function exploration<P>(program: Program<P>, options: ExploreOptions = {}): Search {
  checkProgram(program.threads);
  const settings = { ...settingsOf(options), fallen: program.world.takeFallen() };
  switch (settings.strategy) {
    case 'simplest':
      return simplest(program, settings);
    case 'exhaustive':
      return exhaustive(program, settings);
    case 'dpor':
      return dpor(program, settings);
    case 'preemptions':
      return preemptions(program, settings);
    case 'pct':
      return pct(program, settings);
    case 'random':
      return random(program, settings);
    case 'replay':
      return replay(program, settings);
  }
}

/** @throws ExploreError `BAD_PROGRAM`. */
export function checkProgram(threads: Program['threads']): void {
  if (threads.length < 1 || threads.length > THREADS_MAX) {
    throw new ExploreError(
      'BAD_PROGRAM',
      `the program has ${threads.length} threads; it must have 1 to ${THREADS_MAX}`,
    );
  }
  const names = new Set<string>();
  for (const { name } of threads) {
    if (names.has(name)) {
      throw new ExploreError('BAD_PROGRAM', `two threads are called ${name}; give each its own name`, {
        name,
      });
    }
    names.add(name);
  }
}

/**
 * The simplest violation first, then everything.
 *
 * People understand a schedule with few preemptions, and most violations have one (Musuvathi and Qadeer, PLDI 2007). So
 * the first thing is a look at schedules with few preemptions; what falls there is shrunk and told at once. Then every
 * state is seen. Where only that finds a violation, the look is taken up again and goes on until it has one too: it has the
 * fewest preemptions whenever it comes.
 */
import { assert } from './errors.js';
import { exhaustive } from './exhaustive.js';
import { explore } from './explore.js';
import { LIVELOCK } from './judge.js';
import type { Settings } from './options.js';
import { preemptions } from './preemptions.js';
import type { ExploreResult, Finding } from './result.js';
import type { Search, Stop } from './search.js';
import { shrink } from './shrink.js';
import type { Program } from './types.js';

/** Pairs of a state and the last thread that are seen before the exhaustive search, if nothing falls among them. */
const FIRST_LOOK = 100_000;
/** More preemptions than any schedule that fits into memory has. */
const UNBOUNDED = 0x7fff_ffff;

/** Looks for the simplest violation, then at every state; `stopAtFirst` ends it at the simplest. */
export function* simplest<P>(program: Program<P>, settings: Settings): Search {
  const look = preemptions(program, {
    ...settings,
    strategy: 'preemptions',
    preemptions: UNBOUNDED,
    stopAtFirst: false,
  });
  let seen = look.next();
  let stop: Stop | undefined;
  while (seen.done !== true && seen.value.states < FIRST_LOOK) {
    if (seen.value.preemptions !== undefined && seen.value.preemptions > settings.preemptions) break;
    stop = yield seen.value;
    if (stop !== undefined) break;
    seen = look.next(undefined);
  }
  let found = seen.done === true ? simplestOf(program, seen.value) : undefined;
  if (found !== undefined) settings.found?.(found);
  if (found !== undefined && settings.stopAtFirst === true && seen.done === true) {
    return combined(seen.value, { ...seen.value, strategy: 'simplest' }, found);
  }

  const search = exhaustive(program, { ...settings, strategy: 'simplest' });
  let step = search.next();
  while (step.done !== true) {
    stop ??= yield step.value;
    step = search.next(stop);
  }
  const whole = step.value;
  while (whole.verdict === 'violates' && whole.invariant !== LIVELOCK && seen.done !== true) {
    stop ??= yield seen.value;
    seen = look.next(stop);
  }
  if (found === undefined && seen.done === true) {
    found = simplestOf(program, seen.value);
    if (found !== undefined) settings.found?.(found);
  }
  if (found === undefined && whole.verdict === 'violates' && whole.invariant !== LIVELOCK) {
    found = simplestOf(program, whole);
  }
  const counts = seen.done === true ? seen.value : look.next({ bound: 'preemptions', limit: 0 }).value;
  return combined(counts as ExploreResult, whole, found);
}

/** The violation that a search by preemptions found, its schedule shrunk. */
function simplestOf<P>(program: Program<P>, result: ExploreResult): Finding | undefined {
  const { invariant, message } = result;
  if (invariant === null) return undefined;
  if (result.schedule.length === 0) return { invariant, message, judged: true, schedule: [] };
  const preemptions = result.perPreemptions?.at(-1)?.preemptions;
  const schedule = shrink(program, result.schedule, preemptions === undefined ? {} : { preemptions });
  const again = explore(program, { strategy: 'replay', schedule });
  assert(again.invariant === invariant, `the shrunk schedule of ${invariant} does not replay`);
  return { invariant, message: again.message, judged: true, schedule };
}

/** The whole search's result with the simplest violation in place of the one that it found first. */
function combined(look: ExploreResult, whole: ExploreResult, found: Finding | undefined): ExploreResult {
  const { states, transitions, perPreemptions } = look;
  const preemptions = found === undefined ? null : (perPreemptions?.at(-1)?.preemptions ?? null);
  const { perPreemptions: _, ...rest } = whole;
  const result: ExploreResult = { ...rest, simplest: { preemptions, states, transitions } };
  if (found === undefined) return result;
  const { invariant, message, schedule } = found;
  const others = whole.fell.filter((finding) => finding.invariant !== invariant);
  return { ...result, verdict: 'violates', invariant, message, schedule, fell: [found, ...others] };
}

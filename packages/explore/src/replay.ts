import { Judge } from './judge.js';
import type { Settings } from './options.js';
import type { Drift } from './result.js';
import type { Search } from './search.js';
import { stepName, StepTable } from './step-table.js';
import type { Program, ScheduleEntry } from './types.js';
import { Walker } from './walker.js';

/**
 * Takes the steps of a schedule, each only when its actor would take that very step now. Ends with the schedule, where a
 * judged invariant falls, or where it drifts. Never says `holds`.
 */
export function* replay<P>(program: Program<P>, settings: Settings): Search {
  const { world } = program;
  const judge = new Judge(program, settings);
  const first: number[] = [];
  world.pack(first);
  judge.lookNow(() => []);
  judge.fall(settings.fallen, 0, () => []);

  const walker = new Walker(program, new StepTable(world), judge, settings);
  const schedule = settings.schedule ?? [];
  let drift: Drift | null = null;
  let barred = false;
  for (let index = 0; index < schedule.length && !judge.violated && !barred; index++) {
    const expected = schedule[index] as ScheduleEntry;
    const thread = program.threads.findIndex(({ name }) => name === expected.actor);
    drift = driftAt(program, walker, index, expected, thread);
    if (drift !== null) break;
    barred = walker.barred(thread);
    if (barred) break;
    const step = walker.next(thread)?.step;
    const taken = walker.step(thread);
    if (step !== undefined) settings.observe?.({ index, actor: expected.actor, thread, step, ...taken });
  }
  const terminal = drift === null && !barred && !judge.violated && walker.enabled().length === 0;
  if (terminal) walker.end();
  world.unpack(first, 0, first.length);
  return judge.result(
    { states: 0, transitions: walker.schedule.length, terminalStates: terminal ? 1 : 0, executions: 1n },
    drift,
  );
}

function driftAt<P>(
  program: Program<P>,
  walker: Walker<P>,
  index: number,
  expected: ScheduleEntry,
  thread: number,
): Drift | null {
  const next = thread < 0 ? undefined : walker.next(thread);
  const actual = next === undefined ? null : stepName(next.step);
  const enabled = walker.enabled();
  let reason: Drift['reason'];
  if (thread < 0) reason = 'no-such-actor';
  else if (actual === null) reason = 'ended';
  else if (actual !== expected.step) reason = 'other-step';
  else if (!enabled.includes(thread)) reason = 'blocked';
  else return null;
  return {
    index,
    expected,
    reason,
    actual,
    enabled: enabled.map((able) => ({
      actor: program.threads[able]?.name ?? '',
      step: stepName((walker.next(able) as { step: Parameters<typeof stepName>[0] }).step),
    })),
  };
}

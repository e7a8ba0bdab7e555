/**
 * The same scenario on several backends, side by side.
 *
 * The schedule is the story that part D asks about: the first actor runs until it is about to link its table, that is into
 * the window in which the pmd is what the invalidation has left; then the others run as far as they can, then the first goes
 * on. The place is named by the kernel function, so the story is the same on every backend although the steps differ; the
 * traces are then lined up by actor, function and object.
 */
import type { Arch } from '@ptemu/arch';
import { type ScheduleEntry, type Step, stepName, type StepResult } from '@ptemu/explore';
import type { Prepared } from '@ptemu/hw';
import type { TraceStep } from '@ptemu/trace';
import { traceOf } from './record.js';
import { prepareProbe } from './run.js';
import type { AlignedRow } from './types.js';

/** Runs the probe's story on every backend and lines the steps up. */
export function alignedTraces(
  archs: readonly Arch[],
  scenario: string,
  probe: string,
): readonly AlignedRow[] {
  const traces = archs.map((arch) => {
    const schedule = windowSchedule(arch, scenario, probe);
    return traceOf(arch, { scenario, probe, schedule }).steps;
  });
  return mergeRows(traces);
}

/** The story as a schedule: the first actor up to its `pmd_populate`, the others as far as they go, the first again. */
function windowSchedule(arch: Arch, scenario: string, probe: string): readonly ScheduleEntry[] {
  const { world, program, probe: definition } = prepareProbe(arch, scenario, probe);
  const actors = definition
    .actors(arch)
    .filter((actor) => actor.role !== 'agent')
    .map((actor) => actor.name);
  const [first = '', ...others] = actors;
  const schedule: ScheduleEntry[] = [];
  const threads = new Map(
    program.threads.map((thread) => [thread.name, { steps: thread.start(), ended: false }]),
  );
  const pending = new Map<string, { readonly step: Step; readonly prepared: Prepared } | undefined>();
  const prepare = (
    name: string,
    result: StepResult,
  ): { readonly step: Step; readonly prepared: Prepared } | undefined => {
    const next = threads.get(name)?.steps.next(result);
    if (next === undefined || next.done === true) return undefined;
    return { step: next.value, prepared: world.machine.prepare(next.value) };
  };
  for (const name of threads.keys()) pending.set(name, prepare(name, undefined));
  const take = (name: string): boolean => {
    const at = pending.get(name);
    if (at === undefined || !at.prepared.enabled()) return false;
    schedule.push({ actor: name, step: stepName(at.step) });
    pending.set(name, prepare(name, at.prepared.run()));
    return true;
  };
  const agents = [...threads.keys()].filter((name) => !actors.includes(name));
  let order = [first];
  let opened = false;
  for (let taken = 0; taken < STEPS_MAX; taken++) {
    if (!opened && pending.get(first)?.step.fn === 'pmd_populate') {
      opened = true;
      order = [...others, first];
    }
    const who = [...order, ...agents, ...actors].find((name) => take(name));
    if (who === undefined) break;
  }
  return schedule;
}

/** A story of one huge page takes a few hundred steps; a retry loop that never ends is cut here. */
const STEPS_MAX = 600;

/** Lines up several traces: a longest common subsequence, one trace at a time. */
function mergeRows(traces: readonly (readonly TraceStep[])[]): readonly AlignedRow[] {
  interface Row {
    readonly key: string;
    readonly cells: (TraceStep | undefined)[];
  }
  let rows: Row[] = [];
  traces.forEach((steps, column) => {
    const keys = steps.map(keyOf);
    const pairs = commonSubsequence(
      rows.map((row) => row.key),
      keys,
    );
    const next: Row[] = [];
    let r = 0;
    let s = 0;
    const insert = (): void => {
      const step = steps[s];
      if (step !== undefined) {
        const cells: (TraceStep | undefined)[] = new Array<undefined>(traces.length).fill(undefined);
        cells[column] = step;
        next.push({ key: keys[s] ?? '', cells });
      }
      s++;
    };
    for (const [atRow, atStep] of [...pairs, [rows.length, steps.length] as const]) {
      while (r < atRow) next.push(...rows.slice(r, ++r));
      while (s < atStep) insert();
      const row = rows[r];
      const step = steps[s];
      if (row !== undefined && step !== undefined) {
        row.cells[column] = step;
        next.push(row);
      }
      r++;
      s++;
    }
    rows = next;
  });
  return rows.map(({ key, cells }) => {
    const [actor = '', fn = '', align = ''] = key.split('\t');
    return { actor, fn, align, cells };
  });
}

const keyOf = (step: TraceStep): string => `${step.actor}\t${step.fn}\t${step.align}`;

/** Index pairs of a longest common subsequence, ascending. */
function commonSubsequence(
  a: readonly string[],
  b: readonly string[],
): readonly (readonly [number, number])[] {
  const best: number[][] = Array.from({ length: a.length + 1 }, () =>
    new Array<number>(b.length + 1).fill(0),
  );
  const at = (i: number, j: number): number => best[i]?.[j] ?? 0;
  for (let i = a.length - 1; i >= 0; i--) {
    const row = best[i] ?? [];
    for (let j = b.length - 1; j >= 0; j--) {
      row[j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const pairs: (readonly [number, number])[] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    if (a[i] === b[j]) pairs.push([i++, j++]);
    else if (at(i + 1, j) >= at(i, j + 1)) i++;
    else j++;
  }
  return pairs;
}

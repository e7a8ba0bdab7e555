import { plainMachine } from './random-programs.js';
import type { PlainState, Sketch } from './random-programs.js';

/** What schedules of a sketch do, by the plain machine: nothing here is shared with the explorer. */

const judges = ({ judgedBy }: Sketch, name: string): boolean =>
  name === 'deadlock' || judgedBy === undefined || judgedBy.includes(name);

function deadlocked({ threads, agentsFrom }: Sketch, state: PlainState): boolean {
  const machine = plainMachine({ threads }, false);
  return (
    threads.every((_, t) => machine.take(state, t) === undefined) &&
    threads.some((_, t) => t < agentsFrom && !machine.ended(state, t))
  );
}

/** The judged invariants that fall first when threads step in this order; null when they cannot, or none falls. */
export function firstFall(sketch: Sketch, order: readonly number[]): readonly string[] | null {
  const machine = plainMachine(sketch, false);
  let state = machine.first;
  for (const t of order) {
    const taken = machine.take(state, t);
    if (taken === undefined) return null;
    const fallen = taken.fallen.filter((name) => judges(sketch, name));
    if (fallen.length > 0) return fallen;
    state = taken.next;
  }
  return deadlocked(sketch, state) ? ['deadlock'] : null;
}

/** How often another thread than the last steps while the last one could. */
export function countPreemptions(sketch: Sketch, order: readonly number[]): number {
  const machine = plainMachine(sketch, false);
  let state = machine.first;
  let preemptions = 0;
  order.forEach((t, i) => {
    const last = order[i - 1];
    if (last !== undefined && last !== t && machine.take(state, last) !== undefined) preemptions++;
    state = machine.take(state, t)?.next ?? state;
  });
  return preemptions;
}

/** The fewest preemptions with which a judged invariant falls (Infinity: none does), and the most of any schedule. */
export function preemptionsOf(sketch: Sketch): { readonly fewest: number; readonly most: number } {
  const machine = plainMachine(sketch, false);
  let fewest = Infinity;
  let most = 0;
  const seen = new Set<string>();
  const follow = (state: PlainState, last: number, spent: number): void => {
    const key = JSON.stringify([state, last, spent]);
    if (seen.has(key)) return;
    seen.add(key);
    most = Math.max(most, spent);
    const lastCould = last >= 0 && machine.take(state, last) !== undefined;
    if (deadlocked(sketch, state)) fewest = Math.min(fewest, spent);
    sketch.threads.forEach((_, t) => {
      const taken = machine.take(state, t);
      if (taken === undefined) return;
      const cost = spent + (lastCould && t !== last ? 1 : 0);
      most = Math.max(most, cost);
      if (taken.fallen.some((name) => judges(sketch, name))) fewest = Math.min(fewest, cost);
      else follow(taken.next, t, cost);
    });
  };
  follow(machine.first, -1, 0);
  return { fewest, most };
}

/** Threads by number from a schedule of `programOf`. */
export const orderOf = (schedule: readonly { readonly actor: string }[]): readonly number[] =>
  schedule.map(({ actor }) => Number(actor.slice(1)));

import type { ThreadAutomaton } from './automaton.js';
import type { StateStore } from './state-store.js';
import { type PreparedStep, stepName } from './step-table.js';
import type { ScheduleEntry } from './types.js';

/**
 * The schedule by which a kept state was first reached, and then one more step of `actor` where it is given. Loads states
 * into the store's vector: what stood there is gone.
 */
export function scheduleTo<P>(
  store: StateStore,
  threads: readonly ThreadAutomaton<P>[],
  state: number,
  actor?: number,
): readonly ScheduleEntry[] {
  const steps: ScheduleEntry[] = [];
  if (actor !== undefined) steps.push(entryOf(store, threads, state, actor));
  for (let at = state; at !== 0; at = store.parent(at)) {
    steps.push(entryOf(store, threads, store.parent(at), store.actor(at)));
  }
  return steps.reverse();
}

/** What the actor does in a kept state. */
function entryOf<P>(
  store: StateStore,
  threads: readonly ThreadAutomaton<P>[],
  state: number,
  actor: number,
): ScheduleEntry {
  store.load(state);
  const thread = threads[actor] as ThreadAutomaton<P>;
  const { step } = thread.at(store.vector[actor] as number) as PreparedStep<P>;
  return { actor: thread.thread.name, step: stepName(step) };
}

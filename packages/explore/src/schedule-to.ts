import { LiveState } from './live-state.js';
import type { Model } from './model.js';
import { type PreparedStep, stepName } from './step-table.js';
import type { ScheduleEntry } from './types.js';

/** What is known of how kept states were reached. State 0 is the first one. */
export interface Parents {
  parent(state: number): number;
  actor(state: number): number;
}

/** The schedule by which a kept state was first reached, and then one more step of `actor` where it is given. */
export function scheduleTo<P>(
  parents: Parents,
  model: Model<P>,
  state: number,
  actor?: number,
): readonly ScheduleEntry[] {
  const actors = actor === undefined ? [] : [actor];
  for (let at = state; at !== 0; at = parents.parent(at)) actors.push(parents.actor(at));
  return namesOf(model, actors.reverse());
}

/** The schedule in which these threads step, one after the other, from the first state. */
export function namesOf<P>(model: Model<P>, actors: readonly number[]): readonly ScheduleEntry[] {
  const state = new LiveState(model);
  return actors.map((thread) => {
    const { step } = model.stepAt(thread, state.vector[thread] as number) as PreparedStep<P>;
    state.take(thread, state.enabled(thread));
    return { actor: model.program.threads[thread]?.name ?? '', step: stepName(step) };
  });
}

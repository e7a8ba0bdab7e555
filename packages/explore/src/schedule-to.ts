import type { Model } from './model.js';
import type { PackedStore } from './packed-store.js';
import { type PreparedStep, stepName } from './step-table.js';
import type { ScheduleEntry } from './types.js';

/** The schedule by which a kept state was first reached, and then one more step of `actor` where it is given. */
export function scheduleTo<P>(
  store: PackedStore,
  model: Model<P>,
  state: number,
  actor?: number,
): readonly ScheduleEntry[] {
  const vector = new Int32Array(model.nrSlots);
  const steps: ScheduleEntry[] = [];
  if (actor !== undefined) steps.push(entryOf(store, model, state, actor, vector));
  for (let at = state; at !== 0; at = store.parent(at)) {
    steps.push(entryOf(store, model, store.parent(at), store.actor(at), vector));
  }
  return steps.reverse();
}

/** What the actor does in a kept state. */
function entryOf<P>(
  store: PackedStore,
  model: Model<P>,
  state: number,
  actor: number,
  vector: Int32Array,
): ScheduleEntry {
  store.load(state, vector);
  const { step } = model.stepAt(actor, vector[actor] as number) as PreparedStep<P>;
  return { actor: model.program.threads[actor]?.name ?? '', step: stepName(step) };
}

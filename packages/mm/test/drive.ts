/** Running a path straight through for specs: what it waits for, the hardware agents deliver. */
import type { Fallen, Step, Steps } from '@ptemu/explore';
import type { MmWorld } from '../src/index.js';

/** What a driven path did. */
export interface Driven<T> {
  readonly value: T;
  readonly steps: readonly Step[];
  readonly fell: readonly Fallen[];
}

/** A path that takes more steps than this spins. */
const STEPS_MAX = 500;

/**
 * Runs the steps; a step that has to wait lets every IPI and broadcast invalidation be delivered first. `after` looks at
 * the world behind each step.
 */
export function drive<T>(world: MmWorld, steps: Steps<T>, after: (step: Step) => void = () => {}): Driven<T> {
  const taken: Step[] = [];
  const fell: Fallen[] = [];
  const { machine } = world;
  for (let next = steps.next(); ;) {
    if (next.done === true) return { value: next.value, steps: taken, fell };
    if (taken.length >= STEPS_MAX) throw new Error(`${next.value.fn} spins: ${STEPS_MAX} steps`);
    const prepared = machine.prepare(next.value);
    if (!prepared.enabled()) deliver(world);
    if (!prepared.enabled()) {
      throw new Error(`${next.value.fn}: ${next.value.kind} ${next.value.object} waits for ever`);
    }
    const result = prepared.run();
    taken.push(next.value);
    after(next.value);
    fell.push(...machine.takeFallen());
    next = steps.next(result);
  }
}

/** Takes every step that the agents can take. */
export function deliver(world: MmWorld): void {
  const { machine } = world;
  for (const { id } of machine.cpus) {
    for (const kind of ['ipi', 'dvm']) {
      const agent = machine.prepare({ kind, object: `CPU${id}`, operands: [id], fn: kind });
      while (agent.enabled()) agent.run();
    }
  }
}

import { DEADLOCK } from './judge.js';
import { stepName } from './step-table.js';
import type { PreparedStep } from './step-table.js';
import type { Fallen, Program } from './types.js';

/** A thread that waits to take a step which is not enabled. */
export interface Waiting<P> {
  readonly thread: number;
  readonly next: PreparedStep<P>;
}

/**
 * What falls in the world's present state, in which nothing is enabled: `deadlock` when an actor waits, else what the
 * world's `finish` finds.
 */
export function fallenAtEnd<P>(program: Program<P>, waiting: readonly Waiting<P>[]): readonly Fallen[] {
  const { world, threads } = program;
  if (waiting.some(({ thread }) => threads[thread]?.role !== 'agent')) {
    return [{ invariant: DEADLOCK, message: explainDeadlock(program, waiting) }];
  }
  if (world.finish === undefined) return [];
  const mark = world.mark();
  world.finish();
  const fallen = world.takeFallen();
  world.rollback(mark);
  return fallen;
}

/**
 * Says why nothing can step, in the world's present state: `A waits for B, B waits for A`.
 *
 * Follows from each waiting actor in turn what it waits for, and prints the first cycle met, from its lowest thread on.
 * Without a cycle it prints what every waiting actor waits for.
 */
export function explainDeadlock<P>(program: Program<P>, waiting: readonly Waiting<P>[]): string {
  const { world, threads } = program;
  const nameOf = (thread: number): string => threads[thread]?.name ?? `thread ${thread}`;
  const numbers = new Map(threads.map(({ name }, thread) => [name, thread]));
  const targets = new Map<number, readonly (string | number)[]>();
  for (const { thread, next } of waiting) targets.set(thread, world.waitsFor?.(thread, next.prepared) ?? []);

  const next = (thread: number): number[] =>
    (targets.get(thread) ?? []).map((target) =>
      typeof target === 'number' ? target : (numbers.get(target) ?? -1),
    );
  const actors = waiting.filter(({ thread }) => threads[thread]?.role !== 'agent');

  for (const { thread } of actors) {
    const cycle = findCycle(thread, next);
    if (cycle === undefined) continue;
    return cycle
      .map((from, i) => `${nameOf(from)} waits for ${nameOf(cycle[(i + 1) % cycle.length] ?? from)}`)
      .join(', ');
  }
  return actors
    .map(({ thread, next: { step } }) => {
      const names = (targets.get(thread) ?? []).map((to) => (typeof to === 'number' ? nameOf(to) : to));
      return names.length > 0
        ? `${nameOf(thread)} waits for ${names.join(' and ')}`
        : `${nameOf(thread)} waits to do "${stepName(step)}"`;
    })
    .join(', ');
}

/** A cycle that can be reached from `start`, its lowest member first. */
function findCycle(start: number, next: (from: number) => readonly number[]): readonly number[] | undefined {
  const path: number[] = [];
  const left = new Set<number>();
  const visit = (at: number): readonly number[] | undefined => {
    const seen = path.indexOf(at);
    if (seen >= 0) return path.slice(seen);
    if (left.has(at)) return undefined;
    path.push(at);
    for (const to of next(at)) {
      const cycle = visit(to);
      if (cycle !== undefined) return cycle;
    }
    path.pop();
    left.add(at);
    return undefined;
  };
  const cycle = visit(start);
  if (cycle === undefined) return undefined;
  const lowest = cycle.indexOf(Math.min(...cycle));
  return [...cycle.slice(lowest), ...cycle.slice(0, lowest)];
}

/**
 * Wakeup trees: what is still to be explored from a state, as an ordered tree of steps.
 *
 * @see Abdulla, Aronis, Jonsson, Sagonas, "Source sets: a foundation for optimal dynamic partial order reduction",
 * Journal of the ACM 64 (4), 2017, wakeup trees and their operation insert
 */
import { conflict } from './commute.js';
import type { Footprint } from './commute.js';

/** A step of a thread, as far as its order among others matters. */
export interface Act {
  readonly thread: number;
  readonly footprint: Footprint;
}

/** A step to explore, and what then; without `next` anything may follow. */
export interface Branch extends Act {
  next: Branch[];
}

/**
 * Tests whether `act`, a step that can be taken before the sequence `acts`, is a weak initial of it: some execution that
 * begins with `act` is equivalent to one that begins with `acts`.
 */
export function isWeakInitial(act: Act, acts: readonly Act[]): boolean {
  for (const { thread, footprint } of acts) {
    if (thread === act.thread) return true;
    if (conflict(footprint, act.footprint)) return false;
  }
  return true;
}

/**
 * Adds a sequence to the tree, unless some sequence of the tree, up to a leaf, is covered by the same executions. New
 * branches come last, so that they are explored after those that are there.
 */
export function insertSequence(tree: Branch[], sequence: readonly Act[]): void {
  let acts = sequence;
  let level = tree;
  for (;;) {
    const branch = level.find((candidate) => isWeakInitial(candidate, acts));
    if (branch === undefined) break;
    if (branch.next.length === 0) return;
    const own = acts.findIndex(({ thread }) => thread === branch.thread);
    if (own >= 0) acts = [...acts.slice(0, own), ...acts.slice(own + 1)];
    level = branch.next;
  }
  for (const { thread, footprint } of acts) {
    const branch: Branch = { thread, footprint, next: [] };
    level.push(branch);
    level = branch.next;
  }
}

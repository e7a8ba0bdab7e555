import type { Footprint } from './types.js';

/** Tests whether two steps of different threads may be swapped for another effect: a cell is touched by both, written by one. */
export function conflict(a: Footprint, b: Footprint): boolean {
  return touches(a.writes, b.writes) || touches(a.writes, b.reads) || touches(a.reads, b.writes);
}

function touches(some: readonly number[], others: readonly number[]): boolean {
  for (const cell of some) if (others.includes(cell)) return true;
  return false;
}

/** How a step touches the world in some state. */
export interface Footprint {
  /** What it reads, by number. */
  readonly reads: readonly number[];
  /** What it writes (a read-modify-write belongs here). */
  readonly writes: readonly number[];
  /** Whether it may have to wait, for what is among its reads and writes. */
  readonly mayWait: boolean;
}

/** Tests whether two steps of different threads may be swapped for another effect: a cell is touched by both, written by one. */
export function conflict(a: Footprint, b: Footprint): boolean {
  return touches(a.writes, b.writes) || touches(a.writes, b.reads) || touches(a.reads, b.writes);
}

function touches(some: readonly number[], others: readonly number[]): boolean {
  for (const cell of some) if (others.includes(cell)) return true;
  return false;
}

import type { Level } from './values.js';

/** Geometry of one level. */
export interface LevelLayout {
  readonly level: Level;
  /** log2 of the bytes that one entry covers: `PMD_SHIFT`. */
  readonly shift: number;
  /** Entries in a table: `PTRS_PER_PMD`; 1 when folded. */
  readonly entries: number;
  /** Bytes of a table as the kernel allocates it for this level. */
  readonly tableBytes: number;
  /** Folded into the level above: the kernel has the type, the hardware has no such table. */
  readonly folded: boolean;
}

/** Geometry of an address space. Entries are 8 bytes on all backends. */
export interface Layout {
  readonly PAGE_SHIFT: number;
  readonly PAGE_SIZE: number;
  /** From the root down, folded levels included. */
  readonly levels: readonly LevelLayout[];
  readonly HPAGE_PMD_SHIFT: number;
  readonly HPAGE_PMD_SIZE: number;
  readonly HPAGE_PMD_NR: number;
  /** Bits of a user virtual address. */
  readonly vaBits: number;
  /** Bits of a physical address. */
  readonly paBits: number;
  /** End of user addresses, exclusive. */
  readonly TASK_SIZE: bigint;
}

/** The layout of one level; a level is always there, folded or not. */
export function levelLayout(layout: Layout, level: Level): LevelLayout {
  const found = layout.levels.find((candidate) => candidate.level === level);
  if (found === undefined) throw new Error(`internal: layout lacks level ${level}`);
  return found;
}

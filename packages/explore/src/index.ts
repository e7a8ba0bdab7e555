export type * from './types.js';
export { exploration, explore } from './explore.js';
export type { Search, Stop } from './search.js';
export type { Bound, ExploreOptions, Progress, Strategy, TakenStep } from './options.js';
export { shrink } from './shrink.js';
export type { ShrinkOptions } from './shrink.js';
export type {
  BoundHit,
  Drift,
  ExploreResult,
  Finding,
  PreemptionCounts,
  Reached,
  SimplestCounts,
  Verdict,
} from './result.js';
export { DEADLOCK, LIVELOCK } from './judge.js';
export { formatOperand, stepName } from './step-table.js';
export { EXPLORE_ERROR_CODES, ExploreError, InvariantError } from './errors.js';
export type { ExploreErrorCode } from './errors.js';
export { seeded } from './prng.js';
export { cells } from './cells.js';
export type { Cells, StepMark } from './cells.js';
export type {
  CellOp,
  CellOperation,
  CellsOptions,
  CellsPredicate,
  CellsReader,
  CellsWriter,
} from './cells-world.js';

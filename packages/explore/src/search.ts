import type { Bound, Progress } from './options.js';
import type { ExploreResult } from './result.js';

/** Why a search is to end before it has an answer. */
export interface Stop {
  readonly bound: Bound;
  /** For example the seconds that it was given. */
  readonly limit: number;
}

/**
 * A search that goes on for as long as it is asked: it tells now and then how far it is, and is told to go on (nothing) or
 * to stop, in which case it returns what it has, with the verdict `unknown` unless something fell.
 */
export type Search = Generator<Progress, ExploreResult, Stop | undefined>;

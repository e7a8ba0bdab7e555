/** A run in shards: each machine takes every n-th search, and `ptemu merge` puts the outputs together. */
import { clip } from './input.js';
import { UsageError } from './io.js';
import { printedWords, type SearchWords } from './search-options.js';
import type { Job } from './selection.js';

/** Shard `index` of `of`, counted from 1. */
export interface Shard {
  readonly index: number;
  readonly of: number;
}

/** What a shard's output begins with. */
export interface Manifest extends Shard {
  readonly format: 'ptemu-shard';
  /** Searches of the whole run, in order. */
  readonly jobs: readonly string[];
  /** What the merged output is judged and printed by. */
  readonly expect: string | null;
  readonly twins: boolean;
  readonly search: SearchWords;
}

const SHARDS_MAX = 1000;

/** Reads `i/n`. @throws UsageError */
export function parseShard(text: string): Shard {
  const found = /^(\d{1,4})\/(\d{1,4})$/.exec(text);
  const [index, of] = [Number(found?.[1]), Number(found?.[2])];
  if (found !== null && of >= 1 && of <= SHARDS_MAX && index >= 1 && index <= of) return { index, of };
  throw new UsageError(`--shard '${clip(text)}' must be i/n with 1 <= i <= n <= ${SHARDS_MAX}, such as 2/3`);
}

/** The shard's searches: every n-th, so that each shard has some of every probe. */
export const shardOf = (jobs: readonly Job[], { index, of }: Shard): readonly Job[] =>
  jobs.filter((_, i) => i % of === index - 1);

/** The name of a search: what it is and on which machine. */
export const jobName = ({ scenario, probe, arch }: Job): string =>
  [scenario.id, probe.id, arch.spec, arch.kernel.release, ...arch.kernel.toggles].join(' ');

export function manifestOf(
  { index, of }: Shard,
  jobs: readonly Job[],
  options: SearchWords & { readonly expect?: string; readonly twins?: boolean },
): Manifest {
  const { expect = null, twins = false } = options;
  return {
    format: 'ptemu-shard',
    index,
    of,
    jobs: jobs.map(jobName),
    expect,
    twins,
    search: printedWords(options),
  };
}

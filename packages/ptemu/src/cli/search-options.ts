/** How `ptemu run` searches: the command line's words turned into options of a search. */
import type { RunOptions } from '@ptemu/scenarios';
import { clip, parseCount } from './input.js';
import { UsageError } from './io.js';

/** The options as the command line gives them. */
export interface SearchWords {
  readonly strategy?: string;
  readonly seed?: string;
  readonly runs?: string;
  readonly preemptions?: string;
  readonly depth?: string;
  readonly maxStates?: string;
  readonly maxExecutions?: string;
  readonly maxMemory?: string;
  readonly timeout?: string;
  readonly jobs?: string;
  readonly hashCompact?: boolean;
  /** False for `--no-sleep-sets` and `--no-merge`. */
  readonly sleepSets?: boolean;
  readonly merge?: boolean;
  readonly liveness?: boolean;
}

type SearchStrategy = NonNullable<RunOptions['strategy']>;

/** What each strategy is, for `--help` and messages. */
export const STRATEGIES: Readonly<Record<SearchStrategy, string>> = {
  simplest: 'the simplest counterexample first, then every state (default)',
  exhaustive: 'every state, breadth first',
  dpor: 'one schedule of each trace',
  preemptions: 'schedules with few preemptions',
  pct: 'walks by random priorities',
  random: 'walks, uniform over what can step',
};

const MAX = 0x7fff_ffff;
/** Options that go with some strategies only. */
const GOES_WITH: Readonly<Record<string, readonly SearchStrategy[]>> = {
  seed: ['random', 'pct'],
  runs: ['random', 'pct'],
  depth: ['pct'],
  preemptions: ['simplest', 'preemptions'],
  maxExecutions: ['dpor'],
  maxStates: ['simplest', 'exhaustive', 'preemptions'],
  maxMemory: ['simplest', 'exhaustive'],
  jobs: ['simplest', 'exhaustive'],
  hashCompact: ['simplest', 'exhaustive'],
  sleepSets: ['simplest', 'exhaustive'],
  liveness: ['simplest', 'exhaustive'],
};

/** Reads the options. @throws UsageError */
export function searchOptions(words: SearchWords): RunOptions {
  const strategy = strategyOf(words.strategy);
  for (const [name, strategies] of Object.entries(GOES_WITH)) {
    const given = words[name as keyof SearchWords];
    const used = given !== undefined && given !== (name === 'sleepSets' || name === 'liveness');
    if (used && !strategies.includes(strategy)) {
      throw new UsageError(
        `${optionOf(name, words)} goes with --strategy ${strategies.join(' or ')}, not ${strategy}`,
      );
    }
  }
  const count = (name: keyof SearchWords, min: number, max = MAX): Readonly<Record<string, number>> => {
    const text = words[name];
    return typeof text === 'string'
      ? { [name]: parseCount(text, { option: optionOf(name, words), min, max }) }
      : {};
  };
  return {
    strategy,
    ...count('seed', 0, 0xffff_ffff),
    ...count('runs', 1),
    ...count('preemptions', 0),
    ...count('depth', 1),
    ...count('maxStates', 1),
    ...count('maxExecutions', 1),
    ...count('jobs', 1, 64),
    ...(words.maxMemory !== undefined && { maxMemory: parseBytes(words.maxMemory) }),
    ...(words.hashCompact === true && { hashCompact: true }),
    ...(words.sleepSets === false && { sleepSets: false }),
    ...(words.merge === false && { merge: 'none' as const }),
    ...(words.liveness === false && { liveness: false }),
  };
}

/** The options as words again, for the command that repeats a run; those that change no result are left out. */
export function searchWords(words: SearchWords): readonly string[] {
  const kept = ['strategy', 'seed', 'runs', 'preemptions', 'depth', 'maxStates', 'maxExecutions'] as const;
  return [
    ...kept.flatMap((name) => (words[name] === undefined ? [] : [`${optionOf(name, words)} ${words[name]}`])),
    ...(words.merge === false ? ['--no-merge'] : []),
  ];
}

/** Those of the words that a report of results is printed by. */
export function printedWords(words: SearchWords): SearchWords {
  const { strategy, seed, runs, preemptions, depth, maxStates, maxExecutions, sleepSets, merge } = words;
  const all = { strategy, seed, runs, preemptions, depth, maxStates, maxExecutions, sleepSets, merge };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as SearchWords;
}

/** `--timeout`, in milliseconds; undefined when there is none. */
export function timeoutOf({ timeout }: SearchWords): number | undefined {
  if (timeout === undefined) return undefined;
  const found = /^(\d{1,7}(?:\.\d{1,3})?)(s|m|h)?$/.exec(timeout);
  const seconds = Number(found?.[1]) * { s: 1, m: 60, h: 3600 }[(found?.[2] ?? 's') as 's' | 'm' | 'h'];
  if (found === null || !(seconds > 0)) {
    throw new UsageError(`--timeout '${clip(timeout)}' must be a time such as 30, 90s, 10m or 2h`);
  }
  return seconds * 1000;
}

function strategyOf(word = 'simplest'): SearchStrategy {
  if (word in STRATEGIES) return word as SearchStrategy;
  throw new UsageError(`unknown strategy '${clip(word)}'; there are ${Object.keys(STRATEGIES).join(', ')}`);
}

function parseBytes(text: string): number {
  const found = /^(\d{1,9})([kmg])?$/i.exec(text);
  const unit =
    { k: 1024, m: 1024 ** 2, g: 1024 ** 3 }[(found?.[2] ?? '').toLowerCase() as 'k' | 'm' | 'g'] ?? 1;
  const bytes = Number(found?.[1]) * unit;
  if (found !== null && Number.isSafeInteger(bytes) && bytes > 0) return bytes;
  throw new UsageError(`--max-memory '${clip(text)}' must be a number of bytes such as 500m or 2g`);
}

function optionOf(name: string, words: SearchWords): string {
  const kebab = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return words[name as keyof SearchWords] === false ? `--no-${kebab}` : `--${kebab}`;
}

import { ExploreError } from './errors.js';
import type { Finding } from './result.js';
import type { Operand, ScheduleEntry, StepResult, Step, Fallen } from './types.js';

/** How schedules are chosen; `explore` explains each. */
export type Strategy = 'simplest' | 'exhaustive' | 'dpor' | 'preemptions' | 'random' | 'pct' | 'replay';

/** A limit of a search; a verdict of `unknown` names those that were reached. */
export type Bound =
  | 'runs'
  | 'maxStates'
  | 'maxMemory'
  | 'maxDepth'
  | 'maxSteps'
  | 'maxExecutions'
  | 'preemptions'
  | 'hashCompact'
  | 'timeout'
  | 'interrupt';

/** What `explore` may be told. Every limit is a positive integer. */
export interface ExploreOptions {
  /** Default `simplest`. */
  readonly strategy?: Strategy;
  /** `random` and `pct`: where the walks begin; an integer in [0, 2^32), default 1. */
  readonly seed?: number;
  /** `random` and `pct`: how many walks are made, default 1000. */
  readonly runs?: number;
  /** `simplest`, `exhaustive` and `preemptions`: how many states are kept, default 10,000,000. */
  readonly maxStates?: number;
  /** `simplest`, `exhaustive`: how many bytes the kept states may take, about; looked at now and then. Default: no limit. */
  readonly maxMemory?: number;
  /**
   * `simplest`, `exhaustive`: how many threads search, default 1. Needs the worker threads of Node.js. The result is the
   * same; with `hashCompact` there is one whatever this says.
   */
  readonly jobs?: number;
  /**
   * `simplest`, `exhaustive`: keeps of each state a fingerprint of 64 bits only. Two states of one fingerprint are taken for
   * one, so the answer is `unknown` where nothing fell, with the probability that a state was omitted. Default false.
   */
  readonly hashCompact?: boolean;
  /** `simplest`, `exhaustive`: whether steps are left out that lead only where others lead (sleep sets), default true. */
  readonly sleepSets?: boolean;
  /**
   * `bisimilar` (default): where the histories of all threads can be run beforehand, those after which a thread does the
   * same are one state of it. `none`: each history is a state of its own, but for what `Step.forget` says.
   */
  readonly merge?: 'bisimilar' | 'none';
  /** `dpor`: how many executions are explored, default 10,000,000. */
  readonly maxExecutions?: number;
  /**
   * `preemptions`: how often a thread that could go on is interrupted; `simplest`: likewise before the exhaustive search.
   * An integer in [0, 2^31), default 2.
   */
  readonly preemptions?: number;
  /** `pct`: how many orderings a violation may need, the d of the paper, default 3. */
  readonly depth?: number;
  /** `pct`: the steps of the longest schedule, the k of the paper; left out: those of a first walk without changes. */
  readonly length?: number;
  /** How many steps one thread takes, default 10,000. */
  readonly maxDepth?: number;
  /** How many steps one schedule has, default 100,000; `dpor`, whose work grows with the square of it: 10,000. */
  readonly maxSteps?: number;
  /** `simplest`, `exhaustive`, `dpor`, `preemptions`: ends the search at the first judged violation, with the counts so far. */
  readonly stopAtFirst?: boolean;
  /** `simplest`, `exhaustive`: goes on from a checkpoint of the same program under the same options. */
  readonly resume?: Uint8Array;
  /** `replay`: what to take, in order. */
  readonly schedule?: readonly ScheduleEntry[];
  /** `replay`: called after each step, with the world in the state after it. */
  readonly observe?: (taken: TakenStep) => void;
  /**
   * `simplest`, `exhaustive`: whether `livelock` is looked for where threads have loops that forget; default true.
   */
  readonly liveness?: boolean;
  /** `simplest`: called with the simplest violation as soon as it is known, while the search goes on. */
  readonly found?: (finding: Finding) => void;
  /** Called now and then with how far the search is. */
  readonly progress?: (progress: Progress) => void;
}

/** A step as a replay took it. */
export interface TakenStep {
  /** Position in the schedule, from 0. */
  readonly index: number;
  readonly actor: string;
  /** The thread's number in the program. */
  readonly thread: number;
  readonly step: Step;
  readonly result: StepResult;
  /** What fell in this step. */
  readonly fallen: readonly Fallen[];
}

/** How far a search is. */
export interface Progress {
  readonly states: number;
  /** Of `states`, how many have been expanded. */
  readonly expanded: number;
  readonly transitions: number;
  /** Runs made so far, where the strategy makes runs. */
  readonly executions: number;
  /** `preemptions`: how many the schedules at hand have. */
  readonly preemptions?: number;
  /** Bytes that the kept states take. */
  readonly bytes: number;
  /**
   * `exhaustive`: makes bytes from which `resume` goes on; to be called before the search goes on. Absent where the world
   * cannot be checkpointed.
   */
  readonly checkpoint?: () => Uint8Array;
}

/** Options with every limit filled in. */
export interface Settings extends ExploreOptions {
  readonly strategy: Strategy;
  readonly seed: number;
  readonly runs: number;
  readonly maxStates: number;
  readonly maxDepth: number;
  readonly maxSteps: number;
  readonly maxExecutions: number;
  readonly preemptions: number;
  readonly depth: number;
  readonly jobs: number;
  readonly sleepSets: boolean;
  readonly hashCompact: boolean;
  readonly merge: 'bisimilar' | 'none';
  readonly liveness: boolean;
  /** What had fallen in the world before the first step. */
  readonly fallen: readonly Fallen[];
}

const STRATEGIES: readonly Strategy[] = [
  'simplest',
  'exhaustive',
  'dpor',
  'preemptions',
  'random',
  'pct',
  'replay',
];

const DEFAULTS: Omit<Settings, 'strategy'> = {
  seed: 1,
  runs: 1000,
  maxStates: 10_000_000,
  maxDepth: 10_000,
  maxSteps: 100_000,
  maxExecutions: 10_000_000,
  preemptions: 2,
  depth: 3,
  jobs: 1,
  sleepSets: true,
  hashCompact: false,
  liveness: true,
  fallen: [],
  merge: 'bisimilar',
};

const LIMITS = ['runs', 'maxStates', 'maxDepth', 'maxSteps', 'maxExecutions', 'depth', 'length'] as const;
const JOBS_MAX = 64;
const MERGES = ['bisimilar', 'none'];

const NAMES: ReadonlySet<string> = new Set<keyof ExploreOptions>([
  'strategy',
  'seed',
  'runs',
  'maxStates',
  'maxMemory',
  'maxDepth',
  'maxSteps',
  'maxExecutions',
  'preemptions',
  'depth',
  'length',
  'jobs',
  'sleepSets',
  'hashCompact',
  'merge',
  'liveness',
  'resume',
  'found',
  'stopAtFirst',
  'schedule',
  'observe',
  'progress',
]);

/** @throws ExploreError `BAD_OPTION` or `UNKNOWN_STRATEGY`. */
export function settingsOf(options: ExploreOptions): Settings {
  for (const name of Object.keys(options)) {
    if (!NAMES.has(name)) throw badOption(name, undefined, `one of ${[...NAMES].join(', ')}`);
  }
  const strategy = options.strategy ?? 'simplest';
  if (!STRATEGIES.includes(strategy)) {
    throw new ExploreError(
      'UNKNOWN_STRATEGY',
      `no strategy is called ${JSON.stringify(strategy)}; there are ${STRATEGIES.join(', ')}`,
      { strategy },
    );
  }
  const ownDefaults = strategy === 'dpor' ? { maxSteps: 10_000 } : {};
  const settings: Settings = { ...DEFAULTS, ...ownDefaults, ...options, strategy };
  for (const name of LIMITS) {
    const value: Operand = settings[name];
    if (value === undefined && name === 'length') continue;
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > 0x7fff_ffff) {
      throw badOption(name, value, 'an integer in [1, 2^31)');
    }
  }
  const { maxMemory, merge } = settings;
  if (maxMemory !== undefined && !(Number.isSafeInteger(maxMemory) && maxMemory > 0)) {
    throw badOption('maxMemory', maxMemory, 'a number of bytes');
  }
  if (!Number.isInteger(settings.jobs) || settings.jobs < 1 || settings.jobs > JOBS_MAX) {
    throw badOption('jobs', settings.jobs, `an integer in [1, ${JOBS_MAX}]`);
  }
  if (!MERGES.includes(merge)) throw badOption('merge', merge, MERGES.join(' or '));
  for (const name of ['sleepSets', 'hashCompact', 'liveness'] as const) {
    if (typeof settings[name] !== 'boolean') throw badOption(name, settings[name], 'true or false');
  }
  const { preemptions } = settings;
  if (!Number.isInteger(preemptions) || preemptions < 0 || preemptions > 0x7fff_ffff) {
    throw badOption('preemptions', preemptions, 'an integer in [0, 2^31)');
  }
  if (!Number.isInteger(settings.seed) || settings.seed < 0 || settings.seed > 0xffff_ffff) {
    throw badOption('seed', settings.seed, 'an integer in [0, 2^32)');
  }
  if (strategy === 'replay' && !Array.isArray(settings.schedule)) {
    throw badOption('schedule', settings.schedule, 'a list of { actor, step }');
  }
  return settings;
}

function badOption(name: string, value: unknown, right: string): ExploreError {
  return value === undefined
    ? new ExploreError('BAD_OPTION', `option ${name} is unknown or missing; it must be ${right}`, { name })
    : new ExploreError('BAD_OPTION', `option ${name} is ${String(value)}; it must be ${right}`, {
        name,
        value,
      });
}

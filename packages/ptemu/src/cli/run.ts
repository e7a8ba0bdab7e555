import { type VerdictRow, twoColumn, verdictMatrix, verdictTable } from '@ptemu/report';
import type { Expectation, ProbeResult, RunOptions, ScenarioApi } from '@ptemu/scenarios';
import { parseCount, writeText } from './input.js';
import { EXIT, type ExitCode, type Io, UsageError } from './io.js';
import { jsonLine } from './json.js';
import { progressBar } from './progress.js';
import {
  type Job,
  type MachineOptions,
  type ProbeFilter,
  isPlain,
  onRecord,
  selectJobs,
  selectProbes,
} from './selection.js';

/** Options of `ptemu run`, as the command line gives them. */
export interface RunCommandOptions extends MachineOptions, ProbeFilter {
  readonly strategy?: string;
  readonly seed?: string;
  readonly runs?: string;
  readonly maxStates?: string;
  readonly expect?: string;
  readonly trace?: string;
  readonly json?: boolean;
}

/** `ptemu run [SCENARIO]`: verdicts, and the first counterexample. */
export function runCommand(
  scenario: string | undefined,
  options: RunCommandOptions,
  io: Io,
  api: ScenarioApi,
): ExitCode {
  const limits = runOptions(options);
  const { jobs, left, missing } = selectJobs(selectProbes(api, scenario, options), options);
  for (const why of missing) io.stderr(`left out: ${why}\n`);
  const results: { readonly job: Job; readonly result: ProbeResult }[] = [];
  const bar = progressBar(jobs.length, io);
  try {
    for (const job of jobs) {
      bar.next(`${job.probe.id} ${job.arch.spec} ${job.arch.kernel.release}`);
      const result = api.runProbe(job.arch, job.scenario.id, job.probe.id, limits);
      results.push({ job, result });
      if (options.json === true) io.stdout(jsonLine(verdictOf(result)));
    }
  } finally {
    bar.stop();
  }
  if (options.json !== true) print(results, left, options, io);
  const fallen = results.filter(({ result }) => result.verdict === 'violates');
  const shown = fallen.find(({ job }) => isPlain(job.probe)) ?? fallen[0];
  if (shown !== undefined && (options.json !== true || options.trace !== undefined)) {
    const trace = api.traceOf(shown.job.arch, shown.result);
    if (options.trace !== undefined) writeText(options.trace, `${JSON.stringify(trace, null, 1)}\n`);
    if (options.json !== true) {
      const replay = replayCommand(shown.result, options);
      io.stdout(`\ncounterexample\n\n${twoColumn(trace, { color: io.color, replay })}`);
    }
  }
  return exitOf(
    results.map(({ result }) => result),
    options.expect,
  );
}

/** A verdict as `--json` prints it. */
export function verdictOf(result: ProbeResult): Readonly<Record<string, unknown>> {
  const executions = Number(result.executions);
  return {
    scenario: result.scenario,
    probe: result.probe,
    ...(result.variant !== undefined && { variant: result.variant }),
    arch: result.arch,
    spec: result.spec,
    options: result.options,
    kernel: result.kernel,
    commits: result.commits,
    verdict: result.verdict,
    invariant: result.invariant ?? null,
    message: result.message ?? null,
    alsoFell: result.alsoFell,
    fell: result.fell.map(({ invariant }) => invariant),
    states: result.states,
    transitions: result.transitions,
    executions: Number.isSafeInteger(executions) ? executions : result.executions,
    bounds: result.bounds,
    schedule: result.schedule.map(({ actor, step }) => ({ actor, step })),
    reached: result.reached,
    expected: expectedOf(result.expected),
    agrees: result.agrees ?? null,
  };
}

function expectedOf(expected: Expectation | undefined): unknown {
  if (expected === undefined) return null;
  const { verdict, invariants, basis, source } = expected;
  return { verdict, ...(invariants && { invariants }), basis, source };
}

function print(
  results: readonly { readonly job: Job; readonly result: ProbeResult }[],
  left: readonly string[],
  options: RunCommandOptions,
  io: Io,
): void {
  const view = { color: io.color, ...(io.columns !== undefined && { width: io.columns }) };
  const rows: readonly VerdictRow[] = results.map(({ result }) => result);
  io.stdout(verdictTable(rows, view));
  const plain = results.filter(({ job }) => onRecord(job.probe)).map(({ result }) => result);
  if (new Set(plain.map((row) => row.probe)).size > 1) io.stdout(`\n${verdictMatrix(plain, view)}`);
  const twins = results.filter(({ job }) => job.probe.twinOf !== undefined);
  if (options.twins === true && twins.length > 0) {
    const caught = twins.filter(({ result }) => result.verdict === 'violates').length;
    io.stdout(`\nbroken twins: ${caught} of ${twins.length} caught\n`);
  }
  for (const { result } of results) {
    const missed = Object.keys(result.reached).filter((name) => result.reached[name] === false);
    if (missed.length > 0 && result.verdict === 'holds') {
      io.stdout(
        `\nnote: ${result.probe} on ${result.spec} ${result.kernel} never reached ${missed.join(', ')}\n`,
      );
    }
  }
  const bounds = new Set(
    results.flatMap(({ result }) => Object.entries(result.bounds).map(([k, v]) => `${k} ${v}`)),
  );
  if (bounds.size > 0) io.stdout(`\n${['bounds', ...bounds].join('\n  ')}\n`);
  if (options.strategy === 'random') io.stdout(`seed ${options.seed ?? '1'}\n`);
  if (left.length > 0 && io.progress) io.stderr(`left out: ${left.length} pairs of probe and machine\n`);
}

/** The one command that finds the same run again and replays it. */
export function replayCommand(result: ProbeResult, options: RunCommandOptions): string {
  const toggles = result.commits.map(
    (toggle) => `${toggle.startsWith('-') ? '--without' : '--with'} ${toggle.slice(1)}`,
  );
  const search = [
    options.strategy === undefined ? '' : `--strategy ${options.strategy}`,
    options.seed === undefined ? '' : `--seed ${options.seed}`,
    options.runs === undefined ? '' : `--runs ${options.runs}`,
    options.maxStates === undefined ? '' : `--max-states ${options.maxStates}`,
  ];
  const words = [
    `npx ptemu run ${result.scenario} --probe ${result.probe}`,
    `--arch ${result.spec} --kernel ${result.kernel}`,
    ...toggles,
    ...search,
    '--json | npx ptemu replay -',
  ];
  return words.filter((word) => word !== '').join(' ');
}

/** 1 where a verdict is not as expected, else 3 where a bound was hit, else 0. */
function exitOf(results: readonly ProbeResult[], expect: string | undefined): ExitCode {
  const wrong = results.some((result) =>
    expect === 'holds'
      ? result.verdict === 'violates'
      : result.agrees === false && result.verdict !== 'unknown',
  );
  if (wrong) return EXIT.differs;
  return results.some((result) => result.verdict === 'unknown') ? EXIT.bound : EXIT.expected;
}

function runOptions(options: RunCommandOptions): RunOptions {
  const { strategy, seed, runs, maxStates, expect } = options;
  if (strategy !== undefined && strategy !== 'exhaustive' && strategy !== 'random') {
    throw new UsageError(`unknown strategy '${strategy}'; there are exhaustive, random`);
  }
  if (expect !== undefined && expect !== 'holds') {
    throw new UsageError(`--expect takes holds, not '${expect}'`);
  }
  if (strategy !== 'random' && (seed !== undefined || runs !== undefined)) {
    throw new UsageError('--seed and --runs go with --strategy random');
  }
  const max = 0x7fff_ffff;
  return {
    ...(strategy && { strategy }),
    ...(seed !== undefined && { seed: parseCount(seed, { option: '--seed', min: 0, max: 0xffff_ffff }) }),
    ...(runs !== undefined && { runs: parseCount(runs, { option: '--runs', min: 1, max }) }),
    ...(maxStates !== undefined && {
      maxStates: parseCount(maxStates, { option: '--max-states', min: 1, max }),
    }),
  };
}

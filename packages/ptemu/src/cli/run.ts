import type { Progress } from '@ptemu/explore';
import type { ProbeResult, RunOptions, ScenarioApi } from '@ptemu/scenarios';
import { drive, endOf, type Limits } from './drive.js';
import { writeText } from './input.js';
import { EXIT, type ExitCode, type Io, UsageError } from './io.js';
import { jsonLine } from './json.js';
import { progressBar } from './progress.js';
import { RunCheckpoint } from './run-checkpoint.js';
import { printRun, replayCommand, type Ran } from './run-report.js';
import { searchOptions, type SearchWords, timeoutOf } from './search-options.js';
import {
  type Job,
  isPlain,
  type MachineOptions,
  type ProbeFilter,
  selectJobs,
  selectProbes,
} from './selection.js';
import { manifestOf, parseShard, shardOf } from './shard.js';
import { verdictOf } from './verdict-json.js';

/** Options of `ptemu run`, as the command line gives them. */
export interface RunCommandOptions extends MachineOptions, ProbeFilter, SearchWords {
  readonly expect?: string;
  readonly trace?: string;
  readonly json?: boolean;
  readonly checkpoint?: string;
  /** Seconds between two writes of the checkpoint. */
  readonly checkpointEvery?: string;
  readonly shard?: string;
}

/** Seconds between two writes of a checkpoint, where nothing else is said. */
const CHECKPOINT_EVERY = 10;

/** `ptemu run [SCENARIO]`: verdicts, and the first counterexample. */
export async function runCommand(
  scenario: string | undefined,
  options: RunCommandOptions,
  io: Io,
  api: ScenarioApi,
): Promise<ExitCode> {
  const search = searchOptions(options);
  const timeout = timeoutOf(options);
  if (options.expect !== undefined && options.expect !== 'holds') {
    throw new UsageError(`--expect takes holds, not '${options.expect}'`);
  }
  const selected = selectJobs(selectProbes(api, scenario, options), options);
  const shard = options.shard === undefined ? undefined : parseShard(options.shard);
  const jobs = shard === undefined ? selected.jobs : shardOf(selected.jobs, shard);
  for (const why of selected.missing) io.stderr(`left out: ${why}\n`);
  if (options.json === true && shard !== undefined)
    io.stdout(jsonLine(manifestOf(shard, selected.jobs, options)));

  const limits = {
    io,
    deadline: timeout === undefined ? undefined : performance.now() + timeout,
    seconds: (timeout ?? 0) / 1000,
  };
  const { ran, cut } = await runJobs(jobs, search, limits, options, api);
  const report = { ran, left: selected.left, options, io };
  if (options.json !== true) printRun(report);
  showCounterexample(ran, options, io, api);
  if (cut > 0) io.stderr(`ended early: ${cut} of ${jobs.length} searches were not begun\n`);
  const code = exitOf(
    ran.map(({ result }) => result),
    options.expect,
  );
  return code === EXIT.expected && cut > 0 ? EXIT.bound : code;
}

/** Runs the jobs in turn; `cut` is how many were not begun when the run was ended. */
async function runJobs(
  jobs: readonly Job[],
  search: RunOptions,
  limits: Omit<Limits, 'between'>,
  options: RunCommandOptions,
  api: ScenarioApi,
): Promise<{ readonly ran: readonly Ran[]; readonly cut: number }> {
  const { io } = limits;
  const checkpoint = checkpointOf(jobs, search, options);
  const before = checkpoint?.load() ?? { results: [], search: undefined };
  const ran: Ran[] = [];
  const tell = (job: Job, result: ProbeResult): void => {
    ran.push({ job, result });
    if (options.json === true) io.stdout(jsonLine(verdictOf(result)));
  };
  before.results.forEach((result, i) => tell(jobs[i] as Job, result));
  const bar = progressBar(jobs.length, io);
  let resume = before.search;
  let ended: ReturnType<typeof endOf>;
  try {
    for (const job of jobs.slice(ran.length)) {
      ended = endOf({ ...limits, between: () => undefined });
      if (ended !== undefined) break;
      const name = `${job.probe.id} ${job.arch.spec} ${job.arch.kernel.release}`;
      bar.next(name);
      const results = ran.map(({ result }) => result);
      let last: Progress | undefined;
      const between = (progress: Progress): void => {
        last = progress;
        bar.detail(progress);
        if (checkpoint?.due === true && progress.checkpoint !== undefined) {
          checkpoint.save({ results, search: progress.checkpoint() });
        }
      };
      const steps = api.searchProbe(job.arch, job.scenario.id, job.probe.id, {
        ...search,
        ...(resume !== undefined && { resume }),
        found: ({ invariant }) => bar.note(`${name}: ${invariant} falls; the search goes on`),
      });
      resume = undefined;
      const all = { ...limits, between };
      const result = await drive(steps, all);
      ended = endOf(all);
      const stopped = result.bounds['timeout'] !== undefined || result.bounds['interrupt'] !== undefined;
      if (stopped && checkpoint !== undefined) {
        checkpoint.save({ results, search: last?.checkpoint?.() });
      }
      tell(job, result);
      if (stopped) break;
    }
  } finally {
    bar.stop();
  }
  if (ended === undefined) checkpoint?.remove();
  return { ran, cut: ended === undefined ? 0 : jobs.length - ran.length };
}

function checkpointOf(
  jobs: readonly Job[],
  search: RunOptions,
  options: RunCommandOptions,
): RunCheckpoint | undefined {
  if (options.checkpoint === undefined) {
    if (options.checkpointEvery !== undefined)
      throw new UsageError('--checkpoint-every goes with --checkpoint');
    return undefined;
  }
  const every = Number(options.checkpointEvery ?? CHECKPOINT_EVERY);
  if (!(every >= 0))
    throw new UsageError(`--checkpoint-every '${options.checkpointEvery}' must be a number of seconds`);
  const { jobs: _, maxMemory: __, maxStates: ___, ...identity } = search;
  const names = jobs.map(({ scenario, probe, arch }) => [
    scenario.id,
    probe.id,
    arch.spec,
    arch.kernel.release,
    arch.kernel.toggles,
  ]);
  return new RunCheckpoint(options.checkpoint, [names, identity], every * 1000);
}

/** Prints the first counterexample, and writes it where `--trace` says. */
export function showCounterexample(
  ran: readonly Ran[],
  options: Pick<RunCommandOptions, 'json' | 'trace'> & SearchWords,
  io: Io,
  api: ScenarioApi,
): void {
  const fallen = ran.filter(({ result }) => result.verdict === 'violates');
  const shown = fallen.find(({ job }) => isPlain(job.probe)) ?? fallen[0];
  if (shown === undefined || (options.json === true && options.trace === undefined)) return;
  const trace = api.traceOf(shown.job.arch, shown.result);
  if (options.trace !== undefined) writeText(options.trace, `${JSON.stringify(trace, null, 1)}\n`);
  if (options.json === true) return;
  io.stdout(`\ncounterexample\n\n${replayCommand(shown.result, options, trace, io)}`);
}

/** 1 where a verdict is not as expected, else 3 where a bound was hit, else 0. */
export function exitOf(results: readonly ProbeResult[], expect: string | undefined): ExitCode {
  const wrong = results.some((result) =>
    expect === 'holds'
      ? result.verdict === 'violates'
      : result.agrees === false && result.verdict !== 'unknown',
  );
  if (wrong) return EXIT.differs;
  return results.some((result) => result.verdict === 'unknown') ? EXIT.bound : EXIT.expected;
}

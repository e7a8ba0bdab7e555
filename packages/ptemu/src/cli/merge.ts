import type { ProbeResult, ScenarioApi } from '@ptemu/scenarios';
import { backend } from '../backends.js';
import { clip, parseKernel, readText } from './input.js';
import { type ExitCode, type Io, UsageError } from './io.js';
import { jsonLine } from './json.js';
import { exitOf, showCounterexample } from './run.js';
import { printRun, type Ran } from './run-report.js';
import { type Job, scenarioOf } from './selection.js';
import type { Manifest } from './shard.js';
import { resultOf, verdictOf } from './verdict-json.js';

/** Options of `ptemu merge`. */
export interface MergeOptions {
  readonly json?: boolean;
}

/** One shard's output. */
interface ShardOutput {
  readonly path: string;
  readonly manifest: Manifest;
  readonly results: readonly ProbeResult[];
}

/** `ptemu merge FILE...`: prints what one run of all shards would have printed, and ends as it would have. */
export async function mergeCommand(
  paths: readonly string[],
  options: MergeOptions,
  io: Io,
  api: ScenarioApi,
): Promise<ExitCode> {
  const shards: ShardOutput[] = [];
  for (const path of paths) shards.push(shardIn(path, await readText(path, io)));
  const { manifest } = checkComplete(shards);
  const byIndex = new Map(shards.map((shard) => [shard.manifest.index, shard]));
  const ran = manifest.jobs.map((name, i): Ran => {
    const shard = byIndex.get((i % manifest.of) + 1) as ShardOutput;
    const result = shard.results[Math.floor(i / manifest.of)];
    if (result === undefined || nameOf(result) !== name) {
      throw new UsageError(`'${clip(shard.path)}' lacks the verdict of ${name}; run that shard to its end`);
    }
    return { job: jobOf(result, api), result };
  });
  if (options.json === true) for (const { result } of ran) io.stdout(jsonLine(verdictOf(result)));
  else {
    const { search, twins } = manifest;
    printRun({ ran, left: [], options: { ...search, twins }, io });
    showCounterexample(ran, search, io, api);
  }
  return exitOf(
    ran.map(({ result }) => result),
    manifest.expect ?? undefined,
  );
}

function shardIn(path: string, text: string): ShardOutput {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const values = lines.map((line, i) => {
    try {
      return JSON.parse(line) as unknown;
    } catch {
      throw new UsageError(
        `'${clip(path)}' line ${i + 1} is no JSON; give outputs of ptemu run --shard i/n --json`,
      );
    }
  });
  const manifest = values[0] as Partial<Manifest> | undefined;
  if (manifest?.format !== 'ptemu-shard' || !Array.isArray(manifest.jobs)) {
    throw new UsageError(`'${clip(path)}' is no shard; give outputs of ptemu run --shard i/n --json`);
  }
  const results = values.slice(1).map((value, i) => {
    const result = resultOf(value);
    if (result === undefined) throw new UsageError(`'${clip(path)}' line ${i + 2} is no verdict`);
    return result;
  });
  return { path, manifest: manifest as Manifest, results };
}

/** Checks that the shards are all of one run, each once; returns the first. */
function checkComplete(shards: readonly ShardOutput[]): ShardOutput {
  const [first] = shards as readonly [ShardOutput, ...ShardOutput[]];
  const runOf = ({ index: _, ...run }: Manifest): string => JSON.stringify(run);
  for (const { path, manifest } of shards) {
    if (runOf(manifest) !== runOf(first.manifest)) {
      throw new UsageError(`'${clip(path)}' is of another run than '${clip(first.path)}'`);
    }
  }
  const have = shards.map(({ manifest }) => manifest.index);
  const { of } = first.manifest;
  for (let index = 1; index <= of; index++) {
    const times = have.filter((one) => one === index).length;
    if (times === 0) throw new UsageError(`shard ${index}/${of} is missing`);
    if (times > 1) throw new UsageError(`shard ${index}/${of} is given twice`);
  }
  return first;
}

const nameOf = ({ scenario, probe, spec, kernel, commits }: ProbeResult): string =>
  [scenario, probe, spec, kernel, ...commits].join(' ');

function jobOf({ scenario: id, probe: probeId, spec, kernel, commits }: ProbeResult, api: ScenarioApi): Job {
  const scenario = scenarioOf(api, id);
  const probe = scenario.probes.find((candidate) => candidate.id === probeId);
  if (probe === undefined) throw new UsageError(`${id} has no probe '${clip(probeId)}'`);
  const marked = (sign: string): readonly string[] =>
    commits.filter((toggle) => toggle.startsWith(sign)).map((toggle) => toggle.slice(1));
  return {
    scenario,
    probe,
    arch: backend(spec, { kernel: parseKernel(kernel, { with: marked('+'), without: marked('-') }) }),
  };
}

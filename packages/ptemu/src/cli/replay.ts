import type { ScheduleEntry } from '@ptemu/explore';
import { twoColumn } from '@ptemu/report';
import { type ScenarioApi, ScenarioError } from '@ptemu/scenarios';
import { type TraceDocument, TraceError, validateTrace } from '@ptemu/trace';
import { backend } from '../backends.js';
import { clip, parseKernel, readText } from './input.js';
import { EXIT, type ExitCode, type Io, UsageError } from './io.js';
import { jsonLine } from './json.js';
import { scenarioOf } from './selection.js';

/** Options of `ptemu replay`. */
export interface ReplayOptions {
  readonly json?: boolean;
}

/** What a replay needs, whatever file it came from. */
interface Recorded {
  readonly scenario: string;
  readonly probe: string;
  readonly spec: string;
  readonly kernel: string;
  readonly commits: readonly string[];
  readonly invariant: string | undefined;
  readonly schedule: readonly ScheduleEntry[];
}

/** Larger inputs are no recording of a run. */
const INPUT_MAX = 256 * 1024 * 1024;

/** `ptemu replay FILE`: takes the recorded steps again, and says where they no longer fit. */
export async function replayCommand(
  path: string,
  options: ReplayOptions,
  io: Io,
  api: ScenarioApi,
): Promise<ExitCode> {
  const recorded = recordedOf(await readText(path, io));
  const scenario = scenarioOf(api, recorded.scenario);
  if (!scenario.probes.some((probe) => probe.id === recorded.probe)) {
    throw new UsageError(
      `the recording is of probe '${clip(recorded.probe)}', which ${scenario.id} does not have`,
    );
  }
  const arch = backend(recorded.spec, { kernel: toggled(recorded) });
  const trace = taken(() => api.traceOf(arch, recorded));
  if (typeof trace === 'string') {
    if (options.json === true) io.stdout(jsonLine({ ...recorded, agrees: false, drift: trace }));
    else io.stdout(`${trace}\n`);
    return EXIT.differs;
  }
  const drift = driftOf(recorded.schedule, trace);
  const agrees = drift === undefined && (recorded.invariant ?? undefined) === trace.invariant;
  if (options.json === true) {
    io.stdout(
      jsonLine({
        scenario: trace.scenario,
        probe: trace.probe,
        arch: trace.arch,
        options: trace.options,
        kernel: trace.kernel,
        commits: trace.commits,
        verdict: trace.verdict,
        invariant: trace.invariant ?? null,
        alsoFell: trace.alsoFell,
        agrees,
        drift: drift ?? null,
        steps: trace.steps,
      }),
    );
    return agrees ? EXIT.expected : EXIT.differs;
  }
  io.stdout(twoColumn(trace, { color: io.color }));
  if (drift !== undefined) {
    const [was, is] = [entryText(drift.expected), entryText(drift.actual)];
    io.stdout(
      `\ndrifted at step ${drift.index + 1} of ${recorded.schedule.length}: recorded ${was}, found ${is}\n`,
    );
  } else if (!agrees) {
    io.stdout(`\nrecorded: ${recorded.invariant ?? 'nothing'} fell; now: ${trace.invariant ?? 'nothing'}\n`);
  }
  return agrees ? EXIT.expected : EXIT.differs;
}

/** A trace, or what the schedule drifted on: it was made by another version, for another backend, or by hand. */
function taken(trace: () => TraceDocument): TraceDocument | string {
  try {
    return trace();
  } catch (error) {
    if (error instanceof ScenarioError && error.code === 'BAD_SCHEDULE') return error.message;
    throw error;
  }
}

interface DriftAt {
  readonly index: number;
  readonly expected: ScheduleEntry | null;
  readonly actual: ScheduleEntry | null;
}

/** The first place where the steps taken are not those recorded. */
function driftOf(schedule: readonly ScheduleEntry[], trace: TraceDocument): DriftAt | undefined {
  for (let index = 0; index < Math.max(schedule.length, trace.steps.length); index++) {
    const [expected, taken] = [schedule[index], trace.steps[index]];
    if (expected?.actor !== taken?.actor || expected?.step !== taken?.step) {
      return {
        index,
        expected: expected ?? null,
        actual: taken === undefined ? null : { actor: taken.actor, step: taken.step },
      };
    }
  }
  return undefined;
}

const entryText = (entry: ScheduleEntry | null): string =>
  entry === null ? 'the end' : `${entry.actor} '${clip(entry.step)}'`;

function toggled({ kernel, commits }: Recorded): ReturnType<typeof parseKernel> {
  const marked = (sign: string): readonly string[] =>
    commits.filter((toggle) => toggle.startsWith(sign)).map((toggle) => toggle.slice(1));
  return parseKernel(kernel, { with: marked('+'), without: marked('-') });
}

/** Reads a trace document, or the first verdict with a schedule of a run's JSON Lines. */
function recordedOf(text: string): Recorded {
  if (text.length > INPUT_MAX)
    throw new UsageError('the recording is larger than 256 MiB; that is no run of ptemu');
  if (text.trim() === '') throw new UsageError('the recording is empty');
  const values = parseLines(text);
  const [first] = values;
  if (values.length === 1 && isObject(first) && first['format'] !== undefined) {
    const trace = validateTrace(first);
    if (trace.probe === undefined)
      throw new UsageError('the trace names no probe, so it cannot be run again');
    return {
      ...trace,
      probe: trace.probe,
      invariant: trace.invariant,
      schedule: trace.steps.map(({ actor, step }) => ({ actor, step })),
    };
  }
  const verdicts = values.map(verdictLine);
  const found = verdicts.find(({ schedule }) => schedule.length > 0);
  if (found === undefined)
    throw new UsageError('nothing to replay: no verdict of the recording has a schedule');
  return found;
}

function parseLines(text: string): readonly unknown[] {
  try {
    return [JSON.parse(text)];
  } catch {
    return text
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map((line, index) => {
        try {
          return JSON.parse(line) as unknown;
        } catch {
          throw new TraceError(
            'NOT_JSON',
            `line ${index + 1} of the recording is not JSON, or was cut short`,
          );
        }
      });
  }
}

function verdictLine(value: unknown): Recorded {
  const schedule = isObject(value) ? value['schedule'] : undefined;
  if (!isObject(value) || !Array.isArray(schedule)) {
    throw new UsageError('the recording is neither a trace document nor a verdict of ptemu run --json');
  }
  const text = (key: string): string => {
    const found = value[key];
    if (typeof found === 'string') return found;
    throw new UsageError(`the verdict lacks '${key}'`);
  };
  const commits = value['commits'];
  const invariant = value['invariant'];
  return {
    scenario: text('scenario'),
    probe: text('probe'),
    spec: typeof value['spec'] === 'string' ? value['spec'] : specOf(text('arch'), value['options']),
    kernel: text('kernel'),
    commits: Array.isArray(commits) ? commits.filter((item) => typeof item === 'string') : [],
    invariant: typeof invariant === 'string' ? invariant : undefined,
    schedule: schedule.map((entry: unknown, index) => {
      if (isObject(entry) && typeof entry['actor'] === 'string' && typeof entry['step'] === 'string') {
        return { actor: entry['actor'], step: entry['step'] };
      }
      throw new UsageError(`entry ${index + 1} of the verdict's schedule is not { actor, step }`);
    }),
  };
}

/** The spec of a verdict that names its backend by `arch` and `options` alone. */
function specOf(arch: string, options: unknown): string {
  const items = isObject(options)
    ? Object.entries(options).map(([key, value]) => `${key}=${String(value)}`)
    : [];
  return items.length === 0 ? arch : `${arch}:${items.join(',')}`;
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

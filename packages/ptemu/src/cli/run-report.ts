/** What `ptemu run` and `ptemu merge` print of their results. */
import { twoColumn, type VerdictRow, verdictMatrix, verdictTable } from '@ptemu/report';
import type { ProbeResult } from '@ptemu/scenarios';
import type { TraceDocument } from '@ptemu/trace';
import type { Io } from './io.js';
import type { SearchWords } from './search-options.js';
import { searchWords } from './search-options.js';
import { type Job, onRecord, type ProbeFilter } from './selection.js';

/** A job and what came of it. */
export interface Ran {
  readonly job: Job;
  readonly result: ProbeResult;
}

/** A run to print. */
export interface RunReport {
  readonly ran: readonly Ran[];
  /** Pairs of probe and machine that make no sense. */
  readonly left: readonly string[];
  readonly options: SearchWords & Pick<ProbeFilter, 'twins'>;
  readonly io: Io;
}

/** Prints tables, notes and bounds. */
export function printRun({ ran, left, options, io }: RunReport): void {
  if (ran.length === 0) return;
  const results = ran.map(({ result }) => result);
  const view = { color: io.color, ...(io.columns !== undefined && { width: io.columns }) };
  const rows: readonly VerdictRow[] = results;
  io.stdout(verdictTable(rows, view));
  const plain = ran.filter(({ job }) => onRecord(job.probe)).map(({ result }) => result);
  if (new Set(plain.map((row) => row.probe)).size > 1) io.stdout(`\n${verdictMatrix(plain, view)}`);
  // What a twin drops may not be needed on every machine: there it is claimed to be safe, and breaks nothing.
  const twins = ran.filter(
    ({ job, result }) => job.probe.twinOf !== undefined && result.expected?.verdict !== 'SAFE',
  );
  if (options.twins === true && twins.length > 0) {
    const caught = twins.filter(({ result }) => result.verdict === 'violates').length;
    io.stdout(`\nbroken twins: ${caught} of ${twins.length} caught\n`);
  }
  for (const result of results) printNotes(result, io);
  const bounds = new Set(
    results.flatMap(({ bounds }) => Object.entries(bounds).map(([k, v]) => `${k} ${v}`)),
  );
  if (bounds.size > 0) io.stdout(`\n${['bounds', ...bounds].join('\n  ')}\n`);
  io.stdout(`\n${searchedLine(results, options)}\n`);
  const { strategy, seed = '1' } = options;
  if (strategy === 'random' || strategy === 'pct') io.stdout(`seed ${seed}\n`);
  if (left.length > 0 && io.progress) io.stderr(`left out: ${left.length} pairs of probe and machine\n`);
}

function printNotes(result: ProbeResult, io: Io): void {
  const name = `${result.probe} on ${result.spec} ${result.kernel}`;
  const missed = Object.keys(result.reached).filter((reach) => result.reached[reach] === false);
  if (missed.length > 0 && result.verdict === 'holds') {
    io.stdout(`\nnote: ${name} never reached ${missed.join(', ')}\n`);
  }
  if (result.noExpectation !== undefined)
    io.stdout(`\nnote: ${name}, no expectation: ${result.noExpectation}\n`);
  if (result.verdict === 'unknown') io.stdout(`\nnote: ${name} is unknown: ${result.message}\n`);
}

const REDUCED = ['simplest', 'exhaustive'];

/** What the searches took in all, and what they left out. */
function searchedLine(results: readonly ProbeResult[], options: SearchWords): string {
  const sum = (of: (result: ProbeResult) => number): string =>
    results.reduce((total, result) => total + of(result), 0).toLocaleString('en');
  const { strategy = 'simplest' } = options;
  const whole = `searched (${strategy}): ${sum(({ states }) => states)} states, ${sum(({ transitions }) => transitions)} transitions`;
  const looked = results.some(({ simplest }) => simplest !== undefined)
    ? `;\n  looking for the simplest counterexamples took ${sum((r) => r.simplest?.states ?? 0)} and ${sum((r) => r.simplest?.transitions ?? 0)} besides`
    : '';
  const reductions = [
    ...(options.sleepSets === false ? [] : ['sleep sets']),
    ...(options.merge === false ? [] : ['bisimilar thread states merged where they can be']),
  ];
  if (!REDUCED.includes(strategy) || reductions.length === 0) return `${whole}${looked}`;
  return `${whole}${looked}\nreductions: ${reductions.join(', ')}`;
}

/** A counterexample in two columns, with the one command that finds the same run again and replays it. */
export function replayCommand(
  result: ProbeResult,
  options: SearchWords,
  trace: TraceDocument,
  io: Io,
): string {
  const toggles = result.commits.map(
    (toggle) => `${toggle.startsWith('-') ? '--without' : '--with'} ${toggle.slice(1)}`,
  );
  const replay = [
    `npx ptemu run ${result.scenario} --probe ${result.probe}`,
    `--arch ${result.spec} --kernel ${result.kernel}`,
    ...toggles,
    ...searchWords(options),
    '--json | npx ptemu replay -',
  ].join(' ');
  const cycle = result.cycle?.map(({ actor, step }) => `  ${actor}: ${step}\n`).join('') ?? '';
  const again = cycle === '' ? '' : `\nthen again and again\n${cycle}`;
  return `${twoColumn(trace, { color: io.color, replay })}${again}`;
}

import { type Commit, commits } from '@ptemu/arch';
import { table } from '@ptemu/report';
import type { Scenario, ScenarioApi, ScenarioSource } from '@ptemu/scenarios';
import { EXIT, type ExitCode, type Io } from './io.js';
import { jsonLine } from './json.js';

/** Options of `ptemu list`. */
export interface ListOptions {
  readonly commits?: boolean;
  readonly json?: boolean;
}

/** `ptemu list`: scenarios with their sources and probes, or the registry of commits. */
export function listCommand(options: ListOptions, io: Io, api: ScenarioApi): ExitCode {
  if (options.commits === true) listCommits(options, io);
  else listScenarios(options, io, api);
  return EXIT.expected;
}

function listScenarios(options: ListOptions, io: Io, api: ScenarioApi): void {
  if (options.json === true) {
    for (const scenario of api.scenarios) {
      const { id, title, summary, sources, needs, features, since } = scenario;
      const probes = scenario.probes.map((probe) => ({
        id: probe.id,
        title: probe.title,
        ...(probe.variant !== undefined && { variant: probe.variant }),
        judgedBy: probe.judgedBy,
        expected: probe.expected,
        ...(probe.twinOf && { twinOf: probe.twinOf }),
      }));
      io.stdout(jsonLine({ id, title, summary, sources, needs, features, since, probes }));
    }
    return;
  }
  io.stdout(api.scenarios.map((scenario) => describe(scenario, io)).join('\n'));
}

function describe(scenario: Scenario, io: Io): string {
  const rows = scenario.probes
    .filter((probe) => probe.twinOf === undefined)
    .map((probe) => [`  ${probe.id}`, probe.judgedBy.join(' '), probe.title]);
  const twins = scenario.probes.length - rows.length;
  const lines = [
    scenario.id,
    `  ${scenario.title}`,
    ...scenario.sources.map((source) => `  ${sourceText(source)}`),
    `  needs ${scenario.needs.join(' ') || 'no commit'}, since ${scenario.since}; broken twins: ${twins}`,
    '',
    table(['  probe', 'judged by', 'question'], rows, { color: io.color }),
    '',
  ];
  return lines.join('\n');
}

function sourceText({ kind, subject, date, id }: ScenarioSource): string {
  return [kind, id, `"${subject}"`, date].filter((part) => part !== undefined).join(' ');
}

function listCommits(options: ListOptions, io: Io): void {
  if (options.json === true) {
    for (const commit of commits()) io.stdout(jsonLine(commit));
    return;
  }
  const rows = commits().map((commit) => [
    commit.id,
    [sinceText(commit), ...(commit.backports ?? [])].join(' '),
    commit.until ?? '',
    commit.subject,
  ]);
  io.stdout(`${table(['commit', 'since', 'until', 'subject'], rows, { color: io.color })}\n`);
}

/** The release that a commit came with, or those between which it did. */
function sinceText({ placed, after, since }: Commit): string {
  if (placed !== 'between') return since;
  return after === undefined ? `<= ${since}` : `> ${after}, <= ${since}`;
}

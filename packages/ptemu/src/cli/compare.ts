import { compareTable } from '@ptemu/report';
import type { ScenarioApi } from '@ptemu/scenarios';
import { splitSpecs } from '../backends.js';
import { clip, parseBackend, type Toggles } from './input.js';
import { EXIT, type ExitCode, type Io, UsageError } from './io.js';
import { jsonLine, machineJson } from './json.js';
import { isPlain, scenarioOf } from './selection.js';

/** Options of `ptemu compare`. */
export interface CompareCommandOptions extends Toggles {
  readonly probe?: string;
  readonly arch?: string;
  readonly kernel?: string;
  readonly all?: boolean;
  readonly json?: boolean;
}

const ARCHS_MAX = 8;

/** `ptemu compare SCENARIO --arch A,B`: one schedule, the steps down, the architectures across. */
export function compareCommand(
  id: string,
  options: CompareCommandOptions,
  io: Io,
  api: ScenarioApi,
): ExitCode {
  const scenario = scenarioOf(api, id);
  const probe = options.probe ?? scenario.probes.find(isPlain)?.id ?? '';
  const found = scenario.probes.find((candidate) => candidate.id === probe);
  if (found === undefined) {
    const ids = scenario.probes.map((candidate) => candidate.id);
    throw new UsageError(`unknown probe '${clip(probe)}' of ${id}; there are ${ids.join(', ')}`);
  }
  const specs = splitSpecs(options.arch ?? 'all');
  if (specs.length < 2 || specs.length > ARCHS_MAX) {
    throw new UsageError(`compare takes 2 to ${ARCHS_MAX} architectures, as in --arch arm32@4.5,s390@4.12`);
  }
  if (options.kernel?.includes(',') === true) {
    throw new UsageError('--kernel takes one release here; give others as in --arch arm32@4.5,s390@4.12');
  }
  const archs = specs.map((spec) => parseBackend(spec, options.kernel, options));
  const rows = api.alignedTraces(archs, scenario.id, probe);
  if (options.json === true) {
    rows.forEach((row, index) =>
      io.stdout(
        jsonLine({
          scenario: scenario.id,
          probe,
          step: index + 1,
          actor: row.actor,
          fn: row.fn,
          align: row.align,
          cells: row.cells.map((cell, i) => ({
            ...machineJson(archs[i]!),
            step: cell?.step ?? null,
            text: cell?.text ?? null,
            pmd: cell?.pmd ?? null,
            effects: cell?.effects ?? [],
            fell: cell?.fell ?? [],
          })),
        }),
      ),
    );
    return EXIT.expected;
  }
  const columns = archs.map((arch) => [arch.spec, arch.kernel.release, ...arch.kernel.toggles].join(' '));
  io.stdout(`${scenario.id} ${probe}: ${found.title}\n\n`);
  const steps = options.all === true ? 'all' : 'pmd';
  const width = io.columns === undefined ? {} : { width: io.columns };
  io.stdout(compareTable(rows, { columns, steps, color: io.color, ...width }));
  return EXIT.expected;
}

import { type ViewOptions, styleOf } from './style.js';
import { table } from './table.js';

/** What a verdict's line shows; the result of a run has these fields. */
export interface VerdictRow {
  readonly scenario: string;
  readonly probe: string;
  readonly variant?: string;
  readonly spec: string;
  readonly kernel: string;
  readonly commits: readonly string[];
  readonly verdict: 'holds' | 'violates' | 'unknown';
  readonly invariant?: string;
  readonly alsoFell: readonly string[];
  readonly states: number;
  /** Null where they were not counted. */
  readonly executions: string | null;
  readonly expected?: { readonly verdict: 'SAFE' | 'CEX' };
  /** Absent without expectation. */
  readonly agrees?: boolean;
}

/** One line per verdict, grouped by scenario and probe. */
export function verdictTable(results: readonly VerdictRow[], options: ViewOptions = {}): string {
  const style = styleOf(options);
  const sections: string[] = [];
  for (const scenario of new Set(results.map((result) => result.scenario))) {
    let last = '';
    const rows = results
      .filter((result) => result.scenario === scenario)
      .map((result) => {
        const name = probeName(result);
        const shown = name === last ? '' : name;
        last = name;
        return [
          shown,
          result.spec,
          [result.kernel, ...result.commits].join(' '),
          verdictCell(result, options),
          result.alsoFell.join(' '),
          grouped(String(result.states)),
          result.executions === null ? '-' : grouped(result.executions),
          expectedCell(result, options),
        ];
      });
    const head = ['probe', 'arch', 'kernel', 'verdict', 'also fell', 'states', 'executions', 'expected'];
    const align = ['left', 'left', 'left', 'left', 'left', 'right', 'right', 'left'] as const;
    sections.push(`${style.head(scenario)}\n\n${table(head, rows, { ...options, align })}`);
  }
  return sections.join('\n\n') + '\n';
}

/**
 * Probes across, architectures and releases down: `safe`, the invariant that falls, `?` where a bound was hit. Probes that
 * do not fit into `width` columns go below, in a matrix of their own.
 */
export function verdictMatrix(results: readonly VerdictRow[], options: ViewOptions = {}): string {
  const style = styleOf(options);
  const probes = [...new Set(results.map((result) => result.probe))].sort(natural.compare);
  const machines = [...new Map(results.map((result) => [machineOf(result), result])).values()];
  const parts = chunks(probes, machines, options.width ?? Infinity).map((some) => {
    const rows = machines.map((machine) => [
      machine.spec,
      [machine.kernel, ...machine.commits].join(' '),
      ...some.map((probe) => {
        const found = results.filter((row) => row.probe === probe && machineOf(row) === machineOf(machine));
        return found.map((row) => matrixCell(row, options)).join('\n') || style.dim('-');
      }),
    ]);
    return table(['arch', 'kernel', ...some.map(headOf)], rows, options);
  });
  const legend = [
    'safe: no interleaving breaks the invariants that the probe names; In: this one falls;',
    '?: a bound was hit first; -: the probe has no such code there.',
    ...(results.some((row) => row.agrees === false) ? ['!: not the verdict that is expected.'] : []),
  ];
  return `${parts.join('\n\n')}\n\n${style.dim(legend.join('\n'))}\n`;
}

const natural = new Intl.Collator('en', { numeric: true });

/** A variant's name stands under its probe's. */
const headOf = (probe: string): string => probe.replace('/', '\n');

/** Probes in runs that fit beside the machines' names. */
function chunks(
  probes: readonly string[],
  machines: readonly VerdictRow[],
  width: number,
): readonly string[][] {
  const longest = (texts: readonly string[]): number => Math.max(...texts.map((text) => text.length));
  const names = longest(['arch', ...machines.map(({ spec }) => spec)]) + 2;
  const releases = longest([
    'kernel',
    ...machines.map(({ kernel, commits }) => [kernel, ...commits].join(' ')),
  ]);
  const runs: string[][] = [[]];
  let used = 0;
  for (const probe of probes) {
    const size = 2 + longest(['safe!', ...headOf(probe).split('\n')]);
    if (used > 0 && names + releases + used + size > width) {
      runs.push([]);
      used = 0;
    }
    runs.at(-1)?.push(probe);
    used += size;
  }
  return runs;
}

const machineOf = (row: VerdictRow): string => [row.spec, row.kernel, ...row.commits].join(' ');

const probeName = (row: VerdictRow): string =>
  row.variant === undefined || row.probe.includes('/') ? row.probe : `${row.probe} ${row.variant}`;

function verdictCell(row: VerdictRow, options: ViewOptions): string {
  const style = styleOf(options);
  if (row.verdict === 'holds') return style.good('holds');
  if (row.verdict === 'unknown') return style.note('unknown');
  return style.bad(`violates ${row.invariant ?? ''}`.trim());
}

function expectedCell(row: VerdictRow, options: ViewOptions): string {
  const style = styleOf(options);
  if (row.expected === undefined) return style.dim('-');
  const claim = row.expected.verdict;
  return row.agrees === false ? style.bad(`${claim}, differs`) : style.dim(claim);
}

function matrixCell(row: VerdictRow, options: ViewOptions): string {
  const style = styleOf(options);
  const mark = row.agrees === false ? '!' : '';
  if (row.verdict === 'holds') return style.good(`safe${mark}`);
  if (row.verdict === 'unknown') return style.note(`?${mark}`);
  return style.bad(`${row.invariant ?? 'falls'}${mark}`);
}

/** Digits in groups of three. */
const grouped = (digits: string): string => {
  if (!/^\d+$/.test(digits)) return digits;
  if (digits.length > EXACT_DIGITS) return `${digits[0]}.${digits.slice(1, 3)}e${digits.length - 1}`;
  return digits.replace(/\B(?=(\d{3})+$)/g, ',');
};

/** A count of more digits is shown by its size, cut to three digits; `--json` has it whole. */
const EXACT_DIGITS = 9;

import type { Arch } from '@ptemu/arch';
import { type CReference, compileReference } from '../bench/c-reference.js';
import { TRACES, type TraceShape } from '../bench/traces.js';
import {
  type TranslationMode,
  type TranslationRow,
  geometricMean,
  measureTranslation,
} from '../bench/translation.js';
import { splitSpecs } from '../backends.js';
import { type Toggles, clip, parseBackend, parseCount, parseList } from './input.js';
import { EXIT, type ExitCode, type Io, UsageError } from './io.js';
import { jsonLine } from './json.js';
import { progressBar } from './progress.js';

/** Options of `ptemu bench walk`. */
export interface BenchWalkOptions extends Toggles {
  readonly arch?: string;
  readonly kernel?: string;
  readonly trace?: string;
  readonly mode?: string;
  readonly accesses?: string;
  readonly rounds?: string;
  readonly seed?: string;
  readonly json?: boolean;
}

const MODES: readonly TranslationMode[] = ['batch', 'call'];
const DEFAULTS = {
  arch: 'x86_64',
  mode: 'batch,call',
  accesses: '10000000',
  rounds: '5',
  seed: '42',
} as const;
const ACCESSES_MAX = 100_000_000;
const ROUNDS_MAX = 99;

/** `ptemu bench walk`: translations per second, trace by trace, and the time over that of the C reference. */
export function benchWalkCommand(options: BenchWalkOptions, io: Io): ExitCode {
  const archs = archsOf(options);
  const modes = parseList(options.mode ?? DEFAULTS.mode, '--mode').map(modeOf);
  const traces = tracesOf(options.trace);
  const accesses = parseCount(options.accesses ?? DEFAULTS.accesses, { option: '--accesses', min: 1, max: ACCESSES_MAX }); // prettier-ignore
  const rounds = parseCount(options.rounds ?? DEFAULTS.rounds, { option: '--rounds', min: 1, max: ROUNDS_MAX }); // prettier-ignore
  const seed = parseCount(options.seed ?? DEFAULTS.seed, { option: '--seed', min: 0, max: 2 ** 32 - 1 });
  const bar = progressBar(Object.keys(traces).length * archs.length * modes.length * rounds, io);
  const rows: TranslationRow[] = [];
  const reference: CReference | undefined = compileReference();
  try {
    const progress = (what: string): void => bar.next(what);
    for (const row of measureTranslation({ archs, modes, traces, accesses, rounds, seed, reference, progress })) {
      rows.push(row);
      if (options.json === true) io.stdout(jsonLine({ ...row, accesses, rounds, seed, node: process.version }));
    }
  } finally {
    bar.stop();
    reference?.close();
  }
  if (options.json !== true) io.stdout(tableOf(rows, { accesses, rounds, seed }));
  return EXIT.expected;
} // prettier-ignore

function archsOf(options: BenchWalkOptions): readonly Arch[] {
  const list = options.arch ?? DEFAULTS.arch;
  const archs = splitSpecs(list).map((spec) =>
    parseBackend(spec, spec.includes('@') ? undefined : options.kernel, options),
  );
  const walked = archs.filter((arch) => arch.mmuOf().kind === 'radix');
  if (list !== 'all' && walked.length < archs.length)
    throw new UsageError(
      `the hardware walks no tables under ${clip(list)}; name what it walks, such as powerpc`,
    );
  return walked;
}

function modeOf(name: string): TranslationMode {
  const found = MODES.find((mode) => mode === name);
  if (found === undefined)
    throw new UsageError(`unknown mode '${clip(name)}'; there are ${MODES.join(', ')}`);
  return found;
}

function tracesOf(list: string | undefined): Readonly<Record<string, TraceShape>> {
  if (list === undefined) return TRACES;
  return Object.fromEntries(
    parseList(list, '--trace').map((name) => {
      const found = Object.hasOwn(TRACES, name) ? TRACES[name] : undefined;
      if (found === undefined)
        throw new UsageError(`unknown trace '${clip(name)}'; there are ${Object.keys(TRACES).join(', ')}`);
      return [name, found];
    }),
  );
}

/** The rows on a terminal, with the geometric means of each architecture and mode. */
function tableOf(
  rows: readonly TranslationRow[],
  run: { readonly accesses: number; readonly rounds: number; readonly seed: number },
): string {
  const line = (cells: readonly string[]): string =>
    `${cells[0]!.padEnd(14)} ${cells[1]!.padEnd(10)} ${cells[2]!.padEnd(6)} ${cells.slice(3).map((cell) => cell.padStart(12)).join(' ')}\n`; // prettier-ignore
  const text = ({ ratio, spread }: TranslationRow): readonly string[] =>
    ratio === null || spread === null ? ['-', '-'] : [ratio.toFixed(2), `${spread[0].toFixed(2)}..${spread[1].toFixed(2)}`]; // prettier-ignore
  const groups = new Map<string, TranslationRow[]>();
  for (const row of rows) {
    const key = `${row.arch}\n${row.mode}`;
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  const means = [...groups].flatMap(([key, some]) => {
    const [arch = '', mode = ''] = key.split('\n');
    const ratios = some.flatMap(({ ratio }) => (ratio === null ? [] : [ratio]));
    return ratios.length < 2 ? [] : [line([arch, 'mean', mode, '', geometricMean(ratios).toFixed(2), ''])];
  });
  return [
    `Node ${process.version}, ${run.accesses} accesses a trace, seed ${run.seed}, medians of ${run.rounds} interleaved rounds, CPU time\n\n`,
    line(['arch', 'trace', 'mode', 'million/s', 'x C', 'spread']),
    ...rows.map((row) =>
      line([row.arch, row.trace, row.mode, (row.perSecond / 1e6).toFixed(2), ...text(row)]),
    ),
    ...means,
    rows.some(({ ratio }) => ratio === null) ? '\nno gcc here: nothing to compare with\n' : '',
  ].join('');
}

/**
 * The interleaving as a kernel change log shows it: one column per CPU, time runs down.
 *
 * A function's name stands unindented where an actor enters it, its steps are indented under it. Nothing is wider than
 * the width asked for: text wraps within its column. Where the columns would be too narrow, the actors are stacked: one
 * column, with the actor's name where it takes over.
 */
import type { TraceDocument, TraceStep } from '@ptemu/trace';
import wrapAnsi from 'wrap-ansi';
import { type ViewOptions, styleOf } from './style.js';

/** What `twoColumn` may be told. */
export interface TwoColumnOptions extends ViewOptions {
  /** The command that replays the run; left out, none is printed. */
  readonly replay?: string;
}

const WIDTH = 72;
const GAP = 2;
/** A narrower column breaks kernel function names. A row has the text of one CPU, so columns may overlap to be this wide. */
const COLUMN_MIN = 34;
/** Columns that begin closer together than this cannot be told apart. */
const STRIDE_MIN = 14;

/** Renders a run in at most `width` (default 72) columns: the interleaving, the verdict, the replay command. */
export function twoColumn(trace: TraceDocument, options: TwoColumnOptions = {}): string {
  const width = Math.max(options.width ?? WIDTH, 20);
  const style = styleOf(options);
  const cpus = columnsOf(trace);
  const column = Math.min(
    width,
    Math.max(COLUMN_MIN, Math.floor((width - GAP * (cpus.length - 1)) / Math.max(cpus.length, 1))),
  );
  const stride = cpus.length > 1 ? Math.floor((width - column) / (cpus.length - 1)) : width;
  const cast = cpus.flat().flatMap((actor) => castLine(actor, width));
  const body =
    stride < STRIDE_MIN ? stacked(trace, cpus.flat(), width) : sideBySide(trace, cpus, { column, stride });
  const paint = (line: string): string =>
    line.includes(FALLS) ? style.bad(line) : /^\s*\S+ \([^)]*\)(\s|$)/.test(line) ? style.head(line) : line;
  return (
    [
      ...cast,
      ...(cast.length > 0 ? [''] : []),
      ...body.map(paint),
      '',
      ...verdict(trace, options, width),
    ].join('\n') + '\n'
  );
}

type Actor = TraceDocument['actors'][number];

/**
 * The actors that take a step, those of one CPU together: what interrupts a thread, or what its hardware does, stands in the
 * thread's column. An actor whose title names no CPU has a column of its own.
 */
function columnsOf(trace: TraceDocument): readonly (readonly Actor[])[] {
  const known = new Map(trace.actors.map((actor) => [actor.name, actor]));
  const columns = new Map<string, Actor[]>();
  const acting = new Set(trace.steps.map((step) => step.actor));
  const inOrder = [...known.keys(), ...acting].filter(
    (name, i, all) => acting.has(name) && all.indexOf(name) === i,
  );
  for (const name of inOrder) {
    const actor = known.get(name) ?? { name, title: '' };
    const key = CPU.exec(actor.title)?.[1] ?? `actor ${name}`;
    columns.set(key, [...(columns.get(key) ?? []), actor]);
  }
  return [...columns.values()];
}

const FALLS = '!! ';

function sideBySide(
  trace: TraceDocument,
  cpus: readonly (readonly Actor[])[],
  { column, stride }: { readonly column: number; readonly stride: number },
): readonly string[] {
  const at = (index: number): string => ' '.repeat(index * stride);
  const lines: string[] = [];
  const heads = cpus.map(([actor]) => (actor === undefined ? [] : wrap(heading(actor), stride - GAP)));
  for (let row = 0; row < Math.max(...heads.map((head) => head.length), 0); row++) {
    lines.push(
      heads
        .map((head) => (head[row] ?? '').padEnd(stride))
        .join('')
        .trimEnd(),
    );
  }
  lines.push('');
  let last: string | undefined;
  for (const { step, lines: text } of blocks(trace, column)) {
    const index = cpus.findIndex((actors) => actors.some((actor) => actor.name === step.actor));
    if (last !== undefined && last !== step.actor) lines.push('');
    last = step.actor;
    lines.push(...text.map((line) => at(index) + line));
  }
  return lines;
}

function stacked(trace: TraceDocument, actors: readonly Actor[], width: number): readonly string[] {
  const lines: string[] = [];
  let last: string | undefined;
  for (const { step, lines: text } of blocks(trace, width - GAP)) {
    if (last !== step.actor) {
      const actor = actors.find((candidate) => candidate.name === step.actor);
      lines.push(...(last === undefined ? [] : ['']));
      lines.push(...wrap(actor === undefined ? step.actor : heading(actor), width));
    }
    last = step.actor;
    lines.push(...text.map((line) => ' '.repeat(GAP) + line));
  }
  return lines;
}

/**
 * `CPU0 (reclaim)` of an actor `reclaim` whose title begins with its CPU, `CPU2` of its interrupt handler `ipi CPU2`; else
 * the name, and a short title.
 */
function heading({ name, title }: Actor): string {
  const cpu = CPU.exec(title);
  if (cpu?.[1] !== undefined) return name.endsWith(cpu[1]) ? cpu[1] : `${cpu[1]} (${name})`;
  return title === '' || title === name || title.length > TITLE_MAX ? name : `${name} (${title})`;
}

/** What an actor does, where its heading does not say it. */
function castLine(actor: Actor, width: number): readonly string[] {
  const text = actor.title.replace(CPU, '');
  return text === '' || heading(actor).includes(actor.title) ? [] : wrap(`${heading(actor)}: ${text}`, width);
}

const CPU = /^(CPU\d+)(?:: |$)/;
const TITLE_MAX = 20;

/** The lines of each step, wrapped: the function where the actor enters it, the step, what it caused. */
function* blocks(
  trace: TraceDocument,
  width: number,
): Generator<{ readonly step: TraceStep; readonly lines: readonly string[] }> {
  const functions = new Map<string, string>();
  let pmd: string | undefined;
  for (const step of trace.steps) {
    const lines: string[] = [];
    if (functions.get(step.actor) !== step.fn)
      lines.push(...wrap(step.fn.length + 2 > width ? step.fn : `${step.fn}()`, width));
    functions.set(step.actor, step.fn);
    lines.push(...indented(step.text, width));
    const entry = step.pmd?.entry;
    if (entry !== undefined && pmd !== undefined && entry !== pmd && !step.text.includes(short(entry))) {
      lines.push(...indented(`pmd: ${short(entry)}`, width));
    }
    pmd = entry ?? pmd;
    for (const effect of step.effects) lines.push(...indented(`* ${effect}`, width));
    for (const { invariant } of step.fell) lines.push(...indented(`${FALLS}${invariant}`, width));
    yield { step, lines };
  }
}

const short = (entry: string): string => `0x${entry.replace(/^0x0*(?=[0-9a-f])/, '')}`;

function verdict(trace: TraceDocument, options: TwoColumnOptions, width: number): readonly string[] {
  const style = styleOf(options);
  const lines: string[] = [];
  if (trace.invariant !== undefined) {
    const text = trace.message === undefined ? trace.invariant : `${trace.invariant}: ${trace.message}`;
    lines.push(...wrap(text, width).map(style.bad));
  } else {
    lines.push(...wrap(`verdict: ${trace.verdict}`, width));
  }
  if (trace.alsoFell.length > 0) lines.push(...wrap(`also fell: ${trace.alsoFell.join(', ')}`, width));
  lines.push('');
  if (options.replay !== undefined) lines.push('replay with', ...command(options.replay, width), '');
  const probe = [trace.probe, trace.variant === undefined ? undefined : `(${trace.variant})`];
  lines.push(...wrap(['scenario', trace.scenario, ...probe].filter(Boolean).join(' '), width));
  const toggles = trace.commits.length > 0 ? ` with ${trace.commits.join(' ')}` : '';
  lines.push(...wrap(`arch ${trace.spec}, kernel ${trace.kernel}${toggles}`, width));
  return lines;
}

/** A shell command, broken where it would be too wide, so that it can still be pasted. */
function command(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = ' ';
  for (const word of text.split(' ')) {
    if (line.trim() !== '' && line.length + 1 + word.length + 2 > width) {
      lines.push(`${line} \\`);
      line = '   ';
    }
    line += ` ${word}`;
  }
  return [...lines, line];
}

const wrap = (text: string, width: number): readonly string[] =>
  wrapAnsi(text, Math.max(width, 8), { hard: true }).split('\n');

/** A step's text, two columns in; what wraps goes two further. */
function indented(text: string, width: number): readonly string[] {
  const [first = '', ...rest] = wrap(text, width - 4);
  return [`  ${first}`, ...rest.map((line) => `    ${line}`)];
}

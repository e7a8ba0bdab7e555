/**
 * One schedule, the steps down, the architectures across.
 *
 * A cell shows the pmd after the step: the word, what the helpers say of it, and, where the step changed it, which bits
 * came and went and what the hardware walker would do. The first row in which two architectures disagree about the
 * entry is marked: from there on the same code sees different things.
 */
import type { PmdView, TraceStep } from '@ptemu/trace';
import wrapAnsi from 'wrap-ansi';
import { type Style, type ViewOptions, styleOf } from './style.js';
import { table } from './table.js';

/** One aligned step: what each architecture made of it, nothing where it has no such step. */
export interface CompareRow {
  readonly actor: string;
  readonly fn: string;
  readonly align: string;
  readonly cells: readonly (TraceStep | undefined)[];
}

/** What `compareTable` needs besides the rows. */
export interface CompareOptions extends ViewOptions {
  /** Heads of the columns, such as `s390 4.12`; one per cell. */
  readonly columns: readonly string[];
  /** `pmd` (default): only steps that touch or change the pmd, its lock or its translations. `all`: every step. */
  readonly steps?: 'pmd' | 'all';
}

const GAP = 2;
/** `0x`, 16 digits, a space, five flags; with a little air where there is room. */
const CELL_MIN = 24;
const CELL_MAX = 27;
const STEP_MIN = 20;
const STEP_MAX = 36;

/**
 * Renders the rows in at most `width` columns (left out: as wide as it takes); architectures that do not fit side by side
 * go below, in a table of their own.
 */
export function compareTable(rows: readonly CompareRow[], options: CompareOptions): string {
  const style = styleOf(options);
  const actor = Math.max('actor'.length, ...rows.map((row) => row.actor.length));
  const natural = actor + GAP + STEP_MAX + options.columns.length * (CELL_MAX + GAP);
  const width = Math.max(options.width ?? natural, actor + GAP + STEP_MIN + GAP + CELL_MIN);
  const room = width - actor - GAP - STEP_MIN;
  const fits = Math.max(1, Math.floor(room / (CELL_MIN + GAP)));
  const found = divergences(rows);
  const parts: string[] = [];
  for (let from = 0; from < options.columns.length; from += fits) {
    const to = Math.min(from + fits, options.columns.length);
    parts.push(part(rows, options, { from, to, width, actor, mark: found.later[0]?.row }));
  }
  const { columns } = options;
  const notes = found.fromStart.map((question) => `from the start: ${saying(question, columns)}`);
  if (found.later.length === 0) notes.push('The architectures agree about the pmd in every step.');
  notes.push(
    ...found.later.map((question, index) => {
      const what = index === 0 ? '>> first divergence,' : '   then';
      return `${what} step ${question.row + 1}: ${saying(question, columns)}`;
    }),
  );
  const text = [...notes.flatMap((note) => wrapAnsi(note, width).split('\n')), '', style.dim(LEGEND), ''];
  return [parts.join('\n\n'), '', ...text].join('\n');
}

const LEGEND = `.PT.L  answers of the helpers: N pmd_none, P pmd_present, T pmd_trans_huge,
       B pmd_bad, L pmd_leaf; . false, ? the release has no such helper
+ -    bits that the step set and cleared
=>     what the hardware walker would do with the entry
--     the architecture has no such step`;

interface Part {
  readonly from: number;
  readonly to: number;
  readonly width: number;
  readonly actor: number;
  readonly mark: number | undefined;
}

function part(rows: readonly CompareRow[], options: CompareOptions, where: Part): string {
  const { from, to, width, actor, mark } = where;
  const style = styleOf(options);
  const shown = to - from;
  const room = width - actor - GAP;
  const cell = Math.min(CELL_MAX, Math.floor((room - STEP_MIN) / shown) - GAP);
  const step = Math.min(STEP_MAX, room - shown * (cell + GAP));
  const before = new Array<PmdView | undefined>(options.columns.length);
  let last: CompareRow | undefined;
  const body: string[][] = [];
  let hidden = 0;
  for (const [index, row] of rows.entries()) {
    const taken = row.cells.slice(from, to);
    const shows = options.steps === 'all' || index === mark || isAboutPmd(row, before);
    const texts = taken.map((one, i) => cellText(one, before[from + i], { style, cell }));
    row.cells.forEach((one, i) => (before[i] = one?.pmd ?? before[i]));
    if (!shows) {
      hidden++;
      continue;
    }
    if (hidden > 0)
      body.push([
        '',
        style.dim(`  (${hidden} other ${hidden === 1 ? 'step' : 'steps'})`),
        ...new Array<string>(shown).fill(''),
      ]);
    hidden = 0;
    const enters = last?.actor !== row.actor || last.fn !== row.fn;
    const who = last?.actor === row.actor ? '' : style.head(row.actor);
    const name = index === mark ? style.note(`>>${row.align}`) : `  ${row.align}`;
    last = row;
    const label = enters ? [...wrapAnsi(row.fn, step, { hard: true }).split('\n'), name] : [name];
    const cells = texts.map((text) => [...label.slice(1).map(() => ''), ...text].join('\n'));
    body.push([who, label.join('\n'), ...cells]);
  }
  if (hidden > 0)
    body.push([
      '',
      style.dim(`  (${hidden} other ${hidden === 1 ? 'step' : 'steps'})`),
      ...new Array<string>(shown).fill(''),
    ]);
  return table(['actor', 'step', ...options.columns.slice(from, to)], body, {
    ...options,
    width,
    columns: [actor, step, ...new Array<number>(shown).fill(cell)],
  });
}

/** Whether the step touches the pmd, its lock or its translations, or changes it on some architecture. */
function isAboutPmd(row: CompareRow, before: readonly (PmdView | undefined)[]): boolean {
  if (/\bpmd\b|^purge|^tlbi/.test(row.align)) return true;
  return row.cells.some(
    (cell, i) =>
      cell !== undefined && (cell.fell.length > 0 || (cell.pmd && before[i]?.entry !== cell.pmd.entry)),
  );
}

function cellText(
  step: TraceStep | undefined,
  before: PmdView | undefined,
  { style, cell }: { readonly style: Style; readonly cell: number },
): readonly string[] {
  if (step === undefined) return [style.dim('--')];
  const fell = step.fell.map(({ invariant }) => style.bad(`!! ${invariant}`));
  const { pmd } = step;
  if (pmd === undefined) return fell.length > 0 ? fell : [''];
  const word = `${pmd.entry} ${pmdFlags(pmd)}`;
  if (before?.entry === pmd.entry) return [style.dim(word), ...fell];
  const bits = before === undefined ? '' : bitsChanged(before.entry, pmd.entry);
  const change = bits === '' || bits.length > cell ? [] : [bits];
  const walker = before?.walker === pmd.walker ? [] : [`=> ${pmd.walker}`];
  return [word, ...change, ...walker, ...fell];
}

/** The helpers' answers in five letters; a dot for false, a question mark where the release lacks the helper. */
export function pmdFlags(pmd: Omit<PmdView, 'entry' | 'walker'>): string {
  const flag = (letter: string, value: boolean | undefined): string =>
    value === undefined ? '?' : value ? letter : '.';
  return [
    flag('N', pmd.none),
    flag('P', pmd.present),
    flag('T', pmd.trans_huge),
    flag('B', pmd.bad),
    flag('L', pmd.leaf),
  ].join('');
}

function bitsChanged(from: string, to: string): string {
  const [was, is] = [BigInt(from), BigInt(to)];
  const [set, cleared] = [is & ~was, was & ~is];
  const parts = [set === 0n ? '' : `+${hex(set)}`, cleared === 0n ? '' : `-${hex(cleared)}`];
  return parts.filter((text) => text !== '').join(' ');
}

const hex = (value: bigint): string => `0x${value.toString(16)}`;

type Question = readonly [name: string, answer: (pmd: PmdView) => boolean | undefined];

const QUESTIONS: readonly Question[] = [
  ['pmd_none', (pmd) => pmd.none],
  ['pmd_present', (pmd) => pmd.present],
  ['pmd_trans_huge', (pmd) => pmd.trans_huge],
  ['pmd_bad', (pmd) => pmd.bad],
  ['pmd_leaf', (pmd) => pmd.leaf],
  ['a hardware mapping', ({ walker }) => (walker === 'not walked' ? undefined : walker.startsWith('maps'))],
];

/** One question with two answers, after one step. */
interface Divergence {
  readonly row: number;
  readonly name: string;
  readonly answers: readonly (boolean | undefined)[];
}

/**
 * What the architectures come to disagree about, each question where it first has two answers; apart from these, what
 * they never agreed on (pmd_bad of a healthy huge pmd, for one).
 */
function divergences(rows: readonly CompareRow[]): {
  readonly later: readonly Divergence[];
  readonly fromStart: readonly Divergence[];
} {
  const asked = (row: number): readonly Divergence[] =>
    QUESTIONS.map(([name, answer]) => ({
      row,
      name,
      answers: (rows[row]?.cells ?? []).map((cell) => (cell?.pmd ? answer(cell.pmd) : undefined)),
    })).filter(({ answers }) => answers.includes(true) && answers.includes(false));
  const start = rows.findIndex((row) => row.cells.filter((cell) => cell?.pmd).length > 1);
  if (start < 0) return { later: [], fromStart: [] };
  const fromStart = asked(start);
  const known = new Set(fromStart.map(({ name }) => name));
  const later: Divergence[] = [];
  for (const found of rows.flatMap((_, row) => (row > start ? asked(row) : []))) {
    if (!known.has(found.name)) later.push(found);
    known.add(found.name);
  }
  return { later, fromStart };
}

function saying({ name, answers }: Divergence, columns: readonly string[]): string {
  const those = (value: boolean): string => columns.filter((_, i) => answers[i] === value).join(', ');
  return `${name}: true on ${those(true)}; false on ${those(false)}`;
}

/**
 * One schedule, the steps down, the architectures across.
 *
 * A cell shows the pmd after the step: the word, what the helpers say of it, and, where the step changed it, which bits
 * came and went and what the hardware walker would do. The first row in which two architectures disagree about the
 * entry is marked: from there on the same code sees different things.
 */
import type { PmdView, TraceStep } from '@ptemu/trace';
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
}

const WIDTH = 100;
const GAP = 2;
/** `0x`, 16 digits, a space, five flags. */
const CELL_MIN = 24;
const CELL_MAX = 34;
const STEP_MIN = 24;

/** Renders the rows in at most `width` (default 100) columns; more columns than fit go below, in a table of their own. */
export function compareTable(rows: readonly CompareRow[], options: CompareOptions): string {
  const width = Math.max(options.width ?? WIDTH, STEP_MIN + GAP + CELL_MIN);
  const style = styleOf(options);
  const fits = Math.max(1, Math.floor((width - STEP_MIN) / (CELL_MIN + GAP)));
  const mark = firstDivergence(rows);
  const parts: string[] = [];
  for (let from = 0; from < options.columns.length; from += fits) {
    parts.push(part(rows, options, { from, to: Math.min(from + fits, options.columns.length), width, mark }));
  }
  const lines = [parts.join('\n\n'), ''];
  lines.push(
    mark === undefined
      ? 'The architectures agree about the pmd in every step.'
      : `>> first divergence, in step ${mark.row + 1}: ${mark.text(options.columns)}`,
  );
  return [...lines, '', style.dim(LEGEND), ''].join('\n');
}

const LEGEND = `.PT.L  what the helpers say: N pmd_none, P pmd_present, T pmd_trans_huge, B pmd_bad, L pmd_leaf;
       . they do not, ? the release has no such helper
+ -    bits that the step set and cleared        --  the architecture has no such step`;

interface Part {
  readonly from: number;
  readonly to: number;
  readonly width: number;
  readonly mark: Divergence | undefined;
}

function part(rows: readonly CompareRow[], options: CompareOptions, { from, to, width, mark }: Part): string {
  const style = styleOf(options);
  const shown = to - from;
  const cell = Math.min(CELL_MAX, Math.floor((width - STEP_MIN) / shown) - GAP);
  const step = Math.max(STEP_MIN, Math.min(width - shown * (cell + GAP), 40));
  const before = new Array<PmdView | undefined>(options.columns.length);
  let last = '';
  const body = rows.map((row, index) => {
    const place = `${row.actor} ${row.fn}`;
    const head = place === last ? [] : [style.head(place)];
    last = place;
    const name = `${mark?.row === index ? '>>' : '  '}${row.align}`;
    const cells = row.cells.slice(from, to).map((taken, i) => {
      const text = cellText(taken, before[from + i], style);
      before[from + i] = taken?.pmd ?? before[from + i];
      return [...head.map(() => ''), ...text].join('\n');
    });
    return [[...head, mark?.row === index ? style.note(name) : name].join('\n'), ...cells];
  });
  return table(['step', ...options.columns.slice(from, to)], body, {
    ...options,
    width,
    columns: [step, ...new Array<number>(shown).fill(cell)],
  });
}

function cellText(step: TraceStep | undefined, before: PmdView | undefined, style: Style): readonly string[] {
  if (step === undefined) return [style.dim('--')];
  const fell = step.fell.map(({ invariant }) => style.bad(`!! ${invariant}`));
  const { pmd } = step;
  if (pmd === undefined) return fell.length > 0 ? fell : [''];
  const same = before !== undefined && before.entry === pmd.entry;
  const word = `${pmd.entry} ${pmdFlags(pmd)}`;
  if (same) return [style.dim(word), ...fell];
  const change = before === undefined ? [] : [bitsChanged(before.entry, pmd.entry)];
  const walker = before?.walker === pmd.walker ? [] : [`walker: ${pmd.walker}`];
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

interface Divergence {
  readonly row: number;
  readonly text: (columns: readonly string[]) => string;
}

type Question = readonly [name: string, answer: (pmd: PmdView) => boolean | undefined];

const QUESTIONS: readonly Question[] = [
  ['pmd_none', (pmd) => pmd.none],
  ['pmd_present', (pmd) => pmd.present],
  ['pmd_trans_huge', (pmd) => pmd.trans_huge],
  ['pmd_bad', (pmd) => pmd.bad],
  ['pmd_leaf', (pmd) => pmd.leaf],
  [
    '"the hardware maps a page"',
    (pmd) => (pmd.walker === 'not walked' ? undefined : pmd.walker.startsWith('maps')),
  ],
];

/** The first step after which one question about the entry has two answers. */
function firstDivergence(rows: readonly CompareRow[]): Divergence | undefined {
  for (const [row, { cells }] of rows.entries()) {
    for (const [name, answer] of QUESTIONS) {
      const answers = cells.map((cell) => (cell?.pmd === undefined ? undefined : answer(cell.pmd)));
      if (answers.includes(true) && answers.includes(false)) {
        const said = (value: boolean, columns: readonly string[]): string =>
          columns.filter((_, i) => answers[i] === value).join(', ');
        return {
          row,
          text: (columns) => `${name} is true on ${said(true, columns)}, false on ${said(false, columns)}`,
        };
      }
    }
  }
  return undefined;
}

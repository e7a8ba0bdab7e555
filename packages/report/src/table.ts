import Table from 'cli-table3';
import wrapAnsi from 'wrap-ansi';
import { type ViewOptions, styleOf } from './style.js';

/** A table as every view prints it: a head, a rule, rows; no other lines. */
export interface TableOptions extends ViewOptions {
  readonly align?: readonly ('left' | 'right')[];
  /** Widths of the columns, gaps not counted; left out: as wide as the content. */
  readonly columns?: readonly number[];
}

const GAP = 2;
const NONE = '';
const CHARS = {
  top: NONE, 'top-mid': NONE, 'top-left': NONE, 'top-right': NONE,
  bottom: NONE, 'bottom-mid': NONE, 'bottom-left': NONE, 'bottom-right': NONE,
  left: NONE, 'left-mid': NONE, mid: NONE, 'mid-mid': NONE,
  right: NONE, 'right-mid': NONE, middle: ' '.repeat(GAP),
}; // prettier-ignore

/** Renders a table; a cell may have several lines. No line has spaces at its end. */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  options: TableOptions = {},
): string {
  const style = styleOf(options);
  const made = new Table({
    head: head.map(style.head),
    chars: CHARS,
    style: { head: [], border: [], compact: true, 'padding-left': 0, 'padding-right': 0 },
    colAligns: [...(options.align ?? [])],
    ...(options.columns && { colWidths: [...options.columns] }),
  });
  const fitted = (text: string, column: number): string => {
    const width = options.columns?.[column];
    return width === undefined ? text : wrapAnsi(text, width, { hard: true, trim: false });
  };
  made.push(...rows.map((row) => row.map(fitted)));
  const lines = made.toString().split('\n').map(trimEnd);
  const widest = Math.max(...lines.map((line) => visible(line).length));
  const rule = '-'.repeat(Math.min(widest, options.width ?? widest));
  const headLines = Math.max(...head.map((text) => text.split('\n').length));
  return [...lines.slice(0, headLines), style.dim(rule), ...lines.slice(headLines)].join('\n');
}

/** What is left of a text on the screen when its colours are taken out. */
export const visible = (text: string): string => text.replace(ANSI, '');

const ANSI = /\u001b\[[0-9;]*m/g;

/** Takes spaces off the end of a line, also those before a closing colour. */
const trimEnd = (line: string): string => line.replace(/[ ]+((?:\u001b\[[0-9;]*m)*)$/, '$1');

export { type CompareOptions, type CompareRow, compareTable, pmdFlags } from './compare-table.js';
export type { ViewOptions } from './style.js';
export { type TableOptions, table } from './table.js';
export { type TwoColumnOptions, twoColumn } from './two-column.js';
export { type VerdictRow, verdictMatrix, verdictTable } from './verdict-table.js';

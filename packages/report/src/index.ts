export { type CompareOptions, type CompareRow, compareTable, pmdFlags } from './compare-table.js';
export {
  type CalibrationView,
  type FlushCost,
  type FlushProfile,
  type FlushRow,
  type FlushSpan,
  type ShapeView,
} from './flush-rows.js';
export { calibrationTable, flushTable } from './flush-table.js';
export { type FlushPage, UnsourcedError, flushPage } from './flush-page.js';
export type { ViewOptions } from './style.js';
export { type TableOptions, table } from './table.js';
export { type TwoColumnOptions, twoColumn } from './two-column.js';
export { type VerdictRow, verdictMatrix, verdictTable } from './verdict-table.js';

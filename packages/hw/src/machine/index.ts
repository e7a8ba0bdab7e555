export { CellStore } from './cells.js';
export {
  type CpuConfig,
  Machine,
  type Prepared,
  type SlotInfo,
  type StepKind,
  type TableRegion,
  always,
  slotCell,
} from './machine.js';
export { type StoreHook, checkTableAccess, defineMemorySteps } from './memory-steps.js';
export type { TableUse } from './table-base.js';
export { type TlbEntry as CachedTranslation, overlaps } from './tlb-state.js';
export {
  allIdle,
  defineTlbSteps,
  fillTlb,
  invalidationOperands,
  irqCell,
  setBusy,
  show as showTranslation,
  tlbOf,
} from './tlb-steps.js';
export { type EntryView, entryInWords, viewEntry } from './entry-view.js';
export { sizeName } from './size-name.js';
export {
  type AccessResult,
  type UseHook,
  defineAccessSteps,
  translationsOf,
  updated as recordedEntry,
} from './access-steps.js';

export * from './errors.js';
export {
  type BackendChoice,
  type CaptureMeta,
  type HptMeta,
  type Region,
  register,
  regionAt,
} from './meta.js';
export { type MapsVma, vmaAt } from './maps.js';
export type * from './truth.js';
export type { InfoTlbLine } from './info-tlb.js';
export * from './open.js';
export type * from './linux.js';
export * from './view.js';
export type { CheckResult } from './tally.js';
export * from './check.js';
export * from './dump.js';

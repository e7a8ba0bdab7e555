export { arm64, type Arm64Options } from './arm64.js';
export * from './bits.js';
export * from './context.js';
export * from './fault.js';
export { type Arm64Geometry, type Granule } from './layout.js';
export { PMD_STATES, type PmdState } from './pmd.js';
export { PTE_STATES, type PteState } from './pte.js';

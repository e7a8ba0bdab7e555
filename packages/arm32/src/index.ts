export { arm32, type Arm32Options } from './arm32.js';
export * from './bits.js';
export * from './context.js';
export * from './fault.js';
export { PMD_STATES, type PmdState } from './pmd.js';
export { PTE_STATES, type PteState } from './pte.js';

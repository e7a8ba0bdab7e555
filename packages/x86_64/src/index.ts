export { type X86Options, x86_64 } from './x86_64.js';
export * from './bits.js';
export * from './context.js';
export * from './fault.js';
export { type X86Levels } from './layout.js';
export { PMD_STATES, type PmdState } from './pmd.js';

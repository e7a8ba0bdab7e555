export { type PowerpcOptions, powerpc } from './powerpc.js';
export type { PpcEnv, PpcMmu, PpcPage } from './env.js';
export * from './bits.js';
export * from './context.js';
export * from './fault.js';
export { _PTEIDX_GROUP_IX, _PTEIDX_SECONDARY, SUB_PAGES_TRACKED } from './hash.js';
export { PMD_STATES, type PmdState } from './pmd.js';

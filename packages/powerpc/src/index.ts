export { type PowerpcOptions, powerpc } from './powerpc.js';
export type { PpcEnv, PpcMmu, PpcPage } from './env.js';
export * from './bits.js';
export * from './context.js';
export * from './fault.js';
export * from './hash.js';

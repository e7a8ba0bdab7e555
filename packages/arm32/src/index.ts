export { arm32, type Arm32Options } from './arm32.js';
export * from './bits.js';
export * from './context.js';
export * from './fault.js';

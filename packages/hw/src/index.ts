export * from './memory.js';
export * from './walk.js';
export * from './walk-fast.js';
export * from './machine/index.js';
export * from './hash.js';
export * from './page-walk-cache.js';
export * from './tlb.js';
export * from './tlb-cpu.js';

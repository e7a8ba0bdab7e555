export * from './memory.js';
export * from './walk.js';
export * from './walk-fast.js';
export * from './machine/index.js';
export * from './hash.js';

export * from './law.js';
export * from './law-exceptions.js';
export { BASIC_LAWS, NOT_MODELLED } from './laws-basic.js';
export { MEMORY_LAWS } from './laws-memory.js';
export * from './laws.js';
export * from './vectors.js';

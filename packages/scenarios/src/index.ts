export type * from './types.js';
export { definitions as scenarios } from './catalog.js';
export { ScenarioError, type ScenarioErrorCode } from './errors.js';
export { runProbe } from './run.js';

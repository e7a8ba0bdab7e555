export type * from './types.js';
export type { ProbeDefinition, Reach, ScenarioDefinition } from './definition.js';
export { alignedTraces } from './align.js';
export { definitions as scenarios } from './catalog.js';
export { ScenarioError, type ScenarioErrorCode } from './errors.js';
export { traceOf } from './record.js';
export { expectationFor, findProbe, prepareProbe, runProbe, searchProbe, whyNot } from './run.js';

export type * from './document.js';
export { type JsonSchema, traceSchema } from './schema.js';
export { TraceError, parseTrace, validateTrace } from './validate.js';

/** What users of the SDK import: everything has one name and comes from here. */
// Two packages have an error of this name for bugs of their own; the contract's is the one to catch.
export { InvariantError } from '@ptemu/arch';
export * from '@ptemu/arch';
export * from '@ptemu/capture';
export * from '@ptemu/conformance';
export * from '@ptemu/explore';
export * from '@ptemu/hw';
export * from '@ptemu/mm';
export * from '@ptemu/report';
export * from '@ptemu/scenarios';
export * from '@ptemu/trace';
export {
  type BackendEntry,
  type BackendOptions,
  type Spec,
  type VariantOptions,
  ALL_SPECS,
  backend,
  backendEntry,
  backendNames,
  parseSpec,
  splitSpecs,
} from './backends.js';
export {
  type CReference,
  type ReferenceFlush,
  type ReferenceRun,
  compileReference,
} from './bench/c-reference.js';
export { type TraceKind, type TraceShape, TRACES, makeTrace } from './bench/traces.js';
export {
  type TranslationMode,
  type TranslationOptions,
  type TranslationRow,
  geometricMean,
  measureTranslation,
  median,
} from './bench/translation.js';
export { type EntryWords, type Workload, REFERENCE_TLB, entryWords, mapWorkload } from './bench/workload.js';
export * from './traces/index.js';
export { type EntryState, pmdStates, pteStates } from './split-states.js';
export { sizeText, walkerSays } from './walker-says.js';
export { VERSION } from './version.js';

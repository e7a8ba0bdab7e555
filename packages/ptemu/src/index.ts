/** What users of the SDK import: everything has one name and comes from here. */
export * from '@ptemu/arch';
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
export { type EntryState, pmdStates, pteStates } from './split-states.js';
export { sizeText, walkerSays } from './walker-says.js';
export { VERSION } from './version.js';

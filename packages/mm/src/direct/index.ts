export { OPERATION_CPUS_MAX, OPERATION_PAGES_MAX } from './operation-stage.js';
export {
  FLUSH_OPERATIONS,
  type FlushOperation,
  operationEvents,
  type OperationOptions,
  type OperationResult,
  type PreparedOperation,
  prepareOperation,
  runOperation,
} from './operations.js';
export { DirectProcess, type Mapping, type Touched } from './process.js';

export {
  ACCESS_BYTES_MAX,
  type AccessBatch,
  ACCESS_FETCH,
  ACCESS_MODIFY,
  ACCESS_READ,
  ACCESS_WRITE,
} from './access-batch.js';
export { AddressTraceError, type AddressTraceErrorCode, type TracePlace } from './address-trace-error.js';
export { CompactEncoder } from './compact.js';
export { type ReadTraceOptions, type TraceRead, readAddressTrace } from './read-trace.js';
export { type ReplayCounts, type TlbLevelCounts, TraceReplay, type TraceReplayOptions } from './replay.js';
export type { ByteSource } from './unpack.js';

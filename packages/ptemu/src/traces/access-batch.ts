/**
 * Accesses on their way from a reader to whoever wants them: a buffer of fixed size that is filled, handed over and filled
 * again, so that a trace of any length takes the same memory.
 */

/** Loads data. */
export const ACCESS_READ = 0;
/** Stores data. */
export const ACCESS_WRITE = 1;
/** Fetches an instruction. */
export const ACCESS_FETCH = 2;
/** Loads and stores the same data. */
export const ACCESS_MODIFY = 3;

/** Accesses that a batch holds. */
export const BATCH_ACCESSES = 8192;

/** Bytes of the largest access: the smallest page, so that an access touches two pages at most. */
export const ACCESS_BYTES_MAX = 4096;

/** Accesses, member by member. Only the first `length` count. */
export interface AccessBatch {
  length: number;
  /** `ACCESS_READ`, `ACCESS_WRITE`, `ACCESS_FETCH` or `ACCESS_MODIFY`. */
  readonly kind: Uint8Array;
  /** Words of the address of the first byte. */
  readonly lo: Int32Array;
  readonly hi: Int32Array;
  /** Bytes, 1 to `ACCESS_BYTES_MAX`. */
  readonly size: Uint16Array;
  /** Where the access stands in the trace, in bytes. */
  readonly offset: Float64Array;
  /** Its line; 0 in a form without lines. */
  readonly line: Float64Array;
}

/** An empty batch. */
export const accessBatch = (accesses: number = BATCH_ACCESSES): AccessBatch => ({
  length: 0,
  kind: new Uint8Array(accesses),
  lo: new Int32Array(accesses),
  hi: new Int32Array(accesses),
  size: new Uint16Array(accesses),
  offset: new Float64Array(accesses),
  line: new Float64Array(accesses),
});

/** Hands batches over, up to a number of accesses. */
export class BatchSink {
  readonly batch: AccessBatch = accessBatch();
  /** How many accesses the batch takes before it is handed over. */
  room: number;
  /** Accesses handed over. */
  accesses = 0;
  readonly #limit: number;
  readonly #take: (batch: AccessBatch) => void;

  constructor(take: (batch: AccessBatch) => void, limit: number = Infinity) {
    this.#take = take;
    this.#limit = limit;
    this.room = Math.min(BATCH_ACCESSES, limit);
  }

  /** Hands over what is there; the batch is empty afterwards. Returns whether more is wanted. */
  flush(): boolean {
    const { batch } = this;
    if (batch.length > 0) {
      this.accesses += batch.length;
      this.#take(batch);
      batch.length = 0;
    }
    this.room = Math.min(BATCH_ACCESSES, this.#limit - this.accesses);
    return this.room > 0;
  }
}

/** A reader of one form of traces: bytes are pushed as they come, accesses go to a sink. */
export interface TraceParser {
  /** Takes the next bytes. Returns whether more are wanted. @throws AddressTraceError */
  push(bytes: Uint8Array): boolean;
  /** Says that no more bytes come. Returns whether more were wanted. @throws AddressTraceError `TRUNCATED` where some are missing. */
  end(): boolean;
}

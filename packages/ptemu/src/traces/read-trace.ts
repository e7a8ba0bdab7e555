/** Reads an address trace of any form, from any stream, in memory that does not depend on its length. */
import { type AccessBatch, BatchSink, type TraceParser } from './access-batch.js';
import { AddressTraceError } from './address-trace-error.js';
import { COMPACT_MAGIC, CompactParser } from './compact.js';
import { LackeyParser } from './lackey.js';
import { type ByteSource, peek, startsWith, unpack } from './unpack.js';

/** How a trace is read. */
export interface ReadTraceOptions {
  /** Stops after so many accesses; what follows is not looked at. */
  readonly limit?: number;
  /** Tests whether to stop where it is; asked once per piece. */
  readonly stop?: () => boolean;
}

/** What was read. */
export interface TraceRead {
  readonly form: 'text' | 'compact';
  readonly packing: 'gzip' | 'zstd' | 'none';
  readonly accesses: number;
  /** Whether the end was reached: a limit, or `stop`, may have come before. */
  readonly whole: boolean;
}

/**
 * Reads a trace; form and packing are told by its first bytes. `take` gets batches of accesses, valid during the call.
 *
 * @throws AddressTraceError where the trace is damaged, or is none. What comes before the damage was handed over by then.
 */
export async function readAddressTrace(
  source: ByteSource,
  take: (batch: AccessBatch) => void,
  { limit = Infinity, stop }: ReadTraceOptions = {},
): Promise<TraceRead> {
  const { packing, bytes: unpacked } = await unpack(source);
  const { head, bytes } = await peek(unpacked, COMPACT_MAGIC.length);
  const form = startsWith(head, COMPACT_MAGIC) ? 'compact' : 'text';
  const sink = new BatchSink(take, limit);
  const parser: TraceParser = form === 'compact' ? new CompactParser(sink) : new LackeyParser(sink);
  let whole = true;
  for await (const chunk of bytes) {
    whole = parser.push(chunk) && stop?.() !== true;
    if (!whole) break;
  }
  if (whole) whole = parser.end();
  else sink.flush();
  if (sink.accesses === 0 && whole)
    throw new AddressTraceError('TRUNCATED', 'no access in it', { offset: 0 });
  return { form, packing, accesses: sink.accesses, whole };
}

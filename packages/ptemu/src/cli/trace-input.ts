/** Opens address traces for a command: a file or standard input, with progress on a terminal, and errors that name it. */
import { createReadStream, fstatSync, openSync } from 'node:fs';
import { Presets, SingleBar } from 'cli-progress';
import { AddressTraceError, type AccessBatch, type TraceRead, readAddressTrace } from '../traces/index.js';
import { clip, fileError } from './input.js';
import { type Io, UsageError } from './io.js';

/** How a trace is read. */
export interface TraceInputOptions {
  readonly limit: number;
}

/** Bytes that a file is read by. */
const READ_BYTES = 262_144;

/**
 * Reads a trace and hands its batches over.
 *
 * @throws UsageError one line with the name and the place of what is wrong.
 */
export async function readTrace(
  path: string,
  { limit }: TraceInputOptions,
  io: Io,
  take: (batch: AccessBatch) => void,
): Promise<TraceRead> {
  const { bytes, size } = open(path, io);
  const progress = traceProgress(size, io);
  const counted = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of bytes) {
      progress.read(chunk.length);
      yield chunk;
    }
  };
  try {
    return await readAddressTrace(
      counted(),
      (batch) => {
        progress.accesses(batch.length);
        take(batch);
      },
      { limit, stop: () => io.interrupt?.aborted === true },
    );
  } catch (error) {
    if (error instanceof AddressTraceError) throw traceError(path, error);
    throw isFileError(error) ? fileError('read', path, error) : error;
  } finally {
    progress.stop();
  }
}

/** The error with the name of the trace before it. */
const traceError = (path: string, error: AddressTraceError): UsageError =>
  new UsageError(`${path === '-' ? 'standard input' : clip(path)}: ${error.message}`);

const isFileError = (error: unknown): boolean => error instanceof Error && 'syscall' in error;

/** Size in bytes, of a regular file only. */
function open(
  path: string,
  io: Io,
): { readonly bytes: AsyncIterable<Uint8Array>; readonly size: number | undefined } {
  if (path === '-') return { bytes: io.stdinBytes?.() ?? process.stdin, size: undefined };
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    throw fileError('read', path, error);
  }
  const stat = fstatSync(fd);
  return {
    bytes: createReadStream(path, { fd, highWaterMark: READ_BYTES }),
    size: stat.isFile() ? stat.size : undefined,
  };
}

/** How far a trace was read. */
interface TraceProgress {
  readonly read: (bytes: number) => void;
  readonly accesses: (count: number) => void;
  readonly stop: () => void;
}

const BAR = '{bar} {percentage} %, {accesses} accesses, {eta_formatted} left';
const NO_SIZE = '{accesses} accesses';

/** A bar over the bytes of a file; of a stream that has no known size, the accesses only. */
function traceProgress(size: number | undefined, io: Io): TraceProgress {
  const nothing = (): undefined => undefined;
  if (!io.progress) return { read: nothing, accesses: nothing, stop: nothing };
  const bar = new SingleBar(
    {
      format: size === undefined ? NO_SIZE : BAR,
      clearOnComplete: true,
      hideCursor: true,
      stream: process.stderr,
    },
    Presets.shades_classic,
  );
  let bytes = 0;
  let count = 0;
  bar.start(size ?? 0, 0, { accesses: '0' });
  return {
    read: (more) => bar.update((bytes += more), { accesses: count.toLocaleString('en') }),
    accesses: (more) => void (count += more),
    stop: () => bar.stop(),
  };
}

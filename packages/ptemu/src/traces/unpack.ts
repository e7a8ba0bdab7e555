/** Takes gzip and zstd off a stream of bytes, told by its first bytes; what is not packed goes through as it is. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { AddressTraceError } from './address-trace-error.js';
import { ZSTD_MAGIC, ZstdFrames, type ZstdPart, isZstd } from './zstd-frames.js';

/** Bytes as they come: a stream of Node, or any other source. */
export type ByteSource = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

const GZIP_MAGIC: Uint8Array = Uint8Array.of(0x1f, 0x8b);
/** Bytes that zlib is given at a time: as exactly is known where it found damage. */
const GZIP_PIECE = 16_384;

/** What the stream is packed with, and its bytes without that. */
export interface Unpacked {
  readonly packing: 'gzip' | 'zstd' | 'none';
  readonly bytes: AsyncIterable<Uint8Array>;
}

/** Looks at the first bytes. Nothing more is read before `bytes` is. Damage throws `PACKING` there. */
export async function unpack(source: ByteSource): Promise<Unpacked> {
  const { head, bytes } = await peek(source, ZSTD_MAGIC.length);
  if (startsWith(head, GZIP_MAGIC)) return { packing: 'gzip', bytes: gunzip(bytes) };
  if (isZstd(head)) return { packing: 'zstd', bytes: unzstd(bytes) };
  return { packing: 'none', bytes };
}

/** The first bytes, fewer only where there are no more, and all bytes, these included. */
export async function peek(
  source: ByteSource,
  count: number,
): Promise<{ readonly head: Uint8Array; readonly bytes: AsyncIterable<Uint8Array> }> {
  const iterator =
    Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  let head = new Uint8Array(0);
  while (head.length < count) {
    const next = await iterator.next();
    if (next.done === true) break;
    head = Buffer.concat([head, next.value]);
  }
  return { head, bytes: chain(head, iterator) };
}

async function* chain(
  head: Uint8Array,
  rest: AsyncIterator<Uint8Array> | Iterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  try {
    yield head;
    for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}

/** Whether bytes begin with these. */
export const startsWith = (bytes: Uint8Array, magic: Uint8Array): boolean =>
  magic.every((byte, i) => bytes[i] === byte);

async function* gunzip(packed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const stream = createGunzip({ chunkSize: 65_536 });
  let failure: unknown;
  // A source that fails must not look like damaged data.
  const source = async function* (): AsyncGenerator<Uint8Array> {
    try {
      yield* pieces(packed);
    } catch (error) {
      failure = error;
      throw error;
    }
  };
  const fed = pipeline(Readable.from(source()), stream).catch(() => undefined);
  try {
    yield* stream as AsyncIterable<Uint8Array>;
  } catch (error) {
    if (failure !== undefined) throw failure;
    throw gzipError(error, stream.bytesWritten);
  } finally {
    stream.destroy();
    await fed;
  }
}

async function* pieces(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of bytes) {
    for (let at = 0; at < chunk.length; at += GZIP_PIECE) yield chunk.subarray(at, at + GZIP_PIECE);
  }
}

/** `taken`: bytes of the packed data that zlib had dealt with before the piece that it failed on. */
function gzipError(error: unknown, taken: number): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'Z_BUF_ERROR') {
    return new AddressTraceError('PACKING', 'the gzip data are cut off', { offset: taken });
  }
  if (!code.startsWith('Z_')) return error;
  const why = (error as Error).message;
  const message = `damaged gzip data within the next ${GZIP_PIECE} bytes: ${why}`;
  return new AddressTraceError('PACKING', message, { offset: taken });
}

/** A skippable frame without content: handing it over makes the decoder deal with the part before it. @see RFC 8878, 3.1.2 */
const NOTHING: Uint8Array = Uint8Array.of(0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0);
/** Outputs that one part may give: a block is 128 KiB at most and so is an output, and some are empty. */
const OUTPUTS_PER_PART = 4;

async function* unzstd(packed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const decoder = new PartDecoder();
  await decoder.init();
  const frames = new ZstdFrames();
  let offset = 0;
  for await (const chunk of packed) {
    for (const part of frames.push(chunk)) {
      yield* decoder.decode(part);
      offset = part.offset + part.bytes.length;
    }
  }
  frames.end();
  yield* decoder.decode({ bytes: NOTHING, offset });
}

/**
 * Drives the library's decoder, which pulls its input, by pushing. It is resumed only while a part waits that it has not pulled,
 * so it never finds none. That it reports damage by standing still is seen from outputs that never end.
 */
class PartDecoder {
  #waiting: ZstdPart | undefined;
  #current: ZstdPart | undefined;
  #outputs: Generator<Uint8Array> | undefined;

  async init(): Promise<void> {
    // Loaded where it is needed: no other command does.
    const { ZSTDDecoder } = await import('zstddec/stream');
    const library = new ZSTDDecoder();
    await library.init();
    this.#outputs = library.decodeStreaming({ [Symbol.iterator]: () => this.#parts() });
  }

  /** Hands a part over; what comes out belongs to it and to the part before. */
  *decode(part: ZstdPart): Generator<Uint8Array> {
    this.#waiting = part;
    for (let outputs = 0; this.#waiting !== undefined; outputs++) {
      const before = this.#current ?? part;
      if (outputs > OUTPUTS_PER_PART) throw damaged(before);
      let next: IteratorResult<Uint8Array>;
      try {
        next = this.#outputs!.next();
      } catch {
        throw damaged(before);
      }
      if (next.done === true) throw damaged(before);
      if (next.value.length > 0) yield next.value;
    }
  }

  *#parts(): Generator<Uint8Array> {
    for (;;) {
      this.#current = this.#waiting!;
      this.#waiting = undefined;
      yield this.#current.bytes;
    }
  }
}

const damaged = ({ offset }: ZstdPart): AddressTraceError =>
  new AddressTraceError('PACKING', 'damaged zstd data in the block that begins here', { offset });

/**
 * Cuts zstd data into their parts, which are small: a frame header, a block, a checksum. The decoder is then fed one part at a
 * time, so that damage has a place, and a header cannot ask for more memory than the decoder is allowed to take.
 *
 * @see RFC 8878, "Zstandard Compression and the 'application/zstd' Media Type", 3.1
 */
import { AddressTraceError } from './address-trace-error.js';

/** First bytes of a frame. */
export const ZSTD_MAGIC: Uint8Array = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd);
/** Largest window, as that of the `zstd` command where nothing is said. */
export const ZSTD_WINDOW_MAX: number = 2 ** 27;

/** Skippable frames have any of 16 magic numbers. */
const SKIPPABLE_MAGIC: readonly number[] = [0x50, 0x2a, 0x4d, 0x18];
const HEADER_BYTES_MAX = 18;
const BLOCK_BYTES_MAX = 2 ** 17;
/** Skipped bytes are passed on in pieces. */
const SKIP_BYTES = 2 ** 16;
const RLE = 1;

/** Whether bytes begin as zstd data do: with a frame, or with one to skip. */
export const isZstd = (head: Uint8Array): boolean =>
  ZSTD_MAGIC.every((byte, i) => head[i] === byte) ||
  SKIPPABLE_MAGIC.every((byte, i) => (head[i]! & (i === 0 ? 0xf0 : 0xff)) === byte);

/** A part, and where it begins. */
export interface ZstdPart {
  readonly bytes: Uint8Array;
  readonly offset: number;
}

/** Cuts the data, which come in pieces of any size. */
export class ZstdFrames {
  #held: Uint8Array = new Uint8Array(0);
  #offset = 0;
  #next: 'frame' | 'block' | 'checksum' | 'skip' = 'frame';
  #skip = 0;
  #hasChecksum = false;

  /** The parts that are whole now. @throws AddressTraceError `PACKING` */
  *push(bytes: Uint8Array): Generator<ZstdPart> {
    const all = new Uint8Array(this.#held.length + bytes.length);
    all.set(this.#held);
    all.set(bytes, this.#held.length);
    this.#held = all;
    for (;;) {
      const length = this.#partLength();
      if (length === 0 || length > this.#held.length) return;
      const part = { bytes: this.#held.subarray(0, length), offset: this.#offset };
      this.#held = this.#held.subarray(length);
      this.#offset += length;
      yield part;
    }
  }

  /** Says that no more comes. @throws AddressTraceError `PACKING` within a frame. */
  end(): void {
    if (this.#next === 'frame' && this.#held.length === 0) return;
    throw this.#error('the zstd data are cut off', this.#held.length);
  }

  /** Bytes of the part at the front, all of it there or not; 0 where too little is there to say. Decides what is next. */
  #partLength(): number {
    const held = this.#held;
    switch (this.#next) {
      case 'frame':
        return this.#headerLength();
      case 'block': {
        if (held.length < 3) return 0;
        const header = held[0]! | (held[1]! << 8) | (held[2]! << 16);
        const type = (header >>> 1) & 3;
        const size = header >>> 3;
        if (type === 3 || size > BLOCK_BYTES_MAX) throw this.#error('a zstd block that cannot be', 0);
        const length = 3 + (type === RLE ? 1 : size);
        if (held.length < length) return 0;
        if ((header & 1) !== 0) this.#next = this.#hasChecksum ? 'checksum' : 'frame';
        return length;
      }
      case 'checksum':
        if (held.length < 4) return 0;
        this.#next = 'frame';
        return 4;
      case 'skip': {
        const length = Math.min(this.#skip, SKIP_BYTES, held.length);
        this.#skip -= length;
        if (this.#skip === 0) this.#next = 'frame';
        return length;
      }
    }
  }

  #headerLength(): number {
    const held = this.#held;
    if (held.length < 4) return 0;
    const view = new DataView(held.buffer, held.byteOffset, held.length);
    if (!isZstd(held)) throw this.#error('no zstd frame where one begins', 0);
    if (held[0] !== ZSTD_MAGIC[0]) {
      if (held.length < 8) return 0;
      this.#skip = view.getUint32(4, true);
      if (this.#skip > 0) this.#next = 'skip';
      return 8;
    }
    if (held.length < 5) return 0;
    const flags = held[4]!;
    const singleSegment = (flags & 0x20) !== 0;
    const dictionaryBytes = [0, 1, 2, 4][flags & 3]!;
    const sizeBytes = [singleSegment ? 1 : 0, 2, 4, 8][flags >>> 6]!;
    const length = 5 + (singleSegment ? 0 : 1) + dictionaryBytes + sizeBytes;
    if (held.length < Math.min(length, HEADER_BYTES_MAX)) return 0;
    if (dictionaryBytes > 0) throw this.#error('zstd data that need a dictionary', 4);
    const window = singleSegment ? contentBytes(view, length - sizeBytes, sizeBytes) : windowBytes(held[5]!);
    if (window > ZSTD_WINDOW_MAX)
      throw this.#error(`a zstd window of ${window} bytes; at most ${ZSTD_WINDOW_MAX}`, 4);
    this.#hasChecksum = (flags & 4) !== 0;
    this.#next = 'block';
    return length;
  }

  #error(message: string, at: number): AddressTraceError {
    return new AddressTraceError('PACKING', message, { offset: this.#offset + at });
  }
}

/** @see RFC 8878, 3.1.1.1.2 */
function windowBytes(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >>> 3));
  return base + (base / 8) * (descriptor & 7);
}

/** @see RFC 8878, 3.1.1.1.4 */
function contentBytes(view: DataView, at: number, bytes: number): number {
  switch (bytes) {
    case 1:
      return view.getUint8(at);
    case 2:
      return view.getUint16(at, true) + 256;
    case 4:
      return view.getUint32(at, true);
    default:
      return Number(view.getBigUint64(at, true));
  }
}

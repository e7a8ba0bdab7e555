/**
 * The compact binary form of a trace; `docs/trace-format.md` describes it for others to read and write.
 *
 * A header, records of 1 to 13 bytes, a footer. A record begins with a tag: kind in bits 0 and 1, size in bits 2 to 6 (0: a
 * varint follows), and in bit 7 whether the address differs from the expected one, in which case the difference follows as a
 * zigzag varint. Expected is, for an instruction, the end of the one before, for data the address of the data before. A tag of 0
 * ends the records; the number of accesses and a CRC-32 of all bytes before it follow, so that a trace that was cut off or
 * changed is told from a whole one.
 */
import { crc32 } from 'node:zlib';
import { ACCESS_BYTES_MAX, type AccessBatch, BATCH_ACCESSES, type BatchSink, ACCESS_FETCH, type TraceParser } from './access-batch.js'; // prettier-ignore
import { AddressTraceError, type AddressTraceErrorCode } from './address-trace-error.js';
import { PieceBuffer } from './piece-buffer.js';

/** The first bytes: as those of PNG, they do not survive a transfer as text. */
export const COMPACT_MAGIC: Uint8Array = Uint8Array.of(0x89, 0x50, 0x54, 0x54, 0x0d, 0x0a, 0x1a, 0x0a);
/** The version that is written and read. */
export const COMPACT_VERSION = 1;

const HEADER_BYTES = 16;
const FOOTER_BYTES = 13;
/** Tag, size and difference at their longest. */
const RECORD_BYTES_MAX = 13;
const SIZE_BYTES_MAX = 2;
const DIFFERENCE_BYTES_MAX = 10;
const END_TAG = 0;
const SIZE_MASK = 0x1f;
const MOVED = 0x80;

/** What the two streams, data and instructions, expect: words of an address each. */
interface Expected {
  dataLo: number;
  dataHi: number;
  fetchLo: number;
  fetchHi: number;
}

const nothing = (): Expected => ({ dataLo: 0, dataHi: 0, fetchLo: 0, fetchHi: 0 });

/** Writes the compact form, piece by piece: header, batches, footer. */
export class CompactEncoder {
  readonly #out = new Uint8Array(RECORD_BYTES_MAX * BATCH_ACCESSES);
  readonly #expected = nothing();
  #accesses = 0;
  #crc = 0;
  #at = 0;

  header(): Uint8Array {
    const header = new Uint8Array(HEADER_BYTES);
    header.set(COMPACT_MAGIC);
    header[COMPACT_MAGIC.length] = COMPACT_VERSION;
    this.#crc = crc32(header, this.#crc);
    return header;
  }

  /** Records of a batch. The bytes are valid until the next call. */
  encode({ length, kind, lo, hi, size }: AccessBatch): Uint8Array {
    this.#at = 0;
    for (let i = 0; i < length; i++) this.#record(kind[i]!, lo[i]!, hi[i]!, size[i]!);
    this.#accesses += length;
    const bytes = this.#out.subarray(0, this.#at);
    this.#crc = crc32(bytes, this.#crc);
    return bytes;
  }

  footer(): Uint8Array {
    const footer = new Uint8Array(FOOTER_BYTES);
    const view = new DataView(footer.buffer);
    footer[0] = END_TAG;
    view.setBigUint64(1, BigInt(this.#accesses), true);
    view.setUint32(9, crc32(footer.subarray(0, 9), this.#crc), true);
    return footer;
  }

  #record(kind: number, lo: number, hi: number, size: number): void {
    const expected = this.#expected;
    const isFetch = kind === ACCESS_FETCH;
    const fromLo = isFetch ? expected.fetchLo : expected.dataLo;
    const differenceLo = (lo - fromLo) | 0;
    const borrow = lo >>> 0 < fromLo >>> 0 ? 1 : 0;
    const differenceHi = (hi - (isFetch ? expected.fetchHi : expected.dataHi) - borrow) | 0;
    const code = size <= SIZE_MASK ? size : 0;
    // A tag of 0 ends the records, so a load of a size that follows always says where it is.
    const moved = (differenceLo | differenceHi) !== 0 || (code === 0 && kind === 0);
    this.#out[this.#at++] = kind | (code << 2) | (moved ? MOVED : 0);
    if (code === 0) this.#varint(size, 0);
    if (moved) {
      const sign = differenceHi >> 31;
      this.#varint((differenceLo << 1) ^ sign, ((differenceHi << 1) | (differenceLo >>> 31)) ^ sign);
    }
    expect(expected, isFetch, lo, hi, size);
  }

  #varint(lo: number, hi: number): void {
    const out = this.#out;
    while (hi !== 0 || lo >>> 0 > 0x7f) {
      out[this.#at++] = (lo & 0x7f) | 0x80;
      lo = (lo >>> 7) | (hi << 25);
      hi >>>= 7;
    }
    out[this.#at++] = lo;
  }
}

/** What comes next if nothing jumps. */
function expect(expected: Expected, isFetch: boolean, lo: number, hi: number, size: number): void {
  if (!isFetch) {
    expected.dataLo = lo;
    expected.dataHi = hi;
    return;
  }
  const end = (lo + size) | 0;
  expected.fetchLo = end;
  expected.fetchHi = end >>> 0 < lo >>> 0 ? (hi + 1) | 0 : hi;
}

/** Reads the compact form. */
export class CompactParser implements TraceParser {
  readonly #sink: BatchSink;
  /** With room for a record's worth of zeros behind what was not parsed yet. */
  readonly #buffer = new PieceBuffer(HEADER_BYTES + RECORD_BYTES_MAX);
  readonly #work = this.#buffer.bytes;
  readonly #expected = nothing();
  #crc = 0;
  #state: 'header' | 'records' | 'done' = 'header';
  /** End of the varint that was read last, and its words. */
  #next = 0;
  #lo = 0;
  #hi = 0;

  constructor(sink: BatchSink) {
    this.#sink = sink;
  }

  push(bytes: Uint8Array): boolean {
    return this.#buffer.push(bytes, () => this.#parse(RECORD_BYTES_MAX));
  }

  end(): boolean {
    if (!this.#parse(1)) return false;
    const { held } = this.#buffer;
    if (this.#state === 'header') throw this.#error('TRUNCATED', 'the header is cut off', held);
    if (this.#state === 'records') throw this.#error('TRUNCATED', 'no footer: the trace is cut off', held);
    return this.#sink.flush();
  }

  /** Parses while at least `least` bytes are there. Returns whether more is wanted. */
  #parse(least: number): boolean {
    let start = 0;
    if (this.#state === 'header') {
      if (this.#buffer.held < HEADER_BYTES) return true;
      this.#readHeader();
      start = HEADER_BYTES;
    }
    const stop = this.#state === 'records' ? this.#readRecords(start, least) : start;
    const wanted = stop >= 0;
    if (this.#state === 'done' && this.#buffer.held > stop) {
      throw this.#error('SYNTAX', 'bytes behind the footer', stop);
    }
    if (!wanted) return false;
    this.#crc = crc32(this.#work.subarray(0, stop), this.#crc);
    this.#buffer.drop(stop);
    return true;
  }

  #readHeader(): void {
    const work = this.#work;
    const version = work[COMPACT_MAGIC.length]!;
    if (version !== COMPACT_VERSION) {
      throw this.#error('VERSION', `version ${version} of the compact form; this ptemu reads version ${COMPACT_VERSION}`, COMPACT_MAGIC.length); // prettier-ignore
    }
    for (let at = COMPACT_MAGIC.length + 1; at < HEADER_BYTES; at++) {
      if (work[at] !== 0) throw this.#error('VERSION', 'a flag that this ptemu does not know', at);
    }
    this.#state = 'records';
  }

  /** Reads records from `start` on. Returns where it stopped, or -1 where no more is wanted. */
  #readRecords(start: number, least: number): number {
    const work = this.#work;
    const { held: end, offset } = this.#buffer;
    const expected = this.#expected;
    const sink = this.#sink;
    const { batch } = sink;
    const { kind: kinds, lo: los, hi: his, size: sizes, offset: offsets, line: lines } = batch;
    work.fill(0, end, end + RECORD_BYTES_MAX);
    let length = batch.length;
    while (end - start >= least) {
      const tag = work[start]!;
      if (tag === END_TAG) {
        batch.length = length;
        if (end - start < FOOTER_BYTES) throw this.#error('TRUNCATED', 'the footer is cut off', end);
        this.#readFooter(start);
        return start + FOOTER_BYTES;
      }
      const kind = tag & 3;
      let at = start + 1;
      let size = (tag >>> 2) & SIZE_MASK;
      if (size === 0) {
        this.#varint(at, SIZE_BYTES_MAX);
        at = this.#next;
        size = this.#lo;
        if (at <= end && (size < 1 || size > ACCESS_BYTES_MAX)) throw this.#error('RANGE', `a size of ${size} bytes; it must be 1 to ${ACCESS_BYTES_MAX}`, start + 1); // prettier-ignore
      }
      const isFetch = kind === ACCESS_FETCH;
      let lo = isFetch ? expected.fetchLo : expected.dataLo;
      let hi = isFetch ? expected.fetchHi : expected.dataHi;
      if ((tag & MOVED) !== 0) {
        this.#varint(at, DIFFERENCE_BYTES_MAX);
        at = this.#next;
        const sign = -(this.#lo & 1);
        const sum = (lo + (((this.#lo >>> 1) | (this.#hi << 31)) ^ sign)) | 0;
        hi = (hi + ((this.#hi >>> 1) ^ sign) + (sum >>> 0 < lo >>> 0 ? 1 : 0)) | 0;
        lo = sum;
      }
      if (at > end) break;
      expect(expected, isFetch, lo, hi, size);
      kinds[length] = kind;
      los[length] = lo;
      his[length] = hi;
      sizes[length] = size;
      offsets[length] = offset + start;
      lines[length] = 0;
      start = at;
      if (++length >= sink.room) {
        batch.length = length;
        length = 0;
        if (!sink.flush()) return -1;
      }
    }
    batch.length = length;
    return start;
  }

  #readFooter(at: number): void {
    const work = this.#work;
    const view = new DataView(work.buffer, at, FOOTER_BYTES);
    const count = view.getBigUint64(1, true);
    const came = this.#sink.accesses + this.#sink.batch.length;
    const crc = crc32(work.subarray(0, at + 9), this.#crc);
    if (view.getUint32(9, true) !== crc) throw this.#error('CHECKSUM', 'wrong checksum: the trace is damaged somewhere before this', at + 9); // prettier-ignore
    if (count !== BigInt(came)) throw this.#error('CHECKSUM', `the footer counts ${count} accesses, but ${came} came`, at + 1); // prettier-ignore
    this.#state = 'done';
  }

  #varint(at: number, bytesMax: number): void {
    const work = this.#work;
    let lo = 0;
    let hi = 0;
    for (let n = 0, shift = 0; ; n++, shift += 7) {
      if (n === bytesMax) throw this.#error('SYNTAX', `a number of more than ${bytesMax} bytes`, at);
      const byte = work[at + n]!;
      const bits = byte & 0x7f;
      if (shift < 32) lo |= bits << shift;
      if (shift >= 32) hi |= bits << (shift - 32);
      else if (shift > 25) hi |= bits >>> (32 - shift);
      if (byte < 0x80) {
        this.#next = at + n + 1;
        this.#lo = lo;
        this.#hi = hi;
        return;
      }
    }
  }

  #error(code: AddressTraceErrorCode, message: string, at: number): AddressTraceError {
    return new AddressTraceError(code, message, { offset: this.#buffer.offset + at });
  }
}

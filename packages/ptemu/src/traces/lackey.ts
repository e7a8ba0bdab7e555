/**
 * The text form: what `valgrind --tool=lackey --trace-mem=yes` writes. One line per access: `I  addr,size` for an instruction,
 * ` L`, ` S` and ` M` for a load, a store, and a load and store of the same place; the address hexadecimal without 0x, the size
 * decimal. Lines that valgrind begins with `==`, `--` or `**`, superblocks (`SB addr`) and empty lines are passed over.
 *
 * Lines are parsed where they lie in a buffer of fixed size; what is left of a piece is moved to its front.
 *
 * @see Valgrind manual, "Lackey: an example tool"; valgrind 3.19, lackey/lk_main.c, `trace_instr`, `trace_load`
 */
import {
  ACCESS_BYTES_MAX,
  type BatchSink,
  ACCESS_FETCH,
  ACCESS_MODIFY,
  ACCESS_READ,
  type TraceParser,
  ACCESS_WRITE,
} from './access-batch.js';
import { AddressTraceError, type AddressTraceErrorCode, byteText } from './address-trace-error.js';
import { PieceBuffer } from './piece-buffer.js';

/** Bytes of the longest line that is passed over. */
export const LINE_BYTES_MAX = 16_384;
/** More than the longest line of an access: it can be parsed without looking for its end first. */
const ACCESS_LINE_MAX = 32;
const ADDRESS_DIGITS_MAX = 16;
const SIZE_DIGITS_MAX = 5;

const NEWLINE = 0x0a;
const SPACE = 0x20;
const COMMA = 0x2c;
const [CHAR_B, CHAR_I, CHAR_L, CHAR_M, CHAR_S] = [0x42, 0x49, 0x4c, 0x4d, 0x53];
/** `=`, `-`, `*`: what valgrind begins its own lines with. */
const OWN_LINES: ReadonlySet<number> = new Set([0x3d, 0x2d, 0x2a]);

/** Value of a hexadecimal digit, -1 of any other byte. */
const DIGITS = Int8Array.from({ length: 256 }, (_, byte) => {
  const digit = Number.parseInt(String.fromCharCode(byte), 16);
  return Number.isNaN(digit) ? -1 : digit;
});

/** Reads the text form. */
export class LackeyParser implements TraceParser {
  readonly #sink: BatchSink;
  readonly #buffer = new PieceBuffer(LINE_BYTES_MAX);
  readonly #work = this.#buffer.bytes;
  /** The line that begins where the buffer does, counted from 1. */
  #line = 1;

  constructor(sink: BatchSink) {
    this.#sink = sink;
  }

  push(bytes: Uint8Array): boolean {
    return this.#buffer.push(bytes, () => {
      const wanted = this.#parse();
      if (wanted && this.#buffer.held >= LINE_BYTES_MAX) this.#tooLong(0);
      return wanted;
    });
  }

  end(): boolean {
    const { held } = this.#buffer;
    if (held > 0) throw this.#error('TRUNCATED', 'the last line has no end: the trace is cut off', held);
    return this.#sink.flush();
  }

  /** Parses all whole lines, and moves what is left to the front. Returns whether more is wanted. */
  #parse(): boolean {
    const work = this.#work;
    const { held: end, offset } = this.#buffer;
    const sink = this.#sink;
    const { batch } = sink;
    const { kind: kinds, lo: los, hi: his, size: sizes, offset: offsets, line: lines } = batch;
    let length = batch.length;
    let wanted = true;
    let start = 0;
    while (wanted && start < end) {
      if (end - start < ACCESS_LINE_MAX && !hasNewline(work, start, end)) break;
      const kind = kindOf(work, start);
      if (kind < 0) {
        const next = this.#passOver(start, end);
        if (next === 0) break;
        start = next;
        this.#line++;
        continue;
      }
      let at = start + 3;
      let lo = 0;
      let hi = 0;
      for (;;) {
        const digit = DIGITS[work[at]!]!;
        if (digit < 0) break;
        hi = (hi << 4) | (lo >>> 28);
        lo = (lo << 4) | digit;
        if (++at - start > ADDRESS_DIGITS_MAX + 3) this.#fail(start, at);
      }
      let size = work[at + 1]! - 0x30;
      if (work[at] !== COMMA || at === start + 3 || size < 1 || size > 9) this.#fail(start, at);
      for (at += 2; work[at] !== NEWLINE; at++) {
        const digit = work[at]! - 0x30;
        size = 10 * size + digit;
        if (digit < 0 || digit > 9 || size > ACCESS_BYTES_MAX) this.#fail(start, at);
      }
      kinds[length] = kind;
      los[length] = lo;
      his[length] = hi;
      sizes[length] = size;
      offsets[length] = offset + start;
      lines[length] = this.#line++;
      start = at + 1;
      if (++length >= sink.room) {
        batch.length = length;
        wanted = sink.flush();
        length = 0;
      }
    }
    batch.length = length;
    this.#buffer.drop(start);
    return wanted;
  }

  /** Passes over a line that is no access. Returns where the next begins, or 0 where its end has not come yet. */
  #passOver(start: number, end: number): number {
    const work = this.#work;
    const first = work[start]!;
    const skipped = OWN_LINES.has(first) || first === NEWLINE || isSuperblock(work, start);
    if (!skipped) this.#noAccess(start);
    const newline = first === NEWLINE ? start : work.indexOf(NEWLINE, start);
    if (newline < 0 || newline >= end) return 0;
    if (newline - start > LINE_BYTES_MAX) this.#tooLong(start);
    return newline + 1;
  }

  /** Names the first byte of a line by which it is neither an access nor valgrind's. */
  #noAccess(start: number): never {
    const work = this.#work;
    const [first, second] = [work[start]!, work[start + 1]!];
    const begins = first === SPACE || first === CHAR_I;
    const goesOn = first === CHAR_I ? second === SPACE : isData(second);
    const wrong = start + (begins ? (goesOn ? 2 : 1) : 0);
    throw this.#error('SYNTAX', `${byteText(work[wrong]!)} where lackey has 'I  addr,size', ' L', ' S', ' M' or '==pid=='; its --log-file keeps other output out`, wrong); // prettier-ignore
  }

  /** Says what is wrong with the access on this line; `at` is where the parser noticed. */
  #fail(start: number, at: number): never {
    const work = this.#work;
    const first = start + 3;
    if (at - first > ADDRESS_DIGITS_MAX) throw this.#error('RANGE', 'an address of more than 64 bits', first);
    let end = first;
    while (DIGITS[work[end]!]! >= 0) end++;
    if (end === first) throw this.#error('SYNTAX', `${byteText(work[end]!)} where an address begins`, end);
    if (work[end] !== COMMA) throw this.#error('SYNTAX', `${byteText(work[end]!)} in an address`, end);
    const size = end + 1;
    let wrong = size;
    while (wrong < size + SIZE_DIGITS_MAX && work[wrong]! >= 0x30 && work[wrong]! <= 0x39) wrong++;
    if (wrong === size && work[wrong] === NEWLINE) throw this.#error('SYNTAX', 'a line without a size', size);
    if (wrong < size + SIZE_DIGITS_MAX && work[wrong] !== NEWLINE) {
      throw this.#error('SYNTAX', `${byteText(work[wrong]!)} in a size`, wrong);
    }
    throw this.#error('RANGE', `a size that is not 1 to ${ACCESS_BYTES_MAX} bytes`, size);
  }

  #tooLong(start: number): never {
    throw this.#error(
      'SYNTAX',
      `a line of more than ${LINE_BYTES_MAX} bytes; those of lackey are short`,
      start,
    );
  }

  #error(code: AddressTraceErrorCode, message: string, at: number): AddressTraceError {
    return new AddressTraceError(code, message, { offset: this.#buffer.offset + at, line: this.#line });
  }
}

/** The kind of access that a line begins with, or -1. */
function kindOf(work: Uint8Array, start: number): number {
  const second = work[start + 1];
  if (work[start + 2] !== SPACE) return -1;
  if (work[start] === CHAR_I) return second === SPACE ? ACCESS_FETCH : -1;
  if (work[start] !== SPACE) return -1;
  if (second === CHAR_L) return ACCESS_READ;
  if (second === CHAR_S) return ACCESS_WRITE;
  return second === CHAR_M ? ACCESS_MODIFY : -1;
}

const isData = (byte: number): boolean => byte === CHAR_L || byte === CHAR_S || byte === CHAR_M;

const isSuperblock = (work: Uint8Array, start: number): boolean =>
  work[start] === CHAR_S && work[start + 1] === CHAR_B && work[start + 2] === SPACE;

function hasNewline(work: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (work[at] === NEWLINE) return true;
  return false;
}

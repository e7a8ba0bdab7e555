/** What is wrong with an address trace, and where. */

/**
 * `SYNTAX`: bytes that the form does not allow. `RANGE`: an address or a size that cannot be. `TRUNCATED`: it ends too early.
 * `CHECKSUM`: its bytes are not those that were written. `VERSION`: a newer form. `PACKING`: gzip or zstd data are damaged.
 * `LIMIT`: a replay would take more memory than it may.
 */
export type AddressTraceErrorCode =
  'SYNTAX' | 'RANGE' | 'TRUNCATED' | 'CHECKSUM' | 'VERSION' | 'PACKING' | 'LIMIT';

/** A place in a trace. */
export interface TracePlace {
  /** Offset in bytes; of a packed trace in what it unpacks to, but for `PACKING`. */
  readonly offset: number;
  /** Line of the text form, counted from 1. */
  readonly line?: number;
}

/** The trace is damaged or no trace. The message is one line that begins with the place. */
export class AddressTraceError extends Error {
  readonly code: AddressTraceErrorCode;
  readonly place: TracePlace;

  constructor(code: AddressTraceErrorCode, message: string, place: TracePlace) {
    super(`${placeText(place)}: ${message}`);
    this.name = 'AddressTraceError';
    this.code = code;
    this.place = place;
  }
}

/** `byte 12, line 3`. */
export const placeText = ({ offset, line }: TracePlace): string =>
  line === undefined ? `byte ${offset}` : `byte ${offset}, line ${line}`;

/** A byte as a message shows it. */
export const byteText = (byte: number): string =>
  byte > 0x20 && byte < 0x7f
    ? `'${String.fromCharCode(byte)}'`
    : `byte 0x${byte.toString(16).padStart(2, '0')}`;

/** Bytes of a piece: what is parsed at a time. */
const PIECE = 65_536;

/**
 * What came of a trace and is not parsed yet, in a buffer of fixed size: pieces are put behind it, and what was parsed is
 * dropped from its front.
 */
export class PieceBuffer {
  readonly bytes: Uint8Array;
  /** How many of the bytes count. */
  held = 0;
  /** Where the first of them stands in the trace. */
  offset = 0;

  /** Makes room for a piece and for `rest` bytes: those that a piece may leave, and any that a parser looks at behind the end. */
  constructor(rest: number) {
    this.bytes = new Uint8Array(rest + PIECE);
  }

  /** Takes bytes piece by piece, each parsed before the next comes. Returns whether `parse` wants more. */
  push(bytes: Uint8Array, parse: () => boolean): boolean {
    for (let at = 0; at < bytes.length; at += PIECE) {
      const piece = bytes.subarray(at, at + PIECE);
      this.bytes.set(piece, this.held);
      this.held += piece.length;
      if (!parse()) return false;
    }
    return true;
  }

  /** Drops the first `count` bytes. */
  drop(count: number): void {
    this.bytes.copyWithin(0, count, this.held);
    this.held -= count;
    this.offset += count;
  }
}

/**
 * Physical memory, as far as page tables need it: 64-bit entries in lazily allocated chunks, frames with a life cycle,
 * and an undo log.
 *
 * Entries are numbers, kept as two 32-bit words (lo, hi) side by side; bytes and their order exist only where memory is
 * dumped or captured. A chunk is 64 KiB of memory in one `Uint32Array`: first one word per 4 KiB frame that says what
 * the frame is used as, then the data, so that the walker finds the entry and the state of its frame in the same array.
 * Chunks of which an entry was stored are cut from slabs of 1/32 of all that is reserved, so nothing is ever copied and
 * little is reserved in vain. A chunk that has only states has no data: behind the end of its array all reads as zero.
 */
import { ArchError, hex, type Paddr, type Pfn, __paddr, __pfn } from '@ptemu/arch';

/** log2 of the bytes of a chunk. */
export const CHUNK_SHIFT = 16;
/** log2 of the bytes whose state one state word holds. */
export const STATE_SHIFT = 12;
const STATES_PER_CHUNK = 1 << (CHUNK_SHIFT - STATE_SHIFT);
/** Selects the state word of an address's frame, shifted right by `STATE_SHIFT`. For the walker. */
export const STATE_MASK: number = STATES_PER_CHUNK - 1;
/** Index of the first word of data in a chunk; the states of its frames stand before it. */
export const CHUNK_DATA: number = STATES_PER_CHUNK;
/** Words of a whole chunk. */
const CHUNK_WORDS: number = CHUNK_DATA + (1 << (CHUNK_SHIFT - 2));
const CHUNK_BYTES = 4 * CHUNK_WORDS;
/** log2 of the words of data whose state one state word holds. */
const WORDS_SHIFT = STATE_SHIFT - 2;
/** Bytes of memory of which a chunk holds the entries. A constant, since V8 computes a power where it stands. */
const CHUNK_SPAN = 1 << CHUNK_SHIFT;
/** A slab is this share of all that is reserved, as a shift, and at least one chunk. */
const SLAB_SHIFT = 5;
/** State word of memory that does not exist. */
export const ABSENT = 0;
/** Free, and no entry of it was ever stored: it need not be zeroed. */
const FREE = 1;
/** Free, and may hold something: it was in use, or somebody stored into memory that nobody allocated. */
const FREE_WRITTEN = 2;
/** log2 of the bytes whose chunks stand in an array, those above in a map. */
export const DIRECTORY_SHIFT = 36;
const DIRECTORY_CHUNKS = 1 << (DIRECTORY_SHIFT - CHUNK_SHIFT);
/** Bits of the high word of an address whose chunk is not in the array. For the walker. */
export const BEYOND_DIRECTORY_HI: number = -1 << (DIRECTORY_SHIFT - 32);
/** Chunks per unit of the high word of an address. */
const CHUNKS_PER_HI = 1 << (32 - CHUNK_SHIFT);
/** Offset of an entry in its chunk. For the walker. */
export const OFFSET_MASK: number = CHUNK_SPAN - 8;

/** What a frame is used as: `free`, `data`, `table:pte`, ... `absent`: there is no such memory. */
export type FrameUse = string;

/** How entries lie in memory where bytes matter. */
export type ByteOrder = 'little' | 'big';

/** What a memory is made of. */
export interface PhysicalMemoryOptions {
  /** Bits of a physical address, at most 52 (the default). */
  readonly addressBits?: number;
  /** log2 of the bytes of a frame; 12 when left out. */
  readonly pageShift?: number;
  /**
   * `zero` (default): all memory exists and reads as zero until written. `absent`: only frames that `install` brought
   * exist, as in a capture; all else is a bus fault to the walker.
   */
  readonly unwritten?: 'zero' | 'absent';
  /** First frame that the allocator hands out; 0 when left out. */
  readonly firstFrame?: number;
}

/** Kinds of undo records other than a changed pair of words (which has the chunk number, so never negative). */
const UNDO_NEXT = -1;
const UNDO_TAKE = -2;
const UNDO_GIVE = -3;

/** Physical memory with frames, entries and an undo log. */
export class PhysicalMemory {
  readonly addressBits: number;
  readonly pageShift: number;
  /** Bytes of a frame. */
  readonly frameBytes: number;
  readonly unwritten: 'zero' | 'absent';
  /** Bits of the low and high word of an address that no address of this memory has, for the walker. */
  readonly beyondLo: number;
  readonly beyondHi: number;
  /** Chunks of addresses below 2^`DIRECTORY_SHIFT`, for the walker: `chunks[address >> CHUNK_SHIFT]`. Read only outside. */
  readonly chunks: (Uint32Array | undefined)[] = [];
  /** Whether changes are recorded for `rollback`. Set by `mark` and `forgetMarks` only; the walker stores without a call where not. */
  logging = false;
  private readonly highChunks = new Map<number, Uint32Array>();
  /** Where the next chunk is cut from, and how many are left in it. */
  private slab = new ArrayBuffer(0);
  private slabLeft = 0;
  private slabBytes = 0;
  private stateBytes = 0;
  private readonly endOfMemory: number;
  private readonly uses: FrameUse[] = ['absent', 'free', 'free'];
  private readonly useNumbers = new Map<FrameUse, number>([['absent', ABSENT], ['free', FREE_WRITTEN]]); // prettier-ignore
  private readonly freed = new Map<number, number[]>();
  private nextFrame: number;
  private readonly undo: number[] = [];

  constructor(options: PhysicalMemoryOptions = {}) {
    this.addressBits = options.addressBits ?? 52;
    this.pageShift = options.pageShift ?? 12;
    this.frameBytes = 2 ** this.pageShift;
    this.endOfMemory = 2 ** this.addressBits;
    this.unwritten = options.unwritten ?? 'zero';
    this.nextFrame = options.firstFrame ?? 0;
    this.beyondLo = this.addressBits < 32 ? -1 << this.addressBits : 0;
    this.beyondHi = this.addressBits <= 32 ? -1 : -1 << (this.addressBits - 32);
    if (this.addressBits < CHUNK_SHIFT || this.addressBits > 52)
      throw bad(`addressBits ${this.addressBits} is not in ${CHUNK_SHIFT}..52`, {
        addressBits: this.addressBits,
      });
    if (this.pageShift < STATE_SHIFT || this.pageShift > CHUNK_SHIFT)
      throw bad(`pageShift ${this.pageShift} is not in ${STATE_SHIFT}..${CHUNK_SHIFT}`, {
        pageShift: this.pageShift,
      });
  }

  /** The chunk of the address `hi:lo`, or undefined where nothing was ever stored. For the walker. */
  chunkOfPair(lo: number, hi: number): Uint32Array | undefined {
    return this.chunkAt(chunkPair(lo, hi));
  }

  /**
   * The chunk of the address `hi:lo`, of a frame that is in use, with room for every entry; it stays the same array. For those who store many entries:
   * who stores into it sees to `logging` himself.
   */
  chunkToStore(lo: number, hi: number): Uint32Array {
    return this.chunkForStore(chunkPair(lo, hi), wordPair(lo));
  }

  private chunkAt(chunk: number): Uint32Array | undefined {
    return chunk < DIRECTORY_CHUNKS ? this.chunks[chunk] : this.highChunks.get(chunk);
  }

  /** Tests whether the 8 bytes at this address exist. */
  exists(pa: bigint): boolean {
    if (pa < 0n || pa >> BigInt(this.addressBits) !== 0n) return false;
    const chunk = this.chunkAt(chunkOf(pa));
    if (chunk === undefined) return this.unwritten === 'zero';
    return chunk[stateIndex(pa)] !== ABSENT;
  }

  /** Loads the entry at an address that exists and is a multiple of 8; throws `BAD_ARGUMENT` elsewhere. */
  load(pa: bigint): bigint {
    this.check(pa);
    const chunk = this.chunkAt(chunkOf(pa));
    if (chunk === undefined) return 0n;
    const at = wordIndex(pa);
    return at < chunk.length ? (BigInt(chunk[at + 1]!) << 32n) | BigInt(chunk[at]!) : 0n;
  }

  /** Stores an entry, modulo 2^64, at an address that exists; recorded for `rollback`. */
  store(pa: bigint, value: bigint): void {
    this.check(pa);
    const v = BigInt.asUintN(64, value);
    this.put(chunkOf(pa), wordIndex(pa), Number(v & 0xffff_ffffn), Number(v >> 32n));
  }

  /** The low word of the entry at `hi:lo`; 0 where nothing was stored. The pair forms check nothing. */
  loadLo(lo: number, hi: number): number {
    const chunk = this.chunkOfPair(lo, hi);
    const at = wordPair(lo);
    return chunk === undefined || at >= chunk.length ? 0 : chunk[at]!;
  }

  /** The high word of the entry at `hi:lo`; 0 where nothing was stored. */
  loadHi(lo: number, hi: number): number {
    const chunk = this.chunkOfPair(lo, hi);
    const at = wordPair(lo);
    return chunk === undefined || at >= chunk.length ? 0 : chunk[at + 1]!;
  }

  /** Stores an entry given as two words, at an address given as two words; recorded for `rollback`. */
  storePair(lo: number, hi: number, valueLo: number, valueHi: number): void {
    this.put(chunkPair(lo, hi), wordPair(lo), valueLo >>> 0, valueHi >>> 0);
  }

  /**
   * Stores `count` entries from `pa` on: `value`, `value + step`, ... One check and one look-up per chunk.
   */
  fill(pa: bigint, count: number, value: bigint, step = 0n): void {
    if (count <= 0) return;
    this.check(pa);
    this.check(pa + BigInt(count - 1) * 8n);
    const words = [value, value >> 32n, step, step >> 32n].map((word) => Number(BigInt.asIntN(32, word)));
    this.fillPairs(Number(pa), count, words[0]!, words[1]!, words[2]!, words[3]!);
  }

  /** The same at an address given as a number, with values as signed words; checks nothing. */
  fillPairs(
    pa: number,
    count: number,
    valueLo: number,
    valueHi: number,
    stepLo: number,
    stepHi: number,
  ): void {
    let lo = valueLo;
    let hi = valueHi;
    let address = pa;
    for (let left = count; left > 0;) {
      const number = Math.floor(address / CHUNK_SPAN);
      const first = CHUNK_DATA + ((address % CHUNK_SPAN) >>> 2);
      const here = Math.min(left, (CHUNK_WORDS - first) >>> 1);
      const last = first + 2 * here - 2;
      const chunk = this.chunkForStore(number, last);
      noteWritten(chunk, first, last);
      if (this.logging)
        for (let at = first; at < first + 2 * here; at += 2)
          this.undo.push(number, at, chunk[at]!, chunk[at + 1]!);
      if ((stepLo | stepHi) === 0) fillEqual(chunk, first, last, lo, hi);
      else
        for (let at = first; at <= last; at += 2) {
          chunk[at] = lo;
          chunk[at + 1] = hi;
          lo = (lo + stepLo) | 0;
          hi = (hi + stepHi + (lo >>> 0 < stepLo >>> 0 ? 1 : 0)) | 0;
        }
      left -= here;
      address += here * 8;
    }
  }

  /** Allocates one frame: the one freed last, else the next that was never used. Its entries are zeroed. */
  allocateFrame(use: FrameUse): Pfn {
    return this.allocateFrames(use, 1);
  }

  /**
   * Allocates `count` adjacent frames (a power of two), aligned to their size, zeroed, and returns the first.
   * A block freed before is used again, the last first. Throws `BAD_ARGUMENT` when memory is exhausted.
   */
  allocateFrames(use: FrameUse, count: number): Pfn {
    const list = this.freed.get(count);
    const again = list?.pop();
    if (again !== undefined) {
      this.log(UNDO_TAKE, count, again, 0);
      for (let i = 0; i < count; i++) this.clearFrame(again + i);
      this.setUse(again, count, use);
      return __pfn(again);
    }
    this.log(UNDO_NEXT, this.nextFrame, 0, 0);
    while (this.nextFrame % count !== 0) this.give(1, this.nextFrame++);
    const first = this.nextFrame;
    if ((first + count) * this.frameBytes > this.endOfMemory)
      throw bad(`no ${count} frames left below 2^${this.addressBits}; give the memory more addressBits`, {
        count,
      });
    this.nextFrame += count;
    for (let i = 0; i < count; i++) this.clearFrame(first + i);
    this.setUse(first, count, use);
    return __pfn(first);
  }

  /** Frees frames that one call allocated. Contents stay until the frames are allocated again: a stale walk reads them. */
  free(pfn: Pfn, count = 1): void {
    for (let i = 0; i < count; i++) {
      if (this.useOf(__pfn(pfn + i)) === 'free')
        throw bad(`frame ${hex(pfn + i, 52)} is free already`, { pfn: pfn + i });
    }
    this.setUse(pfn, count, 'free');
    this.give(count, pfn);
  }

  /** What a frame is used as. */
  useOf(pfn: Pfn): FrameUse {
    const pa = BigInt(pfn) << BigInt(this.pageShift);
    if (pa >> BigInt(this.addressBits) !== 0n) return 'absent';
    const chunk = this.chunkAt(chunkOf(pa));
    if (chunk === undefined) return this.unwritten === 'zero' ? 'free' : 'absent';
    return this.uses[chunk[stateIndex(pa)]!]!;
  }

  /** Says what `count` frames from `pfn` on are used as. The allocator is not told. */
  setUse(pfn: number, count: number, use: FrameUse): void {
    let number = this.useNumbers.get(use);
    if (number === undefined) {
      number = this.uses.push(use) - 1;
      this.useNumbers.set(use, number);
    }
    const perFrame = 1 << (this.pageShift - STATE_SHIFT);
    for (let unit = pfn * perFrame; unit < (pfn + count) * perFrame; unit++) {
      const chunk = Math.floor(unit / STATES_PER_CHUNK);
      const at = unit % STATES_PER_CHUNK;
      const words = this.chunkForStore(chunk, at);
      this.log(chunk, at, words[at]!, -1);
      words[at] = number;
    }
  }

  /**
   * Brings bytes into memory, as a dump has them: whole 4 KiB pages at a 4 KiB boundary, which exist from then on.
   * Not recorded for `rollback`.
   */
  install(pa: bigint, bytes: Uint8Array, byteOrder: ByteOrder, use: FrameUse = 'data'): void {
    const unit = 2 ** STATE_SHIFT;
    if (pa < 0n || pa % BigInt(unit) !== 0n || bytes.length % unit !== 0)
      throw bad(`bytes at ${hex(pa)} are not whole pages of 0x1000 bytes`, { pa, length: bytes.length });
    if ((pa + BigInt(bytes.length)) >> BigInt(this.addressBits) !== 0n && bytes.length > 0)
      throw bad(`bytes at ${hex(pa)} do not end below 2^${this.addressBits}`, { pa, length: bytes.length });
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const little = byteOrder === 'little';
    for (let offset = 0; offset < bytes.length; offset += unit) {
      const page = pa + BigInt(offset);
      const first = wordIndex(page);
      const chunk = this.chunkForStore(chunkOf(page), first + unit / 4 - 2);
      for (let i = 0; i < unit / 8; i++) {
        chunk[first + 2 * i] = view.getUint32(offset + 8 * i + (little ? 0 : 4), little);
        chunk[first + 2 * i + 1] = view.getUint32(offset + 8 * i + (little ? 4 : 0), little);
      }
      const previous = chunk[stateIndex(page)]!;
      if (previous === ABSENT || previous === FREE) chunk[stateIndex(page)] = FREE_WRITTEN;
    }
    if (this.pageShift === STATE_SHIFT)
      this.withoutLog(() => this.setUse(Number(pa >> 12n), bytes.length / unit, use));
  }

  /** The bytes of [pa, pa + sizeBytes) as they lie in memory; both multiples of 8. */
  readBytes(pa: bigint, sizeBytes: number, byteOrder: ByteOrder): Uint8Array {
    const bytes = new Uint8Array(sizeBytes);
    const view = new DataView(bytes.buffer);
    for (let offset = 0; offset < sizeBytes; offset += 8)
      view.setBigUint64(offset, this.load(pa + BigInt(offset)), byteOrder === 'little');
    return bytes;
  }

  /** Writes bytes as they would lie in memory; address and length are multiples of 8. Recorded for `rollback`. */
  writeBytes(pa: bigint, bytes: Uint8Array, byteOrder: ByteOrder): void {
    if (bytes.length % 8 !== 0)
      throw bad(`${bytes.length} bytes are not whole entries of 8`, { length: bytes.length });
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let offset = 0; offset < bytes.length; offset += 8)
      this.store(pa + BigInt(offset), view.getBigUint64(offset, byteOrder === 'little'));
  }

  /** A point to come back to. From the first mark on, every change is recorded; marks nest. */
  mark(): number {
    this.logging = true;
    return this.undo.length;
  }

  /** Undoes every change made since `mark()` gave that number, frames and allocator included. */
  rollback(mark: number): void {
    if (!this.logging || mark > this.undo.length || mark % 4 !== 0)
      throw bad(`${mark} is not a mark of this memory`, { mark });
    const { undo } = this;
    while (undo.length > mark) {
      const old = undo.pop()!;
      const lo = undo.pop()!;
      const at = undo.pop()!;
      const where = undo.pop()!;
      if (where >= 0) {
        const chunk = this.chunkAt(where)!;
        chunk[at] = lo;
        if (old >= 0) chunk[at + 1] = old;
      } else if (where === UNDO_NEXT) this.nextFrame = at;
      else if (where === UNDO_TAKE) this.freed.get(at)!.push(lo);
      else this.freed.get(at)!.pop();
    }
  }

  /** Forgets all marks: changes are no longer recorded. */
  forgetMarks(): void {
    this.undo.length = 0;
    this.logging = false;
  }

  /** Bytes reserved for entries and frame states. */
  get reservedBytes(): number {
    return this.slabBytes + this.stateBytes;
  }

  private put(number: number, at: number, lo: number, hi: number): void {
    const chunk = this.chunkForStore(number, at);
    if (this.logging) this.undo.push(number, at, chunk[at]!, chunk[at + 1]!);
    chunk[at] = lo;
    chunk[at + 1] = hi;
    noteWritten(chunk, at, at);
  }

  /** The chunk with this number, long enough for the words at `at`. */
  private chunkForStore(number: number, at: number): Uint32Array {
    const found = this.chunkAt(number);
    return found !== undefined && at < found.length ? found : this.grow(number, at, found);
  }

  private grow(number: number, at: number, states: Uint32Array | undefined): Uint32Array {
    const chunk = at < CHUNK_DATA ? new Uint32Array(CHUNK_DATA) : this.cutChunk();
    if (at < CHUNK_DATA) this.stateBytes += chunk.byteLength;
    if (states !== undefined) {
      chunk.set(states);
      this.stateBytes -= states.byteLength;
    } else if (this.unwritten === 'zero') chunk.fill(FREE, 0, CHUNK_DATA);
    if (number < DIRECTORY_CHUNKS) {
      while (this.chunks.length <= number) this.chunks.push(undefined);
      this.chunks[number] = chunk;
    } else this.highChunks.set(number, chunk);
    return chunk;
  }

  private cutChunk(): Uint32Array {
    if (this.slabLeft === 0) {
      this.slabLeft = Math.max(1, Math.floor(this.slabBytes / CHUNK_BYTES) >>> SLAB_SHIFT);
      this.slab = new ArrayBuffer(this.slabLeft * CHUNK_BYTES);
      this.slabBytes += this.slab.byteLength;
    }
    this.slabLeft--;
    return new Uint32Array(this.slab, this.slab.byteLength - (this.slabLeft + 1) * CHUNK_BYTES, CHUNK_WORDS);
  }

  private clearFrame(pfn: number): void {
    const framesPerChunk = 1 << (CHUNK_SHIFT - this.pageShift);
    const number = Math.floor(pfn / framesPerChunk);
    const chunk = this.chunkAt(number);
    if (chunk === undefined) return;
    const words = 1 << (this.pageShift - 2);
    const place = pfn % framesPerChunk;
    const first = CHUNK_DATA + place * words;
    // Behind the end of the array all is zero.
    if (first >= chunk.length || this.isUnwritten(chunk, place)) return;
    if (!this.logging) {
      chunk.fill(0, first, first + words);
      return;
    }
    for (let i = first; i < Math.min(first + words, chunk.length); i += 2)
      if (chunk[i] !== 0 || chunk[i + 1] !== 0) this.put(number, i, 0, 0);
  }

  /** Tests whether no entry of a frame, the `place`-th of its chunk, was ever stored. */
  private isUnwritten(chunk: Uint32Array, place: number): boolean {
    const perFrame = 1 << (this.pageShift - STATE_SHIFT);
    for (let i = 0; i < perFrame; i++) if (chunk[place * perFrame + i] !== FREE) return false;
    return true;
  }

  private give(count: number, first: number): void {
    let list = this.freed.get(count);
    if (list === undefined) this.freed.set(count, (list = []));
    list.push(first);
    this.log(UNDO_GIVE, count, 0, 0);
  }

  private log(where: number, a: number, b: number, c: number): void {
    if (this.logging) this.undo.push(where, a, b, c);
  }

  private withoutLog(body: () => void): void {
    const { logging } = this;
    this.logging = false;
    body();
    this.logging = logging;
  }

  private check(pa: bigint): void {
    if ((pa & 7n) !== 0n) throw bad(`paddr ${hex(pa)} is not a multiple of 8; entries are 8 bytes`, { pa });
    if (!this.exists(pa))
      throw bad(`paddr ${hex(pa)} is outside of this memory of ${this.addressBits} bits`, { pa });
  }
}

/** Stores the same entry from one word to another. */
function fillEqual(chunk: Uint32Array, first: number, last: number, lo: number, hi: number): void {
  for (let at = first; at <= last; at += 2) {
    chunk[at] = lo;
    chunk[at + 1] = hi;
  }
}

/** Records that entries from one word of the data to another are being stored. */
function noteWritten(chunk: Uint32Array, first: number, last: number): void {
  const end = (last - CHUNK_DATA) >>> WORDS_SHIFT;
  for (let state = (first - CHUNK_DATA) >>> WORDS_SHIFT; state <= end; state++)
    if (chunk[state] === FREE) chunk[state] = FREE_WRITTEN;
}

/** Physical address of a frame of `pageShift` bits. */
export const frameAddress = (memory: PhysicalMemory, pfn: Pfn): Paddr =>
  __paddr(BigInt(pfn) << BigInt(memory.pageShift));

const chunkOf = (pa: bigint): number => Number(pa >> BigInt(CHUNK_SHIFT));
const wordIndex = (pa: bigint): number => CHUNK_DATA + (Number(pa & BigInt(OFFSET_MASK)) >>> 2);
const stateIndex = (pa: bigint): number => Number(pa >> BigInt(STATE_SHIFT)) & STATE_MASK;
const chunkPair = (lo: number, hi: number): number => (hi >>> 0) * CHUNKS_PER_HI + (lo >>> CHUNK_SHIFT);
const wordPair = (lo: number): number => CHUNK_DATA + ((lo & OFFSET_MASK) >>> 2);

const bad = (message: string, data: Readonly<Record<string, unknown>>): ArchError =>
  new ArchError('BAD_ARGUMENT', message, data);

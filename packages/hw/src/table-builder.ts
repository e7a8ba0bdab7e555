/**
 * Builds page tables of a description in bulk: for benchmarks and long traces, where the kernel's own fault path would take most
 * of the time. It knows what a table entry is made of (the caller's templates) and where tables lie, nothing else: it takes no
 * lock, flushes nothing, and replaces what is there.
 *
 * The leaf table of the last page is remembered, so pages that come in order are one store each; a range is one call per table.
 */
import { ArchError, type AddressPiece, type MmuDescription, type MmuLevel, hex } from '@ptemu/arch';
import { CHUNK_DATA, CHUNK_SHIFT, OFFSET_MASK, type PhysicalMemory, frameAddress } from './memory.js';

/** What a builder is made of. */
export interface TableBuilderOptions {
  readonly memory: PhysicalMemory;
  readonly mmu: MmuDescription;
  /** Per level of the description but the last: a table entry that points to address 0. */
  readonly tables: readonly bigint[];
  /** Per level: an entry that maps nothing; 0 when left out. */
  readonly empty?: readonly bigint[];
  /** A table of the first level; a new one when left out. */
  readonly root?: bigint;
}

const TWO_32 = 2 ** 32;

/** An address as words, and where its bits stand in an entry. */
interface Piece {
  readonly maskLo: number;
  readonly maskHi: number;
  readonly shift: number;
}

interface Level {
  readonly indexShift: number;
  readonly indexMask: number;
  readonly tableBytes: number;
  readonly empty: bigint;
  readonly templateLo: number;
  readonly templateHi: number;
  readonly table: readonly Piece[];
  /** The entry is valid when its masked bits are the value's: the first words of all matches, put together. */
  readonly validMaskLo: number;
  readonly validMaskHi: number;
  readonly validLo: number;
  readonly validHi: number;
}

/** Builds tables of one address space. */
export class TableBuilder {
  readonly root: bigint;
  /** Tables made so far, the root included where it is new. */
  nrTables = 0;
  private readonly memory: PhysicalMemory;
  private readonly levels: readonly Level[];
  private readonly leafShift: number;
  /** Selects the index of a page in a part of a leaf table: the table, or as much of it as one chunk of memory holds. */
  private readonly partMask: number;
  private readonly pieces: readonly Piece[];
  /** Whether an address stands in a leaf as it is, and its bits there. */
  private readonly inPlace: boolean;
  private readonly inPlaceLo: number;
  private readonly inPlaceHi: number;
  /** The part of a leaf table that has the last page: the number of its first page, where it lies, and its entries. */
  private lastLo = -1;
  private lastHi = -1;
  private leafLo = 0;
  private leafHi = 0;
  private leafWords: Uint32Array = new Uint32Array(0);
  private leafAt = 0;
  /** Tables smaller than a frame are cut from one: where the next is, and how many bytes are left. */
  private cutAt = 0;
  private cutLeft = 0;
  /** Words of what was computed last: V8 then needs no object for a pair. */
  private outLo = 0;
  private outHi = 0;

  constructor({ memory, mmu, tables, empty = [], root }: TableBuilderOptions) {
    const leaf = mmu.levels.at(-1)!;
    if (tables.length !== mmu.levels.length - 1)
      throw new ArchError('BAD_ARGUMENT', `${tables.length} templates of table entries; give ${mmu.levels.length - 1}, one per level but the last`, { tables }); // prettier-ignore
    this.memory = memory;
    this.levels = mmu.levels.map((level, i) => levelOf(level, tables[i] ?? 0n, empty[i] ?? 0n));
    this.leafShift = leaf.indexShift;
    this.partMask = 2 ** Math.min(leaf.indexBits, CHUNK_SHIFT - 3) - 1;
    this.pieces = leaf.page!.address.map(pieceOf);
    const [first] = this.pieces;
    this.inPlace = this.pieces.length === 1 && first!.shift === 0;
    this.inPlaceLo = first!.maskLo;
    this.inPlaceHi = first!.maskHi;
    this.root = root ?? BigInt(this.newTable(this.levels[0]!));
  }

  /** Maps one page; `leaf` is its entry for the frame at address 0. Addresses are multiples of the page's size. */
  map(va: bigint, pa: bigint, leaf: bigint): void {
    this.check(va, pa, 1n);
    this.mapPair(low(va), high(va), low(pa), high(pa), low(leaf), high(leaf));
  }

  /** The same on pairs of words; checks nothing, allocates nothing but tables. */
  mapPair(vaLo: number, vaHi: number, paLo: number, paHi: number, leafLo: number, leafHi: number): void {
    const index = this.leafIndex(vaLo, vaHi);
    if (this.inPlace)
      this.storeLeaf(index, leafLo | (paLo & this.inPlaceLo), leafHi | (paHi & this.inPlaceHi));
    else {
      this.encode(this.pieces, paLo, paHi);
      this.storeLeaf(index, leafLo | this.outLo, leafHi | this.outHi);
    }
  }

  private storeLeaf(index: number, lo: number, hi: number): void {
    if (this.memory.logging) {
      this.memory.storePair(this.leafLo + 8 * index, this.leafHi, lo, hi);
      return;
    }
    const at = this.leafAt + 2 * index;
    this.leafWords[at] = lo;
    this.leafWords[at + 1] = hi;
  }

  /** Maps `nrPages` adjacent pages to adjacent frames. */
  mapRange(va: bigint, pa: bigint, nrPages: number, leaf: bigint): void {
    this.check(va, pa, BigInt(nrPages));
    const { partMask } = this;
    const [leafLo, leafHi] = [low(leaf), high(leaf)];
    const bytes = 2 ** this.leafShift;
    this.encode(this.pieces, bytes | 0, Math.floor(bytes / TWO_32));
    const [stepLo, stepHi] = [this.outLo, this.outHi];
    const [firstPage, frame] = [Number(va >> BigInt(this.leafShift)), Number(pa)];
    for (let done = 0; done < nrPages;) {
      const page = (firstPage + done) * bytes;
      const index = this.leafIndex(page | 0, Math.floor(page / TWO_32));
      const count = Math.min(nrPages - done, partMask + 1 - index);
      const from = frame + done * bytes;
      this.encodeNumber(from + (count - 1) * bytes);
      const [lastLo, lastHi] = [this.outLo, this.outHi];
      this.encodeNumber(from);
      // In pieces that do not follow on one another, a carry would be lost: then the last entry is not the sum of the steps.
      const sum = (this.outLo >>> 0) + (count - 1) * (stepLo >>> 0);
      const carried = (this.outHi + Math.floor(sum / TWO_32) + (count - 1) * stepHi) | 0;
      if ((sum | 0) === lastLo && carried === lastHi)
        this.memory.fillPairs(
          (this.leafHi >>> 0) * TWO_32 + (this.leafLo >>> 0) + 8 * index,
          count,
          leafLo | this.outLo,
          leafHi | this.outHi,
          stepLo,
          stepHi,
        );
      else
        for (let i = 0; i < count; i++) {
          this.encodeNumber(from + i * bytes);
          this.storeLeaf(index + i, leafLo | this.outLo, leafHi | this.outHi);
        }
      done += count;
    }
  }

  private encodeNumber(address: number): void {
    this.encode(this.pieces, address | 0, Math.floor(address / TWO_32));
  }

  /** Index of a page in its part of a leaf table, which is the last one from now on. Makes the tables that are missing. */
  private leafIndex(vaLo: number, vaHi: number): number {
    const page = shifted(vaLo, vaHi, this.leafShift);
    const index = page & this.partMask;
    if (page - index !== this.lastLo || vaHi !== this.lastHi) {
      this.descend(vaLo, vaHi);
      this.lastLo = page - index;
      this.lastHi = vaHi;
    }
    return index;
  }

  private descend(vaLo: number, vaHi: number): void {
    const { memory, levels } = this;
    let tableLo = low(this.root);
    let tableHi = high(this.root);
    for (let i = 0; i < levels.length - 1; i++) {
      const level = levels[i]!;
      const offset = 8 * (shifted(vaLo, vaHi, level.indexShift) & level.indexMask);
      const at = (tableLo >>> 0) + offset;
      const atHi = at > 0xffff_ffff ? tableHi + 1 : tableHi;
      const lo = memory.loadLo(at | 0, atHi);
      const hi = memory.loadHi(at | 0, atHi);
      if ((lo & level.validMaskLo) === level.validLo && (hi & level.validMaskHi) === level.validHi) {
        this.decode(level.table, lo, hi);
      } else {
        const table = this.newTable(levels[i + 1]!);
        const newLo = table | 0;
        const newHi = Math.floor(table / 2 ** 32);
        this.encode(level.table, newLo, newHi);
        memory.storePair(at | 0, atHi, level.templateLo | this.outLo, level.templateHi | this.outHi);
        this.outLo = newLo;
        this.outHi = newHi;
      }
      tableLo = this.outLo;
      tableHi = this.outHi;
    }
    const index = shifted(vaLo, vaHi, this.leafShift) & levels.at(-1)!.indexMask;
    this.leafLo = (tableLo + 8 * (index & ~this.partMask)) | 0;
    this.leafHi = tableHi;
    this.leafWords = memory.chunkToStore(this.leafLo, tableHi);
    this.leafAt = CHUNK_DATA + ((this.leafLo & OFFSET_MASK) >>> 2);
  }

  /** Address of a new table of entries that map nothing. */
  private newTable({ tableBytes, empty }: Level): number {
    const at = this.newBytes(tableBytes);
    this.nrTables++;
    if (empty !== 0n) this.memory.fill(BigInt(at), tableBytes / 8, empty);
    return at;
  }

  private newBytes(bytes: number): number {
    const { memory } = this;
    const { frameBytes } = memory;
    if (bytes >= frameBytes) return memory.allocateFrames('table', bytes / frameBytes) * frameBytes;
    if (this.cutLeft < bytes) {
      this.cutAt = Number(frameAddress(memory, memory.allocateFrame('table')));
      this.cutLeft = frameBytes;
    }
    const at = this.cutAt;
    this.cutAt += bytes;
    this.cutLeft -= bytes;
    return at;
  }

  /** Sets `out` to an address's bits where an entry has them. */
  private encode(pieces: readonly Piece[], lo: number, hi: number): void {
    let outLo = 0;
    let outHi = 0;
    for (let i = 0; i < pieces.length; i++) {
      const { maskLo, maskHi, shift } = pieces[i]!;
      outLo |= shiftedLo(lo, hi, -shift) & maskLo;
      outHi |= shiftedHi(lo, hi, -shift) & maskHi;
    }
    this.outLo = outLo;
    this.outHi = outHi;
  }

  /** Sets `out` to the address that an entry's bits make. */
  private decode(pieces: readonly Piece[], lo: number, hi: number): void {
    let outLo = 0;
    let outHi = 0;
    for (let i = 0; i < pieces.length; i++) {
      const { maskLo, maskHi, shift } = pieces[i]!;
      outLo |= shiftedLo(lo & maskLo, hi & maskHi, shift);
      outHi |= shiftedHi(lo & maskLo, hi & maskHi, shift);
    }
    this.outLo = outLo;
    this.outHi = outHi;
  }

  private check(va: bigint, pa: bigint, nrPages: bigint): void {
    const bytes = 1n << BigInt(this.leafShift);
    if (va % bytes !== 0n || pa % bytes !== 0n)
      throw new ArchError('BAD_ARGUMENT', `${hex(va)} and ${hex(pa)} are not both multiples of the page's ${hex(bytes)} bytes`, { va, pa }); // prettier-ignore
    if ((pa + nrPages * bytes) >> BigInt(this.memory.addressBits) !== 0n)
      throw new ArchError('BAD_ARGUMENT', `${nrPages} pages from ${hex(pa)} do not end below 2^${this.memory.addressBits}; give the memory more addressBits`, { pa, nrPages }); // prettier-ignore
  }
}

function levelOf(level: MmuLevel, template: bigint, empty: bigint): Level {
  const mask = level.valid.reduce((bits, match) => bits | match.mask, 0n);
  const value = level.valid.reduce((bits, match) => bits | match.value, 0n);
  return {
    indexShift: level.indexShift,
    indexMask: 2 ** level.indexBits - 1,
    tableBytes: 8 * 2 ** level.indexBits,
    empty,
    templateLo: low(template),
    templateHi: high(template),
    table: (level.table ?? []).map(pieceOf),
    validMaskLo: low(mask),
    validMaskHi: high(mask),
    validLo: low(value),
    validHi: high(value),
  };
}

const pieceOf = ({ mask, shift }: AddressPiece): Piece => ({ maskLo: low(mask), maskHi: high(mask), shift });

const low = (value: bigint): number => Number(BigInt.asIntN(32, value));
const high = (value: bigint): number => Number(BigInt.asIntN(32, value >> 32n));

/** Low word of an address shifted right, by less than 64. */
const shifted = (lo: number, hi: number, by: number): number =>
  by >= 32 ? hi >>> (by - 32) : by === 0 ? lo : (lo >>> by) | (hi << (32 - by));

/** The words of a pair shifted left by less than 64, or right where negative. */
function shiftedLo(lo: number, hi: number, by: number): number {
  if (by === 0) return lo;
  if (by > 0) return by >= 32 ? 0 : lo << by;
  return -by >= 32 ? hi >>> (-by - 32) : (lo >>> -by) | (hi << (32 + by));
}

function shiftedHi(lo: number, hi: number, by: number): number {
  if (by === 0) return hi;
  if (by > 0) return by >= 32 ? lo << (by - 32) : (hi << by) | (lo >>> (32 - by));
  return -by >= 32 ? 0 : hi >>> -by;
}

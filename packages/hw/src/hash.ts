/**
 * The hash table of powerpc's hash MMU: an extended TLB in memory, which software fills from its own tree.
 *
 * A segment (from the SLB) turns an effective address into a virtual one: VSID and offset. The hash of both selects a
 * group of eight entries; if none matches, the complement of the hash selects a second group, whose entries carry the
 * H bit. An entry matches by its abbreviated virtual page number, its segment size, its H bit and its page size; so one
 * virtual page has at most sixteen places, and a miss says nothing about the tree that Linux keeps.
 *
 * Numbering follows our own convention: bit 0 is the least significant.
 * @see Power ISA 2.07B Book III-S, 5.7.7 (SLB), 5.7.8 and 5.7.9 (hashed page table, search)
 */
import { type Paddr, __paddr } from '@ptemu/arch';
import type { Access } from './walk.js';

/** Valid. */
export const HPTE_V_VALID: bigint = 1n << 0n;
/** H: found through the secondary hash. */
export const HPTE_V_SECONDARY: bigint = 1n << 1n;
/** L: larger than 4 KiB. */
export const HPTE_V_LARGE: bigint = 1n << 2n;
const HPTE_V_COMPARED = 0xffff_ffff_ffff_ff80n;
const HPTE_V_AVPN = 0x3fff_ffff_ffff_ff80n;
const HPTE_R_RPN = 0x0fff_ffff_ffff_f000n;
const HPTE_R_N = 1n << 2n;
const HPTE_R_PP = 3n;
const HPTE_R_PP0 = 1n << 63n;
const GROUP_ENTRIES = 8;
const GROUP_BYTES = 128;

/** A segment: what the SLB says of an effective address. */
export interface Segment {
  /** First effective address. */
  readonly start: bigint;
  /** log2 of its size: 28 or 40. */
  readonly shift: 28 | 40;
  readonly vsid: bigint;
  /** log2 of the base page size. */
  readonly baseShift: number;
  /** Storage keys of privileged and problem state, and no-execute. */
  readonly ks: boolean;
  readonly kp: boolean;
  readonly noExec: boolean;
}

/** An entry that translates an address. */
export interface HashHit {
  readonly kind: 'hit';
  readonly paddr: Paddr;
  /** log2 of the page. */
  readonly pageShift: number;
  /** Number of the entry in the table. */
  readonly slot: number;
  readonly secondary: boolean;
  readonly pte0: bigint;
  readonly pte1: bigint;
  /** Rights of the access's state, by PP and the segment's key; those that the AMR takes away are gone. */
  readonly read: boolean;
  readonly write: boolean;
  readonly exec: boolean;
}

/** What a look-up ends in. */
export type HashResult = HashHit | { readonly kind: 'miss' };

/** Gives the entry pair of a slot; the table may lie in memory or in a file. */
export interface HashEntries {
  readonly slots: number;
  load(slot: number): { readonly pte0: bigint; readonly pte1: bigint };
}

/** Actual page sizes by base page size, with the value of the LP field. @see Power ISA 2.07B, 5.7.7.1 and POWER8 UM */
const PAGE_ENCODINGS: Readonly<Record<number, readonly (readonly [shift: number, lp: bigint])[]>> = {
  12: [[12, 0n], [16, 0x7n], [24, 0x38n]],
  16: [[16, 0x1n], [24, 0x8n]],
  24: [[24, 0x0n]],
  34: [[34, 0x3n]],
}; // prettier-ignore

/** L and LP of an SLB entry, by base page size. */
const SLB_SIZES: Readonly<Record<number, number>> = { 0x000: 12, 0x110: 16, 0x100: 24, 0x120: 34 };

/** Reads an SLB entry's two words; undefined where it is not valid or of a page size that does not exist. */
export function segmentOf(esid: bigint, vsid: bigint): Segment | undefined {
  const baseShift = SLB_SIZES[Number(vsid & 0x130n)];
  if ((esid & (1n << 27n)) === 0n || baseShift === undefined) return undefined;
  const shift = vsid >> 62n === 1n ? 40 : 28;
  const field = vsid & 0x3fff_ffff_ffff_f000n;
  return {
    start: (esid >> BigInt(shift)) << BigInt(shift),
    shift,
    vsid: shift === 40 ? field >> 24n : field >> 12n,
    baseShift,
    ks: (vsid & 0x800n) !== 0n,
    kp: (vsid & 0x400n) !== 0n,
    noExec: (vsid & 0x200n) !== 0n,
  };
}

/** Tests whether a segment contains an effective address. */
export const inSegment = (segment: Segment, ea: bigint): boolean =>
  ea >> BigInt(segment.shift) === segment.start >> BigInt(segment.shift);

/** Hash of a page, of which the low bits select the group. */
export function hashOf(segment: Segment, ea: bigint): bigint {
  const page = (ea & ((1n << BigInt(segment.shift)) - 1n)) >> BigInt(segment.baseShift);
  return segment.shift === 40 ? segment.vsid ^ (segment.vsid << 25n) ^ page : segment.vsid ^ page;
}

/**
 * Looks an address up: primary group, then secondary. Rights are reported for `mode`, not enforced.
 *
 * @param amr - Authority mask: two bits per storage class key, no write and no read; 0 when left out.
 */
export function hashLookup(
  table: HashEntries,
  segment: Segment,
  ea: bigint,
  mode: Access['mode'],
  amr = 0n,
): HashResult {
  const groups = BigInt(table.slots / GROUP_ENTRIES);
  const hash = hashOf(segment, ea);
  for (const secondary of [false, true]) {
    const group = (secondary ? ~hash : hash) & (groups - 1n);
    const first = Number(group) * GROUP_ENTRIES;
    for (let slot = first; slot < first + GROUP_ENTRIES; slot++) {
      const { pte0, pte1 } = table.load(slot);
      const pageShift = matches(segment, ea, secondary, pte0, pte1);
      if (pageShift === undefined) continue;
      const offset = (1n << BigInt(pageShift)) - 1n;
      const paddr = __paddr((pte1 & HPTE_R_RPN & ~offset) | (ea & offset));
      return {
        kind: 'hit',
        paddr,
        pageShift,
        slot,
        secondary,
        pte0,
        pte1,
        ...rights(segment, pte1, mode, amr),
      };
    }
  }
  return { kind: 'miss' };
}

/** log2 of the page where the entry is of this page, else undefined. */
function matches(
  segment: Segment,
  ea: bigint,
  secondary: boolean,
  pte0: bigint,
  pte1: bigint,
): number | undefined {
  if ((pte0 & HPTE_V_VALID) === 0n || ((pte0 & HPTE_V_SECONDARY) !== 0n) !== secondary) return undefined;
  if (((pte0 ^ virtualPage(segment, ea)) & HPTE_V_COMPARED) !== 0n) return undefined;
  if ((pte0 & HPTE_V_LARGE) === 0n) return segment.baseShift === 12 ? 12 : undefined;
  return PAGE_ENCODINGS[segment.baseShift]?.find(([shift, lp]) => {
    const mask = HPTE_R_RPN & ((1n << BigInt(shift)) - 1n);
    return (pte1 & mask) === lp << 12n;
  })?.[0];
}

/** Segment size, VSID and page as the first word of an entry holds them; bits within a page of the base size are 0. */
function virtualPage(segment: Segment, ea: bigint): bigint {
  const offset = ea & ((1n << BigInt(segment.shift)) - 1n) & -(1n << BigInt(segment.baseShift));
  const size = segment.shift === 40 ? 1n << 62n : 0n;
  return size | (segment.vsid << (segment.shift === 40 ? 24n : 12n)) | ((offset >> 16n) & HPTE_V_AVPN);
}

/** Rights by PP and the key of the state; class keys and the AMR take reads and writes away. */
function rights(
  segment: Segment,
  pte1: bigint,
  mode: Access['mode'],
  amr: bigint,
): { readonly read: boolean; readonly write: boolean; readonly exec: boolean } {
  const key = mode === 'user' ? segment.kp : segment.ks;
  const pp = Number(pte1 & HPTE_R_PP) | ((pte1 & HPTE_R_PP0) !== 0n ? 4 : 0);
  const read = key ? [1, 2, 3].includes(pp) : [0, 1, 2, 3, 6].includes(pp);
  const write = key ? pp === 2 : [0, 1, 2].includes(pp);
  const classKey = ((pte1 >> 9n) & 7n) | ((pte1 >> 57n) & 0x18n);
  const mask = (amr >> (62n - 2n * classKey)) & 3n;
  return {
    read: read && (mask & 1n) === 0n,
    write: write && (mask & 2n) === 0n,
    exec: read && !segment.noExec && (pte1 & HPTE_R_N) === 0n,
  };
}

/** Bits of the first word that POWER9 keeps; the segment size has moved to bits 58 and 59 of the second. */
const HPTE_V_COMMON = 0x000f_ffff_ffff_ffffn;
const HPTE_R_3_0_SSIZE = 3n << 58n;

/**
 * A table in bytes, as the architecture keeps it in memory: big-endian pairs. Entries of Power ISA 3.0 are given in the
 * format of 2.07, which the search knows.
 *
 * @see Power ISA 3.0B Book III, 5.7.7.1; Linux arch/powerpc/include/asm/book3s/64/mmu-hash.h, `hpte_new_to_old_v` (6.12)
 */
export function hashEntriesOf(bytes: Uint8Array, isa: '2.07' | '3.0' = '2.07'): HashEntries {
  const old = tableOf(bytes);
  if (isa === '2.07') return old;
  const load = (slot: number): { readonly pte0: bigint; readonly pte1: bigint } => {
    const { pte0, pte1 } = old.load(slot);
    return {
      pte0: (pte0 & HPTE_V_COMMON) | (((pte1 & HPTE_R_3_0_SSIZE) >> 58n) << 62n),
      pte1: pte1 & ~HPTE_R_3_0_SSIZE,
    };
  };
  return { slots: old.slots, load };
}

function tableOf(bytes: Uint8Array): HashEntries {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    slots: Math.floor(bytes.length / GROUP_BYTES) * GROUP_ENTRIES,
    load: (slot) => ({ pte0: view.getBigUint64(slot * 16), pte1: view.getBigUint64(slot * 16 + 8) }),
  };
}

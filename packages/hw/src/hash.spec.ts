import { describe, expect, it } from 'vitest';
import {
  type HashEntries,
  type Segment,
  hashEntriesOf,
  hashLookup,
  hashOf,
  inSegment,
  segmentOf,
} from './hash.js';

/** A table of 2048 groups: 256 KiB, the smallest there is. */
const GROUPS = 2048;
function table(entries: Readonly<Record<number, readonly [bigint, bigint]>>): HashEntries {
  const bytes = new Uint8Array(GROUPS * 128);
  const view = new DataView(bytes.buffer);
  for (const [slot, [pte0, pte1]] of Object.entries(entries)) {
    view.setBigUint64(Number(slot) * 16, pte0);
    view.setBigUint64(Number(slot) * 16 + 8, pte1);
  }
  return hashEntriesOf(bytes);
}

/** 256 MiB segment of 64K pages at 0x10000000 with VSID 0x12345. */
const SEGMENT: Segment = segmentOf(0x1800_0000n, 0x0000_0000_1234_5d10n)!;
/** ea 0x10230456: page 0x23 of the segment; hash 0x12345 ^ 0x23 = 0x12366, group 0x366, slot 0x1b30. */
const EA = 0x1023_0456n;
/** AVPN: VSID << 12 | page offset bits 23..27 of the address (0 here); L and V. */
const PTE0 = 0x0000_0000_1234_5000n | 0x5n;
/** RPN 0x4560000, LP 1 (64K of 64K), R and C, PP 2. */
const PTE1 = 0x0456_0000n | 0x1000n | 0x180n | 2n;

describe('segmentOf', () => {
  it('reads VSID, sizes and keys of an SLB entry', () => {
    expect(SEGMENT).toEqual({ start: 0x1000_0000n, shift: 28, vsid: 0x12345n, baseShift: 16, ks: true, kp: true, noExec: false });
    expect(segmentOf(0x7f00_0800_0000n, 0x4002_985e_8400_0d90n)).toMatchObject({ shift: 40, start: 0x7f00_0000_0000n, vsid: 0x2985e84n });
    expect(segmentOf(0xc000_0000_0800_0000n, 0x400e_a1b2_1700_0500n)).toMatchObject({ baseShift: 24, ks: false, kp: true });
    expect(segmentOf(0x1000_0000n, 0x510n)).toBeUndefined();
    expect(segmentOf(0x0800_0000n, 0x010n)).toBeUndefined();
  }); // prettier-ignore

  it('contains the addresses of its size', () => {
    expect(inSegment(SEGMENT, 0x1fff_ffffn)).toBe(true);
    expect(inSegment(SEGMENT, 0x2000_0000n)).toBe(false);
  });
});

describe('hashLookup', () => {
  it('finds a page in its primary group, in any of the eight slots', () => {
    expect(hashOf(SEGMENT, EA) & 0x7ffn).toBe(0x366n);
    for (const slot of [0x1b30, 0x1b37]) {
      const hit = hashLookup(table({ [slot]: [PTE0, PTE1] }), SEGMENT, EA, 'user');
      expect(hit).toMatchObject({ kind: 'hit', paddr: 0x0456_0456n, pageShift: 16, slot, secondary: false, read: true, write: true, exec: true });
    }
    expect(hashLookup(table({ 0x1b38: [PTE0, PTE1] }), SEGMENT, EA, 'user').kind).toBe('miss');
  }); // prettier-ignore

  it('finds a page in the group of the complement only with the H bit', () => {
    const slot = (~0x366 & 0x7ff) * 8 + 3;
    expect(hashLookup(table({ [slot]: [PTE0 | 2n, PTE1] }), SEGMENT, EA, 'user')).toMatchObject({
      slot,
      secondary: true,
    });
    expect(hashLookup(table({ [slot]: [PTE0, PTE1] }), SEGMENT, EA, 'user').kind).toBe('miss');
    expect(hashLookup(table({ 0x1b30: [PTE0 | 2n, PTE1] }), SEGMENT, EA, 'user').kind).toBe('miss');
  });

  it('passes over entries that are not valid, of another space, address, segment size or page size', () => {
    const others: readonly (readonly [bigint, bigint])[] = [
      [PTE0 & ~1n, PTE1],
      [PTE0 ^ 0x1000n, PTE1],
      [PTE0 | 0x80n, PTE1],
      [PTE0 | (1n << 62n), PTE1],
      [PTE0 & ~4n, PTE1],
      [PTE0, PTE1 | 0x2000n],
    ];
    for (const other of others)
      expect(hashLookup(table({ 0x1b30: other }), SEGMENT, EA, 'user').kind).toBe('miss');
  });

  it('maps 16M where the LP field says so', () => {
    const hit = hashLookup(table({ 0x1b30: [PTE0, 0x0500_0000n | 0x8000n | 2n] }), SEGMENT, EA, 'user');
    expect(hit).toMatchObject({ pageShift: 24, paddr: 0x0523_0456n });
  });

  it('reads entries of ISA 3.0, whose segment size stands in the second word', () => {
    const segment: Segment = { ...SEGMENT, start: 0n, shift: 40, vsid: 0x5n };
    // 1T: hash 5 ^ 5 << 25 ^ 0x1023, low 11 bits 0x026; first word VSID << 24 | offset >> 16 without 7 bits.
    const bytes = new Uint8Array(GROUPS * 128);
    new DataView(bytes.buffer).setBigUint64(0x26 * 128, 0x500_0000n | 0x1000n | 5n);
    new DataView(bytes.buffer).setBigUint64(0x26 * 128 + 8, PTE1 | (1n << 58n));
    expect(hashLookup(hashEntriesOf(bytes, '3.0'), segment, EA, 'user')).toMatchObject({
      kind: 'hit',
      paddr: 0x0456_0456n,
    });
    expect(hashLookup(hashEntriesOf(bytes), segment, EA, 'user').kind).toBe('miss');
  });

  it('gives rights by PP, key and authority mask', () => {
    const rights = (pte1: bigint, segment: Segment, amr = 0n): string => {
      const hit = hashLookup(table({ 0x1b30: [PTE0, pte1] }), segment, EA, 'user', amr);
      return hit.kind === 'hit'
        ? `${hit.read ? 'r' : '-'}${hit.write ? 'w' : '-'}${hit.exec ? 'x' : '-'}`
        : 'miss';
    };
    const noKey = { ...SEGMENT, kp: false };
    expect([0n, 1n, 2n, 3n].map((pp) => rights((PTE1 & ~3n) | pp, SEGMENT))).toEqual([
      '---',
      'r-x',
      'rwx',
      'r-x',
    ]);
    expect([0n, 1n, 2n, 3n].map((pp) => rights((PTE1 & ~3n) | pp, noKey))).toEqual([
      'rwx',
      'rwx',
      'rwx',
      'r-x',
    ]);
    expect(rights((PTE1 & ~3n) | (1n << 63n) | 2n, noKey)).toBe('r-x');
    expect(rights(PTE1 | 4n, SEGMENT)).toBe('rw-');
    expect(rights(PTE1, { ...SEGMENT, noExec: true })).toBe('rw-');
    // Class key 3: bits 11..9 of the second word; its two AMR bits are 57 (no write) and 56 (no read).
    expect(rights(PTE1 | 0x600n, SEGMENT, 1n << 57n)).toBe('r-x');
    expect(rights(PTE1 | 0x600n, SEGMENT, 1n << 56n)).toBe('-wx');
  });
});

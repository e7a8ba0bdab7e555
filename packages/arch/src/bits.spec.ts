import { describe, expect, it } from 'vitest';
import { bit, bits, type BitTable, decodeBits, ibmBit, ibmBits, lowestBit } from './bits.js';
import { InvariantError } from './errors.js';

describe('bits masks', () => {
  it('counts from the least significant bit, the last one unsigned', () => {
    expect(bit(0)).toBe(1n);
    expect(bit(31)).toBe(0x8000_0000n);
    expect(bit(63)).toBe(0x8000_0000_0000_0000n);
  });

  it('takes both ends of a range', () => {
    expect(bits(5, 5)).toBe(0x20n);
    expect(bits(12, 51)).toBe(0x000f_ffff_ffff_f000n);
    expect(bits(0, 63)).toBe(0xffff_ffff_ffff_ffffn);
  });

  it('counts as IBM does from the most significant bit', () => {
    // @see Linux arch/powerpc/include/asm/book3s/64/pgtable.h, `_PAGE_PRESENT` and `_PAGE_PTE` (6.12.117)
    expect(ibmBit(0)).toBe(0x8000_0000_0000_0000n);
    expect(ibmBit(1)).toBe(0x4000_0000_0000_0000n);
    // @see Linux arch/s390/include/asm/pgtable.h, `_PAGE_INVALID` and `_PAGE_PROTECT` (6.12.117)
    expect(ibmBit(53)).toBe(0x400n);
    expect(ibmBit(54)).toBe(0x200n);
    expect(ibmBits(0, 51)).toBe(0xffff_ffff_ffff_f000n);
    expect(ibmBits(63, 63)).toBe(1n);
  });

  it('finds the lowest set bit, and none in an empty mask', () => {
    expect(lowestBit(1n)).toBe(0);
    expect(lowestBit(0x28n)).toBe(3);
    expect(lowestBit(bit(63))).toBe(63);
    expect(() => lowestBit(0n)).toThrow(InvariantError);
  });
});

describe('bits decodeBits', () => {
  const common = { by: 'hardware', source: 'made up', means: '' } as const;
  const TABLE: BitTable = [
    { ...common, name: 'VALID', mask: bit(0), levels: ['pmd', 'pte'] },
    { ...common, name: 'HUGE', mask: bit(7), levels: ['pmd'] },
    { ...common, name: 'PAT', mask: bit(7), levels: ['pte'] },
    { ...common, name: 'FRAME', mask: bits(12, 51), levels: ['pmd', 'pte'] },
    { ...common, name: 'SPREAD', mask: bit(2) | bit(4), levels: ['pte'] },
  ];
  const decoded = (level: 'pmd' | 'pte' | 'pud', entry: bigint): unknown => {
    const { fields, rest } = decodeBits(TABLE, level, entry);
    return [fields.map(({ field, value }) => `${field.name}=${value}`), rest];
  };

  it('shifts a field down to bit 0 and leaves out what is 0', () => {
    expect(decoded('pte', 0x5001n)).toEqual([['VALID=1', 'FRAME=5'], 0n]);
    expect(decoded('pte', bit(4))).toEqual([['SPREAD=4'], 0n]);
  });

  it('reads the same bit by what it means at the level', () => {
    expect(decoded('pmd', 0x81n)).toEqual([['VALID=1', 'HUGE=1'], 0n]);
    expect(decoded('pte', 0x81n)).toEqual([['VALID=1', 'PAT=1'], 0n]);
  });

  it('returns the bits that mean nothing at the level', () => {
    expect(decoded('pmd', bit(63) | bit(2) | 1n)).toEqual([['VALID=1'], bit(63) | bit(2)]);
    expect(decoded('pud', 0x5081n)).toEqual([[], 0x5081n]);
  });
});

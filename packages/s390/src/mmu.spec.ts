import { type Match, type MmuLevel, decodeBits } from '@ptemu/arch';
import { describe, expect, it } from 'vitest';
import { s390 } from './index.js';

const latest = s390({ kernel: '6.12' });
const holds = (entry: bigint, matches: readonly Match[] = []): boolean =>
  matches.some(({ mask, value }) => (entry & mask) === value);
const level = (name: string, levels = 5, arch = latest): MmuLevel => {
  const found = arch.mmuOf({ levels }).levels.find((candidate) => candidate.level === name);
  if (found === undefined) throw new Error(`no level ${name}`);
  return found;
};
const leafOf = ({ leaf }: MmuLevel, entry: bigint): boolean =>
  typeof leaf === 'string' ? leaf === 'always' : holds(entry, leaf);

describe('s390 mmuOf', () => {
  it('walks 2 to 5 levels of 11 bits each, the last of 8', () => {
    for (const levels of [2, 3, 4, 5]) {
      const mmu = latest.mmuOf({ levels });
      expect(mmu.levels.map(({ indexBits }) => indexBits)).toEqual([
        ...Array<number>(levels - 1).fill(11),
        8,
      ]);
    }
    expect(latest.mmuOf().levels.map(({ indexShift }) => indexShift)).toEqual([31, 20, 12]);
    expect(latest.mmuOf().byteOrder).toBe('big');
  });
  it('takes an invalid entry at every level for not present', () => {
    expect(holds(0x4000_0020n, level('pmd').valid)).toBe(false);
    expect(holds(0x24n, level('pud').valid)).toBe(false);
    expect(holds(0x400n, level('pte').valid)).toBe(false);
    expect(holds(0x4000_0020n, level('pte').valid)).toBe(true);
  });
  it('takes an entry of another table type for malformed', () => {
    const malformed = (name: string): readonly bigint[] =>
      [0x0n, 0x4n, 0x8n, 0xcn].filter((type) => holds(type, level(name).reserved));
    expect(malformed('pgd')).toEqual([0x0n, 0x4n, 0x8n]);
    expect(malformed('p4d')).toEqual([0x0n, 0x4n, 0xcn]);
    expect(malformed('pud')).toEqual([0x0n, 0x8n, 0xcn]);
    expect(malformed('pmd')).toEqual([0x4n, 0x8n, 0xcn]);
    expect(holds(0x800n, level('pte').reserved)).toBe(true);
  });
  it('loads 1 MiB and 2 GiB pages with EDAT-1 and EDAT-2 only', () => {
    expect(leafOf(level('pmd'), 0x4000_3403n)).toBe(true);
    expect(leafOf(level('pud'), 0x8000_3407n)).toBe(true);
    expect([level('pmd').page?.shift, level('pud').page?.shift]).toEqual([20, 31]);
    const old = s390({ kernel: '6.12', cpu: { edat1: false, edat2: false } });
    expect([level('pmd', 3, old).leaf, level('pud', 3, old).leaf]).toEqual(['never', 'never']);
  });
  it('denies stores by PROTECT, and fetches by NOEXEC where NX is there and Linux uses it', () => {
    expect(level('pte').leafDenies?.write).toEqual([{ mask: 0x200n, value: 0x200n }]);
    expect(level('pmd').leafDenies?.exec).toEqual([{ mask: 0x100n, value: 0x100n }]);
    expect(level('pud').tableDenies?.write).toEqual([{ mask: 0x200n, value: 0x200n }]);
    expect(level('pmd').tableDenies?.exec).toBeUndefined();
    expect(level('pte', 3, s390({ kernel: '4.10' })).leafDenies?.exec).toBeUndefined();
    expect(level('pte', 3, s390({ kernel: '6.12', cpu: { nx: false } })).leafDenies?.exec).toBeUndefined();
  });
  it('keeps no accessed and no dirty state in entries', () => {
    const mmu = latest.mmuOf();
    expect([mmu.accessed, mmu.dirty]).toEqual([undefined, undefined]);
  });
});

describe('s390 decodeBits', () => {
  const names = (kernel: string, name: 'pmd' | 'pte' | 'pud', entry: bigint): readonly string[] =>
    decodeBits(s390({ kernel }).bits, name, entry)
      .fields.filter(({ field }) => field.when !== 'table' && field.when !== 'not present')
      .map(({ field }) => field.name);
  it('names the same word by its era', () => {
    expect(names('4.7', 'pmd', 0x4000_0401n)).toContain('_SEGMENT_ENTRY_WRITE');
    expect(names('4.8', 'pmd', 0x4000_0401n)).toContain('_SEGMENT_ENTRY_READ');
    expect(names('6.13', 'pmd', 0x4000_0401n)).toContain('_SEGMENT_ENTRY_PRESENT');
  });
  it('leaves no bit of a 6.12 huge pmd, pte and region entry without a name', () => {
    for (const [name, entry] of [
      ['pmd', 0x4000_3503n],
      ['pte', 0x4000_033dn],
      ['pud', 0x5000_0007n],
    ] as const) {
      expect(decodeBits(latest.bits, name, entry).rest).toBe(0n);
    }
    expect(decodeBits(latest.bits, 'pmd', 0x4000_3503n | 0x40n).rest).toBe(0x40n);
  });
});

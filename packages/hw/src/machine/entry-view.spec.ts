import { describe, expect, it } from 'vitest';
import { arm64 } from '@ptemu/arm64';
import { powerpc } from '@ptemu/powerpc';
import { s390 } from '@ptemu/s390';
import { x86_64 } from '@ptemu/x86_64';
import { viewEntry } from './entry-view.js';

// Words: fact sheet 1.3, a huge page at 0x4000_0000 and a table at 0x5000_0000.
describe('viewEntry', () => {
  const x86 = x86_64({ kernel: '6.12' }).mmuOf();
  it('x86_64: reads a present pmd with PSE as a leaf of 2 MiB, and follows one without', () => {
    expect(viewEntry(x86, 'pmd', 0x8000_0000_4000_08e7n)).toEqual({
      kind: 'leaf',
      pa: 0x4000_0000n,
      shift: 21,
      write: true,
    });
    expect(viewEntry(x86, 'pmd', 0x5000_0067n)).toEqual({ kind: 'table', base: 0x5000_0000n });
  });
  it('x86_64: faults without bit 0, with or without PSE', () => {
    expect(viewEntry(x86, 'pmd', 0x8000_0000_4000_08e6n)).toEqual({ kind: 'fault' });
    expect(viewEntry(x86, 'pmd', 0n)).toEqual({ kind: 'fault' });
  });
  it('x86_64: reads the same word as a leaf of 4 KiB at pte level (bit 7 is PAT there)', () => {
    expect(viewEntry(x86, 'pte', 0x4000_00e7n)).toMatchObject({ kind: 'leaf', shift: 12 });
  });
  it('x86_64: refuses what the kernel keeps for itself (U/S clear)', () => {
    expect(viewEntry(x86, 'pmd', 0x4000_00e3n)).toEqual({ kind: 'fault' });
  });

  it('arm64: reads bits 1:0 = 11 at pmd level as a table and 01 as a block', () => {
    const mmu = arm64({ kernel: '6.12' }).mmuOf();
    expect(viewEntry(mmu, 'pmd', 0x5000_0003n)).toEqual({ kind: 'table', base: 0x5000_0000n });
    expect(viewEntry(mmu, 'pmd', 0x00e8_0000_4000_0f51n)).toMatchObject({
      kind: 'leaf',
      pa: 0x4000_0000n,
      shift: 21,
    });
    expect(viewEntry(mmu, 'pmd', 0x00e8_0000_4000_0f50n)).toEqual({ kind: 'fault' });
  });

  it('s390: reads the invalid bit 0x20 of a segment entry as a fault', () => {
    const mmu = s390({ kernel: '6.12' }).mmuOf();
    expect(viewEntry(mmu, 'pmd', 0x5000_0000n)).toEqual({ kind: 'table', base: 0x5000_0000n });
    expect(viewEntry(mmu, 'pmd', 0x5000_0020n)).toEqual({ kind: 'fault' });
  });

  it('reads what an architecture links with pmd_populate as that table', () => {
    const backends = [x86_64, arm64, s390, powerpc].map((make) => make({ kernel: '6.12' }));
    for (const arch of backends) {
      expect(viewEntry(arch.mmuOf(), 'pmd', arch.pmd.pmd_populate(0x5000_0000n))).toEqual({
        kind: 'table',
        base: 0x5000_0000n,
      });
    }
  });

  it('faults at a level above the root', () => {
    const three = s390({ kernel: '6.12' }).mmuOf();
    expect(three.levels[0]?.level).toBe('pud');
    expect(viewEntry(three, 'pgd', 0x5000_0003n)).toEqual({ kind: 'fault' });
  });

  it('reads a folded level as the one above it: p4d on four levels is the root, pmd on two tables too', () => {
    expect(viewEntry(x86, 'p4d', 0x5000_0067n)).toEqual({ kind: 'table', base: 0x5000_0000n });
    const two = arm64({ kernel: '6.12', granule: '64k', vaBits: 42 }).mmuOf();
    expect(two.levels.map(({ level }) => level)).toEqual(['pgd', 'pte']);
    expect(viewEntry(two, 'pmd', 0x5000_0003n)).toEqual({ kind: 'table', base: 0x5000_0000n });
  });
});

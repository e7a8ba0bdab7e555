import { __paddr, ArchError, decodeBits, type Match, type MmuLevel } from '@ptemu/arch';
import { describe, expect, it } from 'vitest';
import {
  arm32, type Arm32Fault, asidOf, faultOf, fsrOf, PMD_STATES, PTE_STATES, rootOf, rootsOf, ttbr0Of,
} from './index.js'; // prettier-ignore

const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    return error instanceof ArchError ? error.code : String(error);
  }
  return 'no error';
};

describe('arm32 factory', () => {
  it('names itself with the options that differ from the defaults', () => {
    expect(arm32({ kernel: '6.12' }).spec).toBe('arm32');
  });
  it('refuses releases before THP and unknown ones', () => {
    expect(codeOf(() => arm32({ kernel: '3.10' }))).toBe('RELEASE_BEFORE_THP');
    expect(codeOf(() => arm32({ kernel: '3.11' }))).toBe('no error');
    expect(codeOf(() => arm32({ kernel: '6.12.1' }))).toBe('UNKNOWN_RELEASE');
  });
  it('refuses unknown options', () => {
    expect(codeOf(() => arm32({ kernel: '6.12', config: { NOPE: true } }))).toBe('UNKNOWN_OPTION');
    expect(codeOf(() => arm32({ kernel: '6.12', cpu: { nope: true } }))).toBe('UNKNOWN_OPTION');
  });
});

describe('arm32 layout', () => {
  it('folds p4d and pud', () => {
    const layout = arm32({ kernel: '6.12' }).layoutOf();
    expect(
      layout.levels.map(({ level, shift, entries, folded }) => `${level} ${shift} ${entries} ${folded}`),
    ).toEqual(['pgd 30 4 false', 'p4d 30 1 true', 'pud 30 1 true', 'pmd 21 512 false', 'pte 12 512 false']);
    expect([layout.vaBits, layout.paBits, layout.TASK_SIZE]).toEqual([32, 40, 0xbf00_0000n]);
  });
});

describe('arm32 pgd helpers', () => {
  it('are folded: always there, never bad, while the pud looks at the entry', () => {
    const { pgd, p4d, pud } = arm32({ kernel: '6.12', cpu: { bootPatched: true } });
    expect([pgd.pgd_none(0n), pgd.pgd_present(0n), pgd.pgd_bad(0n)]).toEqual([false, true, false]);
    expect([p4d.p4d_none(0n), p4d.p4d_present(0n), p4d.p4d_bad(0n)]).toEqual([false, true, false]);
    expect([pud.pud_none(0n), pud.pud_present(0n), pud.pud_bad(0n)]).toEqual([true, false, true]);
    const table = pud.pud_populate?.(0x5000_0000n) ?? 0n;
    expect(table).toBe(0x5000_0003n);
    expect([pud.pud_none(table), pud.pud_present(table), pud.pud_bad(table)]).toEqual([false, true, false]);
  });
});

describe('arm32 mmu', () => {
  const mmu = arm32({ kernel: '6.12' }).mmuOf();
  const one = ({ mask, value }: Match, entry: bigint): boolean => (entry & mask) === value;
  const access = (level: MmuLevel | undefined, entry: bigint): string => {
    if (level === undefined || !level.valid.every((match) => one(match, entry))) return 'fault';
    const isLeaf =
      level.leaf === 'always' || (level.leaf !== 'never' && level.leaf.some((m) => one(m, entry)));
    if (!isLeaf) return 'table';
    if (mmu.accessed !== undefined && one(mmu.accessed.clean, entry)) return 'fault';
    if (level.leafDenies?.user?.some((match) => one(match, entry)) === true) return 'fault';
    return level.leafDenies?.write?.some((match) => one(match, entry)) === true ? 'read' : 'write';
  };
  const [pgd, pmd, pte] = mmu.levels;

  it('walks three tables and 32 bits', () => {
    expect(mmu.levels.map(({ level, indexShift, indexBits }) => `${level} ${indexShift} ${indexBits}`)).toEqual([
      'pgd 30 2', 'pmd 21 9', 'pte 12 9',
    ]); // prettier-ignore
    expect(mmu.split).toEqual({ kind: 'limit', bits: 32 });
    expect(mmu.walkCache).toEqual(['pgd', 'pmd']);
  });
  it('walks two tables from TTBR1', () => {
    const arch = arm32({ kernel: '6.12' });
    expect(arch.mmuOf({ levels: 2 }).levels.map(({ level }) => level)).toEqual(['pmd', 'pte']);
    expect(codeOf(() => arch.mmuOf({ levels: 4 }))).toBe('BAD_ARGUMENT');
  });
  for (const { name, entry, hardware } of PMD_STATES) {
    it(`lets a user ${hardware} through a pmd that is ${name}`, () => {
      expect(access(pmd, entry)).toBe(hardware);
    });
  }
  for (const { name, entry, hardware } of PTE_STATES) {
    it(`lets a user ${hardware} through a pte that is ${name}`, () => {
      expect(access(pte, entry)).toBe(hardware);
    });
  }
  it('takes type 01 for a block at the first two levels and for nothing at the last', () => {
    expect([pgd, pmd, pte].map((level) => access(level, 0x4000_0f5dn))).toEqual(['write', 'write', 'fault']);
    expect([pgd, pmd, pte].map((level) => level?.page?.shift)).toEqual([30, 21, 12]);
  });
  it('leaves young and dirty to software', () => {
    expect([mmu.accessed?.by, mmu.dirty]).toEqual(['fault', undefined]);
  });
});

describe('arm32 bits', () => {
  const names = (kernel: string, entry: bigint): readonly string[] =>
    decodeBits(arm32({ kernel }).bits, 'pmd', entry).fields.map(({ field }) => field.name);
  it('gives every bit of a pmd a name but those that nobody uses', () => {
    const rest = (kernel: string): bigint => decodeBits(arm32({ kernel }).bits, 'pmd', (1n << 64n) - 1n).rest;
    // Bits 40 to 51 must be zero; 56 is free since splitting went.
    expect(rest('6.12')).toBe(0x010f_ff00_0000_0000n);
    expect(rest('4.4')).toBe(0x000f_ff00_0000_0000n);
    expect(rest('3.16')).toBe(0x040f_ff00_0000_0000n);
  });
  it('calls bit 7 RDONLY at 3.16 and AP2 at 4.4, where RDONLY is bit 58', () => {
    expect(names('3.16', 0x80n)).toEqual(['RDONLY']);
    expect(names('4.4', 0x80n)).toEqual(['AP2']);
    expect(names('4.4', 1n << 58n)).toEqual(['RDONLY']);
  });
});

describe('arm32 fault', () => {
  it('reads back every status that it makes', () => {
    for (const access of ['read', 'write', 'exec'] as const) {
      const faults: Arm32Fault[] = [{ cause: 'conflict', access }];
      for (const cause of ['not-present', 'accessed', 'permission'] as const) {
        for (const level of ['pgd', 'pmd', 'pte'] as const) faults.push({ cause, level, access });
      }
      for (const fault of faults) expect(faultOf(fsrOf(fault))).toEqual(fault);
    }
  });
  it('numbers faults as the kernel table does: 5 to 7, 9 to 11, 13 to 15', () => {
    const status = (cause: 'not-present' | 'accessed' | 'permission'): readonly number[] =>
      (['pgd', 'pmd', 'pte'] as const).map((level) => fsrOf({ cause, level, access: 'read' }) & 0x3f);
    expect(status('not-present')).toEqual([5, 6, 7]);
    expect(status('accessed')).toEqual([9, 10, 11]);
    expect(status('permission')).toEqual([13, 14, 15]);
  });
  it('knows no fault of an entry in an external abort or a level 0', () => {
    expect([faultOf(16), faultOf(4), faultOf(33)]).toEqual([undefined, undefined, undefined]);
  });
});

describe('arm32 context', () => {
  // source: registers of a running 6.1.176 LPAE kernel under QEMU (cortex-a15, RAM at 0x40000000).
  const registers = { ttbr0: 0x0001_0000_4253_a180n, ttbr1: 0x4020_7000n, ttbcr: 0xb502_3500n };
  it('puts root and ASID into TTBR0', () => {
    expect(ttbr0Of(__paddr(0x4253_a180n), { asid: 1 })).toBe(registers.ttbr0);
    expect(rootOf(registers.ttbr0)).toBe(0x4253_a180n);
    expect(asidOf(registers.ttbr0)).toBe(1);
  });
  it('splits at 3 GiB where T1SZ is 2, and starts the kernel walk at the pmd', () => {
    expect(rootsOf(registers)).toEqual({
      user: { root: 0x4253_a180n, start: 0n, end: 0xc000_0000n, levels: 3 },
      kernel: { root: 0x4020_7000n, start: 0xc000_0000n, end: 0x1_0000_0000n, levels: 2 },
    });
  });
  it('has one root where both sizes are 0', () => {
    expect(rootsOf({ ...registers, ttbcr: 0x8000_0000n })).toEqual({
      user: { root: 0x4253_a180n, start: 0n, end: 0x1_0000_0000n, levels: 3 },
    });
  });
});

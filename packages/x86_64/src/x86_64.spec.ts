import { ArchError, decodeBits, levelLayout } from '@ptemu/arch';
import { describe, expect, it } from 'vitest';
import {
  cr3Of,
  CR3_NOFLUSH,
  errorCodeOf,
  faultOf,
  rootOf,
  x86_64,
  type X86Fault,
  type X86Levels,
} from './index.js';
import { __paddr } from '@ptemu/arch';

const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    return error instanceof ArchError ? error.code : String(error);
  }
  return 'no error';
};

describe('x86_64 factory', () => {
  it('names itself with the options that differ from the defaults', () => {
    expect(x86_64({ kernel: '6.12' }).spec).toBe('x86_64');
    expect(x86_64({ kernel: '6.12', levels: 5 }).spec).toBe('x86_64:levels=5');
  });
  it('refuses releases before THP and unknown ones', () => {
    expect(codeOf(() => x86_64({ kernel: '6.12.1' }))).toBe('UNKNOWN_RELEASE');
    expect(codeOf(() => x86_64({ kernel: '2.6.38' }))).toBe('no error');
  });
  it('refuses unknown options', () => {
    expect(codeOf(() => x86_64({ kernel: '6.12', levels: 3 as X86Levels }))).toBe('UNKNOWN_OPTION');
    expect(codeOf(() => x86_64({ kernel: '6.12', config: { NOPE: true } }))).toBe('UNKNOWN_OPTION');
    expect(codeOf(() => x86_64({ kernel: '6.12', cpu: { nope: true } }))).toBe('UNKNOWN_OPTION');
  });
});

describe('x86_64 layout', () => {
  it('folds the p4d with 4 levels', () => {
    const layout = x86_64({ kernel: '6.12' }).layoutOf();
    expect(layout.levels.map(({ level, shift, folded }) => `${level} ${shift} ${folded}`)).toEqual([
      'pgd 39 false',
      'p4d 39 true',
      'pud 30 false',
      'pmd 21 false',
      'pte 12 false',
    ]);
    expect(layout.TASK_SIZE).toBe(0x7fff_ffff_f000n);
  });
  it('folds nothing with 5 levels', () => {
    const arch = x86_64({ kernel: '6.12', levels: 5 });
    const layout = arch.layoutOf();
    expect(levelLayout(layout, 'pgd')).toMatchObject({ shift: 48, entries: 512 });
    expect(levelLayout(layout, 'p4d')).toMatchObject({ shift: 39, entries: 512, folded: false });
    expect(layout.TASK_SIZE).toBe(0xff_ffff_ffff_f000n);
    expect(arch.constants['PGDIR_SHIFT']).toBe(48n);
    expect(arch.constants['PTRS_PER_P4D']).toBe(512n);
    expect(arch.constants['SWP_PFN_BITS']).toBe(40n);
  });
});

describe('x86_64 pgd helpers', () => {
  it('are folded with 4 levels: always there, never bad', () => {
    const { pgd } = x86_64({ kernel: '6.12' });
    expect([pgd.pgd_none(0n), pgd.pgd_present(0n), pgd.pgd_bad(0n)]).toEqual([false, true, false]);
  });
  it('look at the entry with 5 levels', () => {
    const { pgd } = x86_64({ kernel: '6.12', levels: 5 });
    const table = pgd.pgd_populate?.(0x5000_0000n) ?? 0n;
    expect(table).toBe(0x5000_0067n);
    expect([pgd.pgd_none(table), pgd.pgd_present(table), pgd.pgd_bad(table)]).toEqual([false, true, false]);
    expect([pgd.pgd_none(0n), pgd.pgd_present(0n), pgd.pgd_bad(0n)]).toEqual([true, false, true]);
    // Unlike in lower levels a stray A is something here.
    expect(pgd.pgd_none(0x20n)).toBe(false);
  });
  it('let NX pass with page-table isolation only', () => {
    const bad = (PAGE_TABLE_ISOLATION: boolean): boolean =>
      x86_64({ kernel: '6.12', levels: 5, config: { PAGE_TABLE_ISOLATION } }).pgd.pgd_bad(
        0x8000_0000_5000_0067n,
      );
    expect([bad(false), bad(true)]).toEqual([true, false]);
  });
});

describe('x86_64 mmu', () => {
  it('walks four or five tables and sign-extends 48 or 57 bits', () => {
    const four = x86_64({ kernel: '6.12' }).mmuOf();
    const five = x86_64({ kernel: '6.12', levels: 5 }).mmuOf();
    expect(four.levels.map(({ level, indexShift }) => `${level} ${indexShift}`)).toEqual([
      'pgd 39', 'pud 30', 'pmd 21', 'pte 12',
    ]); // prettier-ignore
    expect(five.levels.map(({ level, indexShift }) => `${level} ${indexShift}`)).toEqual([
      'pgd 48', 'p4d 39', 'pud 30', 'pmd 21', 'pte 12',
    ]); // prettier-ignore
    expect([four.split, five.split]).toEqual([
      { kind: 'sign-extended', bits: 48 },
      { kind: 'sign-extended', bits: 57 },
    ]);
    expect(four.walkCache).toEqual(['pgd', 'pud', 'pmd']);
  });
  it('has leaves of 2 MiB and 1 GiB, whose low frame bits are reserved', () => {
    const { levels } = x86_64({ kernel: '6.12' }).mmuOf();
    const reserved = (name: string, entry: bigint): boolean =>
      levels
        .find(({ level }) => level === name)
        ?.reserved?.some(({ mask, value }) => (entry & mask) === value) ?? false;
    expect(levels.map(({ page }) => page?.shift)).toEqual([undefined, 30, 21, 12]);
    expect(reserved('pmd', 0x4000_00e7n)).toBe(false);
    expect(reserved('pmd', 0x4000_10e7n)).toBe(false); // PAT
    expect(reserved('pmd', 0x4000_20e7n)).toBe(true);
    expect(reserved('pmd', 0x4010_00e7n)).toBe(true);
    expect(reserved('pmd', 0x4010_0067n)).toBe(false); // a table
    expect(reserved('pud', 0x4020_00e7n)).toBe(true);
    expect(reserved('pgd', 0x4000_00e7n)).toBe(true);
  });
  it('leaves two sizes undefined, or a machine check with erratum 383', () => {
    expect(x86_64({ kernel: '6.12' }).mmuOf().mixedSizes).toBe('undefined');
    expect(x86_64({ kernel: '6.12', cpu: { erratum383: true } }).mmuOf().mixedSizes).toBe('machine-check');
  });
  it('records A in tables and leaves, D in leaves, by hardware', () => {
    const { accessed, dirty } = x86_64({ kernel: '6.12' }).mmuOf();
    expect([accessed?.set, accessed?.inTables, accessed?.by]).toEqual([0x20n, true, 'hardware']);
    expect([dirty?.set, dirty?.inTables, dirty?.by]).toEqual([0x40n, undefined, 'hardware']);
  });
});

describe('x86_64 bits', () => {
  const names = (kernel: string, entry: bigint): readonly string[] =>
    decodeBits(x86_64({ kernel }).bits, 'pmd', entry).fields.map(({ field }) => field.name);
  it('gives every bit of a pmd a name but the reserved ones', () => {
    const rest = (kernel: string): bigint =>
      decodeBits(x86_64({ kernel }).bits, 'pmd', (1n << 64n) - 1n).rest;
    expect(rest('6.12')).toBe(0x01f0_0000_0000_0000n);
    expect(rest('6.5')).toBe(0x03f0_0000_0000_0000n);
  });
  it('calls bit 58 DEVMAP at 6.5 and SAVED_DIRTY at 6.12', () => {
    const entry = 0x8400_0000_4000_00a5n;
    expect(names('6.5', entry)).toContain('_PAGE_DEVMAP');
    expect(names('6.12', entry)).toContain('_PAGE_SAVED_DIRTY');
    expect(names('6.12', entry)).not.toContain('_PAGE_DEVMAP');
  });
});

describe('x86_64 fault', () => {
  it('reads back every error code that it makes', () => {
    for (const cause of ['not-present', 'permission', 'reserved'] as const) {
      for (const access of ['read', 'write', 'exec'] as const) {
        for (const mode of ['user', 'kernel'] as const) {
          const fault: X86Fault = { cause, access, mode };
          expect(faultOf(errorCodeOf(fault))).toEqual(fault);
        }
      }
    }
  });
  it('calls a user write to a page without rights 7', () => {
    expect(errorCodeOf({ cause: 'permission', access: 'write', mode: 'user' })).toBe(7);
    expect(errorCodeOf({ cause: 'not-present', access: 'exec', mode: 'user' })).toBe(0x14);
  });
});

describe('x86_64 context', () => {
  it('puts root, PCID and no-flush into CR3', () => {
    const cr3 = cr3Of(__paddr(0x1_2345_6000n), { pcid: 5, noflush: true });
    expect(cr3).toBe(CR3_NOFLUSH | 0x1_2345_6005n);
    expect(rootOf(cr3)).toBe(0x1_2345_6000n);
  });
});

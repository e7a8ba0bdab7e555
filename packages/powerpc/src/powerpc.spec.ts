import { ArchError, decodeBits, levelLayout } from '@ptemu/arch';
import { describe, expect, it } from 'vitest';
import {
  dsisrOf,
  faultOf,
  parsePrtb0,
  powerpc,
  type PpcFault,
  type PpcMmu,
  type PpcPage,
  prtb0Of,
} from './index.js';

const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    return error instanceof ArchError ? error.code : String(error);
  }
  return 'no error';
};

describe('powerpc factory', () => {
  it('names itself with the options that differ from the defaults', () => {
    expect(powerpc({ kernel: '6.12' }).spec).toBe('powerpc');
    expect(powerpc({ kernel: '6.12', mmu: 'hash' }).spec).toBe('powerpc:hash');
    expect(powerpc({ kernel: '6.12', page: '4k' }).spec).toBe('powerpc:page=4k');
    expect(powerpc({ kernel: '6.12', mmu: 'hash', page: '4k' }).spec).toBe('powerpc:hash,page=4k');
    expect(powerpc({ kernel: '6.12' }).options).toEqual({ mmu: 'radix', page: '64k' });
  });
  it('refuses releases before THP and unknown ones', () => {
    expect(codeOf(() => powerpc({ kernel: '6.12.1' }))).toBe('UNKNOWN_RELEASE');
    expect(codeOf(() => powerpc({ kernel: '3.0', mmu: 'hash' }))).toBe('RELEASE_BEFORE_THP');
    expect(codeOf(() => powerpc({ kernel: '3.16', mmu: 'hash' }))).toBe('no error');
  });
  it('refuses unknown options', () => {
    expect(codeOf(() => powerpc({ kernel: '6.12', mmu: 'sparse' as PpcMmu }))).toBe('UNKNOWN_OPTION');
    expect(codeOf(() => powerpc({ kernel: '6.12', page: '16k' as PpcPage }))).toBe('UNKNOWN_OPTION');
    expect(codeOf(() => powerpc({ kernel: '6.12', config: { NOPE: true } }))).toBe('UNKNOWN_OPTION');
    expect(codeOf(() => powerpc({ kernel: '6.12', cpu: { nope: true } }))).toBe('UNKNOWN_OPTION');
  });
  it('swaps the bytes of an entry from 4.7 on', () => {
    expect(powerpc({ kernel: '6.12' }).rawEntry(0xc000_0000_4000_0186n)).toBe(0x8601_0040_0000_00c0n);
    expect(powerpc({ kernel: '4.5', mmu: 'hash' }).rawEntry(0x387n)).toBe(0x387n);
  });
});

describe('powerpc layout', () => {
  it('folds the p4d, and the pud of hash up to 4.5', () => {
    const levels = (kernel: string, mmu: PpcMmu): readonly string[] =>
      powerpc({ kernel, mmu })
        .layoutOf()
        .levels.map(({ level, shift, folded }) => `${level} ${shift} ${folded}`);
    expect(levels('6.12', 'radix')).toEqual([
      'pgd 39 false',
      'p4d 39 true',
      'pud 30 false',
      'pmd 21 false',
      'pte 16 false',
    ]);
    expect(levels('6.12', 'hash')).toEqual([
      'pgd 44 false',
      'p4d 44 true',
      'pud 34 false',
      'pmd 24 false',
      'pte 16 false',
    ]);
    expect(levels('4.5', 'hash')).toEqual([
      'pgd 34 false',
      'p4d 34 true',
      'pud 34 true',
      'pmd 24 false',
      'pte 16 false',
    ]);
  });
  it('ends user addresses at 64 TiB, 512 TiB, 4 PiB by release', () => {
    const end = (kernel: string, page: PpcPage = '64k'): bigint =>
      powerpc({ kernel, page }).layoutOf().TASK_SIZE >> 40n;
    expect([end('4.7'), end('4.12'), end('4.20'), end('6.12', '4k')]).toEqual([64n, 512n, 4096n, 64n]);
  });
  it('has real pte tables of 32 entries on radix with 64K pages', () => {
    expect(levelLayout(powerpc({ kernel: '6.12' }).layoutOf(), 'pte')).toMatchObject({
      entries: 32,
      tableBytes: 256,
    });
  });
});

describe('powerpc pgd and p4d helpers', () => {
  it('pgd says go on, p4d looks at the entry', () => {
    const { pgd, p4d } = powerpc({ kernel: '6.12' });
    expect([pgd.pgd_none(0n), pgd.pgd_present(0n), pgd.pgd_bad(0n)]).toEqual([false, true, false]);
    expect([p4d.p4d_none(0n), p4d.p4d_present(0n)]).toEqual([true, false]);
    expect(p4d.p4d_populate?.(0x5000_0000n)).toBe(0x8000_0000_5000_0009n);
    expect(powerpc({ kernel: '6.12', mmu: 'hash' }).p4d.p4d_bad(0n)).toBe(true);
  });
});

describe('powerpc mmu', () => {
  it('walks four tables of quadrants of 52 bits on radix', () => {
    const mmu = powerpc({ kernel: '6.12' }).mmuOf();
    expect(mmu.kind).toBe('radix');
    expect(
      mmu.levels.map(({ level, indexShift, indexBits }) => `${level} ${indexShift} ${indexBits}`),
    ).toEqual(['pgd 39 13', 'pud 30 9', 'pmd 21 9', 'pte 16 5']);
    expect(mmu.split).toEqual({ kind: 'quadrants', bits: 52 });
    expect([mmu.byteOrder, mmu.walkCache]).toEqual(['big', ['pgd', 'pud', 'pmd']]);
  });
  it('describes the tree of Linux on hash, which no hardware walks', () => {
    const mmu = powerpc({ kernel: '6.12', mmu: 'hash' }).mmuOf();
    expect([mmu.kind, mmu.mixedSizes, mmu.walkCache]).toEqual(['hash', 'machine-check', []]);
    expect(mmu.levels.map(({ indexBits }) => indexBits)).toEqual([8, 10, 10, 8]);
    expect([mmu.accessed, mmu.dirty]).toEqual([undefined, undefined]);
  });
  it('asks for R and C by a fault unless hwrc', () => {
    const by = (hwrc: boolean): readonly unknown[] => {
      const { accessed, dirty } = powerpc({ kernel: '6.12', cpu: { hwrc } }).mmuOf();
      return [accessed?.by, accessed?.set, dirty?.by, dirty?.set];
    };
    expect(by(false)).toEqual(['fault', 0x100n, 'fault', 0x80n]);
    expect(by(true)).toEqual(['hardware', 0x100n, 'hardware', 0x80n]);
  });
  it('takes kernel addresses out of table entries up to 4.5', () => {
    const { levels, byteOrder } = powerpc({ kernel: '4.5', mmu: 'hash' }).mmuOf();
    expect(byteOrder).toBe('little');
    const piece = levels[0]?.table?.[0];
    expect(0xc000_0000_5000_0000n & (piece?.mask ?? 0n)).toBe(0x5000_0000n);
    const page = levels.find(({ level }) => level === 'pmd')?.page?.address[0];
    expect((0x1000_0008_0387n & (page?.mask ?? 0n)) >> BigInt(-(page?.shift ?? 0))).toBe(0x4000_0000n);
  });
});

describe('powerpc bits', () => {
  it('gives every bit of a radix leaf and table a name but the reserved ones', () => {
    const { rest } = decodeBits(powerpc({ kernel: '6.12' }).bits, 'pmd', (1n << 64n) - 1n);
    expect(rest).toBe(0x1000_0000_0000_0040n);
  });
  it('names the marks of hash on hash only', () => {
    const names = (mmu: PpcMmu): readonly string[] =>
      decodeBits(powerpc({ kernel: '6.12', mmu }).bits, 'pmd', 0xc080_0000_4000_2186n).fields.map(
        ({ field }) => field.name,
      );
    expect(names('hash')).toEqual(expect.arrayContaining(['H_PAGE_HASHPTE', 'H_PAGE_THP_HUGE']));
    expect(names('radix')).not.toContain('H_PAGE_HASHPTE');
  });
});

describe('powerpc swap', () => {
  it('keeps type and offset through a stored entry, 4.5 as well', () => {
    for (const kernel of ['4.5', '4.9', '6.12']) {
      const { swap } = powerpc({ kernel, mmu: 'hash' });
      const arch = swap.__swp_entry(0x13, 0x1234_5678n);
      expect([swap.__swp_type(arch), swap.__swp_offset(arch)]).toEqual([0x13, 0x1234_5678n]);
      const stored = swap.__swp_entry_to_pte(arch);
      expect(powerpc({ kernel, mmu: 'hash' }).pte.pte_present(stored)).toBe(false);
    }
  });
});

describe('powerpc fault', () => {
  it('reads back every syndrome that it makes', () => {
    for (const cause of ['not-present', 'permission', 'reserved'] as const) {
      for (const access of ['read', 'write', 'exec'] as const) {
        const fault: PpcFault = { cause, access };
        expect(faultOf(dsisrOf(fault), { instruction: access === 'exec' })).toEqual(fault);
      }
    }
    expect(faultOf(dsisrOf({ cause: 'dirty', access: 'write' }))).toEqual({
      cause: 'dirty',
      access: 'write',
    });
    expect(faultOf(dsisrOf({ cause: 'accessed', access: 'read' }))).toEqual({
      cause: 'accessed',
      access: 'read',
    });
    expect(faultOf(0x0020_0000)).toBeUndefined();
  });
  it('calls a store that misses the hash table 0x42000000', () => {
    expect(dsisrOf({ cause: 'not-present', access: 'write' })).toBe(0x4200_0000);
  });
});

describe('powerpc context', () => {
  // source: capture ppc64le-6.1.176-radix-a, registers prtb0_user and root_user; kernel 6.1.176
  it('reads and makes the process table entry of a captured kernel', () => {
    expect(prtb0Of(0x24d_0000n)).toBe(0x4000_0000_024d_00adn);
    expect(parsePrtb0(0x4000_0000_024d_00adn)).toEqual({ root: 0x24d_0000n, addressBits: 52, indexBits: 13 });
  });
});

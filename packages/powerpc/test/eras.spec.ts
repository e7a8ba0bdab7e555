/** The rows of the fact sheet, sections 1.1 to 1.4 and 8, per release. Expected words are the sheet's or follow from its bits. */
import { type Arch, ArchError, releases } from '@ptemu/arch';
import { describe, expect, it } from 'vitest';
import { powerpc } from '../src/index.js';

const all = releases();
/** Releases from one to another, both included, stable trees among them. */
const between = (first: string, last: string): readonly string[] =>
  all.slice(all.indexOf(first), all.indexOf(last) + 1);
const hex = (value: bigint): string => `0x${value.toString(16).padStart(16, '0')}`;

const answers = ({ pmd }: Arch, v: bigint): Record<string, boolean | undefined> => ({
  none: pmd.pmd_none(v),
  present: pmd.pmd_present(v),
  trans_huge: pmd.pmd_trans_huge(v),
  bad: pmd.pmd_bad(v),
  leaf: pmd.pmd_leaf?.(v),
});

interface Era {
  readonly row: string;
  readonly mmu: 'radix' | 'hash';
  readonly releases: readonly string[];
  /** RW, young, dirty, user, no-exec, at 0x4000_0000. */
  readonly huge: bigint;
  readonly invalidated: bigint;
  readonly leaf: boolean;
}

const eras: readonly Era[] = [
  { row: 'hash 3.16-4.4', mmu: 'hash', releases: ['3.16'], huge: 0x1000_2000_0393n, invalidated: 0x1000_2000_0392n, leaf: false },
  { row: 'hash 3.16-4.4', mmu: 'hash', releases: ['4.4'], huge: 0x1000_2000_0393n, invalidated: 0x1000_2000_0392n, leaf: true },
  { row: '4.5-4.16', mmu: 'hash', releases: ['4.5'], huge: 0x1000_0008_0387n, invalidated: 0x1000_0008_0385n, leaf: true },
  { row: '4.5-4.16', mmu: 'hash', releases: between('4.7', '4.16'), huge: 0xc000_0000_4000_2186n, invalidated: 0x4000_0000_4000_2186n, leaf: true },
  { row: '4.5-4.16', mmu: 'radix', releases: between('4.7', '4.16'), huge: 0xc000_0000_4000_0186n, invalidated: 0x4000_0000_4000_0186n, leaf: true },
  { row: '4.20+', mmu: 'hash', releases: between('4.20', '6.19'), huge: 0xc000_0000_4000_2186n, invalidated: 0x6000_0000_4000_2186n, leaf: true },
  { row: '4.20+', mmu: 'radix', releases: between('4.20', '6.19'), huge: 0xc000_0000_4000_0186n, invalidated: 0x6000_0000_4000_0186n, leaf: true },
]; // prettier-ignore

/** A young, dirty huge pmd made by the helpers of the release, soft-dirty left clear. */
function hugeOf({ pmd, prot }: Arch, page: string): bigint {
  const entry = pmd.pmd_mkdirty(pmd.pmd_mkhuge(pmd.pfn_pmd(0x4000, prot.PAGE[page] ?? 0n)));
  return pmd.pmd_clear_soft_dirty?.(entry) ?? entry;
}

describe('powerpc matrix 1.1, the invalidated huge pmd', () => {
  for (const { row, mmu, releases: of, huge, invalidated, leaf } of eras) {
    for (const kernel of of) {
      it(`${row}: ${mmu} ${kernel} stores ${hex(invalidated)}`, () => {
        const arch = powerpc({ kernel, mmu });
        expect(hugeOf(arch, 'PAGE_SHARED')).toBe(huge);
        expect(arch.seq.pmdp_invalidate(huge)).toEqual({ stored: invalidated, returned: huge });
        expect(answers(arch, invalidated)).toEqual({
          none: false,
          present: true,
          trans_huge: true,
          bad: true,
          leaf,
        });
      });
    }
  }

  it('faults in the radix walker', () => {
    const pmd = powerpc({ kernel: '6.12' })
      .mmuOf()
      .levels.find(({ level }) => level === 'pmd');
    const valid = (v: bigint): boolean | undefined =>
      pmd?.valid.every(({ mask, value }) => (v & mask) === value);
    expect([valid(0xc000_0000_4000_0186n), valid(0x6000_0000_4000_0186n)]).toEqual([true, false]);
  });

  it('cannot be told from a migration entry before 4.20, and can from then on', () => {
    const migration = 0x4000_0000_4000_001an;
    const present = (kernel: string): boolean => powerpc({ kernel }).pmd.pmd_present(migration);
    expect([present('4.16'), present('4.20')]).toEqual([true, false]);
  });
});

describe('powerpc matrix 1.2, the PROT_NONE huge pmd', () => {
  const row = (kernel: string, mmu: 'radix' | 'hash', v: bigint): readonly (boolean | undefined)[] => {
    const { pmd } = powerpc({ kernel, mmu });
    return [pmd.pmd_present(v), pmd.pmd_trans_huge(v), pmd.pmd_protnone?.(v)];
  };
  /** `set_pmd_at(pmd_modify(huge, PAGE_NONE))`. */
  const made = (kernel: string, mmu: 'radix' | 'hash'): bigint => {
    const arch = powerpc({ kernel, mmu });
    const { pmd, prot } = arch;
    return arch.seq.set_pmd_at(pmd.pmd_modify(hugeOf(arch, 'PAGE_SHARED_X'), prot.PAGE['PAGE_NONE'] ?? 0n))
      .stored;
  };
  it('4.5: PRESENT without USER', () => {
    const v = made('4.5', 'hash');
    expect(v & 0x6n).toBe(0x2n);
    expect(row('4.5', 'hash', v)).toEqual([true, true, true]);
    expect(row('4.5', 'hash', v | 0x4n)).toEqual([true, true, false]);
  });
  for (const kernel of ['4.7', '4.8', '4.9']) {
    it(`${kernel}: PRESENT and PRIVILEGED`, () => {
      expect(row(kernel, 'radix', made(kernel, 'radix'))).toEqual([true, true, true]);
      // RWX=0 alone says nothing yet.
      expect(row(kernel, 'radix', 0xc000_0000_4000_0180n)).toEqual([true, true, false]);
      expect(row(kernel, 'radix', 0xc000_0000_4000_018en)).toEqual([true, true, true]);
    });
  }
  for (const kernel of between('4.11', '6.19')) {
    it(`${kernel}: PRESENT and PTE without RWX; PRIVILEGED is not looked at`, () => {
      expect(row(kernel, 'radix', made(kernel, 'radix'))).toEqual([true, true, true]);
      expect(row(kernel, 'radix', 0xc000_0000_4000_0180n)).toEqual([true, true, true]);
      expect(row(kernel, 'radix', 0xc000_0000_4000_0188n)).toEqual([true, true, true]);
      expect(row(kernel, 'radix', 0xc000_0000_4000_018cn)).toEqual([true, true, false]);
    });
  }
  it('sets PRIVILEGED in PAGE_NONE up to 6.5 and not from 6.12 on', () => {
    expect(made('6.5', 'radix')).toBe(0xc000_0000_4000_0188n);
    expect(made('6.12', 'radix')).toBe(0xc000_0000_4000_0180n);
  });
});

describe('powerpc worked words 1.3', () => {
  // The sheet's words of powerpc carry EXEC (b0) although its caption says no-exec: PAGE_SHARED_X makes them.
  const words = (kernel: string): Record<string, string> => {
    const arch = powerpc({ kernel, page: '4k' });
    const { pmd, prot, seq } = arch;
    const shared = prot.PAGE['PAGE_SHARED_X'] ?? 0n;
    const dirty = pmd.pmd_mkdirty(pmd.pmd_mkhuge(pmd.pfn_pmd(0x40000, shared)));
    const huge = pmd.pmd_clear_soft_dirty?.(dirty) ?? dirty;
    return {
      none: hex(pmd.pmd_clear()),
      table: hex(pmd.pmd_populate(0x5000_0000n)),
      huge: hex(huge),
      invalidated: hex(seq.pmdp_invalidate(huge).stored),
      protnone: hex(seq.set_pmd_at(pmd.pmd_modify(huge, prot.PAGE['PAGE_NONE'] ?? 0n)).stored),
    };
  };
  it('radix 4.16', () => {
    expect(words('4.16')).toEqual({
      none: '0x0000000000000000',
      table: '0x8000000050000009',
      huge: '0xc000000040000187',
      invalidated: '0x4000000040000187',
      protnone: '0xc000000040000188',
    });
  });
  for (const kernel of between('4.20', '6.19')) {
    it(`radix ${kernel}`, () => {
      const late =
        !['6.6', '6.9', '6.10', '6.11'].includes(kernel) && all.indexOf(kernel) > all.indexOf('6.5');
      const open = ['6.6', '6.9', '6.10', '6.11'].includes(kernel);
      const { protnone, ...rest } = words(kernel);
      expect(rest).toEqual({
        none: '0x0000000000000000',
        table: '0x8000000050000009',
        huge: '0xc000000040000187',
        invalidated: '0x6000000040000187',
      });
      // Between 6.5 and 6.12 the sheet does not place the change.
      if (!open) expect(protnone).toBe(late ? '0xc000000040000180' : '0xc000000040000188');
    });
  }
  it('tables end in 5 on radix with 64K pages and in 0 on hash', () => {
    expect(hex(powerpc({ kernel: '6.12' }).pmd.pmd_populate(0x5000_0000n))).toBe('0x8000000050000005');
    expect(hex(powerpc({ kernel: '6.12', mmu: 'hash' }).pmd.pmd_populate(0x5000_0000n))).toBe(
      '0x8000000050000000',
    );
  });
  it('takes the privileged bit from a saved-write NUMA entry up to 6.1', () => {
    const { pmd } = powerpc({ kernel: '6.1' });
    expect(hex(pmd.pmd_mk_savedwrite?.(0xc000_0000_4000_0188n) ?? 0n)).toBe('0xc000000040000180');
  });
});

describe('powerpc helper timeline 1.4', () => {
  it('has the splitting bit up to 4.4', () => {
    const { pmd, sequences } = powerpc({ kernel: '4.4', mmu: 'hash' });
    expect(pmd.pmd_mksplitting?.(0x1000_2000_0393n)).toBe(0x1000_2000_0793n);
    expect(pmd.pmd_trans_splitting?.(0x1000_2000_0793n)).toBe(true);
    expect('pmdp_splitting_flush' in sequences).toBe(true);
    const later = powerpc({ kernel: '4.5', mmu: 'hash' });
    expect('pmd_mksplitting' in later.pmd).toBe(false);
    expect('pmdp_splitting_flush' in later.sequences).toBe(false);
  });
  it('has pmd_mknotpresent up to 5.4 and never pmd_mkinvalid', () => {
    expect(powerpc({ kernel: '5.4' }).pmd.pmd_mknotpresent?.(0xc000_0000_4000_0186n)).toBe(
      0x4000_0000_4000_0186n,
    );
    for (const kernel of ['5.4', '5.8', '6.12', '6.19']) {
      expect('pmd_mkinvalid' in powerpc({ kernel }).pmd).toBe(false);
    }
    expect('pmd_mknotpresent' in powerpc({ kernel: '5.8' }).pmd).toBe(false);
  });
  it('has pmdp_huge_split_prepare on hash from 4.5 to 4.15', () => {
    const has = (kernel: string, mmu: 'radix' | 'hash'): boolean =>
      'pmdp_huge_split_prepare' in powerpc({ kernel, mmu }).sequences;
    expect(between('4.5', '4.15').map((kernel) => has(kernel, 'hash'))).not.toContain(false);
    expect([has('4.4', 'hash'), has('4.16', 'hash'), has('4.9', 'radix')]).toEqual([false, false, false]);
  });
  it('needs a deposited table on hash only', () => {
    expect(powerpc({ kernel: '6.12', mmu: 'hash' }).sequences.arch_needs_pgtable_deposit()).toBe(true);
    expect(powerpc({ kernel: '6.12' }).sequences.arch_needs_pgtable_deposit()).toBe(false);
  });
});

describe('powerpc helpers 8.3', () => {
  it('pmd_large: trans_huge and PRESENT at 3.16, the low bits at 4.4, the leaf bit from 4.5 on', () => {
    const leaf = (kernel: string, v: bigint): boolean | undefined =>
      powerpc({ kernel, mmu: 'hash' }).pmd.pmd_large?.(v);
    expect([leaf('3.16', 0x2000_0003n), leaf('3.16', 0x3n), leaf('3.16', 0x2000_0002n)]).toEqual([
      true,
      false,
      false,
    ]);
    expect([leaf('4.4', 0x3n), leaf('4.4', 0x2n), leaf('4.4', 0x4n)]).toEqual([true, true, false]);
    expect([leaf('4.5', 0x1n), leaf('4.5', 0x2n)]).toEqual([true, false]);
  });
  it('pmd_bad: no kernel address or low bits up to 4.5; low bits on hash; reserved and leaf bits on radix', () => {
    const bad = (kernel: string, mmu: 'radix' | 'hash', v: bigint): boolean =>
      powerpc({ kernel, mmu }).pmd.pmd_bad(v);
    expect([bad('4.5', 'hash', 0xc000_0000_5000_0000n), bad('4.5', 'hash', 0xc000_0000_5000_0001n)]).toEqual([
      false,
      true,
    ]);
    expect(bad('4.5', 'hash', 0x5000_0000n)).toBe(true);
    expect([bad('4.7', 'hash', 0x8000_0000_5000_0000n), bad('4.7', 'hash', 0x8000_0000_5000_0800n)]).toEqual([
      false,
      true,
    ]);
    expect([
      bad('6.12', 'radix', 0x8000_0000_5000_0005n),
      bad('6.12', 'radix', 0xc000_0000_4000_0000n),
    ]).toEqual([false, true]);
    for (const b of [5n, 6n, 7n, 61n, 62n]) expect(bad('6.12', 'radix', 1n << b)).toBe(true);
    for (const b of [4n, 8n, 60n, 63n]) expect(bad('6.12', 'radix', 1n << b)).toBe(false);
  });
  it('pmd_mkhuge: identity at 3.16, sets the marks from 4.5 on, identity again from 5.15 on', () => {
    const mkhuge = (kernel: string, mmu: 'radix' | 'hash'): bigint =>
      powerpc({ kernel, mmu }).pmd.pmd_mkhuge(0n);
    expect(mkhuge('3.16', 'hash')).toBe(0n);
    expect(mkhuge('4.5', 'hash')).toBe(0x8_0001n);
    expect([mkhuge('4.7', 'hash'), mkhuge('4.7', 'radix')]).toEqual([
      0x4000_0000_0000_2000n,
      0x4000_0000_0000_0000n,
    ]);
    expect([mkhuge('5.8', 'hash'), mkhuge('5.15', 'hash'), mkhuge('5.15', 'radix')]).toEqual([
      0x4000_0000_0000_2000n,
      0n,
      0n,
    ]);
  });
  it('pmd_trans_huge: a device page is none on radix 4.13 to 6.14, on hash 5.4 to 6.14', () => {
    const huge = (kernel: string, mmu: 'radix' | 'hash'): boolean =>
      powerpc({ kernel, mmu }).pmd.pmd_trans_huge(
        mmu === 'hash' ? 0xc000_0000_4000_2800n : 0xc000_0000_4000_0800n,
      );
    expect(['4.12', '4.13', '6.14', '6.19'].map((kernel) => huge(kernel, 'radix'))).toEqual([
      true,
      false,
      false,
      true,
    ]);
    expect(['4.15', '5.0', '5.4', '6.14', '6.19'].map((kernel) => huge(kernel, 'hash'))).toEqual([
      true,
      true,
      false,
      false,
      true,
    ]);
  });
  it('pmd_write: 0 has a saved write from 4.11 to 6.1, with NUMA balancing', () => {
    const write = (kernel: string, NUMA_BALANCING = true): boolean =>
      powerpc({ kernel, config: { NUMA_BALANCING } }).pmd.pmd_write(0n);
    expect(['4.9', '4.11', '6.1', '6.5'].map((kernel) => write(kernel))).toEqual([false, true, true, false]);
    expect(write('6.1', false)).toBe(false);
  });
  it('pmd_is_serializing from 5.4 on: INVALID without PRESENT', () => {
    expect('pmd_is_serializing' in powerpc({ kernel: '5.0' }).pmd).toBe(false);
    const { pmd_is_serializing } = powerpc({ kernel: '5.4' }).pmd;
    expect([0x6n, 0xen, 0x4n, 0xcn].map((top) => pmd_is_serializing?.(top << 60n))).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });
  it('pte_present from 5.8 on: PTE with PRESENT or INVALID', () => {
    const present = (kernel: string): readonly boolean[] =>
      [0xcn, 0x6n, 0x8n, 0x2n, 0x4n].map((top) => powerpc({ kernel }).pte.pte_present(top << 60n));
    expect(present('5.8')).toEqual([true, true, false, false, false]);
    expect(present('5.4')).toEqual([true, true, true, true, false]);
    expect(present('4.16')).toEqual([true, false, true, false, false]);
  });
  it('set_pmd_at stores the leaf bit from 4.7 on, on hash without the marks of HPTEs', () => {
    const stored = (kernel: string, mmu: 'radix' | 'hash', v: bigint): bigint =>
      powerpc({ kernel, mmu }).seq.set_pmd_at(v).stored;
    expect(stored('6.12', 'radix', 0x8000_0000_4000_0180n)).toBe(0xc000_0000_4000_0180n);
    const marked = 0xc080_0000_4000_31c6n; // HASHPTE b55, COMBO b12, BUSY b6
    expect(stored('6.12', 'hash', marked)).toBe(0xc000_0000_4000_2186n);
    expect(stored('6.12', 'radix', marked)).toBe(marked);
    expect(stored('4.4', 'hash', 0x1000_3fff_fb93n)).toBe(0x1000_2000_0393n);
  });
});

describe('powerpc bits 8.2', () => {
  const masks = (kernel: string, page: '4k' | '64k' = '64k'): readonly (bigint | undefined)[] => {
    const { constants } = powerpc({ kernel, mmu: 'hash', page });
    return [constants['H_PAGE_HASHPTE'], constants['H_PAGE_BUSY'], constants['H_PAGE_THP_HUGE']];
  };
  it('HASHPTE, BUSY, THP_HUGE of 64K pages', () => {
    expect(masks('4.5')).toEqual([0x400n, 0x800n, 0x8_0000n]);
    for (const kernel of between('4.7', '4.11')) expect(masks(kernel)).toEqual([1n << 61n, 0x800n, 0x2000n]);
    for (const kernel of between('4.12', '6.19')) expect(masks(kernel)[0]).toBe(1n << 55n);
    expect(masks('4.12')[1]).toBe(1n << 60n);
    expect(masks('4.16')[1]).toBe(1n << 56n);
    for (const kernel of between('6.1', '6.19')) expect(masks(kernel)[1]).toBe(0x40n);
  });
  it('HASHPTE of 4K pages is b59 from 4.16 to 5.8 and b60 from 6.1 on', () => {
    for (const kernel of between('4.16', '5.8')) expect(masks(kernel, '4k')[0]).toBe(1n << 59n);
    for (const kernel of between('6.1', '6.19')) expect(masks(kernel, '4k')[0]).toBe(1n << 60n);
  });
  it('b61 is HASHPTE at 4.7 to 4.11 and INVALID from 4.20 on', () => {
    const meaning = (kernel: string): readonly string[] =>
      powerpc({ kernel, mmu: 'hash' })
        .bits.filter(({ mask, levels }) => mask === 1n << 61n && levels.includes('pmd'))
        .map(({ name }) => name);
    expect([meaning('4.11'), meaning('4.16'), meaning('4.20')]).toEqual([
      ['H_PAGE_HASHPTE'],
      [],
      ['_PAGE_INVALID'],
    ]);
  });
  it('DEVMAP exists from 4.13 to 6.14', () => {
    const has = (kernel: string): boolean => '_PAGE_DEVMAP' in powerpc({ kernel }).constants;
    expect(['4.12', '4.13', '6.14', '6.19'].map(has)).toEqual([false, true, true, false]);
  });
});

describe('powerpc geometry 8.1', () => {
  const sizes = (kernel: string, mmu: 'radix' | 'hash', page: '4k' | '64k' = '64k'): readonly bigint[] => {
    const { constants } = powerpc({ kernel, mmu, page });
    return ['PTE', 'PMD', 'PUD', 'PGD'].map((level) => constants[`${level}_INDEX_SIZE`] ?? -1n);
  };
  it('hash 64K grows with the user address space', () => {
    expect(sizes('4.5', 'hash')).toEqual([8n, 10n, 0n, 12n]);
    expect(sizes('4.7', 'hash')).toEqual([8n, 5n, 5n, 12n]);
    expect(sizes('4.12', 'hash')).toEqual([8n, 10n, 7n, 8n]);
    expect(sizes('4.20', 'hash')).toEqual([8n, 10n, 10n, 8n]);
    expect(powerpc({ kernel: '6.12', mmu: 'hash' }).layoutOf().HPAGE_PMD_SIZE).toBe(16 << 20);
  });
  it('radix has 13, 9, 9 and 5 or 9 bits', () => {
    expect(sizes('4.7', 'radix')).toEqual([5n, 9n, 9n, 13n]);
    expect(sizes('6.19', 'radix', '4k')).toEqual([9n, 9n, 9n, 13n]);
    expect(powerpc({ kernel: '6.12' }).layoutOf().HPAGE_PMD_SIZE).toBe(2 << 20);
  });
  it('doubles the pmd table of hash for the deposited tables', () => {
    const { constants } = powerpc({ kernel: '6.12', mmu: 'hash' });
    expect([constants['PMD_TABLE_SIZE'], constants['PTE_FRAG_SIZE']]).toEqual([16384n, 4096n]);
  });
});

describe('powerpc THP', () => {
  it('is refused before 3.16, radix and 4K hash before 4.7', () => {
    const code = (run: () => unknown): string => {
      try {
        run();
      } catch (error) {
        return error instanceof ArchError ? `${error.code} ${error.message}` : String(error);
      }
      return 'no error';
    };
    expect(code(() => powerpc({ kernel: '3.8', mmu: 'hash' }))).toMatch(/^RELEASE_BEFORE_THP/);
    expect(code(() => powerpc({ kernel: '4.5' }))).toMatch(/^UNKNOWN_OPTION powerpc 4.5 has no mmu 'radix'/);
    expect(code(() => powerpc({ kernel: '4.5', mmu: 'hash', page: '4k' }))).toMatch(
      /^UNKNOWN_OPTION .*page '4k'/,
    );
    expect(code(() => powerpc({ kernel: '4.7' }))).toBe('no error');
  });
});

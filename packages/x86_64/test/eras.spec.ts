/** The rows of the fact sheet, sections 1.1 to 1.4 and 6.2, per release. Expected words are the sheet's. */
import type { Arch } from '@ptemu/arch';
import { describe, expect, it } from 'vitest';
import { x86_64 } from '../src/index.js';

const HUGE = 0x8000_0000_4000_00e7n;
const INVERTED = 0x000f_ffff_bfe0_0000n;
const PLAIN = 0x4000_0000n;
const PAGE_NONE = 0x120n;

const upTo36 = ['2.6.38', '3.0', '3.6'];
const upTo316 = ['3.8', '3.10', '3.11', '3.12', '3.13', '3.15', '3.16'];
const upTo415 = ['4.5', '4.6', '4.7', '4.8', '4.9', '4.10', '4.11', '4.12', '4.13', '4.14', '4.15'];
const l1tf = [
  '4.20', '5.0', '5.2', '5.4', '5.7', '5.8', '5.9', '5.10', '5.11', '5.14', '5.15', '5.16', '6.0', '6.1', '6.1.176',
  '6.1.192', '6.2', '6.4', '6.5', '6.6', '6.9', '6.10', '6.11', '6.12', '6.12.117', '6.13', '6.14', '6.15', '6.19',
]; // prettier-ignore

const answers = ({ pmd }: Arch, v: bigint): Record<string, boolean | undefined> => ({
  none: pmd.pmd_none(v),
  present: pmd.pmd_present(v),
  trans_huge: pmd.pmd_trans_huge(v),
  bad: pmd.pmd_bad(v),
  leaf: (pmd.pmd_leaf ?? pmd.pmd_large)?.(v),
});

interface Era {
  readonly releases: readonly string[];
  readonly row: string;
  readonly invalidated: bigint;
  readonly present: boolean;
  readonly leaf: boolean;
}

const eras: readonly Era[] = [
  { row: '2.6.38-3.6', releases: upTo36, invalidated: 0x8000_0000_4000_00e6n, present: false, leaf: false },
  {
    row: '3.8-4.4',
    releases: [...upTo316, '4.4'],
    invalidated: 0x8000_0000_4000_00e6n,
    present: true,
    leaf: true,
  },
  { row: '4.5-4.16', releases: upTo415, invalidated: 0x8000_0000_4000_00e6n, present: true, leaf: true },
  { row: '4.16+', releases: ['4.16'], invalidated: 0x8000_0000_4000_00e6n, present: true, leaf: true },
  { row: 'L1TF fix on', releases: l1tf, invalidated: 0x800f_ffff_bfe0_00e6n, present: true, leaf: true },
];

describe('x86_64 matrix 1.1, the invalidated huge pmd', () => {
  for (const { row, releases, invalidated, present, leaf } of eras) {
    for (const kernel of releases) {
      it(`${row}: ${kernel} stores 0x${invalidated.toString(16)}`, () => {
        const arch = x86_64({ kernel });
        expect(arch.seq.pmdp_invalidate(HUGE).stored).toBe(invalidated);
        expect(answers(arch, invalidated)).toEqual({
          none: false,
          present,
          trans_huge: true,
          bad: true,
          leaf,
        });
        const pmd = arch.mmuOf().levels.find(({ level }) => level === 'pmd');
        expect(pmd?.valid.every(({ mask, value }) => (invalidated & mask) === value)).toBe(false);
      });
    }
  }

  it('clears PROTNONE too from 4.4 on', () => {
    const global = HUGE | 0x100n;
    expect(x86_64({ kernel: '3.16' }).pmd.pmd_mknotpresent?.(global)).toBe(0x8000_0000_4000_01e6n);
    expect(x86_64({ kernel: '4.4' }).pmd.pmd_mknotpresent?.(global)).toBe(0x8000_0000_4000_00e6n);
  });

  it('keeps a device page out of trans_huge from 4.5 on (bit 58, bit 57 from 6.12 on, none at 6.19)', () => {
    const huge = (kernel: string, v: bigint): boolean => x86_64({ kernel }).pmd.pmd_trans_huge(v);
    const b57 = HUGE | (1n << 57n);
    const b58 = HUGE | (1n << 58n);
    expect([huge('4.4', b57), huge('4.4', b58)]).toEqual([true, true]);
    expect([huge('4.5', b57), huge('4.5', b58)]).toEqual([true, false]);
    expect([huge('6.12', b57), huge('6.12', b58)]).toEqual([false, true]);
    expect([huge('6.19', b57), huge('6.19', b58)]).toEqual([true, true]);
  });
});

describe('x86_64 matrix 1.2, the PROT_NONE huge pmd', () => {
  const word = (kernel: string): bigint => {
    const arch = x86_64({ kernel });
    return arch.seq.set_pmd_at(arch.pmd.pmd_modify(HUGE, PAGE_NONE)).stored;
  };
  const row = (kernel: string): Record<string, boolean | undefined> => {
    const { pmd } = x86_64({ kernel });
    return {
      present: pmd.pmd_present(word(kernel)),
      trans_huge: pmd.pmd_trans_huge(word(kernel)),
      protnone: pmd.pmd_protnone?.(word(kernel)),
    };
  };
  for (const kernel of upTo36) {
    it(`${kernel}: not present, trans_huge`, () => {
      expect(word(kernel) & 0x181n).toBe(0x180n);
      expect(row(kernel)).toEqual({ present: false, trans_huge: true, protnone: false });
    });
  }
  for (const kernel of upTo316) {
    it(`${kernel}: present, trans_huge`, () => {
      expect(row(kernel)).toEqual({ present: true, trans_huge: true, protnone: false });
    });
  }
  for (const kernel of ['4.4', ...upTo415, '4.16', ...l1tf]) {
    it(`${kernel}: present, trans_huge, protnone`, () => {
      expect(word(kernel) & 0x181n).toBe(0x180n);
      expect(row(kernel)).toEqual({ present: true, trans_huge: true, protnone: true });
    });
  }
  it('asks nothing without NUMA_BALANCING', () => {
    const { pmd } = x86_64({ kernel: '6.12', config: { NUMA_BALANCING: false } });
    expect(pmd.pmd_protnone?.(0x040f_ffff_bfe0_01a0n)).toBe(false);
  });
});

describe('x86_64 worked words 1.3', () => {
  const words = (kernel: string): readonly bigint[] => {
    const { pmd, prot, seq } = x86_64({ kernel });
    let huge = pmd.pmd_mkhuge(pmd.pfn_pmd(0x40000, prot.PAGE['PAGE_SHARED'] ?? 0n));
    huge = pmd.pmd_clear_soft_dirty?.(pmd.pmd_mkyoung(pmd.pmd_mkdirty(huge))) ?? huge;
    const none = seq.set_pmd_at(pmd.pmd_modify(huge, prot.PAGE['PAGE_NONE'] ?? 0n)).stored;
    return [pmd.pmd_clear(), pmd.pmd_populate(0x5000_0000n), huge, seq.pmdp_invalidate(huge).stored, none];
  };
  it('4.9', () => {
    expect(words('4.9')).toEqual([0n, 0x5000_0067n, HUGE, 0x8000_0000_4000_00e6n, 0x4000_01e0n]);
  });
  for (const kernel of ['4.20', '5.15', '6.5']) {
    it(`${kernel} (L1TF)`, () => {
      expect(words(kernel)).toEqual([0n, 0x5000_0067n, HUGE, 0x800f_ffff_bfe0_00e6n, 0x000f_ffff_bfe0_01e0n]);
    });
  }
  for (const kernel of ['6.12', '6.12.117', '6.14']) {
    it(`${kernel} (D moved to SAVED_DIRTY)`, () => {
      expect(words(kernel)).toEqual([0n, 0x5000_0067n, HUGE, 0x800f_ffff_bfe0_00e6n, 0x040f_ffff_bfe0_01a0n]);
    });
  }
});

describe('x86_64 helper timeline 1.4 and 6.2', () => {
  const has = (kernel: string, helper: string): boolean => helper in x86_64({ kernel }).pmd;
  const rows: readonly (readonly [string, string, string])[] = [
    ['pmd_trans_splitting', '2.6.38 4.4', '4.5 6.19'],
    ['pmd_mksplitting', '3.10 4.4', '4.5 6.19'],
    ['pmd_mknotpresent', '2.6.38 5.4', '5.8 6.19'],
    ['pmd_mkinvalid', '5.8 6.19', '2.6.38 5.4'],
    ['pmd_mkclean', '4.5 6.19', '2.6.38 4.4'],
    ['pmd_large', '2.6.38 5.8 6.1', '6.12 6.19'],
    ['pmd_leaf', '5.8 6.12', '5.4'],
    ['pmd_mkwrite_novma', '6.12', '6.5'],
    ['pmd_mkdevmap', '4.5 6.14', '4.4 6.19'],
  ];
  for (const [helper, present, absent] of rows) {
    it(`${helper}: in ${present}, not in ${absent}`, () => {
      expect(present.split(' ').map((kernel) => has(kernel, helper))).not.toContain(false);
      expect(absent.split(' ').map((kernel) => has(kernel, helper))).not.toContain(true);
    });
  }

  it('pmd_none ignores stray A and D from 4.8 on', () => {
    expect(x86_64({ kernel: '4.7' }).pmd.pmd_none(0x60n)).toBe(false);
    expect(x86_64({ kernel: '4.8' }).pmd.pmd_none(0x60n)).toBe(true);
    expect(x86_64({ kernel: '4.8' }).pmd.pmd_none(0x61n)).toBe(false);
  });
  it('pmd_bad ignores A of a table from 6.1 on', () => {
    const oldTable = 0x5000_0047n;
    expect(x86_64({ kernel: '5.15' }).pmd.pmd_bad(oldTable)).toBe(true);
    expect(x86_64({ kernel: '6.1' }).pmd.pmd_bad(oldTable)).toBe(false);
  });
  it('the splitting bit is bit 9 up to 3.10 and bit 10 from 3.16 to 4.4', () => {
    const set = (kernel: string): bigint => (x86_64({ kernel }).pmd.pmd_mksplitting?.(HUGE) ?? 0n) & ~HUGE;
    expect([set('2.6.38'), set('3.10'), set('3.16'), set('4.4')]).toEqual([0x200n, 0x200n, 0x400n, 0x400n]);
  });
  it('pmd_mkdirty sets SOFT_DIRTY from 3.16 on', () => {
    const dirty = (kernel: string): bigint => x86_64({ kernel }).pmd.pmd_mkdirty(0x8000_0000_4000_00a7n);
    expect([dirty('3.10'), dirty('3.16')]).toEqual([HUGE, HUGE | 0x800n]);
  });
  it('the NUMA bit 9 counts as present at 3.16 only', () => {
    const present = (kernel: string): boolean => x86_64({ kernel }).pmd.pmd_present(0x200n);
    expect([present('3.10'), present('3.16'), present('4.4')]).toEqual([false, true, false]);
  });
  it('wrprotect keeps D in place up to 6.5 and moves it to SAVED_DIRTY from 6.12 on', () => {
    const ro = (kernel: string): bigint => x86_64({ kernel }).pmd.pmd_wrprotect(HUGE);
    expect([ro('6.5'), ro('6.12')]).toEqual([0x8000_0000_4000_00e5n, 0x8400_0000_4000_00a5n]);
  });
  it('pmd_mkwrite moves SAVED_DIRTY back, pmd_mkwrite_novma does not', () => {
    const { pmd } = x86_64({ kernel: '6.12' });
    const ro = 0x8400_0000_4000_00a5n;
    expect(pmd.pmd_mkwrite(ro)).toBe(HUGE);
    expect(pmd.pmd_mkwrite_novma?.(ro)).toBe(0x8400_0000_4000_00a7n);
  });
  it('an empty entry is exempt from the inversion', () => {
    const { pmd } = x86_64({ kernel: '4.20' });
    expect(pmd.pmd_pfn(0n)).toBe(0);
    expect(pmd.pfn_pmd(0x40000, PAGE_NONE)).toBe(INVERTED | PAGE_NONE);
    expect(x86_64({ kernel: '4.16' }).pmd.pfn_pmd(0x40000, PAGE_NONE)).toBe(PLAIN | PAGE_NONE);
  });
});

describe('x86_64 swap formats', () => {
  it('soft-dirty of a swap pte is bit 7 up to 4.13 and bit 1 from 4.14 on', () => {
    const set = (kernel: string): bigint | undefined => x86_64({ kernel }).pte.pte_swp_mksoft_dirty?.(0n);
    expect([set('4.13'), set('4.14'), set('6.12')]).toEqual([0x80n, 0x2n, 0x2n]);
  });
  it('uffd-wp is bit 2 from 5.8 on, exclusive bit 3 from 6.1 on', () => {
    const { pte: old } = x86_64({ kernel: '5.4' });
    const { pte } = x86_64({ kernel: '6.1' });
    expect([old.pte_swp_mkuffd_wp?.(0n), pte.pte_swp_mkuffd_wp?.(0n)]).toEqual([0n, 4n]);
    expect('pte_swp_mkexclusive' in x86_64({ kernel: '5.15' }).pte).toBe(false);
    expect(pte.pte_swp_mkexclusive?.(0n)).toBe(8n);
  });
  it('type lies at bit 1 up to 4.7, at bit 9 from 4.8 on (grade R for the release), at bit 59 since L1TF', () => {
    const entry = (kernel: string): bigint => x86_64({ kernel }).swap.__swp_entry(1, 0x123n);
    expect(entry('4.7')).toBe(0x2n | (0x123n << 9n));
    expect(entry('4.8')).toBe((1n << 9n) | (0x123n << 15n));
    expect(entry('4.10')).toBe((1n << 9n) | (0x123n << 14n));
    expect(entry('4.20')).toBe(0x0fff_ffff_fffd_b800n);
  });
  it('has THP migration from 4.14 on', () => {
    const swap = (kernel: string): bigint => {
      const { swap: s } = x86_64({ kernel });
      return s.swp_entry_to_pmd(s.make_writable_migration_entry(1n));
    };
    expect(swap('4.13')).toBe(0n);
    expect(swap('4.14')).not.toBe(0n);
  });
});

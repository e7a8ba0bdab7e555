/** The rows of the fact sheet, sections 1.1 to 1.4 and 4, per release. Expected words are the sheet's. */
import { type Arch, releases } from '@ptemu/arch';
import { describe, expect, it } from 'vitest';
import { arm32 } from '../src/index.js';

const HUGE = 0x00c0_0000_4000_0f5dn;
const PAGE_NONE = 0x0640_0000_0000_071fn;

const from311 = releases().slice(releases().indexOf('3.11'));
const until = (last: string, first = '3.11'): readonly string[] =>
  from311.slice(from311.indexOf(first), from311.indexOf(last) + 1);
/** Up to 3.16 as read there, 4.4 to 4.6, and 4.7 on; 4.3 lies in between and counts as older (not read). */
const oldest = until('4.3');
const upTo46 = until('4.6', '4.4');
const from47 = until('6.19', '4.7');

const answers = ({ pmd }: Arch, v: bigint): Record<string, boolean | undefined> => ({
  none: pmd.pmd_none(v),
  present: pmd.pmd_present(v),
  trans_huge: pmd.pmd_trans_huge(v),
  bad: pmd.pmd_bad(v),
  leaf: (pmd.pmd_leaf ?? pmd.pmd_large)?.(v),
});
const INVALIDATED = { none: false, trans_huge: true, bad: true, leaf: false };

describe('arm32 matrix 1.1, the invalidated huge pmd', () => {
  const eras = [
    { row: '3.11-3.16, as stored', kernels: oldest, invalidated: 0x800n, present: true },
    { row: '4.4-4.6, as stored', kernels: upTo46, invalidated: 0x880n, present: true },
    { row: '4.7+', kernels: from47, invalidated: 0x00c0_0000_4000_0f5cn, present: false },
  ];
  for (const { row, kernels, invalidated, present } of eras) {
    for (const kernel of kernels) {
      it(`${row}: ${kernel} stores 0x${invalidated.toString(16)}`, () => {
        const arch = arm32({ kernel });
        expect(arch.seq.pmdp_invalidate(HUGE).stored).toBe(invalidated);
        expect(answers(arch, invalidated)).toEqual({ ...INVALIDATED, present });
        const pmd = arch.mmuOf().levels.find(({ level }) => level === 'pmd');
        expect(pmd?.valid.every(({ mask, value }) => (invalidated & mask) === value)).toBe(false);
      });
    }
  }
  for (const kernel of [...oldest, ...upTo46]) {
    it(`as the macro reads: ${kernel} answers zero, which is none and not present`, () => {
      const arch = arm32({ kernel });
      const macro = arch.pmd.pmd_mknotpresent?.(HUGE) ?? HUGE;
      expect(macro).toBe(0n);
      expect(answers(arch, macro)).toEqual({
        none: true, present: false, trans_huge: false, bad: true, leaf: false,
      }); // prettier-ignore
    });
  }
  it('returns the old entry', () => {
    for (const kernel of from311) expect(arm32({ kernel }).seq.pmdp_invalidate(HUGE).returned).toBe(HUGE);
  });
});

describe('arm32 at 4.5: three answers to whether an invalidated huge pmd is none (4.3)', () => {
  const arch = arm32({ kernel: '4.5' });
  const { pmd } = arch;
  it('yes, at the level of helpers: pmd_none(pmd_mknotpresent(v))', () => {
    expect(pmd.pmd_none(pmd.pmd_mknotpresent?.(HUGE) ?? HUGE)).toBe(true);
  });
  it('no, in memory: 0x880 is present and trans_huge, bad, writable, old, with frame 0 (grade I)', () => {
    const { stored } = arch.seq.pmdp_invalidate(HUGE);
    expect(stored).toBe(0x880n);
    expect(answers(arch, stored)).toEqual({ ...INVALIDATED, present: true });
    expect([pmd.pmd_write(stored), pmd.pmd_young(stored), pmd.pmd_pfn(stored)]).toEqual([true, false, 0]);
  });
  it('yes, where set_pmd_at is bypassed: the raw word of the helper is none', () => {
    expect(answers(arch, 0n)).toMatchObject({ none: true, trans_huge: false });
  });
  it('no longer a question with ARM 8578/1 and 8579/1 on top', () => {
    const fixed = arm32({ kernel: arch.kernel.with('624531886987', 'arm-8579-1') });
    expect(fixed.seq.pmdp_invalidate(HUGE).stored).toBe(0x00c0_0000_4000_0f5cn);
    expect(fixed.pmd.pmd_none(fixed.pmd.pmd_mknotpresent?.(HUGE) ?? 0n)).toBe(false);
    expect(fixed.pmd.pmd_present(0x00c0_0000_4000_0f5cn)).toBe(false);
  });
  it('at 8578/1 alone pmd_mknotpresent is still zero', () => {
    const half = arm32({ kernel: arch.kernel.with('624531886987') });
    expect(half.pmd.pmd_mknotpresent?.(HUGE)).toBe(0n);
    expect(half.pmd.pmd_present(0x880n)).toBe(false);
  });
});

describe('arm32 matrix 1.2, the PROT_NONE huge pmd', () => {
  const stored = (arch: Arch): bigint => arch.seq.set_pmd_at(arch.pmd.pmd_modify(HUGE, PAGE_NONE)).stored;
  const row = (kernel: string): Record<string, boolean | undefined> => {
    const arch = arm32({ kernel });
    const v = stored(arch);
    return {
      NONE: (v & (1n << 57n)) !== 0n,
      VALID: (v & 1n) !== 0n,
      present: arch.pmd.pmd_present(v),
      trans_huge: arch.pmd.pmd_trans_huge(v),
      protnone: arch.pmd.pmd_protnone?.(v),
    };
  };
  for (const kernel of [...oldest, ...upTo46]) {
    it(`${kernel}: present, trans_huge`, () => {
      expect(row(kernel)).toEqual({
        NONE: true, VALID: false, present: true, trans_huge: true, protnone: false,
      }); // prettier-ignore
    });
  }
  for (const kernel of from47) {
    it(`${kernel}: not present, trans_huge (4.5, grade I)`, () => {
      expect(row(kernel)).toEqual({
        NONE: true, VALID: false, present: false, trans_huge: true, protnone: false,
      }); // prettier-ignore
    });
  }
});

describe('arm32 worked words 1.3', () => {
  const words = (kernel: string): readonly bigint[] => {
    const { pmd, prot, seq } = arm32({ kernel });
    // The sheet leaves PXN out, which user protections have.
    const shared = (prot.PAGE['PAGE_SHARED'] ?? 0n) & ~(1n << 53n);
    let huge = pmd.pmd_mkhuge(pmd.pfn_pmd(0x40000, shared));
    huge = pmd.pmd_mkyoung(pmd.pmd_mkdirty(huge));
    huge = seq.set_pmd_at(huge).stored as typeof huge;
    const none = seq.set_pmd_at(pmd.pmd_modify(huge, prot.PAGE['PAGE_NONE'] ?? 0n)).stored;
    return [pmd.pmd_clear(), pmd.pmd_populate(0x5000_0000n), huge, seq.pmdp_invalidate(huge).stored, none];
  };
  it('4.5', () => {
    expect(words('4.5')).toEqual([0n, 0x5000_0003n, HUGE, 0x880n, 0x06c0_0000_4000_0f9cn]);
  });
  for (const kernel of from47) {
    it(`${kernel} (4.7+)`, () => {
      expect(words(kernel)).toEqual([
        0n, 0x5000_0003n, HUGE, 0x00c0_0000_4000_0f5cn, 0x06c0_0000_4000_0f9cn,
      ]); // prettier-ignore
    });
  }
});

describe('arm32 helper timeline 1.4 and 4.2', () => {
  const has = (kernel: string, helper: string): boolean => helper in arm32({ kernel }).pmd;
  const rows: readonly (readonly [string, string, string])[] = [
    ['pmd_trans_splitting', '3.16 4.4', '4.5 6.19'],
    ['pmd_mksplitting', '3.16 4.4', '4.5 6.19'],
    ['pmd_mknotpresent', '3.16 4.5 4.7 5.4', '5.8 6.19'],
    ['pmd_mkinvalid', '5.8 6.19', '3.16 5.4'],
    ['pmd_mkclean', '4.5 6.19', '3.16 4.4'],
    ['pmd_large', '3.16 5.8 6.5', '6.12 6.19'],
    ['pmd_leaf', '5.8 6.19', '5.4'],
    ['pmd_mkwrite_novma', '6.12', '6.5'],
  ];
  for (const [helper, present, absent] of rows) {
    it(`${helper}: in ${present}, not in ${absent}`, () => {
      expect(present.split(' ').map((kernel) => has(kernel, helper))).not.toContain(false);
      expect(absent.split(' ').map((kernel) => has(kernel, helper))).not.toContain(true);
    });
  }

  it('pmd_present is "not zero" up to 4.6 and the valid bit from 4.7 on', () => {
    const present = (kernel: string): readonly boolean[] =>
      [0n, 2n, 1n].map((v) => arm32({ kernel }).pmd.pmd_present(v));
    expect([present('3.16'), present('4.6'), present('4.7')]).toEqual([
      [false, true, true], [false, true, true], [false, false, true],
    ]); // prettier-ignore
  });
  it('pmd_trans_huge is !b1 at 3.16 and !table from 4.4 on: they differ for type 2', () => {
    const huge = (kernel: string): readonly boolean[] =>
      [0n, 1n, 2n, 3n, 4n].map((v) => arm32({ kernel }).pmd.pmd_trans_huge(v));
    expect(huge('3.16')).toEqual([false, true, false, false, true]);
    expect(huge('4.4')).toEqual([false, true, true, false, true]);
    expect(huge('6.19')).toEqual([false, true, true, false, true]);
  });
  it('pmd_leaf needs the valid bit', () => {
    const { pmd } = arm32({ kernel: '6.12' });
    expect([HUGE, HUGE & ~1n].map((v) => pmd.pmd_leaf?.(v))).toEqual([true, false]);
  });
  it('read-only is bit 7 up to 3.16 and bit 58 from 4.4 on', () => {
    const set = (kernel: string): bigint => arm32({ kernel }).pmd.pmd_wrprotect(0n);
    expect([set('3.16'), set('4.4'), set('6.19')]).toEqual([0x80n, 1n << 58n, 1n << 58n]);
  });
  it('the splitting bit is bit 56', () => {
    expect(arm32({ kernel: '4.4' }).pmd.pmd_mksplitting?.(0n)).toBe(1n << 56n);
  });
  it('set_pmd_at makes AP[2] of !dirty or RDONLY from 4.4 on, and leaves it alone before', () => {
    const stored = (kernel: string, v: bigint): bigint => arm32({ kernel }).seq.set_pmd_at(v).stored;
    expect([stored('3.16', 1n), stored('4.4', 1n)]).toEqual([0x801n, 0x881n]);
    expect([stored('3.16', 0x81n), stored('4.4', (1n << 55n) | 0x81n)]).toEqual([
      0x881n,
      (1n << 55n) | 0x801n,
    ]);
  });
  it('pmdp_establish exists from 4.16 on', () => {
    expect(['4.15', '4.16'].map((kernel) => 'pmdp_establish' in arm32({ kernel }).seq)).toEqual([
      false,
      true,
    ]);
  });
});

describe('arm32 swap formats', () => {
  it('the offset lies at bit 7 up to 6.1 and at bit 8, behind the exclusive bit, at 6.12', () => {
    const entry = (kernel: string): bigint => arm32({ kernel }).swap.__swp_entry(1, 0x123n);
    expect([entry('4.5'), entry('6.1'), entry('6.12')]).toEqual([0x9184n, 0x9184n, 0x1_2304n]);
    expect(arm32({ kernel: '6.12' }).pte.pte_swp_mkexclusive?.(0n)).toBe(0x80n);
    expect(arm32({ kernel: '6.1' }).pte.pte_swp_mkexclusive?.(0n)).toBe(0n);
  });
  it('an unmasked type runs into the offset up to 6.1', () => {
    const entry = (kernel: string): bigint => arm32({ kernel }).swap.__swp_entry(0x21, 0n);
    expect([entry('6.1'), entry('6.12')]).toEqual([0x84n, 0x4n]);
  });
  it('has no THP migration in any release', () => {
    for (const kernel of ['3.16', '4.14', '6.19']) {
      const { swap, pmd } = arm32({ kernel });
      expect(swap.swp_entry_to_pmd(swap.make_writable_migration_entry(1n))).toBe(0n);
      expect(pmd.is_pmd_migration_entry?.(0x78n)).toBe(false);
    }
  });
});

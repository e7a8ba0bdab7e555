/**
 * The rows of the fact sheet, sections 1.1 to 1.4 and 7.1 to 7.2, per release. Expected words are the sheet's; that the empty
 * entry is stored from 4.6 to 4.13 was read in arch/s390/include/asm/pgtable.h of 4.6.2, 4.13.4 and 4.14.0.
 */
import type { Arch } from '@ptemu/arch';
import { describe, expect, it } from 'vitest';
import { s390 } from '../src/index.js';

const upTo311 = ['3.8', '3.10', '3.11'];
const upTo43 = ['3.12', '3.13', '3.15', '3.16', '4.3'];
const upTo45 = ['4.4', '4.5'];
const empties = ['4.6', '4.7', '4.8', '4.9', '4.10', '4.11', '4.12', '4.13'];
const upTo54 = ['4.14', '4.15', '4.16', '4.18', '4.19', '4.20', '5.0', '5.2', '5.4', '5.7'];
const upTo612 = [
  '5.8', '5.9', '5.10', '5.11', '5.14', '5.15', '5.16', '6.0', '6.1', '6.1.176', '6.1.192', '6.2', '6.4', '6.5', '6.6',
  '6.9', '6.10', '6.11', '6.12', '6.12.117',
]; // prettier-ignore
const from613 = ['6.13', '6.14', '6.15', '6.19'];

const PAGE_NONE = 0x601n;
const PAGE_RWX = 0x631n;
const PAGE_RX = 0x611n;

/** Read-write, young, dirty, for user and executable; the frame at 0x4000_0000. */
const hugeOf = ({ pmd }: Arch): bigint => {
  const made = pmd.pmd_mkwrite(pmd.pmd_mkhuge(pmd.pfn_pmd(0x40000, PAGE_RWX)));
  return pmd.pmd_clear_soft_dirty?.(pmd.pmd_mkyoung(pmd.pmd_mkdirty(made))) ?? 0n;
};

const answers = ({ pmd }: Arch, v: bigint): Record<string, boolean | undefined> => ({
  none: pmd.pmd_none(v),
  present: pmd.pmd_present(v),
  trans_huge: pmd.pmd_trans_huge(v),
  bad: pmd.pmd_bad(v),
  leaf: pmd.pmd_leaf?.(v),
});

interface Era {
  readonly row: string;
  readonly releases: readonly string[];
  readonly huge: bigint;
  readonly invalidated: bigint;
  readonly answers: string;
}

/** `none present trans_huge bad leaf`, as digits. */
const eras: readonly Era[] = [
  { row: '3.8-3.11', releases: upTo311, huge: 0x4000_0400n, invalidated: 0x4000_0420n, answers: '10111' },
  { row: '3.16-4.5', releases: upTo43, huge: 0x4000_0402n, invalidated: 0x4000_0422n, answers: '01101' },
  { row: '3.16-4.5', releases: upTo45, huge: 0x4000_3403n, invalidated: 0x4000_3423n, answers: '01101' },
  { row: '4.6-4.13', releases: empties, huge: 0x4000_3403n, invalidated: 0x20n, answers: '10000' },
  { row: '4.14-6.12', releases: upTo54, huge: 0x4000_3403n, invalidated: 0x4000_3423n, answers: '01101' },
  { row: '4.14-6.12', releases: upTo612, huge: 0x4000_3403n, invalidated: 0x4000_3423n, answers: '01111' },
  { row: '6.13+', releases: from613, huge: 0x4000_f401n, invalidated: 0x4000_f421n, answers: '01111' },
];

describe('s390 matrix 1.1, the invalidated huge pmd', () => {
  for (const era of eras) {
    for (const kernel of era.releases) {
      it(`${era.row}: ${kernel} stores 0x${era.invalidated.toString(16)}`, () => {
        const arch = s390({ kernel });
        const [none, present, trans_huge, bad, leaf] = [...era.answers].map((digit) => digit === '1');
        expect(hugeOf(arch)).toBe(era.huge);
        expect(arch.seq.pmdp_invalidate(era.huge)).toEqual({ stored: era.invalidated, returned: era.huge });
        expect(answers(arch, era.invalidated)).toEqual({ none, present, trans_huge, bad, leaf });
      });
    }
  }

  it('3.8-3.11: a read-only pmd stays present, and is not none, when invalidated', () => {
    for (const kernel of upTo311) {
      const arch = s390({ kernel });
      const { stored } = arch.seq.pmdp_invalidate(0x4000_0600n);
      expect(stored).toBe(0x4000_0620n);
      expect(answers(arch, stored)).toEqual({
        none: false,
        present: true,
        trans_huge: true,
        bad: true,
        leaf: true,
      });
    }
  });

  it('4.12 with 91c575b33576 keeps the entry, 6.12 without it stores EMPTY', () => {
    expect(s390({ kernel: '4.12' }).kernel.has('91c575b33576')).toBe(false);
    const fixed = s390({ kernel: s390({ kernel: '4.12' }).kernel.with('91c575b33576') });
    expect(fixed.seq.pmdp_invalidate(0x4000_3403n).stored).toBe(0x4000_3423n);
    const broken = s390({ kernel: s390({ kernel: '6.12' }).kernel.without('91c575b33576') });
    expect(broken.seq.pmdp_invalidate(0x4000_3403n).stored).toBe(0x20n);
  });
});

describe('s390 matrix 1.2, the PROT_NONE huge pmd', () => {
  it('3.16: is INVALID and PROTECT when young, present and trans_huge (grade R: which bit says prot-none)', () => {
    const arch = s390({ kernel: '3.16' });
    const v = arch.pmd.pmd_modify(0x4000_0402n, PAGE_NONE);
    expect(v & 0x620n).toBe(0x620n);
    expect(answers(arch, v)).toMatchObject({ none: false, present: true, trans_huge: true });
    expect(arch.pmd.pmd_write(v)).toBe(false);
  });
  for (const kernel of [...upTo45, ...empties, ...upTo54, ...upTo612]) {
    it(`4.4-6.12: ${kernel} makes 0x40003620`, () => {
      const arch = s390({ kernel });
      const v = arch.pmd.pmd_modify(0x4000_3403n, PAGE_NONE);
      expect(v).toBe(0x4000_3620n);
      expect(answers(arch, v)).toMatchObject({ none: false, present: true, trans_huge: true });
      expect(arch.pmd.pmd_protnone?.(v)).toBe(true);
    });
  }
  for (const kernel of from613) {
    it(`6.14+: ${kernel} makes 0x40003621`, () => {
      const arch = s390({ kernel });
      const v = arch.pmd.pmd_modify(0x4000_f401n, PAGE_NONE);
      expect(v).toBe(0x4000_3621n);
      expect(answers(arch, v)).toMatchObject({ none: false, present: true, trans_huge: true });
      expect(arch.pmd.pmd_protnone?.(v)).toBe(true);
    });
  }
  it('is no state of its own where NUMA balancing is off', () => {
    const arch = s390({ kernel: '6.12', config: { NUMA_BALANCING: false } });
    expect(arch.pmd.pmd_protnone?.(0x4000_3620n)).toBe(false);
    expect(arch.pte.pte_protnone?.(0x601n)).toBe(false);
  });
});

describe('s390 worked words 1.3', () => {
  const rows: readonly (readonly [string, bigint, bigint, bigint])[] = [
    ['4.5', 0x5000_0800n, 0x4000_3403n, 0x4000_3423n],
    ['4.7', 0x5000_0800n, 0x4000_3403n, 0x20n],
    ['4.12', 0x5000_0800n, 0x4000_3403n, 0x20n],
    ['6.14', 0x5000_0801n, 0x4000_f401n, 0x4000_f421n],
  ];
  for (const [kernel, table, huge, invalidated] of rows) {
    it(`${kernel}: none 0x20, table 0x${table.toString(16)}, huge 0x${huge.toString(16)}`, () => {
      const arch = s390({ kernel });
      expect(arch.pmd.pmd_clear()).toBe(0x20n);
      expect(arch.pmd.pmd_none(0x20n)).toBe(true);
      expect(arch.pmd.pmd_none(0n)).toBe(false);
      expect(arch.pmd.pmd_populate(0x5000_0800n)).toBe(table);
      expect(answers(arch, table)).toEqual({
        none: false,
        present: true,
        trans_huge: false,
        bad: false,
        leaf: false,
      });
      expect(hugeOf(arch)).toBe(huge);
      expect(arch.seq.pmdp_invalidate(huge).stored).toBe(invalidated);
    });
  }
});

describe('s390 timeline 1.4', () => {
  const every = [upTo311, upTo43, upTo45, empties, upTo54, upTo612, from613].flat();
  it('has no pmd_mknotpresent and no pmd_mkinvalid in any release', () => {
    for (const kernel of every) {
      const { pmd } = s390({ kernel });
      expect('pmd_mkinvalid' in pmd || 'pmd_mknotpresent' in pmd).toBe(false);
    }
  });
  it('has the split bit and pmdp_splitting_flush up to 4.4', () => {
    const having = every.filter((kernel) => 'pmd_trans_splitting' in s390({ kernel }).pmd);
    expect(having).toEqual([...upTo311, ...upTo43, '4.4']);
    const flushing = every.filter((kernel) => 'pmdp_splitting_flush' in s390({ kernel }).sequences);
    expect(flushing).toEqual(having);
  });
  it('refuses releases before 3.8 and releases that no source places', () => {
    expect(() => s390({ kernel: '3.6' })).toThrow(expect.objectContaining({ code: 'RELEASE_BEFORE_THP' }));
    expect(() => s390({ kernel: '4.21' })).toThrow(expect.objectContaining({ code: 'UNKNOWN_RELEASE' }));
    expect(() => s390({ kernel: '6.12', cpu: { shstk: true } })).toThrow(
      expect.objectContaining({ code: 'UNKNOWN_OPTION' }),
    );
  });
});

describe('s390 segment bits 7.1', () => {
  const rows: readonly (readonly [string, Readonly<Record<string, bigint>>])[] = [
    ['3.8', { SPLIT: 0x1n }],
    ['3.16', { SPLIT: 0x1n, YOUNG: 0x2n }],
    ['4.4', { WRITE: 0x1n, READ: 0x2n, SPLIT: 0x800n, YOUNG: 0x1000n, DIRTY: 0x2000n, SOFT_DIRTY: 0x4000n }],
    ['4.7', { WRITE: 0x1n, READ: 0x2n, YOUNG: 0x1000n, DIRTY: 0x2000n, SOFT_DIRTY: 0x4000n }],
    ['4.8', { WRITE: 0x2n, READ: 0x1n, YOUNG: 0x1000n, DIRTY: 0x2000n, SOFT_DIRTY: 0x4000n }],
    ['6.12', { WRITE: 0x2n, READ: 0x1n, YOUNG: 0x1000n, DIRTY: 0x2000n, SOFT_DIRTY: 0x4000n }],
    [
      '6.14',
      { PRESENT: 0x1n, SOFT_DIRTY: 0x2n, YOUNG: 0x1000n, DIRTY: 0x2000n, READ: 0x4000n, WRITE: 0x8000n },
    ],
  ];
  const NAMES = ['PRESENT', 'READ', 'WRITE', 'YOUNG', 'DIRTY', 'SOFT_DIRTY', 'SPLIT'];
  for (const [kernel, expected] of rows) {
    it(`${kernel} has ${Object.keys(expected).join(', ')} where the table says`, () => {
      const { constants } = s390({ kernel });
      const found = NAMES.filter((name) => `_SEGMENT_ENTRY_${name}` in constants);
      expect(Object.fromEntries(found.map((name) => [name, constants[`_SEGMENT_ENTRY_${name}`]]))).toEqual(
        expected,
      );
    });
  }
  it('has NOEXEC from 4.11 on', () => {
    expect('_SEGMENT_ENTRY_NOEXEC' in s390({ kernel: '4.10' }).constants).toBe(false);
    expect(s390({ kernel: '4.11' }).constants['_SEGMENT_ENTRY_NOEXEC']).toBe(0x100n);
    const rx = (kernel: string): bigint =>
      s390({ kernel }).prot.vm_get_page_prot({ read: true, write: false, exec: false, shared: false });
    expect(rx('4.10')).toBe(PAGE_RX);
    expect(rx('4.11')).toBe(PAGE_RX | 0x100n);
  });
  it('has no soft-dirty bit without CONFIG_MEM_SOFT_DIRTY', () => {
    const { pmd, pte } = s390({ kernel: '6.12', config: { MEM_SOFT_DIRTY: false } });
    expect(pmd.pmd_mkdirty(0x4000_0603n)).toBe(0x4000_2403n);
    expect(pte.pte_mkdirty(0x235n)).toBe(0x03dn);
  });
});

describe('s390 helpers 7.2', () => {
  it('pmd_mkhuge: LARGE alone up to 3.16, with YOUNG and PROTECT from 4.4 on', () => {
    expect(s390({ kernel: '3.16' }).pmd.pmd_mkhuge(0x4000_0000n)).toBe(0x4000_0400n);
    expect(s390({ kernel: '4.4' }).pmd.pmd_mkhuge(0x4000_0000n)).toBe(0x4000_1600n);
  });
  it('pmd_mkyoung clears INVALID only with READ, in the bit of the era', () => {
    expect(s390({ kernel: '4.7' }).pmd.pmd_mkyoung(0x4000_0422n)).toBe(0x4000_1402n);
    expect(s390({ kernel: '4.8' }).pmd.pmd_mkyoung(0x4000_0422n)).toBe(0x4000_1422n);
    expect(s390({ kernel: '4.8' }).pmd.pmd_mkyoung(0x4000_0421n)).toBe(0x4000_1401n);
  });
  it('pmd_mkwrite clears PROTECT only with DIRTY, pmd_mkdirty only with WRITE', () => {
    const { pmd } = s390({ kernel: '5.4' });
    expect(pmd.pmd_mkwrite(0x4000_1601n)).toBe(0x4000_1603n);
    expect(pmd.pmd_mkwrite(0x4000_3601n)).toBe(0x4000_3403n);
    expect(pmd.pmd_mkdirty(0x4000_1601n)).toBe(0x4000_7601n);
    expect(pmd.pmd_mkdirty(0x4000_1603n)).toBe(0x4000_7403n);
    expect(pmd.pmd_mkclean?.(0x4000_3403n)).toBe(0x4000_1603n);
    expect(pmd.pmd_wrprotect(0x4000_3403n)).toBe(0x4000_3601n);
    expect(pmd.pmd_mkold(0x4000_3403n)).toBe(0x4000_2423n);
  });
  it('pmd_bad of a table of a wrong type holds from 5.8 on, and pmd_bad of the empty entry never', () => {
    for (const kernel of [...upTo612, ...from613]) {
      const { pmd } = s390({ kernel });
      expect(pmd.pmd_bad(0x5000_0804n)).toBe(true);
      expect(pmd.pmd_bad(0x20n)).toBe(false);
    }
  });
  it('pmd_trans_huge and pmd_leaf need PRESENT from 6.13 on', () => {
    expect(s390({ kernel: '6.12' }).pmd.pmd_trans_huge(0x4000_0400n)).toBe(true);
    expect(s390({ kernel: '6.13' }).pmd.pmd_trans_huge(0x4000_0400n)).toBe(false);
    expect(s390({ kernel: '6.13' }).pmd.pmd_leaf?.(0x4000_0400n)).toBe(false);
  });
  it('3.12-4.3: a prot-none entry keeps its youth in PROTECT (grade R)', () => {
    const { pmd } = s390({ kernel: '3.16' });
    const none = pmd.pmd_modify(0x4000_0402n, PAGE_NONE);
    expect(pmd.pmd_young(none)).toBe(true);
    expect(pmd.pmd_young(pmd.pmd_mkold(none))).toBe(false);
    expect(pmd.pmd_mkyoung(pmd.pmd_mkold(none))).toBe(none);
    expect(pmd.pmd_modify(none, PAGE_RWX)).toBe(0x4000_0402n);
    expect(pmd.pmd_modify(0x4000_0402n, PAGE_RX)).toBe(0x4000_0602n);
  });
  it('pmd_special, pmd_pgprot and the pte_swp_exclusive family come with their releases', () => {
    const has = (kernel: string): readonly boolean[] => {
      const { pmd, pte } = s390({ kernel });
      return ['pmd_special' in pmd, 'pmd_pgprot' in pmd, 'pte_swp_exclusive' in pte, 'pmd_large' in pmd];
    };
    expect(has('6.0')).toEqual([false, false, false, true]);
    expect(has('6.11')).toEqual([false, false, true, true]);
    expect(has('6.12')).toEqual([true, true, true, false]);
  });
});

describe('s390 swap pmds', () => {
  it('exist from THP migration on: 6.19, not 6.14', () => {
    const before = s390({ kernel: '6.14' });
    const after = s390({ kernel: '6.19' });
    const entry = after.swap.make_readable_migration_entry(0x40000n);
    expect(before.swap.swp_entry_to_pmd(entry)).toBe(0n);
    const pmd = after.swap.swp_entry_to_pmd(entry);
    expect(pmd & 0x031n).toBe(0x030n);
    expect(answers(after, pmd)).toMatchObject({
      none: false,
      present: false,
      trans_huge: false,
      leaf: false,
    });
    expect(after.pmd.pmd_to_swp_entry?.(pmd)).toBe(entry);
    expect(after.pmd.is_pmd_migration_entry?.(pmd)).toBe(true);
    expect(after.pmd.is_swap_pmd?.(pmd)).toBe(true);
    const softDirty = after.pmd.pmd_swp_mksoft_dirty?.(pmd) ?? 0n;
    expect(softDirty).toBe(pmd | 0x2n);
    expect(after.pmd.pmd_to_swp_entry?.(softDirty)).toBe(entry);
  });
});

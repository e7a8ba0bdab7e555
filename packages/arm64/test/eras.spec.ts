/** The rows of the fact sheet, sections 1.1 to 1.4 and 5.2, per release. Expected words are the sheet's. */
import { type Arch, kernel as kernelOf } from '@ptemu/arch';
import { describe, expect, it } from 'vitest';
import { arm64 } from '../src/index.js';

/** b51 writes; memory type index 4. */
const HUGE_45 = 0x00a8_0000_4000_0f51n;
/** b51 writes; memory type index 0. */
const HUGE = 0x00a8_0000_4000_0f41n;
/** b57 writes. */
const HUGE_316 = 0x02a0_0000_4000_0f51n;

const upTo316 = ['3.11', '3.12', '3.13', '3.15', '3.16'];
const upTo45 = ['4.3', '4.4', '4.5'];
const upTo59 = [
  '4.7', '4.8', '4.9', '4.10', '4.11', '4.12', '4.13', '4.14', '4.15', '4.16', '4.18', '4.19', '4.20', '5.0', '5.2',
  '5.4', '5.7', '5.8', '5.9',
]; // prettier-ignore
const upTo610 = [
  '5.10', '5.11', '5.14', '5.15', '5.16', '6.0', '6.1', '6.1.176', '6.1.192', '6.2', '6.4', '6.5', '6.6', '6.9', '6.10',
]; // prettier-ignore
const from611 = ['6.11', '6.12', '6.12.117', '6.13', '6.14', '6.15', '6.19'];

const answers = ({ pmd }: Arch, v: bigint): Record<string, boolean | undefined> => ({
  none: pmd.pmd_none(v),
  present: pmd.pmd_present(v),
  trans_huge: pmd.pmd_trans_huge(v),
  bad: pmd.pmd_bad(v),
  leaf: pmd.pmd_leaf?.(v),
});
const faults = (arch: Arch, v: bigint): boolean => {
  const pmd = arch.mmuOf().levels.find(({ level }) => level === 'pmd');
  return pmd?.valid.some(({ mask, value }) => (v & mask) !== value) ?? false;
};

interface Era {
  readonly row: string;
  readonly releases: readonly string[];
  readonly huge: bigint;
  readonly invalidated: bigint;
  readonly present: boolean;
  readonly leaf: (release: string) => boolean | undefined;
}

const leafFrom = (release: string): boolean | undefined =>
  kernelOf(release).has('arm64-pmd-leaf') ? kernelOf(release).has('arm64-pmd-leaf-present') : undefined;

const eras: readonly Era[] = [
  {
    row: '3.11-4.5, WRITE is b57 (the first release: grade R)',
    releases: upTo316,
    huge: HUGE_316,
    invalidated: 0x02a0_0000_4000_0f50n,
    present: true,
    leaf: leafFrom,
  },
  {
    row: '3.11-4.5',
    releases: upTo45,
    huge: HUGE_45,
    invalidated: 0x00a8_0000_4000_0f50n,
    present: true,
    leaf: leafFrom,
  },
  {
    row: '4.7-5.9',
    releases: upTo59,
    huge: HUGE_45,
    invalidated: 0x00a8_0000_4000_0f50n,
    present: false,
    leaf: leafFrom,
  },
  {
    row: '5.10-6.10',
    releases: upTo610,
    huge: HUGE,
    invalidated: 0x08a8_0000_4000_0f40n,
    present: true,
    leaf: leafFrom,
  },
  {
    row: '6.11+',
    releases: from611,
    huge: HUGE,
    invalidated: 0x00a8_0000_4000_0f40n,
    present: true,
    leaf: leafFrom,
  },
];

describe('arm64 matrix 1.1, the invalidated huge pmd', () => {
  for (const { row, releases, huge, invalidated, present, leaf } of eras) {
    for (const release of releases) {
      it(`${row}: ${release} stores 0x${invalidated.toString(16)}`, () => {
        const arch = arm64({ kernel: release });
        expect(arch.seq.pmdp_invalidate(huge)).toEqual({ stored: invalidated, returned: huge });
        expect(answers(arch, invalidated)).toEqual({
          none: false,
          present,
          trans_huge: true,
          bad: true,
          leaf: leaf(release),
        });
        expect(faults(arch, invalidated)).toBe(true);
        expect(faults(arch, huge)).toBe(false);
      });
    }
  }
  it('pmd_leaf: not defined at 4.7, false at 5.8 and 5.15, true at 6.1 and 6.12', () => {
    expect(['4.7', '5.8', '5.15', '6.1', '6.12'].map(leafFrom)).toEqual([
      undefined,
      false,
      false,
      true,
      true,
    ]);
  });
  it('up to 4.5 clears both type bits, later only VALID: an invalidated page keeps bit 1', () => {
    const page = 0x0020_0000_4000_0f53n;
    const of = (release: string): bigint | undefined => {
      const { pmd } = arm64({ kernel: release });
      return (pmd.pmd_mknotpresent ?? pmd.pmd_mkinvalid)?.(page);
    };
    expect(of('4.5')).toBe(page & ~3n);
    expect(of('4.7')).toBe(page & ~1n);
    expect(of('5.10')).toBe((page & ~1n) | (1n << 59n));
    expect(of('6.12')).toBe((page & ~1n) | (1n << 11n));
  });
  it('4.7 to 5.9 take the invalidated pmd for a swap entry', () => {
    const swap = (release: string, v: bigint): boolean | undefined =>
      arm64({ kernel: release }).pmd.is_swap_pmd?.(v);
    expect(['4.5', '4.7', '5.9'].map((release) => swap(release, 0x00a8_0000_4000_0f50n))).toEqual([
      false,
      true,
      true,
    ]);
    expect(swap('5.10', 0x08a8_0000_4000_0f40n)).toBe(false);
  });
  it('each of the two fixes toggles by itself', () => {
    const v = 0x00a8_0000_4000_0f50n;
    const present = (kernel: ReturnType<typeof kernelOf>): boolean => arm64({ kernel }).pmd.pmd_present(v);
    expect(present(kernelOf('4.5').with('5bb1cc0ff9a6'))).toBe(false);
    expect(present(kernelOf('4.7').without('5bb1cc0ff9a6'))).toBe(true);
    const before = arm64({ kernel: kernelOf('5.10').without('b65399f6111b') });
    expect(before.pmd.pmd_present(before.seq.pmdp_invalidate(HUGE).stored)).toBe(false);
    const after = arm64({ kernel: kernelOf('5.9').with('b65399f6111b') });
    expect(after.pmd.pmd_present(after.seq.pmdp_invalidate(HUGE_45).stored)).toBe(true);
  });
});

/** The words of the sheet, and what a release makes by itself. */
function words(release: string): readonly bigint[] {
  const { pmd, prot, seq } = arm64({ kernel: release });
  const page = prot.PAGE['PAGE_SHARED_EXEC'] ?? 0n;
  const made = pmd.pmd_mkhuge(pmd.pfn_pmd(0x40000, page));
  const huge = seq.set_pmd_at(pmd.pmd_mkyoung(pmd.pmd_mkdirty(made))).stored;
  const none = seq.set_pmd_at(pmd.pmd_modify(huge, prot.PAGE['PAGE_NONE'] ?? 0n)).stored;
  return [pmd.pmd_clear(), pmd.pmd_populate(0x5000_0000n), huge, seq.pmdp_invalidate(huge).stored, none];
}

describe('arm64 worked words 1.3', () => {
  const TABLE = 0x5000_0003n;
  const USER_TABLE = 0x0800_0000_5000_0003n;
  it('4.5', () => {
    expect(words('4.5')).toEqual([0n, TABLE, HUGE_45, 0x00a8_0000_4000_0f50n, 0x04e0_0000_4000_0f10n]);
  });
  for (const release of ['4.7', '4.8', '4.9', '4.11', '4.12', '4.13']) {
    it(`${release}: set_pmd_at makes the PROT_NONE pmd read-only`, () => {
      expect(words(release)).toEqual([0n, TABLE, HUGE_45, 0x00a8_0000_4000_0f50n, 0x04e0_0000_4000_0f90n]);
    });
  }
  for (const release of ['5.15', '6.0', '6.1', '6.1.192', '6.5', '6.10']) {
    it(release, () => {
      expect(words(release)).toEqual([0n, USER_TABLE, HUGE, 0x08a8_0000_4000_0f40n, 0x04e0_0000_4000_0f80n]);
    });
  }
  for (const release of ['6.12', '6.12.117', '6.14']) {
    it(release, () => {
      expect(words(release)).toEqual([0n, USER_TABLE, HUGE, 0x00a8_0000_4000_0f40n, 0x00e0_0000_4000_0f80n]);
    });
  }
  it('6.19: a user table has the access flag too', () => {
    expect(words('6.19')[1]).toBe(0x0800_0000_5000_0403n);
  });
});

describe('arm64 matrix 1.2, the PROT_NONE huge pmd', () => {
  const row = (release: string): Record<string, boolean | undefined> => {
    const arch = arm64({ kernel: release });
    const word = words(release)[4] ?? 0n;
    return {
      present: arch.pmd.pmd_present(word),
      trans_huge: arch.pmd.pmd_trans_huge(word),
      protnone: arch.pmd.pmd_protnone?.(word),
      faults: faults(arch, word),
    };
  };
  for (const release of [...upTo316, ...upTo45]) {
    it(`${release}: present, trans_huge, no pmd_protnone yet`, () => {
      expect((words(release)[4] ?? 0n) & ((1n << 58n) | 1n)).toBe(1n << 58n);
      expect(row(release)).toEqual({ present: true, trans_huge: true, protnone: false, faults: true });
    });
  }
  for (const release of [...upTo59, ...upTo610]) {
    it(`${release}: b58, present, trans_huge, protnone`, () => {
      expect((words(release)[4] ?? 0n) & ((1n << 58n) | 1n)).toBe(1n << 58n);
      expect(row(release)).toEqual({ present: true, trans_huge: true, protnone: true, faults: true });
    });
  }
  for (const release of from611) {
    it(`${release}: b11 and no user rights, present, trans_huge, protnone`, () => {
      const bits = (1n << 58n) | (1n << 54n) | 0x841n;
      expect((words(release)[4] ?? 0n) & bits).toBe((1n << 54n) | 0x800n);
      expect(row(release)).toEqual({ present: true, trans_huge: true, protnone: true, faults: true });
    });
  }
  it('6.12 tells an invalidated pmd from a PROT_NONE one by the user bits', () => {
    const { pmd } = arm64({ kernel: '6.12' });
    expect(pmd.pmd_protnone?.(0x00a8_0000_4000_0f40n)).toBe(false);
    expect(pmd.pmd_protnone?.(0x00e0_0000_4000_0fc0n)).toBe(false);
    expect(pmd.pmd_protnone?.(0x0020_0000_4000_0f80n)).toBe(false);
    expect(pmd.pmd_protnone?.(0x00e0_0000_4000_0f80n)).toBe(true);
  });
  it('asks nothing without NUMA_BALANCING', () => {
    const { pmd } = arm64({ kernel: '6.12', config: { NUMA_BALANCING: false } });
    expect(pmd.pmd_protnone?.(0x00e0_0000_4000_0f80n)).toBe(false);
  });
});

describe('arm64 helper timeline 1.4 and 5.2', () => {
  const has = (release: string, helper: string): boolean => helper in arm64({ kernel: release }).pmd;
  const rows: readonly (readonly [string, string, string])[] = [
    ['pmd_trans_splitting', '3.11 3.16 4.4', '4.5 6.19'],
    ['pmd_mksplitting', '3.11 4.4', '4.5 6.19'],
    ['pmd_mknotpresent', '3.11 5.4', '5.8 6.19'],
    ['pmd_mkinvalid', '5.8 6.19', '3.11 5.4'],
    ['pmd_mkclean', '4.5 6.19', '4.4'],
    ['pmd_leaf', '5.8 6.12', '5.4'],
    ['pmd_mkwrite_novma', '6.12', '6.5'],
    ['pmd_mkdevmap', '5.4 6.14', '4.20 6.19'],
    ['pmd_present_invalid', '5.10 6.10', '5.9 6.11'],
  ];
  for (const [helper, present, absent] of rows) {
    it(`${helper}: in ${present}, not in ${absent}`, () => {
      expect(present.split(' ').map((release) => has(release, helper))).not.toContain(false);
      expect(absent.split(' ').map((release) => has(release, helper))).not.toContain(true);
    });
  }
  it('has pmdp_establish from 4.16 on, pmdp_splitting_flush up to 4.4', () => {
    const { sequences } = arm64({ kernel: '4.15' });
    expect(['pmdp_establish' in sequences, 'pmdp_splitting_flush' in sequences]).toEqual([false, false]);
    expect('pmdp_establish' in arm64({ kernel: '4.16' }).sequences).toBe(true);
    expect('pmdp_splitting_flush' in arm64({ kernel: '4.4' }).sequences).toBe(true);
  });

  const each = (releases: string, f: (arch: Arch) => unknown): readonly unknown[] =>
    releases.split(' ').map((release) => f(arm64({ kernel: release })));

  it('pmd_present: v != 0 (4.5), VALID or b58 (4.7), or b59 (5.10), VALID or b11 (6.11)', () => {
    const of = (v: bigint): readonly unknown[] => each('4.5 4.7 5.10 6.11', ({ pmd }) => pmd.pmd_present(v));
    expect(of(2n)).toEqual([true, false, false, false]);
    expect(of(1n << 58n)).toEqual([true, true, true, false]);
    expect(of(1n << 59n)).toEqual([true, false, true, false]);
    expect(of(1n << 11n)).toEqual([true, false, false, true]);
    expect(of(1n)).toEqual([true, true, true, true]);
    expect(of(0n)).toEqual([false, false, false, false]);
  });
  it('pmd_bad: !b1 up to 5.8, the whole type from 5.15 on', () => {
    expect(each('4.5 5.8 5.15 6.12', ({ pmd }) => pmd.pmd_bad(0x5000_0002n))).toEqual([
      false,
      false,
      true,
      true,
    ]);
    expect(each('4.5 6.12', ({ pmd }) => pmd.pmd_bad(0x5000_0003n))).toEqual([false, false]);
  });
  it('pmd_trans_huge asks for present from 5.10 on', () => {
    expect(each('4.5 4.7 5.9 5.10 6.12 6.19', ({ pmd }) => pmd.pmd_trans_huge(0x1000n))).toEqual([
      true, true, true, false, false, false,
    ]); // prettier-ignore
  });
  it('mkwrite also clears RDONLY from 4.14 on; since 143937ca51cc only of a dirty entry', () => {
    const clean = 0x0020_0000_4000_0fc1n;
    const dirty = clean | (1n << 55n);
    const written = (v: bigint): bigint => v | (1n << 51n);
    const of = (releases: string, v: bigint): readonly unknown[] =>
      each(releases, ({ pmd }) => pmd.pmd_mkwrite(v));
    expect(of('4.5 4.13', clean)).toEqual([written(clean), written(clean)]);
    expect(of('4.14 5.15 6.1 6.5', clean)).toEqual(Array(4).fill(written(clean) & ~0x80n));
    expect(of('6.1.192 6.12.117 6.19', clean)).toEqual(Array(3).fill(written(clean)));
    expect(of('4.15 6.1.192 6.12.117 6.19', dirty)).toEqual(Array(4).fill(written(dirty) & ~0x80n));
    expect(of('3.16', clean)).toEqual([clean | (1n << 57n)]);
  });
  it('wrprotect sets RDONLY from 4.14 on and keeps hardware dirty by 5.15', () => {
    const hardwareDirty = 0x0028_0000_4000_0f41n;
    const of = (releases: string): readonly unknown[] =>
      each(releases, ({ pmd }) => pmd.pmd_wrprotect(hardwareDirty));
    expect(of('4.5 4.13')).toEqual([0x0020_0000_4000_0f41n, 0x0020_0000_4000_0f41n]);
    expect(of('4.14 5.8')).toEqual([0x0020_0000_4000_0fc1n, 0x0020_0000_4000_0fc1n]);
    expect(of('5.15 6.1 6.12')).toEqual(Array(3).fill(0x00a0_0000_4000_0fc1n));
  });
  it('mkdirty and mkclean look after RDONLY from 4.15 on', () => {
    const clean = 0x0028_0000_4000_0fc1n;
    expect(each('4.14 4.15 6.12', ({ pmd }) => pmd.pmd_mkdirty(clean))).toEqual([
      clean | (1n << 55n), HUGE, HUGE,
    ]); // prettier-ignore
    expect(each('4.14 4.15 6.12', ({ pmd }) => pmd.pmd_mkclean?.(HUGE))).toEqual([
      clean & ~0x80n, clean, clean,
    ]); // prettier-ignore
  });
  it('dirty: b55 at 3.16; or writable and not read-only since the hardware may say so', () => {
    const hardwareDirty = 0x0028_0000_4000_0f41n;
    expect(each('3.16 4.4 6.12', ({ pmd }) => pmd.pmd_dirty(hardwareDirty))).toEqual([false, true, true]);
    expect(each('3.16 4.4 6.12', ({ pmd }) => pmd.pmd_dirty(1n << 55n))).toEqual([true, true, true]);
  });
  it('pmd_modify takes GP from 5.8 on, the memory type by 5.15, the overlay from 6.12 on', () => {
    const taken = (mask: bigint): readonly unknown[] =>
      each('4.12 5.7 5.8 5.15 6.5 6.12', ({ pmd }) => pmd.pmd_modify(0n, mask) === mask);
    expect(taken(1n << 50n)).toEqual([false, false, true, true, true, true]);
    expect(taken(1n << 2n)).toEqual([false, false, false, true, true, true]);
    expect(taken(7n << 60n)).toEqual([false, false, false, false, false, true]);
    expect(taken(1n << 58n)).toEqual([true, true, true, true, true, false]);
    expect(taken(1n << 11n)).toEqual([false, false, false, false, false, true]);
  });
  it('pmd_modify keeps hardware dirty as b55; 6.1.192 and 6.12 make it writable for the hardware again', () => {
    const prot = 0x0068_0000_0000_0fc3n;
    const of = (releases: string): readonly unknown[] =>
      each(releases, ({ pmd }) => pmd.pmd_modify(HUGE, prot));
    expect(of('6.5')).toEqual([0x00e8_0000_4000_0fc1n]);
    expect(of('6.1.192 6.12 6.19')).toEqual(Array(3).fill(0x00e8_0000_4000_0f41n));
  });
  it('pmd_populate: PXN from 5.15 on, UXN for the kernel', () => {
    expect(each('4.5 5.8 5.15', ({ pmd }) => pmd.pmd_populate(0x5000_0000n) >> 59n)).toEqual([0n, 0n, 1n]);
    expect(each('4.5 5.8 5.15', ({ pmd }) => (pmd.pmd_populate_kernel?.(0x5000_0000n) ?? 0n) >> 59n)).toEqual([
      0n, 0n, 2n,
    ]); // prettier-ignore
  });
  it('WRITE is b57 at 3.16 and b51 since the hardware manages dirty', () => {
    expect(each('3.16 4.3 4.4 6.19', ({ pmd }) => pmd.pmd_write(1n << 57n))).toEqual([
      true,
      false,
      false,
      false,
    ]);
    expect(each('3.16 4.3 4.4 6.19', ({ pmd }) => pmd.pmd_write(1n << 51n))).toEqual([
      false,
      true,
      true,
      true,
    ]);
  });
  it('the splitting bit is b56', () => {
    expect(each('3.16 4.4', ({ pmd }) => pmd.pmd_mksplitting?.(0n))).toEqual([1n << 56n, 1n << 56n]);
  });
  it('6.12 has uffd-wp at b58, and write-protects with it', () => {
    const { pmd } = arm64({ kernel: '6.12' });
    expect(pmd.pmd_mkuffd_wp?.(HUGE)).toBe(0x04a0_0000_4000_0fc1n);
    expect(pmd.pmd_uffd_wp?.(1n << 58n)).toBe(true);
    const off = arm64({ kernel: '6.12', config: { USERFAULTFD: false } });
    expect(off.pmd.pmd_mkuffd_wp?.(HUGE)).toBe(HUGE);
    expect(arm64({ kernel: '6.10' }).pmd.pmd_uffd_wp?.(1n << 58n)).toBe(false);
  });
});

describe('arm64 swap formats', () => {
  const entry = (release: string): bigint => arm64({ kernel: release }).swap.__swp_entry(1, 0x123n);
  it('type at b2, b3, b6; offset at b8, b8, b12', () => {
    expect(['3.16', '4.20', '5.15'].map(entry)).toEqual(Array(3).fill(4n | (0x123n << 8n)));
    expect(['6.1', '6.10'].map(entry)).toEqual(Array(2).fill(8n | (0x123n << 8n)));
    expect(['6.11', '6.19'].map(entry)).toEqual(Array(2).fill(0x40n | (0x123n << 12n)));
  });
  it('never looks mapped: b0 and the marker of the release are clear', () => {
    for (const release of ['4.12', '5.15', '6.1', '6.11', '6.19']) {
      const { pte, pmd, swap } = arm64({ kernel: release });
      const full = swap.swp_entry_to_pte(swap.swp_entry(31, (1n << 50n) - 1n));
      expect([release, pte.pte_present(full), pmd.pmd_present(full)]).toEqual([release, false, false]);
      expect(pte.pte_to_swp_entry?.(full)).toBe(swap.swp_entry(31, (1n << 50n) - 1n));
    }
  });
  it('EXCLUSIVE is b2 from 6.1 on, UFFD_WP b3 from 6.11 on', () => {
    expect('pte_swp_mkexclusive' in arm64({ kernel: '5.15' }).pte).toBe(false);
    expect(arm64({ kernel: '6.1' }).pte.pte_swp_mkexclusive?.(0n)).toBe(4n);
    expect(arm64({ kernel: '6.10' }).pte.pte_swp_mkuffd_wp?.(0n)).toBe(0n);
    expect(arm64({ kernel: '6.11' }).pte.pte_swp_mkuffd_wp?.(0n)).toBe(8n);
  });
  it('has THP migration by 5.15, not at 5.8', () => {
    const word = (release: string): bigint => {
      const { swap } = arm64({ kernel: release });
      return swap.swp_entry_to_pmd(swap.make_writable_migration_entry(1n));
    };
    expect(word('5.8')).toBe(0n);
    expect(word('5.15')).not.toBe(0n);
  });
});

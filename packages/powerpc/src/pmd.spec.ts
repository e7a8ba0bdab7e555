import { describe, expect, it } from 'vitest';
import { PMD_STATES, powerpc } from './index.js';

const radix = powerpc({ kernel: '6.12' });
const hash = powerpc({ kernel: '6.12', mmu: 'hash' });
const THP_HUGE = 0x2000n;

describe('powerpc pmd states', () => {
  for (const state of PMD_STATES) {
    for (const arch of [radix, hash]) {
      it(`answers for ${state.name} on ${arch.spec}`, () => {
        const { pmd } = arch;
        const onHash = arch === hash;
        const table = state.name === 'table';
        const entry = !onHash
          ? state.entry
          : table
            ? state.entry & ~0xfn
            : state.leaf
              ? state.entry | THP_HUGE
              : state.entry;
        expect({
          none: pmd.pmd_none(entry),
          present: pmd.pmd_present(entry),
          trans_huge: pmd.pmd_trans_huge(entry),
          bad: pmd.pmd_bad(entry),
          protnone: pmd.pmd_protnone?.(entry),
          serializing: pmd.pmd_is_serializing?.(entry),
        }).toEqual({
          none: state.none,
          present: state.present,
          trans_huge: state.trans_huge,
          bad: onHash ? state.badOnHash : state.bad,
          protnone: state.protnone,
          serializing: state.serializing,
        });
        if (state.leaf === undefined) return;
        expect(pmd.pmd_pfn(entry)).toBe(0x4000);
        expect({
          young: pmd.pmd_young(entry),
          dirty: pmd.pmd_dirty(entry),
          write: pmd.pmd_write(entry),
        }).toEqual(state.leaf);
      });
    }
  }

  it('turns every huge state into its invalidated state', () => {
    for (const from of PMD_STATES.filter(({ name }) => name.startsWith('huge'))) {
      const to = PMD_STATES.find(({ name }) => name === from.name.replace('huge', 'invalidated'));
      expect([from.name, radix.seq.pmdp_invalidate(from.entry)]).toEqual([
        from.name,
        { stored: to?.entry, returned: from.entry },
      ]);
    }
  });

  it('knows the migration state as one of frame 0x4000', () => {
    const migration = PMD_STATES.find(({ name }) => name.startsWith('migration'))?.entry ?? 0n;
    expect(radix.pmd.is_pmd_migration_entry?.(migration)).toBe(true);
    const entry = radix.pmd.pmd_to_swp_entry?.(migration) ?? 0n;
    expect(radix.swap.is_writable_migration_entry(entry)).toBe(true);
    expect(radix.swap.swp_offset_pfn(entry)).toBe(0x4000n);
  });
});

describe('powerpc pmd_modify', () => {
  it('keeps frame, C, R, soft-dirty, DEVMAP and the leaf mark, takes rights from the protection', () => {
    const PAGE_NONE = 0x8000_0000_0000_0100n;
    expect(radix.pmd.pmd_modify(0xc000_0000_4000_0b86n, PAGE_NONE)).toBe(0xc000_0000_4000_0b80n);
    // INVALID and SPECIAL are not kept.
    expect(radix.pmd.pmd_modify(0x6000_0000_4000_0586n, PAGE_NONE)).toBe(0xc000_0000_4000_0180n);
  });
});

describe('powerpc pmd_same', () => {
  it('ignores what hash keeps about HPTEs, and nothing on radix', () => {
    const marked = 0xc080_0000_4000_31c6n;
    const plain = 0xc000_0000_4000_2186n;
    expect(hash.pmd.pmd_same(marked, plain)).toBe(true);
    expect(radix.pmd.pmd_same(marked, plain)).toBe(false);
    expect(hash.pmd.pmd_same(plain, plain ^ 0x80n)).toBe(false);
  });
});

describe('powerpc pmd_access_permitted', () => {
  it('refuses an entry that is being split although it is present', () => {
    const permitted = radix.pmd.pmd_access_permitted;
    expect(permitted?.(0xc000_0000_4000_0186n, { write: true })).toBe(true);
    expect(permitted?.(0x6000_0000_4000_0186n, { write: false })).toBe(false);
    expect(permitted?.(0xc000_0000_4000_0184n, { write: true })).toBe(false);
    expect(permitted?.(0xc000_0000_4000_018cn, { write: false })).toBe(false);
  });
});

describe('powerpc hash with 4K pages', () => {
  it('has no THP: BUG() where a huge pmd would be made', () => {
    const { pmd, layoutOf } = powerpc({ kernel: '6.12', mmu: 'hash', page: '4k' });
    expect(() => pmd.pfn_pmd(1, 0n)).toThrow(/BUG/);
    expect(() => pmd.pmd_mkdevmap?.(0n)).toThrow(/BUG/);
    expect(pmd.pmd_trans_huge(0xc000_0000_4000_2186n)).toBe(false);
    expect(layoutOf().HPAGE_PMD_SIZE).toBe(2 << 20);
    expect(() => powerpc({ kernel: '5.8', mmu: 'hash', page: '4k' }).pmd.pmd_mkhuge(0n)).toThrow(/BUG/);
    expect(() => powerpc({ kernel: '6.1', mmu: 'hash', page: '4k' }).pmd.pmd_same(0n, 0n)).toThrow(/BUG/);
    expect(pmd.pmd_same(0n, 0n)).toBe(true);
  });
});

describe('powerpc same bits at another level', () => {
  it('reads the low bits as rights in a leaf and as the size of the next table in a table entry', () => {
    const names = (entry: bigint, level: 'pmd' | 'pte'): boolean =>
      radix.bits.some(
        ({ name, mask, levels }) => name === 'NLS' && levels.includes(level) && (mask & entry) !== 0n,
      );
    expect([names(5n, 'pmd'), names(5n, 'pte')]).toEqual([true, false]);
    expect(radix.pmd.pmd_pfn(0xc000_0000_4021_0186n)).toBe(0x4021);
  });
});

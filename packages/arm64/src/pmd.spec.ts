import { describe, expect, it } from 'vitest';
import { arm64, PMD_STATES } from './index.js';

const latest = arm64({ kernel: '6.12' });

describe('arm64 pmd states', () => {
  for (const state of PMD_STATES) {
    it(`answers for ${state.name}`, () => {
      const { pmd } = latest;
      expect({
        none: pmd.pmd_none(state.entry),
        present: pmd.pmd_present(state.entry),
        trans_huge: pmd.pmd_trans_huge(state.entry),
        bad: pmd.pmd_bad(state.entry),
        protnone: pmd.pmd_protnone?.(state.entry),
      }).toEqual({
        none: state.none,
        present: state.present,
        trans_huge: state.trans_huge,
        bad: state.bad,
        protnone: state.protnone,
      });
      if (state.leaf === undefined) return;
      expect(pmd.pmd_pfn(state.entry)).toBe(0x40000);
      expect({
        young: pmd.pmd_young(state.entry),
        dirty: pmd.pmd_dirty(state.entry),
        write: pmd.pmd_write(state.entry),
      }).toEqual(state.leaf);
    });
  }

  it('turns every huge state into its invalidated state', () => {
    const huge = PMD_STATES.filter(({ name }) => name.startsWith('huge'));
    expect(huge).toHaveLength(8);
    for (const from of huge) {
      const to = PMD_STATES.find(({ name }) => name === from.name.replace('huge', 'invalidated'));
      expect([from.name, latest.seq.pmdp_invalidate(from.entry)]).toEqual([
        from.name,
        { stored: to?.entry, returned: from.entry },
      ]);
    }
  });

  it('knows the migration state as one of frame 0x40000', () => {
    const migration = PMD_STATES.find(({ name }) => name.startsWith('migration'))?.entry ?? 0n;
    expect(latest.pmd.is_pmd_migration_entry?.(migration)).toBe(true);
    const entry = latest.pmd.pmd_to_swp_entry?.(migration) ?? 0n;
    expect(latest.swap.is_writable_migration_entry(entry)).toBe(true);
    expect(latest.swap.swp_offset_pfn(entry)).toBe(0x40000n);
  });
});

describe('arm64 pmd_modify', () => {
  it('keeps young and the frame, and turns hardware dirty into PTE_DIRTY', () => {
    expect(latest.pmd.pmd_modify(0x0068_0000_4000_0f41n, 0x0060_0000_0000_0f82n)).toBe(
      0x00e0_0000_4000_0f80n,
    );
  });
});

describe('arm64 pmd_wrprotect', () => {
  it('keeps dirty: PTE_DIRTY is set when the hardware alone knew it', () => {
    expect(latest.pmd.pmd_wrprotect(0x0068_0000_4000_0f41n)).toBe(0x00e0_0000_4000_0fc1n);
  });
  it('does not make a clean entry dirty', () => {
    expect(latest.pmd.pmd_wrprotect(0x0068_0000_4000_0fc1n)).toBe(0x0060_0000_4000_0fc1n);
  });
});

describe('arm64 pmd_leaf_size', () => {
  it('is that of the contiguous run where the hint is set', () => {
    expect(latest.pmd.pmd_leaf_size?.(0x0068_0000_4000_0fc1n)).toBe(0x20_0000n);
    expect(latest.pmd.pmd_leaf_size?.(0x0078_0000_4000_0fc1n)).toBe(0x200_0000n);
    const of = (granule: '16k' | '64k'): bigint | undefined =>
      arm64({ kernel: '6.12', granule }).pmd.pmd_leaf_size?.(1n << 52n);
    expect([of('16k'), of('64k')]).toEqual([1n << 30n, 1n << 34n]);
  });
});

describe('arm64 same bits at another level', () => {
  it('reads bit 1 as table in a pmd and as page in a pte', () => {
    const raw = 0x0068_0000_4000_0fc3n;
    expect(latest.pmd.pmd_table?.(raw)).toBe(true);
    expect(latest.pmd.pmd_leaf?.(raw)).toBe(false);
    expect(latest.pte.pte_present(raw)).toBe(true);
    expect(latest.pte.pte_leaf_size?.(raw)).toBe(0x1000n);
  });
  it('reads bit 59 as PXN of a table, and as present-invalid of a pmd that is not valid (5.10 to 6.10)', () => {
    const { pmd } = arm64({ kernel: '6.1' });
    expect(pmd.pmd_trans_huge(0x0800_0000_5000_0003n)).toBe(false);
    expect(pmd.pmd_trans_huge(0x0800_0000_5000_0000n)).toBe(true);
  });
});

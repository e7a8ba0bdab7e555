import { type Arch, VM_WRITE } from '@ptemu/arch';
import { describe, expect, it } from 'vitest';
import { PMD_STATES, x86_64 } from './index.js';

const PAGE_NONE = 0x120n;
const SHSTK = { vm_flags: VM_WRITE | (1n << 37n) };

const latest = x86_64({ kernel: '6.12.117' });

describe('x86_64 pmd states', () => {
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
    for (const from of PMD_STATES.filter(({ name }) => name.startsWith('huge'))) {
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

describe('x86_64 pmd_modify', () => {
  it('moves dirty to SAVED_DIRTY when a writable entry loses RW', () => {
    expect(latest.pmd.pmd_modify(0x8000_0000_4000_00e7n, PAGE_NONE)).toBe(0x040f_ffff_bfe0_01a0n);
  });
  it('drops NX, which is not in _HPAGE_CHG_MASK', () => {
    expect(x86_64({ kernel: '4.9' }).pmd.pmd_modify(0x8000_0000_4000_00e7n, PAGE_NONE)).toBe(0x4000_01e0n);
  });
});

describe('x86_64 pmd_mkwrite', () => {
  it('makes RW=0, D=1 for a shadow stack', () => {
    expect(latest.pmd.pmd_mkwrite(0x8000_0000_4000_00a5n, SHSTK)).toBe(0x8000_0000_4000_00e5n);
  });
  it('looks at no VMA before 6.6', () => {
    expect(x86_64({ kernel: '6.5' }).pmd.pmd_mkwrite(0x8000_0000_4000_00a5n, SHSTK)).toBe(
      0x8000_0000_4000_00a7n,
    );
  });
  it('answers pmd_write of RW=0, D=1 only where the processor has shadow stacks', () => {
    const shadow = 0x8000_0000_4000_00e5n;
    const write = (arch: Arch): boolean => arch.pmd.pmd_write(shadow);
    expect(write(latest)).toBe(false);
    expect(write(x86_64({ kernel: '6.12.117', cpu: { shstk: true } }))).toBe(true);
    const config = { X86_USER_SHADOW_STACK: false };
    expect(write(x86_64({ kernel: '6.12.117', config, cpu: { shstk: true } }))).toBe(false);
    expect(write(x86_64({ kernel: '6.5', cpu: { shstk: true } }))).toBe(false);
  });
});

describe('x86_64 same bits at another level', () => {
  it('reads bit 7 as PSE in a pmd and as PAT in a pte', () => {
    const raw = 0x4000_00e7n;
    expect(latest.pmd.pmd_leaf?.(raw)).toBe(true);
    expect(latest.pmd.pmd_pfn(0x4010_10e7n)).toBe(0x40000);
    expect(latest.pte.pte_pfn(0x4010_10e7n)).toBe(0x40101);
  });
});

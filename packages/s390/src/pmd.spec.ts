import { describe, expect, it } from 'vitest';
import { PMD_STATES, s390 } from './index.js';

const latest = s390({ kernel: '6.12.117' });

describe('s390 pmd states', () => {
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

  it('reaches every huge state from a fresh entry by its modifiers', () => {
    const { pmd } = latest;
    const words = { RW: 0x631n, RO: 0x611n, 'prot-none': 0x601n };
    for (const state of PMD_STATES.filter(({ name }) => /^(huge|prot-none)/.test(name))) {
      const prot = state.name.startsWith('prot-none')
        ? words['prot-none']
        : words[state.leaf?.write === true ? 'RW' : 'RO'];
      const fresh = pmd.pmd_mkclean?.(pmd.pmd_mkhuge(pmd.pfn_pmd(0x40000, 0x631n))) ?? 0n;
      const dirty = state.leaf?.dirty === true ? pmd.pmd_clear_soft_dirty?.(pmd.pmd_mkdirty(fresh)) : fresh;
      const aged = state.leaf?.young === true ? pmd.pmd_mkyoung(dirty ?? 0n) : pmd.pmd_mkold(dirty ?? 0n);
      expect([state.name, pmd.pmd_modify(aged, prot)]).toEqual([state.name, state.entry]);
    }
  });
});

describe('s390 pmd helpers at the wrong level', () => {
  it('call a pte (0x4000003d) no huge page and the empty pte (0x400) one', () => {
    expect(latest.pmd.pmd_trans_huge(0x4000_003dn)).toBe(false);
    expect(latest.pmd.pmd_none(0x400n)).toBe(false);
    expect(latest.pmd.pmd_trans_huge(0x400n)).toBe(true);
  });
  it('call a region-third entry bad: its type bits are set', () => {
    expect(latest.pmd.pmd_bad(0x5000_0007n)).toBe(true);
  });
});

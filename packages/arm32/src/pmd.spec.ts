import { describe, expect, it } from 'vitest';
import { arm32, PMD_STATES } from './index.js';

const PAGE_NONE = 0x0660_0000_0000_071fn;

const latest = arm32({ kernel: '6.12.117' });

describe('arm32 pmd states', () => {
  for (const state of PMD_STATES) {
    it(`answers for ${state.name}`, () => {
      const { pmd } = latest;
      expect({
        none: pmd.pmd_none(state.entry),
        present: pmd.pmd_present(state.entry),
        trans_huge: pmd.pmd_trans_huge(state.entry),
        bad: pmd.pmd_bad(state.entry),
      }).toEqual({
        none: state.none,
        present: state.present,
        trans_huge: state.trans_huge,
        bad: state.bad,
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

  it('turns every huge state into its PROT_NONE state', () => {
    for (const from of PMD_STATES.filter(({ name }) => name.startsWith('huge'))) {
      const to = PMD_STATES.find(({ name }) => name === from.name.replace(/huge R[WO]/, 'prot-none'));
      expect([from.name, latest.seq.set_pmd_at(latest.pmd.pmd_modify(from.entry, PAGE_NONE)).stored]).toEqual(
        [from.name, to?.entry],
      );
    }
  });

  it('stores every huge state as it is: the hardware bits are right already', () => {
    for (const { name, entry } of PMD_STATES.filter((state) => state.name.startsWith('huge'))) {
      expect([name, latest.seq.set_pmd_at(entry).stored]).toEqual([name, entry]);
    }
  });
});

describe('arm32 pmd_modify', () => {
  it('takes USER, XN, RDONLY, VALID and NONE from the protection and nothing else', () => {
    const all = (1n << 64n) - 1n;
    expect(latest.pmd.pmd_modify(0n, all)).toBe(0x0640_0000_0000_0041n);
    expect(latest.pmd.pmd_modify(all, 0n)).toBe(all & ~0x0640_0000_0000_0041n);
  });
  it('takes bit 7 for read-only up to 3.16', () => {
    const all = (1n << 64n) - 1n;
    expect(arm32({ kernel: '3.16' }).pmd.pmd_modify(0n, all)).toBe(0x0240_0000_0000_00c1n);
  });
});

describe('arm32 pmd_mkwrite', () => {
  it('clears the software read-only bit and leaves AP[2] to set_pmd_at', () => {
    expect(latest.pmd.pmd_mkwrite(0x04c0_0000_4000_0fddn)).toBe(0x00c0_0000_4000_0fddn);
    expect(latest.seq.set_pmd_at(0x00c0_0000_4000_0fddn).stored).toBe(0x00c0_0000_4000_0f5dn);
  });
  it('clears AP[2] itself up to 3.16', () => {
    expect(arm32({ kernel: '3.16' }).pmd.pmd_mkwrite(0x00c0_0000_4000_0fddn)).toBe(0x00c0_0000_4000_0f5dn);
  });
});

describe('arm32 same bits at another level', () => {
  it('reads type 01 as a section in a pmd and as no page in a pte', () => {
    const raw = 0x4010_0f5dn;
    expect(latest.pmd.pmd_leaf?.(raw)).toBe(true);
    expect(latest.pte.pte_huge?.(raw)).toBe(true);
    expect(latest.pmd.pmd_pfn(raw)).toBe(0x40000);
    expect(latest.pte.pte_pfn(raw)).toBe(0x40100);
  });
  it('reads bit 55 as dirty in a pmd and as shared with the kernel in a pgd entry', () => {
    const names = (level: 'pgd' | 'pmd'): readonly string[] =>
      latest.bits
        .filter(({ mask, levels }) => mask === 1n << 55n && levels.includes(level))
        .map(({ name }) => name);
    expect([names('pgd'), names('pmd')]).toEqual([['SWAPPER'], ['DIRTY']]);
  });
});

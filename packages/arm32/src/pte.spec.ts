import { describe, expect, it } from 'vitest';
import { arm32, PTE_STATES } from './index.js';

const PAGE_NONE = 0x0660_0000_0000_071fn;

const latest = arm32({ kernel: '6.12.117' });

describe('arm32 pte states', () => {
  for (const state of PTE_STATES) {
    it(`answers for ${state.name}`, () => {
      const { pte } = latest;
      expect([pte.pte_none(state.entry), pte.pte_present(state.entry)]).toEqual([state.none, state.present]);
      expect(pte.is_swap_pte?.(state.entry)).toBe(state.name === 'swap');
      if (state.leaf === undefined) return;
      expect(pte.pte_pfn(state.entry)).toBe(0x40000);
      expect({
        young: pte.pte_young(state.entry),
        dirty: pte.pte_dirty(state.entry),
        write: pte.pte_write(state.entry),
      }).toEqual(state.leaf);
    });
  }

  it('turns every page state into its PROT_NONE state', () => {
    // nG stays where it was set: pte_modify does not take it away.
    for (const from of PTE_STATES.filter(({ name }) => name.startsWith('page'))) {
      const to = PTE_STATES.find(({ name }) => name === from.name.replace(/page R[WO]/, 'prot-none'));
      const stored = latest.seq.set_pte_at(latest.pte.pte_modify(from.entry, PAGE_NONE)).stored;
      expect([from.name, stored & ~0x880n]).toEqual([from.name, to?.entry]);
    }
  });

  it('stores every page state as it is: the hardware bits are right already', () => {
    for (const { name, entry } of PTE_STATES.filter((state) => state.name.startsWith('page'))) {
      expect([name, latest.seq.set_pte_at(entry).stored]).toEqual([name, entry]);
    }
  });

  it('knows the swap state as type 1, offset 0x1234', () => {
    const swap = PTE_STATES.find(({ name }) => name === 'swap')?.entry ?? 0n;
    const entry = latest.pte.pte_to_swp_entry?.(swap) ?? 0n;
    expect([latest.swap.swp_type(entry), latest.swap.swp_offset(entry)]).toEqual([1, 0x1234n]);
  });
});

describe('arm32 pte_same', () => {
  it('ignores nG of present entries only', () => {
    const { pte_same } = latest.pte;
    expect(pte_same(0x4000_0f5fn, 0x4000_075fn)).toBe(true);
    expect(pte_same(0x4000_0f5fn, 0x4000_0b5fn)).toBe(false);
    expect(pte_same(0x0000_0f5cn, 0x0000_075cn)).toBe(false);
  });
});

describe('arm32 pte_accessible', () => {
  it('asks for the valid bit, or for any type bit while a flush is pending', () => {
    const protNone = 0x0640_0000_4000_071en;
    const { pte_accessible } = latest.pte;
    expect(pte_accessible?.(protNone, { tlb_flush_pending: false })).toBe(false);
    expect(pte_accessible?.(protNone, { tlb_flush_pending: true })).toBe(true);
  });
});

describe('arm32 set_pte_at', () => {
  const stored = (kernel: string, pte: bigint): bigint => arm32({ kernel }).seq.set_pte_at(pte).stored;
  it('sets the read-only bit of the hardware unless dirty and writable', () => {
    expect(stored('6.12', 0x00c0_0000_4000_07dfn)).toBe(0x00c0_0000_4000_0f5fn);
    expect(stored('6.12', 0x0040_0000_4000_075fn)).toBe(0x0040_0000_4000_0fdfn);
    expect(stored('6.12', 0x04c0_0000_4000_075fn)).toBe(0x04c0_0000_4000_0fdfn);
  });
  it('sets bit 7 of what is not dirty up to 3.16 (grade R), and so takes pte_write away', () => {
    expect(stored('3.16', 0x0040_0000_4000_075fn)).toBe(0x0040_0000_4000_0fdfn);
    expect(stored('3.16', 0x00c0_0000_4000_07dfn)).toBe(0x00c0_0000_4000_0fdfn);
    expect(arm32({ kernel: '3.16' }).pte.pte_write(0x0040_0000_4000_0fdfn)).toBe(false);
    expect(arm32({ kernel: '4.4' }).pte.pte_write(0x0040_0000_4000_0fdfn)).toBe(true);
  });
  it('leaves an entry that is not valid as it is', () => {
    expect(stored('6.12', 0x12_3404n)).toBe(0x12_3404n);
    expect(stored('6.12', 0n)).toBe(0n);
  });
});

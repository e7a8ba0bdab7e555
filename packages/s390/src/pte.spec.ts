import { describe, expect, it } from 'vitest';
import { PTE_STATES, s390 } from './index.js';

const latest = s390({ kernel: '6.12.117' });

describe('s390 pte states', () => {
  for (const state of PTE_STATES) {
    it(`answers for ${state.name}`, () => {
      const { pte } = latest;
      expect({
        none: pte.pte_none(state.entry),
        present: pte.pte_present(state.entry),
        swap: pte.pte_swap?.(state.entry),
        protnone: pte.pte_protnone?.(state.entry),
      }).toEqual({
        none: state.none,
        present: state.present,
        swap: state.swap,
        protnone: state.protnone,
      });
      if (state.leaf === undefined) return;
      expect({
        young: pte.pte_young(state.entry),
        dirty: pte.pte_dirty(state.entry),
        write: pte.pte_write(state.entry),
      }).toEqual(state.leaf);
    });
  }
  it('none is 0x400 and 0 is neither none nor present', () => {
    expect(latest.pte.pte_clear()).toBe(0x400n);
    expect([latest.pte.pte_none(0n), latest.pte.pte_present(0n)]).toEqual([false, false]);
  });
});

describe('s390 pfn_pte', () => {
  it('strips NOEXEC on a machine without NX', () => {
    expect(latest.pte.pfn_pte(0x12345, 0x711n)).toBe(0x1234_5315n);
    expect(s390({ kernel: '6.12.117', cpu: { nx: false } }).pte.pfn_pte(0x12345, 0x711n)).toBe(0x1234_5215n);
  });
});

describe('s390 set_pte_at', () => {
  it('clears UNUSED in a present pte and keeps the bit in a swap pte', () => {
    expect(latest.seq.set_pte_at(0x4000_00bdn).stored).toBe(0x4000_003dn);
    expect(latest.seq.set_pte_at(0x4000_0680n).stored).toBe(0x4000_0680n);
  });
});

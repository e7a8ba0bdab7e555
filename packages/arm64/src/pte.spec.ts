import { describe, expect, it } from 'vitest';
import { arm64, PTE_STATES } from './index.js';

const latest = arm64({ kernel: '6.12' });

describe('arm64 pte states', () => {
  for (const state of PTE_STATES) {
    it(`answers for ${state.name}`, () => {
      const { pte } = latest;
      expect({
        none: pte.pte_none(state.entry),
        present: pte.pte_present(state.entry),
        protnone: pte.pte_protnone?.(state.entry),
      }).toEqual({ none: state.none, present: state.present, protnone: state.protnone });
      if (state.leaf === undefined) return;
      expect(pte.pte_pfn(state.entry)).toBe(0x54321);
      expect({
        young: pte.pte_young(state.entry),
        dirty: pte.pte_dirty(state.entry),
        write: pte.pte_write(state.entry),
      }).toEqual(state.leaf);
    });
  }
});

describe('arm64 pte_mkdirty', () => {
  it('clears PTE_RDONLY when PTE_WRITE is set', () => {
    expect(latest.pte.pte_mkdirty(0x0068_0000_5432_1fc3n)).toBe(0x00e8_0000_5432_1f43n);
  });
  it('keeps PTE_RDONLY when PTE_WRITE is clear', () => {
    expect(latest.pte.pte_mkdirty(0x0060_0000_5432_1fc3n)).toBe(0x00e0_0000_5432_1fc3n);
  });
});

describe('arm64 pte_accessible', () => {
  const NONE = 0x0060_0000_5432_1f82n;
  const OLD = 0x0060_0000_5432_1bc3n;
  it('counts a PROT_NONE pte while a flush is pending', () => {
    const of = (tlb_flush_pending: boolean): boolean | undefined =>
      latest.pte.pte_accessible?.(NONE, { tlb_flush_pending });
    expect([of(true), of(false)]).toEqual([true, false]);
  });
  it('counts an old pte from 5.10 on only: its invalidation may still be on the way', () => {
    const of = (kernel: string): boolean | undefined =>
      arm64({ kernel }).pte.pte_accessible?.(OLD, { tlb_flush_pending: false });
    expect([of('5.9'), of('5.10'), of('6.12')]).toEqual([false, true, true]);
  });
});

describe('arm64 address of an entry', () => {
  it('lies where it is with 48 bits', () => {
    expect(latest.pte.pfn_pte(0xf_ffff_ffff, 0n)).toBe(0xffff_ffff_f000n);
  });
  it('has bits 51:50 in 9:8 with LPA2', () => {
    const { pte, pmd } = arm64({ kernel: '6.12', lpa2: true });
    expect(pte.pfn_pte(0xff_ffff_ffff, 0n)).toBe(0x3_ffff_ffff_f300n);
    expect(pte.pte_pfn(0x3_ffff_ffff_f300n)).toBe(0xff_ffff_ffff);
    expect(pte.pfn_pte(0x40_0000_0000, 0x8003n)).toBe(0x8103n);
    expect(pmd.pmd_populate(0xc_0000_5000_0000n)).toBe(0x0800_0000_5000_0303n);
    expect(pmd.pmd_pfn(0x0000_0000_4000_0301n)).toBe(0xc0_0004_0000);
  });
  it('has bits 51:48 in 15:12 with 64k pages', () => {
    const { pte } = arm64({ kernel: '6.1', granule: '64k', config: { ARM64_PA_BITS_52: true } });
    expect(pte.pfn_pte(0xf_0000_1234, 0n)).toBe(0x1234_f000n);
    expect(pte.pte_pfn(0x1234_f000n)).toBe(0xf_0000_1234);
    const narrow = arm64({ kernel: '6.1', granule: '64k' });
    expect(narrow.pte.pte_pfn(0x1234_f000n)).toBe(0x1234);
  });
  it('leaves the shareability out of what vm_get_page_prot gives with LPA2', () => {
    const rw = { read: true, write: true, exec: false, shared: true };
    expect(arm64({ kernel: '6.12', lpa2: true }).prot.vm_get_page_prot(rw)).toBe(0x0068_0000_0000_0cc3n);
    expect(latest.prot.vm_get_page_prot(rw)).toBe(0x0068_0000_0000_0fc3n);
  });
});

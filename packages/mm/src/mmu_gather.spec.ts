import { arm64 } from '@ptemu/arm64';
import { x86_64 } from '@ptemu/x86_64';
import { describe, expect, it } from 'vitest';
import { drive } from '../test/drive.js';
import { worldOf } from '../test/worlds.js';
import { type MmuGather, type MmWorld, tlb_finish_mmu, tlb_gather_mmu } from './index.js';
import { pte_free_tlb, tlb_remove_page_size } from './mmu_gather.js';

const gather = (w: MmWorld): MmuGather =>
  tlb_gather_mmu(w.mm, { start: w.vma.vm_start, end: w.vma.vm_end }, { fullmm: false });
const finish = (w: MmWorld, tlb: MmuGather): string[] =>
  drive(w, tlb_finish_mmu(w.context('zap', 1), tlb)).steps.map(({ kind }) => kind);

describe('tlb_finish_mmu', () => {
  it('flushes, then frees tables, then drops pages', () => {
    const w = worldOf(x86_64({ kernel: '6.12' }));
    const tlb = gather(w);
    tlb.cleared_pmds = true;
    tlb_remove_page_size(tlb, w.frames.huge, 1);
    pte_free_tlb(tlb, 'T0');
    const kinds = finish(w, tlb);
    expect(kinds.slice(-4)).toEqual(['ipi-send', 'ipi-wait', 'free-table', 'put']);
    expect([w.machine.get('role:T0'), w.machine.get('H.refcount')]).toEqual(['free', 1]);
  });
  it('flushes nothing where nothing was cleared or freed', () => {
    const w = worldOf(x86_64({ kernel: '6.12' }));
    expect(finish(w, gather(w))).toEqual([]);
  });
  it('flushes when only tables were freed', () => {
    const w = worldOf(x86_64({ kernel: '6.12' }));
    const tlb = gather(w);
    pte_free_tlb(tlb, 'T0');
    expect(finish(w, tlb)).toContain('ipi-send');
  });
  // arm64 takes the level of the smallest cleared entry as its stride: one TLBI for a huge pmd, all of the ASID for 512 ptes.
  it.each([
    ['cleared_pmds', 'VALE1IS'],
    ['cleared_ptes', 'ASIDE1IS'],
  ] as const)('arm64: %s are flushed by %s', (cleared, instruction) => {
    const w = worldOf(arm64({ kernel: '5.8' }));
    const tlb = gather(w);
    tlb[cleared] = true;
    const { steps } = drive(w, tlb_finish_mmu(w.context('zap', 1), tlb));
    expect(steps.filter(({ kind }) => kind === 'tlbi').map(({ operands }) => operands[0])).toEqual([
      instruction,
    ]);
  });
});

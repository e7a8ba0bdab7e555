import { x86_64 } from '@ptemu/x86_64';
import { describe, expect, it } from 'vitest';
import { drive } from '../test/drive.js';
import { backends, worldOf } from '../test/worlds.js';
import { huge_pmd_set_accessed, type MmWorld, tlb_gather_mmu, zap_huge_pmd } from './index.js';
import { isHugeForZap, pmd_lockptr } from './huge_memory.js';

const zap = (w: MmWorld): ReturnType<typeof drive<boolean>> => {
  const tlb = tlb_gather_mmu(w.mm, { start: w.vma.vm_start, end: w.vma.vm_end }, { fullmm: false });
  return drive(w, zap_huge_pmd(w.context('zap', 1), tlb, w.vma, w.frames.huge, w.vma.vm_start));
};

describe.each(backends('6.12'))('%s zap_huge_pmd', (_name, arch) => {
  it('clears the entry before it withdraws the table, all under the lock, and keeps the page for the gather', () => {
    const w = worldOf(arch);
    const { value, fell, steps } = zap(w);
    expect([value, fell]).toEqual([true, []]);
    const fns = steps.map(({ fn }) => fn);
    expect(fns.indexOf('pgtable_trans_huge_withdraw')).toBeGreaterThan(1);
    expect([steps[0]?.kind, steps.at(-1)?.kind]).toEqual(['lock', 'unlock']);
    expect(w.machine.get('H.refcount')).toBe(2);
  });
  it('is false for a pmd that is no longer huge', () => {
    const w = worldOf(arch);
    w.machine.set('slot:pmd', arch.pmd.pmd_clear());
    w.machine.set('H.entire_mapcount', 0);
    expect(zap(w)).toMatchObject({ value: false, fell: [] });
  });
});

describe('zap_huge_pmd', () => {
  it('marks a file page dirty that the entry says is dirty', () => {
    const w = worldOf(x86_64({ kernel: '6.12' }), { anonymous: false });
    zap(w);
    expect([w.machine.get('H.dirty'), w.machine.get('mm.nr_ptes')]).toEqual([1, 0]);
  });
});

describe('isHugeForZap', () => {
  it('since 4.14 counts what is neither none nor present', () => {
    const swap = 0x200n; // x86: neither PRESENT, PSE nor PROT_NONE
    const asks = (kernel: string): boolean => isHugeForZap(worldOf(x86_64({ kernel })).context('k'), swap);
    expect([asks('4.12'), asks('6.12')]).toEqual([false, true]);
  });
});

describe('pmd_lockptr', () => {
  it('is the lock of the page that the pmd lies in', () => {
    const w = worldOf(x86_64({ kernel: '6.12' }));
    expect(pmd_lockptr(w.context('k'), w.vma.pmd)).toBe('ptl:pmd table');
  });
});

describe('huge_pmd_set_accessed', () => {
  it('marks the entry dirty for a write, and does nothing when it has changed', () => {
    const w = worldOf(x86_64({ kernel: '6.12' }), { entry: { dirty: false } });
    const fault = (orig: bigint): void => {
      drive(w, huge_pmd_set_accessed(w.context('u', 2), w.vma, w.vma.vm_start, orig, { write: true }));
    };
    fault(w.initialPmd ^ 0x1000_0000n);
    expect(w.machine.valueOf(w.pmd)).toBe(w.initialPmd);
    fault(w.initialPmd);
    expect(w.machine.valueOf(w.pmd) & 0x40n).toBe(0x40n);
  });
});

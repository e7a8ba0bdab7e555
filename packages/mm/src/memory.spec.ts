import type { Steps } from '@ptemu/explore';
import { x86_64 } from '@ptemu/x86_64';
import { describe, expect, it } from 'vitest';
import { drive, type Driven } from '../test/drive.js';
import { backends, page, store, worldOf } from '../test/worlds.js';
import { __split_huge_pmd, handle_mm_fault, type MmWorld, tlb_gather_mmu, zap_pmd_range } from './index.js';

const split = (w: MmWorld, freeze = false): Steps<void> =>
  __split_huge_pmd(w.context('reclaim'), w.vma, w.frames.huge, w.vma.vm_start, { freeze });
const zap = (w: MmWorld, after?: Parameters<typeof drive>[2]): Driven<void> => {
  const tlb = tlb_gather_mmu(w.mm, { start: w.vma.vm_start, end: w.vma.vm_end }, { fullmm: false });
  return drive(w, zap_pmd_range(w.context('zap', 1), tlb, w.vma, w.frames, w.vma.vm_start), after);
};
const fault = (w: MmWorld, n: number, after?: Parameters<typeof drive>[2]): Driven<void> =>
  drive(w, handle_mm_fault(w.context('user', 2), w.vma, w.frames, page(w, n), { write: true }), after);
const counts = (w: MmWorld): unknown[] =>
  ['H.entire_mapcount', 'H.page_mapcounts', 'mm.rss', 'mm.nr_ptes'].map((cell) => w.machine.get(cell));

describe.each(backends('6.12'))('%s zap_pmd_range', (_name, arch) => {
  it('takes a huge mapping whole, and frees its deposited table', () => {
    const w = worldOf(arch);
    expect(zap(w).fell).toEqual([]);
    expect(counts(w)).toEqual([0, 0, 0, 0]);
    expect([arch.pmd.pmd_none(w.machine.valueOf(w.pmd)), w.machine.get('role:T0')]).toEqual([true, 'free']);
  });
  it.each([false, true])('takes the ptes of a split mapping (frozen: %s), and leaves its table', (freeze) => {
    const w = worldOf(arch);
    drive(w, split(w, freeze));
    expect(zap(w).fell).toEqual([]);
    expect(counts(w)).toEqual([0, 0, 0, 1]);
    expect(['T0[0]', 'T0[1]', 'T0[2]'].map((s) => arch.pte.pte_none(w.machine.get(`slot:${s}`) as bigint))).toEqual([
      true, true, true,
    ]); // prettier-ignore
    expect(w.machine.get('role:T0')).toBe('table:pte');
  });
  it('passes over a pmd that is none', () => {
    const w = worldOf(arch);
    drive(w, w.context('k').act('write', 'slot:pmd', [arch.pmd.pmd_clear()]));
    const { steps } = zap(w);
    expect(steps.map(({ kind }) => kind)).toEqual(['load', 'load']);
  });
});

describe('zap_pmd_range', () => {
  it('sees the table that a split links between its two looks', () => {
    const w = worldOf(x86_64({ kernel: '6.12' }));
    let done = false;
    const { fell } = zap(w, () => {
      if (done) return;
      done = true;
      drive(w, split(w));
    });
    expect([fell, counts(w)]).toEqual([[], [0, 0, 0, 1]]);
  });

  it('from 6.5 on starts anew when the table it meant to lock is gone', () => {
    const w = worldOf(x86_64({ kernel: '6.12' }));
    drive(w, split(w));
    const table = w.machine.valueOf(w.pmd);
    const looks: string[] = [];
    zap(w, ({ fn, kind }) => {
      if (kind !== 'load') return;
      looks.push(fn);
      // Gone for the moment in which pte_offset_map looks, back for the next look.
      if (looks.length === 2) w.machine.set('slot:pmd', 0n);
      if (looks.length === 3) w.machine.set('slot:pmd', table);
    });
    expect(looks.slice(0, 6)).toEqual([
      'zap_pmd_range', 'zap_pmd_range', 'pte_offset_map', 'zap_pmd_range', 'zap_pmd_range', 'pte_offset_map',
    ]); // prettier-ignore
    expect(counts(w)).toEqual([0, 0, 0, 1]);
  });

  it('up to 6.1 reports a bad pmd and clears it', () => {
    const w = worldOf(x86_64({ kernel: '6.1' }));
    drive(w, w.context('k').act('write', 'slot:pmd', [0x5000_0001n]));
    const { fell } = zap(w);
    expect(fell).toEqual([{ invariant: 'I22', message: 'pmd_clear_bad: bad pmd 0x50000001' }]);
    expect(w.machine.valueOf(w.pmd)).toBe(0n);
  });
});

describe.each(backends('6.12'))('%s handle_mm_fault', (_name, arch) => {
  const empty = (): MmWorld => {
    const w = worldOf(arch);
    zap(w);
    return w;
  };
  it('links a table and maps a new page', () => {
    const w = empty();
    expect(fault(w, 1).fell).toEqual([]);
    expect([counts(w), w.machine.get('P0.page_mapcounts'), w.machine.get('P0.refcount')]).toEqual([
      [0, 0, 1, 1],
      1,
      1,
    ]);
  });
  it('gives the page back when somebody else was faster', () => {
    const w = empty();
    let done = false;
    const { fell } = fault(w, 1, ({ kind }) => {
      if (kind !== 'alloc-page' || done) return;
      done = true;
      fault(w, 1);
    });
    expect([fell, w.machine.get('P0.state'), w.machine.get('P1.state')]).toEqual([[], 'free', 'page']);
    expect(w.machine.get('mm.rss')).toBe(1);
  });
  it('gives its table back when somebody else was faster', () => {
    const w = empty();
    let done = false;
    fault(w, 1, ({ kind }) => {
      if (kind !== 'alloc-table' || done) return;
      done = true;
      fault(w, 2);
    });
    expect(['role:T0', 'role:T1'].map((cell) => w.machine.get(cell)).sort()).toEqual(['free', 'table:pte']);
    expect(counts(w)).toEqual([0, 0, 2, 1]);
  });
  it('does nothing on a pte that changed before its lock was taken', () => {
    const w = worldOf(arch);
    drive(w, split(w));
    const { steps } = fault(w, 1, ({ kind }) => {
      if (kind === 'lock') w.machine.set('slot:T0[1]', arch.pte.pte_clear());
    });
    expect(steps.map(({ kind }) => kind).slice(-3)).toEqual(['lock', 'load', 'unlock']);
  });
  it('leaves migration entries alone, to be tried again', () => {
    const w = worldOf(arch);
    drive(w, split(w, true));
    const before = w.machine.get('slot:T0[1]');
    expect(fault(w, 1).fell).toEqual([]);
    expect(w.machine.get('slot:T0[1]')).toBe(before);
  });
});

describe('handle_mm_fault', () => {
  it('gives up when there is no table or no page', () => {
    const noTable = worldOf(x86_64({ kernel: '6.12' }), { spareTables: 0 });
    drive(noTable, noTable.context('k').act('write', 'slot:pmd', [0n]));
    expect(fault(noTable, 1).steps.map(({ kind }) => kind)).toEqual(['load', 'alloc-table']);
    const noPage = worldOf(x86_64({ kernel: '6.12' }), { smallPages: 0 });
    zap(noPage);
    expect(fault(noPage, 1).steps.at(-1)?.kind).toBe('alloc-page');
  });
  it('a store after a split goes on through the pte', () => {
    const w = worldOf(x86_64({ kernel: '6.12' }));
    drive(w, split(w));
    expect(store(w, 1)).toEqual([]);
    expect(w.machine.get('H.stored')).toBe(1);
  });
});

import { x86_64 } from '@ptemu/x86_64';
import { describe, expect, it } from 'vitest';
import { drive } from '../test/drive.js';
import { backends, page, worldOf } from '../test/worlds.js';
import { __split_huge_pmd, get_user_pages_fast, type MmWorld } from './index.js';

const pin = (w: MmWorld, after?: Parameters<typeof drive>[2]): ReturnType<typeof drive<boolean>> =>
  drive(w, get_user_pages_fast(w.context('gup', 1), w.vma, w.frames, page(w, 1)), after);
const split = (w: MmWorld, freeze: boolean): void => {
  drive(w, __split_huge_pmd(w.context('reclaim'), w.vma, w.frames.huge, w.vma.vm_start, { freeze }));
};

describe.each(backends('6.12'))('%s get_user_pages_fast', (_name, arch) => {
  it('pins a huge page with interrupts off, and gives the reference back', () => {
    const w = worldOf(arch);
    const held: unknown[] = [];
    const { value, fell, steps } = pin(w, ({ kind }) => {
      if (kind === 'gup-pinned') held.push(w.machine.get('H.refcount'), w.machine.get('irq:CPU1'));
    });
    expect([value, fell, held]).toEqual([true, [], [3, 1]]);
    expect([w.machine.get('H.refcount'), w.machine.get('irq:CPU1')]).toEqual([2, 0]);
    expect(steps.map(({ kind }) => kind)).toEqual([
      'irq-off', 'load', 'try-get', 'load', 'gup-pinned', 'irq-on', 'put',
    ]); // prettier-ignore
  });

  it('pins a page through a pte, whose pmd and pte it compares again', () => {
    const w = worldOf(arch);
    split(w, false);
    const { value, fell, steps } = pin(w);
    expect([value, fell]).toEqual([true, []]);
    expect(steps.filter(({ kind }) => kind === 'load').map(({ object }) => object)).toEqual([
      'pmd', 'T0[1]', 'pmd', 'T0[1]',
    ]); // prettier-ignore
  });

  it('gives up where ptes are migration entries, and where nothing is mapped', () => {
    const w = worldOf(arch);
    split(w, true);
    expect(pin(w)).toMatchObject({ value: false, fell: [] });
    drive(w, w.context('k').act('write', 'slot:pmd', [arch.pmd.pmd_clear()]));
    expect(pin(w)).toMatchObject({ value: false, fell: [] });
  });

  it('gives up when the entry changes after the reference was taken, and drops it', () => {
    const w = worldOf(arch);
    const { value, fell } = pin(w, ({ kind }) => {
      if (kind === 'try-get') w.machine.set('slot:pmd', arch.pmd.pmd_clear());
    });
    expect([value, fell, w.machine.get('H.refcount')]).toEqual([false, [], 2]);
  });
});

describe('get_user_pages_fast', () => {
  it('up to 6.0 does not compare the pmd again below a table', () => {
    const w = worldOf(x86_64({ kernel: '5.8' }));
    split(w, false);
    expect(pin(w).steps.filter(({ object }) => object === 'pmd')).toHaveLength(1);
  });
  it('without the second look pins a page that has left the mapping (broken twin)', () => {
    const w = worldOf(x86_64({ kernel: '6.12' }), { switches: { 'gup.recheck': false } });
    const { fell } = pin(w, ({ kind }) => {
      if (kind === 'load') w.machine.set('H.state', 'free');
    });
    expect(fell.map(({ invariant }) => invariant)).toEqual(['I3']);
  });
});

import { x86_64 } from '@ptemu/x86_64';
import { describe, expect, it } from 'vitest';
import { drive } from '../test/drive.js';
import { backends, worldOf } from '../test/worlds.js';
import { __split_huge_pmd, type MmWorld } from './index.js';
import {
  pmd_none_or_clear_bad,
  pmd_none_or_trans_huge_or_clear_bad,
  pte_offset_map_lock,
  thp_migration_supported,
} from './pgtable-generic.js';

const split = (w: MmWorld): MmWorld => {
  drive(w, __split_huge_pmd(w.context('r'), w.vma, w.frames.huge, w.vma.vm_start));
  return w;
};
const x86 = (kernel: string): MmWorld => worldOf(x86_64({ kernel }));

describe('pte_offset_map_lock', () => {
  const lock = (w: MmWorld, after?: Parameters<typeof drive>[2]): ReturnType<typeof drive> =>
    drive(w, pte_offset_map_lock(w.context('k', 1), w.vma, 'spec'), after);

  it.each([
    ['6.1', ['load', 'load', 'lock']],
    ['6.12', ['load', 'lock', 'load']],
  ])('in %s takes the steps %s', (kernel, kinds) => {
    const { steps, value } = lock(split(x86(kernel)));
    expect(steps.map(({ kind }) => kind)).toEqual(kinds);
    expect(value).toMatchObject({ ptl: 'ptl:T0' });
  });
  it('from 6.5 on starts anew when the pmd changed before the lock was taken', () => {
    const w = split(x86('6.12'));
    const { steps, value } = lock(w, ({ kind }) => {
      if (kind === 'lock') w.machine.set('slot:pmd', 0n);
    });
    expect(steps.map(({ kind }) => kind)).toEqual(['load', 'lock', 'load', 'unlock', 'load']);
    expect(value).toBeUndefined();
  });
  it('from 6.5 on finds no table in a huge pmd, and takes no lock', () => {
    const { steps, value, fell } = lock(x86('6.12'));
    expect([steps.length, value, fell]).toEqual([1, undefined, []]);
  });
  it('up to 6.4 goes to a table that is none: I2', () => {
    expect(lock(x86('6.1')).fell.map(({ invariant }) => invariant)).toEqual(['I2', 'I2']);
  });
});

describe.each(backends('6.1'))('%s pmd_none_or_trans_huge_or_clear_bad', (_name, arch) => {
  const asks = (w: MmWorld): unknown =>
    drive(w, pmd_none_or_trans_huge_or_clear_bad(w.context('k'), w.vma)).value;
  it('is true of none and of a huge pmd, and false of a table', () => {
    const w = worldOf(arch);
    expect(asks(w)).toBe(true);
    expect(asks(split(w))).toBe(false);
    w.machine.set('slot:pmd', arch.pmd.pmd_clear());
    expect(asks(w)).toBe(true);
  });
});

describe('pmd_none_or_clear_bad', () => {
  it('reports and clears a huge pmd: it has no table', () => {
    const w = x86('6.12');
    const { value, fell } = drive(w, pmd_none_or_clear_bad(w.context('k'), w.vma));
    expect([value, fell.map(({ invariant }) => invariant), w.machine.valueOf(w.pmd)]).toEqual([
      undefined,
      ['I22'],
      0n,
    ]);
  });
});

describe('thp_migration_supported', () => {
  it('is what the architecture says, or a variant', () => {
    const of = (name: string, switches = {}): boolean => {
      const arch = backends('6.12').find(([candidate]) => candidate === name)?.[1];
      if (arch === undefined) throw new Error(`no ${name}`);
      return thp_migration_supported(worldOf(arch, { switches }).context('k'));
    };
    expect([of('x86_64'), of('arm32'), of('arm32', { 'thp-migration': true })]).toEqual([true, false, true]);
  });
});

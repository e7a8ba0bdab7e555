import { tlbOf } from '@ptemu/hw';
import { describe, expect, it } from 'vitest';
import { drive } from '../test/drive.js';
import { backends, page, store, worldOf } from '../test/worlds.js';
import { speculate, touch } from './index.js';

const releases = ['4.5', '4.7', '4.12', '4.16', '5.8', '6.1', '6.12'].flatMap((kernel) =>
  backends(kernel).map(([name, arch]) => [name, kernel, arch] as const),
);

describe.each(releases)('touch on %s %s', (_name, _kernel, arch) => {
  it('a store to a clean huge page ends, dirty, and hits afterwards', () => {
    const w = worldOf(arch, { entry: { dirty: false } });
    expect(store(w, 1)).toEqual([]);
    expect(w.machine.get('H.stored')).toBe(1);
    expect(arch.pmd.pmd_dirty(w.machine.valueOf(w.pmd))).toBe(true);
    const again = touch(w.context('user', 2), w.vma, w.frames, page(w, 1), { write: true, n: 1 });
    expect(drive(w, again).steps.map(({ kind }) => kind)).toEqual(['access']);
  });

  it('a store where nothing is mapped links a table and a page', () => {
    const w = worldOf(arch);
    drive(w, w.context('k').act('write', 'slot:pmd', [arch.pmd.pmd_clear()]));
    expect(store(w, 1)).not.toContain('I2');
    expect(w.machine.get('slot:pmd')).toBe(arch.pmd.pmd_populate(0x5002_0000n));
    expect(arch.pte.pte_pfn(w.machine.get('slot:T1[1]') as bigint)).toBe(w.frames.small[0]?.pfn);
  });
});

describe.each(backends('6.12').filter(([name]) => name !== 'powerpc hash'))(
  'speculate on %s',
  (_name, arch) => {
    it('caches a translation that nobody uses, and ends quietly where there is none', () => {
      const w = worldOf(arch);
      drive(w, speculate(w.context('walker', 2), w.vma, page(w, 2)));
      expect(tlbOf(w.machine, 2)).toHaveLength(1);
      expect(w.machine.get('H.stored')).toBe(0);
      drive(w, w.context('k').act('write', 'slot:pmd', [arch.pmd.pmd_clear()]));
      drive(w, speculate(w.context('walker', 2), w.vma, page(w, 2)));
      expect(w.machine.get('walk:CPU2')).toBe(0);
    });
  },
);

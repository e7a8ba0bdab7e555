import { describe, expect, it } from 'vitest';
import { drive } from '../test/drive.js';
import { backends, worldOf } from '../test/worlds.js';
import { __split_huge_pmd, exit_mmap, type MmWorld } from './index.js';

const exit = (w: MmWorld): ReturnType<typeof drive<void>> =>
  drive(w, exit_mmap(w.context('exit', 1), w.vma, w.frames));

describe.each(
  ['4.5', '6.1', '6.12'].flatMap((kernel) =>
    backends(kernel).map(([name, arch]) => [name, kernel, arch] as const),
  ),
)('%s %s exit_mmap', (_name, _kernel, arch) => {
  const splitWorld = (): MmWorld => {
    const w = worldOf(arch, { extraRefs: 0 });
    drive(w, __split_huge_pmd(w.context('r'), w.vma, w.frames.huge, w.vma.vm_start));
    return w;
  };
  it('leaves nothing of a huge mapping and frees the page', () => {
    const w = worldOf(arch, { extraRefs: 0 });
    expect(exit(w).fell).toEqual([]);
    expect([w.machine.get('H.state'), w.machine.get('mm.nr_ptes'), w.machine.get('mm.rss')]).toEqual([
      'free',
      0,
      0,
    ]);
  });
  it('leaves nothing of a split one, whose table it frees after the flush and before the pages', () => {
    const w = splitWorld();
    const { fell, steps } = exit(w);
    expect(fell).toEqual([]);
    const kinds = steps.map(({ kind }) => kind);
    const freed = kinds.indexOf('free-table');
    expect(steps[freed]?.fn).toBe('tlb_finish_mmu');
    expect(kinds.indexOf('put')).toBeGreaterThan(freed);
    expect(Math.max(...['ipi-wait', 'dvm-sync', 'tlbi'].map((kind) => kinds.lastIndexOf(kind)))).toBeLessThan(
      freed,
    );
  });
  it('takes the VMA out of the rmap between the zap and the tables', () => {
    const fns = exit(splitWorld()).steps.map(({ fn }) => fn);
    expect(fns.indexOf('unlink_anon_vmas')).toBeGreaterThan(fns.lastIndexOf('zap_pte_range'));
    expect(fns.indexOf('pmd_none_or_clear_bad')).toBeGreaterThan(fns.lastIndexOf('unlink_anon_vmas'));
  });
});

describe('exit_mmap', () => {
  const arch = backends('6.12')[0]?.[1];
  if (arch === undefined) throw new Error('no backend');
  it('waits for whoever is in the rmap', () => {
    const w = worldOf(arch);
    drive(w, w.context('reclaim').down_read(w.vma.anon_vma));
    expect(() => exit(w)).toThrow('unlink_anon_vmas: down_write anon_vma waits for ever');
  });
  it('reports a pmd that is neither none nor a table, and loses what it maps: I22 and I8', () => {
    const w = worldOf(arch);
    const { fell } = drive(w, exit_mmap(w.context('exit', 1), w.vma, w.frames), ({ fn }) => {
      if (fn === 'unlink_anon_vmas') w.machine.set('slot:pmd', w.initialPmd);
    });
    expect(fell.map(({ invariant }) => invariant)).toContain('I22');
  });
});

import { describe, expect, it } from 'vitest';
import type { Fallen, Operand, Steps } from '@ptemu/explore';
import { x86_64 } from '@ptemu/x86_64';
import { drive } from '../test/drive.js';
import { page, store, worldOf } from '../test/worlds.js';
import { pte_offset_map } from './pgtable-generic.js';
import { __split_huge_pmd, exit_mmap, madvise_dontneed, type MmWorld, type WorldOptions } from './index.js';

const world = (options: Partial<WorldOptions> = {}, kernel = '6.12'): MmWorld =>
  worldOf(x86_64({ kernel }), options);
const names = (fell: readonly Fallen[]): string[] => [...new Set(fell.map(({ invariant }) => invariant))];
const run = <T>(w: MmWorld, steps: Steps<T>): string[] => names(drive(w, steps).fell);
/** One step of a kind. */
const one = (w: MmWorld, kind: string, object: string, ...operands: Operand[]): string[] =>
  run(w, w.context('spec', 1).act(kind, object, operands));
const split = (w: MmWorld, freeze = false): string[] =>
  run(w, __split_huge_pmd(w.context('reclaim'), w.vma, w.frames.huge, w.vma.vm_start, { freeze }));
const zap = (w: MmWorld): string[] => run(w, madvise_dontneed(w.context('dontneed', 1), w.vma, w.frames));
const exit = (w: MmWorld): string[] => run(w, exit_mmap(w.context('exit', 1), w.vma, w.frames));

describe('I1: table life', () => {
  it('falls when a slot of a freed table is written, and when a table is freed twice', () => {
    const w = world();
    split(w);
    one(w, 'write', 'role:T0', 'free');
    expect(one(w, 'store', 'T0[1]', 0n, '')).toEqual(['I1']);
    expect(one(w, 'free-table', 'T0')).toContain('I1');
  });
  it('holds when the table is linked', () => {
    const w = world();
    split(w);
    expect(one(w, 'store', 'T0[2]', w.machine.get('slot:T0[2]'), '')).toEqual([]);
  });
});

describe('I2: table role', () => {
  it('falls up to 6.4 where a pmd that is none is taken for a table', () => {
    const w = world({}, '6.1');
    drive(w, w.context('spec').store(w.vma.pmd, 0n));
    expect(run(w, pte_offset_map(w.context('spec'), w.vma))).toEqual(['I2']);
  });
  it('holds from 6.5 on: there is no table', () => {
    const w = world();
    drive(w, w.context('spec').store(w.vma.pmd, 0n));
    const { value, fell } = drive(w, pte_offset_map(w.context('spec'), w.vma));
    expect([value, fell]).toEqual([undefined, []]);
  });
});

describe('I3: no stale translation to a freed frame', () => {
  it('falls when a zap frees the page without flushing', () => {
    const w = world({ extraRefs: 0, switches: { 'zap.flush': false } });
    store(w, 1);
    expect(zap(w)).toContain('I3');
    expect(store(w, 1)).toContain('I3');
  });
  it('holds when it flushes first, and the next store goes to another page', () => {
    const w = world({ extraRefs: 0 });
    store(w, 1);
    expect(zap(w)).toEqual([]);
    expect(w.machine.get('H.state')).toBe('free');
    expect(store(w, 1)).toEqual([]);
    expect(w.machine.get('P0.state')).toBe('page');
  });
  it('falls for a pin of frame 0 and of a page that has been split, and holds for the mapped page', () => {
    const w = world();
    const { huge, zero } = w.frames;
    expect(one(w, 'gup-pinned', huge.name, page(w, 1))).toEqual([]);
    expect(one(w, 'gup-pinned', zero.name, page(w, 1))).toEqual(['I3']);
    one(w, 'split-folio', huge.name);
    expect(one(w, 'gup-pinned', huge.name, page(w, 1))).toEqual(['I3']);
  });
});

describe('I4: no use after the promise of an invalidation', () => {
  const upToPromise = (w: MmWorld): void => {
    store(w, 1);
    const cx = w.context('reclaim').within('split');
    const steps = w.switches['split.invalidate'] === 'no-flush' ? cx.withoutFlush() : cx;
    drive(w, cx.sequences.pmdp_invalidate(steps, w.vma, w.vma.vm_start, w.vma.pmd));
    drive(w, cx.act('promise', 'range', ['mm', 'none']));
  };
  it('falls when a cached translation is used that no flush has dropped', () => {
    const w = world({ switches: { 'split.invalidate': 'no-flush' } });
    upToPromise(w);
    expect(run(w, w.context('user', 2).act('access', 'va', [2, 'mm', page(w, 1), true]))).toEqual(['I4']);
  });
  it('holds when it was flushed: the access misses', () => {
    const w = world();
    upToPromise(w);
    const { value, fell } = drive(w, w.context('user', 2).act('access', 'va', [2, 'mm', page(w, 1), true]));
    expect([value, fell]).toEqual(['walk', []]);
  });
});

describe('I5: mapping conservation', () => {
  it('falls when a lock is dropped after an entry went and its mapcount stayed', () => {
    const w = world();
    one(w, 'lock', 'ptl:pmd table', 'spec');
    one(w, 'store', 'pmd', 0n, '');
    expect(one(w, 'unlock', 'ptl:pmd table', 'spec')).toEqual(['I5']);
  });
  it('holds when both went, and is not asked while another lock of the entries is held', () => {
    const w = world();
    split(w);
    one(w, 'lock', 'ptl:T0', 'spec');
    one(w, 'lock', 'ptl:pmd table', 'other');
    one(w, 'store', 'T0[1]', 0n, '');
    expect(one(w, 'unlock', 'ptl:pmd table', 'other')).toEqual([]);
    one(w, 'account', 'counts', 'H.page_mapcounts', -1);
    expect(one(w, 'unlock', 'ptl:T0', 'spec')).toEqual([]);
  });
  it('falls when a table is freed with live ptes in it, and holds when it is empty', () => {
    const w = world();
    split(w);
    expect(one(w, 'free-table', 'T0')).toEqual(['I5']);
    expect(one(w, 'free-table', 'T1')).not.toContain('I5');
  });
  it('falls when a page is freed that is still mapped', () => {
    const w = world();
    expect(one(w, 'put', 'H.refcount', 2, 'H')).toContain('I5');
  });
});

describe('I7: dirty conservation', () => {
  const afterStore = (dirtyFlag: 0 | 1): string[] => {
    const w = world();
    store(w, 1);
    one(w, 'lock', 'ptl:pmd table', 'spec');
    one(w, 'store', 'pmd', w.arch.pmd.pmd_mkclean?.(w.machine.valueOf(w.pmd)), '');
    one(w, 'account', 'flag', 'H.dirty', dirtyFlag);
    return one(w, 'unlock', 'ptl:pmd table', 'spec');
  };
  it('falls when the entry is cleaned after a store and the page is not marked', () => {
    expect(afterStore(0)).toEqual(['I7']);
  });
  it('holds when the page is marked', () => {
    expect(afterStore(1)).toEqual([]);
  });
});

describe('I8: exit accounting', () => {
  it('falls for memory, a table, a deposited table and a mapping that are left', () => {
    const w = world();
    const { fell } = drive(w, w.context('exit').act('check-mm', 'mm', []));
    expect(fell.map(({ message }) => message)).toEqual([
      'BUG: Bad rss-counter state mm:mm type:MM_ANONPAGES val:512',
      'BUG: non-zero pgtables on freeing mm:mm: 1',
      'T0 is still deposited when mm:mm is dropped',
      'H is still mapped when mm:mm is dropped',
    ]);
  });
  it('holds after exit_mmap, whole, split or frozen', () => {
    expect(exit(world())).toEqual([]);
    for (const freeze of [false, true]) {
      const w = world();
      split(w, freeze);
      expect(exit(w)).toEqual([]);
    }
  });
});

describe('I9: zap postcondition', () => {
  it('falls when the zap ends and the entry still maps the page', () => {
    const w = world();
    expect(one(w, 'zap-done', 'spec')).toEqual(['I9']);
  });
  it('falls when the entry comes back afterwards', () => {
    const w = world();
    const { initialPmd } = w;
    expect(zap(w)).toEqual([]);
    expect(one(w, 'store', 'pmd', initialPmd, '')).toEqual(['I9']);
  });
  it('holds when another page is mapped afterwards', () => {
    const w = world();
    zap(w);
    expect(store(w, 1)).toEqual([]);
  });
});

describe('I10: lock location', () => {
  it('falls when the lock of a deposited or freed table is taken', () => {
    const w = world();
    expect(one(w, 'lock', 'ptl:T0', 'spec')).toEqual(['I10']);
    expect(one(w, 'lock', 'ptl:T1', 'spec')).toEqual(['I10']);
  });
  it('holds for a linked table and for the pmd table', () => {
    const w = world();
    split(w);
    expect(one(w, 'lock', 'ptl:T0', 'spec')).toEqual([]);
    expect(one(w, 'lock', 'ptl:pmd table', 'spec')).toEqual([]);
  });
});

describe('I11: one translation per address', () => {
  const stores = (how: string | undefined): string[] => {
    const w = world(how === undefined ? {} : { switches: { 'split.invalidate': how } });
    store(w, 1);
    split(w);
    const walker = w.context('walker', 2);
    const va = page(w, 2);
    return names([
      ...drive(w, walker.act('hw-walk', 'CPU2', [2])).fell,
      ...drive(w, walker.act('hw-load', 'T0[2]', [2, 'mm'])).fell,
      ...drive(
        w,
        walker.act('hw-fill', 'T0[2]', [
          2,
          'mm',
          va,
          false,
          w.machine.get('slot:T0[2]'),
          'T0[2]',
          'speculative',
        ]),
      ).fell,
    ]);
  };
  it('falls when a split leaves the huge translation and a pte is cached beside it', () => {
    expect(stores('none')).toEqual(['I11']);
  });
  it('holds when the split has invalidated', () => {
    expect(stores(undefined)).toEqual([]);
  });
});

describe('I20: walk confinement', () => {
  it('falls for a pin outside the mapping, and holds at its last byte', () => {
    const w = world();
    expect(one(w, 'gup-pinned', 'H', w.vma.vm_end)).toEqual(['I20']);
    expect(one(w, 'gup-pinned', 'H', w.vma.vm_end - 1n)).toEqual([]);
  });
});

describe('I21: backend contract', () => {
  it('falls when a split leaves none visible', () => {
    expect(split(world({ switches: { 'split.invalidate': 'clear-all' } }))).toContain('I21');
  });
  it('holds when it leaves the invalidated huge entry', () => {
    expect(split(world())).toEqual([]);
  });
  it('does not judge what the hardware records, nor a store outside a split', () => {
    const w = world();
    expect(one(w, 'store', 'pmd', 0n, '')).toEqual([]);
  });
});

describe('I22: kernel assertions', () => {
  it('falls for a BUG_ON, an unlock of what is not held, a reference to what is free and one put too often', () => {
    const w = world();
    expect(one(w, 'bug', 'text')).toEqual(['I22']);
    expect(one(w, 'unlock', 'ptl:pmd table', 'spec')).toEqual(['I22']);
    expect(one(w, 'get', 'P0.refcount')).toEqual(['I22']);
    expect(one(w, 'put', 'P0.refcount', 2, 'P0')).toEqual(['I22']);
  });
  it('falls at the end with a lock held or interrupts off, and holds with neither', () => {
    const w = world();
    w.machine.finish();
    expect(w.machine.takeFallen()).toEqual([]);
    one(w, 'lock', 'ptl:pmd table', 'spec');
    one(w, 'irq-off', 'CPU1', 1);
    w.machine.finish();
    expect(w.machine.takeFallen().map(({ message }) => message)).toEqual([
      'spec ends with ptl:pmd table held',
      'CPU1 ends with interrupts off',
    ]);
  });
});

import { describe, expect, it } from 'vitest';
import { arm64 } from '@ptemu/arm64';
import { powerpc } from '@ptemu/powerpc';
import { s390 } from '@ptemu/s390';
import { x86_64 } from '@ptemu/x86_64';
import { SmallMachine, TABLE, VA } from '../../test/small-machine.js';
import { recordedEntry, tlbOf, translationsOf } from '../index.js';

const x86 = (): SmallMachine => new SmallMachine(x86_64({ kernel: '6.12' }));
const A = 0x20n; // x86 _PAGE_ACCESSED
const D = 0x40n; // x86 _PAGE_DIRTY

describe('access', () => {
  it('misses, walks, fills and completes; the second access hits', () => {
    const world = x86();
    world.cacheHuge();
    expect(world.uses).toMatchObject([{ cpu: 1, va: VA, pa: 0x4000_0000n, write: true, cached: false }]);
    expect(world.take('access', 'va', 1, 'mm', VA + 0x1234n, true).result).toBe('done');
    expect(world.uses[1]).toMatchObject({ pa: 0x4000_1234n, cached: true });
  });

  it('a store misses where the translation is read-only or not dirty', () => {
    const world = x86();
    world.take('store', 'pmd', world.hugePmd() & ~D, '');
    world.take('hw-walk', 'CPU1', 1);
    const { result } = world.take('hw-load', 'pmd', 1, 'mm');
    world.take('hw-fill', 'pmd', 1, 'mm', VA, false, result, 'pmd', 'access');
    expect(world.take('access', 'va', 1, 'mm', VA, false).result).toBe('done');
    expect(world.take('access', 'va', 1, 'mm', VA, true).result).toBe('walk');
  });

  it('misses in another address space', () => {
    const world = x86();
    world.cacheHuge();
    expect(world.take('access', 'va', 1, 'other', VA, true).result).toBe('walk');
  });
});

describe('hw-load', () => {
  it('ends the walk at an entry that is not present', () => {
    const world = x86();
    world.take('access', 'va', 1, 'mm', VA, true);
    expect(world.machine.get('walk:CPU1')).toBe(1);
    expect(world.take('hw-load', 'pmd', 1, 'mm').result).toBe(0n);
    expect(world.machine.get('walk:CPU1')).toBe(0);
  });
  it('x86_64: records accessed in a table entry on the way, and returns what was there before', () => {
    const world = x86();
    const table = world.tablePmd(TABLE) & ~A;
    world.take('store', 'pmd', table, '');
    world.take('hw-walk', 'CPU1', 1);
    expect(world.take('hw-load', 'pmd', 1, 'mm').result).toBe(table);
    expect(world.machine.get('slot:pmd')).toBe(table | A);
    expect(world.stores.at(-1)).toMatchObject({ by: 'hardware', old: table, value: table | A });
  });
  it('arm64: leaves a table entry alone', () => {
    const world = new SmallMachine(arm64({ kernel: '6.12' }));
    const table = world.tablePmd(TABLE);
    world.take('store', 'pmd', table, '');
    world.take('hw-walk', 'CPU1', 1);
    world.take('hw-load', 'pmd', 1, 'mm');
    expect(world.machine.get('slot:pmd')).toBe(table);
  });
});

describe('I20: a walk stays in the tables of its address space', () => {
  it('falls when the walker reads a table of another one', () => {
    const world = x86();
    world.take('hw-walk', 'CPU1', 1);
    const { fell } = world.take('hw-load', 'X[0]', 1, 'mm');
    expect(fell).toEqual([
      { invariant: 'I20', message: 'CPU1 walker: a walk of mm reads X[0], a table of other' },
    ]);
  });
  it('holds when it reads its own', () => {
    const world = x86();
    world.take('hw-walk', 'CPU1', 1);
    expect(world.take('hw-load', 'X[0]', 1, 'other').fell).toEqual([]);
  });
});

describe('I1: the walker reads a table', () => {
  it('falls when the table has been freed, and holds when not', () => {
    const world = x86();
    const table = world.machine.regionByBase(TABLE);
    if (table === undefined) throw new Error('no table');
    world.take('hw-walk', 'CPU1', 1);
    expect(world.take('hw-load', 'T0[0]', 1, 'mm').fell).toEqual([]);
    world.machine.setRole(table, 'free');
    world.take('hw-walk', 'CPU1', 1);
    expect(world.take('hw-load', 'T0[0]', 1, 'mm').fell.map(({ invariant }) => invariant)).toEqual(['I1']);
  });
});

describe('hw-fill', () => {
  it('records accessed and dirty in one update', () => {
    const world = x86();
    const clean = world.hugePmd() & ~(A | D);
    world.take('store', 'pmd', clean, '');
    world.take('access', 'va', 1, 'mm', VA, true);
    world.take('hw-load', 'pmd', 1, 'mm');
    expect(world.take('hw-fill', 'pmd', 1, 'mm', VA, true, clean, 'pmd', 'access').result).toBe('done');
    expect(world.machine.get('slot:pmd')).toBe(clean | A | D);
  });

  it('starts again when the entry has changed since it was read, and records nothing', () => {
    const world = x86();
    const clean = world.hugePmd() & ~D;
    world.take('store', 'pmd', clean, '');
    world.take('access', 'va', 1, 'mm', VA, true);
    world.take('hw-load', 'pmd', 1, 'mm');
    world.take('store', 'pmd', 0n, '');
    expect(world.take('hw-fill', 'pmd', 1, 'mm', VA, true, clean, 'pmd', 'access').result).toBe('again');
    expect([world.machine.get('slot:pmd'), world.machine.get('walk:CPU1')]).toEqual([0n, 0]);
    expect(world.uses).toEqual([]);
  });

  it('caches a stale entry that needs no recording: nobody looks at memory again', () => {
    const world = x86();
    world.take('store', 'pmd', world.hugePmd(), '');
    world.take('access', 'va', 1, 'mm', VA, true);
    const { result } = world.take('hw-load', 'pmd', 1, 'mm');
    world.take('store', 'pmd', 0n, '');
    expect(world.take('hw-fill', 'pmd', 1, 'mm', VA, true, result, 'pmd', 'access').result).toBe('done');
    expect(tlbOf(world.machine, 1)).toHaveLength(1);
  });

  it('a speculative one caches and uses nothing', () => {
    const world = x86();
    world.take('store', 'pmd', world.hugePmd(), '');
    world.take('hw-walk', 'CPU1', 1);
    const { result } = world.take('hw-load', 'pmd', 1, 'mm');
    world.take('hw-fill', 'pmd', 1, 'mm', VA, false, result, 'pmd', 'speculative');
    expect([tlbOf(world.machine, 1).length, world.uses.length]).toEqual([1, 0]);
  });

  it('faults on a store to a read-only entry', () => {
    const world = x86();
    const readOnly = world.arch.pmd.pmd_wrprotect(world.hugePmd());
    world.take('store', 'pmd', readOnly, '');
    world.take('access', 'va', 1, 'mm', VA, true);
    world.take('hw-load', 'pmd', 1, 'mm');
    expect(world.take('hw-fill', 'pmd', 1, 'mm', VA, true, readOnly, 'pmd', 'access').result).toBe('fault');
  });
});

describe('recordedEntry', () => {
  const { pmd } = x86_64({ kernel: '6.12' });
  const world = x86();
  const mmu = world.machine.mmu;
  it('x86_64: sets accessed for a load, dirty too for a store', () => {
    const clean = world.hugePmd() & ~(A | D);
    expect(recordedEntry(mmu, 'pmd', clean, false)).toBe(clean | A);
    expect(recordedEntry(mmu, 'pmd', clean, true)).toBe(clean | A | D);
  });
  it('x86_64: leaves an entry without write permission alone and gives no store', () => {
    expect(recordedEntry(mmu, 'pmd', pmd.pmd_wrprotect(world.hugePmd()), true)).toBeUndefined();
  });
  it('powerpc radix without hwrc: an old entry faults', () => {
    const radix = new SmallMachine(powerpc({ kernel: '6.12' }));
    const old = radix.arch.pmd.pmd_mkold(radix.hugePmd());
    expect(recordedEntry(radix.machine.mmu, 'pmd', old, false)).toBeUndefined();
  });
});

describe('hpte-insert', () => {
  it('powerpc hash: an entry serves 64 KiB of a huge page, and counts as the whole page', () => {
    const world = new SmallMachine(powerpc({ kernel: '6.12', mmu: 'hash' }));
    world.take('hpte-insert', 'va', 1, 'mm', VA + 0x2_3456n, true, world.hugePmd(), 'pmd');
    expect(tlbOf(world.machine, 1)).toMatchObject([
      { va: VA + 0x2_0000n, sizeBytes: 0x1_0000n, pageBytes: 0x100_0000n, pa: 0x4002_0000n },
    ]);
  });
});

describe('purge', () => {
  const idte = (
    world: SmallMachine,
    target: bigint,
    level = 'pmd',
    local = -1,
  ): ReturnType<SmallMachine['take']> =>
    world.take('purge', 'IDTE', target, 'mm', VA, VA + 0x10_0000n, 0x20n, local, level, '');
  const z = (): SmallMachine => new SmallMachine(s390({ kernel: '6.12' }));

  it('s390 IDTE: sets the invalid bit and drops the translation in one step', () => {
    const world = z();
    world.cacheHuge();
    const before = world.machine.get('slot:pmd') as bigint;
    expect(tlbOf(world.machine, 1)).toHaveLength(1);
    expect(idte(world, 0x6000_0000n).fell).toEqual([]);
    expect(world.machine.get('slot:pmd')).toBe(before | 0x20n);
    expect(tlbOf(world.machine, 1)).toEqual([]);
  });
  it('waits for every walk in flight', () => {
    const world = z();
    world.take('hw-walk', 'CPU1', 1);
    expect(world.can('purge', 'IDTE', 0x6000_0000n, 'mm', VA, VA + 1n, 0x20n, -1, 'pmd', '')).toBe(false);
    world.take('hw-load', 'pmd', 1, 'mm');
    expect(world.can('purge', 'IDTE', 0x6000_0000n, 'mm', VA, VA + 1n, 0x20n, -1, 'pmd', '')).toBe(true);
  });
  it('local: other CPUs keep what they hold', () => {
    const world = z();
    world.cacheHuge();
    idte(world, 0x6000_0000n, 'pmd', 0);
    expect(tlbOf(world.machine, 1)).toHaveLength(1);
  });
  it('I1 falls when the word is of another level, and the word is edited', () => {
    const world = z();
    const taken = idte(world, TABLE);
    expect(taken.fell.map(({ invariant }) => invariant)).toEqual(['I1']);
    expect(taken.fell[0]?.message).toBe('spec: IDTE for a pmd edits T0[0] (0x50000000: 0x0 -> 0x20)');
    expect(world.machine.get('slot:T0[0]')).toBe(0x20n);
  });
  it('I1 falls when the word is in no table of the model', () => {
    expect(idte(z(), 0x1234n).fell.map(({ invariant }) => invariant)).toEqual(['I1']);
  });
});

describe('translationsOf', () => {
  it('finds what maps any byte of a range of physical memory', () => {
    const world = x86();
    world.cacheHuge();
    expect(translationsOf(world.machine, 0x401f_ffffn, 0x4020_0000n)).toMatchObject([
      { cpu: 1, entry: { va: VA } },
    ]);
    expect(translationsOf(world.machine, 0x4020_0000n, 0x4040_0000n)).toEqual([]);
  });
});

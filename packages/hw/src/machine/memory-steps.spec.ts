import { describe, expect, it } from 'vitest';
import { x86_64 } from '@ptemu/x86_64';
import { SmallMachine } from '../../test/small-machine.js';

const small = (): SmallMachine => new SmallMachine(x86_64({ kernel: '6.12' }));
const fell = (taken: { readonly fell: readonly { readonly invariant: string }[] }): string[] =>
  taken.fell.map(({ invariant }) => invariant);

describe('memory steps', () => {
  it('load, store, xchg: the word and what was there', () => {
    const world = small();
    world.take('store', 'pmd', 0x11n, '');
    expect(world.take('load', 'pmd').result).toBe(0x11n);
    expect(world.take('xchg', 'pmd', 0x22n, '').result).toBe(0x11n);
    expect(world.take('load', 'pmd').result).toBe(0x22n);
  });

  it('cmpxchg stores only over what is expected, and returns the old word either way', () => {
    const world = small();
    world.take('store', 'pmd', 0x11n, '');
    expect(world.take('cmpxchg', 'pmd', 0x10n, 0x33n, '').result).toBe(0x11n);
    expect(world.take('load', 'pmd').result).toBe(0x11n);
    expect(world.take('cmpxchg', 'pmd', 0x11n, 0x33n, '').result).toBe(0x11n);
    expect(world.take('load', 'pmd').result).toBe(0x33n);
  });

  it('update clears before it sets', () => {
    const world = small();
    world.take('store', 'pmd', 0xf0n, '');
    expect(world.take('update', 'pmd', 0x30n, 0x11n, '').result).toBe(0xf0n);
    expect(world.take('load', 'pmd').result).toBe(0xd1n);
  });

  it('stores 64 bits and no more', () => {
    const world = small();
    world.take('store', 'pmd', -1n, '');
    expect(world.take('load', 'pmd').result).toBe(0xffff_ffff_ffff_ffffn);
  });

  it('tells the hook the slot, both words and the section of the path', () => {
    const world = small();
    world.take('store', 'pmd', 0x11n, 'split');
    expect(world.stores).toMatchObject([
      { slot: { label: 'pmd' }, old: 0n, value: 0x11n, tag: 'split', by: 'software' },
    ]);
  });

  it('load-when-clear waits while a bit is set', () => {
    const world = small();
    world.take('store', 'pmd', 0x8n, '');
    expect(world.can('load-when-clear', 'pmd', 0x8n)).toBe(false);
    expect(world.waits('load-when-clear', 'pmd', 0x8n)).toEqual(['bits 0x8 of pmd']);
    world.take('store', 'pmd', 0x4n, '');
    expect(world.take('load-when-clear', 'pmd', 0x8n).result).toBe(0x4n);
  });
});

describe('I1 at an access', () => {
  it.each(['free', 'data'])('falls in a region that is %s', (role) => {
    const world = small();
    const table = world.machine.regionByBase(0x5000_0000n);
    if (table === undefined) throw new Error('no table');
    world.machine.setRole(table, role);
    expect(fell(world.take('store', 'T0[0]', 1n, ''))).toEqual(['I1']);
    expect(fell(world.take('load', 'T0[0]'))).toEqual(['I1']);
  });
  it.each(['table:pte', 'deposited', 'private'])('holds in one that is %s', (role) => {
    const world = small();
    const table = world.machine.regionByBase(0x5000_0000n);
    if (table === undefined) throw new Error('no table');
    world.machine.setRole(table, role);
    expect(fell(world.take('store', 'T0[0]', 1n, ''))).toEqual([]);
  });
});

describe('I2 at an access', () => {
  it('falls for a word that no table of the model has, and reads 0', () => {
    const taken = small().take('load', 'word 0x1234');
    expect(fell(taken)).toEqual(['I2']);
    expect(taken.result).toBe(0n);
  });
});

import { describe, expect, it } from 'vitest';
import { x86_64 } from '@ptemu/x86_64';
import { SmallMachine, TABLE } from '../../test/small-machine.js';

const small = (): SmallMachine => new SmallMachine(x86_64({ kernel: '6.12' }));

describe('I2 where a table base is computed', () => {
  const load = (world: SmallMachine, entry: bigint, use: string, mm = 'mm'): string[] => {
    world.take('store', 'pmd', entry, '');
    return world.take('load', 'pmd', use, mm).fell.map(({ invariant }) => invariant);
  };

  it('holds for a linked table', () => {
    const world = small();
    expect(load(world, world.tablePmd(TABLE), 'table')).toEqual([]);
  });
  it.each(['free', 'deposited', 'private', 'table:pmd', 'data'])('falls for a table that is %s', (role) => {
    const world = small();
    const table = world.machine.regionByBase(TABLE);
    if (table === undefined) throw new Error('no table');
    world.machine.setRole(table, role);
    expect(load(world, world.tablePmd(TABLE), 'table')).toEqual(['I2']);
  });
  it('falls for an address where no table is', () => {
    const world = small();
    expect(load(world, world.tablePmd(0x1234_5000n), 'table')).toEqual(['I2']);
  });
  it('falls for none and for a huge page that are taken for a table unseen', () => {
    const world = small();
    expect(load(world, 0n, 'table')).toEqual(['I2']);
    expect(load(world, world.hugePmd(), 'table')).toEqual(['I2']);
  });
  it('holds for none and for a huge page where the caller looks first', () => {
    const world = small();
    expect(load(world, 0n, 'maybe-table')).toEqual([]);
    expect(load(world, world.hugePmd(), 'maybe-table')).toEqual([]);
  });
  it('is not asked by a load that goes nowhere', () => {
    const world = small();
    world.take('store', 'pmd', world.tablePmd(0x1234_5000n), '');
    expect(world.take('load', 'pmd').fell).toEqual([]);
  });

  it('falls for the walker too, and ends its walk', () => {
    const world = small();
    world.take('store', 'pmd', world.tablePmd(0x1234_5000n), '');
    world.take('hw-walk', 'CPU1', 1);
    const { fell } = world.take('hw-load', 'pmd', 1, 'mm');
    expect(fell.map(({ invariant }) => invariant)).toEqual(['I2']);
    expect(world.machine.get('walk:CPU1')).toBe(0);
  });
});

describe('I20 where a table base is computed', () => {
  it('falls when software goes to a table of another address space', () => {
    const world = small();
    world.take('store', 'pmd', world.tablePmd(0x5010_0000n), '');
    const { fell } = world.take('load', 'pmd', 'table', 'mm');
    expect(fell).toEqual([
      { invariant: 'I20', message: 'spec: a walk of mm goes from pmd to a table of other' },
    ]);
  });
  it('holds for the address space that the table belongs to', () => {
    const world = small();
    world.take('store', 'pmd', world.tablePmd(TABLE), '');
    expect(world.take('load', 'pmd', 'table', 'mm').fell).toEqual([]);
  });
});

import { describe, expect, it } from 'vitest';
import { x86_64 } from '@ptemu/x86_64';
import { SmallMachine } from '../../test/small-machine.js';
import { always } from './machine.js';

const small = (): SmallMachine => new SmallMachine(x86_64({ kernel: '6.12' }));

describe('Machine', () => {
  it('finds a region by any address in it and by its base, and not by the address behind it', () => {
    const { machine } = small();
    expect(machine.regionAt(0x5000_0fffn)?.name).toBe('T0');
    expect(machine.regionAt(0x5000_1000n)).toBeUndefined();
    expect(machine.regionByBase(0x5000_0008n)).toBeUndefined();
    expect(machine.regionByBase(0x5000_0000n)?.name).toBe('T0');
  });

  it('names a declared word by its label and any other by its address', () => {
    const { machine } = small();
    expect(machine.labelOf(0x5000_0008n)).toBe('T0[1]');
    expect(machine.labelOf(0x5000_0010n)).toBe('word 0x50000010');
    expect(machine.slotAt(0x5000_0010n)).toBeUndefined();
  });

  it('refuses a slot outside every region', () => {
    expect(() => small().machine.slot('lost', 'pte', 0x1234n, 0n)).toThrow('slot lost lies in no region');
  });

  it('gives the slots of a region by address', () => {
    const { machine } = small();
    machine.slot('T0[9]', 'pte', 0x5000_0048n, 0n);
    machine.slot('T0[4]', 'pte', 0x5000_0020n, 0n);
    const table = machine.regionByBase(0x5000_0000n);
    expect(table && machine.slotsOf(table).map(({ label }) => label)).toEqual([
      'T0[0]',
      'T0[1]',
      'T0[4]',
      'T0[9]',
    ]);
  });

  it('rolls back a role, a word and a cell together, and unpacks what it packed', () => {
    const { machine, take } = withTake();
    const table = machine.regionByBase(0x5000_0000n);
    if (table === undefined) throw new Error('no table');
    const packed: number[] = [];
    machine.pack(packed);
    const mark = machine.mark();
    machine.setRole(table, 'free');
    machine.set('counter', 3, 0);
    take('store', 'pmd', 0x1234n, '');
    expect([machine.roleOf(table), machine.get('counter'), machine.get('slot:pmd')]).toEqual([
      'free',
      3,
      0x1234n,
    ]);
    machine.rollback(mark);
    expect([machine.roleOf(table), machine.get('counter'), machine.get('slot:pmd')]).toEqual([
      'table:pte',
      0,
      0n,
    ]);
    take('store', 'pmd', 0x99n, '');
    machine.unpack(packed, 0, packed.length);
    expect(machine.get('slot:pmd')).toBe(0n);
  });

  it('leaves what fell to one taker, and forgets it then', () => {
    const { machine } = small();
    machine.fall('I1', 'text');
    expect(machine.takeFallen()).toEqual([{ invariant: 'I1', message: 'text' }]);
    expect(machine.takeFallen()).toEqual([]);
  });

  it('runs what is registered for the end', () => {
    const { machine } = small();
    machine.atEnd(() => machine.fall('I22', 'at the end'));
    machine.finish();
    expect(machine.takeFallen()).toEqual([{ invariant: 'I22', message: 'at the end' }]);
  });

  it('names the owner of what a step waits for', () => {
    const { machine } = small();
    machine.define('wait', () => ({
      ...always(() => undefined),
      enabled: () => false,
      waitsFor: () => ['ptl', 'x'],
    }));
    machine.ownersFrom((lock) => (lock === 'ptl' ? 'reclaim' : undefined));
    const prepared = machine.prepare({ kind: 'wait', object: '', operands: [], fn: '' });
    expect(machine.waitsFor(0, prepared)).toEqual(['reclaim', 'x']);
  });

  it('sees the first address of a huge page and the pages that actors use', () => {
    const { machine } = small();
    machine.watchPages([0x4000_3000n]);
    expect([0x4000_0000n, 0x4000_1000n, 0x4000_3000n].map((va) => machine.isSeen(va))).toEqual([
      true,
      false,
      true,
    ]);
  });

  it('throws for a kind of step that nobody defined', () => {
    expect(() => small().take('no-such', '')).toThrow("internal: no step kind 'no-such'");
  });

  it('keeps the effects of one step only', () => {
    const world = small();
    world.cacheHuge();
    expect(world.machine.takeEffects()).not.toEqual([]);
    const load = world.machine.prepare({ kind: 'load', object: 'pmd', operands: [], fn: '' });
    world.machine.execute(0, load);
    expect(world.machine.takeEffects()).toEqual([]);
  });
});

function withTake(): { machine: SmallMachine['machine']; take: SmallMachine['take'] } {
  const world = small();
  return { machine: world.machine, take: world.take.bind(world) };
}

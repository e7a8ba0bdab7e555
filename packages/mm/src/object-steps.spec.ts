import type { Operand, StepResult } from '@ptemu/explore';
import { x86_64 } from '@ptemu/x86_64';
import { describe, expect, it } from 'vitest';
import { worldOf } from '../test/worlds.js';
import { regionNamed } from './object-steps.js';

function world(): {
  take: (kind: string, object: string, ...operands: Operand[]) => StepResult;
  can: (kind: string, object: string, ...operands: Operand[]) => boolean;
  get: (cell: string) => Operand;
  fell: () => string[];
} {
  const { machine } = worldOf(x86_64({ kernel: '6.12' }));
  const prepare = (kind: string, object: string, operands: Operand[]) =>
    machine.prepare({ kind, object, operands, fn: 'spec' });
  return {
    take: (kind, object, ...operands) => prepare(kind, object, operands).run(),
    can: (kind, object, ...operands) => prepare(kind, object, operands).enabled(),
    get: (cell) => machine.get(cell),
    fell: () => machine.takeFallen().map(({ invariant }) => invariant),
  };
}

describe('locks', () => {
  it('a spin lock has one holder, and is named to who waits', () => {
    const w = world();
    w.take('lock', 'l', 'a');
    expect(w.can('lock', 'l', 'b')).toBe(false);
    expect(w.get('l')).toBe('a');
    w.take('unlock', 'l', 'a');
    expect([w.can('lock', 'l', 'b'), w.fell()]).toEqual([true, []]);
  });
  it('readers of a rwsem exclude a writer and not each other', () => {
    const w = world();
    w.take('down_read', 's');
    expect([w.can('down_read', 's'), w.can('down_write', 's')]).toEqual([true, false]);
    w.take('down_read', 's');
    w.take('up_read', 's');
    expect(w.can('down_write', 's')).toBe(false);
    w.take('up_read', 's');
    w.take('down_write', 's');
    expect([w.can('down_read', 's'), w.can('down_write', 's')]).toEqual([false, false]);
    w.take('up_write', 's');
    expect(w.can('down_read', 's')).toBe(true);
  });
});

describe('references', () => {
  it('a speculative one is not had from zero; freezing needs the exact count', () => {
    const w = world();
    expect(w.take('try-get', 'P0.refcount')).toBe(false);
    expect(w.take('try-get', 'H.refcount')).toBe(true);
    expect([w.take('freeze', 'H.refcount', 2), w.get('H.refcount')]).toEqual([false, 3]);
    expect([w.take('freeze', 'H.refcount', 3), w.get('H.refcount')]).toEqual([true, 0]);
    expect(w.take('try-get', 'H.refcount')).toBe(false);
    expect(w.fell()).toEqual([]);
  });
  it('the last put frees', () => {
    const w = world();
    w.take('account', 'entry', 'H.entire_mapcount', -1);
    expect([w.take('put', 'H.refcount', 1, 'H'), w.get('H.state')]).toEqual([1, 'compound']);
    expect([w.take('put', 'H.refcount', 1, 'H'), w.get('H.state')]).toEqual([0, 'free']);
    expect(w.fell()).toEqual([]);
  });
});

describe('runs', () => {
  it('fill a private table, are taken once, and swap only what is expected', () => {
    const w = world();
    w.take('fill-run', 'T0', 'H', 'T0[1]', 0x77n);
    expect([w.get('role:T0'), w.get('rest:T0'), w.get('slot:T0[1]')]).toEqual(['private', 'H', 0x77n]);
    expect([w.take('swap-run', 'T0', 'X', 'Y'), w.get('rest:T0')]).toEqual([false, 'H']);
    expect([w.take('swap-run', 'T0', 'H', 'Y'), w.get('rest:T0')]).toEqual([true, 'Y']);
    expect([w.take('take-run', 'T0'), w.take('take-run', 'T0')]).toEqual(['Y', 'empty']);
  });
});

describe('account', () => {
  it('changes several counters in one step', () => {
    const w = world();
    w.take('account', 'x', 'mm.rss', -2, 'mm.nr_ptes', 1);
    expect([w.get('mm.rss'), w.get('mm.nr_ptes')]).toEqual([510, 2]);
  });
});

describe('regionNamed', () => {
  it('throws for a region that is not declared', () => {
    expect(() => regionNamed(worldOf(x86_64({ kernel: '6.12' })).machine, 'T9')).toThrow(
      "internal: no region 'T9'",
    );
  });
});

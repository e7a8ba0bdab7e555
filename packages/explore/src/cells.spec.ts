import { describe, expect, it } from 'vitest';
import { thread } from '../test/protocols.js';
import { cells, explore, ExploreError } from './index.js';
import type { CellsOptions, Operand, Steps } from './index.js';

/** Runs one thread alone and returns what its steps gave back. */
const run = (
  make: (c: ReturnType<typeof cells>) => Steps<readonly unknown[]>,
  options: CellsOptions = {},
) => {
  const c = cells(2, { locks: 1, ...options });
  let results: readonly unknown[] = [];
  const start = function* (): Steps<void> {
    results = yield* make(c);
  };
  const result = explore({ world: c.world, threads: [thread('A', start)] });
  return { results, ...result };
};

describe('cells', () => {
  it('reads, writes, swaps and adds', () => {
    const { results, verdict } = run(
      function* (c) {
        const seen: Operand[] = [yield* c.read(1)];
        yield* c.write(1, -7);
        seen.push(yield* c.read(1), yield* c.compareAndSwap(1, 0, 5), yield* c.compareAndSwap(1, -7, 5));
        seen.push(yield* c.fetchAdd(1, 3), yield* c.read(1), yield* c.read(0));
        return seen;
      },
      { initial: [4, 9] },
    );
    expect(verdict).toBe('holds');
    expect(results).toEqual([9, -7, false, true, 5, 8, 4]);
  });

  it('lets lock-owner fall when a lock is given back by another, and keeps it locked', () => {
    const c = cells(0, { locks: 1 });
    const program = {
      world: c.world,
      threads: [thread('A', () => c.lock(0)), thread('B', () => c.unlock(0))],
      judgedBy: [],
    };
    const { verdict, fell, executions } = explore(program);
    expect([verdict, executions]).toEqual(['holds', 2n]);
    expect(fell).toEqual([
      {
        invariant: 'lock-owner',
        message: 'lock[0] is given back by a thread that does not hold it',
        judged: false,
        schedule: [{ actor: 'B', step: 'unlock lock[0]' }],
      },
    ]);
  });

  it('lets assert fall with its message, and takes no step for a true condition', () => {
    const failing = run(function* (c) {
      const value = yield* c.read(0);
      yield* c.assertThat(value === 0, 'never said');
      yield* c.assertThat(value === 1, 'cell is not 1');
      return [];
    });
    expect(failing).toMatchObject({
      invariant: 'assert',
      message: 'cell is not 1',
      states: 2,
      transitions: 2,
    });
    expect(failing.schedule.map(({ step }) => step)).toEqual(['read cell[0]', 'assert cell is not 1']);
  });

  it('says which values an invariant that gives false falls with', () => {
    const invariants = { low: (now: { get(cell: number): number }) => now.get(1) < 3 };
    const result = run(
      function* (c) {
        yield* c.write(1, 2);
        yield* c.write(1, 3);
        return [];
      },
      { invariants, names: ['x', 'y'] },
    );
    expect(result).toMatchObject({ invariant: 'low', message: 'it is false with x = 0, y = 3, lock[0] = 0' });
    expect(result.schedule).toHaveLength(2);
  });

  it('takes an operation in one step, when it is possible', () => {
    const c = cells(2, {
      operations: {
        exchange: {
          when: (now, a = 0) => now.get(a) !== 0,
          run: (now, a = 0, b = 0) => {
            const old = now.get(b);
            now.set(b, now.get(a));
            now.set(a, old);
            if (old === 8) now.fall('eight', 'an eight was exchanged');
            return old;
          },
        },
      },
      final: { exchanged: (now) => now.get(0) === 8 && now.get(1) === 1 },
    });
    const b = function* (): Steps<void> {
      yield* c.write(1, 8);
      yield* c.write(0, 1);
    };
    const program = {
      world: c.world,
      threads: [thread('A', () => c.call('exchange', [0, 1])), thread('B', b)],
      judgedBy: ['exchanged'],
    };
    // A cannot come before B's last step, which makes cell 0 differ from 0.
    expect(explore(program)).toMatchObject({ verdict: 'holds', executions: 1n, alsoFell: ['eight'] });
  });

  it('describes a step and its result', () => {
    const { world } = cells(1);
    const step = { kind: 'read', object: 'cell[0]', operands: [], fn: 'f' };
    expect(world.describe?.(step, 0x20n)).toBe('f: read cell[0] -> 0x20');
    expect(world.describe?.(step, undefined)).toBe('f: read cell[0]');
  });

  it('marks, rolls back, packs and unpacks', () => {
    const { world } = cells(3, { initial: [5, 6, 7] });
    const packed = (): number[] => {
      const out: number[] = [];
      world.pack(out);
      return out;
    };
    const write = (cell: number, value: number): unknown =>
      world.execute(0, world.prepare({ kind: 'write', object: `cell[${cell}]`, operands: [value], fn: '' }));
    expect(packed()).toEqual([0, 0, 0]);
    const outer = world.mark();
    write(1, 60);
    const middle = packed();
    const inner = world.mark();
    write(1, 61);
    write(2, 70);
    write(1, 6);
    expect(packed()).toEqual([0, 0, 1]);
    world.rollback(inner);
    expect(packed()).toEqual(middle);
    world.rollback(outer);
    expect(packed()).toEqual([0, 0, 0]);
    world.unpack([9, 9, ...middle, 9], 2, 2 + middle.length);
    expect(packed()).toEqual(middle);
    expect(world.mark()).toBe(0);
    write(2, 71);
    world.unpack(middle, 0, 0);
    expect(packed()).toEqual([0, 0, 0]);
    // Nothing is left to roll back.
    expect(world.mark()).toBe(0);
  });

  it.each<[() => unknown, string]>([
    [() => cells(-1), 'BAD_OPTION'],
    [() => cells(1, { locks: 0.5 }), 'BAD_OPTION'],
    [() => cells(2, { initial: [1] }), 'BAD_OPTION'],
    [() => cells(1, { names: ['a', 'b'] }), 'BAD_OPTION'],
    [() => cells(2, { names: ['a', 'a'] }), 'BAD_OPTION'],
    [() => cells(1).read(1).next(), 'BAD_CELL'],
    [() => cells(1).lock(0).next(), 'BAD_CELL'],
    [() => cells(1).call('nothing').next(), 'BAD_CELL'],
    [() => cells(1).world.prepare({ kind: 'write', object: 'cell[0]', operands: [0.5], fn: '' }), 'BAD_STEP'],
  ])('refuses what it does not have (%#)', (wrong, code) => {
    expect(wrong).toThrow(ExploreError);
    expect(wrong).toThrow(expect.objectContaining({ code }));
  });
});

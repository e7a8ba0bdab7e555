import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { increments, lockOrder, thread } from '../test/protocols.js';
import { firstFall, orderOf } from '../test/plain-runs.js';
import { programOf, sketches } from '../test/random-programs.js';
import { cells, explore, shrink } from './index.js';
import type { Program } from './index.js';

const actors = (schedule: readonly { readonly actor: string }[]): string =>
  schedule.map(({ actor }) => actor).join('');

/** A reader that must not see 1, a writer of it that works for long first, and bystanders. */
function withBystanders(): Program {
  const c = cells(3);
  const busy = function* (cell: number) {
    for (let i = 0; i < 10; i++) yield* c.write(cell, i);
  };
  const write = function* () {
    yield* c.write(0, 1);
    yield* busy(1);
  };
  const read = function* () {
    yield* busy(2);
    yield* c.assertThat((yield* c.read(0)) !== 1, 'saw 1');
  };
  return {
    world: c.world,
    threads: [thread('X', () => busy(1)), thread('W', write), thread('R', read), thread('Y', () => busy(2))],
  };
}

describe('shrink', () => {
  it('leaves out bystanders, steps that do not matter and context switches', () => {
    const program = withBystanders();
    const { schedule } = explore(program, { strategy: 'random', seed: 3 });
    expect(new Set(actors(schedule))).toEqual(new Set('XWRY'));
    const short = shrink(program, schedule);
    // One write, then ten steps of R, its read, and its assert.
    expect(actors(short)).toBe(`W${'R'.repeat(12)}`);
    expect(explore(program, { strategy: 'replay', schedule: short })).toMatchObject({
      invariant: 'assert',
      drift: null,
      schedule: short,
    });
  });

  it('keeps what a final invariant needs: all actors have ended', () => {
    const program = increments('read-write');
    const schedule = ['A: read x', 'B: read x', 'A: write x 1', 'B: write x 1'].map((line) => ({
      actor: line.slice(0, 1),
      step: line.slice(3),
    }));
    // A B A B has three switches; the runs that can be joined make it two.
    expect(actors(shrink(program, schedule))).toMatch(/^(ABBA|BAAB)$/);
  });

  it('keeps the two steps of a deadlock', () => {
    const { schedule } = explore(lockOrder([1, 0]), { strategy: 'random', seed: 2 });
    expect(actors(shrink(lockOrder([1, 0]), schedule))).toMatch(/^(AB|BA)$/);
  });

  it('leaves out a single step', () => {
    const c = cells(2);
    const write = function* () {
      yield* c.write(0, 1);
      yield* c.write(1, 1);
    };
    const read = function* () {
      yield* c.assertThat((yield* c.read(0)) !== 1, 'saw 1');
    };
    const program = { world: c.world, threads: [thread('W', write), thread('R', read)] };
    const schedule = ['W: write cell[0] 1', 'W: write cell[1] 1', 'R: read cell[0]', 'R: assert saw 1'].map(
      (line) => ({ actor: line.slice(0, 1), step: line.slice(3) }),
    );
    expect(actors(shrink(program, schedule))).toBe('WRR');
  });

  it('leaves out steps that can only go together, on both sides of a context switch', () => {
    const c = cells(2, { locks: 1 });
    const first = function* () {
      yield* c.write(0, 1);
      yield* c.lock(0);
      yield* c.waitUntil(1, 1);
      yield* c.unlock(0);
    };
    const second = function* () {
      yield* c.waitUntil(0, 1);
      yield* c.write(1, 1);
      yield* c.lock(0);
      yield* c.assertThat(false, 'got here');
    };
    const program = { world: c.world, threads: [thread('A', first), thread('B', second)] };
    // Without the unlock of A or its wait B would not get the lock, and no runs can be joined.
    const { schedule } = explore(program, {
      strategy: 'replay',
      schedule: [
        ['A', 'write cell[0] 1'],
        ['A', 'lock lock[0]'],
        ['B', 'waitUntil cell[0] 1'],
        ['B', 'write cell[1] 1'],
        ['A', 'waitUntil cell[1] 1'],
        ['A', 'unlock lock[0]'],
        ['B', 'lock lock[0]'],
        ['B', 'assert got here'],
      ].map(([actor = '', step = '']) => ({ actor, step })),
    });
    expect(actors(schedule)).toBe('AABBAABB');
    expect(actors(shrink(program, schedule))).toBe('ABBBB');
  });

  it('cuts what comes after the fall', () => {
    const c = cells(1);
    const program = {
      world: c.world,
      threads: [thread('A', () => c.assertThat(false, 'no')), thread('B', () => c.write(0, 1))],
    };
    const schedule = [
      { actor: 'A', step: 'assert no' },
      { actor: 'B', step: 'write cell[0] 1' },
    ];
    expect(shrink(program, schedule)).toEqual(schedule.slice(0, 1));
  });

  it('refuses a schedule that violates nothing', () => {
    const program = increments('read-write');
    const refusal = (message: string): unknown =>
      expect.objectContaining({ code: 'BAD_OPTION', message: expect.stringContaining(message) as string });
    expect(() => shrink(program, [])).toThrow(refusal('the schedule to shrink violates nothing'));
    expect(() => shrink(program, [{ actor: 'C', step: 'read x' }])).toThrow(refusal('it drifts at step 0'));
  });

  it('leaves nothing that can be left out, by a plain machine that shares nothing with it', () => {
    let shrunk = 0;
    fc.assert(
      fc.property(sketches, fc.nat(1000), (sketch, seed) => {
        const program = programOf(sketch, false, () => {});
        const { verdict, invariant, schedule } = explore(program, { strategy: 'random', seed, runs: 30 });
        if (verdict !== 'violates' || invariant === null) return;
        const short = shrink(program, schedule);
        expect(shrink(program, schedule)).toEqual(short);
        expect(shrink(program, short)).toEqual(short);
        const again = explore(program, { strategy: 'replay', schedule: short });
        expect(again).toMatchObject({ invariant, drift: null, schedule: short });
        if (short.length < schedule.length) shrunk++;

        const order = orderOf(short);
        const falls = (candidate: readonly number[]): boolean => {
          const fallen = firstFall(sketch, candidate);
          // Where several fall at once, the program is judged by the one that it names first.
          return (
            fallen !== null && fallen.includes(invariant) && firstIn(sketch.judgedBy, fallen) === invariant
          );
        };
        expect(falls(order)).toBe(true);
        for (const actor of new Set(order)) expect(falls(order.filter((t) => t !== actor))).toBe(false);
        order.forEach((_, i) => expect(falls(order.filter((__, j) => j !== i))).toBe(false));
        const runs = order.reduce<number[][]>((all, t) => {
          const last = all.at(-1);
          return last?.[0] === t ? [...all.slice(0, -1), [...last, t]] : [...all, [t]];
        }, []);
        runs.forEach((run, from) =>
          runs.forEach((other, to) => {
            if (from === to || other[0] !== run[0]) return;
            const moved = runs.flatMap((r, i) => (i === from ? [] : i === to ? [...r, ...run] : r));
            expect(falls(moved)).toBe(false);
          }),
        );
      }),
      { seed: 10, numRuns: 300 },
    );
    expect(shrunk).toBeGreaterThan(20);
  });
});

/** Of what fell in one step, the one that stands first among those that judge. */
function firstIn(judgedBy: readonly string[] | undefined, fallen: readonly string[]): string | undefined {
  const place = (name: string): number =>
    judgedBy?.includes(name) === true ? judgedBy.indexOf(name) : (judgedBy?.length ?? 0);
  return [...fallen].sort((a, b) => place(a) - place(b))[0];
}

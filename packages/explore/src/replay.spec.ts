import { describe, expect, it } from 'vitest';
import { increments, lockOrder, peterson, thread } from '../test/protocols.js';
import { SIZES, svz } from '../test/svz.js';
import { cells, explore } from './index.js';
import type { ExploreResult, Program, ScheduleEntry, TakenStep } from './index.js';

const replay = (program: Program, schedule: readonly ScheduleEntry[]): ExploreResult =>
  explore(program, { strategy: 'replay', schedule });
const lost = explore(increments('read-write'), { strategy: 'exhaustive' }).schedule;
const at = <T>(list: readonly T[], i: number): T => list[i] as T;

describe('replay', () => {
  it.each<[string, () => Program]>([
    ['a lost update', () => increments('read-write')],
    ['a deadlock', () => lockOrder([1, 0])],
    ['both inside', () => peterson('turn-first')],
    ['a stale TLB entry', () => svz(SIZES.M, 'bug')],
  ])('finds %s again, in the same program and in one made anew', (_, make) => {
    const program = make();
    const { invariant, message, schedule } = explore(program);
    for (const again of [program, make()]) {
      const result = replay(again, schedule);
      expect(result).toMatchObject({ verdict: 'violates', invariant, message, schedule, drift: null });
      expect(result.transitions).toBe(schedule.length);
    }
  });

  it('never says that a program holds', () => {
    expect(replay(increments('read-write'), lost.slice(0, 3))).toMatchObject({
      verdict: 'unknown',
      message: 'nothing fell in the 3 steps replayed',
      terminalStates: 0,
    });
    const order = [0, 2, 1, 3].map((i) => at(lost, i));
    const kept = order.map((entry, i) => (i === 3 ? { ...entry, step: 'write x 2' } : entry));
    const inOrder = [at(kept, 0), at(kept, 1), at(kept, 2), at(kept, 3)];
    expect(replay(increments('read-write'), inOrder)).toMatchObject({
      verdict: 'unknown',
      terminalStates: 1,
    });
  });

  it('says where the actor would do something else', () => {
    const changed = lost.map((entry, i) => (i === 2 ? { ...entry, step: 'write x 9' } : entry));
    const result = replay(increments('read-write'), changed);
    expect(result).toMatchObject({ verdict: 'unknown', invariant: null, transitions: 2 });
    expect(result.message).toBe(
      'the replay drifts at step 2 (from 0): A would do "write x 1"; expected "write x 9"',
    );
    expect(result.drift).toEqual({
      index: 2,
      expected: { actor: 'A', step: 'write x 9' },
      reason: 'other-step',
      actual: 'write x 1',
      enabled: [
        { actor: 'A', step: 'write x 1' },
        { actor: 'B', step: 'write x 1' },
      ],
    });
  });

  it('says that no such actor exists', () => {
    const { drift } = replay(increments('read-write'), [{ actor: 'Z', step: 'read x' }]);
    expect(drift).toMatchObject({ index: 0, reason: 'no-such-actor', actual: null });
    expect(drift?.enabled).toHaveLength(2);
  });

  it('says that the actor has ended', () => {
    const more = { actor: 'A', step: 'read x' };
    const schedule = [at(lost, 0), at(lost, 2), more];
    const { drift } = replay(increments('read-write'), schedule);
    expect(drift).toEqual({
      index: 2,
      expected: more,
      reason: 'ended',
      actual: null,
      enabled: [{ actor: 'B', step: 'read x' }],
    });
  });

  it('says that the actor is blocked', () => {
    const first = { actor: 'A', step: 'lock lock[0]' };
    const second = { actor: 'B', step: 'lock lock[0]' };
    const { drift } = replay(lockOrder([0, 1]), [first, second]);
    expect(drift).toEqual({
      index: 1,
      expected: second,
      reason: 'blocked',
      actual: 'lock lock[0]',
      enabled: [{ actor: 'A', step: 'lock lock[1]' }],
    });
  });

  it('ends where a judged invariant falls and goes on where another does', () => {
    const c = cells(1, { invariants: { low: (now) => now.get(0) < 1 } });
    const add = function* () {
      yield* c.fetchAdd(0, 1);
    };
    const program = { world: c.world, threads: [thread('A', add), thread('B', add)] };
    const schedule = ['A', 'B'].map((actor) => ({ actor, step: 'fetchAdd cell[0] 1' }));
    expect(replay(program, schedule)).toMatchObject({ verdict: 'violates', transitions: 1 });
    expect(replay({ ...program, judgedBy: [] }, schedule)).toMatchObject({
      alsoFell: ['low'],
      transitions: 2,
    });
  });

  it('shows each step and its result while the world is in the state after it', () => {
    const c = cells(1);
    const add = function* () {
      yield* c.as('add').fetchAdd(0, 3);
    };
    const program = { world: c.world, threads: [thread('A', add), thread('B', add)] };
    const seen: [TakenStep, number][] = [];
    explore(program, {
      strategy: 'replay',
      schedule: ['B', 'A'].map((actor) => ({ actor, step: 'add: fetchAdd cell[0] 3' })),
      observe: (taken) => seen.push([taken, c.now.get(0)]),
    });
    const step = { kind: 'fetchAdd', object: 'cell[0]', operands: [3], fn: 'add' };
    expect(seen).toEqual([
      [{ index: 0, actor: 'B', thread: 1, step, result: 0, fallen: [] }, 3],
      [{ index: 1, actor: 'A', thread: 0, step, result: 3, fallen: [] }, 6],
    ]);
    expect(c.now.get(0)).toBe(0);
  });

  it('stops at maxSteps and names it', () => {
    const options = { strategy: 'replay', schedule: lost, maxSteps: 2 } as const;
    expect(explore(increments('read-write'), options)).toMatchObject({
      verdict: 'unknown',
      transitions: 2,
      bounds: [{ option: 'maxSteps', limit: 2 }],
    });
  });
});

import { describe, expect, it } from 'vitest';
import { increments, lockOrder, peterson } from '../test/protocols.js';
import { cells, explore } from './index.js';

const strategy = 'random';

describe('random', () => {
  it('finds a lost update, and its schedule replays', () => {
    const result = explore(increments('read-write'), { strategy, seed: 3 });
    expect(result).toMatchObject({ verdict: 'violates', invariant: 'sum', seed: 3, states: 0 });
    const again = explore(increments('read-write'), { strategy: 'replay', schedule: result.schedule });
    expect(again).toMatchObject({ verdict: 'violates', invariant: 'sum', schedule: result.schedule });
  });

  it('finds a deadlock', () => {
    expect(explore(lockOrder([1, 0]), { strategy })).toMatchObject({
      invariant: 'deadlock',
      message: 'A waits for B, B waits for A',
    });
  });

  it('is unknown when nothing fell, and counts its runs', () => {
    expect(explore(increments('compareAndSwap'), { strategy, runs: 20 })).toMatchObject({
      verdict: 'unknown',
      seed: 1,
      executions: 20n,
      terminalStates: 20,
      bounds: [{ option: 'runs', limit: 20 }],
    });
  });

  it('draws every enabled thread equally often', () => {
    const first = { A: 0, B: 0 };
    for (let seed = 0; seed < 400; seed++) {
      const { schedule } = explore(lockOrder([1, 0]), { strategy, seed });
      first[schedule[0]?.actor as 'A' | 'B']++;
    }
    expect(first.A + first.B).toBe(400);
    // Six standard deviations of 400 fair draws.
    expect(Math.abs(first.A - 200)).toBeLessThan(60);
  });

  it('gives up a walk at maxSteps or maxDepth', () => {
    const c = cells(1);
    const spin = function* () {
      for (;;) yield* c.write(0, 0);
    };
    const program = { world: c.world, threads: [{ name: 'A', start: spin }] };
    expect(explore(program, { strategy, runs: 2, maxSteps: 10 })).toMatchObject({
      transitions: 20,
      bounds: [{ option: 'maxSteps' }, { option: 'runs' }],
    });
    expect(explore(program, { strategy, runs: 2, maxDepth: 7 })).toMatchObject({
      transitions: 14,
      bounds: [{ option: 'maxDepth' }, { option: 'runs' }],
    });
  });

  it('says what was reached', () => {
    const { reached } = explore(peterson('flag-first'), { strategy, runs: 30 });
    expect(reached.map((one) => one.reached)).toEqual([true, false]);
    expect(reached[0]?.schedule.at(-1)?.step).toMatch(/write (turn|flag0) 1/);
  });
});

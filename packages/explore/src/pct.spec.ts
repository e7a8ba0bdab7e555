import { describe, expect, it } from 'vitest';
import { increments, lockOrder, thread } from '../test/protocols.js';
import { cells, explore } from './index.js';
import type { Program } from './index.js';

const strategy = 'pct';

describe('pct', () => {
  it('finds a lost update, which needs two orderings, with depth 2 and never with depth 1', () => {
    const program = increments('read-write');
    const result = explore(program, { strategy, depth: 2 });
    expect(result).toMatchObject({ verdict: 'violates', invariant: 'sum', seed: 1 });
    const again = explore(program, { strategy: 'replay', schedule: result.schedule });
    expect(again).toMatchObject({ invariant: 'sum', drift: null });
    expect(explore(program, { strategy, depth: 1, runs: 500 })).toMatchObject({
      verdict: 'unknown',
      executions: 500n,
      terminalStates: 500,
      transitions: 2000,
    });
  });

  it('finds it at least as often as the bound says', () => {
    let found = 0;
    const walks = 1600;
    for (let seed = 0; seed < walks; seed++) {
      const { verdict } = explore(increments('read-write'), {
        strategy,
        depth: 2,
        length: 4,
        runs: 1,
        seed: seed * 7919,
      });
      if (verdict === 'violates') found++;
    }
    // n = 2, k = 4: 1/8 of the walks, less six standard deviations (13.2 each).
    expect(found).toBeGreaterThan(walks / 8 - 80);
    // And not by uniform draws, which find it in 3 of 4: a change point is hit between A's steps only.
    expect(found).toBeLessThan(walks / 2);
  });

  it('orders threads without change points as their priorities do, each order equally often', () => {
    const c = cells(1);
    const order: number[] = [];
    const program: Program = {
      world: c.world,
      threads: [0, 1, 2].map((i) =>
        thread(`T${i}`, function* () {
          if ((yield* c.fetchAdd(0, 1)) === 0) order.push(i);
        }),
      ),
    };
    explore(program, { strategy, depth: 1, runs: 600 });
    for (const i of [0, 1, 2]) {
      // 600 fair draws of three; six standard deviations are 69.
      expect(Math.abs(order.filter((first) => first === i).length - 200)).toBeLessThan(70);
    }
  });

  it('prints the bound of the paper', () => {
    const message = (options: object): string =>
      explore(increments('compareAndSwap'), { strategy, runs: 20, ...options }).message;
    expect(message({ length: 10 })).toBe(
      'nothing fell in 20 walks; each finds a violation of depth 3 with probability at least 1/(2 * 10^2) = 0.00500 if no schedule has more than 10 steps; raise runs 20 to see more',
    );
    expect(message({ length: 10, depth: 2 })).toContain('at least 1/(2 * 10) = 0.0500 if');
    expect(message({ depth: 1 })).toContain('at least 1/(2) = 0.500 if no schedule has more than 4 steps');
    expect(message({ length: 2 })).toMatch(
      /; a schedule has [46] steps, more than length 2, so no bound is known: give length [46] or more; raise runs 20/,
    );
  });

  it('finds a deadlock, and repeats itself for equal seeds', () => {
    const results = [1, 2].map(() => explore(lockOrder([1, 0]), { strategy, seed: 5 }));
    expect(results[0]).toMatchObject({ invariant: 'deadlock', message: 'A waits for B, B waits for A' });
    expect(results[0]).toEqual(results[1]);
  });

  it.each(['depth', 'length'] as const)('refuses a %s that is not a positive integer', (name) => {
    for (const value of [0, -1, 1.5]) {
      expect(() => explore(increments('read-write'), { strategy, [name]: value })).toThrow(
        expect.objectContaining({
          code: 'BAD_OPTION',
          message: `option ${name} is ${value}; it must be an integer in [1, 2^31)`,
        }),
      );
    }
  });

  it('gives up a walk at maxSteps or maxDepth', () => {
    const c = cells(1);
    const spin = function* () {
      for (;;) yield* c.write(0, 0);
    };
    const program = { world: c.world, threads: [thread('A', spin)] };
    for (const bound of ['maxSteps', 'maxDepth'] as const) {
      expect(explore(program, { strategy, runs: 2, [bound]: 10 })).toMatchObject({
        transitions: 20,
        bounds: [{ option: bound }, { option: 'runs' }],
      });
    }
  });
});

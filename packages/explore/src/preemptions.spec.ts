import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { increments, lockOrder, peterson, thread } from '../test/protocols.js';
import { countPreemptions, orderOf, preemptionsOf } from '../test/plain-runs.js';
import { programOf, sketches } from '../test/random-programs.js';
import { cells, explore } from './index.js';
import type { Program } from './index.js';

const strategy = 'preemptions';

/** Two threads of two writes each to cells of their own. */
function twoByTwo(): Program {
  const c = cells(4);
  const run = function* (i: number) {
    yield* c.write(i, 1);
    yield* c.write(i + 1, 1);
  };
  return { world: c.world, threads: [thread('A', () => run(0)), thread('B', () => run(2))] };
}

describe('preemptions', () => {
  it('counts states with their last thread, by the fewest preemptions', () => {
    // 0: the start, then aabb and bbaa: 4 states each. 1: ab, abb and then a to the end of bbaa; likewise ba, baa, b.
    // 2: aba and bab, which lead to states of baa and abb.
    expect(explore(twoByTwo(), { strategy })).toMatchObject({
      verdict: 'holds',
      states: 13,
      transitions: 16,
      terminalStates: 2,
      executions: null,
      bounds: [],
      message:
        'nothing fell in 13 pairs of a state and its last thread, which are all: no schedule needs more preemptions',
      perPreemptions: [
        { preemptions: 0, states: 9, transitions: 8, terminalStates: 2 },
        { preemptions: 1, states: 4, transitions: 6, terminalStates: 0 },
        { preemptions: 2, states: 0, transitions: 2, terminalStates: 0 },
      ],
    });
  });

  it('is unknown when preemptions were left out, and names the bound', () => {
    expect(explore(twoByTwo(), { strategy, preemptions: 1 })).toMatchObject({
      verdict: 'unknown',
      states: 13,
      bounds: [{ option: 'preemptions', limit: 1 }],
      message: 'nothing fell in 13 pairs of a state and its last thread; raise preemptions 1 to see more',
    });
  });

  it('finds a lost update with one preemption and not with none', () => {
    const program = increments('read-write');
    expect(explore(program, { strategy, preemptions: 0 }).verdict).toBe('unknown');
    const { verdict, schedule, perPreemptions } = explore(program, { strategy });
    expect(verdict).toBe('violates');
    expect(schedule.map(({ actor }) => actor).join('')).toMatch(/^(ABBA|BAAB)$/);
    expect(perPreemptions).toHaveLength(2);
  });

  it('finds a deadlock of two locks with one preemption', () => {
    expect(explore(lockOrder([1, 0]), { strategy, preemptions: 0 }).verdict).toBe('unknown');
    expect(explore(lockOrder([1, 0]), { strategy, preemptions: 1 })).toMatchObject({
      invariant: 'deadlock',
      perPreemptions: [{ preemptions: 0 }, { preemptions: 1 }],
    });
  });

  it('holds for Peterson with loops that forget, as no more preemptions lead anywhere', () => {
    expect(explore(peterson('flag-first'), { strategy, preemptions: 100 }).verdict).toBe('holds');
    expect(explore(peterson('turn-first'), { strategy }).invariant).toBe('exclusion');
  });

  it('finds the fewest preemptions that a naive enumerator finds', () => {
    fc.assert(
      fc.property(sketches, fc.nat(2), (sketch, preemptions) => {
        const { fewest, most } = preemptionsOf(sketch);
        const program = programOf(sketch, false, () => {});
        const { verdict, schedule, invariant } = explore(program, { strategy, preemptions });
        if (fewest <= preemptions) expect(verdict).toBe('violates');
        else if (most <= preemptions) expect(verdict).toBe('holds');
        else expect(verdict).not.toBe('violates');
        if (verdict !== 'violates') return;
        expect(countPreemptions(sketch, orderOf(schedule))).toBe(fewest);
        const again = explore(program, { strategy: 'replay', schedule });
        expect(again).toMatchObject({ drift: null, invariant });
      }),
      { seed: 8, numRuns: 300 },
    );
  });

  it('agrees with the exhaustive search when the bound is large', () => {
    fc.assert(
      fc.property(sketches, (sketch) => {
        const program = programOf(sketch, false, () => {});
        const { verdict } = explore(program, { strategy, preemptions: 50 });
        expect(verdict).toBe(explore(program).verdict);
      }),
      { seed: 9, numRuns: 200 },
    );
  });

  it('stops at other bounds, and at the first violation when told to', () => {
    const c = cells(1);
    const spin = function* () {
      for (;;) yield* c.fetchAdd(0, 1);
    };
    const program = { world: c.world, threads: [thread('A', spin)] };
    for (const bound of ['maxSteps', 'maxDepth', 'maxStates'] as const) {
      expect(explore(program, { strategy, [bound]: 9 })).toMatchObject({
        verdict: 'unknown',
        transitions: 9,
        bounds: [{ option: bound, limit: 9 }],
      });
    }
    const early = {
      world: c.world,
      threads: [
        thread('A', () => c.assertThat(false, 'at once')),
        thread('B', () => c.write(0, 1)),
        thread('C', () => c.write(0, 2)),
      ],
    };
    const whole = explore(early, { strategy });
    // A falls first, and nothing else is done.
    expect(explore(early, { strategy, stopAtFirst: true })).toMatchObject({
      invariant: 'assert',
      transitions: 1,
    });
    expect(whole.transitions).toBeGreaterThan(1);
  });

  it.each([-1, 0.5, 2 ** 31, Number.NaN])('refuses %s preemptions', (preemptions) => {
    expect(() => explore(twoByTwo(), { strategy, preemptions })).toThrow(
      expect.objectContaining({
        code: 'BAD_OPTION',
        message: `option preemptions is ${preemptions}; it must be an integer in [0, 2^31)`,
      }),
    );
  });

  it('leaves the world as it was', () => {
    const c = cells(1);
    const program = { world: c.world, threads: [thread('A', () => c.write(0, 1))] };
    const results = [1, 2].map(() => explore(program, { strategy }));
    expect(results[0]).toEqual(results[1]);
    expect(c.now.get(0)).toBe(0);
  });
});

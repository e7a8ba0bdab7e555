import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { enumerate, sketches } from '../test/random-programs.js';
import { expectSameBehaviour } from '../test/same-behaviour.js';

/** `random-programs.deep.spec.ts` does the same with more programs. */
describe('explore, on programs drawn at random', () => {
  it('sees the states, finals, falls and executions that a naive enumerator sees', () => {
    fc.assert(
      fc.property(sketches, (sketch) => expectSameBehaviour(sketch, false)),
      { seed: 1, numRuns: 300 },
    );
  });

  it('sees the same finals, falls and executions when histories are forgotten', () => {
    fc.assert(
      fc.property(sketches, (sketch) => {
        expectSameBehaviour(sketch, true);
        const [long, short] = [enumerate(sketch, false), enumerate(sketch, true)];
        expect(short.states).toBeLessThanOrEqual(long.states);
        expect({ ...short, states: 0, transitions: 0 }).toEqual({ ...long, states: 0, transitions: 0 });
      }),
      { seed: 2, numRuns: 300 },
    );
  });

  it('draws programs of every kind', () => {
    const seen = new Set<string>();
    for (const sketch of fc.sample(sketches, { seed: 1, numRuns: 300 })) {
      const { verdict, fell } = enumerate(sketch, false);
      seen.add(verdict);
      for (const name of Object.keys(fell)) seen.add(name);
    }
    expect([...seen].sort()).toEqual(['assert', 'deadlock', 'holds', 'lock-owner', 'sum', 'violates']);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sketches } from '../test/random-programs.js';
import { expectSameTraces } from '../test/same-traces.js';

/** `random-traces.deep.spec.ts` does the same with more programs. */
describe('explore with dpor, on programs drawn at random', () => {
  it('agrees with a naive enumerator, and explores each trace once', () => {
    let counted = 0;
    let many = 0;
    fc.assert(
      fc.property(sketches, (sketch) => {
        const count = expectSameTraces(sketch, 500);
        if (count !== null) counted++;
        if (count !== null && count > 3) many++;
      }),
      { seed: 5, numRuns: 300 },
    );
    expect(counted).toBeGreaterThan(150);
    expect(many).toBeGreaterThan(30);
  });
});

import fc from 'fast-check';
import { describe, it } from 'vitest';
import { sketches } from '../test/random-programs.js';
import { expectSameTraces } from '../test/same-traces.js';

describe('explore with dpor, on 10,000 programs drawn at random', () => {
  it('agrees with a naive enumerator, and explores each trace once', () => {
    fc.assert(
      fc.property(sketches, (sketch) => void expectSameTraces(sketch, 300)),
      { seed: 6, numRuns: 10_000 },
    );
  });
});

import fc from 'fast-check';
import { describe, it } from 'vitest';
import { sketches } from '../test/random-programs.js';
import { expectSameBehaviour } from '../test/same-behaviour.js';

describe('explore, on 10,000 programs drawn at random', () => {
  it.each([false, true])('agrees with a naive enumerator (histories forgotten: %s)', (forgets) => {
    fc.assert(
      fc.property(sketches, (sketch) => expectSameBehaviour(sketch, forgets)),
      { seed: forgets ? 4 : 3, numRuns: 10_000 },
    );
  });
});

import { describe, expect, it } from 'vitest';
import { CASES, expectSameUnderDpor } from './part-d-cases.js';

describe('part D under dpor on powerpc hash', () => {
  it('gives the same verdicts for two actors, up to 123,000 traces each', () => {
    const two = CASES.filter(({ actors, arch }) => actors <= 2 && arch.spec.startsWith('powerpc:hash'));
    expect(two.length).toBeGreaterThan(10);
    expectSameUnderDpor(two);
  });
});

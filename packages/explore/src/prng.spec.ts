import { describe, expect, it } from 'vitest';
import { seeded } from './index.js';

const draw = (seed: number, n: number, count: number): number[] => {
  const next = seeded(seed);
  return Array.from({ length: count }, () => next(n));
};

describe('seeded', () => {
  it('repeats itself for one seed and differs for another', () => {
    expect(draw(1, 1000, 20)).toEqual(draw(1, 1000, 20));
    expect(draw(1, 1000, 20)).not.toEqual(draw(2, 1000, 20));
  });

  it('draws evenly below a bound that does not divide 2^32', () => {
    const third = 2 ** 30;
    const low = draw(9, 3 * third, 9000).filter((value) => value < third).length;
    expect(Math.abs(low - 3000)).toBeLessThan(6 * Math.sqrt(2000));
  });

  it.each([1, 2, 3, 7])('draws each of %i values equally often', (n) => {
    const counts = new Array<number>(n).fill(0);
    for (const value of draw(5, n, 7000)) counts[value] = (counts[value] ?? NaN) + 1;
    // Each within six standard deviations of the mean.
    for (const count of counts) {
      expect(Math.abs(count - 7000 / n)).toBeLessThanOrEqual(6 * Math.sqrt((7000 / n) * (1 - 1 / n)));
    }
  });
});

import { describe, expect, it } from 'vitest';
import { fitLine } from './fit.js';

describe('fitLine', () => {
  it('finds a line through points that lie on one', () => {
    expect(fitLine([[0, 5], [2, 9], [3, 11]])).toEqual({ intercept: 5, slope: 2, r2: 1 });
  });
  it('takes the least squares of points that do not: worked by hand', () => {
    // Means 2 and 2; slope ((-1)(-1) + 1*2 + 0*(-1)) / 2 = 1.5; residuals 0.5, -1, 0.5; spread 6.
    const line = fitLine([[1, 1], [2, 1], [3, 4]]);
    expect(line.slope).toBeCloseTo(1.5);
    expect(line.intercept).toBeCloseTo(-1);
    expect(line.r2).toBeCloseTo(1 - 1.5 / 6);
  });
  it('is level, and explains everything, where all values are the same', () => {
    expect(fitLine([[1, 7], [2, 7]])).toEqual({ intercept: 7, slope: 0, r2: 1 });
  });
  it('refuses points at one place', () => {
    expect(() => fitLine([[1, 1], [1, 2]])).toThrow(expect.objectContaining({ code: 'BAD_ARGUMENT' }));
  });
}); // prettier-ignore

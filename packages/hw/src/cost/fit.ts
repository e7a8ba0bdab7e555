/** A straight line through points: unweighted least squares. */
import { ArchError } from '@ptemu/arch';

/** One point: a count, and what was measured. */
export type Point = readonly [x: number, y: number];

/** A line, and how much of the points' variance it explains. */
export interface Line {
  readonly intercept: number;
  readonly slope: number;
  /** 1 where all points lie on the line. */
  readonly r2: number;
}

/** Fits a line. @throws ArchError `BAD_ARGUMENT` where the points have fewer than two different x. */
export function fitLine(points: readonly Point[]): Line {
  if (new Set(points.map(([x]) => x)).size < 2) {
    throw new ArchError('BAD_ARGUMENT', 'a line needs points at two or more places', { points });
  }
  const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
  const meanX = mean(points.map(([x]) => x));
  const meanY = mean(points.map(([, y]) => y));
  const sum = (of: (x: number, y: number) => number): number =>
    points.reduce((total, [x, y]) => total + of(x, y), 0);
  const slope = sum((x, y) => (x - meanX) * (y - meanY)) / sum((x) => (x - meanX) ** 2);
  const intercept = meanY - slope * meanX;
  const spread = sum((_, y) => (y - meanY) ** 2);
  const left = sum((x, y) => (y - intercept - slope * x) ** 2);
  return { intercept, slope, r2: spread === 0 ? 1 : 1 - left / spread };
}

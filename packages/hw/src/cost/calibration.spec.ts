import type { ArchCosts, CostPrimitive, CostProfile, CostRow } from '@ptemu/arch';
import { arm32 } from '@ptemu/arm32';
import { arm64 } from '@ptemu/arm64';
import { powerpc } from '@ptemu/powerpc';
import { s390 } from '@ptemu/s390';
import { x86_64 } from '@ptemu/x86_64';
import { describe, expect, it } from 'vitest';
import { type CalibrationRow, ERROR_MAX, calibrate } from './calibration.js';
import { type Point, fitLine } from './fit.js';

const BACKENDS = [x86_64, arm64, powerpc, s390, arm32].map((make) => make({ kernel: '6.12' }));
const costsOf = (name: string): ArchCosts => {
  const found = BACKENDS.find((arch) => arch.name === name);
  if (found === undefined) throw new Error(name);
  return found.costs;
};
const profile = (name: string, id: string): CostProfile => {
  const found = costsOf(name).profiles.find((candidate) => candidate.id === id);
  if (found === undefined) throw new Error(id);
  return found;
};
const points = (name: string, series: string, counts: readonly number[]): readonly Point[] =>
  counts.map((pages) => {
    const row = costsOf(name).rows.find(({ id }) => id === `${series}/${pages}`);
    return [pages, Number(row?.value)];
  });
const upTo = (n: number): readonly number[] => Array.from({ length: n }, (_, i) => i + 1);

describe.each(BACKENDS)('calibration of $name', ({ costs }) => {
  const rows = calibrate(costs);
  it('meets every claimed row within 10 %, or says why not', () => {
    expect(rows.filter(({ verdict }) => verdict === 'not met')).toEqual([]);
  });
  it('excuses no row that is met', () => {
    const excused = costs.profiles.flatMap(({ claims }) =>
      claims.filter(({ notMet }) => notMet !== undefined),
    );
    const explained = rows.filter(({ verdict }) => verdict === 'explained');
    expect(explained.map(({ row }) => row.id)).toEqual(excused.map(({ row }) => row));
    for (const { error } of explained) expect(Math.abs(error)).toBeGreaterThan(ERROR_MAX);
  });
  it('claims every PRIM row, and each once', () => {
    const prim = costs.rows.filter(({ kind }) => kind === 'PRIM').map(({ id }) => id);
    expect(rows.map(({ row }) => row.id).sort()).toEqual([...prim].sort());
  });
});

describe('x86_64 prices', () => {
  it('of flush_tlb_mm_range are the line through 1 to 32 pages: 1097 + 254 a page, R2 0.98', () => {
    const line = fitLine(points('x86_64', 'flush_tlb_mm_range', upTo(32)));
    const { call, instructions } = profile('x86_64', 'mm-range-2014');
    expect(call?.value).toBeCloseTo(line.intercept, 0);
    expect(instructions['INVLPG loop']?.value).toBeCloseTo(line.slope, 1);
    expect([Math.round(line.intercept), Math.round(line.slope)]).toEqual([1097, 254]);
    expect(line.r2).toBeCloseTo(0.981, 3);
  });
  it('leave 6 of 35 rows of flush_tlb_mm_range unmet, by noise: no line meets them all', () => {
    const unmet = calibrate(costsOf('x86_64')).filter(({ verdict }) => verdict !== 'met');
    expect(
      unmet.map(({ row, error }) => [row.id.replace(/^.*\//, ''), Math.round(1000 * error) / 10]),
    ).toEqual([
      ['4', -13.7],
      ['8', -11.7],
      ['15', -14],
      ['19', 11.7],
      ['33', 11],
      ['35', -12.5],
    ]);
    const best = bestLine(points('x86_64', 'flush_tlb_mm_range', upTo(32)));
    expect(best).toBe(29);
  });
  it('of the second Intel system are net of the empty call that the rows contain', () => {
    const hot = profile('x86_64', 'intel-2015-hot');
    expect([hot.harness?.value, hot.instructions['MOV to CR3']?.value]).toEqual([35, 216]);
    const found = calibrate(costsOf('x86_64')).find(({ row }) => row.id === 'X4 hot');
    expect(found).toMatchObject({ model: 251, error: 0, verdict: 'met' });
  });
});

/** How many points the best of many lines has within 10 %. */
function bestLine(all: readonly Point[]): number {
  let best = 0;
  for (let intercept = 800; intercept <= 1400; intercept += 10) {
    for (let slope = 220; slope <= 290; slope += 0.5) {
      const within = all.filter(([x, y]) => Math.abs((intercept + slope * x) / y - 1) <= ERROR_MAX).length;
      best = Math.max(best, within);
    }
  }
  return best;
}

describe('arm64 prices', () => {
  it('of machine A are the line through 1 to 256 pages: 961 + 468 a page, R2 above 0.9999', () => {
    const line = fitLine(points('arm64', 'machine A', [...upTo(10), 16, 32, 64, 128, 256]));
    const { completion, instructions } = profile('arm64', 'machine-a');
    expect(completion?.value).toBeCloseTo(line.intercept, 0);
    expect(instructions['VAE1IS']?.value).toBeCloseTo(line.slope, 1);
    expect(line.r2).toBeGreaterThan(0.9999);
  });
  it('of machine B are the line through 2 to 512 pages, and the median of the even counts by range', () => {
    const counts = [...upTo(10), 16, 32, 64, 128, 256, 512];
    const line = fitLine(points('arm64', 'machine B', counts.slice(1)));
    const { completion, instructions } = profile('arm64', 'machine-b');
    expect(completion?.value).toBeCloseTo(line.intercept, 0);
    expect(instructions['VAE1IS']?.value).toBeCloseTo(line.slope, 1);
    const even = points('arm64', 'machine B range', counts.filter((n) => n % 2 === 0)).map(([, y]) => y);
    const median = [...even].sort((a, b) => a - b)[(even.length - 1) / 2];
    expect(Number(completion?.value) + Number(instructions['RVAE1IS']?.value)).toBe(median);
  });
  it('predict the odd counts by range, which no price looked at, within 6 %', () => {
    const odd = calibrate(costsOf('arm64')).filter(
      ({ row, by }) => by === 'prediction' && /range\/[3579]$/.test(row.id),
    );
    expect(odd).toHaveLength(4);
    for (const { error } of odd) expect(Math.abs(error)).toBeLessThan(0.06);
  });
}); // prettier-ignore

describe('powerpc prices', () => {
  it('of a tlbiel are the mean of three that were derived from one table', () => {
    const { rows } = costsOf('powerpc');
    const us = (policy: string, pages: number): number =>
      Number(rows.find(({ id }) => id === `mprotect, PID above ${policy}/${pages}`)?.value);
    const derived = [34, 64, 256].map(
      (pages) => (1000 * (us('33', pages) - us('256', pages))) / (128 - pages),
    );
    const published = rows.filter(({ kind }) => kind === 'DERIVED').map(({ value }) => Number(value));
    derived.forEach((value, i) => expect(value).toBeCloseTo(Number(published[i]), 1));
    const tlbiel = profile('powerpc', 'radix-derived').instructions['tlbiel RIC=0']?.value;
    expect(tlbiel).toBe(Math.round(published.reduce((a, b) => a + b, 0) / 3));
  });
});

describe('calibrate', () => {
  const row: CostRow = {
    id: 'R',
    kind: 'PRIM',
    what: '4 pages',
    value: 1000,
    unit: 'ns',
    source: 'test, 2026',
  };
  const priced = (value: number): CostPrimitive => ({ value, kind: 'PRIM', source: 'test' });
  const one = (page: number, change: Partial<CostRow> = {}, notMet?: string): CalibrationRow | undefined =>
    calibrate({
      rows: [{ ...row, ...change }],
      standard: [],
      profiles: [
        {
          id: 'p', label: '', unit: 'ns', status: 'calibrated', source: 'test', instructions: { TLBI: priced(page) },
          completion: priced(200),
          claims: [
            { row: 'R', by: 'fit', events: { issued: { TLBI: 4 }, completions: 1 }, ...(notMet !== undefined && { notMet }) },
          ],
        },
      ],
    })[0]; // prettier-ignore
  it('reports a profile with a wrong slope as not met', () => {
    expect(one(200)).toMatchObject({ model: 1000, error: 0, verdict: 'met' });
    expect(one(250)).toMatchObject({ model: 1200, verdict: 'not met' });
    expect(one(250)?.error).toBeCloseTo(0.2);
  });
  it('gives the reason of a row that is not met, and none of one that is', () => {
    expect(one(250, {}, 'noise')).toMatchObject({ verdict: 'explained', reason: 'noise' });
    expect(one(200, {}, 'noise')).not.toHaveProperty('reason');
  });
  it('measures from the nearer end of a published range', () => {
    expect(one(200, { value: [900, 1100] })?.error).toBe(0);
    expect(one(200, { value: [1250, 1300] })?.error).toBeCloseTo(-0.2);
    expect(one(200, { value: [500, 800] })?.error).toBeCloseTo(0.25);
  });
  it('refuses a claim that the prices do not cover', () => {
    const { profiles, rows } = costsOf('arm64');
    const bare = profiles.map((p) => ({ ...p, instructions: {} }));
    expect(() => calibrate({ rows, profiles: bare, standard: [] })).toThrow(
      'cost profile machine-a claims machine A/1 and has no price for VAE1IS',
    );
  });
});

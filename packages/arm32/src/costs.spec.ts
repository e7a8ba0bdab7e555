import { describe, expect, it } from 'vitest';
import { costs } from './costs.js';
import { arm32 } from './index.js';

describe('arm32 costs', () => {
  it('has no row, each named once and with a source', () => {
    expect(costs.rows).toHaveLength(0);
    expect(new Set(costs.rows.map(({ id }) => id)).size).toBe(costs.rows.length);
    for (const { source } of costs.rows) expect(source).toMatch(/\d{4}|[0-9a-f]{12}/);
  });
  it('prices instructions that the backend has', () => {
    const { instructions } = arm32({ kernel: '6.12' }).tlb;
    const priced = costs.profiles.flatMap((profile) => Object.keys(profile.instructions));
    for (const name of priced) expect(instructions).toHaveProperty([name]);
  });
  it('is uncalibrated: no price, no claim', () => {
    expect(costs.standard).toEqual(['uncalibrated']);
    expect(costs.profiles).toMatchObject([{ status: 'uncalibrated', instructions: {}, claims: [] }]);
  });
});

import { describe, expect, it } from 'vitest';
import { costs } from './costs.js';
import { arm64 } from './index.js';

describe('arm64 costs', () => {
  it('has 66 rows, each named once and with a source', () => {
    expect(costs.rows).toHaveLength(66);
    expect(new Set(costs.rows.map(({ id }) => id)).size).toBe(costs.rows.length);
    for (const { source } of costs.rows) expect(source).toMatch(/\d{4}|[0-9a-f]{12}/);
  });
  it('prices instructions that the backend has', () => {
    const { instructions } = arm64({ kernel: '6.12' }).tlb;
    const priced = costs.profiles.flatMap((profile) => Object.keys(profile.instructions));
    for (const name of priced) expect(instructions).toHaveProperty([name]);
  });
  it('is machine A where no profile is named', () => {
    expect(costs.standard).toEqual(['machine-a']);
    expect(costs.rows.find(({ id }) => id === 'machine A/512')?.value).toBe(1508);
  });
});

import { describe, expect, it } from 'vitest';
import { costs } from './costs.js';
import { powerpc } from './index.js';

describe('powerpc costs', () => {
  it('has 15 rows, each named once and with a source', () => {
    expect(costs.rows).toHaveLength(15);
    expect(new Set(costs.rows.map(({ id }) => id)).size).toBe(costs.rows.length);
    for (const { source } of costs.rows) expect(source).toMatch(/\d{4}|[0-9a-f]{12}/);
  });
  it('prices instructions that the backend has', () => {
    const { instructions } = powerpc({ kernel: '6.12' }).tlb;
    const priced = costs.profiles.flatMap((profile) => Object.keys(profile.instructions));
    for (const name of priced) expect(instructions).toHaveProperty([name]);
  });
  it('is derived from the time of an mprotect, and claims nothing', () => {
    expect(costs.standard).toEqual(['radix-derived']);
    expect(costs.profiles.map(({ status, claims }) => [status, claims])).toEqual([['derived', []]]);
  });
  it('has no price on hash', () => {
    const { profiles, standard } = powerpc({ kernel: '6.12', mmu: 'hash' }).costs;
    expect(profiles).toMatchObject([
      { id: standard[0], status: 'uncalibrated', instructions: {}, claims: [] },
    ]);
  });
});

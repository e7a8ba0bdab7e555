import { describe, expect, it } from 'vitest';
import { costs } from './costs.js';
import { x86_64 } from './index.js';

describe('x86_64 costs', () => {
  it('has 70 rows, each named once and with a source', () => {
    expect(costs.rows).toHaveLength(70);
    expect(new Set(costs.rows.map(({ id }) => id)).size).toBe(costs.rows.length);
    for (const { source } of costs.rows) expect(source).toMatch(/\d{4}|[0-9a-f]{12}/);
  });
  it('prices instructions that the backend has', () => {
    const { instructions } = x86_64({ kernel: '6.12' }).tlb;
    const priced = costs.profiles.flatMap((profile) => Object.keys(profile.instructions));
    for (const name of priced) expect(instructions).toHaveProperty([name]);
  });
  it('is a Haswell Xeon and the IPI of a guest where no profile is named', () => {
    expect(costs.standard).toEqual(['haswell-xeon', 'kvm-x2apic']);
    expect(costs.profiles.find(({ id }) => id === 'haswell-xeon')?.instructions['INVLPG']?.value).toBe(216);
    expect(costs.profiles.find(({ id }) => id === 'kvm-x2apic')?.crossCall?.value).toBe(4338);
  });
});

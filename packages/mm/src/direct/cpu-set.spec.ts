import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CpuSet } from './cpu-set.js';

const CPUS = 70;
const of = (cpus: readonly number[]): CpuSet => {
  const set = new CpuSet(CPUS);
  for (const cpu of cpus) set.add(cpu);
  return set;
};
const cpus = fc.uniqueArray(fc.nat(CPUS - 1));

describe('CpuSet', () => {
  it('is what a set of numbers is', () => {
    fc.assert(
      fc.property(cpus, cpus, (a, b) => {
        const both = a.filter((cpu) => b.includes(cpu)).sort((x, y) => x - y);
        expect([...of(a).and(of(b)).members()]).toEqual(both);
        const rest = of(a);
        expect(rest.deleteAll(of(b))).toBe(both.length);
        expect([...rest.members()]).toEqual(a.filter((cpu) => !b.includes(cpu)).sort((x, y) => x - y));
        const sum = of(a);
        sum.addAll(of(b));
        expect(sum.size).toBe(new Set([...a, ...b]).size);
        expect(of(a).isEmpty).toBe(a.length === 0);
      }),
      { seed: 4 },
    );
  });
  it('does not share its members with a clone', () => {
    const set = CpuSet.first(3, CPUS);
    const copy = set.clone();
    copy.delete(1);
    expect([[...set.members()], [...copy.members()], set.has(1), copy.has(1), set.has(69)]).toEqual([
      [0, 1, 2], [0, 2], true, false, false,
    ]); // prettier-ignore
  });
});

import type { ArchCosts, CostProfile } from '@ptemu/arch';
import { arm64 } from '@ptemu/arm64';
import { x86_64 } from '@ptemu/x86_64';
import { describe, expect, it } from 'vitest';
import { checkProfile, pricesOf, profileOf } from './profile.js';

const X86 = x86_64({ kernel: '6.12' }).costs;
const ARM64 = arm64({ kernel: '6.12' }).costs;

describe('profileOf', () => {
  it('puts the standard profiles together: instructions of one machine, the IPI of another', () => {
    const profile = profileOf(X86);
    expect(profile.id).toBe('haswell-xeon,kvm-x2apic');
    expect(profile.label).toMatch(/^Haswell Xeon .*; IPI between virtual CPUs/);
    expect(Object.keys(pricesOf(profile))).toEqual([
      'INVLPG',
      'INVLPG loop',
      'MOV to CR3',
      'CR4.PGE toggle',
      'call',
      'crossCall',
      'walk',
    ]);
    expect(profile.claims).toEqual([]);
  });
  it('takes the price of the first that has one', () => {
    const { instructions } = profileOf(X86, ['westmere-xeon', 'haswell-xeon']);
    expect(instructions['INVLPG']?.value).toBe(258);
  });
  it('refuses an unknown id, no id, and units that differ', () => {
    expect(() => profileOf(X86, ['haswell'])).toThrow(
      /^unknown cost profile 'haswell'; there are intel-2015,/,
    );
    expect(() => profileOf(X86, [])).toThrow(expect.objectContaining({ code: 'BAD_ARGUMENT' }));
    expect(() => profileOf(ARM64, ['machine-a', 'snapdragon-888'])).toThrow(
      'profile machine-a is in ns, snapdragon-888 in share; they cannot be put together',
    );
  });
});

describe('checkProfile', () => {
  const good = profileOf(X86, ['haswell-xeon']);
  const costs: ArchCosts = { ...X86, profiles: [good] };
  const INVLPG = { value: 1, kind: 'PRIM', source: 'X11' } as const;
  const broken = (change: Partial<CostProfile>): void => checkProfile(costs, { ...good, ...change });
  it('accepts a profile as it is', () => {
    expect(() => checkProfile(costs, good)).not.toThrow();
  });
  it.each<[string, Partial<CostProfile>]>([
    ['cost profile haswell-xeon: has no source', { source: ' ' }],
    ['cost profile haswell-xeon: the price of INVLPG has no source', { instructions: { INVLPG: { ...INVLPG, source: '' } } }],
    ['cost profile haswell-xeon: the price of call is NaN; it must be a number from 0', { call: { ...INVLPG, value: NaN } }],
    ['cost profile haswell-xeon: the price of walk is -1; it must be a number from 0', { walk: { ...INVLPG, value: -1 } }],
    ['cost profile haswell-xeon: is uncalibrated and has prices', { status: 'uncalibrated', claims: [] }],
    ['cost profile haswell-xeon: is not calibrated and claims rows', { status: 'derived' }],
    ['cost profile haswell-xeon: claims row X99, which is not there', { claims: [{ row: 'X99', by: 'seed', events: {} }] }],
    [
      'cost profile haswell-xeon: claims row INVLPGB: alone of kind E2E; only PRIM can be claimed',
      { claims: [{ row: 'INVLPGB: alone', by: 'seed', events: {} }] },
    ],
    ['cost profile haswell-xeon: is in ns and claims row X9 in cycles', { unit: 'ns' }],
    ['cost profile haswell-xeon: has no price of the harness', { claims: [{ row: 'X9', by: 'seed', events: {}, withHarness: true }] }],
  ])('%s', (message, change) => {
    expect(() => broken(change)).toThrow(message);
  });
}); // prettier-ignore

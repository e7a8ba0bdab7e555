import type { Arch, ArchCosts, CostPrimitive, CostProfile } from '@ptemu/arch';
import { type FlushEvents, eventsOf } from '@ptemu/hw';
import { describe, expect, it } from 'vitest';
import { backend } from './backends.js';
import { type ShapeInputs, shapeChecks } from './shape-checks.js';

const issued = (name: string, count: number): FlushEvents =>
  eventsOf({ events: { calls: 1, issued: { [name]: count }, completions: name.startsWith('T') ? 1 : 0 } });

/** The policies as the fact sheet has them, by hand. */
function policy({ name, kernel }: Arch, pages: number, operation: string): FlushEvents {
  if (operation === 'reclaim') {
    const completions = kernel.isBefore('6.6') ? pages : 1;
    return eventsOf({ events: { calls: pages, issued: { VALE1IS: pages }, completions } });
  }
  if (name === 'x86_64') return pages > 33 ? issued('MOV to CR3', 1) : issued('INVLPG loop', pages);
  if (name === 'powerpc') return pages > 256 ? issued('tlbiel RIC=0 PID', 128) : issued('tlbiel RIC=0', pages); // prettier-ignore
  return eventsOf({
    events: { calls: 1, issued: pages >= 512 ? { ASIDE1IS: 1 } : { VAE1IS: pages }, completions: 1 },
  });
}

const GOOD: ShapeInputs = {
  x86_64: backend('x86_64', { kernel: '6.12' }),
  arm64: backend('arm64', { kernel: '6.12' }),
  arm64Unbatched: backend('arm64', { kernel: '6.5' }),
  powerpc: backend('powerpc:page=4k', { kernel: '6.12' }),
  eventsOf: policy,
};

const failing = (inputs: ShapeInputs): readonly number[] =>
  shapeChecks(inputs)
    .filter(({ holds }) => !holds)
    .map(({ number }) => number);

/** An architecture with one profile changed. */
function withProfile(arch: Arch, id: string, change: (profile: CostProfile) => Partial<CostProfile>): Arch {
  const profiles = arch.costs.profiles.map((profile) =>
    profile.id === id ? { ...profile, ...change(profile) } : profile,
  );
  return { ...arch, costs: { ...arch.costs, profiles } };
}

/** An architecture with one published row changed. */
function withRow(arch: Arch, id: string, value: number): Arch {
  const rows = arch.costs.rows.map((row) => (row.id === id ? { ...row, value } : row));
  return { ...arch, costs: { ...arch.costs, rows } };
}

const price = (value: number): CostPrimitive => ({ value, kind: 'PRIM', source: 'wrong on purpose' });
const priced =
  (name: string, value: number) =>
  ({ instructions }: CostProfile): Partial<CostProfile> => ({
    instructions: { ...instructions, [name]: price(value) },
  });

describe('shapeChecks', () => {
  it('hold all nine, of the model as it is', () => {
    const checks = shapeChecks(GOOD);
    expect(checks.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(failing(GOOD)).toEqual([]);
    for (const { said } of checks) expect(said).not.toContain('NaN');
  });
  it('say the figures that decided', () => {
    const said = shapeChecks(GOOD).map((check) => check.said);
    expect(said[0]).toContain('33 pages: 33 instructions, 34: 1');
    expect(said[6]).toBe(
      '527K loops/s before, 527K with INVLPGB (LRU lock), 731K without the lock, 1157K with both',
    );
    expect(said[8]).toBe('6059 > 4713 > 4338 > 3645');
  });

  const { x86_64, arm64, powerpc } = GOOD;
  const policyBut = (name: string, wrong: (pages: number) => FlushEvents): Partial<ShapeInputs> => ({
    eventsOf: (arch, pages, operation) =>
      arch.name === name && operation !== 'reclaim' ? wrong(pages) : policy(arch, pages, operation),
  });
  it.each<[string, number, Partial<ShapeInputs>]>([
    ['a slope of 400 cycles', 1, { x86_64: withProfile(x86_64, 'mm-range-2014', priced('INVLPG loop', 400)) }],
    ['an intercept below the empty call', 1, { x86_64: withProfile(x86_64, 'mm-range-2014', () => ({ call: price(50) })) }],
    ['a ceiling of 32 pages', 1, policyBut('x86_64', (n) => (n > 32 ? issued('MOV to CR3', 1) : issued('INVLPG loop', n)))],
    ['no ceiling', 1, policyBut('x86_64', (n) => issued('INVLPG loop', n))],
    ['a CR3 reload above an INVLPG', 2, { x86_64: withProfile(x86_64, 'haswell-xeon', priced('MOV to CR3', 220)) }],
    ['a global flush of 20 reloads', 2, { x86_64: withProfile(x86_64, 'westmere-xeon', priced('CR4.PGE toggle', 2200)) }],
    ['no cliff', 3, policyBut('arm64', (n) => eventsOf({ events: { issued: { VAE1IS: n }, completions: 1 } }))],
    ['a flush by page that is free', 3, { arm64: withProfile(arm64, 'machine-a', priced('VAE1IS', 0)) }],
    ['odd counts without a step', 3, { arm64: withProfile(arm64, 'machine-b', priced('VAE1IS', 0)) }],
    ['an invalidation as dear as the wait', 4, { arm64: withProfile(arm64, 'snapdragon-888', priced('VALE1IS', 0.95)) }],
    ['a wait for each page', 4, { arm64: backend('arm64', { kernel: '6.5' }) }],
    ['broadcasts that a CPU makes by itself', 5, { arm64: withRow(arm64, 'tlb-shootdown broadcast/128', 10_000) }],
    ['a PID flush of one instruction', 6, policyBut('powerpc', (n) => (n > 256 ? issued('tlbiel RIC=0 PID', 1) : issued('tlbiel RIC=0', n)))],
    ['a local ceiling of 33 pages', 6, policyBut('powerpc', (n) => (n > 33 ? issued('tlbiel RIC=0 PID', 128) : issued('tlbiel RIC=0', n)))],
    ['a PID flush at another price', 6, { powerpc: withProfile(powerpc, 'radix-derived', priced('tlbiel RIC=0 PID', 26)) }],
    ['a workload that waits for flushes', 7, { x86_64: withRow(x86_64, 'INVLPGB: no LRU drain', 400e3) }],
    ['a run that gained what the interrupts lost', 8, { x86_64: withRow(x86_64, 'batch: elapsed after', 20) }],
    ['a batch that gains more than its size', 8, { x86_64: withProfile(x86_64, 'haswell-xeon', priced('INVLPG loop', 0)) }],
    ['an IPI that costs nothing', 8, { x86_64: withProfile(x86_64, 'kvm-x2apic', () => ({ crossCall: price(0) })) }],
    ['a virtualised IPI above the trapped one', 9, { x86_64: withProfile(x86_64, 'kvm-xapic-ipiv', () => ({ crossCall: price(6100) })) }],
  ])('catch %s: check %i', (_what, number, wrong) => {
    expect(failing({ ...GOOD, ...wrong })).toContain(number);
  }); // prettier-ignore

  it('fail where a price is missing, and stop where a published row is', () => {
    const profiles = x86_64.costs.profiles.map(({ crossCall: _, ...rest }) => rest);
    expect(failing({ ...GOOD, x86_64: { ...x86_64, costs: { ...x86_64.costs, profiles } } })).toEqual([8, 9]);
    const rows: ArchCosts['rows'] = [];
    const unpublished = { ...x86_64, costs: { ...x86_64.costs, rows } };
    expect(() => shapeChecks({ ...GOOD, x86_64: unpublished })).toThrow(
      /^internal: no published row INVLPGB/,
    );
  });
});

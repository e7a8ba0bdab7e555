import type { CostPrimitive, CostProfile } from '@ptemu/arch';
import { describe, expect, it } from 'vitest';
import { eventsOf } from './calibration.js';
import { costOf } from './cost.js';
import type { FlushEvents } from './events.js';

const price = (value: number, kind: CostPrimitive['kind'] = 'PRIM'): CostPrimitive => ({
  value,
  kind,
  source: 'test',
});

const PROFILE: CostProfile = {
  id: 'part',
  label: 'a part',
  unit: 'cycles',
  status: 'calibrated',
  source: 'test',
  instructions: { INVLPG: price(200), 'MOV to CR3': price(100) },
  call: price(70, 'DERIVED'),
  crossCall: price(4000),
  walk: price(150, 'assumed'),
  claims: [],
};

const events = (some: Partial<FlushEvents>): FlushEvents => ({ ...eventsOf({ events: {} }), ...some });
const exactly = (n: number): object => ({ least: n, most: n });

describe('costOf', () => {
  it('charges calls and instructions to the CPU that issued them', () => {
    const cost = costOf(PROFILE, events({ calls: 1, issued: { INVLPG: 3 } }));
    expect(cost).toEqual({
      unit: 'cycles',
      initiator: exactly(670),
      targets: exactly(0),
      refill: exactly(0),
      total: exactly(670),
      lacks: [],
      basis: 'DERIVED',
    });
  });
  it('charges the initiator of a cross-call one latency at least and all at most, its targets none at least', () => {
    const cost = costOf(PROFILE, events({ crossCalls: 1, ipis: 3, issuedByTargets: { INVLPG: 3 } }));
    expect(cost.initiator).toEqual({ least: 4000, most: 12_000 });
    expect(cost.targets).toEqual({ least: 600, most: 12_600 });
    expect(cost.total).toEqual({ least: 4600, most: 24_600 });
  });
  it('leaves nothing open where one CPU is interrupted, but its share of the latency', () => {
    const cost = costOf(PROFILE, events({ crossCalls: 1, ipis: 1 }));
    expect(cost.initiator).toEqual(exactly(4000));
    expect(cost.targets).toEqual({ least: 0, most: 4000 });
  });
  it('charges walks later, at most their price, and says that it was assumed', () => {
    const cost = costOf(PROFILE, events({ refill: { walks: 2, references: 8 } }));
    expect(cost.refill).toEqual({ least: 0, most: 300 });
    expect(cost.basis).toBe('assumed');
  });
  it('names what has no price and leaves out the sums that it belongs to', () => {
    const cost = costOf(PROFILE, events({ issued: { INVLPG: 1, 'INVLPGB ASID': 1 }, completions: 1 }));
    expect(cost.lacks).toEqual(['INVLPGB ASID', 'completion']);
    expect(cost.initiator).toBeUndefined();
    expect(cost.total).toBeUndefined();
    expect(cost.targets).toEqual(exactly(0));
  });
  it('prices nothing on an uncalibrated part, and says what', () => {
    const { call: _call, crossCall: _crossCall, walk: _walk, ...rest } = PROFILE;
    const none: CostProfile = { ...rest, status: 'uncalibrated', instructions: {} };
    const cost = costOf(none, events({ calls: 1, issued: { IPTE: 4 } }));
    const times = { initiator: undefined, targets: undefined, refill: undefined, total: undefined };
    expect(cost).toEqual({ unit: 'cycles', ...times, lacks: ['IPTE'], basis: undefined });
    expect(costOf(none, events({}))).toEqual({ unit: 'cycles', ...times, lacks: [], basis: undefined });
  });
  it('prices nothing done at nothing on a part that has prices', () => {
    expect(costOf(PROFILE, events({})).total).toEqual(exactly(0));
  });
  it.each([[-1], [0.5], [NaN], [Infinity]])('refuses a count of %s', (n) => {
    expect(() => costOf(PROFILE, events({ issued: { INVLPG: n } }))).toThrow(
      expect.objectContaining({ code: 'BAD_ARGUMENT' }),
    );
    expect(() => costOf(PROFILE, events({ ipis: n }))).toThrow(/count of ipis is/);
  });
});

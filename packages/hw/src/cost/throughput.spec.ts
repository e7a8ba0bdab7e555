import { describe, expect, it } from 'vitest';
import { type Resource, throughputOf } from './throughput.js';

const cpu = (time: number): Resource => ({ name: 'CPU', time, units: 36 });
const lock: Resource = { name: 'LRU lock', time: 2, units: 1 };

describe('throughputOf', () => {
  it('is that of the scarcest resource', () => {
    expect(throughputOf([cpu(36), lock])).toEqual({ perTime: 0.5, boundBy: 'LRU lock' });
    expect(throughputOf([cpu(144), lock])).toEqual({ perTime: 0.25, boundBy: 'CPU' });
  });
  it('does not rise when a resource that is not the scarcest gets cheaper', () => {
    expect(throughputOf([cpu(36 * 0.64), lock])).toEqual(throughputOf([cpu(36), lock]));
  });
  it('does rise in a model without the lock: what it would predict wrongly', () => {
    expect(throughputOf([cpu(36 * 0.64)]).perTime).toBeGreaterThan(throughputOf([cpu(36)]).perTime);
  });
  it('names the first of two that are equally scarce', () => {
    expect(throughputOf([cpu(72), lock]).boundBy).toBe('CPU');
  });
  it('refuses no resource, and one without time or units', () => {
    expect(() => throughputOf([])).toThrow(expect.objectContaining({ code: 'BAD_ARGUMENT' }));
    expect(() => throughputOf([cpu(0)])).toThrow(/^resource CPU has time 0 and units 36/);
    expect(() => throughputOf([{ ...lock, units: NaN }])).toThrow(/units NaN/);
  });
});

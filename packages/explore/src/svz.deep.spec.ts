import { describe, expect, it } from 'vitest';
import { PLAIN } from '../test/json.js';
import { SIZES, svz, svzByLabel } from '../test/svz.js';
import { explore } from './index.js';

describe('explore, on split, zap and fault of two pages', () => {
  it('sees the 814,424 states that SPIN 6.5.2 stores for `svz.pml`', () => {
    // Transitions as counted by an enumerator of the Promela text written in C.
    const { verdict, states, transitions } = explore(svzByLabel(SIZES.L), PLAIN);
    expect([verdict, states, transitions]).toEqual(['holds', 814_424, 3_271_897]);
  });

  it('holds as code, and not without the flush of the zap', () => {
    expect(explore(svz(SIZES.L)).verdict).toBe('holds');
    const broken = explore(svz(SIZES.L, 'bug'), { strategy: 'exhaustive', stopAtFirst: true });
    expect(broken).toMatchObject({ verdict: 'violates', invariant: 'stale-tlb' });
    // The CPU walks page 0 and page 1 in 3 steps each before it comes back to page 0, which the zap frees in 5.
    expect(broken.schedule).toHaveLength(3 + 3 + 5 + 1);
  });
});

import { describe, expect, it } from 'vitest';
import { PLAIN } from '../test/json.js';
import { SIZES, svz, svzByLabel } from '../test/svz.js';
import { explore } from './index.js';

/**
 * States as SPIN 6.5.2 stores them for `svz.pml` without reduction, and transitions as an enumerator of its text written
 * in C counts them.
 */
const SPIN = { S: [335, 658], M: [14_996, 47_006] } as const;

describe('explore, on split, zap and fault', () => {
  it.each(['S', 'M'] as const)('sees the states that SPIN sees, size %s', (size) => {
    const { verdict, states, transitions } = explore(svzByLabel(SIZES[size]), PLAIN);
    expect([verdict, states, transitions]).toEqual(['holds', ...SPIN[size]]);
  });

  it.each(['S', 'M'] as const)(
    'sees more states of the code than of the labels, and the same paths, size %s',
    (size) => {
      // A Promela process at one label is one state however it came there. A thread of `svz` also remembers what it read
      // last: two values that lead to one branch are two nodes until its next step, as are two ways into one line.
      const [code, labels] = [explore(svz(SIZES[size]), PLAIN), explore(svzByLabel(SIZES[size]), PLAIN)];
      expect(code.verdict).toBe('holds');
      expect(code.states).toBeGreaterThan(labels.states);
      expect(code.executions).toBe(labels.executions);
      expect(code.terminalStates).toBe(labels.terminalStates);
      expect(code.reached).toEqual([expect.objectContaining({ reached: true })]);
    },
  );

  it.each(['S', 'M'] as const)('finds the stale entry when the zap does not flush, size %s', (size) => {
    const program = svz(SIZES[size], 'bug');
    const result = explore(program, { strategy: 'exhaustive' });
    expect(result).toMatchObject({
      verdict: 'violates',
      invariant: 'stale-tlb',
      message: 'CPU 0 uses page 0, which is freed',
    });
    // The walk fills the entry in 3 steps, the zap goes to `freed` in 5, and the next access uses it.
    expect(result.schedule).toHaveLength(9);
    const { schedule } = result;
    expect(explore(program, { strategy: 'replay', schedule })).toMatchObject({
      invariant: 'stale-tlb',
      schedule,
    });
  });
});

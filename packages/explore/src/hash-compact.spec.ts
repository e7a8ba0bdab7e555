import { describe, expect, it } from 'vitest';
import { peterson } from '../test/protocols.js';
import { SIZES, svz } from '../test/svz.js';
import { explore } from './index.js';
import { FIRST, SECOND, slotHash } from './packed-store.js';

const options = { strategy: 'exhaustive' } as const;

describe('explore with hashCompact', () => {
  it('sees the same states, answers unknown, and says how probable an omission is', () => {
    const whole = explore(svz(SIZES.M), options);
    const compact = explore(svz(SIZES.M), { ...options, hashCompact: true });
    expect(whole.verdict).toBe('holds');
    expect(compact).toMatchObject({
      verdict: 'unknown',
      states: whole.states,
      transitions: whole.transitions,
      bounds: [{ option: 'hashCompact', limit: 64 }],
    });
    // The union bound over pairs of states: n (n - 1) / 2 pairs, 2^-64 each.
    expect(compact.omission).toBeCloseTo(whole.states ** 2 / 2 / 2 ** 64, 20);
    expect(compact.message).toMatch(
      /64 bits were kept: a state may have been omitted, with probability at most \d/,
    );
  });

  it('finds the same violation, which replays', () => {
    const program = svz(SIZES.M, 'bug');
    const whole = explore(program, options);
    const compact = explore(program, { ...options, hashCompact: true });
    expect([compact.verdict, compact.schedule]).toEqual(['violates', whole.schedule]);
    expect(explore(peterson('turn-first'), { hashCompact: true }).verdict).toBe('violates');
  });

  it('spreads codes over fingerprints: no two of 100,000 pairs of slot and code agree in both halves', () => {
    const seen = new Set<string>();
    for (let slot = 0; slot < 100; slot++) {
      for (let code = 1; code <= 1000; code++) {
        seen.add(`${slotHash(slot, code, FIRST)} ${slotHash(slot, code, SECOND)}`);
      }
    }
    expect(seen.size).toBe(100_000);
    expect([slotHash(3, 0, FIRST), slotHash(3, 0, SECOND)]).toEqual([0, 0]);
  });
});

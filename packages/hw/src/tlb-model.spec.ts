import { describe, expect, it } from 'vitest';
import { DESCRIPTIONS, LIKE_ARM64, LIKE_X86 } from '../test/descriptions.js';
import { assertTranslatorTwin, brokenTwin, expectReached } from '../test/tlb-twin.js';

describe('TlbModel and compileTranslator', () => {
  for (const [name, mmu] of Object.entries(DESCRIPTIONS)) {
    it(`agree on hits, fills, drops, states and faults, and serve what a fresh walk gives: ${name}`, () => {
      expectReached(assertTranslatorTwin(mmu), mmu);
    });
  }

  it('agree where leaves with a contiguous hint are held as one', () => {
    expectReached(assertTranslatorTwin(LIKE_ARM64, { merge: true, numRuns: 80 }), LIKE_ARM64, 'merge');
  });

  it.each(['skip an invalidation', 'keep walk caches'] as const)('serve what is stale in a broken twin: %s', (broken) => {
    expect(brokenTwin(LIKE_X86, broken)).toMatch(/^served .*, a fresh walk gives/);
  });
}); // prettier-ignore

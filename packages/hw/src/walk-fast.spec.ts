import { describe, expect, it } from 'vitest';
import { DESCRIPTIONS } from '../test/descriptions.js';
import { assertTwin } from '../test/twin.js';

describe('compileWalker', () => {
  for (const [name, mmu] of Object.entries(DESCRIPTIONS)) {
    for (const unwritten of ['zero', 'absent'] as const) {
      it(`agrees with the bigint walk: ${name}, ${unwritten} memory`, () => {
        const reached = assertTwin(mmu, unwritten);
        expect(reached.mapped).toBeGreaterThan(20);
        expect(reached.deep).toBeGreaterThan(50);
      });
    }
  }
});

import { describe, expect, it } from 'vitest';
import { lastZero } from '../test/protocols.js';
import { fileSystem, indexer } from '../test/trace-families.js';
import { explore } from './index.js';

/** lastzero: 2^(N-2) (N+3), POPL 2014; the others as proved in `trace-families.ts`: 8^4 and 2^13. */
describe('dpor at length', () => {
  it.each([
    ['lastzero(15)', lastZero(15), 147456n],
    ['indexer(15)', indexer(15), 4096n],
    ['filesystem(26)', fileSystem(26), 8192n],
  ])('explores %s exactly', (_name, program, executions) => {
    expect(explore(program, { strategy: 'dpor' })).toMatchObject({
      verdict: 'holds',
      executions,
      redundant: 0,
    });
  });
});

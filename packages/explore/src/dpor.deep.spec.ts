import { describe, expect, it } from 'vitest';
import { lastZero } from '../test/protocols.js';
import { fileSystem, indexer } from '../test/trace-families.js';
import { explore } from './index.js';

/** Counts of POPL 2014 (lastzero: table 1); `dpor.spec.ts` has the smaller ones and the proofs. */
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

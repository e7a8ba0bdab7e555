import { explore, shrink } from '@ptemu/explore';
import { prepareProbe, type RunOptions, runProbe } from '@ptemu/scenarios';
import { describe, expect, it } from 'vitest';
import { answer, CASES, expectSameUnderDpor, plain } from './part-d-cases.js';

describe('part D by other ways to search', () => {
  it.each<[string, RunOptions]>([
    ['with thread states merged', { strategy: 'exhaustive', sleepSets: false }],
    ['with sleep sets', { strategy: 'exhaustive', merge: 'none' }],
    ['with both, and the simplest counterexample first', {}],
  ])('gives the same verdicts and the same falls %s', (_, options) => {
    for (const one of CASES) expect(answer(one, options)).toEqual(plain(one));
  });

  it('gives the same verdicts under dpor for two actors', () => {
    // On powerpc hash an access takes many more steps: part-d-dpor.deep.spec.ts.
    const two = CASES.filter(({ actors, arch }) => actors <= 2 && !arch.spec.startsWith('powerpc:hash'));
    expect(two.length).toBeGreaterThan(100);
    expectSameUnderDpor(two);
  });

  it('reports a counterexample from which nothing can be left out', () => {
    for (const { arch, scenario, probe } of CASES) {
      const { verdict, schedule, simplest } = runProbe(arch, scenario, probe);
      if (verdict !== 'violates') continue;
      const { program } = prepareProbe(arch, scenario, probe);
      const { preemptions } = simplest ?? { preemptions: null };
      expect(shrink(program, schedule, { preemptions: preemptions ?? 0 })).toEqual(schedule);
      expect(explore(program, { strategy: 'replay', schedule }).verdict).toBe('violates');
    }
  });
});

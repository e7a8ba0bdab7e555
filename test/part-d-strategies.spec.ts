import type { Arch } from '@ptemu/arch';
import { arm32 } from '@ptemu/arm32';
import { arm64 } from '@ptemu/arm64';
import { explore, shrink } from '@ptemu/explore';
import { powerpc } from '@ptemu/powerpc';
import { s390 } from '@ptemu/s390';
import { prepareProbe, runProbe, type RunOptions, scenarios, whyNot } from '@ptemu/scenarios';
import { x86_64 } from '@ptemu/x86_64';
import { describe, expect, it } from 'vitest';

/** Each backend where its answers differ most; test/part-d.spec.ts has all releases. */
const MACHINES: readonly Arch[] = [
  x86_64({ kernel: '4.5' }),
  x86_64({ kernel: '6.12' }),
  arm32({ kernel: '4.5' }),
  arm32({ kernel: '6.12' }),
  arm64({ kernel: '4.7' }),
  arm64({ kernel: '6.12' }),
  s390({ kernel: '4.7' }),
  s390({ kernel: '6.12' }),
  powerpc({ kernel: '6.12' }),
  powerpc({ kernel: '4.5', mmu: 'hash' }),
];

interface Case {
  readonly arch: Arch;
  readonly scenario: string;
  readonly probe: string;
  /** Actors that are no hardware. */
  readonly actors: number;
}

const CASES: readonly Case[] = scenarios.flatMap((scenario) =>
  scenario.probes.flatMap((probe) =>
    MACHINES.filter((arch) => whyNot(arch, scenario, probe) === undefined).map((arch) => ({
      arch,
      scenario: scenario.id,
      probe: probe.id,
      actors: probe.actors(arch).filter(({ role }) => role !== 'agent').length,
    })),
  ),
);

const name = ({ arch, probe }: Case): string => `${probe} ${arch.spec} ${arch.kernel.release}`;
/** Verdict and what fell, for comparing two ways to search. */
const answer = (one: Case, options: RunOptions): readonly unknown[] => {
  const { verdict, fell } = runProbe(one.arch, one.scenario, one.probe, options);
  return [name(one), verdict, fell.map(({ invariant }) => invariant).sort()];
};
const plain = (one: Case): readonly unknown[] =>
  answer(one, { strategy: 'exhaustive', sleepSets: false, merge: 'none' });

/** Two actors of which one may retry without end, and nothing falls: for these `dpor` has no last trace. */
const WITHOUT_END: readonly string[] = ['D-4', 'D-4/no-flush', 'D-4/right-address', 'D-8/fixed', 'D-9'];

describe('part D by other ways to search', () => {
  it.each<[string, RunOptions]>([
    ['with thread states merged', { strategy: 'exhaustive', sleepSets: false }],
    ['with sleep sets', { strategy: 'exhaustive', merge: 'none' }],
    ['with both, and the simplest counterexample first', {}],
  ])('gives the same verdicts and the same falls %s', (_, options) => {
    for (const one of CASES) expect(answer(one, options)).toEqual(plain(one));
  });

  it('gives the same verdicts under dpor for two actors, but where a user retries for as long as it likes', () => {
    const two = CASES.filter(({ actors }) => actors <= 2);
    expect(two.length).toBeGreaterThan(100);
    const open: string[] = [];
    for (const one of two) {
      const found = runProbe(one.arch, one.scenario, one.probe, {
        strategy: 'dpor',
        maxExecutions: 3000,
        maxSteps: 400,
      });
      if (found.verdict === 'unknown') open.push(one.probe);
      else expect([name(one), found.verdict]).toEqual(plain(one).slice(0, 2));
    }
    // A thread that faults, or finds an entry busy, tries again: such schedules have no end, and each is a trace.
    expect([...new Set(open)].sort()).toEqual(WITHOUT_END);
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

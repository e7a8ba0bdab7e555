import type { Arch } from '@ptemu/arch';
import { arm32 } from '@ptemu/arm32';
import { arm64 } from '@ptemu/arm64';
import { powerpc } from '@ptemu/powerpc';
import { s390 } from '@ptemu/s390';
import { runProbe, type RunOptions, scenarios, whyNot } from '@ptemu/scenarios';
import { x86_64 } from '@ptemu/x86_64';
import { expect } from 'vitest';

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

/** A probe on a backend. */
export interface Case {
  readonly arch: Arch;
  readonly scenario: string;
  readonly probe: string;
  /** Actors that are no hardware. */
  readonly actors: number;
}

/** Every probe of part D on each of them. */
export const CASES: readonly Case[] = scenarios.flatMap((scenario) =>
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
export const answer = (one: Case, options: RunOptions): readonly unknown[] => {
  const { verdict, fell } = runProbe(one.arch, one.scenario, one.probe, options);
  return [name(one), verdict, fell.map(({ invariant }) => invariant).sort()];
};
const plainAnswers = new Map<Case, readonly unknown[]>();

/** The same without reductions; searched once. */
export function plain(one: Case): readonly unknown[] {
  const known =
    plainAnswers.get(one) ?? answer(one, { strategy: 'exhaustive', sleepSets: false, merge: 'none' });
  plainAnswers.set(one, known);
  return known;
}

/** Runs the probes of two actors under `dpor` and compares their verdicts with those of the plain search. */
export function expectSameUnderDpor(cases: readonly Case[]): void {
  for (const one of cases) {
    const found = runProbe(one.arch, one.scenario, one.probe, { strategy: 'dpor' });
    expect([name(one), found.verdict]).toEqual(plain(one).slice(0, 2));
  }
}

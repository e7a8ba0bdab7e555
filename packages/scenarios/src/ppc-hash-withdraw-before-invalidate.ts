import type { Arch } from '@ptemu/arch';
import type { Actor } from '@ptemu/mm';
import { inWindow, processCpus, reclaim, splitDone, user } from './cast.js';
import type { ProbeDefinition, Reach, ScenarioDefinition } from './definition.js';

const slotRecorded: Reach = {
  name: 'the fault handler has recorded a slot in the deposited table',
  test: ({ machine }) =>
    machine.get('slot:T0[0]') !== 0n &&
    machine.regions().some((region) => region.name === 'T0' && machine.roleOf(region) === 'deposited'),
};

const hashOnly = (arch: Arch): string | undefined =>
  arch.name === 'powerpc' && arch.options['mmu'] === 'hash' ? undefined : 'powerpc hash only';

const common = {
  judgedBy: ['I1', 'I11'],
  world: () => ({ cpus: processCpus, extraRefs: 1, pages: [2] }),
  actors: (): readonly Actor[] => [reclaim, user(2)],
  bounds: { splits: 1, 'user accesses': 2 },
};

const probes: readonly ProbeDefinition[] = [
  {
    ...common,
    id: 'D-8',
    title: 'the deposited table is withdrawn while the hash fault may still write slot numbers into it',
    variant: 'withdraw-first',
    switches: { 'split.prepare': false, 'split.withdraw-first': true },
    skip: hashOnly,
    reached: [splitDone],
    expected: [
      {
        archs: ['powerpc:hash'],
        verdict: 'CEX',
        invariants: ['I11', 'I1'],
        basis: 'doc',
        source: 'c777e2a8b654',
      },
    ],
  },
  {
    ...common,
    id: 'D-8/fixed',
    title: 'the same with the entry made unusable first',
    skip: hashOnly,
    reached: [inWindow, splitDone, slotRecorded],
    expected: [
      {
        archs: ['powerpc:hash'],
        verdict: 'SAFE',
        basis: 'doc',
        source: 'c777e2a8b654; from 4.16 on the order of the split',
      },
    ],
  },
];

/** The powerpc symptom of v4.5-rc: multi-hit ERAT. */
export const ppcHashWithdrawBeforeInvalidate: ScenarioDefinition = {
  id: 'ppc-hash-withdraw-before-invalidate',
  title: 'Deposited table re-used while the hash fault handler still writes slot numbers into it',
  summary:
    'On hash the deposited table records where the HPTEs of a huge page are. Withdrawn before the entry is made unusable, it is filled with ptes that the fault handler overwrites, and the flush finds nothing.',
  sources: [
    {
      kind: 'commit',
      subject: 'powerpc/mm: Fix Multi hit ERAT cause by recent THP update',
      id: 'c777e2a8b654',
    },
  ],
  needs: ['c777e2a8b654'],
  features: ['PT', 'HUGE', 'DEP', 'HASH', 'IPI', 'PTL', 'TLB', 'PTLIFE'],
  since: '4.5',
  probes,
};

import { exitCpus, inWindow, processCpus, reclaim, splitDone, user } from './cast.js';
import type { ScenarioDefinition } from './definition.js';
import { arm64PresentIsValid, s390Empties } from './eras.js';

/** A huge pmd under split that a fault takes for a swap entry. */
export const splitWindowMisreadAsSwap: ScenarioDefinition = {
  id: 'split-window-misread-as-swap',
  title: 'The invalidated pmd looks like a swap or migration entry',
  summary:
    'Where pmd_present() only asks the hardware-valid bit, an invalidated huge pmd is neither none nor present: generic code takes it for a swap entry, and asserts that it is a migration entry.',
  sources: [
    {
      kind: 'commit',
      subject: 'arm64/mm: Change THP helpers to comply with generic MM semantics',
      id: 'b65399f6111b',
    },
    {
      kind: 'commit',
      subject: 'arm64: mm: pmd_present() false after pmd_mknotpresent()',
      id: '5bb1cc0ff9a6',
    },
  ],
  needs: ['b65399f6111b', '5bb1cc0ff9a6', '616b8371539a'],
  features: ['PT', 'HUGE', 'MIG', 'PTL'],
  since: '4.5',
  probes: [
    {
      id: 'D-9',
      title: 'a fault in the window, with PMD migration enabled',
      variant: 'thp-migration',
      judgedBy: ['I21', 'I22'],
      switches: { 'thp-migration': true },
      world: () => ({ cpus: processCpus, extraRefs: 1 }),
      actors: () => [reclaim, user(1)],
      reached: [inWindow, splitDone],
      bounds: { splits: 1, 'user accesses': 1 },
      expected: [
        {
          archs: ['arm64'],
          ...arm64PresentIsValid,
          verdict: 'CEX',
          invariants: ['I21', 'I22'],
          basis: 'doc',
          source: 'b65399f6111b',
        },
        {
          archs: ['arm32'],
          from: '624531886987',
          verdict: 'CEX',
          invariants: ['I21', 'I22'],
          basis: 'computed',
          source:
            'scenarios/README.md, correction 3: pmd_present() of an invalidated huge pmd is false to this day',
        },
        {
          archs: ['s390'],
          ...s390Empties,
          verdict: 'CEX',
          invariants: ['I21'],
          basis: 'computed',
          source: 'fact sheet 1.1: the stored word is the empty entry',
        },
        { archs: [], verdict: 'SAFE', basis: 'derived', source: 'fact sheet 1.1: present stays true' },
      ],
    },
    {
      id: 'D-9/no-marker',
      title: 'the same with the entry cleared, so that no bit says that it is present',
      variant: 'clear-all',
      judgedBy: ['I21', 'I22'],
      switches: { 'thp-migration': true, 'split.invalidate': 'clear-all' },
      world: () => ({ cpus: exitCpus, extraRefs: 1 }),
      actors: () => [reclaim],
      reached: [splitDone],
      bounds: { splits: 1 },
      expected: [{ archs: [], verdict: 'CEX', invariants: ['I21'], basis: 'derived', source: 'broken twin' }],
      twinOf: { probe: 'D-9', drops: 'the software bit that says present' },
    },
  ],
};

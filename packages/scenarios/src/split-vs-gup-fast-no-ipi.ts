import { gup, processCpus, reclaimPage, inWindow } from './cast.js';
import type { ProbeDefinition, Reach, ScenarioDefinition } from './definition.js';

const pinned: Reach = {
  name: 'GUP-fast holds a reference',
  test: (world) => world.machine.get('H.refcount') !== 0 && world.machine.get('H.refcount') === 3,
};
const frozen: Reach = {
  name: 'the page is taken apart',
  test: (world) => world.machine.get('H.state') === 'split',
};

const world = (): { readonly cpus: typeof processCpus; readonly extraRefs: number } => ({
  cpus: processCpus,
  extraRefs: 1,
});
const bounds = { splits: 1, pins: 1 };

/** The old protocol where nothing waits for a walk: no explicit IPI, no IPI of the flush, no re-check. */
const unguarded: Omit<ProbeDefinition, 'id'> = {
  title: 'the old protocol where the flush sends no IPI either',
  variant: 'no-ipi, no-recheck, no flush IPI',
  judgedBy: ['I3', 'I22'],
  switches: { kick: false, ipi: false, 'gup.recheck': false },
  world,
  actors: () => [gup, reclaimPage],
  reached: [frozen],
  bounds,
  expected: [
    { archs: [], verdict: 'CEX', invariants: ['I22', 'I3'], basis: 'derived', source: 'broken twin' },
  ],
};

/** The first hypothesis of the thread: without the splitting IPI, GUP-fast is no longer held back. */
export const splitVsGupFastNoIpi: ScenarioDefinition = {
  id: 'split-vs-gup-fast-no-ipi',
  title: 'Split without an IPI against GUP-fast',
  summary:
    'GUP-fast walks with interrupts off. The old protocol relied on an IPI to wait for such walks; where a TLB flush is no IPI, a speculative reference and a second look at the entry must do.',
  sources: [
    {
      kind: 'mail',
      subject: '[BUG] random kernel crashes after THP rework on s390 (maybe also on PowerPC and ARM)',
      date: '2016-02-11',
    },
  ],
  needs: ['pmd-splitting-removed'],
  features: ['PT', 'HUGE', 'GUPF', 'IPI', 'BTLBI', 'FRAME', 'DEP', 'PTL'],
  since: '4.5',
  probes: [
    {
      id: 'D-5',
      title: 'no explicit IPI, GUP-fast with speculative reference and re-check',
      variant: 'no-ipi',
      judgedBy: ['I3', 'I22'],
      switches: { kick: false },
      world,
      actors: () => [gup, reclaimPage],
      reached: [inWindow, pinned, frozen],
      bounds,
      expected: [
        {
          archs: ['arm32'],
          to: 'arm-8579-1',
          verdict: 'CEX',
          invariants: ['I3'],
          basis: 'computed',
          source:
            'fact sheet 4.3: the invalidated word has pfn 0, and the re-check passes while the window is open',
        },
        { archs: [], verdict: 'SAFE', basis: 'derived', source: 'corpus D-5: answers the first mail' },
      ],
    },
    {
      id: 'D-6',
      title: 'no explicit IPI, GUP-fast without re-check (the old protocol)',
      variant: 'no-ipi, no-recheck',
      judgedBy: ['I3', 'I22'],
      switches: { kick: false, 'gup.recheck': false },
      world,
      actors: () => [gup, reclaimPage],
      reached: [frozen],
      bounds,
      expected: [
        {
          archs: ['x86_64:cpu.invlpgb=true'],
          from: 'x86-invlpgb',
          verdict: 'CEX',
          invariants: ['I22', 'I3'],
          basis: 'computed',
          source: 'fact sheet 6.3: with INVLPGB a TLB flush no longer implies an IPI',
        },
        {
          archs: ['x86_64'],
          verdict: 'SAFE',
          basis: 'derived',
          source: 'corpus D-6: the flush of the split is an IPI that waits for the walk',
        },
        { archs: [], verdict: 'CEX', invariants: ['I22', 'I3'], basis: 'derived', source: 'corpus D-6' },
      ],
    },
    {
      ...unguarded,
      id: 'D-5/unguarded',
      twinOf: { probe: 'D-5', drops: 'the re-check, and on x86_64 the IPI of the flush' },
    },
    { ...unguarded, id: 'D-6/no-flush-ipi', twinOf: { probe: 'D-6', drops: 'the IPI of the flush' } },
  ],
};

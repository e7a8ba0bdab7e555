import type { Arch } from '@ptemu/arch';
import type { Actor } from '@ptemu/mm';
import { inWindow, processCpus, reclaim, speculation, splitDone, user } from './cast.js';
import type { ProbeDefinition, ScenarioDefinition } from './definition.js';

/** The walker takes part where the hardware walks Linux's tables: not on powerpc hash. */
const actors = (arch: Arch): readonly Actor[] =>
  arch.mmuOf().kind === 'hash' ? [reclaim, user(2)] : [reclaim, user(2), speculation];
/** 256 MiB: the s390 segment index is below 511, so that the instruction reaches into the page before the table. */
const world = (): ReturnType<ProbeDefinition['world']> => ({
  cpus: processCpus,
  extraRefs: 1,
  pages: [2],
  va: 0x1000_0000n,
});

/** Two ways to leave out the invalidation of a split: for the wrong address, and not at all. */
export const splitInvalidateWrongAddress: ScenarioDefinition = {
  id: 'split-invalidate-wrong-address',
  title: 'pmdp_invalidate called with the address one PMD too high',
  summary:
    'The loop that filled the ptes advanced the address that pmdp_invalidate() was then given. Where the entry is edited by pointer only the flush goes astray; s390 derives the table origin from pointer and address, and edits another word.',
  sources: [
    { kind: 'mail', subject: 'thp: call pmdp_invalidate() with correct virtual address', date: '2016-02-24' },
  ],
  needs: ['thp-invalidate-right-address'],
  features: ['PT', 'HUGE', 'DEP', 'PTL', 'TLB', 'PWC', 'ARCHOP', 'BTLBI'],
  since: '4.5',
  probes: [
    {
      id: 'D-4',
      title: 'invalidate for the address one pmd too high, as in v4.5-rc1 to rc5',
      variant: 'wrong-address',
      judgedBy: ['I1', 'I3', 'I4', 'I11'],
      switches: { 'invalidate.addr': 'plus-one' },
      skip: (arch) =>
        arch.kernel.has('d52605d7cb30')
          ? 'from 4.16 on the entry is invalidated before the loop, so its address cannot have been moved'
          : undefined,
      world,
      actors,
      reached: [inWindow, splitDone],
      bounds: { splits: 1, 'user accesses': 2, 'speculative fills': 1 },
      expected: [
        {
          archs: ['x86_64'],
          verdict: 'SAFE',
          basis: 'computed',
          source:
            'fact sheet 6.3: the flush of a THP is 512 strides, more than the ceiling of 33, so the whole mm is flushed whatever the address',
        },
        {
          archs: ['powerpc:hash'],
          verdict: 'SAFE',
          basis: 'computed',
          source:
            'fact sheet 1.4 and 8.3: pmdp_huge_split_prepare (4.5 to 4.15) has flushed the HPTEs for the right address before',
        },
        {
          archs: ['arm64:granule=64k', 'arm64:granule=16k'],
          verdict: 'SAFE',
          basis: 'computed',
          source:
            'fact sheet 5.3: 8192 pages (16k: 2048) are more than the ceiling of 1024, so the whole ASID is flushed whatever the address',
        },
        {
          archs: ['powerpc:radix'],
          to: 'ppc-flush-pmd-tlb-range',
          verdict: 'SAFE',
          basis: 'computed',
          source:
            'fact sheet 1.4 and 8.3: without flush_pmd_tlb_range (4.8) the whole PID is flushed whatever the address',
        },
        {
          archs: ['s390'],
          verdict: 'CEX',
          invariants: ['I1'],
          basis: 'doc',
          source: 'mail of 24 Feb 2016: 0x020 in ptes of a table that lies before the pmd table',
        },
        { archs: [], verdict: 'CEX', invariants: ['I4', 'I11'], basis: 'derived', source: 'corpus D-4' },
      ],
    },
    {
      id: 'D-4/right-address',
      title: 'the same with the right address',
      judgedBy: ['I1', 'I3', 'I4', 'I11'],
      world,
      actors,
      reached: [inWindow, splitDone],
      bounds: { splits: 1, 'user accesses': 2, 'speculative fills': 1 },
      expected: [{ archs: [], verdict: 'SAFE', basis: 'doc', source: 'v4.5-rc6, applied directly' }],
    },
    {
      id: 'D-4/no-flush',
      title: 'the right address, but the invalidation does not flush',
      variant: 'no-flush',
      judgedBy: ['I1', 'I3', 'I4', 'I11'],
      switches: { 'split.invalidate': 'no-flush' },
      world,
      actors,
      reached: [splitDone],
      bounds: { splits: 1, 'user accesses': 2, 'speculative fills': 1 },
      expected: [
        {
          archs: ['arm64:cpu.bbml2=true'],
          verdict: 'SAFE',
          basis: 'derived',
          source:
            'fact sheet 5.4: FEAT_BBM level 2 allows a block and a page at once, and both map the same frames with the same rights',
        },
        { archs: [], verdict: 'CEX', invariants: ['I4', 'I11'], basis: 'derived', source: 'broken twin' },
      ],
      twinOf: { probe: 'D-4/right-address', drops: 'the flush of pmdp_invalidate' },
    },
    {
      id: 'D-11',
      title: 'no invalidation at all: the table pointer is stored over the live entry',
      variant: 'no-invalidate',
      judgedBy: ['I7', 'I11'],
      switches: { 'split.invalidate': 'none' },
      world: () => ({ ...world(), entry: { dirty: false } }),
      actors,
      reached: [splitDone],
      bounds: { splits: 1, 'user accesses': 2, 'speculative fills': 1 },
      expected: [
        {
          archs: ['arm64:cpu.bbml2=true'],
          verdict: 'SAFE',
          basis: 'derived',
          source:
            'fact sheet 5.4: FEAT_BBM level 2 allows a block and a page at once, and the state is kept by software',
        },
        {
          archs: [],
          verdict: 'CEX',
          invariants: ['I11', 'I7'],
          basis: 'doc',
          source: 'comment in the split code: mixed sizes are forbidden, A/D bits are set by hardware',
        },
      ],
    },
  ],
};

import { type Actor } from '@ptemu/mm';
import {
  dontneed,
  exit,
  exitCpus,
  helperContract,
  inWindow,
  processCpus,
  reclaim,
  droppedByBoth,
  splitDone,
  user,
  zappedWhole,
} from './cast.js';
import type { ProbeDefinition, ScenarioDefinition } from './definition.js';
import { arm64PresentIsValid, s390Empties } from './eras.js';
import type { Expectation } from './types.js';

const thread = 'mail "[BUG] random kernel crashes after THP rework on s390", 25 Feb 2016';
const words = 'fact sheet 1.1 and 4.3: the word that is stored';

/** What the stored words say, where it differs from the mail: scenarios/README.md, corrections 1 and 2. */
const byStoredWord: readonly Expectation[] = [
  { archs: ['s390'], ...s390Empties, verdict: 'CEX', basis: 'computed', source: words },
  { archs: ['arm32'], to: 'arm-8579-1', verdict: 'SAFE', basis: 'computed', source: words },
];
const safe: Expectation = { archs: [], verdict: 'SAFE', basis: 'doc', source: 'D-3, corpus part D' };

const exitWorld = { cpus: exitCpus, extraRefs: 1 };
const processWorld = { cpus: processCpus, extraRefs: 1 };

const base = {
  D1: {
    world: () => exitWorld,
    actors: (): readonly Actor[] => [reclaim, exit],
    reached: [inWindow, splitDone, zappedWhole],
    bounds: { splits: 1, zaps: 1 },
  },
  D2: {
    world: () => exitWorld,
    actors: (): readonly Actor[] => [reclaim, dontneed],
    reached: [inWindow, splitDone, zappedWhole],
    bounds: { splits: 1, zaps: 1 },
  },
  D3: {
    world: () => processWorld,
    actors: (): readonly Actor[] => [reclaim, dontneed, user(1)],
    reached: [inWindow, splitDone, zappedWhole],
    bounds: { splits: 1, zaps: 1, 'user accesses': 1 },
  },
};

const rawZero: Expectation = {
  archs: [],
  verdict: 'CEX',
  basis: 'doc',
  source: `${thread}: "if zap_pmd_range() would see pmd_none() between pmdp_mknotpresent() and pmd_populate(), we're screwed"`,
};

const correction3 = 'scenarios/README.md, corrections 1 and 3; fact sheet 1.1';

const probes: readonly ProbeDefinition[] = [
  {
    id: 'D-1/helper',
    title: 'the helper alone: what pmd_mknotpresent or pmd_mkinvalid returns (s390, powerpc: what is stored)',
    variant: 'helper',
    judgedBy: ['I21'],
    world: () => exitWorld,
    actors: () => [helperContract],
    reached: [],
    bounds: {},
    expected: [
      { archs: ['arm32'], verdict: 'CEX', invariants: ['I21'], basis: 'computed', source: correction3 },
      {
        archs: ['arm64'],
        ...arm64PresentIsValid,
        verdict: 'CEX',
        invariants: ['I21'],
        basis: 'computed',
        source: correction3,
      },
      {
        archs: ['s390'],
        ...s390Empties,
        verdict: 'CEX',
        invariants: ['I21'],
        basis: 'computed',
        source: correction3,
      },
      {
        archs: ['powerpc'],
        from: 'da7ad366b497',
        to: '86ec2da037b8',
        verdict: 'CEX',
        invariants: ['I21'],
        basis: 'computed',
        source:
          'fact sheet 1.4: its pmd_mknotpresent does not set _PAGE_INVALID, and is not used by its pmdp_invalidate',
      },
      { archs: [], verdict: 'SAFE', basis: 'computed', source: 'fact sheet 1.1' },
    ],
  },
  {
    ...base.D1,
    id: 'D-1',
    title: 'split against the zap of exit',
    judgedBy: ['I8'],
    expected: [...byStoredWord.map((e) => ({ ...e, invariants: ['I8'] })), safe],
  },
  {
    ...base.D1,
    id: 'D-1/raw-zero',
    title: 'the same with the zero of pmd_mknotpresent stored raw, as the mail describes it',
    variant: 'raw-zero',
    judgedBy: ['I8'],
    switches: { 'split.invalidate': 'raw-zero' },
    expected: [{ ...rawZero, invariants: ['I8'] }],
    twinOf: { probe: 'D-1', drops: 'the bits that keep an invalidated pmd from being none' },
  },
  {
    ...base.D1,
    id: 'D-1/no-recheck',
    title: 'the same, zap_huge_pmd without the pmd lock and its re-check',
    variant: 'no-recheck',
    judgedBy: ['I8', 'I5', 'I22'],
    switches: { 'zap.recheck': false },
    expected: [{ archs: [], verdict: 'CEX', basis: 'derived', source: 'broken twin: the lock is dropped' }],
    twinOf: { probe: 'D-1', drops: 'the pmd lock of zap_huge_pmd' },
  },
  {
    ...base.D2,
    id: 'D-2',
    title: 'split against MADV_DONTNEED',
    judgedBy: ['I9'],
    expected: [...byStoredWord.map((e) => ({ ...e, invariants: ['I9'] })), safe],
  },
  {
    ...base.D2,
    id: 'D-2/raw-zero',
    title: 'the same with the zero stored raw',
    variant: 'raw-zero',
    judgedBy: ['I9'],
    switches: { 'split.invalidate': 'raw-zero' },
    expected: [{ ...rawZero, invariants: ['I9'] }],
    twinOf: { probe: 'D-2', drops: 'the bits that keep an invalidated pmd from being none' },
  },
  {
    ...base.D3,
    id: 'D-3',
    title: 'split against MADV_DONTNEED with a bystander that faults',
    judgedBy: ['I3', 'I8', 'I9'],
    expected: [...byStoredWord.map((e) => ({ ...e, invariants: ['I9'] })), safe],
  },
  {
    ...base.D3,
    id: 'D-3/no-flush',
    title: 'the same, MADV_DONTNEED frees without a flush',
    variant: 'no-flush',
    judgedBy: ['I3'],
    switches: { 'zap.flush': false },
    skip: (arch) =>
      arch.name === 's390' || arch.name === 'powerpc'
        ? 'the entry itself is cleared by an instruction that purges: there is no separate flush to drop'
        : undefined,
    expected: [{ archs: [], verdict: 'CEX', invariants: ['I3'], basis: 'derived', source: 'broken twin' }],
    twinOf: { probe: 'D-3', drops: 'the TLB flush of the zap' },
  },
  {
    ...base.D1,
    id: 'D-7',
    title: 'powerpc: clear all bits instead of marking the entry',
    variant: 'clear-all',
    judgedBy: ['I8'],
    switches: { 'split.invalidate': 'clear-all' },
    skip: (arch) => (arch.name === 'powerpc' ? undefined : 'a proposal for powerpc only'),
    expected: [
      {
        archs: ['powerpc'],
        verdict: 'CEX',
        invariants: ['I8'],
        basis: 'doc',
        source: `${thread}: reason for the withdrawal`,
      },
    ],
  },
  {
    id: 'D-10',
    title: 'file-backed: the split drops the pmd through none on purpose, against MADV_DONTNEED',
    judgedBy: ['I9'],
    world: () => ({ ...exitWorld, anonymous: false }),
    actors: () => [reclaim, dontneed],
    reached: [droppedByBoth],
    bounds: { splits: 1, zaps: 1 },
    expected: [
      {
        archs: [],
        verdict: 'SAFE',
        basis: 'derived',
        source: 'corpus D-10: nothing is re-installed by the splitter',
      },
    ],
  },
  {
    id: 'D-10/reinstall',
    title: 'the same, but the splitter puts the entry back',
    variant: 'reinstall',
    judgedBy: ['I9'],
    switches: { 'split.reinstall': true },
    world: () => ({ ...exitWorld, anonymous: false }),
    actors: () => [reclaim, dontneed],
    reached: [],
    bounds: { splits: 1, zaps: 1 },
    expected: [{ archs: [], verdict: 'CEX', invariants: ['I9'], basis: 'derived', source: 'broken twin' }],
    twinOf: { probe: 'D-10', drops: 'that the splitter leaves the entry none' },
  },
];

/** The race that the mail of February 2016 is about. */
export const splitNoneWindowVsZap: ScenarioDefinition = {
  id: 'split-none-window-vs-zap',
  title: 'PMD split passes through none, zap_pmd_range skips it',
  summary:
    'Reclaim splits a huge pmd while another thread zaps the range. Between pmdp_invalidate() and pmd_populate() the pmd must not read as none, or the zap skips two megabytes that the split then maps.',
  sources: [
    {
      kind: 'mail',
      subject: '[BUG] random kernel crashes after THP rework on s390 (maybe also on PowerPC and ARM)',
      date: '2016-02-25',
    },
    { kind: 'mail', subject: 'thp: fix leak due split_huge_page() vs. exit race', date: '2015-11-11' },
  ],
  needs: ['624531886987', '227be799c39a', '91c575b33576'],
  features: ['PT', 'HUGE', 'DEP', 'PTL', 'AVC', 'MMLIFE', 'ACCT', 'TLB', 'FRAME', 'MMAPL'],
  since: '4.5',
  probes,
};

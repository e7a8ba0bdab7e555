import type { PmdView, TraceDocument, TraceStep } from '@ptemu/trace';

/**
 * Runs made by hand for the tests of this package. The words are those of the fact sheet, worked words 1.3: s390 4.12
 * stores the empty entry 0x20 in the window, s390 4.5 and 4.15 keep the frame; x86_64 clears the present bit only.
 */
const view = (entry: bigint, says: string, walker: string): PmdView => ({
  entry: `0x${entry.toString(16).padStart(16, '0')}`,
  none: says.includes('N'),
  present: says.includes('P'),
  trans_huge: says.includes('T'),
  bad: says.includes('B'),
  leaf: says.includes('L'),
  walker,
});

export const step = (
  actor: string,
  fn: string,
  text: string,
  more: Partial<Omit<TraceStep, 'actor' | 'fn' | 'text'>> = {},
): TraceStep => ({
  actor,
  fn,
  text,
  step: `${fn}: ${text}`,
  align: text.replace(/ (->|<-).*/, ''),
  effects: [],
  fell: [],
  ...more,
});

const s390Huge = view(0x4000_0c03n, 'PTBL', 'maps 0x40000000 (1M)');
const s390None = view(0x20n, 'NB', 'fault');
const s390Table = view(0x0123_4000n, 'P', 'table 0x1234000');

export const s390Trace: TraceDocument = {
  format: 'ptemu-trace',
  version: 1,
  scenario: 'split-none-window-vs-zap',
  probe: 'D-1',
  variant: 'exit',
  arch: 's390',
  spec: 's390',
  options: {},
  kernel: '4.12',
  commits: [],
  verdict: 'violates',
  invariant: 'I8',
  message: 'mm 1: rss is 512 after exit_mmap, 0 expected',
  alsoFell: ['I21'],
  actors: [
    { name: 'CPU0', title: 'reclaim' },
    { name: 'CPU1', title: 'exit' },
  ],
  steps: [
    step('CPU0', '__split_huge_pmd', 'lock pmd ptl', { pmd: s390Huge }),
    step('CPU0', 'pmdp_invalidate', 'load pmd -> 0x40000c03', { pmd: s390Huge }),
    step('CPU0', 'pmdp_invalidate', 'IDTE', { pmd: s390None, effects: ['CPU1 drops 0x40000000 1M'] }),
    step('CPU1', 'zap_pmd_range', 'load pmd -> 0x20', { pmd: s390None }),
    step('CPU0', '__split_huge_pmd_locked', 'store 512 ptes', { pmd: s390None }),
    step('CPU0', 'pmd_populate', 'store pmd <- 0x1234000', { pmd: s390Table }),
    step('CPU1', 'exit_mmap', 'read rss -> 512', {
      pmd: s390Table,
      fell: [{ invariant: 'I8', message: 'mm 1: rss is 512 after exit_mmap, 0 expected' }],
    }),
  ],
};

const x86Huge = view(0x8000_0000_4000_08e7n, 'PTL', 'maps 0x40000000 (2M)');
const x86Invalid = view(0x8000_0000_4000_08e6n, 'PTL', 'fault');
const x86Table = view(0x0123_4067n, 'P', 'table 0x1234000');

export const x86Steps: readonly TraceStep[] = [
  step('CPU0', '__split_huge_pmd', 'lock pmd ptl', { pmd: x86Huge }),
  step('CPU0', 'pmdp_invalidate', 'load pmd', { pmd: x86Huge }),
  step('CPU0', 'pmdp_invalidate', 'cmpxchg pmd', { pmd: x86Invalid }),
  step('CPU1', 'zap_pmd_range', 'load pmd', { pmd: x86Invalid }),
  step('CPU0', '__split_huge_pmd_locked', 'store 512 ptes', { pmd: x86Invalid }),
  step('CPU0', 'pmd_populate', 'store pmd', { pmd: x86Table }),
];

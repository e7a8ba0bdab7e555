import type { TraceDocument } from '@ptemu/trace';
import { describe, expect, it } from 'vitest';
import { s390Trace, step } from '../test/sample-traces.js';
import { twoColumn } from './two-column.js';

const widest = (text: string): number => Math.max(...text.split('\n').map((line) => line.length));

describe('twoColumn', () => {
  it('shows the interleaving, the invariant, the replay command and where it ran', () => {
    const replay =
      'npx ptemu run split-none-window-vs-zap --probe D-1 --arch s390 --kernel 4.12 --json | npx ptemu replay -';
    expect(twoColumn(s390Trace, { replay })).toBe(`CPU0 (reclaim)                       CPU1 (exit)

__split_huge_pmd()
  lock pmd ptl
pmdp_invalidate()
  load pmd -> 0x40000c03
  IDTE
  pmd: 0x20
  * CPU1 drops 0x40000000 1M

                                     zap_pmd_range()
                                       load pmd -> 0x20

__split_huge_pmd_locked()
  store 512 ptes
pmd_populate()
  store pmd <- 0x1234000

                                     exit_mmap()
                                       read rss -> 512
                                       !! I8

I8: mm 1: rss is 512 after exit_mmap, 0 expected
also fell: I21

replay with
  npx ptemu run split-none-window-vs-zap --probe D-1 --arch s390 \\
    --kernel 4.12 --json | npx ptemu replay -

scenario split-none-window-vs-zap D-1 (exit)
arch s390, kernel 4.12
`);
  });

  it('stays within 72 columns whatever the length of a word', () => {
    const long = 'x'.repeat(200);
    const trace: TraceDocument = {
      ...s390Trace,
      message: long,
      scenario: long,
      actors: [
        { name: 'CPU0', title: `${long} one` },
        { name: 'CPU1', title: 'exit' },
      ],
      steps: [
        step('CPU0', long, `${long} ${long}`, {
          effects: [long],
          fell: [{ invariant: 'I8', message: long }],
        }),
        step('CPU1', 'exit_mmap', long),
      ],
    };
    expect(widest(twoColumn(trace))).toBeLessThanOrEqual(72);
    expect(widest(twoColumn(trace, { width: 40 }))).toBeLessThanOrEqual(40);
  });

  it('gives three actors three columns', () => {
    const trace: TraceDocument = {
      ...s390Trace,
      actors: [...s390Trace.actors, { name: 'CPU2', title: 'user' }],
      steps: [...s390Trace.steps, step('CPU2', 'handle_mm_fault', 'load pmd -> 0x1234000')],
    };
    const text = twoColumn(trace);
    expect(text.split('\n')[0]).toBe('CPU0 (reclaim)     CPU1 (exit)        CPU2 (user)');
    expect(text).toContain(`${' '.repeat(38)}handle_mm_fault()`);
    expect(widest(text)).toBeLessThanOrEqual(72);
  });

  it('puts an interrupt into the column of the thread that it interrupts', () => {
    const trace: TraceDocument = {
      ...s390Trace,
      actors: [
        { name: 'reclaim', title: 'CPU0: splits' },
        { name: 'user', title: 'CPU2: stores' },
        { name: 'ipi CPU2', title: 'CPU2: takes an interrupt' },
      ],
      steps: [
        step('reclaim', 'flush_tlb_range', 'IPI to CPU2'),
        step('ipi CPU2', 'interrupt', 'takes the IPI'),
        step('user', 'user', 'store'),
      ],
    };
    const lines = twoColumn(trace).split('\n');
    expect(lines.filter((line) => /CPU0 .*CPU2/.test(line))).toEqual([
      `${'CPU0 (reclaim)'.padEnd(37)}CPU2 (user)`,
    ]);
    const at = lines.find((line) => line.includes('takes the IPI'))?.indexOf('takes');
    expect(at).toBe(lines.find((line) => line.endsWith('  store'))?.indexOf('store'));
  });

  it('shows steps of an actor that the document does not list', () => {
    const trace = { ...s390Trace, actors: [], steps: [step('somebody', 'f', 'does it')] };
    expect(twoColumn(trace)).toContain('somebody');
  });

  it('stacks actors that have no room side by side, and leaves out those without a step', () => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    const trace: TraceDocument = {
      ...s390Trace,
      actors: names.map((name) => ({ name, title: `actor ${name}` })),
      steps: ['a', 'b', 'a', 'c', 'd'].map((actor) => step(actor, 'fn', 'load pmd')),
    };
    const [body] = twoColumn(trace).split('\n\nI8');
    expect(body).toBe(
      [
        'a (actor a)\n  fn()\n    load pmd',
        'b (actor b)\n  fn()\n    load pmd',
        'a (actor a)\n    load pmd',
        'c (actor c)\n  fn()\n    load pmd',
        'd (actor d)\n  fn()\n    load pmd',
      ].join('\n\n'),
    );
  });

  it('writes colours only when asked', () => {
    expect(twoColumn(s390Trace)).not.toContain('\u001b');
    expect(twoColumn(s390Trace, { color: true })).toContain('\u001b[31m');
  });
});

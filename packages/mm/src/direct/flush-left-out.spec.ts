/** Every operation leaves nothing stale behind, and every part of its flushes is needed. */
import type { Arch } from '@ptemu/arch';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backends } from '../../test/worlds.js';
import { FLUSH_OPERATIONS, type FlushOperation, runOperation } from '../index.js';

const KERNELS = ['4.5', '4.9', '4.20', '5.8', '6.12', '6.19'];
const ALL: readonly (readonly [string, Arch])[] = KERNELS.flatMap((kernel) =>
  backends(kernel).map(([name, arch]) => [`${name} ${kernel}`, arch] as const),
);
/** A switch of the CPU is no change of a table: nothing can become stale by it. */
const CHANGES = FLUSH_OPERATIONS.filter((operation) => operation !== 'context-switch');

describe.each(ALL)('%s', (_name, arch) => {
  it.each(CHANGES)('%s leaves no CPU a translation that is no longer true', (operation) => {
    for (const [pages, cpus] of [
      [1, 1],
      [34, 3],
      [70, 2],
    ] as const) {
      expect(runOperation(arch, { operation, pages, cpus }).stale).toEqual([]);
    }
  });
  it.each(CHANGES)('%s without its flushes leaves some', (operation) => {
    const left = { operation, pages: 34, cpus: 3 };
    const { issued, issuedByTargets, completions } = runOperation(arch, left).events;
    const stale = (omit: 'invalidate' | 'crossCall' | 'complete'): number =>
      runOperation(arch, left, omit).stale.length;
    if (Object.keys(issued).length > 0) expect(stale('invalidate')).toBeGreaterThan(0);
    if (Object.keys(issuedByTargets).length > 0) expect(stale('crossCall')).toBeGreaterThan(0);
    if (completions > 0) expect(stale('complete')).toBeGreaterThan(0);
    expect(Object.keys({ ...issued, ...issuedByTargets })).not.toEqual([]);
  });
});

describe('any operation', () => {
  const archs = backends('6.12');
  it('takes each translation of its small pages from each CPU, and none twice', () => {
    const gone: readonly FlushOperation[] = [
      'munmap',
      'madv_dontneed',
      'mremap',
      'mprotect',
      'fork',
      'reclaim',
    ];
    fc.assert(
      fc.property(
        fc.constantFrom(...archs),
        fc.constantFrom(...gone),
        fc.integer({ min: 1, max: 80 }),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 0, max: 5 }),
        ([, arch], operation, pages, cpus, bystanderPages) => {
          const { events, stale } = runOperation(arch, { operation, pages, cpus, bystanderPages });
          expect(events.dropped.wanted).toBe(pages * cpus);
          expect(events.dropped.collateral % cpus).toBe(0);
          expect(events.dropped.collateral).toBeLessThanOrEqual(bystanderPages * cpus);
          expect(events.refill.walks).toBe(events.dropped.collateral);
          expect(stale).toEqual([]);
        },
      ),
      { seed: 4, numRuns: 40 },
    );
  });
});

import type { Fallen, Step } from '@ptemu/explore';
import { x86_64 } from '@ptemu/x86_64';
import { powerpc } from '@ptemu/powerpc';
import { describe, expect, it } from 'vitest';
import { drive } from '../test/drive.js';
import { backends, store, worldOf } from '../test/worlds.js';
import { __split_huge_pmd, type MmWorld, split_huge_page, split_huge_pmd_address } from './index.js';

/** I21 is what some backends break to this day; it has a test of its own. */
const others = (fell: readonly Fallen[]): Fallen[] => fell.filter(({ invariant }) => invariant !== 'I21');
const split = (w: MmWorld, freeze = false): readonly Step[] => {
  const { steps, fell } = drive(
    w,
    __split_huge_pmd(w.context('reclaim'), w.vma, w.frames.huge, w.vma.vm_start, { freeze }),
  );
  expect(others(fell)).toEqual([]);
  return steps;
};
/** Kinds of what happens: `invalidated` when the pmd first changes, `filled`, `linked` when it points to the table. */
const order = (w: MmWorld): string[] => {
  const seen: string[] = [];
  const before = w.machine.valueOf(w.pmd);
  drive(w, __split_huge_pmd(w.context('reclaim'), w.vma, w.frames.huge, w.vma.vm_start), ({ kind }) => {
    const now = w.machine.valueOf(w.pmd);
    if (kind === 'fill-run') seen.push('filled');
    if (w.invariants.tableUnder(now) !== undefined) seen.push('linked');
    else if (now !== before) seen.push('invalidated');
  });
  return seen.filter((what, n) => seen.indexOf(what) === n);
};
const counts = (w: MmWorld): unknown[] =>
  ['H.entire_mapcount', 'H.page_mapcounts', 'H.refcount', 'mm.rss', 'mm.nr_ptes'].map((cell) =>
    w.machine.get(cell),
  );

describe.each(
  ['4.12', '6.12'].flatMap((kernel) => backends(kernel).map(([name, arch]) => [name, kernel, arch] as const)),
)('%s %s __split_huge_pmd', (name, kernel, arch) => {
  it('moves the counts of the mapping to the pages, and links the deposited table', () => {
    const w = worldOf(arch);
    const pages = w.frames.huge.nrPages;
    split(w);
    expect(counts(w)).toEqual([0, pages, pages + 1, pages, 1]);
    expect(w.machine.valueOf(w.pmd)).toBe(arch.pmd.pmd_populate(0x5000_0000n));
    expect(w.machine.get('role:T0')).toBe('table:pte');
  });

  // Fact sheet 3.1: powerpc hash had pmdp_huge_split_prepare from 4.5 to 4.15.
  const late = kernel === '4.12' && name !== 'powerpc hash';
  it(late ? 'invalidates after the table is filled' : 'invalidates before the table is filled', () => {
    expect(order(worldOf(arch))).toEqual(
      late ? ['filled', 'invalidated', 'linked'] : ['invalidated', 'filled', 'linked'],
    );
  });

  // scenarios/README.md, correction 3; fact sheet 1.1.
  const breaks = name === 'arm32' || (kernel === '4.12' && (name === 'arm64' || name === 's390'));
  it(breaks ? 'breaks the contract of I21' : 'keeps the contract of I21', () => {
    const w = worldOf(arch);
    const { fell } = drive(w, __split_huge_pmd(w.context('r'), w.vma, w.frames.huge, w.vma.vm_start));
    expect(fell.length > 0).toBe(breaks);
  });

  it('frozen: the ptes are migration entries, and the mapping holds neither counts nor its reference', () => {
    const w = worldOf(arch);
    split(w, true);
    expect(counts(w)).toEqual([0, 0, 1, w.frames.huge.nrPages, 1]);
    const pte = w.machine.get('slot:T0[1]') as bigint;
    expect([arch.pte.pte_none(pte), arch.pte.pte_present(pte)]).toEqual([false, false]);
  });
});

describe('__split_huge_pmd', () => {
  it('does nothing to a pmd that is no longer huge', () => {
    const w = worldOf(x86_64({ kernel: '6.12' }));
    split(w);
    const before = counts(w);
    expect(split(w).map(({ kind }) => kind)).toEqual(['lock', 'load', 'unlock']);
    expect(counts(w)).toEqual(before);
  });

  it.each([
    ['6.1', false],
    ['6.12', true],
  ])('in %s the ptes of a dirty entry are dirty: %s; the page is in both', (kernel, dirty) => {
    const w = worldOf(x86_64({ kernel }));
    split(w);
    expect(w.arch.pte.pte_dirty(w.machine.get('slot:T0[1]') as bigint)).toBe(dirty);
    expect(w.machine.get('H.dirty')).toBe(1);
  });

  it('drops a file-backed pmd, whose table no architecture but powerpc hash has put aside', () => {
    const w = worldOf(x86_64({ kernel: '6.12' }), { anonymous: false });
    split(w);
    expect(counts(w)).toEqual([0, 0, 1, 0, 0]);
    expect(w.machine.valueOf(w.pmd)).toBe(0n);
    const hash = worldOf(powerpc({ kernel: '6.12', mmu: 'hash' }), { anonymous: false });
    expect(hash.machine.get('mm.nr_ptes')).toBe(1);
    split(hash);
    expect(hash.machine.get('mm.nr_ptes')).toBe(0);
  });
});

describe('split_huge_pmd_address', () => {
  it('does not find a VMA that has left the rmap', () => {
    const w = worldOf(x86_64({ kernel: '6.12' }));
    drive(w, w.context('k').write(w.vma.unlinked, true));
    drive(w, split_huge_pmd_address(w.context('reclaim'), w.vma, w.frames));
    expect(w.machine.valueOf(w.pmd)).toBe(w.initialPmd);
  });
});

describe.each(backends('6.12'))('%s split_huge_page', (_name, arch) => {
  const run = (w: MmWorld): string[] => {
    const { steps, fell } = drive(w, split_huge_page(w.context('reclaim'), w.vma, w.frames));
    expect(others(fell)).toEqual([]);
    return steps.map(({ kind }) => kind);
  };
  it('takes the page apart and frees it when nobody else holds it', () => {
    const w = worldOf(arch);
    run(w);
    expect(counts(w)).toEqual([0, 0, 0, 0, 1]);
    expect(w.machine.get('H.state')).toBe('free');
  });
  it('puts the ptes back when somebody holds a reference, and a store works again', () => {
    const w = worldOf(arch, { extraRefs: 2 });
    run(w);
    const pages = w.frames.huge.nrPages;
    expect(counts(w)).toEqual([0, pages, pages + 2, pages, 1]);
    expect(w.machine.get('H.state')).toBe('compound');
    expect(store(w, 1)).toEqual([]);
    expect(counts(w)[3]).toBe(pages);
  });
  it('holds the rmap lock from before the split to after the freeze', () => {
    const kinds = run(worldOf(arch));
    expect(kinds[0]).toBe('down_write');
    expect(kinds.indexOf('up_write')).toBeGreaterThan(kinds.indexOf('freeze'));
  });
});

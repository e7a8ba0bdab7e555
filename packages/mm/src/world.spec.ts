import { explore, type ExploreResult } from '@ptemu/explore';
import { x86_64 } from '@ptemu/x86_64';
import { describe, expect, it } from 'vitest';
import { drive } from '../test/drive.js';
import { backends, worldOf } from '../test/worlds.js';
import type { Actor } from './index.js';

const arch = x86_64({ kernel: '6.12' });
const actor = (name: string, run: Actor['run']): Actor => ({ name, cpu: 1, title: name, run });
const search = (...actors: Actor[]): ExploreResult =>
  explore(worldOf(arch).program(actors, ['I22'], []), { merge: 'none', sleepSets: false });

describe('a program of two actors', () => {
  it('one cell each: a then b, b then a: 2 executions, 4 states', () => {
    const found = search(
      actor('a', (cx) => cx.write('x', 1)),
      actor('b', (cx) => cx.write('y', 1)),
    );
    expect([found.verdict, found.executions, found.states]).toEqual(['holds', 2n, 4]);
  });

  // a and b are locked out of each other's section: lock unlock of a, then of b, or the other way round. States: nobody
  // has begun; one holds (2); one is done (2); the other holds then (2); both done: 8.
  it('the same lock: 2 executions, 8 states', () => {
    const section: Actor['run'] = function* (cx) {
      yield* cx.lock('l');
      yield* cx.unlock('l');
    };
    const found = search(actor('a', section), actor('b', section));
    expect([found.verdict, found.executions, found.states]).toEqual(['holds', 2n, 8]);
  });

  // store, load: the new word; load, store: the old one. An actor that has ended remembers nothing, so both orders end in
  // one state: start, after the store, after the load, end.
  it('a store and a load of one entry: 2 executions, 4 states', () => {
    const found = search(
      actor('a', (cx, { vma }) => cx.store(vma.pmd, 0n)),
      actor('b', (cx, { vma }) => cx.load(vma.pmd)),
    );
    expect([found.verdict, found.executions, found.states]).toEqual(['holds', 2n, 4]);
  });

  // The same, and then b writes what it read: s l w, l s w, l w s. States: start; s; l; s l and l s (b knows another
  // word); l w; the end of the first, and the end of the other two: 8.
  it('a store, and a load whose result is written on: 3 executions, 8 states', () => {
    const found = search(
      actor('a', (cx, { vma }) => cx.store(vma.pmd, 0n)),
      actor('b', function* (cx, { vma }) {
        yield* cx.write('x', yield* cx.load(vma.pmd));
      }),
    );
    expect([found.verdict, found.executions, found.states]).toEqual(['holds', 3n, 8]);
  });

  it('two locks in opposite order: deadlock', () => {
    const both = (one: string, two: string): Actor['run'] =>
      function* (cx) {
        yield* cx.lock(one);
        yield* cx.lock(two);
      };
    const found = search(actor('a', both('l', 'm')), actor('b', both('m', 'l')));
    expect([found.verdict, found.invariant]).toEqual(['violates', 'deadlock']);
  });
});

describe.each(backends('6.12'))('MmWorld on %s', (_name, backend) => {
  it('begins with a huge page mapped once, one table put aside, and nothing fallen', () => {
    const w = worldOf(backend);
    const { pmd } = backend;
    expect([pmd.pmd_trans_huge(w.initialPmd), pmd.pmd_pfn(w.initialPmd)]).toEqual([true, w.frames.huge.pfn]);
    expect(['H.entire_mapcount', 'H.refcount', 'mm.rss', 'mm.nr_ptes'].map((cell) => w.machine.get(cell))).toEqual([
      1, 2, w.frames.huge.nrPages, 1,
    ]); // prettier-ignore
    w.machine.finish();
    expect(w.machine.takeFallen()).toEqual([]);
  });
  it('rounds the VMA up to the size of a huge page', () => {
    const size = BigInt(backend.layoutOf().HPAGE_PMD_SIZE);
    const w = worldOf(backend, { va: size + 1n });
    expect([w.vma.vm_start, w.vma.vm_end]).toEqual([2n * size, 3n * size]);
  });
});

describe('MmWorld', () => {
  it('run throws when a step would have to wait', () => {
    const w = worldOf(arch);
    w.run(w.context('a').lock('l'));
    expect(() => w.run(w.context('b').lock('l'))).toThrow('lock l must wait');
  });
  it('starts clean where asked, and without a table where the mapping is of a file', () => {
    const w = worldOf(arch, { entry: { dirty: false }, anonymous: false });
    expect(arch.pmd.pmd_dirty(w.initialPmd)).toBe(false);
    expect(w.machine.get('mm.nr_ptes')).toBe(0);
  });
  it('ends unbalanced with the rmap lock held: I22', () => {
    const w = worldOf(arch);
    drive(w, w.context('k').down_read(w.vma.anon_vma));
    w.machine.finish();
    expect(w.machine.takeFallen()).toEqual([
      { invariant: 'I22', message: 'the run ends with anon_vma held' },
    ]);
  });
});

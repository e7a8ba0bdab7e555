import { __paddr } from '@ptemu/arch';
import { x86_64 } from '@ptemu/x86_64';
import { describe, expect, it } from 'vitest';
import { drive } from '../test/drive.js';
import { backends, worldOf } from '../test/worlds.js';
import type { MmWorld } from './index.js';
import { promiseCell } from './invariants.js';

const world = (options: Parameters<typeof worldOf>[1] = {}): MmWorld =>
  worldOf(x86_64({ kernel: '6.12' }), options);
const act = (w: MmWorld, kind: string, object = 'x', ...operands: bigint[]): unknown =>
  drive(w, w.context('k').act(kind, object, operands)).value;

describe('alloc-page, alloc-table', () => {
  it('hand out what is free until there is none', () => {
    const w = world({ smallPages: 1, spareTables: 1 });
    expect([act(w, 'alloc-page'), act(w, 'alloc-page')]).toEqual(['P0', '']);
    expect([act(w, 'alloc-table'), act(w, 'alloc-table')]).toEqual(['T1', '']);
    expect([w.machine.get('P0.refcount'), w.machine.get('role:T1')]).toEqual([1, 'private']);
  });
  it('hand out a page that is clean and a table that is empty', () => {
    const w = world();
    w.machine.set('P0.dirty', 1);
    w.machine.set('P0.stored', 1, 0);
    w.machine.set('slot:T1[1]', 0x77n);
    w.machine.set('rest:T1', 'H');
    act(w, 'alloc-page');
    act(w, 'alloc-table');
    expect(['P0.dirty', 'P0.stored', 'slot:T1[1]', 'rest:T1'].map((cell) => w.machine.get(cell))).toEqual([
      0, 0, 0n, 'empty',
    ]); // prettier-ignore
  });
});

describe('promise', () => {
  it('is broken by the next table only: a split that links one takes it back', () => {
    const w = world();
    const cx = w.context('k');
    drive(w, cx.act('promise', 'range', ['mm', 'none']));
    expect(w.machine.get(promiseCell(w.vma))).toBe('none');
    drive(
      w,
      cx.within('split').sequences.pmd_populate(cx.within('split'), w.mm, w.vma.pmd, __paddr(0x5002_0000n)),
    );
    expect(w.machine.get(promiseCell(w.vma))).toBe('');
  });
});

describe('split-folio', () => {
  it('marks the page as taken apart', () => {
    const w = world();
    act(w, 'split-folio', 'H');
    expect(w.machine.get('H.state')).toBe('split');
  });
});

describe('contract', () => {
  // Fact sheet 1.1 and scenarios/README.md, correction 3.
  it.each([
    ['arm64', '5.8', 1],
    ['arm64', '6.12', 0],
    ['arm32', '6.12', 1],
    ['s390', '4.12', 1],
    ['x86_64', '6.12', 0],
  ])(
    '%s %s: I21 falls %d times where the helper makes none or a swap entry of a huge pmd',
    (name, kernel, falls) => {
      const arch = backends(kernel).find(([candidate]) => candidate === name)?.[1];
      if (arch === undefined) throw new Error(`no ${name}`);
      const w = worldOf(arch);
      const { fell } = drive(w, w.context('k').act('contract', 'pmd', []));
      expect(fell.map(({ invariant }) => invariant)).toEqual(falls === 1 ? ['I21'] : []);
      expect(w.machine.valueOf(w.pmd)).toBe(w.initialPmd);
    },
  );
});

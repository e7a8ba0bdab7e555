import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CellStore } from './cells.js';

describe('CellStore', () => {
  it('registers a cell once, with the value of its first touch', () => {
    const cells = new CellStore();
    expect(cells.cell('a', 7n)).toBe(0);
    expect(cells.cell('b', '')).toBe(1);
    expect(cells.cell('a', 9n)).toBe(0);
    expect(cells.get(0)).toBe(7n);
    expect(cells.nameOf(1)).toBe('b');
    expect(cells.find('c')).toBeUndefined();
  });

  it('packs an initial value as 0 and numbers the others in the order in which they are seen', () => {
    const cells = new CellStore();
    const a = cells.cell('a', 7n);
    const b = cells.cell('b', false);
    cells.set(a, 8n);
    cells.set(a, 9n);
    cells.set(b, true);
    const out: number[] = [];
    cells.pack(out);
    expect(out).toEqual([2, 1]);
    cells.set(a, 7n);
    out.length = 0;
    cells.pack(out);
    expect(out).toEqual([0, 1]);
  });

  it('sets a cell that was registered after a state was packed to its initial value', () => {
    const cells = new CellStore();
    cells.cell('a', 0);
    const out: number[] = [];
    cells.pack(out);
    const late = cells.cell('late', 'x');
    cells.set(late, 'y');
    cells.unpack(out, 0, out.length);
    expect(cells.get(late)).toBe('x');
  });

  it('throws for a cell that nobody registered', () => {
    expect(() => new CellStore().set(3, 1)).toThrow('internal: no cell #3');
  });

  const change = fc.record({ cell: fc.integer({ min: 0, max: 4 }), value: fc.integer({ min: 0, max: 3 }) });
  const values = (cells: CellStore): unknown[] => [0, 1, 2, 3, 4].map((id) => cells.get(id));
  const fresh = (): CellStore => {
    const cells = new CellStore();
    for (let id = 0; id < 5; id++) cells.cell(`c${id}`, 0);
    return cells;
  };

  it('comes back to a mark from any changes after it', () => {
    fc.assert(
      fc.property(fc.array(change), fc.array(change), (before, after) => {
        const cells = fresh();
        for (const { cell, value } of before) cells.set(cell, value);
        const then = values(cells);
        const mark = cells.mark();
        for (const { cell, value } of after) cells.set(cell, value);
        cells.rollback(mark);
        expect(values(cells)).toEqual(then);
      }),
      { seed: 1 },
    );
  });

  it('comes back to a packed state from any other', () => {
    fc.assert(
      fc.property(fc.array(change), fc.array(change), (before, after) => {
        const cells = fresh();
        for (const { cell, value } of before) cells.set(cell, value);
        const then = values(cells);
        const packed: number[] = [99];
        cells.pack(packed);
        for (const { cell, value } of after) cells.set(cell, value);
        cells.unpack(packed, 1, packed.length);
        expect(values(cells)).toEqual(then);
      }),
      { seed: 2 },
    );
  });
});

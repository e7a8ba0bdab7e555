import { describe, expect, it } from 'vitest';
import { backends, page, worldOf } from '../test/worlds.js';
import { frozenFolio, frozenRun, pmd_pgtable, slotFor, watchedSlots } from './page-table.js';

describe.each(backends('6.12'))('%s page tables', (_name, arch) => {
  const w = worldOf(arch);
  const cx = w.context('k');
  const table = w.machine.regionByBase(0x5000_0000n);
  if (table === undefined) throw new Error('no table');

  it('pmd_pgtable finds the table of a linked pmd, and none of a huge or empty one', () => {
    expect(pmd_pgtable(cx, arch.pmd.pmd_populate(0x5000_0000n))).toBe(table);
    expect(pmd_pgtable(cx, w.initialPmd)).toBeUndefined();
    expect(pmd_pgtable(cx, arch.pmd.pmd_clear())).toBeUndefined();
  });
  it('watches the pages 0, 1 and those of the setup', () => {
    expect(watchedSlots(cx, table).map(({ index, slot }) => [index, slot.paddr - table.base])).toEqual([
      [0, 0n], [1, 8n], [2, 16n],
    ]); // prettier-ignore
  });
  it('slotFor takes the page number of the address', () => {
    expect(slotFor(cx, table, w.vma, page(w, 2)).label).toBe('T0[2]');
    expect(() => slotFor(cx, table, w.vma, page(w, 3))).toThrow('pte 3 of T0 is not watched');
  });
});

describe('frozenRun', () => {
  it('names the folio that frozenFolio finds again, and is no folio itself', () => {
    const backend = backends('6.12')[0];
    if (backend === undefined) throw new Error('no backend');
    const { frames } = worldOf(backend[1]);
    expect(frozenFolio(frames, frozenRun(frames.huge))).toBe(frames.huge);
    expect([frozenFolio(frames, 'H'), frames.named(frozenRun(frames.huge))]).toEqual([undefined, undefined]);
  });
});

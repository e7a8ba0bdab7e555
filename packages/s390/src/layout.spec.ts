import { describe, expect, it } from 'vitest';
import { s390 } from './index.js';

const latest = s390({ kernel: '6.12' });

describe('s390 layoutOf', () => {
  it('has three levels by default: region-third, segment, page', () => {
    const layout = latest.layoutOf();
    expect(layout.levels.filter(({ folded }) => !folded).map(({ level }) => level)).toEqual([
      'pud',
      'pmd',
      'pte',
    ]);
    expect([layout.vaBits, layout.TASK_SIZE]).toEqual([42, 0x400_0000_0000n]);
  });
  it('covers 31, 42, 53 and 64 bits with 2 to 5 levels', () => {
    const of = (levels: number): readonly [number, number] => {
      const layout = latest.layoutOf({ levels });
      const bits = layout.levels
        .filter(({ folded }) => !folded)
        .reduce((sum, { entries }) => sum + Math.log2(entries), layout.PAGE_SHIFT);
      return [layout.vaBits, bits];
    };
    expect([2, 3, 4, 5].map(of)).toEqual([
      [31, 31],
      [42, 42],
      [53, 53],
      [64, 64],
    ]);
    expect(latest.layoutOf({ levels: 5 }).TASK_SIZE).toBe(0xffff_ffff_ffff_f000n);
  });
  it('has tables of 16 KiB, pte tables of 2 KiB, and huge pages of 1 MiB', () => {
    const { levels, HPAGE_PMD_SIZE, HPAGE_PMD_NR } = s390({ kernel: '6.1.192' }).layoutOf({ levels: 5 });
    expect(levels.map(({ tableBytes }) => tableBytes)).toEqual([16384, 16384, 16384, 16384, 2048]);
    expect([HPAGE_PMD_SIZE, HPAGE_PMD_NR]).toEqual([0x10_0000, 256]);
  });
  it('allocates a page for each pte table in 6.12', () => {
    expect(latest.layoutOf().levels.at(-1)?.tableBytes).toBe(4096);
  });
  it('had four levels at most before 4.13, the region-second table as pgd', () => {
    const old = s390({ kernel: '4.12' });
    const [pgd, p4d] = old.layoutOf({ levels: 4 }).levels;
    expect([pgd?.shift, pgd?.folded, p4d?.folded]).toEqual([42, false, true]);
    expect(() => old.layoutOf({ levels: 5 })).toThrow(expect.objectContaining({ code: 'BAD_ARGUMENT' }));
    expect(s390({ kernel: '4.13' }).layoutOf({ levels: 5 }).levels[0]?.shift).toBe(53);
  });
  it('refuses other numbers of levels', () => {
    for (const levels of [1, 6, 2.5]) {
      expect(() => latest.mmuOf({ levels })).toThrow(expect.objectContaining({ code: 'BAD_ARGUMENT' }));
    }
  });
});

describe('s390 upper levels', () => {
  it('fold by the type bits of the entry that they are handed', () => {
    const regionThird = 0x5000_0007n;
    expect([latest.pgd.pgd_none(regionThird), latest.pgd.pgd_present(regionThird)]).toEqual([false, true]);
    expect([latest.p4d.p4d_none(regionThird), latest.p4d.p4d_bad(regionThird)]).toEqual([false, false]);
    expect(latest.pud.pud_folded?.(regionThird)).toBe(false);
    expect(latest.pud.pud_folded?.(0x5000_0800n)).toBe(true);
  });
  it('are none when empty: 0x24, 0x28, 0x2c', () => {
    expect(latest.pud.pud_none(0x24n)).toBe(true);
    expect(latest.p4d.p4d_none(0x28n)).toBe(true);
    expect(latest.pgd.pgd_none(0x2cn)).toBe(true);
    expect(latest.pud.pud_none(0x28n)).toBe(false);
  });
  it('populate to entries of their own type that are present and not bad', () => {
    const pud = latest.pud.pud_populate?.(0x5000_0000n) ?? 0n;
    const p4d = latest.p4d.p4d_populate?.(0x5000_0000n) ?? 0n;
    const pgd = latest.pgd.pgd_populate?.(0x5000_0000n) ?? 0n;
    expect([pud, p4d, pgd]).toEqual([0x5000_0007n, 0x5000_000bn, 0x5000_000fn]);
    expect([latest.pud.pud_bad(pud), latest.p4d.p4d_bad(p4d), latest.pgd.pgd_bad(pgd)]).toEqual([
      false,
      false,
      false,
    ]);
  });
  it('6.13+: a pud table entry counts as present through its length bits', () => {
    const { pud } = s390({ kernel: '6.14' });
    expect(pud.pud_present(0x5000_0007n)).toBe(true);
    expect(pud.pud_present(0x24n)).toBe(false);
  });
});

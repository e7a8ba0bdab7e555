import { arm32 } from '@ptemu/arm32';
import { arm64 } from '@ptemu/arm64';
import { powerpc } from '@ptemu/powerpc';
import { s390 } from '@ptemu/s390';
import { alignedTraces, type AlignedRow } from '@ptemu/scenarios';
import { x86_64 } from '@ptemu/x86_64';
import { describe, expect, it } from 'vitest';

const archs = [
  x86_64({ kernel: '4.7' }),
  arm32({ kernel: '4.5' }),
  s390({ kernel: '4.7' }),
  powerpc({ kernel: '4.7', page: '4k' }),
];
const rows = alignedTraces(archs, 'split-none-window-vs-zap', 'D-1');

const row = (actor: string, fn: string, align: string): AlignedRow => {
  const found = rows.find((r) => r.actor === actor && r.fn === fn && r.align === align);
  if (found === undefined) throw new Error(`no row ${actor} ${fn} ${align}`);
  return found;
};

describe('the aligned traces of split against exit', () => {
  it('zap looks at the pmd in the window, and finds there what the fact sheet says (1.1, 1.3, 4.3)', () => {
    const seen = row('exit', 'zap_pmd_range', 'load pmd').cells.map((cell) => cell?.pmd);
    expect(seen.map((pmd) => pmd?.none)).toEqual([false, false, true, false]);
    expect(seen.map((pmd) => pmd?.trans_huge)).toEqual([true, true, false, true]);
    expect(seen.map((pmd) => pmd?.present)).toEqual([true, true, false, true]);
    expect(seen.map((pmd) => pmd?.walker)).toEqual(['fault', 'fault', 'fault', 'fault']);
    expect([seen[1]?.entry, seen[2]?.entry]).toEqual(['0x0000000000000880', '0x0000000000000020']);
  });

  it('an architecture without a step shows a gap', () => {
    const cells = row('reclaim', '__pmdp_idte', 'purge IDTE').cells;
    expect(cells.map((cell) => cell !== undefined)).toEqual([false, false, true, false]);
  });

  it('every step of every backend is in exactly one row, in its order', () => {
    archs.forEach((_arch, column) => {
      const steps = rows.flatMap(({ cells }) => (cells[column] === undefined ? [] : [cells[column]]));
      expect(steps.length).toBeGreaterThan(20);
      expect(new Set(steps).size).toBe(steps.length);
    });
    for (const { actor, fn, align, cells } of rows) {
      for (const cell of cells)
        if (cell !== undefined) expect([cell.actor, cell.fn, cell.align]).toEqual([actor, fn, align]);
    }
  });

  it('the end of the story differs: only s390 leaves pages in rss', () => {
    const fell = row('exit', 'check_mm', 'check-mm mm').cells.map((cell) =>
      cell?.fell.map(({ invariant }) => invariant),
    );
    expect(fell).toEqual([[], [], ['I8'], []]);
  });
});

describe('one backend beside itself, before and after a fix', () => {
  it('arm64 b65399f6111b: the invalidated pmd is no longer taken for a swap entry', () => {
    const pair = [arm64({ kernel: '5.9' }), arm64({ kernel: '5.10' })];
    const [before, after] =
      alignedTraces(pair, 'split-none-window-vs-zap', 'D-1').find(
        ({ fn, align }) => fn === 'pmdp_establish' && align === 'xchg pmd',
      )?.cells ?? [];
    expect([before?.pmd?.present, before?.fell.length]).toEqual([false, 1]);
    expect([after?.pmd?.present, after?.fell.length]).toEqual([true, 0]);
  });
});

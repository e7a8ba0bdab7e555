import { describe, expect, it } from 'vitest';
import { errorOf } from '../test/error-of.js';
import { commitOf, commits, kernel, releases } from './kernel.js';

/** generic_pmdp_establish(), in 4.16 (fact sheet 10, row 15). */
const ESTABLISH = 'c58f0bb77ed8';
/** x86: _PAGE_NUMA as a software bit, 3.16 to 4.3 (fact sheet 6.2). */
const NUMA_BIT = 'x86-numa-own-bit';
/** arm64: pte_mkwrite() no longer always dirties; in 6.19, carried by 6.1.192 and 6.12.117 (the vectors). */
const MKWRITE = '143937ca51cc';
/** arm64: pmd_present() without VALID; 4.5.0 lacks it, 4.7.4 has it (fact sheet 5.2 and 10, row 10). */
const PRESENT = '5bb1cc0ff9a6';
/** s390: pmdp_invalidate() no longer empties the entry; 4.13.4 lacks it, 4.14.0 has it (pgtable.h). */
const INVALIDATE = '91c575b33576';
/** Every arch: SWP_PTE_MARKER_NUM; in 6.1.192, no older tree was read (the vectors). */
const MARKER = 'pte-marker';
/** arm64: pte_modify() keeps a dirty entry dirty for the hardware; in 6.12, carried by both 6.1 trees. */
const MODIFY = 'arm64-modify-keeps-hw-dirty';

describe('kernel has', () => {
  it('has a commit from its release on', () => {
    const having = ['4.15', '4.16', '6.19'].map((release) => kernel(release).has(ESTABLISH));
    expect(having).toEqual([false, true, true]);
  });

  it('has a commit that was taken back only until then', () => {
    const having = ['3.15', '3.16', '4.3', '4.4'].map((release) => kernel(release).has(NUMA_BIT));
    expect(having).toEqual([false, true, true, false]);
  });

  it('knows a commit by its whole id too', () => {
    const whole = `${ESTABLISH}${'0'.repeat(28)}`;
    expect(kernel('4.16').has(whole)).toBe(true);
    expect(kernel('4.15').has(whole)).toBe(false);
    expect(commitOf(whole).id).toBe(ESTABLISH);
  });

  it('throws UNKNOWN_COMMIT for an id that the registry does not have', () => {
    const unknown = 'feedfacefeed';
    for (const run of [
      () => kernel('6.12').has(unknown),
      () => kernel('6.12').with(unknown),
      () => kernel('6.12').without(ESTABLISH, unknown),
      () => commitOf(unknown),
    ]) {
      expect(errorOf(run)).toMatchObject({ code: 'UNKNOWN_COMMIT', data: { id: unknown } });
    }
  });
});

describe('kernel gap', () => {
  it('has the releases between which a commit came, inside of them only', () => {
    const gaps = ['4.5', '4.6', '4.7'].map((release) => kernel(release).gap(PRESENT));
    expect(gaps).toEqual([undefined, { after: '4.5', by: '4.7' }, undefined]);
  });

  it('has no lower end where no release was read without the commit', () => {
    expect([kernel('6.0').gap(MARKER), kernel('6.1').gap(MARKER)]).toEqual([{ by: '6.1' }, undefined]);
  });

  it('has none where the release is known', () => {
    const known = releases().flatMap((release) => kernel(release).gap(INVALIDATE) ?? []);
    expect(known).toEqual([]);
    expect(['4.13', '4.14'].map((release) => kernel(release).has(INVALIDATE))).toEqual([false, true]);
  });

  it('has none once the commit was toggled, either way', () => {
    const plain = kernel('4.6');
    expect(plain.with(PRESENT).gap(PRESENT)).toBeUndefined();
    expect(plain.without(PRESENT).gap(PRESENT)).toBeUndefined();
    expect(plain.with(ESTABLISH).gap(PRESENT)).toEqual({ after: '4.5', by: '4.7' });
  });

  it('has none in a stable tree that was read, with the commit or without', () => {
    const gaps = ['6.1.176', '6.1.192', '6.9', '6.12'].map((release) => kernel(release).gap(MODIFY));
    expect(gaps).toEqual([undefined, undefined, { after: '6.5', by: '6.12' }, undefined]);
    expect(kernel('6.1.192').gap('split-keeps-pte-dirty')).toBeUndefined();
  });

  it('throws UNKNOWN_COMMIT for an id that the registry does not have', () => {
    expect(errorOf(() => kernel('4.6').gap('feedfacefeed')).code).toBe('UNKNOWN_COMMIT');
  });
});

describe('kernel of a stable tree', () => {
  it('has the backports that the registry names, which its base lacks', () => {
    const trees = ['6.1', '6.1.176', '6.1.192', '6.2', '6.12', '6.12.117'];
    expect(trees.map((release) => kernel(release).has(MKWRITE))).toEqual([
      false, false, true, false, false, true,
    ]); // prettier-ignore
    expect(trees.map((release) => kernel(release).has(MODIFY))).toEqual([
      false, true, true, false, true, true,
    ]); // prettier-ignore
  });

  it('has of everything else what its base has', () => {
    for (const [tree, base] of [
      ['6.1.176', '6.1'],
      ['6.1.192', '6.1'],
      ['6.12.117', '6.12'],
    ] as const) {
      const others = commits().filter(({ backports }) => backports?.includes(tree) !== true);
      const had = (release: string): string[] =>
        others.filter(({ id }) => kernel(release).has(id)).map(({ id }) => id);
      expect(had(tree)).toEqual(had(base));
      expect(had(tree).length).toBeGreaterThan(20);
    }
  });

  it('stands behind its base and before the next release', () => {
    const order = ['6.1', '6.1.176', '6.1.192', '6.2'];
    for (const [i, a] of order.entries()) {
      for (const [j, b] of order.entries()) expect([a, b, kernel(a).isBefore(b)]).toEqual([a, b, i < j]);
    }
    expect(releases().filter((release) => order.includes(release))).toEqual(order);
  });
});

describe('kernel with and without', () => {
  it('toggles a commit and says so, without changing the kernel it was asked on', () => {
    const plain = kernel('4.16');
    const without = plain.without(ESTABLISH);
    const both = kernel('4.15').with(ESTABLISH, MKWRITE);
    expect([without.has(ESTABLISH), without.toggles]).toEqual([false, [`-${ESTABLISH}`]]);
    expect([both.has(ESTABLISH), both.has(MKWRITE)]).toEqual([true, true]);
    expect([both.release, both.toggles]).toEqual(['4.15', [`+${ESTABLISH}`, `+${MKWRITE}`]]);
    expect([plain.has(ESTABLISH), plain.toggles]).toEqual([true, []]);
  });

  it('lets the last toggle win and keeps the order of all', () => {
    const toggled = kernel('4.15').with(ESTABLISH).without(ESTABLISH).with(ESTABLISH);
    expect(toggled.has(ESTABLISH)).toBe(true);
    expect(toggled.toggles).toEqual([`+${ESTABLISH}`, `-${ESTABLISH}`, `+${ESTABLISH}`]);
  });

  it('changes no other commit', () => {
    const plain = kernel('6.12');
    const toggled = plain.without(ESTABLISH);
    const changed = commits().filter(({ id }) => plain.has(id) !== toggled.has(id));
    expect(changed.map(({ id }) => id)).toEqual([ESTABLISH]);
  });
});

describe('kernel releases', () => {
  it('takes a point release as the mainline release that it is evidence of', () => {
    expect(kernel('4.7.4').release).toBe('4.7');
    expect(kernel('4.15-rc8').release).toBe('4.15');
    expect(kernel('4.5').isBefore('4.7.4')).toBe(true);
    expect(kernel('4.7').isBefore('4.7.4')).toBe(false);
  });

  it('names the neighbours of a release that no source places', () => {
    const neighboursOf = (release: string): unknown => {
      const error = errorOf(() => kernel(release));
      expect([error.code, error.data['release']]).toEqual(['UNKNOWN_RELEASE', release]);
      return error.data['neighbours'];
    };
    expect(neighboursOf('4.17')).toEqual(['4.16', '4.18']);
    expect(neighboursOf('6.1.180')).toEqual(['6.1.176', '6.1.192']);
    expect(neighboursOf('2.6.37')).toEqual(['2.6.38']);
    expect(neighboursOf('7.0')).toEqual(['6.19']);
    expect(neighboursOf('linux-next')).toEqual([]);
    expect(errorOf(() => kernel('linux-next')).message).toContain('known are 2.6.38 to 6.19');
    expect(errorOf(() => kernel('6.12').isBefore('4.17')).data['neighbours']).toEqual(['4.16', '4.18']);
  });

  it('makes the kernel of every release that it lists, each before the next', () => {
    const all = releases();
    expect(new Set(all).size).toBe(all.length);
    all.forEach((release, i) => {
      expect(kernel(release).release).toBe(release);
      const next = all[i + 1];
      if (next !== undefined) expect([next, kernel(release).isBefore(next)]).toEqual([next, true]);
    });
  });
});

describe('kernel commits', () => {
  it('registers every commit with a source', () => {
    expect(commits().filter((commit) => commit.source === '')).toEqual([]);
  });

  it('registers every commit once, under 12 hex digits or a slug', () => {
    const ids = commits().map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.filter((id) => !/^([0-9a-f]{12}|(?=.*-)[a-z0-9._-]+)$/.test(id))).toEqual([]);
  });

  it('registers the last release without a commit only where the exact one is not known', () => {
    for (const { id, since, placed, after } of commits()) {
      if (after === undefined) continue;
      expect([id, placed]).toEqual([id, 'between']);
      expect([id, kernel(after).release, kernel(after).has(id)]).toEqual([id, after, false]);
      expect([id, kernel(after).isBefore(since)]).toEqual([id, true]);
    }
  });

  it('registers only releases that can be asked for, the end behind the start', () => {
    for (const { id, since, until, backports = [] } of commits()) {
      expect([id, kernel(since).release, kernel(since).has(id)]).toEqual([id, since, true]);
      if (until !== undefined) expect([id, kernel(since).isBefore(until)]).toEqual([id, true]);
      for (const tree of backports) {
        expect([id, tree, kernel(tree).has(id), kernel(tree).isBefore(since)]).toEqual([
          id,
          tree,
          true,
          true,
        ]);
      }
    }
  });
});

import { describe, expect, it } from 'vitest';
import { s390Trace, x86Steps } from '../test/sample-traces.js';
import { type CompareRow, compareTable } from './compare-table.js';

const rows: readonly CompareRow[] = s390Trace.steps.map((s390, i) => ({
  actor: s390.actor,
  fn: s390.fn,
  align: s390.align,
  cells: [s390, x86Steps[i]],
}));
const columns = ['s390 4.12', 'x86_64 4.12'];
const widest = (text: string): number => Math.max(...text.split('\n').map((line) => line.length));

describe('compareTable', () => {
  it('shows word, flags, changed bits and walker, a gap for a missing step, and marks the divergence', () => {
    const text = compareTable(rows, { columns, width: 100 });
    expect(text).toContain(`
       pmdp_invalidate
         load pmd                           0x0000000040000c03 .PTBL     0x80000000400008e7 .PT.L
       >>IDTE                               0x0000000000000020 N..B.     0x80000000400008e6 .PT.L
                                            +0x20 -0x40000c03            -0x1
                                            => fault                     => fault
`);
    expect(text).toMatch(/read rss +0x0000000001234000 \.P\.\.\. +--\n/);
    expect(text).toContain(
      '\n>> first divergence, step 3: pmd_none: true on s390 4.12; false on x86_64 4.12\n',
    );
    expect(text).toContain('\nfrom the start: pmd_bad: true on s390 4.12; false on x86_64 4.12\n');
  });
  it('fits into 80 columns, and puts columns that do not fit into a table below', () => {
    expect(widest(compareTable(rows, { columns, width: 80 }))).toBeLessThanOrEqual(80);
    const three = rows.map((row) => ({ ...row, cells: [...row.cells, row.cells[0]] }));
    const text = compareTable(three, { columns: [...columns, 's390 4.7'], width: 80 });
    expect(text.match(/^actor /gm)).toHaveLength(2);
    expect(widest(text)).toBeLessThanOrEqual(80);
  });
  it('says so when nothing diverges', () => {
    const same = rows.map((row) => ({ ...row, cells: [row.cells[0], row.cells[0]] }));
    expect(compareTable(same, { columns })).toContain('The architectures agree about the pmd in every step.');
  });
  it('does not take a hash MMU, which walks nothing, for a divergence', () => {
    const hashed = s390Trace.steps.map((s) => ({
      ...s,
      ...(s.pmd && { pmd: { ...s.pmd, walker: 'not walked' } }),
    }));
    const text = compareTable(
      rows.map((row, i) => ({ ...row, cells: [row.cells[0], hashed[i]] })),
      { columns },
    );
    expect(text).toContain('agree about the pmd in every step');
  });
});

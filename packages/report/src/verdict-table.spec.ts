import { describe, expect, it } from 'vitest';
import { type VerdictRow, verdictMatrix, verdictTable } from './verdict-table.js';

const row = (spec: string, kernel: string, probe: string, more: Partial<VerdictRow> = {}): VerdictRow => ({
  scenario: 'split-none-window-vs-zap',
  probe,
  spec,
  kernel,
  commits: [],
  verdict: 'holds',
  alsoFell: [],
  states: 12345,
  executions: '123456789',
  ...more,
});

const rows: readonly VerdictRow[] = [
  row('s390', '4.5', 'D-1', { expected: { verdict: 'SAFE' }, agrees: true }),
  row('s390', '4.7', 'D-1', {
    verdict: 'violates',
    invariant: 'I8',
    alsoFell: ['I21', 'I9'],
    expected: { verdict: 'SAFE' },
    agrees: false,
  }),
  row('x86_64', '4.5', 'D-1', { verdict: 'unknown', commits: ['-18e77600f7a1'] }),
  row('powerpc:hash,page=4k', '6.12', 'D-2', { variant: 'exit' }),
];

describe('verdictTable', () => {
  it('gives every verdict a line with states and executions, and names a probe once', () => {
    expect(verdictTable(rows)).toBe(`split-none-window-vs-zap

probe     arch                  kernel             verdict      also fell  states   executions  expected
-------------------------------------------------------------------------------------------------------------
D-1       s390                  4.5                holds                   12,345  123,456,789  SAFE
          s390                  4.7                violates I8  I21 I9     12,345  123,456,789  SAFE, differs
          x86_64                4.5 -18e77600f7a1  unknown                 12,345  123,456,789  -
D-2 exit  powerpc:hash,page=4k  6.12               holds                   12,345  123,456,789  -
`);
  });
});

describe('verdictMatrix', () => {
  it('has probes across, machines down, and marks what is not expected', () => {
    expect(verdictMatrix(rows)).toBe(`arch                  kernel             D-1   D-2
---------------------------------------------------
s390                  4.5                safe  -
s390                  4.7                I8!   -
x86_64                4.5 -18e77600f7a1  ?     -
powerpc:hash,page=4k  6.12               -     safe

safe: no interleaving breaks the invariants that the probe names; In: this one falls;
?: a bound was hit first; -: the probe has no such code there.
!: not the verdict that is expected.
`);
  });
  it('puts probes that do not fit below, and the name of a variant under its probe', () => {
    const wide = [...rows, row('s390', '4.5', 'D-1/raw-zero'), row('s390', '4.5', 'D-10')];
    expect(verdictMatrix(wide, { width: 60 }).split('\n\nsafe')[0])
      .toBe(`arch                  kernel             D-1   D-1
                                               raw-zero
-------------------------------------------------------
s390                  4.5                safe  safe
s390                  4.7                I8!   -
x86_64                4.5 -18e77600f7a1  ?     -
powerpc:hash,page=4k  6.12               -     -

arch                  kernel             D-2   D-10
---------------------------------------------------
s390                  4.5                -     safe
s390                  4.7                -     -
x86_64                4.5 -18e77600f7a1  -     -
powerpc:hash,page=4k  6.12               safe  -`);
  });
  it('does not explain a mark that it does not use', () => {
    expect(verdictMatrix(rows.slice(0, 1))).not.toContain('!:');
  });
});

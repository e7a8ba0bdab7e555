import { describe, expect, it } from 'vitest';
import { CALIBRATION, CHECKS, PROFILES, broadcastRow, interruptRow } from '../test/sample-flushes.js';
import { shortNumber, spanText } from './flush-rows.js';
import { calibrationTable, flushTable } from './flush-table.js';

const rows = [interruptRow(1), interruptRow(34), interruptRow(34, 8), broadcastRow(4), broadcastRow(512)];

describe('flushTable', () => {
  it('has a table for each machine, counts and costs in its unit, and names the sources', () => {
    expect(flushTable(rows, PROFILES, { width: 80 })).toBe(`munmap on x86_64, kernel 6.12

CPUs  pages  instructions   IPIs     wanted       walks  initiator       total
                                    + other      / refs     cycles      cycles
------------------------------------------------------------------------------
   1      1  1 INVLPG loop     0      1 + 0       0 / 0        284         284
         34  1 MOV to CR3      0    34 + 60    60 / 240        192    190..13k
   8     34  1 MOV to CR3      7  272 + 480  480 / 1920  4.5k..31k  5.9k..170k
             7 on targets

munmap on arm64, kernel 6.12

CPUs  pages  instructions  waits    wanted     walks  initiator  total
                                   + other    / refs         ns     ns
----------------------------------------------------------------------
   1      4  4 VALE1IS         1     4 + 0     0 / 0      2.83k  2.83k
        512  1 ASIDE1IS        1  512 + 40  40 / 160      1.51k      -

arm64: machine A; calibrated
  source: a mail, 2020
x86_64: Haswell Xeon; calibrated
  source: a mail, 2015
  note: without fences
  assumed: walk: as an INVLPG

wanted + other: translations dropped on all CPUs, of the pages themselves and of
the 64 other pages that each CPU held. walks / refs: page walks to have the
others back, and their memory references. a..b: at least and at most. - or no
column: no price was published for walk.
`);
  });
  it('shows the speed of the emulator where it was measured and there is room', () => {
    const timed = [{ ...interruptRow(1), perSecond: 123_456 }];
    expect(flushTable(timed, PROFILES, { width: 140 })).toMatch(
      /speed\n.*op\/s\n.*\n.* 123k\n[^]*speed: operations/,
    );
    expect(flushTable(timed, PROFILES, { width: 80 })).not.toContain('speed');
  });
  it('has no column of costs on an uncalibrated machine', () => {
    const { cost, ...row } = broadcastRow(4);
    const none = { ...cost, initiator: undefined, total: undefined, basis: undefined, lacks: ['VALE1IS'] };
    const text = flushTable([{ ...row, cost: none }], [], {});
    expect(text).toContain('4 VALE1IS');
    expect(text).not.toMatch(/initiator|no price/);
  });
  it('names what has no price where a machine has prices for other things', () => {
    const { cost, ...row } = broadcastRow(4);
    const tlbie = { ...cost, initiator: undefined, total: undefined, basis: undefined, lacks: ['tlbie'] };
    const text = flushTable([broadcastRow(4), { ...row, cost: tlbie }], PROFILES, {});
    expect(text).toContain('- or no column: no price was published for tlbie.');
  });
  it('fits 80 columns, however many CPUs', () => {
    const wide = flushTable([interruptRow(512, 256)], PROFILES, { width: 80 });
    expect(Math.max(...wide.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(wide).toMatch(/131k +15360 +4\.5k +53k\n.*\+ 15360 +\/ 61440 +\.\.1\.1M +\.\.5\.6M\n/);
  });
});

describe('calibrationTable', () => {
  it('gives every row model, published and error, and the reason of one that is not met', () => {
    expect(calibrationTable(CALIBRATION, CHECKS, { width: 80 })).toBe(`x86_64 mm-range-2014, cycles
a commit, 2014

row  what      model  published    error
------------------------------------------------------
1    1 pages  1350.3       1276   +5.8 %  fit
4    4 pages  2111.6       2447  -13.7 %  fit, not met
8    8 pages    4000       3000  +33.3 %  fit, NOT MET

flush_tlb_mm_range/4, -13.7 %: noise of the source

shape

1. holds  slope: 216 to 260
2. FAILS  order: 3 < 2

1 of 3 rows within 10 %, 1 explained by the source, 1 not met
`);
  });
});

describe('numbers in few characters', () => {
  it.each([
    [0, '0'], [0.05, '0.05'], [216, '216'], [999.6, '1k'], [4338, '4.34k'], [120_785, '121k'], [999_999, '1M'], [2.5e9, '2.5G'],
  ])('%s is %s', (value, text) => {
    expect(shortNumber(value)).toBe(text);
  }); // prettier-ignore
  it('gives an open span to two digits, a closed one to three, none as -', () => {
    expect(spanText({ least: 4338, most: 30_366 })).toBe('4.3k..30k');
    expect(spanText({ least: 4338, most: 4338 })).toBe('4.34k');
    expect(spanText(undefined)).toBe('-');
  });
});

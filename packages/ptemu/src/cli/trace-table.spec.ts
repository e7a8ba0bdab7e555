import { costOf, eventsOf, profileOf } from '@ptemu/hw';
import { describe, expect, it } from 'vitest';
import { backend } from '../backends.js';
import { type TraceRow, traceTable } from './trace-table.js';

const { costs } = backend('x86_64', { kernel: '6.12' });
const counts: TraceRow['counts'] = {
  translations: 4e9, crossings: 0, l1i: undefined, l1d: { lookups: 4e9, misses: 1_234_567 }, l2: undefined,
  walks: 2_678_000_000, walksFromCache: 0, references: 5_356_000_000, pages: 999_999, hugePages: 0, pteTables: 1,
}; // prettier-ignore

/** A row whose walks cost that much each, in that unit. */
function row(machine: string, unit: 'cycles' | 'ns', value: number, walks: number): TraceRow {
  const walk = { value, kind: 'assumed', source: 'made up' } as const;
  const profile = { ...profileOf(costs), id: 'test', unit, walk };
  const cost = costOf(profile, { ...eventsOf({ events: {} }), refill: { walks, references: walks } });
  return { machine, part: 'bare', counts: { ...counts, walks }, profile, cost };
}

const text = (...rows: readonly TraceRow[]): string =>
  traceTable(
    {
      name: 't',
      read: { form: 'text', packing: 'none', accesses: 1, whole: true },
      kinds: { loads: 1, stores: 0, modifications: 0, fetches: 0 },
      kernels: '6.12',
      thp: true,
    },
    rows,
    [],
    {},
  );

describe('traceTable', () => {
  it('shortens what is a million and more, and has a dash for a level that is not there', () => {
    expect(text(row('a', 'cycles', 2, 2_678_000_000))).toMatch(/^bare +- +1\.235M +- +2\.678G +2\.00 +999,999 +0\.\.5\.356G$/m); // prettier-ignore
  });
  it('names the unit in each cell where units differ', () => {
    const both = text(row('a', 'cycles', 2, 10), row('b', 'ns', 3, 10));
    expect(both).toMatch(/ 0\.\.20 cycles$/m);
    expect(both).toMatch(/ 0\.\.30 ns$/m);
    expect(text(row('a', 'ns', 3, 10))).toMatch(/ 0\.\.30$/m);
  });
  it('costs nothing where nothing was walked, and has no references of a walk then', () => {
    expect(text(row('a', 'cycles', 2, 0))).toMatch(/^bare .* 0 +- +999,999 +0$/m);
  });
});

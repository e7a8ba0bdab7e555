/**
 * What the instructions cost: one `tlbiel`, worked out from the time of an `mprotect` under two limits. The same figures thrice,
 * so it is no accident; but it is arithmetic on times of a system call, and no error is claimed. No time of a `tlbie` was
 * published: what is flushed on all CPUs is counted, not priced.
 */
import type { ArchCosts, CostPrimitive, CostProfile, CostRow } from '@ptemu/arch';

const CEILING = 'commit f6f27951fdf8 "powerpc/64s/radix: Introduce local single page ceiling for TLB range flush"; machine not named'; // prettier-ignore

/** Microseconds of an `mprotect` of touched pages: PID flush above 33 pages, and above 256. */
const US_BY_PAGES: readonly (readonly [pages: number, above33: number, above256: number])[] = [
  [32, 7.4, 7.4],
  [34, 9.0, 7.8],
  [64, 14.6, 13.8],
  [128, 26.4, 26.4],
  [256, 50.2, 51.9],
  [512, 98.3, 98.3],
];

const ROWS: readonly CostRow[] = [
  ...US_BY_PAGES.flatMap(([pages, above33, above256]) => [
    us(`mprotect, PID above 33/${pages}`, `mprotect of ${pages} pages, PID flush above 33`, above33),
    us(`mprotect, PID above 256/${pages}`, `mprotect of ${pages} pages, PID flush above 256`, above256),
  ]),
  derived('tlbiel from 34', '(9.0 - 7.8) us / (128 - 34)', 12.8),
  derived('tlbiel from 64', '(14.6 - 13.8) us / (128 - 64)', 12.5),
  derived('tlbiel from 256', '(51.9 - 50.2) us / (256 - 128)', 13.3),
];

function us(id: string, what: string, value: number): CostRow {
  return { id, kind: 'E2E', what, value, unit: 'us', source: CEILING };
}

function derived(id: string, what: string, value: number): CostRow {
  return { id, kind: 'DERIVED', what, value, unit: 'ns', source: CEILING };
}

const TLBIEL: CostPrimitive = {
  value: 13,
  kind: 'DERIVED',
  source: 'tlbiel from 34, 64 and 256: 12.8, 12.5 and 13.3',
};

const PROFILES: readonly CostProfile[] = [
  {
    id: 'radix-derived',
    label: 'radix, local flushes only, machine not named (commit f6f27951fdf8)',
    unit: 'ns',
    status: 'derived',
    source: CEILING,
    note: 'worked out from times of a system call: no error is claimed; barriers, tlbie and walks have no price',
    instructions: {
      'tlbiel RIC=0': TLBIEL,
      'tlbiel RIC=0 AP=2M': TLBIEL,
      'tlbiel RIC=0 PID': TLBIEL,
      'tlbiel RIC=1 PID': TLBIEL,
      'tlbiel RIC=2 PID': TLBIEL,
    },
    claims: [],
  },
];

/** Costs of hash: none was published. */
export const hashCosts: ArchCosts = {
  rows: [],
  profiles: [
    {
      id: 'uncalibrated',
      label: 'no part was measured: events only',
      unit: 'ns',
      status: 'uncalibrated',
      source: 'no time of a single operation was found',
      instructions: {},
      claims: [],
    },
  ],
  standard: ['uncalibrated'],
};

/** Published costs of radix, and the profiles made of them. */
export const costs: ArchCosts = { rows: ROWS, profiles: PROFILES, standard: ['radix-derived'] };

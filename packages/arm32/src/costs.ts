/**
 * What the instructions cost: not published. The shape is that of arm64's single TLBI, barriers and one operation for each page;
 * how long they take on a 32-bit part nobody has said. So flushes are counted and get no time.
 */
import type { ArchCosts, CostProfile, CostRow } from '@ptemu/arch';

const ROWS: readonly CostRow[] = [];

const PROFILES: readonly CostProfile[] = [
  {
    id: 'uncalibrated',
    label: 'no part was measured: events only',
    unit: 'ns',
    status: 'uncalibrated',
    source: 'no time of a single operation was found',
    instructions: {},
    claims: [],
  },
];

/** Published costs, and the profiles made of them. */
export const costs: ArchCosts = { rows: ROWS, profiles: PROFILES, standard: ['uncalibrated'] };

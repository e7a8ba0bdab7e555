/**
 * What the instructions cost: not published. IPTE may start a quiesce of the whole machine, whose time grows with the number of
 * CPUs, and one IPTE can cover up to 256 entries (Alexander Gordeev, "s390/mm: Batch PTE updates in lazy MMU mode", Mar 2026);
 * how long either takes nobody has said. So flushes are counted and get no time.
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

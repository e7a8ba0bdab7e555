/**
 * Helpers of pgd entries. Real with five tables (4k pages, LPA2) only; otherwise generic code is told to go on.
 * @see Linux arch/arm64/include/asm/pgtable.h, pgalloc.h; asm-generic/pgtable-nop4d.h (6.1.192, 6.12.117)
 */
import { __pgd, foldedPgd, type PgdHelpers } from '@ptemu/arch';
import { type Arm64Env, pgtableLevels } from './layout.js';
import { badTable, populated } from './p4d.js';

/** Makes the pgd helpers of a build. */
export function pgdHelpers(env: Arm64Env): PgdHelpers {
  if (pgtableLevels(env.geometry) <= 4) return foldedPgd();
  return {
    pgd_none: (pgd) => pgd === 0n,
    pgd_bad: badTable(env),
    pgd_present: (pgd) => pgd !== 0n,
    pgd_leaf: () => false,
    pgd_populate: (table) => __pgd(populated(env, table)),
  };
}

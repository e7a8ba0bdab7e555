/**
 * Helpers of pgd entries. With 4 levels they are folded: generic code is told to go on to the p4d.
 * @see Linux arch/x86/include/asm/pgtable.h; asm-generic/pgtable-nop4d.h (6.1.192, 6.12.117)
 */
import { __pgd, type Env, foldedPgd, type PgdHelpers } from '@ptemu/arch';
import { _KERNPG_TABLE, _PAGE_NX, _PAGE_PRESENT, _PAGE_TABLE, _PAGE_USER, PTE_PFN_MASK } from './bits.js';
import type { X86Levels } from './layout.js';

/** Makes the pgd helpers of a build. */
export function pgdHelpers(env: Env, levels: X86Levels): PgdHelpers {
  const never = (): boolean => false;
  const large = !env.kernel.has('pmd-large-removed') && { pgd_large: never };
  if (levels === 4) return { ...foldedPgd(), ...large };
  const ignored = _PAGE_USER | (env.config['PAGE_TABLE_ISOLATION'] === true ? _PAGE_NX : 0n);
  return {
    // A and D are not ignored here: a pgd entry only ever points to a table.
    pgd_none: (pgd) => pgd === 0n,
    pgd_bad: (pgd) => (pgd & ~PTE_PFN_MASK & ~ignored) !== _KERNPG_TABLE,
    pgd_present: (pgd) => (pgd & _PAGE_PRESENT) !== 0n,
    pgd_leaf: never,
    ...large,
    pgd_populate: (table) => __pgd(table | _PAGE_TABLE),
  };
}

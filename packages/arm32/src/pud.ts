import { __pfn, __pgprot, __pud, completePud, type Env, type PudHelpers } from '@ptemu/arch';
import { PMD_TABLE_BIT, PMD_TYPE_TABLE, rdonlyBit } from './bits.js';
import { pointedTable } from './phys-virt.js';

/**
 * Helpers of pud entries. The level is folded (its table is the pgd entry itself), but its helpers are the real ones: with
 * LPAE Linux asks the four pgd entries through `pud_*`, and p4d and pgd are always present.
 *
 * There are no huge puds: whatever asks for one is told no.
 *
 * @see Linux arch/arm/include/asm/pgtable-3level.h, `pud_none` and following; arch/arm/include/asm/pgtable.h, `pud_write`;
 *   include/linux/pgtable.h for `pud_pfn` and `pud_pgprot` (6.1.192, 6.12.117)
 */
export function pudHelpers(env: Env): PudHelpers {
  const { kernel } = env;
  const RDONLY = rdonlyBit(env);
  return completePud(env, {
    pud_none: (entry) => entry === 0n,
    pud_bad: (entry) => (entry & PMD_TABLE_BIT) === 0n,
    pud_present: (entry) => entry !== 0n,
    ...(!kernel.has('pmd-large-removed') && { pud_huge: () => false }),
    pud_write: (entry) => (entry & RDONLY) === 0n,
    ...(kernel.has('pmd-special') && { pud_pfn: () => __pfn(0), pud_pgprot: () => __pgprot(0n) }),
    pud_populate: (table) => __pud(pointedTable(env, table) | PMD_TYPE_TABLE),
  });
}

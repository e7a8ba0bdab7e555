import { type PgdHelpers, foldedPgd } from '@ptemu/arch';

/**
 * Helpers of pgd entries: the p4d is folded under it and looks at the entry, so that the pgd always says "go on".
 * @see Linux include/asm-generic/pgtable-nop4d.h (6.12.117)
 */
export const pgdHelpers = (): PgdHelpers => foldedPgd();

/** Generic code asks the pgd and is told to go on: the entry is looked at as a pud. @see Linux include/asm-generic/pgtable-nop4d.h (6.12.117) */
export { foldedPgd as pgdHelpers } from '@ptemu/arch';

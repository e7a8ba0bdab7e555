/** The p4d is folded into the pgd. @see Linux include/asm-generic/pgtable-nopud.h (6.12.117) */
export { foldedP4d as p4dHelpers } from '@ptemu/arch';

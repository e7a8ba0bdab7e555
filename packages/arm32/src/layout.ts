import type { Layout } from '@ptemu/arch';

/** log2 of the base page size. @see Linux arch/arm/include/asm/page.h, `PAGE_SHIFT` (6.12.117) */
export const PAGE_SHIFT: number = 12;
/** log2 of what a pte table, or a section, covers. @see Linux arch/arm/include/asm/pgtable-3level.h, `PMD_SHIFT` (6.12.117) */
export const PMD_SHIFT: number = 21;
/** log2 of what a pgd entry covers. @see Linux arch/arm/include/asm/pgtable-3level.h, `PGDIR_SHIFT` (6.12.117) */
export const PGDIR_SHIFT: number = 30;
/** Entries of a pte table. @see Linux arch/arm/include/asm/pgtable-3level.h, `PTRS_PER_PTE` (6.12.117) */
export const PTRS_PER_PTE: number = 512;
/** Entries of a pmd table. @see Linux arch/arm/include/asm/pgtable-3level.h, `PTRS_PER_PMD` (6.12.117) */
export const PTRS_PER_PMD: number = 512;
/** Entries of the pgd: four of 1 GiB cover the 32-bit space. @see Linux arch/arm/include/asm/pgtable-3level.h, `PTRS_PER_PGD` (6.12.117) */
export const PTRS_PER_PGD: number = 4;
/** Bits of a physical address. @see Linux arch/arm/include/asm/pgtable-3level-hwdef.h, `PHYS_MASK_SHIFT` (6.12.117) */
export const PHYS_MASK_SHIFT: number = 40;
/** Start of kernel addresses with the 3G/1G split. @see Linux arch/arm/Kconfig, `PAGE_OFFSET` under VMSPLIT_3G (6.12.117) */
export const PAGE_OFFSET: bigint = 0xc000_0000n;
/** End of user addresses: modules lie in the 16 MiB below the kernel. @see Linux arch/arm/include/asm/memory.h, `TASK_SIZE` (6.12.117) */
export const TASK_SIZE: bigint = PAGE_OFFSET - 0x0100_0000n;

/**
 * Geometry with LPAE: three levels of 8-byte entries. p4d and pud are folded; the four entries of the pgd are what the
 * kernel's pud helpers are asked about. A pte table is a whole page: there is no second, hardware copy of it as with the
 * short descriptors.
 *
 * @see Linux arch/arm/include/asm/pgtable-3level.h (6.12.117)
 * @see Arm Architecture Reference Manual ARMv7-A, B3.6 "Long-descriptor translation table format"
 */
export const layout = (): Layout => ({
  PAGE_SHIFT,
  PAGE_SIZE: 1 << PAGE_SHIFT,
  levels: [
    { level: 'pgd', shift: PGDIR_SHIFT, entries: PTRS_PER_PGD, tableBytes: PTRS_PER_PGD * 8, folded: false },
    { level: 'p4d', shift: PGDIR_SHIFT, entries: 1, tableBytes: 8, folded: true },
    { level: 'pud', shift: PGDIR_SHIFT, entries: 1, tableBytes: 8, folded: true },
    { level: 'pmd', shift: PMD_SHIFT, entries: PTRS_PER_PMD, tableBytes: PTRS_PER_PMD * 8, folded: false },
    { level: 'pte', shift: PAGE_SHIFT, entries: PTRS_PER_PTE, tableBytes: PTRS_PER_PTE * 8, folded: false },
  ],
  HPAGE_PMD_SHIFT: PMD_SHIFT,
  HPAGE_PMD_SIZE: 1 << PMD_SHIFT,
  HPAGE_PMD_NR: 1 << (PMD_SHIFT - PAGE_SHIFT),
  vaBits: 32,
  paBits: PHYS_MASK_SHIFT,
  TASK_SIZE,
});

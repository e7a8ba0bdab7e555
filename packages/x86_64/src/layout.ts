import type { Layout } from '@ptemu/arch';

/** `PAGE_SHIFT`. @see Linux arch/x86/include/asm/page_types.h (6.12.117) */
export const PAGE_SHIFT = 12;
/** `PMD_SHIFT`. @see Linux arch/x86/include/asm/pgtable_64_types.h (6.12.117) */
export const PMD_SHIFT = 21;
/** `PUD_SHIFT`. @see Linux arch/x86/include/asm/pgtable_64_types.h (6.12.117) */
export const PUD_SHIFT = 30;
/** `P4D_SHIFT`: also `PGDIR_SHIFT` with 4 levels. @see Linux arch/x86/include/asm/pgtable_64_types.h (6.12.117) */
export const P4D_SHIFT = 39;
/** `PGDIR_SHIFT` with 5 levels. @see Linux arch/x86/include/asm/pgtable_64_types.h (6.12.117) */
export const PGDIR_SHIFT_L5 = 48;
/** Entries of every real table: 4 KiB of 8 bytes each. */
export const PTRS_PER_TABLE = 512;

/** `__PHYSICAL_MASK_SHIFT`; releases before the 5-level work had 46, which no entry of a real machine shows. */
export const PHYSICAL_MASK_SHIFT = 52;

/** Levels of a page table: 5 with LA57 switched on. */
export type X86Levels = 4 | 5;

/**
 * Geometry of an address space. With 4 levels the p4d is folded into the pgd: the pgd's own helpers then always say
 * "go on" and the p4d's look at the entry.
 * @see Linux arch/x86/include/asm/pgtable_64_types.h; asm-generic/pgtable-nop4d.h (6.12.117)
 * @see Intel SDM vol. 3A, 5.5 (4-level paging and 5-level paging)
 */
export function layoutOfLevels(levels: X86Levels): Layout {
  const table = { entries: PTRS_PER_TABLE, tableBytes: 4096, folded: false };
  const userBits = levels === 5 ? 56 : 47;
  return {
    PAGE_SHIFT,
    PAGE_SIZE: 1 << PAGE_SHIFT,
    levels: [
      { level: 'pgd', shift: levels === 5 ? PGDIR_SHIFT_L5 : P4D_SHIFT, ...table },
      levels === 5
        ? { level: 'p4d', shift: P4D_SHIFT, ...table }
        : { level: 'p4d', shift: P4D_SHIFT, entries: 1, tableBytes: 4096, folded: true },
      { level: 'pud', shift: PUD_SHIFT, ...table },
      { level: 'pmd', shift: PMD_SHIFT, ...table },
      { level: 'pte', shift: PAGE_SHIFT, ...table },
    ],
    HPAGE_PMD_SHIFT: PMD_SHIFT,
    HPAGE_PMD_SIZE: 1 << PMD_SHIFT,
    HPAGE_PMD_NR: PTRS_PER_TABLE,
    vaBits: userBits,
    paBits: PHYSICAL_MASK_SHIFT,
    // One page short of the canonical hole. @see Linux arch/x86/include/asm/page_64_types.h, `TASK_SIZE_MAX`
    TASK_SIZE: (1n << BigInt(userBits)) - 4096n,
  };
}

/** Kernel constants of the geometry. */
export function layoutConstants(levels: X86Levels): Readonly<Record<string, bigint>> {
  const level = (name: string, shift: number): Record<string, bigint> => ({
    [`${name}_SHIFT`]: BigInt(shift),
    [`${name}_SIZE`]: 1n << BigInt(shift),
    [`${name}_MASK`]: BigInt.asUintN(64, -(1n << BigInt(shift))),
  });
  const entries = BigInt(PTRS_PER_TABLE);
  return {
    ...level('PAGE', PAGE_SHIFT),
    ...level('PMD', PMD_SHIFT),
    ...level('PUD', PUD_SHIFT),
    ...level('P4D', P4D_SHIFT),
    ...level('PGDIR', levels === 5 ? PGDIR_SHIFT_L5 : P4D_SHIFT),
    ...level('HPAGE_PMD', PMD_SHIFT),
    HPAGE_PMD_NR: entries,
    HPAGE_PMD_ORDER: 9n,
    PTRS_PER_PTE: entries,
    PTRS_PER_PMD: entries,
    PTRS_PER_PUD: entries,
    PTRS_PER_P4D: levels === 5 ? entries : 1n,
    PTRS_PER_PGD: entries,
    __PHYSICAL_MASK_SHIFT: BigInt(PHYSICAL_MASK_SHIFT),
    __PHYSICAL_MASK: (1n << BigInt(PHYSICAL_MASK_SHIFT)) - 1n,
  };
}

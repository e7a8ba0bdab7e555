import type { Env } from '@ptemu/arch';
import * as b from './bits.js';
import {
  PAGE_OFFSET, PAGE_SHIFT, PGDIR_SHIFT, PHYS_MASK_SHIFT, PMD_SHIFT, PTRS_PER_PGD, PTRS_PER_PMD, PTRS_PER_PTE, TASK_SIZE,
} from './layout.js'; // prettier-ignore
import { __SWP_TYPE_BITS, __SWP_TYPE_MASK, __SWP_TYPE_SHIFT, swpOffsetShift } from './swap.js';

const size = (shift: number): bigint => 1n << BigInt(shift);
/** Masks of addresses that the kernel makes of a signed int reach over all 64 bits. */
const mask64 = (shift: number): bigint => BigInt.asUintN(64, -size(shift));
/** Masks that it makes of an unsigned long end at bit 31. */
const mask32 = (shift: number): bigint => BigInt.asUintN(32, -size(shift));

/**
 * The kernel's constants by name, of those that concern page tables.
 * @see Linux arch/arm/include/asm/pgtable-3level.h, pgtable-3level-hwdef.h, pgtable.h (6.1.192, 6.12.117)
 */
export function constantsOf(env: Pick<Env, 'kernel'>): Readonly<Record<string, bigint>> {
  const masks = Object.fromEntries(
    Object.entries(b).filter((pair): pair is [string, bigint] => typeof pair[1] === 'bigint'),
  );
  const RDONLY = b.rdonlyBit(env);
  return {
    ...masks,
    L_PTE_RDONLY: RDONLY,
    L_PMD_SECT_RDONLY: RDONLY,
    L_PMD_SECT_NONE: b.L_PTE_NONE,
    L_PMD_SECT_DIRTY: b.L_PTE_DIRTY,
    PMD_SECT_USER: b.L_PTE_USER,
    PMD_SECT_AP2: b.PTE_AP2,
    PMD_SECT_S: b.L_PTE_SHARED,
    PMD_SECT_AF: b.L_PTE_YOUNG,
    PMD_SECT_nG: b.PTE_EXT_NG,
    PMD_SECT_PXN: b.PTE_EXT_PXN,
    PMD_SECT_XN: b.L_PTE_XN,
    PTE_TABLE_BIT: b.PMD_TABLE_BIT,
    PTE_TYPE_MASK: b.PMD_TYPE_MASK,
    PTE_TYPE_PAGE: b.PMD_TYPE_TABLE,
    PTE_EXT_AF: b.L_PTE_YOUNG,
    PTE_EXT_SHARED: b.L_PTE_SHARED,
    PTE_EXT_XN: b.L_PTE_XN,
    _PAGE_USER_TABLE: b.PMD_TYPE_TABLE,
    _PAGE_KERNEL_TABLE: b.PMD_TYPE_TABLE,
    PHYS_MASK_SHIFT: BigInt(PHYS_MASK_SHIFT),
    PAGE_SHIFT: BigInt(PAGE_SHIFT),
    PAGE_SIZE: size(PAGE_SHIFT),
    PAGE_MASK: mask64(PAGE_SHIFT),
    PMD_SHIFT: BigInt(PMD_SHIFT),
    PMD_SIZE: size(PMD_SHIFT),
    PMD_MASK: mask64(PMD_SHIFT),
    PUD_SHIFT: BigInt(PGDIR_SHIFT),
    PUD_SIZE: size(PGDIR_SHIFT),
    PUD_MASK: mask32(PGDIR_SHIFT),
    P4D_SHIFT: BigInt(PGDIR_SHIFT),
    P4D_SIZE: size(PGDIR_SHIFT),
    P4D_MASK: mask32(PGDIR_SHIFT),
    PGDIR_SHIFT: BigInt(PGDIR_SHIFT),
    PGDIR_SIZE: size(PGDIR_SHIFT),
    PGDIR_MASK: mask64(PGDIR_SHIFT),
    PTRS_PER_PTE: BigInt(PTRS_PER_PTE),
    PTRS_PER_PMD: BigInt(PTRS_PER_PMD),
    PTRS_PER_PUD: 1n,
    PTRS_PER_P4D: 1n,
    PTRS_PER_PGD: BigInt(PTRS_PER_PGD),
    PTE_HWTABLE_PTRS: 0n,
    PTE_HWTABLE_OFF: 0n,
    PTE_HWTABLE_SIZE: BigInt(PTRS_PER_PTE * 8),
    HPAGE_PMD_SHIFT: BigInt(PMD_SHIFT),
    HPAGE_PMD_SIZE: size(PMD_SHIFT),
    HPAGE_PMD_MASK: mask32(PMD_SHIFT),
    HPAGE_PMD_NR: size(PMD_SHIFT - PAGE_SHIFT),
    HPAGE_PMD_ORDER: BigInt(PMD_SHIFT - PAGE_SHIFT),
    HPAGE_SHIFT: BigInt(PMD_SHIFT),
    PAGE_OFFSET,
    TASK_SIZE,
    __SWP_TYPE_SHIFT: BigInt(__SWP_TYPE_SHIFT),
    __SWP_TYPE_BITS: BigInt(__SWP_TYPE_BITS),
    __SWP_TYPE_MASK: BigInt(__SWP_TYPE_MASK),
    __SWP_OFFSET_SHIFT: BigInt(swpOffsetShift(env)),
  };
}

/**
 * What the walker does with the long-descriptor format, stage 1.
 *
 * TTBR0 starts at the four-entry pgd. When the kernel splits the address space (TTBCR.T1SZ = 2: RAM lies below
 * PAGE_OFFSET), TTBR1 translates the top gigabyte and starts one level lower, at the pmd table: that walker has two levels.
 * The pgd of every process names that pmd table too, so a walk from TTBR0's root finds the same translations.
 *
 * The access flag is never set by an ARMv7 walker: an old entry faults. Dirty is software's: a clean page is read-only
 * (AP[2]). Simplifications: SCTLR.WXN and UWXN are clear, TTBCR.EPD0 and EPD1 too; execution by the kernel asks PXN and XN only.
 *
 * @see Arm Architecture Reference Manual ARMv7-A (DDI 0406C), B3.6 (long-descriptor format), B3.7 (access control), B3.9 (TLBs)
 */
import { ArchError, bit, type Denials, type Match, type MmuDescription, type MmuLevel } from '@ptemu/arch';
import {
  BLOCK_ADDRESS, CONTIGUOUS, L_PTE_USER, L_PTE_VALID, L_PTE_XN, L_PTE_YOUNG, PAGE_ADDRESS, PMD_PXNTABLE, PMD_TYPE_MASK,
  PMD_TYPE_SECT, PMD_TYPE_TABLE, PTE_AP2, PTE_EXT_PXN, SECTION_ADDRESS, PTE_EXT_NG } from './bits.js'; // prettier-ignore
import { PAGE_SHIFT, PGDIR_SHIFT, PMD_SHIFT } from './layout.js';

const is = (mask: bigint): Match => ({ mask, value: mask });
const not = (mask: bigint): Match => ({ mask, value: 0n });

/** What a page, section or block forbids. Without AP[1] the user has no access at all. */
const LEAF_DENIES: Denials = {
  write: [is(PTE_AP2)],
  exec: [is(L_PTE_XN)],
  kernelExec: [is(L_PTE_XN), is(PTE_EXT_PXN)],
  user: [not(L_PTE_USER)],
};

/** What a table forbids for all that lies below it: PXNTable, XNTable, APTable. Linux sets none of them. */
const TABLE_DENIES: Denials = {
  write: [is(bit(62))],
  exec: [is(bit(60))],
  kernelExec: [is(bit(60)), is(PMD_PXNTABLE)],
  user: [is(bit(61))],
};

/** A level that has both tables and leaves. */
const upper = (
  level: 'pgd' | 'pmd',
  at: { readonly shift: number; readonly bits: number; readonly address: bigint },
): MmuLevel => ({
  level,
  indexShift: at.shift,
  indexBits: at.bits,
  valid: [is(L_PTE_VALID)],
  leaf: [{ mask: PMD_TYPE_MASK, value: PMD_TYPE_SECT }],
  table: [{ mask: PAGE_ADDRESS, shift: 0 }],
  page: { address: [{ mask: at.address, shift: 0 }], shift: at.shift },
  leafDenies: LEAF_DENIES,
  tableDenies: TABLE_DENIES,
});

const PGD = upper('pgd', { shift: PGDIR_SHIFT, bits: 2, address: BLOCK_ADDRESS });
const PMD: MmuLevel = {
  ...upper('pmd', { shift: PMD_SHIFT, bits: 9, address: SECTION_ADDRESS }),
  contiguous: { when: is(CONTIGUOUS), shift: PMD_SHIFT + 4 },
};
const PTE: MmuLevel = {
  level: 'pte',
  indexShift: PAGE_SHIFT,
  indexBits: 9,
  // Type 01 is reserved here and faults like an invalid one.
  valid: [{ mask: PMD_TYPE_MASK, value: PMD_TYPE_TABLE }],
  leaf: 'always',
  page: { address: [{ mask: PAGE_ADDRESS, shift: 0 }], shift: PAGE_SHIFT },
  leafDenies: LEAF_DENIES,
  contiguous: { when: is(CONTIGUOUS), shift: PAGE_SHIFT + 4 },
};

/**
 * The walker from a root of `levels` levels: 3 from TTBR0 (default), 2 from the TTBR1 of a split address space.
 *
 * @throws ArchError `BAD_ARGUMENT` for another number.
 */
export function mmuDescription(levels: number): MmuDescription {
  if (levels !== 2 && levels !== 3) {
    throw new ArchError('BAD_ARGUMENT', `arm32 walks 3 levels, or 2 from TTBR1; not ${levels}`, { levels });
  }
  return {
    kind: 'radix',
    byteOrder: 'little',
    levels: levels === 3 ? [PGD, PMD, PTE] : [PMD, PTE],
    split: { kind: 'limit', bits: 32 },
    accessed: { clean: not(L_PTE_YOUNG), set: L_PTE_YOUNG, clear: 0n, by: 'fault' },
    global: not(PTE_EXT_NG),
    walkCache: levels === 3 ? ['pgd', 'pmd'] : ['pmd'],
    mixedSizes: 'conflict-abort',
    source: 'ARMv7-A ARM (DDI 0406C), B3.6 and B3.7; fact sheet 4.4',
  };
}

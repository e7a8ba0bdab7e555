/**
 * Roots of address spaces.
 *
 * Radix: the PID register selects an entry of the process table, whose first doubleword holds the root of the tree, its
 * size (RTS) and log2 of the entries of the top table (RPDS). Quadrant 0 uses the PID's entry, quadrant 3 that of PID 0. A
 * switch of the mm writes the PID register; TLB entries are tagged by it, and none is dropped.
 *
 * Hash: no register holds a root. The SLB maps segments to VSIDs, and Linux finds its own tree at `mm->pgd`.
 *
 * @see Power ISA 3.0B Book III, 5.7.6.2 (process table); Linux arch/powerpc/mm/book3s64/mmu_context.c,
 *   `radix__init_new_context`; asm/book3s/64/radix.h, `radix__get_tree_size` (6.12.117)
 */
import { type Paddr, __paddr, bits, ibmBits } from '@ptemu/arch';
import { RADIX_NLB_MASK } from './bits.js';

/** RPDB: address of the top table. The field is that of NLB in a table entry. */
export const PRTB_RPDB_MASK: bigint = RADIX_NLB_MASK;
/** RPDS: log2 of the entries of the top table (bits 59 to 63). */
export const PRTB_RPDS_MASK: bigint = ibmBits(59, 63);
/** RTS, upper part (bits 1 and 2). */
export const PRTB_RTS_UPPER: bigint = ibmBits(1, 2);
/** RTS, lower part (bits 56 to 58). */
export const PRTB_RTS_LOWER: bigint = bits(5, 7);

/** log2 of the entries of Linux's top table. @see Linux arch/powerpc/include/asm/book3s/64/radix-64k.h, `RADIX_PGD_INDEX_SIZE` (6.12.117) */
export const RADIX_PGD_INDEX_SIZE = 13;
/** What Linux writes as RTS: 31 + 21 bits of effective address. */
const RTS_52 = 21n;

/** First doubleword of a process table entry. */
export const prtb0Of = (root: bigint): bigint =>
  ((RTS_52 >> 3n) << 61n) | ((RTS_52 & 7n) << 5n) | (root & PRTB_RPDB_MASK) | BigInt(RADIX_PGD_INDEX_SIZE);

/** Root, bits of effective address and top table's index size that a process table entry tells of. */
export function parsePrtb0(prtb0: bigint): {
  readonly root: Paddr;
  readonly addressBits: number;
  readonly indexBits: number;
} {
  const rts = ((prtb0 & PRTB_RTS_UPPER) >> 58n) | ((prtb0 & PRTB_RTS_LOWER) >> 5n);
  return {
    root: __paddr(prtb0 & PRTB_RPDB_MASK),
    addressBits: Number(rts) + 31,
    indexBits: Number(prtb0 & PRTB_RPDS_MASK),
  };
}

/**
 * Address-space control elements (ASCE): what the control registers hold. CR1 and CR7 hold the user's, CR13 the kernel's.
 *
 * The type field says which table the origin points to, and so how many levels the walk has. An mm starts with three
 * levels and is upgraded in place to four or five when something is mapped above its limit (`crst_table_upgrade`): a new
 * top table whose first entry points to the old one. The TLB tags its entries with the whole ASCE.
 */
import { ArchError, type Paddr, __paddr } from '@ptemu/arch';

/** Origin of the top table. @see Linux arch/s390/include/asm/pgtable.h, `_ASCE_ORIGIN` (6.12.117) */
export const _ASCE_ORIGIN: bigint = ~0xfffn & 0xffff_ffff_ffff_ffffn;
/** Private space, storage-alteration event, space-switch event: set in every user ASCE. */
export const _ASCE_USER_BITS: bigint = 0x1c0n;
/** Real space: no translation at all. */
export const _ASCE_REAL_SPACE: bigint = 0x20n;
/** Type of the top table: 0 segment, 4 region-third, 8 region-second, 0xc region-first. */
export const _ASCE_TYPE_MASK: bigint = 0xcn;
/** Length of the top table, less one. */
export const _ASCE_TABLE_LENGTH: bigint = 0x3n;

/**
 * The ASCE of an mm. @see Linux arch/s390/include/asm/mmu_context.h, `init_new_context` (6.12.117)
 * @throws ArchError `BAD_ARGUMENT` unless levels is 2 to 5.
 */
export function asceOf(root: bigint, levels: number): bigint {
  if (!Number.isInteger(levels) || levels < 2 || levels > 5) {
    throw new ArchError('BAD_ARGUMENT', `an ASCE describes 2 to 5 levels, not ${levels}`, { levels });
  }
  return (root & _ASCE_ORIGIN) | _ASCE_USER_BITS | (BigInt(levels - 2) << 2n) | _ASCE_TABLE_LENGTH;
}

/** Root and number of levels that an ASCE describes. */
export function parseAsce(asce: bigint): { readonly root: Paddr; readonly levels: number } {
  return { root: __paddr(asce & _ASCE_ORIGIN), levels: 2 + Number((asce & _ASCE_TYPE_MASK) >> 2n) };
}

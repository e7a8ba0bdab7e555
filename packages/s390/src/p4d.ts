import { type Env, type P4dHelpers, __p4d, foldedP4d } from '@ptemu/arch';
import {
  _REGION_ENTRY_BITS,
  _REGION_ENTRY_INVALID,
  _REGION_ENTRY_LENGTH,
  _REGION_ENTRY_ORIGIN,
  _REGION_ENTRY_TYPE_MASK,
  _REGION_ENTRY_TYPE_R2,
} from './bits.js';

/** An entry that points to a region-third table. @see Linux arch/s390/include/asm/pgtable.h, `_REGION2_ENTRY` (6.12.117) */
export const _REGION2_ENTRY: bigint = _REGION_ENTRY_TYPE_R2 | _REGION_ENTRY_LENGTH;
/** The empty region-second entry: what `p4d_none` is true of. */
export const _REGION2_ENTRY_EMPTY: bigint = _REGION_ENTRY_TYPE_R2 | _REGION_ENTRY_INVALID;

/**
 * Region-second entries, the p4d; folded by the type bits at run time (an mm with three levels hands a region-third
 * entry in). Before five levels came, the p4d was folded at compile time.
 *
 * @see Linux arch/s390/include/asm/pgtable.h, `p4d_none` and following (6.1.192, 6.12.117)
 */
export function p4dHelpers({ kernel }: Env): P4dHelpers {
  if (!kernel.has('s390-five-levels')) return foldedP4d();
  const type = (v: bigint): bigint => v & _REGION_ENTRY_TYPE_MASK;
  const folded = (v: bigint): boolean => type(v) < _REGION_ENTRY_TYPE_R2;
  return {
    p4d_none: (v) => !folded(v) && v === _REGION2_ENTRY_EMPTY,
    p4d_bad: (v) => type(v) > _REGION_ENTRY_TYPE_R2 || (!folded(v) && (v & ~_REGION_ENTRY_BITS) !== 0n),
    p4d_present: (v) => folded(v) || (v & _REGION_ENTRY_ORIGIN) !== 0n,
    p4d_leaf: () => false,
    p4d_populate: (table) => __p4d(table | _REGION2_ENTRY),
  };
}

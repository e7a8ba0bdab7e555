import { type Env, type PgdHelpers, __pgd } from '@ptemu/arch';
import {
  _REGION_ENTRY_BITS,
  _REGION_ENTRY_INVALID,
  _REGION_ENTRY_LENGTH,
  _REGION_ENTRY_ORIGIN,
  _REGION_ENTRY_TYPE_MASK,
  _REGION_ENTRY_TYPE_R1,
  _REGION_ENTRY_TYPE_R2,
} from './bits.js';

/** An entry that points to a region-second table. @see Linux arch/s390/include/asm/pgtable.h, `_REGION1_ENTRY` (6.12.117) */
export const _REGION1_ENTRY: bigint = _REGION_ENTRY_TYPE_R1 | _REGION_ENTRY_LENGTH;
/** The empty region-first entry. */
export const _REGION1_ENTRY_EMPTY: bigint = _REGION_ENTRY_TYPE_R1 | _REGION_ENTRY_INVALID;

/**
 * Region-first entries, the pgd (region-second before five levels came); folded by the type bits at run time.
 *
 * @see Linux arch/s390/include/asm/pgtable.h, `pgd_none` and following (6.1.192, 6.12.117)
 */
export function pgdHelpers({ kernel }: Env): PgdHelpers {
  const top = kernel.has('s390-five-levels') ? _REGION_ENTRY_TYPE_R1 : _REGION_ENTRY_TYPE_R2;
  const folded = (v: bigint): boolean => (v & _REGION_ENTRY_TYPE_MASK) < top;
  return {
    pgd_none: (v) => !folded(v) && (v & _REGION_ENTRY_INVALID) !== 0n,
    pgd_bad: (v) => !folded(v) && (v & ~_REGION_ENTRY_BITS) !== 0n,
    pgd_present: (v) => folded(v) || (v & _REGION_ENTRY_ORIGIN) !== 0n,
    pgd_leaf: () => false,
    pgd_populate: (table) => __pgd(table | top | _REGION_ENTRY_LENGTH),
  };
}

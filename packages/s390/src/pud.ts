/**
 * Region-third entries, the pud.
 *
 * Whether an entry is one at all is said by its type bits at run time: with two levels `mm->pgd` is a segment table, and
 * the pud helpers, handed a segment entry, answer "folded": there, not bad, never a leaf.
 */
import { type Env, type Pud, type PudHelpers, __pfn, __pgprot, __pud, completePud } from '@ptemu/arch';
import {
  _REGION3_ENTRY_LARGE,
  _REGION3_ENTRY_ORIGIN_LARGE,
  _REGION_ENTRY_BITS,
  _REGION_ENTRY_INVALID,
  _REGION_ENTRY_LENGTH,
  _REGION_ENTRY_ORIGIN,
  _REGION_ENTRY_PROTECT,
  _REGION_ENTRY_TYPE_MASK,
  _REGION_ENTRY_TYPE_R3,
  region3Bits,
} from './bits.js';

/** An entry that points to a segment table. @see Linux arch/s390/include/asm/pgtable.h, `_REGION3_ENTRY` (6.12.117) */
export const _REGION3_ENTRY: bigint = _REGION_ENTRY_TYPE_R3 | _REGION_ENTRY_LENGTH;
/** The empty region-third entry: what `pud_none` is true of. */
export const _REGION3_ENTRY_EMPTY: bigint = _REGION_ENTRY_TYPE_R3 | _REGION_ENTRY_INVALID;

/**
 * The pud helpers of a release. From 6.13 on PRESENT decides (fact sheet 10, row 23; that `pud_present` and `pud_leaf`
 * ask it as their pmd forms do is recalled). A table entry shows it too: it is one of the two length bits.
 *
 * @see Linux arch/s390/include/asm/pgtable.h, `pud_none` and following (6.1.192, 6.12.117)
 */
export function pudHelpers(env: Env): PudHelpers {
  const { kernel, config } = env;
  const { PRESENT, WRITE, DIRTY, SOFT_DIRTY } = region3Bits(kernel, config);
  const P = _REGION_ENTRY_PROTECT;
  const type = (v: bigint): bigint => v & _REGION_ENTRY_TYPE_MASK;
  const has =
    (mask: bigint) =>
    (v: bigint): boolean =>
      (v & mask) !== 0n;
  const folded = (v: bigint): boolean => type(v) < _REGION_ENTRY_TYPE_R3;
  const leaf = (v: bigint): boolean =>
    type(v) === _REGION_ENTRY_TYPE_R3 &&
    (v & (_REGION3_ENTRY_LARGE | PRESENT)) === (_REGION3_ENTRY_LARGE | PRESENT);
  const present = PRESENT === 0n ? has(_REGION_ENTRY_ORIGIN) : has(PRESENT);
  return completePud(env, {
    pud_none: (v) => !folded(v) && v === _REGION3_ENTRY_EMPTY,
    pud_bad: (v) => {
      if (type(v) > _REGION_ENTRY_TYPE_R3 || leaf(v)) return true;
      return !folded(v) && has(~_REGION_ENTRY_BITS)(v);
    },
    pud_present: (v) => folded(v) || present(v),
    pud_folded: folded,
    pud_leaf: leaf,
    ...(!kernel.has('pmd-large-removed') && { pud_large: leaf, pud_huge: leaf }),
    pud_write: has(WRITE),

    pud_mkdirty: (v): Pud => __pud((v | DIRTY | SOFT_DIRTY) & ~(has(WRITE)(v) ? P : 0n)),
    pud_mkclean: (v): Pud => __pud((v & ~DIRTY) | P),
    pud_mkwrite: (v): Pud => __pud((v | WRITE) & ~(has(DIRTY)(v) ? P : 0n)),
    pud_wrprotect: (v): Pud => __pud((v & ~WRITE) | P),

    pud_pfn: (v) => __pfn((v & (leaf(v) ? _REGION3_ENTRY_ORIGIN_LARGE : _REGION_ENTRY_ORIGIN)) >> 12n),
    ...(kernel.has('pmd-special') && { pud_pgprot: () => __pgprot(0n) }),
    pud_populate: (table) => __pud(table | _REGION3_ENTRY),
  });
}

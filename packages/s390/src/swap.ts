import { type Env, type OwnSwap, type SwapOps, __pmd, __pte, completeSwap } from '@ptemu/arch';
import { _PAGE_INVALID, _PAGE_PROTECT, _SEGMENT_ENTRY_INVALID, segmentBits } from './bits.js';

/** Bits of the offset of a swap entry. @see Linux arch/s390/include/asm/pgtable.h (6.12.117) */
export const __SWP_OFFSET_MASK: bigint = (1n << 52n) - 1n;
/** Where the offset starts. */
export const __SWP_OFFSET_SHIFT = 12n;
/** Bits of the type. */
export const __SWP_TYPE_MASK: bigint = (1n << 5n) - 1n;
/** Where the type starts in a pte. */
export const __SWP_TYPE_SHIFT = 2n;
/** Where the type starts in a segment or region-third entry (6.13+; recalled). */
export const __SWP_TYPE_SHIFT_RSTE = 6n;

/**
 * Non-present entries. A swap pte is INVALID | PROTECT without PRESENT, offset from bit 12, type from bit 2. A swap
 * entry in a segment (6.13+, used from the release with THP migration on) is INVALID | COMM, type from bit 6: the sheet
 * has the COMM bit (7.1); the place of the type is recalled.
 *
 * @see Linux arch/s390/include/asm/pgtable.h, `mk_swap_pte`, `__swp_type` (6.12.117)
 */
export function swapHelpers(env: Env): SwapOps {
  const { kernel, config } = env;
  const offset = (entry: bigint): bigint => (entry >> __SWP_OFFSET_SHIFT) & __SWP_OFFSET_MASK;
  const offsetBits = (value: bigint): bigint => (value & __SWP_OFFSET_MASK) << __SWP_OFFSET_SHIFT;
  const typeBits = (value: number, shift: bigint): bigint => (BigInt(value) & __SWP_TYPE_MASK) << shift;
  const typeAt = (entry: bigint, shift: bigint): number => Number((entry >> shift) & __SWP_TYPE_MASK);
  const makePte = (type: number, value: bigint): bigint =>
    _PAGE_INVALID | _PAGE_PROTECT | offsetBits(value) | typeBits(type, __SWP_TYPE_SHIFT);
  const { COMMON } = segmentBits(kernel, config);
  const own: OwnSwap = {
    __swp_entry: makePte,
    __swp_type: (entry) => typeAt(entry, __SWP_TYPE_SHIFT),
    __swp_offset: offset,
    __swp_entry_to_pte: (entry) => __pte(entry),
    __pte_to_swp_entry: (pte) => pte,
    ...(kernel.has('f934f6be76c1') && {
      __swp_entry_to_pmd: (entry: bigint) =>
        __pmd(
          _SEGMENT_ENTRY_INVALID |
            COMMON |
            offsetBits(offset(entry)) |
            typeBits(typeAt(entry, __SWP_TYPE_SHIFT), __SWP_TYPE_SHIFT_RSTE),
        ),
      __pmd_to_swp_entry: (pmd: bigint) => makePte(typeAt(pmd, __SWP_TYPE_SHIFT_RSTE), offset(pmd)),
    }),
    SWP_PFN_BITS: MAX_PHYSMEM_BITS - 12,
    config: {
      DEVICE_PRIVATE: false,
      MEMORY_FAILURE: config['MEMORY_FAILURE'] === true,
      PTE_MARKER_UFFD_WP: false,
      ARCH_ENABLE_THP_MIGRATION: kernel.has('s390-thp-migration'),
    },
  };
  return completeSwap(env, own);
}

/** `MAX_PHYSMEM_BITS`. @see Linux arch/s390/include/asm/sparsemem.h (6.1.192, 6.12.117) */
const MAX_PHYSMEM_BITS = 46;

import { __pte, completeSwap, type Env, type SwapOps } from '@ptemu/arch';

/** @see Linux arch/arm/include/asm/pgtable.h, `__SWP_TYPE_SHIFT` (6.12.117) */
export const __SWP_TYPE_SHIFT: number = 2;
/** @see Linux arch/arm/include/asm/pgtable.h, `__SWP_TYPE_BITS` (6.12.117) */
export const __SWP_TYPE_BITS: number = 5;
/** @see Linux arch/arm/include/asm/pgtable.h, `__SWP_TYPE_MASK` (6.12.117) */
export const __SWP_TYPE_MASK: number = (1 << __SWP_TYPE_BITS) - 1;

/** Where the offset begins: one bit higher since bit 7 tells exclusive pages. @see Linux arch/arm/include/asm/pgtable.h, `__SWP_OFFSET_SHIFT` (6.1.192, 6.12.117) */
export const swpOffsetShift = (env: Pick<Env, 'kernel'>): number =>
  __SWP_TYPE_SHIFT + __SWP_TYPE_BITS + (env.kernel.has('arm-swp-exclusive') ? 1 : 0);

/**
 * Entries that are not present: two zero bits, type, (6.12: exclusive,) offset, all within the lower 32 bits because
 * `swp_entry_t` is an `unsigned long`. Without THP migration there is no pmd form.
 *
 * @see Linux arch/arm/include/asm/pgtable.h, `__swp_entry` and following (6.1.192, 6.12.117)
 */
export function swapHelpers(env: Env): SwapOps {
  const shift = BigInt(swpOffsetShift(env));
  const long = (value: bigint): bigint => BigInt.asUintN(32, value);
  // The type was not masked while nothing lay between it and the offset.
  const typeField = (type: number): bigint =>
    BigInt(env.kernel.has('arm-swp-exclusive') ? type & __SWP_TYPE_MASK : type) << BigInt(__SWP_TYPE_SHIFT);
  return completeSwap(env, {
    __swp_entry: (type, offset) => long(typeField(type) | (offset << shift)),
    __swp_type: (entry) => Number(long(entry) >> BigInt(__SWP_TYPE_SHIFT)) & __SWP_TYPE_MASK,
    __swp_offset: (entry) => long(entry) >> shift,
    __swp_entry_to_pte: (entry) => __pte(long(entry)),
    __pte_to_swp_entry: long,
    bitsPerLong: 32,
    // No MAX_PHYSMEM_BITS without sparse memory, and 28 bits of frame number do not fit: the whole offset.
    SWP_PFN_BITS: 26,
    config: {
      DEVICE_PRIVATE: false,
      MEMORY_FAILURE: false,
      PTE_MARKER_UFFD_WP: false,
      ARCH_ENABLE_THP_MIGRATION: false,
    },
  });
}

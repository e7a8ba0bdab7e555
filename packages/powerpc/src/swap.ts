import { type SwapOps, __pmd, __pte, completeSwap } from '@ptemu/arch';
import type { PpcEnv } from './env.js';

/** `SWP_TYPE_BITS`. @see Linux arch/powerpc/include/asm/book3s/64/pgtable.h (6.12.117) */
export const SWP_TYPE_BITS = 5;

/** `MAX_PHYSMEM_BITS`: the larger of hash's and radix's. @see Linux arch/powerpc/include/asm/book3s/64/hash-64k.h, radix.h (6.12.117) */
export const MAX_PHYSMEM_BITS = 51;

/**
 * Entries that are not present.
 *
 * The type lies in the lowest five bits, the offset where the frame number is; the stored word carries the leaf bit, so
 * that a walker takes it for no table. Up to 4.5 the type lay above the two lowest bits and the offset from bit 30 up;
 * that form is read in 4.5 and used for all earlier releases, whose own is not sourced.
 *
 * @see Linux arch/powerpc/include/asm/book3s/64/pgtable.h, `__swp_type` (6.1.192, 6.12.117)
 */
export function swapHelpers(env: PpcEnv): SwapOps {
  const { bits: b, config, kernel } = env;
  const shift = BigInt(b.PTE_RPN_SHIFT);
  const typeShift = b.format === 'radix' ? 0n : 2n;
  const typeMask = (1n << BigInt(SWP_TYPE_BITS)) - 1n;
  const stored = (archEntry: bigint): bigint => archEntry | b._PAGE_PTE;
  const taken = (entry: bigint): bigint => entry & ~b._PAGE_PTE;
  return completeSwap(env, {
    // The type is not masked; the offset is cut to its field.
    __swp_entry: (type, offset) =>
      BigInt.asUintN(64, (BigInt(type) << typeShift) | ((offset << shift) & b.PTE_RPN_MASK)),
    __swp_type: (archEntry) => Number((archEntry >> typeShift) & typeMask),
    __swp_offset: (archEntry) => (archEntry & b.PTE_RPN_MASK) >> shift,
    __swp_entry_to_pte: (archEntry) => __pte(stored(archEntry)),
    __pte_to_swp_entry: taken,
    __swp_entry_to_pmd: (archEntry) => __pmd(stored(archEntry)),
    __pmd_to_swp_entry: taken,
    SWP_PFN_BITS: MAX_PHYSMEM_BITS - env.layout.PAGE_SHIFT,
    config: {
      DEVICE_PRIVATE: config['DEVICE_PRIVATE'] === true,
      MEMORY_FAILURE: config['MEMORY_FAILURE'] === true,
      PTE_MARKER_UFFD_WP: false,
      ARCH_ENABLE_THP_MIGRATION: kernel.has('ppc-thp-migration'),
    },
  });
}

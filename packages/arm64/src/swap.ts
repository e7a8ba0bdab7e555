/**
 * Entries that are not present: swap, migration, markers.
 *
 * Three layouts, each with 50 bits of offset: type at bits 2 to 7 (up to 5.15), EXCLUSIVE at bit 2 and type at bits 3 to
 * 7 (6.1), and since bit 11 says present-invalid, type at bits 6 to 10 and offset from bit 12 (6.11).
 * @see Linux arch/arm64/include/asm/pgtable.h, `__swp_entry` (6.1.192, 6.12.117); fact sheet 5.1
 */
import { __pmd, __pte, completeSwap, type SwapOps } from '@ptemu/arch';
import { type Arm64Env, pageShift } from './layout.js';

const OFFSET_BITS = 50n;

interface SwapLayout {
  readonly typeShift: bigint;
  readonly typeBits: bigint;
  readonly offsetShift: bigint;
}

function layoutOf({ kernel }: Pick<Arm64Env, 'kernel'>): SwapLayout {
  if (kernel.has('55564814a838')) return { typeShift: 6n, typeBits: 5n, offsetShift: 12n };
  if (kernel.has('arm64-swp-exclusive')) return { typeShift: 3n, typeBits: 5n, offsetShift: 8n };
  return { typeShift: 2n, typeBits: 6n, offsetShift: 8n };
}

/** Makes the swap helpers of a build. */
export function swapHelpers(env: Arm64Env): SwapOps {
  const { kernel, config, geometry } = env;
  const { typeShift, typeBits, offsetShift } = layoutOf(env);
  const typeMask = (1n << typeBits) - 1n;
  const offsetMask = (1n << OFFSET_BITS) - 1n;
  const thpMigration = kernel.has('arm64-thp-migration');
  return completeSwap(env, {
    // A type or offset that is too wide runs over, as it does in the kernel's macro.
    __swp_entry: (type, offset) => BigInt.asUintN(64, (BigInt(type) << typeShift) | (offset << offsetShift)),
    __swp_type: (entry) => Number((entry >> typeShift) & typeMask),
    __swp_offset: (entry) => (entry >> offsetShift) & offsetMask,
    __swp_entry_to_pte: (entry) => __pte(entry),
    __pte_to_swp_entry: (pte) => __pte(pte),
    ...(thpMigration && {
      __swp_entry_to_pmd: (entry: bigint) => __pmd(entry),
      __pmd_to_swp_entry: (pmd: bigint) => __pmd(pmd),
    }),
    // MAX_PHYSMEM_BITS. @see Linux arch/arm64/include/asm/sparsemem.h (6.1.192, 6.12.117)
    SWP_PFN_BITS: geometry.paBits - pageShift(geometry),
    config: {
      DEVICE_PRIVATE: config['DEVICE_PRIVATE'] === true,
      MEMORY_FAILURE: config['MEMORY_FAILURE'] === true,
      PTE_MARKER_UFFD_WP: kernel.has('5b32510af77b') && config['USERFAULTFD'] === true,
      ARCH_ENABLE_THP_MIGRATION: thpMigration,
    },
  });
}

/** Kernel constants of the swap format. */
export function swapConstants(env: Pick<Arm64Env, 'kernel'>): Readonly<Record<string, bigint>> {
  const { typeShift, typeBits, offsetShift } = layoutOf(env);
  return {
    __SWP_TYPE_SHIFT: typeShift,
    __SWP_TYPE_BITS: typeBits,
    __SWP_TYPE_MASK: (1n << typeBits) - 1n,
    __SWP_OFFSET_SHIFT: offsetShift,
    __SWP_OFFSET_BITS: OFFSET_BITS,
    __SWP_OFFSET_MASK: (1n << OFFSET_BITS) - 1n,
  };
}

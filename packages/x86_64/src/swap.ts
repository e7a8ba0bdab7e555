/**
 * Entries that are not present: swap, migration, markers.
 *
 * Three layouts: up to 4.7 the type lies at bit 1 and the offset above PROTNONE; from 4.8 the type lies above PROTNONE,
 * because some processors set A and D in entries that are not present; since the L1TF fix the type lies at the top and the
 * offset is stored inverted, so that the bits that a processor might take for a frame are set.
 * @see Linux arch/x86/include/asm/pgtable_64.h, `__swp_entry` (6.1.192, 6.12.117)
 */
import { __pmd, __pte, completeSwap, type Env, type SwapOps } from '@ptemu/arch';
import { PAGE_SHIFT, type X86Levels } from './layout.js';

const TYPE_BITS = 5n;
const TYPE_MASK = (1n << TYPE_BITS) - 1n;
/** First bit above PROTNONE. */
const FIRST_BIT = 9n;

/** Makes the swap helpers of a build. */
export function swapHelpers(env: Env, levels: X86Levels): SwapOps {
  const { kernel, config } = env;
  const thpMigration = kernel.has('616b8371539a');
  // MAX_PHYSMEM_BITS. @see Linux arch/x86/include/asm/sparsemem.h (6.12.117)
  const physmemBits = levels === 5 ? 52 : 46;
  return completeSwap(env, {
    ...(kernel.has('x86-swap-l1tf') ? invertedForm() : plainForm(env)),
    __swp_entry_to_pte: (entry) => __pte(entry),
    __pte_to_swp_entry: (pte) => __pte(pte),
    ...(thpMigration && {
      __swp_entry_to_pmd: (entry: bigint) => __pmd(entry),
      __pmd_to_swp_entry: (pmd: bigint) => __pmd(pmd),
    }),
    SWP_PFN_BITS: physmemBits - PAGE_SHIFT,
    config: {
      DEVICE_PRIVATE: config['DEVICE_PRIVATE'] === true,
      MEMORY_FAILURE: config['MEMORY_FAILURE'] === true,
      PTE_MARKER_UFFD_WP: config['USERFAULTFD'] === true,
      ARCH_ENABLE_THP_MIGRATION: thpMigration,
    },
  });
}

interface SwapForm {
  readonly __swp_entry: (type: number, offset: bigint) => bigint;
  readonly __swp_type: (entry: bigint) => number;
  readonly __swp_offset: (entry: bigint) => bigint;
}

/** Type at bits 59 to 63, inverted offset at bits 9 to 58. */
function invertedForm(): SwapForm {
  const offsetMask = (1n << (64n - TYPE_BITS - FIRST_BIT)) - 1n;
  return {
    __swp_entry: (type, offset) =>
      BigInt.asUintN(64, ((~offset & offsetMask) << FIRST_BIT) | (BigInt(type) << (64n - TYPE_BITS))),
    __swp_type: (entry) => Number(BigInt.asUintN(64, entry) >> (64n - TYPE_BITS)),
    __swp_offset: (entry) => (~entry >> FIRST_BIT) & offsetMask,
  };
}

/** Type low, offset from there up. A type or offset that is too wide runs over, as it does in the kernel's macro. */
function plainForm({ kernel, config }: Env): SwapForm {
  const high = kernel.has('x86-swap-above-protnone');
  const typeShift = high ? FIRST_BIT : 1n;
  const numaBit = kernel.has('x86-numa-own-bit') && config['NUMA_BALANCING'] === true ? 1n : 0n;
  const offsetShift = high
    ? FIRST_BIT + TYPE_BITS + (kernel.has('x86-swap-offset-14') ? 0n : 1n)
    : FIRST_BIT + numaBit;
  return {
    __swp_entry: (type, offset) => BigInt.asUintN(64, (BigInt(type) << typeShift) | (offset << offsetShift)),
    __swp_type: (entry) => Number((entry >> typeShift) & TYPE_MASK),
    __swp_offset: (entry) => BigInt.asUintN(64, entry) >> offsetShift,
  };
}

/** Kernel constants of the swap format. */
export function swapConstants({ kernel }: Pick<Env, 'kernel'>): Readonly<Record<string, bigint>> {
  return kernel.has('x86-swap-l1tf')
    ? { SWP_TYPE_BITS: TYPE_BITS, SWP_OFFSET_FIRST_BIT: FIRST_BIT, SWP_OFFSET_SHIFT: FIRST_BIT + TYPE_BITS }
    : { SWP_TYPE_BITS: TYPE_BITS };
}

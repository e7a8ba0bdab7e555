import type { SwapOps } from '@ptemu/arch';
import type { PpcEnv } from './env.js';
import { indexSizes, layoutConstants } from './layout.js';
import { RADIX_BAD_BITS } from './pmd.js';
import { MAX_PHYSMEM_BITS, SWP_TYPE_BITS } from './swap.js';

/** Kernel constants by name. A mask of 0 stands for a bit that the build has not. */
export function constantsOf(env: PpcEnv, swap: SwapOps): Readonly<Record<string, bigint>> {
  const { kernel, mmu, page, bits: b } = env;
  const sizes = indexSizes(kernel, mmu, page);
  const masks = Object.entries(b).filter(
    (pair): pair is [string, bigint] => typeof pair[1] === 'bigint' && pair[1] !== 0n,
  );
  const val = (entries: number): bigint => b._PAGE_PRESENT | (mmu === 'radix' ? BigInt(entries) : 0n);
  return {
    ...layoutConstants(kernel, mmu, page),
    ...Object.fromEntries(masks),
    _PAGE_RW: b._PAGE_READ | b._PAGE_WRITE,
    _PAGE_RWX: b._PAGE_READ | b._PAGE_WRITE | b._PAGE_EXEC,
    _PAGE_BASE: b._PAGE_PRESENT | b._PAGE_ACCESSED,
    ...(b.format === 'radix' && {
      H_PAGE_COMBO: b.H_PAGE_COMBO,
      H_PAGE_4K_PFN: b.H_PAGE_4K_PFN,
      H_PAGE_THP_HUGE: b.H_PAGE_THP_HUGE,
      PMD_VAL_BITS: val(sizes.PTE_INDEX_SIZE),
      PUD_VAL_BITS: val(sizes.PMD_INDEX_SIZE),
      PGD_VAL_BITS: val(sizes.PUD_INDEX_SIZE),
      RADIX_PMD_BAD_BITS: RADIX_BAD_BITS,
      MAX_PHYSMEM_BITS: BigInt(MAX_PHYSMEM_BITS),
    }),
    SWP_TYPE_BITS: BigInt(SWP_TYPE_BITS),
    ...swap.constants,
  };
}

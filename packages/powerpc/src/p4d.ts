import { type P4dHelpers, __p4d, levelLayout } from '@ptemu/arch';
import type { PpcEnv } from './env.js';
import { RADIX_BAD_BITS, tableEntry } from './pmd.js';

/**
 * Helpers of p4d entries: the p4d is folded by asm-generic/pgtable-nop4d.h, whose pgd says nothing, so that these look
 * at the entries of the top table. Hash only calls an empty one bad.
 * @see Linux arch/powerpc/include/asm/book3s/64/pgtable.h, `p4d_none`; hash.h, `hash__p4d_bad` (6.12.117)
 */
export function p4dHelpers(env: PpcEnv): P4dHelpers {
  const { kernel, mmu, bits: b } = env;
  const old = b.format !== 'radix';
  const no = (): boolean => false;
  const next = levelLayout(env.layout, levelLayout(env.layout, 'pud').folded ? 'pmd' : 'pud');
  return {
    p4d_none: (entry) => entry === 0n,
    p4d_present: (entry) => (old ? entry !== 0n : (entry & b._PAGE_PRESENT) !== 0n),
    p4d_bad: (entry) => (mmu === 'radix' ? (entry & RADIX_BAD_BITS) !== 0n : entry === 0n),
    p4d_leaf: no,
    ...(!kernel.has('pmd-large-removed') && { p4d_is_leaf: no }),
    p4d_populate: (table) => __p4d(tableEntry(env, table, next.entries)),
  };
}

/**
 * Helpers of p4d entries. They look at the entry with 4 levels too: there the p4d is the top entry, and it is the pgd's
 * helpers that are folded away.
 * @see Linux arch/x86/include/asm/pgtable.h (6.1.192, 6.12.117)
 */
import { __p4d, type Env, type P4dHelpers } from '@ptemu/arch';
import {
  _KERNPG_TABLE,
  _PAGE_NX,
  _PAGE_PRESENT,
  _PAGE_TABLE,
  _PAGE_USER,
  PTE_PFN_MASK,
  x86Bits,
} from './bits.js';

/** Makes the p4d helpers of a build. */
export function p4dHelpers(env: Env): P4dHelpers {
  const b = x86Bits(env);
  const ignored = _KERNPG_TABLE | _PAGE_USER | (env.config['PAGE_TABLE_ISOLATION'] === true ? _PAGE_NX : 0n);
  const never = (): boolean => false;
  return {
    p4d_none: (p4d) => (p4d & ~b._PAGE_KNL_ERRATUM_MASK) === 0n,
    p4d_bad: (p4d) => (p4d & ~PTE_PFN_MASK & ~ignored) !== 0n,
    p4d_present: (p4d) => (p4d & _PAGE_PRESENT) !== 0n,
    // No pages of 512 GiB exist.
    p4d_leaf: never,
    ...(!env.kernel.has('pmd-large-removed') && { p4d_large: never }),
    p4d_populate: (table) => __p4d(table | _PAGE_TABLE),
  };
}

/**
 * Helpers of p4d entries. Folded with up to three tables; with four they look at the root's entry.
 * @see Linux arch/arm64/include/asm/pgtable.h, pgalloc.h (6.1.192, 6.12.117)
 */
import { __p4d, foldedP4d, type P4dHelpers } from '@ptemu/arch';
import { entryAddress } from './address.js';
import { arm64Bits, PMD_TABLE_BIT, PMD_TYPE_MASK, PMD_TYPE_TABLE } from './bits.js';
import { type Arm64Env, pgtableLevels } from './layout.js';

/** Makes the p4d helpers of a build. */
export function p4dHelpers(env: Arm64Env): P4dHelpers {
  if (pgtableLevels(env.geometry) <= 3) return foldedP4d();
  return {
    p4d_none: (p4d) => p4d === 0n,
    p4d_bad: badTable(env),
    p4d_present: (p4d) => p4d !== 0n,
    // Linux makes no blocks of this size.
    p4d_leaf: () => false,
    p4d_populate: (table) => __p4d(populated(env, table)),
  };
}

/** Whether an entry of the upper levels is no table: bit 1 alone said so up to 6.14. */
export const badTable = ({ kernel }: Pick<Arm64Env, 'kernel'>): ((entry: bigint) => boolean) =>
  kernel.has('arm64-type-field')
    ? (entry) => (entry & PMD_TYPE_MASK) !== PMD_TYPE_TABLE
    : (entry) => (entry & PMD_TABLE_BIT) === 0n;

/** The word that links a user table at this physical address. */
export const populated = (env: Arm64Env, table: bigint): bigint =>
  entryAddress(env).__phys_to_pte_val(table) | PMD_TYPE_TABLE | arm64Bits(env).USER_TABLE;

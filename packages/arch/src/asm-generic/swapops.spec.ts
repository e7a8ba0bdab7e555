import { describe, expect, it } from 'vitest';
import type { Env } from '../env.js';
import { kernel } from '../kernel.js';
import type { Layout } from '../layout.js';
import { __pmd, __pte } from '../values.js';
import type { PmdHelpers, PteHelpers } from '../helpers.js';
import { completeSwap, type OwnSwap, type SwapOps, swapPmdHelpers, swapPteHelpers } from './swapops.js';

const ALL: OwnSwap['config'] = {
  DEVICE_PRIVATE: true,
  MEMORY_FAILURE: true,
  PTE_MARKER_UFFD_WP: true,
  ARCH_ENABLE_THP_MIGRATION: true,
};
const NONE: OwnSwap['config'] = {
  DEVICE_PRIVATE: false,
  MEMORY_FAILURE: false,
  PTE_MARKER_UFFD_WP: false,
  ARCH_ENABLE_THP_MIGRATION: false,
};

/** A made-up format: type at bits 2 to 6, offset from bit 8 on; bit 0 present, bit 1 uffd-wp, bit 7 exclusive. */
function swapOf(release: string, own: Partial<OwnSwap> = {}): SwapOps {
  const env: Env = { kernel: kernel(release), config: {}, cpu: {}, layout: {} as Layout };
  const mask = own.bitsPerLong === 32 ? 0xffff_ffffn : 0xffff_ffff_ffff_ffffn;
  return completeSwap(env, {
    __swp_entry: (type, offset) => ((BigInt(type) << 2n) | (offset << 8n)) & mask,
    __swp_type: (entry) => Number((entry >> 2n) & 31n),
    __swp_offset: (entry) => (entry & mask) >> 8n,
    __swp_entry_to_pte: (entry) => __pte(entry),
    __pte_to_swp_entry: (pte) => pte & mask,
    __swp_entry_to_pmd: (entry) => __pmd(entry),
    __pmd_to_swp_entry: (pmd) => pmd & mask,
    SWP_PFN_BITS: 34,
    config: ALL,
    ...own,
  });
}

const pte = {
  pte_none: (v: bigint) => v === 0n,
  pte_present: (v: bigint) => (v & 1n) !== 0n,
  pte_swp_exclusive: (v: bigint) => (v & 0x80n) !== 0n,
  pte_swp_clear_exclusive: (v: bigint) => __pte(v & ~0x80n),
  pte_swp_uffd_wp: (v: bigint) => (v & 2n) !== 0n,
  pte_swp_clear_uffd_wp: (v: bigint) => __pte(v & ~2n),
} as unknown as PteHelpers;
const pmd = { pmd_present: (v: bigint) => (v & 1n) !== 0n } as unknown as PmdHelpers;

describe('arch completeSwap', () => {
  // Expected numbers: constants of the vectors x86_64-4level and -min, 6.1.192 and 6.12.117, and arm-lpae.
  const numbers = (swap: SwapOps): readonly (bigint | undefined)[] =>
    ['MAX_SWAPFILES', 'SWP_HWPOISON', 'SWP_MIGRATION_READ', 'SWP_MIGRATION_WRITE', 'SWP_DEVICE_WRITE', 'SWP_PTE_MARKER', 'SWP_SWAPIN_ERROR'].map(
      (name) => swap.constants[name],
    ); // prettier-ignore

  it('numbers the special types of a full build at 6.1.192', () => {
    expect(numbers(swapOf('6.1.192'))).toEqual([0x16n, 0x16n, 0x17n, 0x19n, 0x1an, 0x1en, 0x1fn]);
  });
  it('numbers the special types of a full build at 6.12.117', () => {
    expect(numbers(swapOf('6.12.117'))).toEqual([0x17n, 0x17n, 0x18n, 0x1an, 0x1bn, 0x1fn, undefined]);
  });
  it('numbers the special types of a small build', () => {
    const small = { ...NONE, MEMORY_FAILURE: true };
    expect(numbers(swapOf('6.12.117', { config: small }))).toEqual([
      0x1bn, 0x1bn, 0x1cn, 0x1en, undefined, 0x1fn, undefined,
    ]); // prettier-ignore
    expect(numbers(swapOf('6.1.192', { config: NONE }))).toEqual([
      0x1cn, undefined, 0x1cn, 0x1en, undefined, undefined, 0x1fn,
    ]); // prettier-ignore
  });
  it('puts the type at bit 26 of a 32-bit long and keeps no young bit there', () => {
    const swap = swapOf('6.12.117', { bitsPerLong: 32, SWP_PFN_BITS: 26, config: NONE });
    expect(swap.make_readable_migration_entry(1n)).toBe(0x7000_0001n);
    expect(swap.make_migration_entry_young(0x7000_0001n)).toBe(0x7000_0001n);
    expect(swap.make_pte_marker_entry?.(2n)).toBe(0x7c00_0002n);
    expect([swap.swp_type(0x7c00_0002n), swap.swp_offset(0x7c00_0002n)]).toEqual([0x1f, 2n]);
  });
  it('keeps young and dirty above the frame of a migration entry where the offset is wide enough', () => {
    const swap = swapOf('6.12.117');
    const young = swap.make_migration_entry_young(swap.make_readable_migration_entry(1n));
    expect(young).toBe(0x6000_0004_0000_0001n);
    expect(swap.make_migration_entry_dirty(young)).toBe(0x6000_000c_0000_0001n);
    expect(swap.swp_offset_pfn(young)).toBe(1n);
  });
  it('knows which special types hold a frame', () => {
    const swap = swapOf('6.12.117');
    const entry = (type: number): bigint => swap.swp_entry(type, 5n);
    const types = [0, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b, 0x1e, 0x1f];
    expect(types.filter((type) => swap.is_pfn_swap_entry(entry(type)))).toEqual(types.slice(2, 8));
    expect(types.filter((type) => swap.is_migration_entry(entry(type)))).toEqual([0x18, 0x19, 0x1a]);
    expect(types.filter((type) => swap.non_swap_entry(entry(type)))).toEqual(types.slice(2));
  });
  it('makes entry 0 of a marker without CONFIG_PTE_MARKER', () => {
    expect(swapOf('6.1.192', { config: NONE }).make_pte_marker_entry?.(1n)).toBe(0n);
    expect('make_hwpoison_entry' in swapOf('6.1.192', { config: NONE })).toBe(false);
  });
  it('answers pmds without THP migration with 0', () => {
    const swap = swapOf('6.12.117', { config: NONE });
    const entry = swap.make_writable_migration_entry(5n);
    expect(swap.swp_entry_to_pmd(entry)).toBe(0n);
    const helpers = swapPmdHelpers(swap, pmd);
    expect(helpers.pmd_to_swp_entry?.(0x574n)).toBe(0n);
    expect(helpers.is_pmd_migration_entry?.(0x574n)).toBe(false);
  });
});

describe('arch swapPteHelpers', () => {
  const swap = swapOf('6.12.117');
  const helpers = swapPteHelpers(swap, pte);
  it('drops the flags of an entry before it reads type and offset', () => {
    const stored = swap.swp_entry_to_pte(swap.swp_entry(3, 0x1234n));
    expect(stored).toBe(0x12340cn);
    expect(helpers.pte_swp_clear_flags?.(stored | 0x82n)).toBe(stored);
    expect(helpers.pte_to_swp_entry?.(stored | 0x82n)).toBe(swap.swp_entry(3, 0x1234n));
  });
  it('knows a marker, and whether it says uffd-wp', () => {
    const marker = (value: bigint): bigint =>
      swap.swp_entry_to_pte(swap.make_pte_marker_entry?.(value) ?? 0n);
    expect([1n, 2n].map((v) => helpers.is_pte_marker?.(marker(v)))).toEqual([true, true]);
    expect([1n, 2n].map((v) => helpers.pte_marker_uffd_wp?.(marker(v)))).toEqual([true, false]);
    expect([0n, 1n].map((v) => helpers.is_pte_marker?.(v))).toEqual([false, false]);
  });
  it('sees uffd-wp of a swap pte and of a marker, and of nothing present', () => {
    const { pte_swp_uffd_wp_any: any } = helpers;
    const marker = swap.swp_entry_to_pte(swap.make_pte_marker_entry?.(1n) ?? 0n);
    expect([any?.(0x12340en), any?.(marker), any?.(0x12340cn), any?.(0x3n)]).toEqual([
      true,
      true,
      false,
      false,
    ]);
    const without = swapPteHelpers(swapOf('6.12.117', { config: NONE }), pte);
    expect(without.pte_swp_uffd_wp_any?.(0x12340en)).toBe(false);
  });
});

describe('arch swapPmdHelpers', () => {
  it('knows a migration entry that is not present', () => {
    const swap = swapOf('6.12.117');
    const helpers = swapPmdHelpers(swap, pmd);
    const migration = swap.swp_entry_to_pmd(swap.make_readable_migration_entry(7n));
    expect(helpers.is_pmd_migration_entry?.(migration)).toBe(true);
    expect(helpers.is_pmd_migration_entry?.(migration | 1n)).toBe(false);
    expect(helpers.is_pmd_migration_entry?.(swap.swp_entry_to_pmd(swap.swp_entry(1, 7n)))).toBe(false);
  });
});

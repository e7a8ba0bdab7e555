/**
 * Where a physical address lies in an entry. 48-bit addresses lie where they are; of 52-bit addresses the top bits lie
 * low: 51:50 in 9:8 with LPA2, 51:48 in 15:12 with 64k pages.
 *
 * Since 6.12 the low part reaches bit 49 with every granule, so with 64k pages and 52 bits the kernel puts bits 49:48 in
 * both places; the walker looks at the low ones only.
 * @see Linux arch/arm64/include/asm/pgtable.h, `__pte_to_phys`, `__phys_to_pte_val` (6.1.192, 6.12.117)
 * @see Arm ARM DDI 0487J.a, D8.3, Translation table descriptor formats
 */
import { bits, __pfn, type Pfn } from '@ptemu/arch';
import { arm64Bits } from './bits.js';
import { type Arm64Env, pageShift } from './layout.js';

/** The two directions, and what the levels make of them. */
export interface EntryAddress {
  readonly __pte_to_phys: (entry: bigint) => bigint;
  readonly __phys_to_pte_val: (phys: bigint) => bigint;
  /** Frame of a leaf that covers `2^shift` bytes. */
  readonly pfnOf: (entry: bigint, shift: number) => Pfn;
  /** Address bits of an entry for the frame. */
  readonly ofPfn: (pfn: bigint | number) => bigint;
}

/** Makes the conversions of a build. */
export function entryAddress(env: Pick<Arm64Env, 'kernel' | 'config' | 'geometry'>): EntryAddress {
  const { PTE_ADDR_LOW, PTE_ADDR_HIGH, PTE_ADDR_HIGH_SHIFT } = arm64Bits(env);
  const { geometry } = env;
  const shift = BigInt(pageShift(geometry));
  const inEntry = geometry.lpa2 ? bits(8, 49) : PTE_ADDR_LOW | PTE_ADDR_HIGH;
  const __pte_to_phys = (entry: bigint): bigint =>
    (entry & PTE_ADDR_LOW) | ((entry & PTE_ADDR_HIGH) << PTE_ADDR_HIGH_SHIFT);
  const __phys_to_pte_val = (phys: bigint): bigint =>
    geometry.paBits === 48 ? phys : (phys | (phys >> PTE_ADDR_HIGH_SHIFT)) & inEntry;
  return {
    __pte_to_phys,
    __phys_to_pte_val,
    pfnOf: (entry, size) => __pfn((__pte_to_phys(entry) & -(1n << BigInt(size))) >> shift),
    ofPfn: (pfn) => __phys_to_pte_val(BigInt(pfn) << shift),
  };
}

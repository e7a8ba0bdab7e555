/**
 * L1TF: an entry that is not present and not empty stores its frame inverted, so that the processor cannot speculate
 * on the cached memory that the frame bits would name. Empty entries are exempt.
 * @see Linux arch/x86/include/asm/pgtable-invert.h (6.12.117)
 */
import type { Kernel } from '@ptemu/arch';
import { _PAGE_PRESENT } from './bits.js';

/** The inversion of one kernel: before the fix, none. */
export interface Invert {
  /** Tests whether the frame bits of this value are stored inverted. */
  readonly __pte_needs_invert: (value: bigint) => boolean;
  /** Value with the frame bits (`mask`) as a frame: XORed back where they are inverted. */
  readonly frame: (value: bigint, mask: bigint) => bigint;
  /** Inverts the frame bits where the property changed between `old` and `value`. */
  readonly flip_protnone_guard: (old: bigint, value: bigint, mask: bigint) => bigint;
}

/** The inversion that this kernel does. */
export function inversion(kernel: Kernel): Invert {
  const on = kernel.has('6b28baca9b1f');
  const __pte_needs_invert = (value: bigint): boolean => on && value !== 0n && (value & _PAGE_PRESENT) === 0n;
  return {
    __pte_needs_invert,
    frame: (value, mask) => (__pte_needs_invert(value) ? ~value & mask : value & mask),
    flip_protnone_guard: (old, value, mask) =>
      __pte_needs_invert(old) === __pte_needs_invert(value) ? value : value ^ mask,
  };
}

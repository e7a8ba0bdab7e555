/**
 * From 6.12 on an entry with RW=0 and D=1 is a shadow stack. So the kernel keeps the dirty state of an entry that may
 * not be written in the software bit SAVED_DIRTY, and moves it back when the entry becomes writable.
 * @see Linux arch/x86/include/asm/pgtable.h, `mksaveddirty_shift`, `clear_saveddirty_shift` (6.12.117)
 */
import type { Kernel } from '@ptemu/arch';
import { _PAGE_DIRTY, _PAGE_RW } from './bits.js';

const SAVED_DIRTY = 1n << 58n;

/** The two moves; both leave the value alone in kernels without SAVED_DIRTY. */
export interface SavedDirty {
  /** RW=0: D moves to SAVED_DIRTY. */
  readonly mksaveddirty: (value: bigint) => bigint;
  /** RW=1: SAVED_DIRTY moves to D. */
  readonly clear_saveddirty: (value: bigint) => bigint;
  /** What `pXX_modify` does last: the first move if the old entry was writable, else the second. */
  readonly afterModify: (old: bigint, value: bigint) => bigint;
}

/** The moves that this kernel does. */
export function savedDirty(kernel: Kernel): SavedDirty {
  if (!kernel.has('x86-saved-dirty')) {
    const same = (value: bigint): bigint => value;
    return { mksaveddirty: same, clear_saveddirty: same, afterModify: (_old, value) => value };
  }
  const mksaveddirty = (value: bigint): bigint =>
    (value & (_PAGE_RW | _PAGE_DIRTY)) === _PAGE_DIRTY ? (value & ~_PAGE_DIRTY) | SAVED_DIRTY : value;
  const clear_saveddirty = (value: bigint): bigint =>
    (value & _PAGE_RW) !== 0n && (value & SAVED_DIRTY) !== 0n ? (value & ~SAVED_DIRTY) | _PAGE_DIRTY : value;
  return {
    mksaveddirty,
    clear_saveddirty,
    afterModify: (old, value) => ((old & _PAGE_RW) !== 0n ? mksaveddirty(value) : clear_saveddirty(value)),
  };
}

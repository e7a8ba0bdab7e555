/**
 * The root registers TTBR0 and TTBR1, and what TTBCR says of them.
 *
 * `switch_mm` loads the new pgd and the mm's ASID in one write to TTBR0; TTBR1 and TTBCR are set up once at boot. With the
 * 3G/1G split, and RAM below PAGE_OFFSET, TTBR1 points behind the pgd and the first three pmd tables of swapper: at the pmd
 * table of the top gigabyte, because a walk of a 1 GiB space starts at the second level.
 *
 * @see Linux arch/arm/mm/proc-v7-3level.S, `cpu_v7_switch_mm`, `v7_ttb_setup`; arch/arm/include/asm/pgtable-3level-hwdef.h,
 *   `TTBR1_OFFSET`, `TTBR1_SIZE` (6.12.117)
 * @see Arm Architecture Reference Manual ARMv7-A (DDI 0406C), B3.6.4 (selecting between TTBR0 and TTBR1), B4.1.153 and following
 */
import { __paddr, __vaddr, bits, type Paddr, type Vaddr } from '@ptemu/arch';

/** Address field of a root register; the pgd of 32 bytes is aligned to 32. @see ARMv7-A ARM (DDI 0406C), B4.1.154 */
export const TTBR_BADDR: bigint = bits(5, 39);
/** ASID field. @see ARMv7-A ARM (DDI 0406C), B4.1.154 */
export const TTBR_ASID: bigint = bits(48, 55);

/** Value of TTBR0 for a process. */
export const ttbr0Of = (root: Paddr, options: { readonly asid?: number } = {}): bigint =>
  (root & TTBR_BADDR) | ((BigInt(options.asid ?? 0) << 48n) & TTBR_ASID);

/** Table that a value of TTBR0 or TTBR1 points to. */
export const rootOf = (ttbr: bigint): Paddr => __paddr(ttbr & TTBR_BADDR);

/** ASID in a value of TTBR0. */
export const asidOf = (ttbr0: bigint): number => Number((ttbr0 & TTBR_ASID) >> 48n);

/** One root: which addresses it translates, and how many levels its walk has (`mmuOf({ levels })`). */
export interface Arm32Root {
  readonly root: Paddr;
  readonly start: Vaddr;
  /** Exclusive. */
  readonly end: Vaddr;
  readonly levels: number;
}

const SPACE = 1n << 32n;

/**
 * The roots that the three registers describe; without `kernel`, TTBR0 translates everything.
 *
 * @see ARMv7-A ARM (DDI 0406C), B3.6.4: T0SZ and T1SZ say how many top bits must be zero and one
 */
export function rootsOf(registers: {
  readonly ttbr0: bigint;
  readonly ttbr1: bigint;
  readonly ttbcr: bigint;
}): {
  readonly user: Arm32Root;
  readonly kernel?: Arm32Root;
} {
  const t0sz = registers.ttbcr & 7n;
  const t1sz = (registers.ttbcr >> 16n) & 7n;
  const kernelStart = t1sz !== 0n ? SPACE - (SPACE >> t1sz) : t0sz !== 0n ? SPACE >> t0sz : SPACE;
  const userEnd = t0sz !== 0n ? SPACE >> t0sz : kernelStart;
  const user: Arm32Root = {
    root: rootOf(registers.ttbr0),
    start: __vaddr(0n),
    end: __vaddr(userEnd),
    levels: levelsOf(t0sz),
  };
  if (kernelStart === SPACE) return { user };
  const kernel: Arm32Root = {
    root: rootOf(registers.ttbr1),
    start: __vaddr(kernelStart),
    end: __vaddr(SPACE),
    levels: levelsOf(t1sz),
  };
  return { user, kernel };
}

/** A space of at most 1 GiB needs no first level. */
const levelsOf = (sz: bigint): number => (sz >= 2n ? 2 : 3);

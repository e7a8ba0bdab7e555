/**
 * The root registers: TTBR0_EL1 holds the root of the addresses below `TASK_SIZE`, TTBR1_EL1 that of the kernel half.
 *
 * An address space gets an ASID when it is first run and keeps it until the numbers are used up; then a new generation
 * begins, with one invalidation of everything. So switching to an mm flushes nothing. Linux keeps the ASID in TTBR1
 * (TCR_EL1.A1), here it is an operand of either.
 * @see Linux arch/arm64/mm/context.c, `check_and_switch_context`, `cpu_do_switch_mm`; arch/arm64/include/asm/pgtable.h, `phys_to_ttbr`
 *   (6.12.117); Arm ARM DDI 0487J.a, D19.2.152, TTBR0_EL1
 */
import { __paddr, bit, bits, type Paddr } from '@ptemu/arch';
import type { Arm64Geometry } from './layout.js';

/** Common not private: CPUs with the same root may share TLB entries. */
export const TTBR_CNP_BIT: bigint = bit(0);
/** `TTBR_ASID_MASK`. */
export const TTBR_ASID_MASK: bigint = bits(48, 63);
/** `TTBR_BADDR_MASK_52`: with 52-bit addresses the root is aligned to 64 bytes, and its bits 51:48 lie in 5:2. */
export const TTBR_BADDR_MASK_52: bigint = bits(2, 47);

/** Value that loads a root. */
export function ttbrOf(
  { paBits }: Pick<Arm64Geometry, 'paBits'>,
  root: Paddr,
  options: { readonly asid?: number; readonly cnp?: boolean } = {},
): bigint {
  const baddr = paBits === 52 ? (root | (root >> 46n)) & TTBR_BADDR_MASK_52 : root;
  return baddr | (BigInt(options.asid ?? 0) << 48n) | (options.cnp === true ? TTBR_CNP_BIT : 0n);
}

/** Root that a value points to. */
export function rootOf({ paBits }: Pick<Arm64Geometry, 'paBits'>, ttbr: bigint): Paddr {
  if (paBits === 48) return __paddr(ttbr & bits(1, 47));
  return __paddr((ttbr & bits(6, 47)) | ((ttbr & bits(2, 5)) << 46n));
}

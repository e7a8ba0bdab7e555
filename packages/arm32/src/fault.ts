/**
 * The fault status register in the long-descriptor format (DFSR and IFSR).
 * @see Arm Architecture Reference Manual ARMv7-A (DDI 0406C), B3.13 (fault reporting), B4.1.52 (DFSR); Linux
 *   arch/arm/mm/fault.h, arch/arm/mm/fsr-3level.c (6.12.117)
 */

/** The access was a write (DFSR only). @see Linux arch/arm/mm/fault.h, `FSR_WRITE` (6.12.117) */
export const FSR_WRITE: number = 1 << 11;
/** The long-descriptor format is in use. @see ARMv7-A ARM (DDI 0406C), B4.1.52 */
export const FSR_LPAE: number = 1 << 9;
/** Linux's own mark of an instruction fetch; the hardware has a register of its own for it. @see Linux arch/arm/mm/fault.h, `FSR_LNX_PF` (6.12.117) */
export const FSR_LNX_PF: number = 0x8000_0000;
/** The status field of the long format. @see Linux arch/arm/mm/fault.h, `FSR_FS5_0` (6.12.117) */
export const FSR_FS5_0: number = 0x3f;

/** Status of a translation fault; the two low bits are the level. */
const TRANSLATION = 0b000100;
/** Status of an access flag fault. */
const ACCESS_FLAG = 0b001000;
/** Status of a permission fault. */
const PERMISSION = 0b001100;
/** Status of a TLB conflict abort: two entries match one address. */
const TLB_CONFLICT = 0b110000;

/** A fault as generic code speaks of it. The mode stands in the saved processor state, not in the register. */
export type Arm32Fault =
  | {
      readonly cause: 'not-present' | 'accessed' | 'permission';
      readonly level: 'pgd' | 'pmd' | 'pte';
      readonly access: 'read' | 'write' | 'exec';
    }
  | { readonly cause: 'conflict'; readonly access: 'read' | 'write' | 'exec' };

const LEVEL_NUMBERS = { pgd: 1, pmd: 2, pte: 3 } as const;
const LEVELS = [undefined, 'pgd', 'pmd', 'pte'] as const;
const STATUS = { 'not-present': TRANSLATION, accessed: ACCESS_FLAG, permission: PERMISSION } as const;

/** The fault status of a fault, as Linux's handlers get it. */
export function fsrOf(fault: Arm32Fault): number {
  const status = fault.cause === 'conflict' ? TLB_CONFLICT : STATUS[fault.cause] | LEVEL_NUMBERS[fault.level];
  const how = fault.access === 'write' ? FSR_WRITE : fault.access === 'exec' ? FSR_LNX_PF : 0;
  return (status | FSR_LPAE | how) >>> 0;
}

/** The fault that a status tells of; undefined for aborts that no table entry causes. */
export function faultOf(fsr: number): Arm32Fault | undefined {
  const access = (fsr & FSR_LNX_PF) !== 0 ? 'exec' : (fsr & FSR_WRITE) !== 0 ? 'write' : 'read';
  const status = fsr & FSR_FS5_0;
  if (status === TLB_CONFLICT) return { cause: 'conflict', access };
  const level = LEVELS[status & 3];
  if (level === undefined) return undefined;
  for (const cause of ['not-present', 'accessed', 'permission'] as const) {
    if ((status & ~3) === STATUS[cause]) return { cause, level, access };
  }
  return undefined;
}

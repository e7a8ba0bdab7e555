/**
 * The syndrome register ESR_EL1 of an abort.
 *
 * The exception class says whether an instruction fetch or a data access was aborted and from which mode; the fault status
 * code says why, and at which of the architecture's levels the walk ended.
 * @see Arm ARM DDI 0487J.a, D19.2.37, ESR_EL1; Linux arch/arm64/include/asm/esr.h; arch/arm64/mm/fault.c, `fault_info`
 *   (6.12.117)
 */
import { ArchError, type Level } from '@ptemu/arch';
import { type Arm64Geometry, pgtableLevels } from './layout.js';

/** Exception class: an instruction abort from user mode. */
export const ESR_ELx_EC_IABT_LOW = 0x20;
/** From kernel mode. */
export const ESR_ELx_EC_IABT_CUR = 0x21;
/** Exception class: a data abort from user mode. */
export const ESR_ELx_EC_DABT_LOW = 0x24;
/** From kernel mode. */
export const ESR_ELx_EC_DABT_CUR = 0x25;
/** Position of the exception class. */
export const ESR_ELx_EC_SHIFT = 26;
/** Set for a write. */
export const ESR_ELx_WNR: number = 1 << 6;
/** Fault status code. */
export const ESR_ELx_FSC = 0x3f;

/** A fault as generic code speaks of it. */
export interface Arm64Fault {
  /** `access-flag`: the page is old and software keeps the state. `address-size`: the entry points too high. */
  readonly cause: 'not-present' | 'access-flag' | 'permission' | 'address-size' | 'tlb-conflict';
  /** Where the walk ended; a TLB conflict has no level. */
  readonly level?: Level;
  readonly access: 'read' | 'write' | 'exec';
  readonly mode: 'user' | 'kernel';
}

const CODES: Readonly<Record<Exclude<Arm64Fault['cause'], 'tlb-conflict'>, number>> = {
  'address-size': 0x00,
  'not-present': 0x04,
  'access-flag': 0x08,
  permission: 0x0c,
};
/** Codes of level -1, which came with LPA2. Access flag and permission faults end at a leaf, and there is none. */
const MINUS_ONE = { 'address-size': 0x29, 'not-present': 0x2b } as const;
const TLB_CONFLICT = 0x30;

/** The architecture's number of a level: the pgd's depends on how many tables there are. */
const numberOf = (geometry: Arm64Geometry, level: Level): number =>
  level === 'pgd' ? 4 - pgtableLevels(geometry) : { p4d: 0, pud: 1, pmd: 2, pte: 3 }[level];

/**
 * The syndrome that the processor reports for a fault.
 * @throws ArchError `BAD_ARGUMENT` for a fault without a level, or one that its level cannot have.
 */
export function esrOf(geometry: Arm64Geometry, fault: Arm64Fault): number {
  const fetch = fault.access === 'exec';
  const low = fetch ? ESR_ELx_EC_IABT_LOW : ESR_ELx_EC_DABT_LOW;
  const ec = fault.mode === 'user' ? low : low + 1;
  const wnr = fault.access === 'write' ? ESR_ELx_WNR : 0;
  // * 2^26, since a shift would make bit 31 the sign.
  return ec * 2 ** ESR_ELx_EC_SHIFT + wnr + statusOf(geometry, fault);
}

function statusOf(geometry: Arm64Geometry, { cause, level }: Arm64Fault): number {
  if (cause === 'tlb-conflict') return TLB_CONFLICT;
  const n = level === undefined ? undefined : numberOf(geometry, level);
  const code =
    n === -1
      ? (MINUS_ONE as Readonly<Partial<Record<string, number>>>)[cause]
      : n === undefined
        ? undefined
        : CODES[cause] + n;
  if (code === undefined) {
    throw new ArchError('BAD_ARGUMENT', `no ${cause} fault ends at level ${level ?? 'undefined'}`, {
      cause,
      level,
    });
  }
  return code;
}

/** The fault that a syndrome tells of; undefined where it is no translation fault. */
export function faultOf(geometry: Arm64Geometry, esr: number): Arm64Fault | undefined {
  const ec = Math.floor(esr / 2 ** ESR_ELx_EC_SHIFT);
  const fetch = ec === ESR_ELx_EC_IABT_LOW || ec === ESR_ELx_EC_IABT_CUR;
  if (!fetch && ec !== ESR_ELx_EC_DABT_LOW && ec !== ESR_ELx_EC_DABT_CUR) return undefined;
  const fsc = esr & ESR_ELx_FSC;
  const how = {
    access: fetch ? 'exec' : (esr & ESR_ELx_WNR) !== 0 ? 'write' : 'read',
    mode: (ec & 1) === 0 ? 'user' : 'kernel',
  } as const;
  if (fsc === TLB_CONFLICT) return { cause: 'tlb-conflict', ...how };
  const levels: readonly Level[] = ['pgd', 'p4d', 'pud', 'pmd', 'pte'];
  const causes = ['not-present', 'access-flag', 'permission', 'address-size'] as const;
  for (const cause of causes) {
    const level = levels.find((name) => {
      const n = numberOf(geometry, name);
      return (
        fsc === (n >= 0 ? CODES[cause] + n : (MINUS_ONE as Readonly<Partial<Record<string, number>>>)[cause])
      );
    });
    if (level !== undefined) return { cause, level, ...how };
  }
  return undefined;
}

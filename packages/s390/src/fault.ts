/**
 * Program interruptions of address translation and generic faults.
 *
 * The hardware says which table the walk ended in by the interruption code; the translation-exception identification
 * (TEID) has the page address, whether it was a fetch or a store, and, for a protection exception, whether
 * no-execute was the reason. Linux does not look at the table: all of codes 0x10, 0x11 and 0x38 to 0x3b go the same way.
 *
 * @see Linux arch/s390/mm/fault.c, `do_protection_exception`, `do_dat_exception`; asm/fault.h (6.12.117);
 *   z/Architecture Principles of Operation, "Program Interruption"
 */
import { type Level, type Vaddr, __vaddr, bits, ibmBit } from '@ptemu/arch';

/** A fault as generic code speaks of it; `non-canonical`: the address is beyond what the ASCE describes. */
export interface S390Fault {
  readonly cause: 'not-present' | 'permission' | 'reserved' | 'non-canonical';
  /** The level at which the walk ended; absent where the code does not say. */
  readonly level?: Level;
  readonly address: Vaddr;
  readonly access: 'read' | 'write' | 'exec';
}

/** What the hardware stores. */
export interface Syndrome {
  /** Program-interruption code. */
  readonly code: number;
  /** Translation-exception identification. */
  readonly teid: bigint;
}

/** Program-interruption codes. @see z/Architecture Principles of Operation, "Program-Interruption Codes" */
export const PGM: {
  readonly PROTECTION: number;
  readonly SEGMENT_TRANSLATION: number;
  readonly PAGE_TRANSLATION: number;
  readonly TRANSLATION_SPECIFICATION: number;
  readonly ASCE_TYPE: number;
  readonly REGION_FIRST_TRANSLATION: number;
  readonly REGION_SECOND_TRANSLATION: number;
  readonly REGION_THIRD_TRANSLATION: number;
} = {
  PROTECTION: 0x04,
  SEGMENT_TRANSLATION: 0x10,
  PAGE_TRANSLATION: 0x11,
  TRANSLATION_SPECIFICATION: 0x12,
  ASCE_TYPE: 0x38,
  REGION_FIRST_TRANSLATION: 0x39,
  REGION_SECOND_TRANSLATION: 0x3a,
  REGION_THIRD_TRANSLATION: 0x3b,
};

const NOT_PRESENT: Readonly<Record<Level, number>> = {
  pgd: PGM.REGION_FIRST_TRANSLATION,
  p4d: PGM.REGION_SECOND_TRANSLATION,
  pud: PGM.REGION_THIRD_TRANSLATION,
  pmd: PGM.SEGMENT_TRANSLATION,
  pte: PGM.PAGE_TRANSLATION,
};

/** Store (fsi = 1), fetch (fsi = 2): bits 52 and 53. @see Linux arch/s390/include/asm/fault.h (6.12.117) */
const FSI_STORE = ibmBit(53);
const FSI_FETCH = ibmBit(52);
/** The protection was no-execute (bit 56). */
const TEID_NOEXEC = ibmBit(56);
/** The address is valid (bit 61); 0 means low-address protection. */
const TEID_ADDRESS_VALID = ibmBit(61);
const ADDRESS = bits(12, 63);

/** What the hardware would store for a fault. Level names are those of five-level kernels. */
export function syndromeOf(fault: S390Fault): Syndrome {
  const address = fault.address & ADDRESS;
  const fsi = fault.access === 'write' ? FSI_STORE : FSI_FETCH;
  switch (fault.cause) {
    case 'permission': {
      const noexec = fault.access === 'exec' ? TEID_NOEXEC : 0n;
      return { code: PGM.PROTECTION, teid: address | fsi | noexec | TEID_ADDRESS_VALID };
    }
    case 'reserved':
      return { code: PGM.TRANSLATION_SPECIFICATION, teid: 0n };
    case 'non-canonical':
      return { code: PGM.ASCE_TYPE, teid: address | fsi };
    default:
      return { code: NOT_PRESENT[fault.level ?? 'pte'], teid: address | fsi };
  }
}

/** The generic fault of a program interruption; undefined for codes that are no translation faults. */
export function faultOf({ code, teid }: Syndrome): S390Fault | undefined {
  const address = __vaddr(teid & ADDRESS);
  const data = (teid & FSI_STORE) !== 0n ? 'write' : 'read';
  if (code === PGM.PROTECTION) {
    const noexec = (teid & TEID_NOEXEC) !== 0n;
    return { cause: 'permission', address, access: noexec ? 'exec' : 'write' };
  }
  if (code === PGM.TRANSLATION_SPECIFICATION) return { cause: 'reserved', address, access: 'read' };
  if (code === PGM.ASCE_TYPE) return { cause: 'non-canonical', address, access: data };
  const level = (Object.keys(NOT_PRESENT) as Level[]).find((name) => NOT_PRESENT[name] === code);
  return level === undefined ? undefined : { cause: 'not-present', level, address, access: data };
}

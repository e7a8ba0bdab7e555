/**
 * DSISR of a data storage interrupt; SRR1 of an instruction storage interrupt has the same bits at the same places.
 *
 * Hash reports a miss of the hash table as NOHPTE, which the low-level handler tries to resolve before Linux's page fault sees
 * it. Radix reports a walk that ended in an invalid entry with the same bit, and R or C to be recorded as SET_RC.
 *
 * @see Power ISA 3.0B Book III, 6.5.3 and 6.5.5; Linux arch/powerpc/include/asm/reg.h, `DSISR_NOHPTE` (6.12.117)
 */

/** No translation found. */
export const DSISR_NOHPTE = 0x4000_0000;
/** The entry forbids the access. */
export const DSISR_PROTFAULT = 0x0800_0000;
/** The access was a store. */
export const DSISR_ISSTORE = 0x0200_0000;
/** A storage key forbids the access. */
export const DSISR_KEYFAULT = 0x0020_0000;
/** The tables have an unsupported configuration (POWER9). */
export const DSISR_UNSUPP_MMU = 0x0008_0000;
/** R or C could not be recorded (POWER9). */
export const DSISR_SET_RC = 0x0004_0000;
/** SRR1 only: the page is no-execute or guarded. @see Linux arch/powerpc/include/asm/reg.h, `SRR1_ISI_N_G_OR_CIP` (6.12.117) */
export const SRR1_ISI_N_G_OR_CIP = 0x1000_0000;

/** A fault as generic code speaks of it. */
export interface PpcFault {
  readonly cause: 'not-present' | 'permission' | 'reserved' | 'accessed' | 'dirty';
  readonly access: 'read' | 'write' | 'exec';
}

/** The syndrome of a fault: DSISR, or SRR1's part for an instruction fetch. */
export function dsisrOf({ cause, access }: PpcFault): number {
  const store = access === 'write' ? DSISR_ISSTORE : 0;
  switch (cause) {
    case 'not-present':
      return DSISR_NOHPTE | store;
    case 'permission':
      return access === 'exec' ? SRR1_ISI_N_G_OR_CIP : DSISR_PROTFAULT | store;
    case 'reserved':
      return DSISR_UNSUPP_MMU | store;
    default:
      return DSISR_SET_RC | store;
  }
}

/**
 * The fault that a syndrome tells of; undefined for causes that no table entry has, storage keys among them. `instruction`: it is that of a fetch.
 * SET_RC does not say which of R and C: a store is taken to miss C.
 */
export function faultOf(
  dsisr: number,
  options: { readonly instruction?: boolean } = {},
): PpcFault | undefined {
  const has = (mask: number): boolean => (dsisr & mask) !== 0;
  const access = options.instruction === true ? 'exec' : has(DSISR_ISSTORE) ? 'write' : 'read';
  if (has(DSISR_NOHPTE)) return { cause: 'not-present', access };
  if (has(DSISR_PROTFAULT) || has(SRR1_ISI_N_G_OR_CIP)) return { cause: 'permission', access };
  if (has(DSISR_UNSUPP_MMU)) return { cause: 'reserved', access };
  if (has(DSISR_SET_RC)) return { cause: access === 'write' ? 'dirty' : 'accessed', access };
  return undefined;
}

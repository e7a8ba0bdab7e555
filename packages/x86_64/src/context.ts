/**
 * The root register CR3.
 *
 * Linux from 4.14 on gives each CPU six PCIDs (`TLB_NR_DYN_ASIDS`) and a per-mm generation counter: a CPU that comes
 * back to an mm reuses its entries when the generation did not move, and flushes when it did. Loading CR3 with bit 63 set keeps
 * the entries of the new PCID.
 * @see Intel SDM vol. 3A, 2.5 (control registers), 5.10.1 (process-context identifiers); Linux arch/x86/mm/tlb.c (6.12.117)
 */
import { __paddr, bits, type Paddr } from '@ptemu/arch';

/** Physical address of the top table. */
export const CR3_ADDR_MASK: bigint = bits(12, 51);
/** Process-context identifier, when CR4.PCIDE is set. */
export const CR3_PCID_MASK: bigint = bits(0, 11);
/** Set: entries tagged with the new PCID are kept. */
export const CR3_NOFLUSH: bigint = 1n << 63n;

/** Value that loads a root. `noflush` keeps what the TLB has under this PCID. */
export function cr3Of(
  root: Paddr,
  options: { readonly pcid?: number; readonly noflush?: boolean } = {},
): bigint {
  return (
    (root & CR3_ADDR_MASK) |
    (BigInt(options.pcid ?? 0) & CR3_PCID_MASK) |
    (options.noflush === true ? CR3_NOFLUSH : 0n)
  );
}

/** Top table that a value of CR3 points to. */
export const rootOf = (cr3: bigint): Paddr => __paddr(cr3 & CR3_ADDR_MASK);

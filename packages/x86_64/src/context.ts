/**
 * The root register CR3.
 *
 * Linux from 4.14 on gives each CPU six PCIDs (`TLB_NR_DYN_ASIDS`) and a per-mm generation counter: a CPU that comes
 * back to an mm reuses its entries when the generation did not move, and flushes when it did. Loading CR3 with bit 63 set keeps
 * the entries of the new PCID.
 * @see Intel SDM vol. 3A, 2.5 (control registers), 5.10.1 (process-context identifiers); Linux arch/x86/mm/tlb.c (6.12.117)
 */
import { __paddr, bits, type Kernel, type Paddr, type Sequences, type Steps } from '@ptemu/arch';

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

/** PCIDs that a CPU uses in turn. @see Linux arch/x86/include/asm/tlbflush.h, `TLB_NR_DYN_ASIDS` (6.12.117); fact sheet 6.3 */
export const TLB_NR_DYN_ASIDS = 6;

/** Names of the cells of a CPU: the mm that a PCID stands for, and the PCID that is given out next. */
const ctxCell = (asid: number): string => `this_cpu.cpu_tlbstate.ctxs[${asid}].ctx_id`;
const NEXT_ASID_CELL = 'this_cpu.cpu_tlbstate.next_asid';

/**
 * Switches the CPU to another mm. Up to 4.13 the load of CR3 drops all that is not global. From 4.14 on a CPU that still has a PCID
 * for the mm keeps its entries, unless it has missed a flush of it; else the next PCID in turn is taken from the mm that had it.
 * A CPU that comes back to its own mm from lazy mode only has to catch up, if that.
 * @see Linux arch/x86/mm/tlb.c, `switch_mm_irqs_off`, `choose_new_asid` (6.12.117); fact sheet 6.3
 */
export function switchMm(kernel: Kernel): NonNullable<Sequences['switch_mm_irqs_off']> {
  return function* (cpu, prev, next, { behind }): Steps<void> {
    const c = cpu.in('switch_mm_irqs_off');
    if (prev?.id === next.id) {
      if (behind) yield* c.invalidate({ instruction: 'MOV to CR3', mm: next });
      return;
    }
    if (prev !== undefined) yield* c.leaveMask?.(prev) ?? nothing();
    if (!kernel.has('x86-pcid')) {
      yield* c.invalidate({ instruction: 'MOV to CR3', mm: prev ?? next });
      return;
    }
    for (let asid = 0; asid < TLB_NR_DYN_ASIDS; asid++) {
      if ((yield* c.read(ctxCell(asid))) !== next.id) continue;
      yield* c.invalidate({ instruction: behind ? 'MOV to CR3' : 'MOV to CR3 NOFLUSH', mm: next });
      return;
    }
    const asid = Number((yield* c.read(NEXT_ASID_CELL)) ?? 0);
    const had = yield* c.read(ctxCell(asid));
    yield* c.write(NEXT_ASID_CELL, (asid + 1) % TLB_NR_DYN_ASIDS);
    yield* c.write(ctxCell(asid), next.id);
    yield* c.invalidate({ instruction: 'MOV to CR3', mm: typeof had === 'string' ? { id: had } : next });
  };
}

function* nothing(): Steps<void> {}

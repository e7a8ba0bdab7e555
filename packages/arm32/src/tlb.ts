/**
 * What the flushes invalidate.
 *
 * SMP kernels on ARMv7 broadcast within the inner-shareable domain: no IPI, and no CPU mask is asked. A range is
 * invalidated page by page, whatever its length and whatever the size of its entries: a huge pmd costs 512 operations
 * (fact sheet 4.4). Nothing has completed before the closing DSB; so the loop is one step here, a range of TLBIMVAIS:
 * between its operations only more could still be cached, never less than after the DSB.
 *
 * @see Linux arch/arm/mm/tlb-v7.S, `v7wbi_flush_user_tlb_range`; arch/arm/include/asm/tlbflush.h; arch/arm/kernel/smp_tlb.c (6.1.192, 6.12.117)
 */
import {
  type Cpu,
  type FlushRange,
  type Invalidation,
  type InvalidationInstruction,
  type KernelConfig,
  type Sequences,
  type Steps,
  type TlbDescription,
} from '@ptemu/arch';
import { PAGE_SHIFT } from './layout.js';

const MANUAL =
  'ARMv7-A ARM (DDI 0406C), B3.10 (TLB maintenance requirements) and B4.2.2 (TLB maintenance operations)';

const broadcast = (
  name: string,
  row: Pick<InvalidationInstruction, 'drops' | 'dropsGlobal'>,
): InvalidationInstruction => ({
  name,
  ...row,
  reach: 'broadcast',
  dropsWalkCache: true,
  completes: 'barrier',
  source: MANUAL,
});

/**
 * The operations of an SMP kernel. An operation by address drops global entries of that address too, and the walk-cache
 * entries that lead to it; none is done before a DSB.
 *
 * @see ARMv7-A ARM (DDI 0406C), B4.2.2
 */
export function tlbDescription(): TlbDescription {
  return {
    tag: 'ASID',
    instructions: {
      TLBIMVAIS: broadcast('TLBIMVAIS', { drops: 'address', dropsGlobal: true }),
      TLBIMVAAIS: broadcast('TLBIMVAAIS', { drops: 'address', dropsGlobal: true }),
      TLBIASIDIS: broadcast('TLBIASIDIS', { drops: 'mm', dropsGlobal: false }),
      TLBIALLIS: broadcast('TLBIALLIS', { drops: 'all', dropsGlobal: true }),
    },
    remote: 'broadcast',
    flushIsIpi: false,
  };
}

type Flushes = Pick<Sequences, 'flush_tlb_page' | 'flush_tlb_range' | 'flush_tlb_mm' | 'tlb_flush'>;

/**
 * The flushes: a barrier that makes the table stores visible to walkers, the operations, and the DSB that waits for them.
 *
 * Under CONFIG_ARM_ERRATA_720789 operations by address and ASID may miss, so they are made by address for all ASIDs, and
 * the whole TLB goes instead of one ASID.
 */
export function flushes(config: KernelConfig): Flushes {
  const erratum = config['ARM_ERRATA_720789'] === true;
  const byAddress = erratum ? 'TLBIMVAAIS' : 'TLBIMVAIS';

  function* flush(cpu: Cpu, fn: string, what: Invalidation): Steps<void> {
    const c = cpu.in(fn);
    yield* c.barrier('dsb(ishst)');
    yield* c.invalidate(what);
    yield* c.complete();
  }

  const flush_tlb_range = (cpu: Cpu, mm: Invalidation['mm'], { start, end }: FlushRange): Steps<void> =>
    flush(cpu, 'flush_tlb_range', {
      instruction: byAddress,
      ...(mm && { mm }),
      start,
      end,
      count: Number((end - start) >> BigInt(PAGE_SHIFT)),
    });
  const flush_tlb_mm = (cpu: Cpu, mm: Invalidation['mm']): Steps<void> =>
    flush(cpu, 'flush_tlb_mm', { instruction: erratum ? 'TLBIALLIS' : 'TLBIASIDIS', ...(mm && { mm }) });

  return {
    flush_tlb_page: (cpu, vma, address) =>
      flush(cpu, 'flush_tlb_page', { instruction: byAddress, mm: vma.vm_mm, start: address }),
    flush_tlb_range: (cpu, vma, range) => flush_tlb_range(cpu, vma.vm_mm, range),
    flush_tlb_mm: (cpu, mm) => flush_tlb_mm(cpu, mm),
    // Freed tables need no more than freed pages: operations by address drop what leads to it.
    tlb_flush: (cpu, mm, range, { full }) => (full ? flush_tlb_mm(cpu, mm) : flush_tlb_range(cpu, mm, range)),
  };
}

/**
 * What the flushes invalidate, and how the kernel flushes in each release.
 *
 * A flush is local work and then an IPI to the other CPUs of the mm, which do the same there. How much is dropped:
 * up to 3.16 everything of the mm for a range (3.6 to 3.16 chose by a heuristic of the CPU model, which is not modelled:
 * a huge pmd was beyond it); later single pages up to 33 strides, else everything. A stride is 4 KiB unless the VMA is hugetlb,
 * so one huge pmd is 512 strides and costs a flush of the whole mm. Lazy CPUs, which the kernel may skip and which catch up
 * before they use the mm again, are not told apart.
 */
import {
  __vaddr, type Cpu, type CpuFeatures, type FlushRange, type Invalidation, type Kernel, type MmRef, type Sequences,
  type Steps, type TlbDescription, type Vaddr, VM_HUGETLB,
} from '@ptemu/arch'; // prettier-ignore
import { PAGE_SHIFT, PMD_SHIFT } from './layout.js';

/** Above this many strides the whole mm is flushed. @see Linux arch/x86/mm/tlb.c, `tlb_single_page_flush_ceiling` (6.12.117) */
export const TLB_SINGLE_PAGE_FLUSH_CEILING = 33;

/** Tests whether user flushes are broadcast by INVLPGB: kernel and processor must have it. */
export const usesInvlpgb = (kernel: Kernel, cpu: CpuFeatures): boolean =>
  kernel.has('x86-invlpgb') && cpu['invlpgb'] === true;

/** The instructions. @see Intel SDM vol. 3A, 5.10.4 (invalidation of TLBs and paging-structure caches) */
export function tlbDescription(kernel: Kernel, cpu: CpuFeatures): TlbDescription {
  const broadcast = usesInvlpgb(kernel, cpu);
  const sdm = 'Intel SDM vol. 3A, 5.10.4.1 (operations that invalidate TLBs and paging-structure caches)';
  const apm = 'AMD64 APM vol. 3, INVLPGB and TLBSYNC; fact sheet 6.3';
  const local = { reach: 'local', completes: 'immediate' } as const;
  const global = { reach: 'broadcast', completes: 'barrier' } as const;
  return {
    tag: 'PCID',
    instructions: {
      INVLPG: {
        name: 'INVLPG', ...local, drops: 'address', dropsWalkCache: true, dropsGlobal: true, source: sdm,
      },
      'INVLPG loop': {
        name: 'INVLPG for each page', ...local, drops: 'range', dropsWalkCache: true, dropsGlobal: true, source: sdm,
      },
      'MOV to CR3': {
        name: 'MOV to CR3', ...local, drops: 'mm', dropsWalkCache: true, dropsGlobal: false, source: sdm,
      },
      'CR4.PGE toggle': {
        name: 'CR4.PGE toggle', ...local, drops: 'all', dropsWalkCache: true, dropsGlobal: true, source: sdm,
      },
      ...(broadcast && {
        'INVLPGB range': {
          name: 'INVLPGB (address, count)', ...global, drops: 'range' as const, dropsWalkCache: true, dropsGlobal: false,
          source: apm,
        },
        'INVLPGB ASID': {
          name: 'INVLPGB (ASID)', ...global, drops: 'mm' as const, dropsWalkCache: true, dropsGlobal: false, source: apm,
        },
      }),
    },
    remote: broadcast ? 'broadcast' : 'ipi',
    flushIsIpi: !broadcast,
  }; // prettier-ignore
}

type Flushes = Pick<Sequences, 'flush_tlb_page' | 'flush_tlb_range' | 'flush_tlb_mm' | 'tlb_flush'>;

/**
 * The flushes. On return every CPU has dropped what was asked for.
 * @see Linux arch/x86/mm/tlb.c, `flush_tlb_mm_range`; arch/x86/include/asm/tlbflush.h (6.12.117); fact sheet 6.3
 */
export function flushes(kernel: Kernel, cpu: CpuFeatures): Flushes {
  const ceiling = kernel.has('a5102476a24b') ? TLB_SINGLE_PAGE_FLUSH_CEILING : 1;
  const broadcast = usesInvlpgb(kernel, cpu);

  function* flush(cpu_: Cpu, mm: MmRef, range: FlushRange | undefined, strideShift: number): Steps<void> {
    const c = cpu_.in('flush_tlb_mm_range');
    const strides = range && (range.end - range.start) >> BigInt(strideShift);
    const single = strides !== undefined && strides <= BigInt(ceiling) ? range : undefined;
    if (broadcast) {
      yield* c
        .in('broadcast_tlb_flush')
        .invalidate(
          single === undefined
            ? { instruction: 'INVLPGB ASID', mm }
            : { instruction: 'INVLPGB range', mm, start: single.start, end: single.end },
        );
      yield* c.in('tlbsync').complete();
      return;
    }
    const what = invalidation(mm, single, strides);
    yield* c.invalidate(what);
    yield* c.crossCall({ mm }, what);
  }

  return {
    flush_tlb_page: (cpu_, vma, address) => flush(cpu_, vma.vm_mm, onePage(address), PAGE_SHIFT),
    flush_tlb_range: (cpu_, vma, range) =>
      flush(cpu_, vma.vm_mm, range, (vma.vm_flags & VM_HUGETLB) !== 0n ? PMD_SHIFT : PAGE_SHIFT),
    flush_tlb_mm: (cpu_, mm) => flush(cpu_, mm, undefined, PAGE_SHIFT),
    tlb_flush: (cpu_, mm, range, { full }) => flush(cpu_, mm, full ? undefined : range, PAGE_SHIFT),
  };
}

const onePage = (address: Vaddr): FlushRange => ({ start: address, end: __vaddr(address + 4096n) });

function invalidation(mm: MmRef, range: FlushRange | undefined, strides: bigint | undefined): Invalidation {
  if (range === undefined) return { instruction: 'MOV to CR3', mm };
  if (strides === 1n) return { instruction: 'INVLPG', mm, start: range.start };
  return { instruction: 'INVLPG loop', mm, start: range.start, end: range.end };
}

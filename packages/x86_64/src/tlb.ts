/**
 * What the flushes invalidate, and how the kernel flushes in each release.
 *
 * A flush is local work and then an IPI to the other CPUs of the mm, which do the same there. How much is dropped:
 * up to 3.16 everything of the mm for a range (3.6 to 3.16 chose by a heuristic of the CPU model, which is not modelled:
 * a huge pmd was beyond it); later single pages up to 33 strides, else everything. A stride is 4 KiB unless the VMA is hugetlb,
 * so one huge pmd is 512 strides and costs a flush of the whole mm. Only a gather knows better since 4.20: its stride is the
 * size of the smallest entry that it cleared, so that a zapped huge page is one stride.
 *
 * Lazy CPUs, which run a kernel thread on the mm: up to 4.19 they are interrupted and leave the mm; since 4.20 they are not
 * interrupted, unless tables are freed, and catch up when they use the mm again.
 *
 * INVLPGB: an mm that runs on more than three CPUs at once has a global ASID, and its flushes are broadcast. (The cover
 * letter of the series says three or more; the code that was merged asks for more than three.) The one instruction names up
 * to `INVLPGB_COUNT_MAX` pages. Taken for granted is that the mm has its ASID already: it gets it at some flush, by chance.
 */
import {
  __vaddr, type Cpu, type CpuFeatures, type FlushRange, type Invalidation, type Kernel, type Level, type MmRef,
  type Sequences, type Steps, type TlbDescription, type Vaddr, VM_HUGETLB,
} from '@ptemu/arch'; // prettier-ignore
import { P4D_SHIFT, PAGE_SHIFT, PMD_SHIFT, PUD_SHIFT } from './layout.js';

/** Above this many strides the whole mm is flushed. @see Linux arch/x86/mm/tlb.c, `tlb_single_page_flush_ceiling` (6.12.117) */
export const TLB_SINGLE_PAGE_FLUSH_CEILING = 33;

/** Pages that one INVLPGB names at most: the processor says; this is what Zen 3 says. @see AMD64 APM vol. 3, CPUID Fn8000_0008_EDX (recalled) */
export const INVLPGB_COUNT_MAX = 8;
/** An mm that runs on more CPUs than this is flushed by broadcast. @see Linux arch/x86/mm/tlb.c, `consider_global_asid` (v9 of the series, Feb 2025) */
export const GLOBAL_ASID_CPUS = 3;

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
      'MOV to CR3 NOFLUSH': {
        name: 'MOV to CR3, bit 63 set', ...local, drops: 'nothing', dropsWalkCache: false, dropsGlobal: false, source: sdm,
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

type Flushes = Pick<
  Sequences,
  | 'flush_tlb_page' | 'flush_tlb_range' | 'flush_tlb_mm' | 'tlb_flush' | 'arch_tlbbatch_add_pending' | 'arch_tlbbatch_flush'
>; // prettier-ignore

/**
 * The flushes. On return every CPU has dropped what was asked for.
 * @see Linux arch/x86/mm/tlb.c, `flush_tlb_mm_range`; arch/x86/include/asm/tlbflush.h (6.12.117); fact sheet 6.3
 */
export function flushes(kernel: Kernel, cpu: CpuFeatures): Flushes {
  const ceiling = kernel.has('a5102476a24b') ? TLB_SINGLE_PAGE_FLUSH_CEILING : 1;
  const broadcast = usesInvlpgb(kernel, cpu);

  function* flush(
    cpu_: Cpu,
    mm: MmRef,
    range: FlushRange | undefined,
    { strideShift = PAGE_SHIFT, freedTables = false }: FlushOptions = {},
  ): Steps<void> {
    const c = cpu_.in('flush_tlb_mm_range');
    const strides = range && (range.end - range.start) >> BigInt(strideShift);
    const single = strides !== undefined && strides <= BigInt(ceiling) ? range : undefined;
    if (broadcast && (yield* hasGlobalAsid(c, mm))) {
      const count = Math.max(1, Math.ceil(Number(strides ?? 1n) / INVLPGB_COUNT_MAX));
      yield* c
        .in('broadcast_tlb_flush')
        .invalidate(
          single === undefined
            ? { instruction: 'INVLPGB ASID', mm }
            : { instruction: 'INVLPGB range', mm, start: single.start, end: single.end, count },
        );
      yield* c.in('tlbsync').complete();
      return;
    }
    const what = invalidation(mm, single, strides);
    if (c.isLoaded === undefined || (yield* c.isLoaded(mm))) yield* c.invalidate(what);
    const lazy = kernel.has('x86-lazy-not-interrupted') && !freedTables ? 'skip' : { leaves: 'MOV to CR3' };
    yield* c.crossCall({ mm, lazy }, what);
  }

  return {
    flush_tlb_page: (cpu_, vma, address) => flush(cpu_, vma.vm_mm, onePage(address)),
    flush_tlb_range: (cpu_, vma, range) =>
      flush(cpu_, vma.vm_mm, range, {
        strideShift: (vma.vm_flags & VM_HUGETLB) !== 0n ? PMD_SHIFT : PAGE_SHIFT,
      }),
    flush_tlb_mm: (cpu_, mm) => flush(cpu_, mm, undefined),
    tlb_flush: (cpu_, mm, range, { full, freedTables, unmapped = 'pte' }) =>
      flush(cpu_, mm, full ? undefined : range, {
        freedTables,
        strideShift: kernel.has('x86-gather-stride') ? STRIDE_SHIFT[unmapped] : PAGE_SHIFT,
      }),
    ...(kernel.has('72b252aed506') && batched(kernel, broadcast)),
  };
}

/**
 * Reclaim's batches: which CPUs may hold something is noted, and in the end all of them flush everything of theirs. With a global
 * ASID each page is broadcast when it is unmapped, and the end waits.
 * @see Linux arch/x86/mm/tlb.c, `arch_tlbbatch_flush`; asm/tlbflush.h, `arch_tlbbatch_add_pending` (6.12.117; INVLPGB as in v9 of its series)
 */
function batched(
  kernel: Kernel,
  broadcast: boolean,
): Pick<Sequences, 'arch_tlbbatch_add_pending' | 'arch_tlbbatch_flush'> {
  return {
    *arch_tlbbatch_add_pending(cpu, mm, address): Steps<void> {
      if (!broadcast || !(yield* hasGlobalAsid(cpu, mm))) return;
      const { start, end } = onePage(address);
      yield* cpu.in('arch_tlbbatch_add_pending').invalidate({ instruction: 'INVLPGB range', mm, start, end });
    },
    *arch_tlbbatch_flush(cpu, mm): Steps<void> {
      const c = cpu.in('arch_tlbbatch_flush');
      if (broadcast && (yield* hasGlobalAsid(cpu, mm))) {
        yield* c.in('tlbsync').complete();
        return;
      }
      const what: Invalidation = { instruction: 'MOV to CR3', mm };
      if (c.isLoaded === undefined || (yield* c.isLoaded(mm))) yield* c.invalidate(what);
      const lazy = kernel.has('x86-lazy-not-interrupted') ? 'skip' : { leaves: 'MOV to CR3' };
      yield* c.crossCall({ mm, lazy }, what);
    },
  };
}

/** What a flush knows beside its range. */
interface FlushOptions {
  /** log2 of the distance between two single invalidations. */
  readonly strideShift?: number;
  readonly freedTables?: boolean;
}

/** `tlb_get_unmap_shift` by the smallest level cleared. @see Linux include/asm-generic/tlb.h (6.12.117) */
const STRIDE_SHIFT: Readonly<Record<Level, number>> = {
  pte: PAGE_SHIFT, pmd: PMD_SHIFT, pud: PUD_SHIFT, p4d: P4D_SHIFT, pgd: PAGE_SHIFT,
}; // prettier-ignore

/** A machine that does not know how many CPUs run an mm is taken for a busy one. */
function* hasGlobalAsid(c: Cpu, mm: MmRef): Steps<boolean> {
  return c.activeCpus === undefined || (yield* c.activeCpus(mm)) > GLOBAL_ASID_CPUS;
}

const onePage = (address: Vaddr): FlushRange => ({ start: address, end: __vaddr(address + 4096n) });

function invalidation(mm: MmRef, range: FlushRange | undefined, strides: bigint | undefined): Invalidation {
  if (range === undefined) return { instruction: 'MOV to CR3', mm };
  // Of less than a stride (a gather that only freed a table) one is issued all the same.
  if (strides === undefined || strides <= 1n) return { instruction: 'INVLPG', mm, start: range.start };
  return { instruction: 'INVLPG loop', mm, start: range.start, end: range.end, count: Number(strides) };
}

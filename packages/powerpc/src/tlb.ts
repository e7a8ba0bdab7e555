/**
 * Tags, instructions, and the flushes that are made of them.
 *
 * Radix: `tlbie` broadcasts, `tlbiel` is local; RIC says what goes (0 translations, 1 the page walk cache, 2 both), and
 * for RIC=0 an AP field which page size. A `ptesync` orders earlier stores to the tables before; `eieio; tlbsync;
 * ptesync` afterwards waits until every CPU has obeyed: `Cpu.complete`. A run of `tlbie`, one per page, is one step here:
 * nothing shows between them, as none is complete before the `tlbsync`.
 *
 * Hash: the flush functions of the mm do nothing; an HPTE is invalidated and its `tlbie` issued where the Linux entry is
 * changed (`pgtable.ts`), in lazy MMU mode up to 192 of them together, where the machine can keep such a batch.
 *
 * Not modelled on radix: coprocessors on the nest MMU, the errata of POWER9 DD2, lazy TLB trimming of `mm_cpumask`,
 * `disable_tlbie`, hypervisors without GTSE.
 *
 * @see Linux arch/powerpc/mm/book3s64/radix_tlb.c (6.12.117); Power ISA 3.0B Book III, 5.9.3.3 (tlbie, tlbiel)
 * @see fact sheet 8.5
 */
import { type Cpu, type FlushRange, type InvalidationInstruction, type MmRef, type Sequences, type Steps, type TlbDescription, type Vaddr, __vaddr } from '@ptemu/arch'; // prettier-ignore
import type { PpcEnv } from './env.js';

/** Pages above which a global flush takes the whole PID. @see Linux arch/powerpc/mm/book3s64/radix_tlb.c, `tlb_single_page_flush_ceiling` (6.12.117) */
export const tlb_single_page_flush_ceiling = 33;
/** The same of a local flush: twice the 128 sets of POWER9. @see Linux arch/powerpc/mm/book3s64/radix_tlb.c, `tlb_local_single_page_flush_ceiling` (6.12.117) */
export const tlb_local_single_page_flush_ceiling = 256;

/** Sets of the TLB of POWER9 on radix: a local flush of a PID is one `tlbiel` for each. @see commit f6f27951fdf8 */
export const POWER9_TLB_SETS_RADIX = 128;
/** log2 of the page size that `tlbie` with AP=2M names. */
const MMU_PAGE_2M_SHIFT = 21;

const SOURCE = 'Power ISA 3.0B Book III, 5.9.3.3; Linux arch/powerpc/mm/book3s64/radix_tlb.c (6.12.117)';

/** Instructions by name: each broadcast form has its local one. */
function instructions(mmu: PpcEnv['mmu']): Readonly<Record<string, InvalidationInstruction>> {
  if (mmu === 'hash') {
    const common = { dropsWalkCache: false, dropsGlobal: true, source: `${SOURCE}; hash_native.c, tlbie()` };
    return {
      'tlbie HPTE': {
        name: 'tlbie R=0',
        reach: 'broadcast',
        drops: 'range',
        completes: 'barrier',
        ...common,
      },
    };
  }
  const pair = (
    what: string,
    drops: InvalidationInstruction['drops'],
    dropsWalkCache: boolean,
  ): readonly (readonly [string, InvalidationInstruction])[] => {
    const common = { drops, dropsWalkCache, dropsGlobal: false, source: SOURCE };
    return [
      [`tlbie ${what}`, { name: `tlbie ${what}`, reach: 'broadcast', completes: 'barrier', ...common }],
      [`tlbiel ${what}`, { name: `tlbiel ${what}`, reach: 'local', completes: 'immediate', ...common }],
    ];
  };
  return Object.fromEntries([
    ...pair('RIC=0', 'range', false),
    ...pair('RIC=0 AP=2M', 'address', false),
    ...pair('RIC=0 PID', 'mm', false),
    ...pair('RIC=1 PID', 'nothing', true),
    ...pair('RIC=2 PID', 'mm', true),
  ]);
}

/** The TLB as data. */
export function tlbDescription({ mmu, kernel }: PpcEnv): TlbDescription {
  return {
    tag: mmu === 'hash' ? 'VSID' : 'PID',
    instructions: instructions(mmu),
    remote: 'broadcast',
    gathersOneSize: kernel.has('ppc-gather-page-size'),
    flushIsIpi: false,
  };
}

type Flushes = Pick<
  Sequences,
  'flush_tlb_page' | 'flush_tlb_range' | 'flush_pmd_tlb_range' | 'flush_tlb_mm' | 'tlb_flush'
>;

/** The flush functions of the mm. */
export function flushes(env: PpcEnv): Flushes {
  return env.mmu === 'hash' ? hashFlushes : radixFlushes(env);
}

function* nothing(): Steps<void> {}

/** Nothing to do: HPTEs went when their entries changed. @see Linux arch/powerpc/include/asm/book3s/64/tlbflush.h (6.12.117) */
const hashFlushes: Flushes = {
  flush_tlb_page: nothing,
  flush_tlb_range: nothing,
  flush_pmd_tlb_range: nothing,
  flush_tlb_mm: nothing,
  tlb_flush: nothing,
};

/** What a flush asks of the instructions. */
type RadixFlush =
  | { readonly kind: 'pid'; readonly ric: 0 | 2 }
  | { readonly kind: 'pages'; readonly range: FlushRange; readonly walkCache: boolean; readonly huge: FlushRange | undefined }
  | { readonly kind: 'huge'; readonly range: FlushRange; readonly walkCache: boolean }; // prettier-ignore

function radixFlushes(env: PpcEnv): Flushes {
  const { kernel, layout } = env;
  const byRange = kernel.has('ppc-radix-range-flush');
  const pageShift = layout.PAGE_SHIFT;
  return {
    *flush_tlb_page(cpu, vma, address) {
      const range = { start: address, end: __vaddr(address + BigInt(layout.PAGE_SIZE)) };
      const c = cpu.in('radix__flush_tlb_page');
      yield* flush(env, c, vma.vm_mm, () => ({ kind: 'pages', range, walkCache: false, huge: undefined }));
    },
    *flush_tlb_range(cpu, vma, range) {
      const c = cpu.in('radix__flush_tlb_range');
      yield* flush(env, c, vma.vm_mm, (local) => {
        if (!byRange || tooMany(range, pageShift, local)) return { kind: 'pid', ric: 2 };
        // mremap relies on it: a range that may hold a whole table also loses its walk cache entries.
        const walkCache = range.end - range.start >= BigInt(layout.HPAGE_PMD_SIZE);
        return { kind: 'pages', range, walkCache, huge: hugePart(env, range) };
      });
    },
    *flush_pmd_tlb_range(cpu, vma, range) {
      if (!kernel.has('ppc-flush-pmd-tlb-range')) {
        yield* flush(env, cpu.in('radix__flush_tlb_range'), vma.vm_mm, () => ({ kind: 'pid', ric: 2 }));
        return;
      }
      yield* flush(env, cpu.in('radix__flush_pmd_tlb_range'), vma.vm_mm, (local) =>
        tooMany(range, MMU_PAGE_2M_SHIFT, local)
          ? { kind: 'pid', ric: 0 }
          : { kind: 'huge', range, walkCache: false },
      );
    },
    *flush_tlb_mm(cpu, mm) {
      yield* flush(env, cpu.in('radix__flush_tlb_mm'), mm, () => ({ kind: 'pid', ric: 0 }));
    },
    *tlb_flush(cpu, mm, range, { freedTables, full, unmapped = 'pte', pageBytes }) {
      const huge = pageBytes === undefined ? unmapped === 'pmd' : pageBytes === layout.HPAGE_PMD_SIZE;
      yield* flush(env, cpu.in('radix__tlb_flush'), mm, (local) => {
        // A gather holds pages of one size and is flushed by it; before, it did not know and took everything.
        if (full || !kernel.has('ppc-gather-page-size')) return { kind: 'pid', ric: 2 };
        if (huge) {
          const many = tooMany(range, MMU_PAGE_2M_SHIFT, local);
          return many
            ? { kind: 'pid', ric: freedTables ? 2 : 0 }
            : { kind: 'huge', range, walkCache: freedTables };
        }
        if (tooMany(range, pageShift, local)) return { kind: 'pid', ric: freedTables ? 2 : 0 };
        return { kind: 'pages', range, walkCache: freedTables, huge: undefined };
      });
    },
  };
}

/**
 * Flushes what is cached of the ptes under a cleared pmd, and the pointers to their table.
 * @see Linux arch/powerpc/mm/book3s64/radix_tlb.c, `radix__flush_tlb_collapsed_pmd` (6.12.117)
 */
export function* radix__flush_tlb_collapsed_pmd(
  env: PpcEnv,
  cpu: Cpu,
  mm: MmRef,
  address: Vaddr,
): Steps<void> {
  const end = __vaddr(address + BigInt(env.layout.HPAGE_PMD_SIZE));
  const wholeMm = env.page === '4k' || !env.kernel.has('ppc-radix-collapsed-pmd');
  yield* flush(env, cpu.in('radix__flush_tlb_collapsed_pmd'), mm, () =>
    wholeMm
      ? { kind: 'pid', ric: 2 }
      : { kind: 'pages', range: { start: address, end }, walkCache: true, huge: undefined },
  );
}

/** Chooses local or global form, issues, and waits. Local instructions are complete when they are done. */
function* flush(
  { layout: { PAGE_SHIFT: pageShift } }: PpcEnv,
  cpu: Cpu,
  mm: MmRef,
  choose: (local: boolean) => RadixFlush,
): Steps<void> {
  yield* cpu.barrier('smp_mb');
  const local = yield* cpu.isOnlyUser(mm);
  const op = local ? 'tlbiel' : 'tlbie';
  const what = choose(local);
  yield* cpu.barrier('ptesync');
  if (what.kind === 'pid') {
    const count = local ? POWER9_TLB_SETS_RADIX : 1;
    yield* cpu.invalidate({ instruction: `${op} RIC=${what.ric} PID`, mm, count });
  } else {
    if (what.walkCache) yield* cpu.invalidate({ instruction: `${op} RIC=1 PID`, mm });
    if (what.kind === 'pages') {
      const count = Number((what.range.end - what.range.start) >> BigInt(pageShift));
      yield* cpu.invalidate({ instruction: `${op} RIC=0`, mm, ...what.range, count });
    }
    const huge = what.kind === 'huge' ? what.range : what.huge;
    if (huge !== undefined) yield* hugePages(cpu, op, mm, huge);
  }
  if (!local) yield* cpu.complete();
}

/** One instruction per 2M page: each names the page by its first address. */
function* hugePages(cpu: Cpu, op: string, mm: MmRef, { start, end }: FlushRange): Steps<void> {
  for (let at: bigint = start; at < end; at += 1n << BigInt(MMU_PAGE_2M_SHIFT)) {
    yield* cpu.invalidate({ instruction: `${op} RIC=0 AP=2M`, mm, start: __vaddr(at) });
  }
}

/** Tests whether a flush page by page would cost more than one of the whole PID. */
function tooMany({ start, end }: FlushRange, pageShift: number, local: boolean): boolean {
  const pages = (end - start) >> BigInt(pageShift);
  return pages > BigInt(local ? tlb_local_single_page_flush_ceiling : tlb_single_page_flush_ceiling);
}

/** The 2M pages that lie wholly in a range; undefined when there is none. */
function hugePart(env: PpcEnv, { start, end }: FlushRange): FlushRange | undefined {
  const size = BigInt(env.layout.HPAGE_PMD_SIZE);
  const from = __vaddr((start + size - 1n) & ~(size - 1n));
  const to = __vaddr(end & ~(size - 1n));
  return from < to ? { start: from, end: to } : undefined;
}

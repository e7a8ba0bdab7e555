/**
 * What the flushes invalidate, and how the kernel flushes in each release.
 *
 * Every flush is: `dsb ishst`, so that walkers see the stores before it; TLBI instructions, which are broadcast to all
 * CPUs of the inner shareable domain and done at some later time; `dsb ish`, which waits for them. No other CPU is
 * interrupted. Per-page forms are used up to a threshold (1024 pages, then 1024 strides, then fewer than `PTRS_PER_PTE`
 * strides), above it the whole address space is dropped; so from 5.0 until `flush_pmd_tlb_range` got a stride of its own,
 * one huge pmd (512 strides of 4 KiB) cost the whole address space.
 *
 * Not modelled: the second ASID of kernel page-table isolation, for which the kernel repeats every TLBI; level hints; errata.
 */
import {
  __vaddr, type Cpu, type FlushRange, type Invalidation, type InvalidationInstruction, type MmRef, type Sequences,
  type Steps, type TlbDescription, type Vaddr,
} from '@ptemu/arch'; // prettier-ignore
import { type Arm64Env, pageShift } from './layout.js';

const ARM = 'Arm ARM DDI 0487J.a, C5.5, A64 System instructions for TLB maintenance';

/** The instructions. Entries of the last level that are global go with their address, whatever the ASID. */
export function tlbDescription(): TlbDescription {
  const of = (
    name: string,
    drops: InvalidationInstruction['drops'],
    dropsWalkCache: boolean,
    dropsGlobal: boolean,
  ): InvalidationInstruction => ({
    name: `TLBI ${name}`, reach: 'broadcast', drops, dropsWalkCache, dropsGlobal, completes: 'barrier', source: ARM,
  }); // prettier-ignore
  return {
    tag: 'ASID',
    instructions: {
      VALE1IS: of('VALE1IS', 'address', false, true),
      VAE1IS: of('VAE1IS', 'address', true, true),
      RVALE1IS: of('RVALE1IS', 'range', false, true),
      RVAE1IS: of('RVAE1IS', 'range', true, true),
      ASIDE1IS: of('ASIDE1IS', 'mm', true, false),
      VMALLE1IS: of('VMALLE1IS', 'all', true, true),
    },
    remote: 'broadcast',
    flushIsIpi: false,
  };
}

/** `MAX_TLB_RANGE` in pages (4.4 to 4.16), `MAX_TLBI_OPS` in strides (4.20). @see fact sheet 5.3 */
const TLBI_OPS_MAX_OLD = 1024n;
/** Pages of a range operand. @see Linux arch/arm64/include/asm/tlbflush.h, `__TLBI_RANGE_PAGES` (6.1.192, 6.12.117) */
const rangePages = (num: bigint, scale: bigint): bigint => (num + 1n) << (5n * scale + 1n);
/** `MAX_TLBI_RANGE_PAGES`. */
const RANGE_PAGES_MAX: bigint = rangePages(31n, 3n);

/** How `__flush_tlb_range` goes about a range. */
export interface RangeOptions {
  /** log2 of the distance between two invalidations. */
  readonly strideShift: number;
  /** Leaves only: walk-cache entries stay. */
  readonly lastLevel: boolean;
}

/** The flushes, and the form that contiguous entries need. */
export type Flushes = Pick<
  Sequences,
  | 'flush_tlb_page'
  | 'flush_tlb_range'
  | 'flush_pmd_tlb_range'
  | 'flush_tlb_mm'
  | 'tlb_flush'
  | 'arch_tlbbatch_add_pending'
  | 'arch_tlbbatch_flush'
> & {
  __flush_tlb_range(cpu: Cpu, mm: MmRef, range: FlushRange, options: RangeOptions): Steps<void>;
};

/**
 * Makes the flushes of a build. On return every CPU has dropped what was asked for.
 * @see Linux arch/arm64/include/asm/tlbflush.h, tlb.h (6.1.192, 6.12.117); fact sheet 5.3
 */
export function flushes(env: Arm64Env): Flushes {
  const { kernel, geometry, layout } = env;
  const PAGE_SHIFT = pageShift(geometry);
  const PTRS_PER_PTE = BigInt(layout.PAGE_SIZE / 8);
  const ranges = kernel.has('arm64-tlb-range') && env.cpu['tlbRange'] === true;

  function* flush_tlb_mm(cpu: Cpu, mm: MmRef): Steps<void> {
    const c = cpu.in('flush_tlb_mm');
    yield* c.barrier('dsb(ishst)');
    yield* c.invalidate({ instruction: 'ASIDE1IS', mm });
    yield* c.complete();
  }

  function tooMuch(bytes: bigint, strideShift: number): boolean {
    const stride = 1n << BigInt(strideShift);
    const pages = bytes >> BigInt(PAGE_SHIFT);
    if (!kernel.has('arm64-max-tlb-range')) return false;
    if (!kernel.has('arm64-tlb-stride')) return pages > TLBI_OPS_MAX_OLD;
    if (!kernel.has('arm64-tlbi-ops-ptrs-per-pte')) return bytes > TLBI_OPS_MAX_OLD * stride;
    if (!ranges && bytes >= PTRS_PER_PTE * stride) return true;
    if (!kernel.has('arm64-tlb-range')) return false;
    return kernel.has('arm64-tlb-range-descending') ? pages > RANGE_PAGES_MAX : pages >= RANGE_PAGES_MAX;
  }

  function* __flush_tlb_range(
    cpu: Cpu,
    mm: MmRef,
    range: FlushRange,
    { strideShift, lastLevel }: RangeOptions,
  ): Steps<void> {
    const c = cpu.in('__flush_tlb_range');
    const stride = 1n << BigInt(strideShift);
    const start = range.start & -stride;
    const end = (range.end + stride - 1n) & -stride;
    if (tooMuch(end - start, strideShift)) {
      yield* flush_tlb_mm(c, mm);
      return;
    }
    yield* c.barrier('dsb(ishst)');
    const op = lastLevel ? 'VALE1IS' : 'VAE1IS';
    for (const what of ranges ? rangeOps(env, start, end, stride) : strides(start, end, stride)) {
      const instruction = what.end === undefined ? op : `R${op}`;
      yield* c.invalidate({ instruction, mm, ...what });
    }
    yield* c.complete();
  }

  const flush_tlb_range: Flushes['flush_tlb_range'] = (cpu, vma, range) =>
    __flush_tlb_range(cpu.in('flush_tlb_range'), vma.vm_mm, range, {
      strideShift: PAGE_SHIFT,
      lastLevel: false,
    });

  return {
    __flush_tlb_range,
    flush_tlb_mm,
    flush_tlb_range,
    *flush_tlb_page(cpu, vma, address): Steps<void> {
      const c = cpu.in('flush_tlb_page');
      yield* c.barrier('dsb(ishst)');
      const instruction = kernel.has('arm64-vale-for-page') ? 'VALE1IS' : 'VAE1IS';
      yield* c.invalidate({ instruction, mm: vma.vm_mm, start: address });
      yield* c.complete();
    },
    flush_pmd_tlb_range: kernel.has('arm64-flush-pmd-tlb-range')
      ? (cpu, vma, range) =>
          __flush_tlb_range(cpu.in('flush_pmd_tlb_range'), vma.vm_mm, range, {
            strideShift: layout.HPAGE_PMD_SHIFT,
            lastLevel: false,
          })
      : flush_tlb_range,
    *tlb_flush(cpu, mm, range, { freedTables, full, unmapped = 'pte' }): Steps<void> {
      const c = cpu.in('tlb_flush');
      if (!kernel.has('arm64-tlb-stride')) {
        yield* flushBefore420(c, mm, range, { freedTables, full });
        return;
      }
      // A whole address space that goes away: its ASID is not used again before everything was invalidated.
      if (full) {
        if (freedTables) yield* flush_tlb_mm(c, mm);
        return;
      }
      const strideShift = layout.levels.find(({ level }) => level === unmapped)?.shift ?? PAGE_SHIFT;
      yield* __flush_tlb_range(c, mm, range, { strideShift, lastLevel: !freedTables });
    },
    // Reclaim, from 6.6 on: each page is invalidated when it is unmapped, and one DSB waits for the batch.
    ...(kernel.has('43b3dfdd0455') && {
      *arch_tlbbatch_add_pending(cpu: Cpu, mm: MmRef, address: Vaddr): Steps<void> {
        const c = cpu.in('__flush_tlb_page_nosync');
        yield* c.barrier('dsb(ishst)');
        yield* c.invalidate({ instruction: 'VALE1IS', mm, start: address });
      },
      *arch_tlbbatch_flush(cpu: Cpu): Steps<void> {
        yield* cpu.in('arch_tlbbatch_flush').complete();
      },
    }),
  };

  /**
   * Up to 3.16 tables are freed behind a flush that drops walk caches too. From 4.4 to 4.16 each table is flushed by itself
   * when it is unlinked (`__flush_tlb_pgtable`); here that is done once per pmd of the range, right before the flush of the leaves.
   */
  function* flushBefore420(
    c: Cpu,
    mm: MmRef,
    range: FlushRange,
    { freedTables, full }: { readonly freedTables: boolean; readonly full: boolean },
  ): Steps<void> {
    const options = { strideShift: PAGE_SHIFT };
    if (!kernel.has('arm64-vale-for-page')) {
      yield* full ? flush_tlb_mm(c, mm) : __flush_tlb_range(c, mm, range, { ...options, lastLevel: false });
      return;
    }
    if (freedTables) {
      const perTable = c.in('__flush_tlb_pgtable');
      for (const { start } of strides(range.start, range.end, BigInt(layout.HPAGE_PMD_SIZE))) {
        yield* perTable.barrier('dsb(ishst)');
        yield* perTable.invalidate({ instruction: 'VAE1IS', mm, start });
        yield* perTable.complete();
      }
    }
    if (!full) yield* __flush_tlb_range(c, mm, range, { ...options, lastLevel: true });
  }
}

/** One operand: an address, or with `end` a range. */
type Operand = Required<Pick<Invalidation, 'start'>> & { readonly end?: Vaddr };

function strides(start: bigint, end: bigint, stride: bigint): readonly Operand[] {
  const operands: Operand[] = [];
  for (let at = start; at < end; at += stride) operands.push({ start: __vaddr(at) });
  return operands;
}

/**
 * Operands of FEAT_TLBIRANGE. A range has an even number of pages, so an odd one goes alone: first while the scale went up
 * (5.15 to 6.5), last since it goes down (6.12), because with LPA2 a range must start at a multiple of 64 KiB.
 * @see Linux arch/arm64/include/asm/tlbflush.h, `__flush_tlb_range` (6.1.192), `__flush_tlb_range_op` (6.12.117)
 */
function rangeOps(env: Arm64Env, from: bigint, end: bigint, stride: bigint): readonly Operand[] {
  const { kernel, geometry } = env;
  const shift = BigInt(pageShift(geometry));
  const down = kernel.has('arm64-tlb-range-descending');
  const operands: Operand[] = [];
  let start = from;
  let pages = (end - start) >> shift;
  let scale = down ? 3n : 0n;
  while (pages > 0n) {
    const alone = down ? pages === 1n || (geometry.lpa2 && (start & 0xffffn) !== 0n) : pages % 2n === 1n;
    if (alone) {
      operands.push({ start: __vaddr(start) });
      start += stride;
      pages -= stride >> shift;
      continue;
    }
    const num = operandNum(pages, scale, down);
    if (num >= 0n) {
      const covered = rangePages(num, scale);
      operands.push({ start: __vaddr(start), end: __vaddr(start + (covered << shift)) });
      start += covered << shift;
      pages -= covered;
    }
    scale += down ? -1n : 1n;
  }
  return operands;
}

/** `__TLBI_RANGE_NUM`: -1 where this scale has nothing to cover. */
function operandNum(pages: bigint, scale: bigint, down: boolean): bigint {
  const most = rangePages(31n, scale);
  const bounded = down && pages > most ? most : pages;
  const units = bounded >> (5n * scale + 1n);
  return (down ? units : units & 31n) - 1n;
}

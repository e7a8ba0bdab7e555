/**
 * The TLB and its flushes.
 *
 * A valid entry that any CPU has attached may only be changed through IPTE, IDTE or CSP, which set the invalid bit and
 * purge the TLBs in one operation (no IPI, done when the instruction is). So a change of an entry brings its flush along,
 * and what is left of `flush_tlb_range` is the lazy case: where only this CPU had the mm attached, the entry was made
 * invalid by a plain store and `context.flush_mm` was set; a flush of any range then flushes the whole address space, or
 * does nothing. The range is never looked at.
 */
import type { Cpu, Env, MmRef, Sequences, Steps, TlbDescription } from '@ptemu/arch';

/** Name of the cell that stands for `mm->context.flush_mm`: 1n when an entry was made invalid without a purge. */
export const flushMmCell = (mm: MmRef): string => `flush_mm:${mm.id}`;

/** Name of the lock that stands for `mm->context.lock`. */
export const contextLock = (mm: MmRef): string => `context.lock:${mm.id}`;

/** Whether this machine and release fall back on CSP. @see fact sheet 7.3: no fallback from 6.19 on */
export const usesCsp = ({ kernel, cpu }: Env): boolean =>
  cpu['idte'] !== true && !kernel.has('s390-idte-required');

/** The invalidation instructions. @see fact sheet 7.3 and 7.4; z/Architecture Principles of Operation, "Translation-Lookaside Buffer" */
export const tlb: TlbDescription = {
  tag: 'ASCE',
  instructions: {
    IPTE: {
      name: 'IPTE',
      reach: 'broadcast',
      drops: 'address',
      dropsWalkCache: false,
      dropsGlobal: true,
      completes: 'immediate',
      source: 'fact sheet 7.3; Linux arch/s390/include/asm/pgtable.h, __ptep_ipte (6.12.117)',
    },
    'IPTE local': {
      name: 'IPTE with local clearing',
      reach: 'local',
      drops: 'address',
      dropsWalkCache: false,
      dropsGlobal: true,
      completes: 'immediate',
      source: 'fact sheet 7.3 (m4 = 1)',
    },
    IDTE: {
      name: 'IDTE, invalidation of a segment or region entry',
      reach: 'broadcast',
      drops: 'range',
      dropsWalkCache: true,
      dropsGlobal: true,
      completes: 'immediate',
      source: 'fact sheet 7.3; Linux arch/s390/include/asm/pgtable.h, __pmdp_idte (6.12.117)',
    },
    'IDTE local': {
      name: 'IDTE with local clearing',
      reach: 'local',
      drops: 'range',
      dropsWalkCache: true,
      dropsGlobal: true,
      completes: 'immediate',
      source: 'fact sheet 7.3 (m4 = 1)',
    },
    'IDTE by ASCE': {
      name: 'IDTE, clearing by ASCE (option 2048)',
      reach: 'broadcast',
      drops: 'mm',
      dropsWalkCache: true,
      dropsGlobal: false,
      completes: 'immediate',
      source: 'fact sheet 7.3; Linux arch/s390/include/asm/tlbflush.h, __tlb_flush_idte (6.12.117)',
    },
    CSP: {
      name: 'CSP',
      reach: 'broadcast',
      drops: 'all',
      dropsWalkCache: true,
      dropsGlobal: true,
      completes: 'immediate',
      source: 'fact sheet 7.3; Linux arch/s390/include/asm/tlbflush.h, __tlb_flush_global (6.12.117)',
    },
    PTLB: {
      name: 'PTLB',
      reach: 'local',
      drops: 'all',
      dropsWalkCache: true,
      dropsGlobal: true,
      completes: 'immediate',
      source: 'fact sheet 7.3; Linux arch/s390/include/asm/tlbflush.h, __tlb_flush_local (6.12.117)',
    },
  },
  remote: 'instruction',
  flushIsIpi: false,
};

/** The flushes. `tlb_flush` is what mmu_gather calls; freed tables make it flush whatever was lazy before. */
export function flushes(
  env: Env,
): Pick<
  Sequences,
  | 'flush_tlb_page'
  | 'flush_tlb_range'
  | 'flush_pmd_tlb_range'
  | 'flush_tlb_mm'
  | 'tlb_flush'
  | 'switch_mm_irqs_off'
> {
  const lazy = flushMmLazy(env);
  return {
    // Nothing is left to do: whoever changed the pte purged it, or set flush_mm.
    *flush_tlb_page(): Steps<void> {},
    flush_tlb_range: (cpu, vma) => lazy(cpu.in('flush_tlb_range'), vma.vm_mm),
    flush_pmd_tlb_range: (cpu, vma) => lazy(cpu.in('flush_pmd_tlb_range'), vma.vm_mm),
    flush_tlb_mm: (cpu, mm) => lazy(cpu.in('flush_tlb_mm'), mm),
    *tlb_flush(cpu, mm, _range, { freedTables }): Steps<void> {
      const c = cpu.in('tlb_flush');
      // pte_free_tlb and its siblings set the flag when they queue a table; there is no such hook in the contract.
      if (freedTables) yield* c.write(flushMmCell(mm), 1n);
      yield* lazy(c, mm);
    },
    // Entries are tagged by the ASCE: a switch drops nothing but what was put off. @see asm/mmu_context.h, finish_arch_post_lock_switch
    switch_mm_irqs_off: (cpu, _prev, next) => lazy(cpu.in('finish_arch_post_lock_switch'), next),
  };
}

/**
 * Flushes the address space if an entry of it was made invalid lazily.
 *
 * Up to the fix of its race the flag was cleared after the flush, so that a lazy change between the two lost its flush;
 * since then it is cleared first, with `context.lock` held around both (the one-entry table has no locks).
 *
 * @see Linux arch/s390/include/asm/tlbflush.h, `__tlb_flush_mm_lazy` (4.12.0, 4.14.0, 6.1.192, 6.12.117)
 */
function flushMmLazy(env: Env): (cpu: Cpu, mm: MmRef) => Steps<void> {
  const clearsFirst = env.kernel.has('s390-flush-mm-cleared-first');
  const instruction = usesCsp(env) ? 'CSP' : 'IDTE by ASCE';
  return function* (cpu, mm): Steps<void> {
    const c = cpu.in('__tlb_flush_mm_lazy');
    const cell = flushMmCell(mm);
    if (clearsFirst && c.lock) yield* c.lock(contextLock(mm));
    const pending = yield* c.read(cell);
    if (pending !== undefined && pending !== 0n) {
      if (clearsFirst) yield* c.write(cell, 0n);
      yield* c.in('__tlb_flush_mm').invalidate({ instruction, mm });
      if (!clearsFirst) yield* c.write(cell, 0n);
    }
    if (clearsFirst && c.unlock) yield* c.unlock(contextLock(mm));
  };
}

/**
 * Atomic changes of entries: the one way in which the kernel's sequences touch an entry that the hardware, or the fault
 * handler of hash, may use at the same time.
 */
import {
  type Cpu, type MmRef, type Pmd, type Pte, type Slot, type Steps, type Vaddr, __pmd, __pte, __vaddr,
} from '@ptemu/arch'; // prettier-ignore
import type { PpcEnv } from './env.js';
import { hpte_do_hugepage_flush } from './hash.js';

/** Bits to clear and to set in one atomic update. */
export interface Change {
  readonly clear: bigint;
  readonly set: bigint;
}

/**
 * Waits until no CPU is in a walk with interrupts off: up to 4.13 on all CPUs, later on those of the mm.
 * @see Linux arch/powerpc/mm/book3s64/pgtable.c, `serialize_against_pte_lookup` (6.12.117); fact sheet 8.3
 */
export function* serialize({ kernel }: PpcEnv, cpu: Cpu, mm: MmRef): Steps<void> {
  const ofMm = kernel.has('ppc-serialize-mm-cpumask');
  const c = cpu.in(ofMm ? 'serialize_against_pte_lookup' : 'kick_all_cpus_sync');
  yield* c.barrier('smp_mb');
  yield* c.crossCall(ofMm ? { mm } : {});
}

/**
 * One atomic change of an entry. Radix: one instruction pair that cannot fail for others to see. Hash: as long as the
 * low-level fault handler holds the entry (`H_PAGE_BUSY`), it is read again; a change under it is tried again.
 * @see Linux arch/powerpc/include/asm/book3s/64/radix.h, `__radix_pte_update`; hash.h, `hash__pte_update_one` (6.12.117)
 */
export function* change<L extends 'pmd' | 'pte'>(
  env: PpcEnv,
  cpu: Cpu,
  slot: Slot<L>,
  { clear, set }: Change,
): Steps<bigint> {
  if (env.mmu === 'radix') return yield* cpu.update(slot, { clear, set });
  for (;;) {
    const { H_PAGE_BUSY } = env.bits;
    const old: bigint = yield* cpu.loadWhenClear?.(slot, H_PAGE_BUSY) ?? cpu.load(slot);
    if ((old & H_PAGE_BUSY) !== 0n) continue;
    const seen: bigint = yield* cpu.cmpxchg(slot, old, (old & ~clear) | set);
    if (seen === old) return old;
  }
}

/**
 * Changes a huge pmd; on hash its HPTEs are flushed too, if it had any.
 * @see Linux arch/powerpc/mm/book3s64/hash_pgtable.c, `hash__pmd_hugepage_update`; radix_pgtable.c (6.12.117)
 */
export function* pmd_hugepage_update(
  env: PpcEnv,
  cpu: Cpu,
  mm: MmRef,
  address: Vaddr,
  pmdp: Slot<'pmd'>,
  what: Change,
): Steps<Pmd> {
  const c = cpu.in('pmd_hugepage_update');
  const old = yield* change(env, c, pmdp, what);
  if (env.mmu === 'hash' && (old & env.bits.H_PAGE_HASHPTE) !== 0n) {
    yield* hpte_do_hugepage_flush(env, c, mm, address, pmdp);
  }
  return __pmd(old);
}

/** Changes a pte; on hash its HPTE is flushed too, if it had any. @see Linux asm/book3s/64/pgtable.h, `pte_update` (6.12.117) */
export function* pte_update(
  env: PpcEnv,
  cpu: Cpu,
  mm: MmRef,
  address: Vaddr,
  ptep: Slot<'pte'>,
  what: Change,
): Steps<Pte> {
  const c = cpu.in('pte_update');
  const old = yield* change(env, c, ptep, what);
  if (env.mmu === 'hash' && (old & env.bits.H_PAGE_HASHPTE) !== 0n) {
    yield* flushHptes(env, c, mm, address, env.layout.PAGE_SIZE);
  }
  return __pte(old);
}

/** HPTEs that are put off at most. @see Linux arch/powerpc/include/asm/book3s/64/tlbflush-hash.h, `PPC64_TLB_BATCH_NR` (6.12.117) */
export const PPC64_TLB_BATCH_NR = 192;

/**
 * Flushes what was put off: a `tlbie` for each HPTE and one wait for all.
 * @see Linux arch/powerpc/mm/book3s64/hash_tlb.c, `__flush_tlb_pending`; hash_native.c, `native_flush_hash_range` (6.12.117)
 */
export function* __flush_tlb_pending(cpu: Cpu): Steps<void> {
  const pending = cpu.tlbBatch?.pending.splice(0) ?? [];
  if (pending.length === 0) return;
  const c = cpu.in('__flush_tlb_pending');
  for (const what of pending) yield* c.invalidate(what);
  yield* c.complete();
}

/**
 * Invalidates the HPTEs of base pages in a range, and waits: one step for what the kernel does entry by entry. In lazy MMU mode it
 * is put off, on a machine that can keep a batch.
 * @see Linux arch/powerpc/mm/book3s64/hash_tlb.c, `hpte_need_flush` (6.12.117)
 */
export function* flushHptes(env: PpcEnv, cpu: Cpu, mm: MmRef, start: Vaddr, sizeBytes: number): Steps<void> {
  const end = __vaddr(start + BigInt(sizeBytes));
  const count = sizeBytes >> env.layout.PAGE_SHIFT;
  const what = { instruction: 'tlbie HPTE', mm, start, end, count };
  const batch = cpu.tlbBatch;
  if (batch?.active === true) {
    batch.pending.push(what);
    if (batch.pending.length >= PPC64_TLB_BATCH_NR) yield* __flush_tlb_pending(cpu);
    return;
  }
  yield* cpu.invalidate(what);
  yield* cpu.complete();
}

/**
 * The sequences that arm32 has of its own. Entries are stored rewritten (`storedPmd`, `storedPte`), and a pmd store ends
 * in `flush_pmd_entry`, a `dsb ishst`; a pte store has no barrier on SMP. No walker writes to the tables, so nothing is
 * atomic: `pmdp_establish` is a load and a store, and everything else is generic on top of `set_pmd_at`.
 *
 * @see Linux arch/arm/include/asm/pgtable-3level.h; arch/arm/mm/proc-v7-3level.S; arch/arm/include/asm/tlbflush.h,
 *   `flush_pmd_entry`; arch/arm/include/asm/pgalloc.h (6.1.192, 6.12.117); fact sheet 4.2
 */
import {
  completeSequences, type Cpu, type Env, generic_pmdp_establish, type PmdHelpers, type PteHelpers, type Sequences,
  type Slot, type Steps, type Vaddr, type VmaRef,
} from '@ptemu/arch'; // prettier-ignore
import { storedPmd } from './pmd.js';
import { storedPte } from './pte.js';
import { flushes } from './tlb.js';

/** Makes the sequences of a build. */
export function sequencesOf(
  env: Env,
  helpers: { readonly pmd: PmdHelpers; readonly pte: PteHelpers },
): Sequences {
  const { kernel } = env;
  const { pmd: pmdOps, pte: pteOps } = helpers;

  const set_pmd_at: Sequences['set_pmd_at'] = function* (cpu, _mm, address, pmdp, pmd) {
    const c = cpu.in('set_pmd_at');
    yield* c.store(pmdp, storedPmd(env, pmdOps, address, pmd));
    yield* c.barrier('dsb(ishst)');
  };

  return completeSequences(env, helpers, {
    ...flushes(env.config),
    set_pmd_at,
    *pmd_populate(cpu, _mm, pmdp, table): Steps<void> {
      const c = cpu.in('pmd_populate');
      yield* c.store(pmdp, pmdOps.pmd_populate(table));
      yield* c.barrier('dsb(ishst)');
    },
    ...(kernel.has('c58f0bb77ed8') && {
      pmdp_establish: (cpu: Cpu, vma: VmaRef, address: Vaddr, pmdp: Slot<'pmd'>, pmd: bigint) =>
        generic_pmdp_establish(set_pmd_at, cpu, vma, address, pmdp, pmd),
    }),
    ...(!kernel.has('pmd-splitting-removed') && {
      // The interrupt is what lockless GUP waits for. No TLB entry is invalidated: the translation stays what it was.
      *pmdp_splitting_flush(cpu: Cpu, vma: VmaRef, address: Vaddr, pmdp: Slot<'pmd'>): Steps<void> {
        const c = cpu.in('pmdp_splitting_flush');
        const pmd = pmdOps.pmd_mksplitting?.(yield* c.load(pmdp)) ?? 0n;
        yield* set_pmd_at(c, vma.vm_mm, address, pmdp, pmd);
        yield* c.in('kick_all_cpus_sync').crossCall({});
      },
    }),

    *set_pte_at(cpu, _mm, address, ptep, pte): Steps<void> {
      yield* cpu.in('set_pte_at').store(ptep, storedPte(env, pteOps, address, pte));
    },
  });
}

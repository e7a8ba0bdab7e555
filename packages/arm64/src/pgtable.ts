/**
 * The sequences that arm64 has of its own. Since 4.3 the walker may set the access flag and the dirty state by itself, so
 * a live entry is changed by an exclusive or atomic instruction; before, and for what has no form of its own, generic code.
 *
 * Barriers: a store of a valid kernel pte, and of a table entry, is followed by `dsb ishst` (and `isb`), so that the
 * walker sees it; user ptes have none, a stale "not there" only costs another fault. 6.19 may put these barriers off to the end of
 * a lazy-MMU section; here they follow the store, as outside of such a section.
 * @see Linux arch/arm64/include/asm/pgtable.h, pgalloc.h; arch/arm64/mm/fault.c (6.1.192, 6.12.117); fact sheet 5.2
 */
import {
  completeSequences, type Cpu, type MmRef, type PmdHelpers, type PteHelpers, type Sequences, type Slot, type Steps,
  type Vaddr, type VmaRef,
} from '@ptemu/arch'; // prettier-ignore
import { arm64Bits, PTE_AF, PTE_CONT, PTE_DIRTY, PTE_RDONLY, PTE_USER, PTE_VALID } from './bits.js';
import { contpteOf } from './contpte.js';
import type { Arm64Env } from './layout.js';
import { flushes } from './tlb.js';

type Leaf = Slot<'pmd'> | Slot<'pte'>;

/** Makes the sequences of a build. */
export function sequencesOf(
  env: Arm64Env,
  helpers: { readonly pmd: PmdHelpers; readonly pte: PteHelpers },
): Sequences {
  const { kernel } = env;
  const { pmd: pmdOps, pte: pteOps } = helpers;
  const b = arm64Bits(env);
  const { __flush_tlb_range, ...tlb } = flushes(env);
  const contpte = contpteOf(env, pteOps, __flush_tlb_range);
  const atomic = kernel.has('2f4b829c625e');
  const ownAccessFlags = kernel.has('arm64-set-access-flags');
  const mksplitting = pmdOps.pmd_mksplitting;

  /**
   * What `set_pte_at` stores: up to 4.13 it decides about PTE_RDONLY, for user entries (up to 4.4), valid ones (4.5), or
   * valid and PROT_NONE ones.
   */
  function stored(entry: bigint): bigint {
    if (kernel.has('73e86cb03cf2')) return entry;
    const valid = (entry & PTE_VALID) !== 0n;
    const applies = kernel.has('arm64-rdonly-for-present')
      ? valid || (entry & b.PTE_PROT_NONE) !== 0n
      : valid && (kernel.has('arm64-rdonly-for-valid') || (entry & PTE_USER) !== 0n);
    if (!applies) return entry;
    const writes = PTE_DIRTY | b.PTE_WRITE;
    return (entry & writes) === writes ? entry & ~PTE_RDONLY : entry | PTE_RDONLY;
  }

  function* set_pte(c: Cpu, slot: Leaf, entry: bigint): Steps<void> {
    yield* c.store(slot, entry);
    if (pteOps.pte_valid_not_user?.(entry) === true) {
      yield* c.barrier('dsb(ishst)');
      yield* c.barrier('isb');
    }
  }

  function* set_pmd(c: Cpu, pmdp: Slot<'pmd'>, entry: bigint): Steps<void> {
    yield* c.store(pmdp, entry);
    if (kernel.has('arm64-set-pmd-barrier-if-valid') && (entry & PTE_VALID) === 0n) return;
    yield* c.barrier('dsb(ishst)');
    if (!kernel.has('arm64-set-pmd-barrier-if-valid') || kernel.has('arm64-set-pmd-isb')) {
      yield* c.barrier('isb');
    }
  }

  /** What `ptep_set_wrprotect` makes of an entry: dirty as the hardware knows it becomes PTE_DIRTY, but for 4.14. */
  function wrprotected(entry: bigint): bigint {
    if (kernel.has('ff1712f953e2')) return pteOps.pte_wrprotect(entry);
    if (kernel.has('8781bcbc5e69')) {
      const kept = pteOps.pte_hw_dirty?.(entry) === true ? pteOps.pte_mkdirty(entry) : entry;
      return pteOps.pte_wrprotect(kept);
    }
    if (kernel.has('73e86cb03cf2')) return pteOps.pte_wrprotect(entry);
    const kept = (entry & PTE_RDONLY) === 0n ? entry | PTE_DIRTY | PTE_RDONLY : entry;
    return kept & ~b.PTE_WRITE;
  }

  const set_wrprotect = (c: Cpu, slot: Leaf): Steps<void> => replaced(c, slot, wrprotected);

  function* test_and_clear_young(c: Cpu, slot: Leaf): Steps<boolean> {
    const old: bigint = yield* c.update(slot, { clear: PTE_AF, set: 0n });
    return (old & PTE_AF) !== 0n;
  }

  /**
   * Makes an entry more permissive: of `entry` only the access and dirty state and the write permission count, and what
   * the hardware has recorded meanwhile is kept. A write fault may have come from a stale read-only TLB entry: flushed since 6.1.
   */
  function* set_access_flags(
    c: Cpu,
    vma: VmaRef,
    address: Vaddr,
    slot: Leaf,
    entry: bigint,
    dirty: boolean,
  ): Steps<boolean> {
    const pte: bigint = yield* c.load(slot);
    if (pte === entry) return false;
    const added = (entry & (PTE_AF | b.PTE_WRITE | PTE_DIRTY)) | (~stored(entry) & PTE_RDONLY);
    yield* replacedFrom(c, slot, pte, (old) => ((old ^ PTE_RDONLY) | added) ^ PTE_RDONLY);
    if (dirty && kernel.has('arm64-set-access-flags-flush')) yield* tlb.flush_tlb_page(c, vma, address);
    return true;
  }

  return completeSequences(env, helpers, {
    ...tlb,
    arch_supports_page_table_move: () => kernel.has('arm64-have-move-pmd'),
    ...(kernel.has('c58f0bb77ed8') && {
      pmdp_establish: (cpu: Cpu, _vma: VmaRef, _address: Vaddr, pmdp: Slot<'pmd'>, pmd: bigint) =>
        cpu.in('pmdp_establish').xchg(pmdp, pmd),
    }),
    // 4.3 to 4.5 defined it under the old name only, and generic code used the form that is not atomic.
    ...(atomic &&
      kernel.has('911f56eeb87e') && {
        pmdp_huge_get_and_clear: (cpu: Cpu, _mm: MmRef, _address: Vaddr, pmdp: Slot<'pmd'>) =>
          cpu.in('pmdp_huge_get_and_clear').xchg(pmdp, 0n),
      }),
    ...(atomic && {
      pmdp_set_wrprotect: (cpu: Cpu, _mm: MmRef, _address: Vaddr, pmdp: Slot<'pmd'>) =>
        set_wrprotect(cpu.in('pmdp_set_wrprotect'), pmdp),
      pmdp_test_and_clear_young: (cpu: Cpu, _vma: VmaRef, _address: Vaddr, pmdp: Slot<'pmd'>) =>
        test_and_clear_young(cpu.in('pmdp_test_and_clear_young'), pmdp),
    }),
    ...(ownAccessFlags && {
      pmdp_set_access_flags: (
        cpu: Cpu,
        vma: VmaRef,
        address: Vaddr,
        pmdp: Slot<'pmd'>,
        entry: bigint,
        { dirty }: { readonly dirty: boolean },
      ) => set_access_flags(cpu.in('pmdp_set_access_flags'), vma, address, pmdp, entry, dirty),
    }),
    set_pmd_at: (cpu, _mm, _address, pmdp, pmd) => set_pte(cpu.in('set_pmd_at'), pmdp, stored(pmd)),
    pmd_clear: (cpu, pmdp) => set_pmd(cpu.in('pmd_clear'), pmdp, 0n),
    pmd_populate: (cpu, _mm, pmdp, table) =>
      set_pmd(cpu.in('pmd_populate'), pmdp, pmdOps.pmd_populate(table)),
    ...(mksplitting && {
      // Lockless walkers run with interrupts off: the interrupt to every CPU waits for them. No TLB entry is dropped.
      *pmdp_splitting_flush(cpu: Cpu, vma: VmaRef, address: Vaddr, pmdp: Slot<'pmd'>): Steps<void> {
        const c = cpu.in('pmdp_splitting_flush');
        const old = yield* c.load(pmdp);
        yield* set_pte(c, pmdp, stored(mksplitting(old)));
        yield* c.in('kick_all_cpus_sync').crossCall({});
      },
    }),

    *set_pte_at(cpu, mm, address, ptep, pte): Steps<void> {
      const c = cpu.in('set_pte_at');
      if (contpte === undefined) return yield* set_pte(c, ptep, stored(pte));
      yield* contpte.tryUnfold(c, mm, address, ptep);
      yield* set_pte(c, ptep, stored(pte) & ~PTE_CONT);
    },
    *pte_clear(cpu, mm, address, ptep): Steps<void> {
      const c = cpu.in('pte_clear');
      if (contpte !== undefined) yield* contpte.tryUnfold(c, mm, address, ptep);
      yield* set_pte(c, ptep, 0n);
    },
    ...(atomic && {
      *ptep_get_and_clear(cpu: Cpu, mm: MmRef, address: Vaddr, ptep: Slot<'pte'>) {
        const c = cpu.in('ptep_get_and_clear');
        if (contpte !== undefined) yield* contpte.tryUnfold(c, mm, address, ptep);
        return yield* c.xchg(ptep, 0n);
      },
      *ptep_set_wrprotect(cpu: Cpu, mm: MmRef, address: Vaddr, ptep: Slot<'pte'>): Steps<void> {
        const c = cpu.in('ptep_set_wrprotect');
        if (contpte !== undefined) yield* contpte.tryUnfold(c, mm, address, ptep);
        yield* set_wrprotect(c, ptep);
      },
      *ptep_test_and_clear_young(cpu: Cpu, _vma: VmaRef, _address: Vaddr, ptep: Slot<'pte'>): Steps<boolean> {
        const c = cpu.in('ptep_test_and_clear_young');
        let young = false;
        const slots = contpte === undefined ? [ptep] : yield* contpte.siblings(c, ptep);
        for (const slot of slots) young = (yield* test_and_clear_young(c, slot)) || young;
        return young;
      },
    }),
    *ptep_set_access_flags(cpu, vma, address, ptep, entry, { dirty }): Steps<boolean> {
      const c = cpu.in('ptep_set_access_flags');
      if (ownAccessFlags) {
        if (contpte !== undefined) yield* contpte.tryUnfold(c, vma.vm_mm, address, ptep);
        const wanted = contpte === undefined ? entry : entry & ~PTE_CONT;
        return yield* set_access_flags(c, vma, address, ptep, wanted, dirty);
      }
      // Generic, and flush_tlb_fix_spurious_fault() is nothing here: the invalidations are broadcast.
      const old = yield* c.load(ptep);
      if (old === entry) return false;
      yield* set_pte(c, ptep, stored(entry));
      return true;
    },
  });
}

/** Replaces an entry by a function of it; repeats while somebody (the walker included) changed it in between. */
function* replaced(c: Cpu, slot: Leaf, change: (entry: bigint) => bigint): Steps<void> {
  yield* replacedFrom(c, slot, yield* c.load(slot), change);
}

function* replacedFrom(c: Cpu, slot: Leaf, seen: bigint, change: (entry: bigint) => bigint): Steps<void> {
  let expected = seen;
  for (;;) {
    const old: bigint = yield* c.cmpxchg(slot, expected, change(expected));
    if (old === expected) return;
    expected = old;
  }
}

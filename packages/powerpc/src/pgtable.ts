/**
 * The sequences that write page tables and that powerpc has of its own: all of them, since hash must follow every change
 * of an entry with the invalidation of its HPTEs.
 *
 * @see Linux arch/powerpc/mm/book3s64/pgtable.c, hash_pgtable.c, radix_pgtable.c; asm/book3s/64/pgtable.h (6.1.192, 6.12.117)
 * @see fact sheet 8.3 for older releases
 */
import {
  type Cpu, type MmRef, type OwnSequences, type Pmd, type PmdHelpers, type Pte, type PteHelpers, type Slot, type Steps,
  type Vaddr, __paddr, __vaddr,
} from '@ptemu/arch'; // prettier-ignore
import { hashDeposit, radixDeposit } from './deposit.js';
import type { PpcEnv } from './env.js';
import { __hash_page, __hash_page_thp, depositSlot, hpte_do_hugepage_flush, pteFragSize } from './hash.js';
import { flushes, radix__flush_tlb_collapsed_pmd } from './tlb.js';
import {
  type Change,
  change,
  __flush_tlb_pending,
  flushHptes,
  pmd_hugepage_update,
  pte_update,
  serialize,
} from './update.js';

const ALL_BITS = (1n << 64n) - 1n;

/** The sequences of powerpc. */
export function ownSequences(env: PpcEnv, pmd: PmdHelpers, pte: PteHelpers): OwnSequences {
  return {
    ...flushes(env),
    arch_supports_page_table_move: () => env.mmu === 'radix' && env.kernel.has('ppc-have-move-pmd'),
    ...(env.mmu === 'hash' && {
      *arch_enter_lazy_mmu_mode(cpu: Cpu): Steps<void> {
        if (cpu.tlbBatch) cpu.tlbBatch.active = true;
      },
      *arch_leave_lazy_mmu_mode(cpu: Cpu): Steps<void> {
        yield* __flush_tlb_pending(cpu);
        if (cpu.tlbBatch) cpu.tlbBatch.active = false;
      },
    }),
    ...pmdSequences(env, pmd),
    ...collapse(env),
    ...(env.mmu === 'hash' ? hashDeposit(env) : radixDeposit(env)),
    ...pteSequences(env, pte),
    ...(env.mmu === 'hash' &&
      env.page === '64k' && {
        __hash_page_thp: (cpu, address, pmdp, access, insert) =>
          __hash_page_thp(env, cpu, address, pmdp, access, insert),
        __hash_page: (cpu, ptep, access, insert) => __hash_page(env, cpu, ptep, access, insert),
      }),
    *serialize_against_pte_lookup(cpu, mm) {
      yield* serialize(env, cpu, mm);
    },
  };
}

function pmdSequences(env: PpcEnv, pmd: PmdHelpers) {
  const { kernel, bits: b, mmu, layout } = env;
  const clearIpi = kernel.has('13bd817bb884') && !kernel.has('ppc-pmd-clear-no-ipi');
  const invalidateIpi = kernel.has('c777e2a8b654') && !kernel.has('ppc-pmd-clear-no-ipi');
  const invalidate: Change = {
    clear: b._PAGE_PRESENT,
    set: kernel.has('bd0dbb73e013') ? b._PAGE_INVALID : 0n,
  };
  const { flush_pmd_tlb_range, flush_tlb_range } = flushes(env);
  const flushHuge = kernel.has('ppc-flush-pmd-tlb-range') ? flush_pmd_tlb_range : flush_tlb_range;
  const hugeRange = (start: Vaddr) => ({ start, end: __vaddr(start + BigInt(layout.HPAGE_PMD_SIZE)) });
  const update = (cpu: Cpu, mm: MmRef, address: Vaddr, pmdp: Slot<'pmd'>, what: Change) =>
    pmd_hugepage_update(env, cpu, mm, address, pmdp, what);

  function* getAndClear(cpu: Cpu, mm: MmRef, address: Vaddr, pmdp: Slot<'pmd'>): Steps<Pmd> {
    const c = cpu.in('pmdp_huge_get_and_clear');
    if (kernel.has('ppc-clear-nonpresent-pmd')) {
      const now = yield* c.load(pmdp);
      if (!pmd.pmd_present(now)) {
        yield* c.store(pmdp, 0n);
        return now;
      }
    }
    const old = yield* update(c, mm, address, pmdp, { clear: ALL_BITS, set: 0n });
    if (mmu === 'hash') {
      const table = __paddr(yield* c.load(depositSlot(env, pmdp)));
      if (table !== 0n) yield* c.fill(table, pteFragSize(env), 0n);
    }
    if (clearIpi) yield* serialize(env, c, mm);
    return old;
  }

  return {
    *pmdp_invalidate(cpu, vma, address, pmdp) {
      const c = cpu.in('pmdp_invalidate');
      const old = yield* update(c, vma.vm_mm, address, pmdp, invalidate);
      yield* flushHuge(c, vma, hugeRange(address));
      if (invalidateIpi) yield* serialize(env, c, vma.vm_mm);
      return old;
    },
    pmdp_huge_get_and_clear: getAndClear,
    ...(kernel.has('ppc-pmd-clear-no-ipi') && {
      *pmdp_huge_get_and_clear_full(cpu, vma, address, pmdp, { full }): Steps<Pmd> {
        const c = cpu.in('pmdp_huge_get_and_clear_full');
        const old = yield* getAndClear(c, vma.vm_mm, address, pmdp);
        // What is not present has nothing to flush: tested before the call in the kernel, on the same value.
        if (pmd.pmd_present(old) && !full) yield* flushHuge(c, vma, hugeRange(address));
        return old;
      },
    }),
    ...(mmu === 'hash' &&
      kernel.has('c777e2a8b654') &&
      !kernel.has('ppc-split-prepare-removed') && {
        *pmdp_huge_split_prepare(cpu, vma, address, pmdp): Steps<void> {
          const noUser =
            b.format === 'radix' ? { clear: 0n, set: b._PAGE_PRIVILEGED } : { clear: b._PAGE_USER, set: 0n };
          yield* update(cpu.in('pmdp_huge_split_prepare'), vma.vm_mm, address, pmdp, noUser);
        },
      }),
    ...(!kernel.has('pmd-splitting-removed') && {
      *pmdp_splitting_flush(cpu, vma, address, pmdp): Steps<void> {
        const c = cpu.in('pmdp_splitting_flush');
        const old = yield* change(env, c, pmdp, { clear: 0n, set: b._PAGE_SPLITTING });
        if ((old & b._PAGE_SPLITTING) === 0n && (old & b.H_PAGE_HASHPTE) !== 0n) {
          yield* hpte_do_hugepage_flush(env, c, vma.vm_mm, address, pmdp);
        }
        yield* serialize(env, c, vma.vm_mm);
      },
    }),
    *pmdp_set_wrprotect(cpu, mm, address, pmdp) {
      const c = cpu.in('pmdp_set_wrprotect');
      const what = wrprotectChange(env, yield* c.load(pmdp));
      if (what !== undefined) yield* update(c, mm, address, pmdp, what);
    },
    *pmdp_test_and_clear_young(cpu, vma, address, pmdp) {
      const c = cpu.in('pmdp_test_and_clear_young');
      const now = yield* c.load(pmdp);
      if ((now & (b._PAGE_ACCESSED | b.H_PAGE_HASHPTE)) === 0n) return false;
      const old = yield* update(c, vma.vm_mm, address, pmdp, { clear: b._PAGE_ACCESSED, set: 0n });
      return (old & b._PAGE_ACCESSED) !== 0n;
    },
    *pmdp_set_access_flags(cpu, vma, address, pmdp, entry) {
      const c = cpu.in('pmdp_set_access_flags');
      const now = yield* c.load(pmdp);
      if (pmd.pmd_same(now, entry)) return false;
      yield* change(env, c, pmdp, { clear: 0n, set: entry & relaxed(env) });
      if (flushesOnRelax(env)) yield* flushHuge(c, vma, hugeRange(address));
      return true;
    },
    *set_pmd_at(cpu, _mm, _address, pmdp, value) {
      yield* cpu.in('set_pmd_at').store(pmdp, asStored(env, value));
    },
  } satisfies Partial<OwnSequences>;
}

/** What `set_pte_at` and `set_pmd_at` store: on hash without the marks of HPTEs, from 4.7 on with the leaf bit. */
const asStored = ({ mmu, bits: b }: PpcEnv, value: bigint): bigint =>
  (mmu === 'hash' ? value & ~b._PAGE_HPTEFLAGS : value) | (b.format === 'radix' ? b._PAGE_PTE : 0n);

/** The bits that a fault may add to an entry. @see Linux asm/book3s/64/hash.h, `hash__ptep_set_access_flags` (6.12.117) */
const relaxed = ({ bits: b }: PpcEnv): bigint =>
  b._PAGE_DIRTY | b._PAGE_ACCESSED | b._PAGE_READ | b._PAGE_WRITE | b._PAGE_EXEC | b._PAGE_SOFT_DIRTY;

/** 4.5 to 4.16, radix: a changed entry is flushed although access was only added. */
const flushesOnRelax = ({ kernel, mmu }: PpcEnv): boolean =>
  mmu === 'radix' && !kernel.has('ppc-no-flush-on-relax');

/** How write access is taken from an entry; undefined when it has none. A saved write is taken by PRIVILEGED. */
function wrprotectChange(env: PpcEnv, entry: bigint): Change | undefined {
  const { kernel, config, bits: b } = env;
  if ((entry & b._PAGE_WRITE) !== 0n) return { clear: b._PAGE_WRITE, set: 0n };
  const saved =
    kernel.has('ppc-savedwrite') && !kernel.has('savedwrite-removed') && config['NUMA_BALANCING'] === true;
  const guarded = b._PAGE_READ | b._PAGE_WRITE | b._PAGE_EXEC | b._PAGE_PRIVILEGED;
  return saved && (entry & guarded) === 0n ? { clear: 0n, set: b._PAGE_PRIVILEGED } : undefined;
}

/**
 * `pmdp_collapse_flush`: takes the pointer to a pte table away, for khugepaged. Hash must wait for low-level faults that
 * read the pointer before, or they would insert HPTEs after the flush.
 * @see Linux arch/powerpc/mm/book3s64/hash_pgtable.c, radix_pgtable.c (6.12.117); fact sheet 8.3
 */
function collapse(env: PpcEnv) {
  const { kernel, mmu, layout } = env;
  const ipi = mmu === 'hash' || !kernel.has('bedf03416913');
  return {
    *pmdp_collapse_flush(cpu, vma, address, pmdp) {
      const c = cpu.in('pmdp_collapse_flush');
      const old = yield* c.load(pmdp);
      yield* c.store(pmdp, 0n);
      if (ipi) yield* serialize(env, c, vma.vm_mm);
      if (mmu === 'hash') yield* flushHptes(env, c, vma.vm_mm, address, layout.HPAGE_PMD_SIZE);
      else yield* radix__flush_tlb_collapsed_pmd(env, c, vma.vm_mm, address);
      return old;
    },
  } satisfies Partial<OwnSequences>;
}

function pteSequences(env: PpcEnv, pte: PteHelpers) {
  const { kernel, bits: b, mmu } = env;
  const { flush_tlb_page } = flushes(env);
  const update = (cpu: Cpu, mm: MmRef, address: Vaddr, ptep: Slot<'pte'>, what: Change) =>
    pte_update(env, cpu, mm, address, ptep, what);
  const everything: Change = { clear: ALL_BITS, set: 0n };
  return {
    *set_pte_at(cpu, _mm, _address, ptep, value) {
      yield* cpu.in('set_pte_at').store(ptep, asStored(env, value));
    },
    *pte_clear(cpu, mm, address, ptep) {
      yield* update(cpu.in('pte_clear'), mm, address, ptep, everything);
    },
    *ptep_get_and_clear(cpu, mm, address, ptep) {
      return yield* update(cpu.in('ptep_get_and_clear'), mm, address, ptep, everything);
    },
    *ptep_get_and_clear_full(cpu, mm, address, ptep, { full }) {
      const c = cpu.in('ptep_get_and_clear_full');
      if (!full || mmu === 'hash') return yield* update(c, mm, address, ptep, everything);
      const old = yield* c.load(ptep);
      yield* c.store(ptep, 0n);
      return old;
    },
    *ptep_set_wrprotect(cpu, mm, address, ptep) {
      const c = cpu.in('ptep_set_wrprotect');
      const what = wrprotectChange(env, yield* c.load(ptep));
      if (what !== undefined) yield* update(c, mm, address, ptep, what);
    },
    *ptep_test_and_clear_young(cpu, vma, address, ptep) {
      const c = cpu.in('ptep_test_and_clear_young');
      const now = yield* c.load(ptep);
      if ((now & (b._PAGE_ACCESSED | b.H_PAGE_HASHPTE)) === 0n) return false;
      const old = yield* update(c, vma.vm_mm, address, ptep, { clear: b._PAGE_ACCESSED, set: 0n });
      return (old & b._PAGE_ACCESSED) !== 0n;
    },
    *ptep_set_access_flags(cpu, vma, address, ptep, entry) {
      const c = cpu.in('ptep_set_access_flags');
      const now = yield* c.load(ptep);
      if (pte.pte_same(now, entry)) return false;
      yield* change(env, c, ptep, { clear: 0n, set: entry & relaxed(env) });
      if (flushesOnRelax(env)) yield* flush_tlb_page(c, vma, address);
      return true;
    },
    ...(kernel.has('ppc-modify-prot-start') && {
      *ptep_modify_prot_start(cpu, vma, address, ptep): Steps<Pte> {
        const c = cpu.in('ptep_modify_prot_start');
        const what = { clear: b._PAGE_PRESENT, set: b._PAGE_INVALID };
        return yield* update(c, vma.vm_mm, address, ptep, what);
      },
    }),
  } satisfies Partial<OwnSequences>;
}

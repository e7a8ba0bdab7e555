/**
 * The sequences that x86_64 has of its own: the walker sets A and D at any time, so every change of a live entry is one
 * locked instruction. Everything else is generic.
 * @see Linux arch/x86/include/asm/pgtable.h; arch/x86/mm/pgtable.c (6.1.192, 6.12.117); fact sheet 6.2
 */
import {
  __vaddr, completeSequences, type Cpu, type Env, type PmdHelpers, type PteHelpers, type Sequences, type Slot,
  type Steps, type Vaddr,
} from '@ptemu/arch'; // prettier-ignore
import { _PAGE_ACCESSED, _PAGE_RW, x86Bits } from './bits.js';
import { switchMm } from './context.js';
import { flushes } from './tlb.js';

/** Makes the sequences of a build. */
export function sequencesOf(
  env: Env,
  helpers: { readonly pmd: PmdHelpers; readonly pte: PteHelpers },
): Sequences {
  const { kernel, layout, cpu: features } = env;
  const { pmd: pmdOps, pte: pteOps } = helpers;
  const { _PAGE_SPLITTING } = x86Bits(env);
  const tlb = flushes(kernel, features);
  const hugeEnd = (address: Vaddr): Vaddr => __vaddr(address + BigInt(layout.HPAGE_PMD_SIZE));
  // The general form must not make RW=0, D=1 by clearing RW alone.
  const wrprotect = kernel.has('x86-saved-dirty') ? wrprotectByCmpxchg : wrprotectByClearBit;
  const mkinvalid = pmdOps.pmd_mkinvalid ?? pmdOps.pmd_mknotpresent;

  return completeSequences(env, helpers, {
    ...tlb,
    switch_mm_irqs_off: switchMm(kernel),
    arch_supports_page_table_move: () => kernel.has('9f132f7e1455'),
    ...(kernel.has('c58f0bb77ed8') && {
      pmdp_establish: (cpu: Cpu, _vma, _address, pmdp: Slot<'pmd'>, pmd: bigint) =>
        cpu.in('pmdp_establish').xchg(pmdp, pmd),
    }),
    ...(kernel.has('pmdp-invalidate-ad') && {
      // No flush: once the entry is not present the walker cannot set A or D in it any more.
      *pmdp_invalidate_ad(cpu: Cpu, _vma, _address, pmdp: Slot<'pmd'>) {
        const c = cpu.in('pmdp_invalidate_ad');
        const entry = yield* c.load(pmdp);
        return yield* c.in('pmdp_establish').xchg(pmdp, mkinvalid?.(entry) ?? entry);
      },
    }),
    pmdp_huge_get_and_clear: (cpu, _mm, _address, pmdp) => cpu.in('pmdp_huge_get_and_clear').xchg(pmdp, 0n),
    pmdp_set_wrprotect: (cpu, _mm, _address, pmdp) =>
      wrprotect(cpu.in('pmdp_set_wrprotect'), pmdp, pmdOps.pmd_wrprotect),
    pmdp_test_and_clear_young: (cpu, _vma, _address, pmdp) =>
      testAndClearYoung(cpu.in('pmdp_test_and_clear_young'), pmdp, pmdOps.pmd_young),
    *pmdp_set_access_flags(cpu, _vma, _address, pmdp, entry, { dirty }): Steps<boolean> {
      const c = cpu.in('pmdp_set_access_flags');
      const changed = !pmdOps.pmd_same(yield* c.load(pmdp), entry);
      if (changed && dirty) yield* c.store(pmdp, entry);
      return changed;
    },
    ...(_PAGE_SPLITTING !== 0n && {
      // The IPI of the flush is what lockless GUP waits for.
      *pmdp_splitting_flush(cpu: Cpu, vma, address: Vaddr, pmdp: Slot<'pmd'>): Steps<void> {
        const c = cpu.in('pmdp_splitting_flush');
        const old = yield* c.update(pmdp, { clear: 0n, set: _PAGE_SPLITTING });
        if ((old & _PAGE_SPLITTING) === 0n) {
          yield* tlb.flush_tlb_range(c, vma, { start: address, end: hugeEnd(address) });
        }
      },
    }),

    ptep_get_and_clear: (cpu, _mm, _address, ptep) => cpu.in('ptep_get_and_clear').xchg(ptep, 0n),
    *ptep_get_and_clear_full(cpu, _mm, _address, ptep, { full }) {
      const c = cpu.in('ptep_get_and_clear_full');
      if (!full) return yield* c.in('ptep_get_and_clear').xchg(ptep, 0n);
      // Nobody else uses the address space: no locked instruction.
      const old = yield* c.load(ptep);
      yield* c.store(ptep, 0n);
      return old;
    },
    ptep_set_wrprotect: (cpu, _mm, _address, ptep) =>
      wrprotect(cpu.in('ptep_set_wrprotect'), ptep, pteOps.pte_wrprotect),
    ptep_test_and_clear_young: (cpu, _vma, _address, ptep) =>
      testAndClearYoung(cpu.in('ptep_test_and_clear_young'), ptep, pteOps.pte_young),
    *ptep_set_access_flags(cpu, _vma, _address, ptep, entry, { dirty }): Steps<boolean> {
      const c = cpu.in('ptep_set_access_flags');
      const changed = !pteOps.pte_same(yield* c.load(ptep), entry);
      if (changed && dirty) yield* c.store(ptep, entry);
      return changed;
    },
  });
}

type Leaf = Slot<'pmd'> | Slot<'pte'>;

function* wrprotectByClearBit(c: Cpu, slot: Leaf): Steps<void> {
  yield* c.update(slot, { clear: _PAGE_RW, set: 0n });
}

/** Repeats until nobody (the walker included) changed the entry between the load and the exchange. */
function* wrprotectByCmpxchg(c: Cpu, slot: Leaf, wrprotect: (entry: bigint) => bigint): Steps<void> {
  let expected: bigint = yield* c.load(slot);
  for (;;) {
    const seen: bigint = yield* c.cmpxchg(slot, expected, wrprotect(expected));
    if (seen === expected) return;
    expected = seen;
  }
}

/** Looks first, and clears the bit with a locked instruction only where it was set. */
function* testAndClearYoung(c: Cpu, slot: Leaf, young: (entry: bigint) => boolean): Steps<boolean> {
  const entry: bigint = yield* c.load(slot);
  if (!young(entry)) return false;
  const old: bigint = yield* c.update(slot, { clear: _PAGE_ACCESSED, set: 0n });
  return (old & _PAGE_ACCESSED) !== 0n;
}

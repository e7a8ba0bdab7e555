import type { Cpu, Env, MmRef, Pte, PteHelpers, Sequences, Slot, Steps, Vaddr } from '@ptemu/arch';
import { _PAGE_INVALID, _PAGE_NOEXEC, _PAGE_PRESENT, _PAGE_UNUSED } from './bits.js';
import { ORIGIN_ALIGNMENT } from './layout.js';
import { flushMmCell } from './tlb.js';

type Xchg = (cpu: Cpu, mm: MmRef, address: Vaddr, ptep: Slot<'pte'>, value: bigint) => Steps<Pte>;

/**
 * The sequences on ptes: the same with IPTE, whose table-origin operand is the pte's own address.
 * @see Linux arch/s390/mm/pgtable.c, `ptep_xchg_direct`, `ptep_xchg_lazy` (6.12.117)
 */
export function pteSequences(env: Env, ops: PteHelpers): Partial<Sequences> {
  const localClearing = env.cpu['tlbLc'] === true;
  const strips = env.cpu['nx'] !== true && !env.kernel.has('s390-set-pmd-keeps-noexec');
  const sets = _PAGE_INVALID;

  function* ipte(cpu: Cpu, mm: MmRef, va: Vaddr, ptep: Slot<'pte'>, scope: 'local' | 'global'): Steps<void> {
    yield* cpu.in('__ptep_ipte').purgeEntry({
      instruction: 'IPTE',
      level: 'pte',
      origin: ptep.paddr,
      originAlignment: ORIGIN_ALIGNMENT.pte,
      va,
      sets,
      mm,
      scope,
    });
  }

  const direct: Xchg = function* (cpu, mm, address, ptep, value): Steps<Pte> {
    const c = cpu.in('ptep_xchg_direct');
    const old = yield* c.load(ptep);
    if ((old & sets) === 0n) {
      const local = localClearing && (yield* c.isOnlyUser(mm));
      yield* ipte(c, mm, address, ptep, local ? 'local' : 'global');
    }
    yield* c.store(ptep, value);
    return old;
  };

  function* flushLazy(cpu: Cpu, mm: MmRef, address: Vaddr, ptep: Slot<'pte'>): Steps<Pte> {
    const c = cpu.in('ptep_flush_lazy');
    const old = yield* c.load(ptep);
    if ((old & sets) !== 0n) return old;
    if (yield* c.isOnlyUser(mm)) {
      yield* c.store(ptep, (yield* c.load(ptep)) | sets);
      yield* c.write(flushMmCell(mm), 1n);
    } else {
      yield* ipte(c, mm, address, ptep, 'global');
    }
    return old;
  }

  const lazy: Xchg = function* (cpu, mm, address, ptep, value): Steps<Pte> {
    const c = cpu.in('ptep_xchg_lazy');
    const old = yield* flushLazy(c, mm, address, ptep);
    yield* c.store(ptep, value);
    return old;
  };

  return {
    *set_pte_at(cpu, _mm, _address, ptep, pte): Steps<void> {
      const value = (pte & _PAGE_PRESENT) !== 0n ? pte & ~_PAGE_UNUSED : pte;
      yield* cpu.in('set_pte_at').store(ptep, value);
    },
    ptep_get_and_clear: (cpu, mm, address, ptep) =>
      lazy(cpu.in('ptep_get_and_clear'), mm, address, ptep, _PAGE_INVALID),
    *ptep_get_and_clear_full(cpu, mm, address, ptep, { full }): Steps<Pte> {
      const c = cpu.in('ptep_get_and_clear_full');
      if (!full) return yield* lazy(c, mm, address, ptep, _PAGE_INVALID);
      const old = yield* c.load(ptep);
      yield* c.store(ptep, _PAGE_INVALID);
      return old;
    },
    ptep_clear_flush: (cpu, vma, address, ptep) =>
      direct(cpu.in('ptep_clear_flush'), vma.vm_mm, address, ptep, _PAGE_INVALID),
    *ptep_set_wrprotect(cpu, mm, address, ptep): Steps<void> {
      const c = cpu.in('ptep_set_wrprotect');
      const entry = yield* c.load(ptep);
      if (ops.pte_write(entry)) yield* lazy(c, mm, address, ptep, ops.pte_wrprotect(entry));
    },
    *ptep_test_and_clear_young(cpu, vma, address, ptep): Steps<boolean> {
      const c = cpu.in('ptep_test_and_clear_young');
      const entry = yield* c.load(ptep);
      return ops.pte_young(yield* direct(c, vma.vm_mm, address, ptep, ops.pte_mkold(entry)));
    },
    *ptep_set_access_flags(cpu, vma, address, ptep, entry): Steps<boolean> {
      const c = cpu.in('ptep_set_access_flags');
      if ((yield* c.load(ptep)) === entry) return false;
      yield* direct(c, vma.vm_mm, address, ptep, entry);
      return true;
    },
    ptep_modify_prot_start: (cpu, vma, address, ptep) =>
      flushLazy(cpu.in('ptep_modify_prot_start'), vma.vm_mm, address, ptep),
    *ptep_modify_prot_commit(cpu, _vma, _address, ptep, _old, pte): Steps<void> {
      yield* cpu.in('ptep_modify_prot_commit').store(ptep, strips ? pte & ~_PAGE_NOEXEC : pte);
    },
  };
}

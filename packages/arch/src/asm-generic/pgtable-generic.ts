/**
 * Sequences that an architecture inherits unless it has its own: mm/pgtable-generic.c and the defaults of
 * include/linux/pgtable.h (read in 6.1.192 and 6.12.117; older forms by the fact sheet, section 3.5).
 *
 * What a sequence leaves undone is said in `Sequences`. Every default is built on the architecture's own `set_pmd_at`,
 * `pmdp_establish` and flushes, as in the kernel: that is how arm32's `set_pmd_at` changes what `pmdp_invalidate` stores.
 */
import type { Operand, Steps } from '@ptemu/explore';
import type { Cpu, MmRef, Slot, VmaRef } from '../cpu.js';
import type { Env } from '../env.js';
import type { PmdHelpers, PteHelpers } from '../helpers.js';
import type { FlushRange, Sequences } from '../sequences.js';
import { __paddr, __vaddr, type Paddr, type Pmd, type Pte, type Vaddr } from '../values.js';

/** What an architecture must bring; every other sequence has a generic form. */
export type OwnSequences = Partial<Sequences> &
  Pick<Sequences, 'flush_tlb_range' | 'flush_tlb_page' | 'flush_tlb_mm' | 'tlb_flush'>;

/** Fills in the generic sequences. */
export function completeSequences(
  env: Env,
  helpers: { readonly pmd: PmdHelpers; readonly pte: PteHelpers },
  own: OwnSequences,
): Sequences {
  const { kernel, layout } = env;
  const { pmd: pmdOps, pte: pteOps } = helpers;
  const hugeRange = (address: Vaddr): FlushRange => ({
    start: address,
    end: __vaddr(address + BigInt(layout.HPAGE_PMD_SIZE)),
  });
  const mkinvalid = pmdOps.pmd_mkinvalid ?? pmdOps.pmd_mknotpresent;

  const all: Sequences = {
    *pmdp_invalidate(cpu, vma, address, pmdp): Steps<Pmd> {
      const c = cpu.in('pmdp_invalidate');
      const entry = yield* c.load(pmdp);
      if (mkinvalid === undefined)
        throw new Error('internal: the architecture has neither pmd_mkinvalid nor pmdp_invalidate');
      let old: Pmd = entry;
      if (kernel.has('c58f0bb77ed8') && all.pmdp_establish !== undefined) {
        old = yield* all.pmdp_establish(c, vma, address, pmdp, mkinvalid(entry));
      } else {
        yield* all.set_pmd_at(c, vma.vm_mm, address, pmdp, mkinvalid(entry));
      }
      yield* all.flush_pmd_tlb_range(c, vma, hugeRange(address));
      return old;
    },
    pmdp_invalidate_ad: (cpu, vma, address, pmdp) => all.pmdp_invalidate(cpu, vma, address, pmdp),
    *pmdp_huge_get_and_clear(cpu, _mm, _address, pmdp): Steps<Pmd> {
      const c = cpu.in('pmdp_huge_get_and_clear');
      const old = yield* c.load(pmdp);
      yield* all.pmd_clear(c, pmdp);
      return old;
    },
    pmdp_huge_get_and_clear_full: (cpu, vma, address, pmdp) =>
      all.pmdp_huge_get_and_clear(cpu, vma.vm_mm, address, pmdp),
    *pmdp_huge_clear_flush(cpu, vma, address, pmdp): Steps<Pmd> {
      const c = cpu.in('pmdp_huge_clear_flush');
      const old = yield* all.pmdp_huge_get_and_clear(c, vma.vm_mm, address, pmdp);
      yield* all.flush_pmd_tlb_range(c, vma, hugeRange(address));
      return old;
    },
    *pmdp_collapse_flush(cpu, vma, address, pmdp): Steps<Pmd> {
      const c = cpu.in('pmdp_collapse_flush');
      const old = yield* all.pmdp_huge_get_and_clear(c, vma.vm_mm, address, pmdp);
      yield* all.flush_tlb_range(c, vma, hugeRange(address));
      return old;
    },
    *pmdp_set_wrprotect(cpu, mm, address, pmdp): Steps<void> {
      const c = cpu.in('pmdp_set_wrprotect');
      const old = yield* c.load(pmdp);
      yield* all.set_pmd_at(c, mm, address, pmdp, pmdOps.pmd_wrprotect(old));
    },
    *pmdp_test_and_clear_young(cpu, vma, address, pmdp): Steps<boolean> {
      const c = cpu.in('pmdp_test_and_clear_young');
      const old = yield* c.load(pmdp);
      if (!pmdOps.pmd_young(old)) return false;
      yield* all.set_pmd_at(c, vma.vm_mm, address, pmdp, pmdOps.pmd_mkold(old));
      return true;
    },
    *pmdp_set_access_flags(cpu, vma, address, pmdp, entry): Steps<boolean> {
      const c = cpu.in('pmdp_set_access_flags');
      const old = yield* c.load(pmdp);
      if (pmdOps.pmd_same(old, entry)) return false;
      yield* all.set_pmd_at(c, vma.vm_mm, address, pmdp, entry);
      yield* all.flush_pmd_tlb_range(c, vma, hugeRange(address));
      return true;
    },
    *set_pmd_at(cpu, _mm, _address, pmdp, pmd): Steps<void> {
      yield* cpu.in('set_pmd_at').store(pmdp, pmd);
    },
    *pmd_clear(cpu, pmdp): Steps<void> {
      yield* cpu.in('pmd_clear').store(pmdp, pmdOps.pmd_clear());
    },
    *pmd_populate(cpu, _mm, pmdp, table): Steps<void> {
      yield* cpu.in('pmd_populate').store(pmdp, pmdOps.pmd_populate(table));
    },
    pgtable_trans_huge_deposit: listDeposit,
    pgtable_trans_huge_withdraw: listWithdraw,
    arch_needs_pgtable_deposit: () => false,

    *set_pte_at(cpu, _mm, _address, ptep, pte): Steps<void> {
      yield* cpu.in('set_pte_at').store(ptep, pte);
    },
    *pte_clear(cpu, _mm, _address, ptep): Steps<void> {
      yield* cpu.in('pte_clear').store(ptep, pteOps.pte_clear());
    },
    *ptep_get_and_clear(cpu, mm, address, ptep): Steps<Pte> {
      const c = cpu.in('ptep_get_and_clear');
      const old = yield* c.load(ptep);
      yield* all.pte_clear(c, mm, address, ptep);
      return old;
    },
    ptep_get_and_clear_full: (cpu, mm, address, ptep) => all.ptep_get_and_clear(cpu, mm, address, ptep),
    *ptep_set_wrprotect(cpu, mm, address, ptep): Steps<void> {
      const c = cpu.in('ptep_set_wrprotect');
      const old = yield* c.load(ptep);
      yield* all.set_pte_at(c, mm, address, ptep, pteOps.pte_wrprotect(old));
    },
    *ptep_test_and_clear_young(cpu, vma, address, ptep): Steps<boolean> {
      const c = cpu.in('ptep_test_and_clear_young');
      const old = yield* c.load(ptep);
      if (!pteOps.pte_young(old)) return false;
      yield* all.set_pte_at(c, vma.vm_mm, address, ptep, pteOps.pte_mkold(old));
      return true;
    },
    *ptep_clear_flush(cpu, vma, address, ptep): Steps<Pte> {
      const c = cpu.in('ptep_clear_flush');
      const old = yield* all.ptep_get_and_clear(c, vma.vm_mm, address, ptep);
      if (pteOps.pte_accessible?.(old, { tlb_flush_pending: false }) ?? true) {
        yield* all.flush_tlb_page(c, vma, address);
      }
      return old;
    },
    *ptep_set_access_flags(cpu, vma, address, ptep, entry): Steps<boolean> {
      const c = cpu.in('ptep_set_access_flags');
      const old = yield* c.load(ptep);
      if (pteOps.pte_same(old, entry)) return false;
      yield* all.set_pte_at(c, vma.vm_mm, address, ptep, entry);
      yield* all.flush_tlb_page(c, vma, address);
      return true;
    },
    ptep_modify_prot_start: (cpu, vma, address, ptep) =>
      all.ptep_get_and_clear(cpu, vma.vm_mm, address, ptep),
    ptep_modify_prot_commit: (cpu, vma, address, ptep, _old, pte) =>
      all.set_pte_at(cpu, vma.vm_mm, address, ptep, pte),
    flush_pmd_tlb_range: (cpu, vma, range) => all.flush_tlb_range(cpu, vma, range),
    ...own,
  };
  return all;
}

/**
 * The non-atomic `pmdp_establish` of architectures without hardware A/D updates: a load, then `set_pmd_at`.
 * @see Linux include/linux/pgtable.h, `generic_pmdp_establish` (6.12.117)
 */
export function* generic_pmdp_establish(
  set_pmd_at: Sequences['set_pmd_at'],
  cpu: Cpu,
  vma: VmaRef,
  address: Vaddr,
  pmdp: Slot<'pmd'>,
  pmd: bigint,
): Steps<Pmd> {
  const c = cpu.in('pmdp_establish');
  const old = yield* c.load(pmdp);
  yield* set_pmd_at(c, vma.vm_mm, address, pmdp, pmd);
  return old;
}

/** Name of the cell that heads the deposited tables of a pmd table (`pmd_huge_pte`): one per pmd page. */
export const pmdHugePteCell = (pmdp: Slot<'pmd'>, pmdTableBytes: number): string =>
  `pmd_huge_pte:0x${(pmdp.paddr & ~BigInt(pmdTableBytes - 1)).toString(16)}`;

/** Name of the cell that links a deposited table to the next one: stands for `page->lru`. */
export const depositNextCell = (table: bigint): string => `lru:0x${table.toString(16)}`;

const asTable = (value: Operand): Paddr => __paddr(typeof value === 'bigint' ? value : 0n);

/**
 * Deposits into the list of the pmd table: behind the head, and the head becomes the new table.
 * @see Linux mm/pgtable-generic.c, `pgtable_trans_huge_deposit` (6.12.117)
 */
function* listDeposit(cpu: Cpu, _mm: MmRef, pmdp: Slot<'pmd'>, table: Paddr): Steps<void> {
  const c = cpu.in('pgtable_trans_huge_deposit');
  const headCell = pmdHugePteCell(pmdp, 4096);
  const head = asTable(yield* c.read(headCell));
  if (head === 0n) {
    yield* c.write(depositNextCell(table), table);
  } else {
    const next = yield* c.read(depositNextCell(head));
    yield* c.write(depositNextCell(head), table);
    yield* c.write(depositNextCell(table), next);
  }
  yield* c.write(headCell, table);
}

/**
 * Withdraws the head; the next one becomes head.
 * @see Linux mm/pgtable-generic.c, `pgtable_trans_huge_withdraw` (6.12.117)
 */
function* listWithdraw(cpu: Cpu, _mm: MmRef, pmdp: Slot<'pmd'>): Steps<Paddr> {
  const c = cpu.in('pgtable_trans_huge_withdraw');
  const headCell = pmdHugePteCell(pmdp, 4096);
  const head = asTable(yield* c.read(headCell));
  const next = asTable(yield* c.read(depositNextCell(head)));
  if (next === head) {
    yield* c.write(headCell, 0n);
  } else {
    yield* c.write(headCell, next);
    let last = next;
    for (;;) {
      const after = asTable(yield* c.read(depositNextCell(last)));
      if (after === head) break;
      last = after;
    }
    yield* c.write(depositNextCell(last), next);
  }
  return head;
}

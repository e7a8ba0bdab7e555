/** Where spare pte tables are put aside for huge pmds: by hash one behind each pmd, by radix in a list. */
import { type MmRef, type Paddr, type Sequences, type Slot, __paddr, pmdHugePteCell } from '@ptemu/arch';
import type { PpcEnv } from './env.js';
import { depositSlot, pteFragSize } from './hash.js';

type Deposit = Pick<
  Sequences,
  'pgtable_trans_huge_deposit' | 'pgtable_trans_huge_withdraw' | 'arch_needs_pgtable_deposit'
>;

/**
 * Hash: one table per pmd, in a slot behind it; the fault handler keeps slots of HPTEs in it.
 * @see Linux arch/powerpc/mm/book3s64/hash_pgtable.c, `hash__pgtable_trans_huge_deposit` (6.12.117)
 */
export function hashDeposit(env: PpcEnv): Deposit {
  return {
    *pgtable_trans_huge_deposit(cpu, _mm, pmdp, table) {
      const c = cpu.in('pgtable_trans_huge_deposit');
      yield* c.store(depositSlot(env, pmdp), table);
      yield* c.barrier('smp_wmb');
    },
    *pgtable_trans_huge_withdraw(cpu, _mm, pmdp) {
      const c = cpu.in('pgtable_trans_huge_withdraw');
      const slot = depositSlot(env, pmdp);
      const table = __paddr(yield* c.load(slot));
      yield* c.store(slot, 0n);
      yield* c.fill(table, pteFragSize(env), 0n);
      return table;
    },
    arch_needs_pgtable_deposit: () => true,
  };
}

/** The two words of a `list_head` at the start of a deposited table. */
const next = (table: bigint): Slot<'pte'> => ({ level: 'pte', paddr: __paddr(table) });
const prev = (table: bigint): Slot<'pte'> => ({ level: 'pte', paddr: __paddr(table + 8n) });

/**
 * Radix: a circular list per pmd page (per mm before the locks of pmd tables were split), linked through the first two
 * words of the tables, which are zeroed again on withdraw. The model links by physical addresses.
 * @see Linux arch/powerpc/mm/book3s64/radix_pgtable.c, `radix__pgtable_trans_huge_deposit` (6.12.117)
 */
export function radixDeposit({ kernel, layout }: PpcEnv): Deposit {
  const headOf = (mm: MmRef, pmdp: Slot<'pmd'>): string =>
    kernel.has('ppc-split-pmd-ptl') ? pmdHugePteCell(pmdp, layout.PAGE_SIZE) : `pmd_huge_pte:${mm.id}`;
  const asTable = (value: unknown): Paddr => __paddr(typeof value === 'bigint' ? value : 0n);
  return {
    *pgtable_trans_huge_deposit(cpu, mm, pmdp, table) {
      const c = cpu.in('pgtable_trans_huge_deposit');
      const cell = headOf(mm, pmdp);
      const head = asTable(yield* c.read(cell));
      if (head === 0n) {
        yield* c.store(next(table), table);
        yield* c.store(prev(table), table);
      } else {
        const second = yield* c.load(next(head));
        yield* c.store(prev(second), table);
        yield* c.store(next(table), second);
        yield* c.store(prev(table), head);
        yield* c.store(next(head), table);
      }
      yield* c.write(cell, table);
    },
    *pgtable_trans_huge_withdraw(cpu, mm, pmdp) {
      const c = cpu.in('pgtable_trans_huge_withdraw');
      const cell = headOf(mm, pmdp);
      const table = asTable(yield* c.read(cell));
      const second = yield* c.load(next(table));
      if (second === (table as bigint)) {
        yield* c.write(cell, 0n);
      } else {
        const last = yield* c.load(prev(table));
        yield* c.write(cell, __paddr(second));
        yield* c.store(prev(second), last);
        yield* c.store(next(last), second);
      }
      yield* c.store(next(table), 0n);
      yield* c.store(prev(table), 0n);
      return table;
    },
    arch_needs_pgtable_deposit: () => false,
  };
}

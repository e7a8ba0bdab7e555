/**
 * Deposited page tables. The list runs through the tables themselves: the first two words of a spare table are the
 * `next` and `prev` of a list head, so that a stray store into one (an IDTE with the wrong address sets 0x20 there) is a
 * corrupt list. `withdraw` makes the two words empty ptes again; the rest of the table is not touched.
 *
 * @see Linux arch/s390/mm/pgtable.c, `pgtable_trans_huge_deposit`, `pgtable_trans_huge_withdraw` (6.12.117)
 */
import {
  type Cpu,
  type Env,
  type MmRef,
  type Paddr,
  type Sequences,
  type Slot,
  type Steps,
  __paddr,
  pmdHugePteCell,
} from '@ptemu/arch';
import { _PAGE_INVALID } from './bits.js';
import { _CRST_TABLE_SIZE } from './layout.js';

const next = (table: bigint): Slot<'pte'> => ({ level: 'pte', paddr: __paddr(table) });
const prev = (table: bigint): Slot<'pte'> => ({ level: 'pte', paddr: __paddr(table + 8n) });

/** The pair. The head is per mm up to 3.x, per pmd table since the pmd lock is. The pmd lock is held. */
export function deposits(
  env: Env,
): Pick<Sequences, 'pgtable_trans_huge_deposit' | 'pgtable_trans_huge_withdraw'> {
  const perTable = env.kernel.has('s390-split-pmd-ptlock');
  const headCell = (mm: MmRef, pmdp: Slot<'pmd'>): string =>
    perTable ? pmdHugePteCell(pmdp, _CRST_TABLE_SIZE) : `pmd_huge_pte:${mm.id}`;
  const headOf = function* (cpu: Cpu, cell: string): Steps<bigint> {
    const head = yield* cpu.read(cell);
    return typeof head === 'bigint' ? head : 0n;
  };
  return {
    *pgtable_trans_huge_deposit(cpu, mm, pmdp, table): Steps<void> {
      const c = cpu.in('pgtable_trans_huge_deposit');
      const cell = headCell(mm, pmdp);
      const head = yield* headOf(c, cell);
      if (head === 0n) {
        yield* c.store(next(table), table);
        yield* c.store(prev(table), table);
      } else {
        const after = yield* c.load(next(head));
        yield* c.store(prev(after), table);
        yield* c.store(next(table), after);
        yield* c.store(prev(table), head);
        yield* c.store(next(head), table);
      }
      yield* c.write(cell, table);
    },
    *pgtable_trans_huge_withdraw(cpu, mm, pmdp): Steps<Paddr> {
      const c = cpu.in('pgtable_trans_huge_withdraw');
      const cell = headCell(mm, pmdp);
      const table = yield* headOf(c, cell);
      const after = yield* c.load(next(table));
      if (after === table) {
        yield* c.write(cell, 0n);
      } else {
        yield* c.write(cell, after);
        const before = yield* c.load(prev(table));
        yield* c.store(prev(after), before);
        yield* c.store(next(before), after);
      }
      yield* c.store(next(table), _PAGE_INVALID);
      yield* c.store(prev(table), _PAGE_INVALID);
      return __paddr(table);
    },
  };
}

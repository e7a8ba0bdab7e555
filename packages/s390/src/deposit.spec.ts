import { type Paddr, type Slot, __paddr } from '@ptemu/arch';
import { describe, expect, it } from 'vitest';
import { TableCpu } from '../test/table-cpu.js';
import { s390 } from './index.js';

const MM = { id: 'mm' };
const pmd = (paddr: bigint): Slot<'pmd'> => ({ level: 'pmd', paddr: __paddr(paddr) });
const table = (n: number): Paddr => __paddr(0x30_0000n + BigInt(n) * 0x800n);

describe('s390 pgtable_trans_huge_deposit and withdraw', () => {
  it('hand back six tables in the order 6, 1, 2, 3, 4, 5 (fact sheet 3.4) with two empty ptes each', () => {
    const { sequences } = s390({ kernel: '6.12' });
    const cpu = new TableCpu();
    const slot = pmd(0x10_0000n);
    const numbers = [1, 2, 3, 4, 5, 6];
    for (const n of numbers) {
      cpu.words.set(table(n) + 16n, 0xabcn);
      cpu.run(sequences.pgtable_trans_huge_deposit(cpu, MM, slot, table(n)));
    }
    expect(cpu.words.get(table(1))).not.toBe(0x400n);
    const back = numbers.map(() => cpu.run(sequences.pgtable_trans_huge_withdraw(cpu, MM, slot)));
    expect(back).toEqual([6, 1, 2, 3, 4, 5].map(table));
    for (const n of numbers) {
      const words = [0n, 8n, 16n].map((offset) => cpu.words.get(table(n) + offset));
      expect(words).toEqual([0x400n, 0x400n, 0xabcn]);
    }
  });
  it('keep the list per segment table of 16 KiB, and per mm before pmds had locks', () => {
    for (const [kernel, shared] of [
      ['3.8', true],
      ['6.12', false],
    ] as const) {
      const { sequences } = s390({ kernel });
      const cpu = new TableCpu();
      cpu.run(sequences.pgtable_trans_huge_deposit(cpu, MM, pmd(0x10_0000n), table(1)));
      cpu.run(sequences.pgtable_trans_huge_deposit(cpu, MM, pmd(0x10_4000n), table(2)));
      cpu.run(sequences.pgtable_trans_huge_deposit(cpu, MM, pmd(0x10_3ff8n), table(3)));
      const back = cpu.run(sequences.pgtable_trans_huge_withdraw(cpu, MM, pmd(0x10_4008n)));
      expect(back).toBe(table(shared ? 3 : 2));
    }
  });
  it('are corrupted by a stray 0x20 in the first word of a deposited table', () => {
    const { sequences } = s390({ kernel: '6.12' });
    const cpu = new TableCpu();
    const slot = pmd(0x10_0000n);
    for (const n of [1, 2]) cpu.run(sequences.pgtable_trans_huge_deposit(cpu, MM, slot, table(n)));
    cpu.words.set(table(2), (cpu.words.get(table(2)) ?? 0n) | 0x20n);
    cpu.run(sequences.pgtable_trans_huge_withdraw(cpu, MM, slot));
    expect(cpu.run(sequences.pgtable_trans_huge_withdraw(cpu, MM, slot))).toBe(table(1) | 0x20n);
  });
});

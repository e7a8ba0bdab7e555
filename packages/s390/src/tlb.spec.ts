import { __vaddr } from '@ptemu/arch';
import { describe, expect, it } from 'vitest';
import { TableCpu } from '../test/table-cpu.js';
import { flushMmCell, s390 } from './index.js';

const MM = { id: 'mm' };
const VMA = { vm_mm: MM, vm_flags: 0n };
const range = { start: __vaddr(0x1000n), end: __vaddr(0x2000n) };

describe('s390 flush_tlb_range', () => {
  it('flushes the whole address space if something was lazy, and then no more, whatever the range', () => {
    const { sequences } = s390({ kernel: '6.12' });
    const cpu = new TableCpu();
    cpu.run(sequences.flush_tlb_range(cpu, VMA, range));
    cpu.cells.set(flushMmCell(MM), 1n);
    cpu.run(sequences.flush_pmd_tlb_range(cpu, VMA, range));
    cpu.run(sequences.flush_tlb_mm(cpu, MM));
    expect(cpu.log.filter((line) => line.startsWith('IDTE'))).toEqual(['IDTE by ASCE mm']);
    expect(cpu.cells.get(flushMmCell(MM))).toBe(0n);
  });
  it('4.12 clears the flag after the flush; 4.14, 6.1.192 and 6.12 before it, under context.lock', () => {
    const log = (kernel: string): readonly string[] => {
      const cpu = new TableCpu();
      cpu.cells.set(flushMmCell(MM), 1n);
      cpu.run(s390({ kernel }).sequences.flush_tlb_range(cpu, VMA, range));
      return cpu.log;
    };
    for (const kernel of ['4.5', '4.12']) {
      expect(log(kernel)).toEqual(['read flush_mm:mm', 'IDTE by ASCE mm', 'write flush_mm:mm 0']);
    }
    for (const kernel of ['4.14', '6.1.192', '6.12']) {
      expect(log(kernel)).toEqual([
        'lock context.lock:mm',
        'read flush_mm:mm',
        'write flush_mm:mm 0',
        'IDTE by ASCE mm',
        'unlock context.lock:mm',
      ]);
    }
  });
  it('uses CSP, which drops everything, without IDTE', () => {
    const { sequences, tlb } = s390({ kernel: '6.12', cpu: { idte: false } });
    const cpu = new TableCpu();
    cpu.cells.set(flushMmCell(MM), 1n);
    cpu.run(sequences.flush_tlb_mm(cpu, MM));
    expect(cpu.log).toContain('CSP mm');
    expect(tlb.instructions['CSP']?.drops).toBe('all');
  });
});

describe('s390 tlb_flush', () => {
  const flushes = (freedTables: boolean): readonly string[] => {
    const cpu = new TableCpu();
    const { sequences } = s390({ kernel: '6.12' });
    cpu.run(sequences.tlb_flush(cpu, MM, range, { freedTables, full: false }));
    return cpu.log.filter((line) => line.startsWith('IDTE'));
  };
  it('flushes when tables are freed', () => {
    expect(flushes(true)).toEqual(['IDTE by ASCE mm']);
  });
  it('has nothing to do when every entry was purged as it changed', () => {
    expect(flushes(false)).toEqual([]);
  });
});

describe('s390 tlb description', () => {
  it('names every instruction that the sequences issue, all complete at once and none an IPI', () => {
    const { tlb } = s390({ kernel: '6.12' });
    expect(Object.keys(tlb.instructions)).toEqual(
      expect.arrayContaining(['IPTE', 'IDTE', 'CSP', 'IDTE by ASCE']),
    );
    expect(Object.values(tlb.instructions).map(({ completes }) => completes)).not.toContain('barrier');
    expect(tlb.flushIsIpi).toBe(false);
  });
});

describe('s390 switch_mm_irqs_off', () => {
  it('flushes the address space that is switched to where that was put off, else nothing', () => {
    const { sequences } = s390({ kernel: '6.12' });
    const cpu = new TableCpu();
    const to = (): void => {
      const steps = sequences.switch_mm_irqs_off?.(cpu, { id: 'other' }, MM, { behind: false });
      if (steps) cpu.run(steps);
    };
    to();
    expect(cpu.log.filter((line) => line.startsWith('IDTE'))).toEqual([]);
    cpu.cells.set(flushMmCell(MM), 1n);
    to();
    expect(cpu.log.filter((line) => line.startsWith('IDTE'))).toEqual(['IDTE by ASCE mm']);
  });
});

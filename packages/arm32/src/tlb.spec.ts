import { __vaddr, type Arch, type Cpu, type Steps, type VmaRef } from '@ptemu/arch';
import { describe, expect, it } from 'vitest';
import { recorder, run } from '../test/recorder.js';
import { arm32 } from './index.js';

const vma: VmaRef = { vm_mm: { id: 'mm' }, vm_flags: 3n };
const range = (pages: number): { start: ReturnType<typeof __vaddr>; end: ReturnType<typeof __vaddr> } => ({
  start: __vaddr(0x4000_0000n),
  end: __vaddr(0x4000_0000n + BigInt(pages) * 4096n),
});

const latest = arm32({ kernel: '6.12' });
const erratum = arm32({ kernel: '6.12', config: { ARM_ERRATA_720789: true } });

const logOf = (arch: Arch, flush: (arch: Arch, cpu: Cpu) => Steps<void>): readonly string[] => {
  const r = recorder('6.12', 0n);
  run(flush(arch, r.cpu));
  return r.log;
};

describe('arm32 flush_tlb_range', () => {
  const flush = (pages: number): readonly string[] =>
    logOf(latest, (a, cpu) => a.sequences.flush_tlb_range(cpu, vma, range(pages)));
  it('flushes page by page however many: there is no threshold', () => {
    expect(flush(1)).toEqual(['dsb(ishst)', 'TLBIMVAIS 0x40000000..0x40001000', 'complete']);
    expect(flush(100_000)).toEqual(['dsb(ishst)', 'TLBIMVAIS 0x40000000..0x586a0000', 'complete']);
  });
  it('is what flush_pmd_tlb_range does', () => {
    const log = logOf(latest, (a, cpu) => a.sequences.flush_pmd_tlb_range(cpu, vma, range(512)));
    expect(log).toEqual(flush(512));
  });
  it('names no ASID under erratum 720789', () => {
    const log = logOf(erratum, (a, cpu) => a.sequences.flush_tlb_range(cpu, vma, range(1)));
    expect(log[1]).toBe('TLBIMVAAIS 0x40000000..0x40001000');
  });
});

describe('arm32 flush_tlb_mm', () => {
  it('invalidates the ASID, or everything under erratum 720789', () => {
    const flush = (arch: Arch): readonly string[] =>
      logOf(arch, (a, cpu) => a.sequences.flush_tlb_mm(cpu, vma.vm_mm));
    expect(flush(latest)).toEqual(['dsb(ishst)', 'TLBIASIDIS', 'complete']);
    expect(flush(erratum)).toEqual(['dsb(ishst)', 'TLBIALLIS', 'complete']);
  });
});

describe('arm32 tlb_flush', () => {
  const flush = (full: boolean): readonly string[] =>
    logOf(latest, (a, cpu) => a.sequences.tlb_flush(cpu, vma.vm_mm, range(2), { freedTables: true, full }));
  it('flushes the range, or the ASID when the whole address space goes', () => {
    expect(flush(false)).toEqual(['dsb(ishst)', 'TLBIMVAIS 0x40000000..0x40002000', 'complete']);
    expect(flush(true)).toEqual(['dsb(ishst)', 'TLBIASIDIS', 'complete']);
  });
});

describe('arm32 tlb description', () => {
  it('says that a flush is a broadcast and no IPI', () => {
    expect([latest.tlb.remote, latest.tlb.flushIsIpi, latest.tlb.tag]).toEqual(['broadcast', false, 'ASID']);
  });
  it('completes every instruction at a barrier', () => {
    const { instructions } = latest.tlb;
    expect(Object.keys(instructions)).toEqual(['TLBIMVAIS', 'TLBIMVAAIS', 'TLBIASIDIS', 'TLBIALLIS']);
    for (const instruction of Object.values(instructions)) {
      expect([instruction.reach, instruction.completes, instruction.dropsWalkCache]).toEqual([
        'broadcast', 'barrier', true,
      ]); // prettier-ignore
    }
  });
  it('keeps global entries when one ASID goes', () => {
    const { TLBIMVAIS, TLBIASIDIS } = latest.tlb.instructions;
    expect([TLBIMVAIS?.dropsGlobal, TLBIASIDIS?.dropsGlobal]).toEqual([true, false]);
  });
});

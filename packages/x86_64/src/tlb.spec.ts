import { __vaddr, type FlushRange, VM_HUGETLB, type VmaRef } from '@ptemu/arch';
import { describe, expect, it } from 'vitest';
import { recorder, run } from '../test/recorder.js';
import { x86_64, type X86Options } from './index.js';

const vma: VmaRef = { vm_mm: { id: 'mm' }, vm_flags: 3n };
const pages = (n: number): FlushRange => ({
  start: __vaddr(0x4000_0000n),
  end: __vaddr(0x4000_0000n + BigInt(n) * 4096n),
});

/** What a flush of a range does. */
function flush(options: X86Options, range: FlushRange, vm_flags = 3n): readonly string[] {
  const arch = x86_64(options);
  const r = recorder(arch.kernel.release, 0n);
  run(arch.sequences.flush_tlb_range(r.cpu, { ...vma, vm_flags }, range));
  for (const line of r.log.filter((text) => /^(INVLPG|MOV)/.test(text))) {
    const name = line.replace(/ 0x.*/, '');
    expect([name, name in arch.tlb.instructions]).toEqual([name, true]);
  }
  return r.log;
}

describe('x86_64 flush_tlb_range', () => {
  it('flushes 33 pages one by one and 34 as a whole from 4.5 on', () => {
    const loop = 'INVLPG loop 0x40000000..0x40021000';
    expect(flush({ kernel: '6.12' }, pages(33))).toEqual([loop, `ipi ${loop}`]);
    expect(flush({ kernel: '6.12' }, pages(34))).toEqual(['MOV to CR3', 'ipi MOV to CR3']);
  });
  it('flushes the whole mm for one huge pmd: 512 strides', () => {
    expect(flush({ kernel: '6.12' }, pages(512))).toEqual(['MOV to CR3', 'ipi MOV to CR3']);
  });
  it('takes a huge page as one stride where the VMA is hugetlb', () => {
    expect(flush({ kernel: '6.12' }, pages(512), 3n | VM_HUGETLB)).toEqual([
      'INVLPG 0x40000000',
      'ipi INVLPG 0x40000000',
    ]);
  });
  it('flushes the whole mm for two pages up to 3.16', () => {
    expect(flush({ kernel: '3.16' }, pages(2))).toEqual(['MOV to CR3', 'ipi MOV to CR3']);
    expect(flush({ kernel: '3.16' }, pages(1))).toEqual(['INVLPG 0x40000000', 'ipi INVLPG 0x40000000']);
  });
  it('broadcasts and waits where kernel and processor have INVLPGB', () => {
    const cpu = { invlpgb: true };
    expect(flush({ kernel: '6.19', cpu }, pages(512))).toEqual(['INVLPGB ASID', 'complete']);
    expect(flush({ kernel: '6.19', cpu }, pages(2))).toEqual([
      'INVLPGB range 0x40000000..0x40002000',
      'complete',
    ]);
    expect(flush({ kernel: '6.14', cpu }, pages(512))).toEqual(['MOV to CR3', 'ipi MOV to CR3']);
    expect(flush({ kernel: '6.19' }, pages(512))).toEqual(['MOV to CR3', 'ipi MOV to CR3']);
  });
});

describe('x86_64 tlb description', () => {
  it('says that a flush is an IPI unless INVLPGB is used', () => {
    expect(x86_64({ kernel: '6.19' }).tlb).toMatchObject({ flushIsIpi: true, remote: 'ipi' });
    expect(x86_64({ kernel: '6.19', cpu: { invlpgb: true } }).tlb).toMatchObject({
      flushIsIpi: false,
      remote: 'broadcast',
    });
    expect(x86_64({ kernel: '6.14', cpu: { invlpgb: true } }).tlb.flushIsIpi).toBe(true);
  });
  it('completes local instructions at once and broadcasts at TLBSYNC', () => {
    const { instructions } = x86_64({ kernel: '6.19', cpu: { invlpgb: true } }).tlb;
    for (const { reach, completes } of Object.values(instructions)) {
      expect(completes).toBe(reach === 'local' ? 'immediate' : 'barrier');
    }
  });
  it('keeps global entries when CR3 is written', () => {
    const { instructions } = x86_64({ kernel: '6.12' }).tlb;
    expect(instructions['MOV to CR3']?.dropsGlobal).toBe(false);
    expect(instructions['INVLPG']?.dropsGlobal).toBe(true);
  });
});

describe('x86_64 tlb_flush', () => {
  const gather = (kernel: string, unmapped: 'pte' | 'pmd', range: FlushRange): readonly string[] => {
    const r = recorder(kernel, 0n);
    const how = { freedTables: false, full: false, unmapped };
    run(x86_64({ kernel }).sequences.tlb_flush(r.cpu, vma.vm_mm, range, how));
    return r.log.filter((line) => !line.startsWith('ipi'));
  };
  it('takes a huge page as one stride from 4.20 on, where only huge pages were cleared', () => {
    expect(gather('4.19', 'pmd', pages(512))).toEqual(['MOV to CR3']);
    expect(gather('4.20', 'pmd', pages(512))).toEqual(['INVLPG 0x40000000']);
    expect(gather('4.20', 'pte', pages(512))).toEqual(['MOV to CR3']);
  });
  it('issues one instruction for less than a stride', () => {
    expect(gather('6.12', 'pmd', pages(1))).toEqual(['INVLPG 0x40000000']);
  });
});

describe('x86_64 arch_tlbbatch_flush', () => {
  const batch = (kernel: string, cpu = {}): readonly string[] => {
    const { sequences } = x86_64({ kernel, cpu });
    const r = recorder(kernel, 0n);
    for (const page of [0n, 1n]) {
      const pending = sequences.arch_tlbbatch_add_pending?.(r.cpu, vma.vm_mm, __vaddr(page << 12n));
      if (pending) run(pending);
    }
    const end = sequences.arch_tlbbatch_flush?.(r.cpu, vma.vm_mm);
    if (end) run(end);
    return r.log;
  };
  it('flushes everything once for a batch, from 4.3 on', () => {
    expect(batch('3.16')).toEqual([]);
    expect(batch('4.3')).toEqual(['MOV to CR3', 'ipi MOV to CR3']);
  });
  it('broadcasts each page at once with INVLPGB, and waits for the batch', () => {
    expect(batch('6.15', { invlpgb: true })).toEqual([
      'INVLPGB range 0x0..0x1000',
      'INVLPGB range 0x1000..0x2000',
      'complete',
    ]);
  });
});

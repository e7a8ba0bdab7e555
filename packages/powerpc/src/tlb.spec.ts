import { __vaddr, type FlushRange, type VmaRef } from '@ptemu/arch';
import { describe, expect, it } from 'vitest';
import { recorder, run } from '../test/recorder.js';
import { powerpc, type PowerpcOptions } from './index.js';

const vma: VmaRef = { vm_mm: { id: 'mm' }, vm_flags: 3n };
const pages = (n: number, shift = 16n): FlushRange => ({
  start: __vaddr(0x4000_0000n),
  end: __vaddr(0x4000_0000n + (BigInt(n) << shift)),
});

/** What a flush does, without the barriers before. */
function flush(options: PowerpcOptions, range: FlushRange, onlyUser = false): readonly string[] {
  const arch = powerpc(options);
  const r = recorder({ release: arch.kernel.release, onlyUser });
  run(arch.sequences.flush_tlb_range(r.cpu, vma, range));
  expect(r.log.slice(0, 2)).toEqual(['smp_mb', 'ptesync']);
  for (const line of r.log.slice(2).filter((text) => text !== 'complete')) {
    const name = line.replace(/ 0x.*/, '');
    expect([name, name in arch.tlb.instructions]).toEqual([name, true]);
  }
  return r.log.slice(2);
}

describe('powerpc flush_tlb_range', () => {
  it('radix: page by page up to 33 pages, the whole PID above', () => {
    expect(flush({ kernel: '6.12' }, pages(31))).toEqual(['tlbie RIC=0 0x40000000..0x401f0000', 'complete']);
    expect(flush({ kernel: '6.12' }, pages(34))).toEqual(['tlbie RIC=2 PID', 'complete']);
    expect(flush({ kernel: '6.12', page: '4k' }, pages(33, 12n))).toEqual([
      'tlbie RIC=0 0x40000000..0x40021000',
      'complete',
    ]);
    expect(flush({ kernel: '6.12', page: '4k' }, pages(34, 12n))).toEqual(['tlbie RIC=2 PID', 'complete']);
  });
  it('radix: a range of a pmd or more also drops the walk cache and 2M translations', () => {
    expect(flush({ kernel: '6.12' }, pages(32))).toEqual([
      'tlbie RIC=1 PID',
      'tlbie RIC=0 0x40000000..0x40200000',
      'tlbie RIC=0 AP=2M 0x40000000',
      'complete',
    ]);
  });
  it('radix: up to 256 pages locally, without waiting', () => {
    expect(flush({ kernel: '6.12', page: '4k' }, pages(256, 12n), true)).toEqual([
      'tlbiel RIC=0 0x40000000..0x40100000',
    ]);
    expect(flush({ kernel: '6.12', page: '4k' }, pages(257, 12n), true)).toEqual(['tlbiel RIC=2 PID']);
  });
  it('radix: the whole mm up to 4.14', () => {
    expect(flush({ kernel: '4.14' }, pages(1))).toEqual(['tlbie RIC=2 PID', 'complete']);
  });
  it('hash: nothing, HPTEs went with their entries', () => {
    const arch = powerpc({ kernel: '6.12', mmu: 'hash' });
    const r = recorder({ release: '6.12' });
    const s = arch.sequences;
    run(s.flush_tlb_range(r.cpu, vma, pages(1)));
    run(s.flush_pmd_tlb_range(r.cpu, vma, pages(1)));
    run(s.flush_tlb_page(r.cpu, vma, pages(1).start));
    run(s.flush_tlb_mm(r.cpu, vma.vm_mm));
    run(s.tlb_flush(r.cpu, vma.vm_mm, pages(1), { freedTables: true, full: true }));
    expect(r.log).toEqual([]);
  });
});

describe('powerpc tlb_flush', () => {
  const log = (range: FlushRange, freedTables: boolean, full: boolean): readonly string[] => {
    const arch = powerpc({ kernel: '6.12' });
    const r = recorder({ release: '6.12' });
    run(arch.sequences.tlb_flush(r.cpu, vma.vm_mm, range, { freedTables, full }));
    return r.log.slice(2);
  };
  it('drops the walk cache only when tables are freed', () => {
    expect(log(pages(1), false, false)).toEqual(['tlbie RIC=0 0x40000000..0x40010000', 'complete']);
    expect(log(pages(1), true, false)).toEqual([
      'tlbie RIC=1 PID',
      'tlbie RIC=0 0x40000000..0x40010000',
      'complete',
    ]);
    expect(log(pages(64), false, false)).toEqual(['tlbie RIC=0 PID', 'complete']);
    expect(log(pages(64), true, false)).toEqual(['tlbie RIC=2 PID', 'complete']);
    expect(log(pages(1), false, true)).toEqual(['tlbie RIC=2 PID', 'complete']);
  });
});

describe('powerpc tlb description', () => {
  it('completes local instructions at once and broadcasts at tlbsync', () => {
    for (const mmu of ['radix', 'hash'] as const) {
      const { instructions, flushIsIpi, remote } = powerpc({ kernel: '6.12', mmu }).tlb;
      expect([flushIsIpi, remote]).toEqual([false, 'broadcast']);
      for (const { reach, completes } of Object.values(instructions)) {
        expect(completes).toBe(reach === 'local' ? 'immediate' : 'barrier');
      }
    }
  });
  it('drops the walk cache by RIC=1 and RIC=2 only', () => {
    const { instructions } = powerpc({ kernel: '6.12' }).tlb;
    for (const [name, { dropsWalkCache }] of Object.entries(instructions)) {
      expect([name, dropsWalkCache]).toEqual([name, /RIC=[12]/.test(name)]);
    }
  });
});

describe('powerpc tlb_flush', () => {
  const gather = (kernel: string, pageBytes: number, n: number, freedTables = false): readonly string[] => {
    const { sequences } = powerpc({ kernel, page: '4k' });
    const r = recorder({ release: kernel });
    const how = { freedTables, full: false, pageBytes };
    run(sequences.tlb_flush(r.cpu, vma.vm_mm, pages(n, 12n), how));
    return r.log.slice(2);
  };
  it('radix: goes by the size of the pages that were gathered', () => {
    expect(gather('6.12', 4096, 2)).toEqual(['tlbie RIC=0 0x40000000..0x40002000', 'complete']);
    expect(gather('6.12', 2 << 20, 512)).toEqual(['tlbie RIC=0 AP=2M 0x40000000', 'complete']);
    expect(gather('6.12', 4096, 512)).toEqual(['tlbie RIC=0 PID', 'complete']);
  });
  it('radix: drops the walk cache where tables are freed', () => {
    expect(gather('6.12', 4096, 1, true)).toEqual([
      'tlbie RIC=1 PID',
      'tlbie RIC=0 0x40000000..0x40001000',
      'complete',
    ]);
    expect(gather('6.12', 4096, 34, true)).toEqual(['tlbie RIC=2 PID', 'complete']);
  });
  it('radix: takes the whole PID before the gather knew its page size', () => {
    expect(gather('4.9', 4096, 1)).toEqual(['tlbie RIC=2 PID', 'complete']);
  });
});

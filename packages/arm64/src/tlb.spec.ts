import { __vaddr, type FlushRange, type Sequences, type VmaRef } from '@ptemu/arch';
import { describe, expect, it } from 'vitest';
import { type Recorder, recorder, run } from '../test/recorder.js';
import { arm64, type Arm64Options } from './index.js';

const vma: VmaRef = { vm_mm: { id: 'mm' }, vm_flags: 3n };
const BASE = 0x4000_0000n;
const bytes = (n: bigint, start = BASE): FlushRange => ({ start: __vaddr(start), end: __vaddr(start + n) });
const pages = (n: number): FlushRange => bytes(BigInt(n) * 4096n);
const MM = ['dsb(ishst)', 'ASIDE1IS', 'complete'];

/** What a flush does; every instruction is one that the description has. */
function flush(options: Arm64Options, flushes: (s: Sequences, r: Recorder) => void): readonly string[] {
  const arch = arm64(options);
  const r = recorder(arch.kernel.release, 0n);
  flushes(arch.sequences, r);
  for (const line of r.log.filter((text) => text !== 'dsb(ishst)' && text !== 'complete')) {
    const name = line.replace(/ 0x.*/, '');
    expect([name, name in arch.tlb.instructions]).toEqual([name, true]);
  }
  return r.log;
}
const range = (options: Arm64Options, r: FlushRange): readonly string[] =>
  flush(options, (s, { cpu }) => run(s.flush_tlb_range(cpu, vma, r)));
const huge = (options: Arm64Options, r: FlushRange): readonly string[] =>
  flush(options, (s, { cpu }) => run(s.flush_pmd_tlb_range(cpu, vma, r)));
const gather = (
  kernel: string,
  how: { readonly freedTables: boolean; readonly full: boolean; readonly unmapped?: 'pmd' },
  r: FlushRange = pages(1),
): readonly string[] => flush({ kernel }, (s, { cpu }) => run(s.tlb_flush(cpu, vma.vm_mm, r, how)));

describe('arm64 flush_tlb_page', () => {
  it('invalidates the leaf only from 4.4 on, walk caches too before', () => {
    const page = (kernel: string): readonly string[] =>
      flush({ kernel }, (s, { cpu }) => run(s.flush_tlb_page(cpu, vma, __vaddr(BASE))));
    expect(page('6.12')).toEqual(['dsb(ishst)', 'VALE1IS 0x40000000', 'complete']);
    expect(page('4.4')).toEqual(['dsb(ishst)', 'VALE1IS 0x40000000', 'complete']);
    expect(page('3.16')).toEqual(['dsb(ishst)', 'VAE1IS 0x40000000', 'complete']);
  });
});

describe('arm64 flush_tlb_range', () => {
  it('issues one TLBI per page, walk caches included, and waits once', () => {
    const two = ['dsb(ishst)', 'VAE1IS 0x40000000', 'VAE1IS 0x40001000', 'complete'];
    for (const kernel of ['3.16', '4.4', '4.16', '4.20', '5.0', '6.12', '6.19']) {
      expect(range({ kernel }, pages(2))).toEqual(two);
    }
  });
  it('has no threshold at 3.16', () => {
    expect(range({ kernel: '3.16' }, pages(2000))).toHaveLength(2002);
  });
  for (const kernel of ['4.4', '4.16', '4.20']) {
    it(`${kernel}: drops the address space above 1024 pages`, () => {
      expect(range({ kernel }, pages(1024))).toHaveLength(1026);
      expect(range({ kernel }, pages(1025))).toEqual(MM);
    });
  }
  for (const kernel of ['5.0', '5.8', '5.15', '6.1', '6.12', '6.19']) {
    it(`${kernel}: drops the address space from 512 pages on`, () => {
      expect(range({ kernel }, pages(511))).toHaveLength(513);
      expect(range({ kernel }, pages(512))).toEqual(MM);
    });
  }
  it('counts PTRS_PER_PTE of the granule: 2048 with 16k, 8192 with 64k', () => {
    const of = (granule: '16k' | '64k', n: bigint): number =>
      range({ kernel: '6.12', granule }, bytes(n * (granule === '16k' ? 0x4000n : 0x1_0000n))).length;
    expect([of('16k', 2047n), of('16k', 2048n)]).toEqual([2049, 3]);
    expect([of('64k', 8191n), of('64k', 8192n)]).toEqual([8193, 3]);
  });
});

describe('arm64 flush_pmd_tlb_range', () => {
  it('3.16 to 4.20 issues 512 TLBIs for one huge pmd', () => {
    for (const kernel of ['3.16', '4.5', '4.16', '4.20'])
      expect(huge({ kernel }, pages(512))).toHaveLength(514);
  });
  it('5.0 to 5.8 drops the whole address space for one huge pmd', () => {
    for (const kernel of ['5.0', '5.4', '5.8']) expect(huge({ kernel }, pages(512))).toEqual(MM);
  });
  it('issues one TLBI, walk caches included, since the override', () => {
    for (const kernel of ['5.10', '5.15', '6.1.192', '6.12', '6.19']) {
      expect(huge({ kernel }, pages(512))).toEqual(['dsb(ishst)', 'VAE1IS 0x40000000', 'complete']);
    }
  });
  it('rounds to whole pmds', () => {
    expect(huge({ kernel: '6.12' }, bytes(0x20_0000n, 0x4010_0000n))).toEqual([
      'dsb(ishst)',
      'VAE1IS 0x40000000',
      'VAE1IS 0x40200000',
      'complete',
    ]);
  });
});

describe('arm64 flush by range (FEAT_TLBIRANGE)', () => {
  const cpu = { tlbRange: true };
  it('covers an even number of pages with one instruction', () => {
    for (const kernel of ['5.15', '6.5', '6.12']) {
      expect(range({ kernel, cpu }, pages(2))).toEqual([
        'dsb(ishst)',
        'RVAE1IS 0x40000000..0x40002000',
        'complete',
      ]);
    }
  });
  it('takes the odd page first up to 6.5 and last from 6.12 on', () => {
    expect(range({ kernel: '6.1.192', cpu }, pages(3))).toEqual([
      'dsb(ishst)',
      'VAE1IS 0x40000000',
      'RVAE1IS 0x40001000..0x40003000',
      'complete',
    ]);
    expect(range({ kernel: '6.12.117', cpu }, pages(3))).toEqual([
      'dsb(ishst)',
      'RVAE1IS 0x40000000..0x40002000',
      'VAE1IS 0x40002000',
      'complete',
    ]);
  });
  it('goes up in scale up to 6.5 and down from 6.12 on', () => {
    expect(range({ kernel: '6.1.192', cpu }, pages(66))).toEqual([
      'dsb(ishst)',
      'RVAE1IS 0x40000000..0x40002000',
      'RVAE1IS 0x40002000..0x40042000',
      'complete',
    ]);
    expect(range({ kernel: '6.12.117', cpu }, pages(66))).toEqual([
      'dsb(ishst)',
      'RVAE1IS 0x40000000..0x40040000',
      'RVAE1IS 0x40040000..0x40042000',
      'complete',
    ]);
  });
  it('goes page by page to a multiple of 64 KiB first with LPA2', () => {
    const log = range({ kernel: '6.12', lpa2: true, cpu }, bytes(0x4000n, 0x4000_e000n));
    expect(log).toEqual([
      'dsb(ishst)',
      'VAE1IS 0x4000e000',
      'VAE1IS 0x4000f000',
      'RVAE1IS 0x40010000..0x40012000',
      'complete',
    ]);
  });
  it('drops the address space at 2^21 pages up to 6.5, above them from 6.12 on', () => {
    const most = bytes(1n << 33n, 0n);
    expect(range({ kernel: '6.5', cpu }, most)).toEqual(MM);
    expect(range({ kernel: '6.12', cpu }, most)).toEqual([
      'dsb(ishst)',
      'RVAE1IS 0x0..0x200000000',
      'complete',
    ]);
    expect(range({ kernel: '6.12', cpu }, bytes((1n << 33n) + 4096n, 0n))).toEqual(MM);
  });
  it('is not known to 5.8', () => {
    expect(range({ kernel: '5.8', cpu }, pages(2))).toHaveLength(4);
  });
});

describe('arm64 tlb_flush', () => {
  it('drops leaves only unless tables were freed', () => {
    expect(gather('6.12', { freedTables: false, full: false })).toEqual([
      'dsb(ishst)',
      'VALE1IS 0x40000000',
      'complete',
    ]);
    expect(gather('6.12', { freedTables: true, full: false })).toEqual([
      'dsb(ishst)',
      'VAE1IS 0x40000000',
      'complete',
    ]);
  });
  it('takes the level of what was unmapped as its stride from 4.20 on', () => {
    expect(gather('6.12', { freedTables: false, full: false, unmapped: 'pmd' }, pages(512))).toEqual([
      'dsb(ishst)',
      'VALE1IS 0x40000000',
      'complete',
    ]);
    expect(gather('6.12', { freedTables: false, full: false }, pages(512))).toEqual(MM);
  });
  it('does nothing for a dying address space but for its freed tables', () => {
    expect(gather('6.12', { freedTables: false, full: true })).toEqual([]);
    expect(gather('6.12', { freedTables: true, full: true })).toEqual(MM);
  });
  it('4.4 to 4.16: flushes each freed table by itself, then the leaves', () => {
    expect(gather('4.5', { freedTables: true, full: false })).toEqual([
      'dsb(ishst)',
      'VAE1IS 0x40000000',
      'complete',
      'dsb(ishst)',
      'VALE1IS 0x40000000',
      'complete',
    ]);
    expect(gather('4.5', { freedTables: false, full: true })).toEqual([]);
  });
  it('3.16: drops everything of a dying address space, and walk caches with every range', () => {
    expect(gather('3.16', { freedTables: false, full: true })).toEqual(MM);
    expect(gather('3.16', { freedTables: true, full: false })).toEqual([
      'dsb(ishst)',
      'VAE1IS 0x40000000',
      'complete',
    ]);
  });
});

describe('arm64 tlb description', () => {
  const { tlb } = arm64({ kernel: '6.12' });
  it('broadcasts, tagged by ASID, and implies no interrupt', () => {
    expect([tlb.tag, tlb.remote, tlb.flushIsIpi]).toEqual(['ASID', 'broadcast', false]);
    for (const instruction of Object.values(tlb.instructions)) {
      expect([instruction.reach, instruction.completes]).toEqual(['broadcast', 'barrier']);
    }
  });
  it('keeps walk caches under the last-level forms only', () => {
    const keeps = Object.entries(tlb.instructions).filter(([, { dropsWalkCache }]) => !dropsWalkCache);
    expect(keeps.map(([name]) => name)).toEqual(['VALE1IS', 'RVALE1IS']);
  });
});

describe('arm64 arch_tlbbatch_flush', () => {
  // Issue 4: batched unmap since 6.6; each page's TLBI is issued when it is unmapped, the DSB closes the batch.
  it('waits once for a batch of pages from 6.6 on; before, reclaim does not batch', () => {
    const log = flush({ kernel: '6.6' }, (s, { cpu }) => {
      for (const page of [0n, 1n]) {
        const pending = s.arch_tlbbatch_add_pending?.(cpu, vma.vm_mm, __vaddr(BASE + (page << 12n)));
        if (pending) run(pending);
      }
      const end = s.arch_tlbbatch_flush?.(cpu, vma.vm_mm);
      if (end) run(end);
    });
    const invalidations = ['dsb(ishst)', 'VALE1IS 0x40000000', 'dsb(ishst)', 'VALE1IS 0x40001000'];
    expect(log).toEqual([...invalidations, 'complete']);
    expect(arm64({ kernel: '6.5' }).sequences.arch_tlbbatch_add_pending).toBeUndefined();
  });
});

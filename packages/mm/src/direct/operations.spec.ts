import { arm32 } from '@ptemu/arm32';
import { arm64 } from '@ptemu/arm64';
import { powerpc } from '@ptemu/powerpc';
import { s390 } from '@ptemu/s390';
import { x86_64 } from '@ptemu/x86_64';
import { describe, expect, it } from 'vitest';
import { FLUSH_OPERATIONS, operationEvents, type OperationOptions, runOperation } from '../index.js';

type Rest = Omit<OperationOptions, 'operation' | 'pages' | 'cpus'>;
const options = (
  operation: OperationOptions['operation'],
  pages: number,
  cpus: number,
  rest: Rest = {},
): OperationOptions => ({ operation, pages, cpus, ...rest });

describe('x86_64 operationEvents', () => {
  const arch = x86_64({ kernel: '6.12' });
  // Fact sheet 6.3: single pages up to the ceiling of 33, one flush of the mm above it; the others by one IPI each.
  it.each([
    [1, { INVLPG: 1 }, { INVLPG: 3 }],
    [33, { 'INVLPG loop': 33 }, { 'INVLPG loop': 99 }],
    [34, { 'MOV to CR3': 1 }, { 'MOV to CR3': 3 }],
    [512, { 'MOV to CR3': 1 }, { 'MOV to CR3': 3 }],
  ])('munmap of %i pages on 4 CPUs', (pages, issued, issuedByTargets) => {
    const events = operationEvents(arch, options('munmap', pages, 4));
    expect(events).toMatchObject({ calls: 1, issued, crossCalls: 1, ipis: 3, issuedByTargets });
  });
  it('interrupts 255 CPUs of 256', () => {
    const events = operationEvents(arch, options('madv_dontneed', 1, 256));
    expect(events).toMatchObject({ crossCalls: 1, ipis: 255, dropped: { wanted: 256, collateral: 0 } });
  });
  it('interrupts nobody when it is the only CPU', () => {
    expect(operationEvents(arch, options('madv_dontneed', 1, 1))).toMatchObject({ crossCalls: 0, ipis: 0 });
  });
  // A flush of the mm takes the 64 others of each CPU along; the first walk of a CPU reads 4 entries, the others of the table 1.
  it('counts collateral losses and the walks that bring them back', () => {
    const events = operationEvents(arch, options('madv_dontneed', 34, 2));
    expect(events.dropped).toEqual({ wanted: 68, collateral: 128 });
    expect(events.refill).toEqual({ walks: 128, references: 2 * (4 + 63) });
  });
  // Fact sheet 6.3: a THP pmd is 512 strides of flush_tlb_range, so it costs the whole mm.
  it('split of one huge page flushes the whole mm', () => {
    const events = operationEvents(arch, options('split', 512, 2));
    expect(events).toMatchObject({ issued: { 'MOV to CR3': 1 }, issuedByTargets: { 'MOV to CR3': 1 } });
  });
  // asm/tlb.h, tlb_get_unmap_shift: since 4.20 the stride of a gather that cleared only huge pmds is 2 MiB.
  it.each([
    ['4.19', { 'MOV to CR3': 1 }],
    ['4.20', { INVLPG: 1 }],
  ])('madv_dontneed of one huge page in %s', (kernel, issued) => {
    const events = operationEvents(x86_64({ kernel }), options('madv_dontneed', 512, 1, { huge: true }));
    expect(events.issued).toEqual(issued);
  });
  // Fact sheet 6.3 and issue 4: up to 4.19 lazy CPUs are interrupted and leave the mm, later only when tables are freed.
  it.each([
    ['4.19', 'madv_dontneed', 7],
    ['4.20', 'madv_dontneed', 4],
    ['4.20', 'munmap', 7],
  ] as const)('%s: %s with 3 lazy CPUs of 8 sends %i IPIs', (kernel, operation, ipis) => {
    const { events, stale } = runOperation(x86_64({ kernel }), options(operation, 1, 8, { lazyCpus: 3 }));
    expect(events.ipis).toBe(ipis);
    expect(stale).toEqual([]);
  });
  it('a lazy CPU that leaves loads CR3 instead of invalidating a page', () => {
    const events = operationEvents(
      x86_64({ kernel: '4.19' }),
      options('madv_dontneed', 1, 3, { lazyCpus: 1 }),
    );
    expect(events.issuedByTargets).toEqual({ INVLPG: 1, 'MOV to CR3': 1 });
  });
  // Fact sheet 3.1, 8.5: an mm on more than three CPUs; one INVLPGB names up to 8 pages; TLBSYNC waits; no IPI.
  it.each([
    [4, 33, { issued: { 'INVLPGB range': 5 }, completions: 1, ipis: 0 }],
    [4, 34, { issued: { 'INVLPGB ASID': 1 }, completions: 1, ipis: 0 }],
    [3, 33, { issued: { 'INVLPG loop': 33 }, completions: 0, ipis: 2 }],
  ])('INVLPGB of 6.15: %i CPUs, %i pages', (cpus, pages, expected) => {
    const amd = (kernel: string) => x86_64({ kernel, cpu: { invlpgb: true } });
    expect(operationEvents(amd('6.15'), options('madv_dontneed', pages, cpus))).toMatchObject(expected);
    expect(operationEvents(amd('6.14'), options('madv_dontneed', pages, cpus)).completions).toBe(0);
  });
  // khugepaged does not run the mm: it flushes nothing of its own; from 6.1 on a second interrupt waits for lock-less walkers.
  it.each([
    ['6.0', 1, 4],
    ['6.1', 2, 8],
  ])('collapse in %s makes %i cross-calls', (kernel, crossCalls, ipis) => {
    const events = operationEvents(x86_64({ kernel }), options('collapse', 512, 4));
    expect(events).toMatchObject({ calls: 1, issued: {}, crossCalls, ipis });
  });
  // One IPI a batch of 32 (SWAP_CLUSTER_MAX) since 4.3; before, ptep_clear_flush: one a page.
  it.each([
    ['3.16', 64, 64],
    ['4.3', 2, 2],
  ])('reclaim of 64 pages in %s', (kernel, crossCalls, ipis) => {
    expect(operationEvents(x86_64({ kernel }), options('reclaim', 64, 1))).toMatchObject({
      crossCalls,
      ipis,
    });
  });
  // Fact sheet 6.3: PCIDs since 4.14; before, every load of CR3 drops what is not global.
  it.each([
    ['4.13', { 'MOV to CR3': 1 }, 576],
    ['4.14', { 'MOV to CR3 NOFLUSH': 1 }, 0],
  ])('context-switch in %s', (kernel, issued, collateral) => {
    const events = operationEvents(x86_64({ kernel }), options('context-switch', 512, 1));
    expect(events).toMatchObject({ issued, dropped: { wanted: 0, collateral } });
  });
});

describe('mremap', () => {
  const flushes = (kernel: string, pages: number): number =>
    operationEvents(x86_64({ kernel }), options('mremap', pages, 1)).calls - 1; // the last one frees the tables
  // mm/mremap.c: once in the end, then for each 64 pages, then for each pmd, then for each table that moves as a whole.
  it.each([
    ['4.8', 1024, 1],
    ['4.9', 1024, 16],
    ['4.19', 1024, 2],
    ['5.0', 1024, 2],
  ])('%s: %i pages are flushed in %i calls', (kernel, pages, calls) => {
    expect(flushes(kernel, pages)).toBe(calls);
  });
  it('moves a whole table since 5.0, and its pages one by one before', () => {
    for (const kernel of ['4.20', '5.0']) {
      expect(runOperation(x86_64({ kernel }), options('mremap', 512, 2)).stale).toEqual([]);
    }
  });
});

describe('mprotect', () => {
  // Up to 5.18 the range of the call is flushed, huge pages twice; later the entries that were gathered.
  it.each([
    ['5.16', 2],
    ['6.1', 1],
  ])('%s: a huge page of x86_64 is flushed in %i calls', (kernel, calls) => {
    expect(operationEvents(x86_64({ kernel }), options('mprotect', 512, 1, { huge: true })).calls).toBe(
      calls,
    );
  });
});

describe('arm64 operationEvents', () => {
  const events = (
    kernel: string,
    operation: OperationOptions['operation'],
    pages: number,
    rest: Rest & { tlbRange?: boolean } = {},
  ) => {
    const { tlbRange = false, ...more } = rest;
    return operationEvents(arm64({ kernel, cpu: { tlbRange } }), options(operation, pages, 4, more));
  };
  // Fact sheet 5.3 and tlb costs 4: one TLBI a page, one wait; from PTRS_PER_PTE strides on the whole ASID.
  it.each([
    [1, { VALE1IS: 1 }],
    [511, { VALE1IS: 511 }],
    [512, { ASIDE1IS: 1 }],
  ])('6.12: madv_dontneed of %i pages', (pages, issued) => {
    expect(events('6.12', 'madv_dontneed', pages)).toMatchObject({
      calls: 1,
      issued,
      completions: 1,
      ipis: 0,
    });
  });
  // Fact sheet 5.3: more than 1024 strides at 4.20.
  it.each([
    [1024, { VALE1IS: 1024 }],
    [1025, { ASIDE1IS: 1 }],
  ])('4.20: madv_dontneed of %i pages', (pages, issued) => {
    expect(events('4.20', 'madv_dontneed', pages).issued).toEqual(issued);
  });
  // tlb costs 4: the range operand encodes an even number of pages, an odd one costs one more; 512 pages are one operand.
  it.each([
    [2, { RVALE1IS: 1 }],
    [3, { RVALE1IS: 1, VALE1IS: 1 }],
    [512, { RVALE1IS: 1 }],
  ])('6.12 with TLBI RANGE: madv_dontneed of %i pages', (pages, issued) => {
    expect(events('6.12', 'madv_dontneed', pages, { tlbRange: true }).issued).toEqual(issued);
  });
  // Fact sheet 5.3: 4.x issued 512 TLBI for one THP, 5.0 to 5.8 flushed the ASID, the override makes it one.
  it.each([
    ['4.16', { VAE1IS: 512 }],
    ['5.8', { ASIDE1IS: 1 }],
    ['5.15', { VAE1IS: 1 }],
  ])('split of one huge page in %s', (kernel, issued) => {
    expect(events(kernel, 'split', 512).issued).toEqual(issued);
  });
  // Freed tables: not only leaves (fact sheet 5.3).
  it('munmap drops walk caches too', () => {
    expect(events('6.12', 'munmap', 2).issued).toEqual({ VAE1IS: 2 });
  });
  // Issue 4: batched unmap since 6.6: the same TLBI, one DSB for 32 pages.
  it.each([
    ['6.5', 64],
    ['6.6', 2],
  ])('reclaim of 64 pages in %s waits %i times', (kernel, completions) => {
    expect(events(kernel, 'reclaim', 64)).toMatchObject({ issued: { VALE1IS: 64 }, completions });
  });
});

describe('s390 operationEvents', () => {
  const arch = s390({ kernel: '6.12' });
  // Fact sheet 7.3: an IPTE for each page where others have the mm attached; no range is ever looked at, no IPI sent.
  it('madv_dontneed of 512 pages on 4 CPUs issues 512 IPTE', () => {
    const events = operationEvents(arch, options('madv_dontneed', 512, 4));
    expect(events).toMatchObject({ issued: { IPTE: 512 }, crossCalls: 0, ipis: 0, completions: 0 });
  });
  // The only CPU makes entries invalid lazily and sets flush_mm: the whole ASCE goes, with the bystanders.
  it('madv_dontneed of 512 pages on 1 CPU flushes the address space once', () => {
    const events = operationEvents(arch, options('madv_dontneed', 512, 1));
    expect(events).toMatchObject({ issued: { 'IDTE by ASCE': 1 }, dropped: { wanted: 512, collateral: 64 } });
  });
  // Freed tables set flush_mm, however the entries were purged.
  it('munmap on 4 CPUs flushes the address space on top of its IPTE', () => {
    expect(operationEvents(arch, options('munmap', 2, 4)).issued).toEqual({ IPTE: 2, 'IDTE by ASCE': 1 });
  });
  // Fact sheet 9: one IDTE for a THP, 0 if lazy. Local clearing only where nobody else has the mm attached.
  it.each([
    [true, 1, { 'IDTE local': 1 }],
    [true, 2, { IDTE: 1 }],
    [false, 1, { IDTE: 1 }],
  ])('split of one huge page, local clearing %s, %i CPUs', (tlbLc, cpus, issued) => {
    const machine = s390({ kernel: '6.12', cpu: { tlbLc } });
    expect(operationEvents(machine, options('split', 256, cpus)).issued).toEqual(issued);
  });
  // Fact sheet 7.3: CSP where there is no IDTE, up to 6.18: it purges every TLB.
  it('without IDTE a split is one CSP, which takes the bystanders along', () => {
    const machine = s390({ kernel: '6.12', cpu: { idte: false } });
    const events = operationEvents(machine, options('split', 256, 2));
    expect(events).toMatchObject({ issued: { CSP: 1 }, dropped: { wanted: 2, collateral: 128 } });
  });
});

describe('powerpc radix operationEvents', () => {
  const arch = powerpc({ kernel: '6.12', page: '4k' });
  // Fact sheet 8.5: by page up to 33 globally and 256 locally, else the PID; a local PID flush is 128 tlbiel (tlb costs 5).
  it.each([
    [4, 33, { 'tlbie RIC=0': 33 }, 1],
    [4, 34, { 'tlbie RIC=0 PID': 1 }, 1],
    [1, 256, { 'tlbiel RIC=0': 256 }, 0],
    [1, 257, { 'tlbiel RIC=0 PID': 128 }, 0],
  ])('madv_dontneed on %i CPUs of %i pages', (cpus, pages, issued, completions) => {
    const events = operationEvents(arch, options('madv_dontneed', pages, cpus));
    expect(events).toMatchObject({ issued, completions, ipis: 0 });
  });
  // Freed tables: the page walk cache too (RIC=1), with the PID flush RIC=2.
  it.each([
    [33, { 'tlbie RIC=1 PID': 1, 'tlbie RIC=0': 33 }],
    [34, { 'tlbie RIC=2 PID': 1 }],
  ])('munmap of %i pages', (pages, issued) => {
    expect(operationEvents(arch, options('munmap', pages, 2)).issued).toEqual(issued);
  });
  // Fact sheet 9: one tlbie of 2M.
  it('split of one huge page', () => {
    expect(operationEvents(arch, options('split', 512, 2)).issued).toEqual({ 'tlbie RIC=0 AP=2M': 1 });
  });
});

describe('powerpc hash operationEvents', () => {
  const arch = powerpc({ kernel: '6.12', mmu: 'hash' });
  // Fact sheet 8.4: 256 sub-HPTEs of a 16 MiB page on 64K segments, each with its tlbie.
  it('split of one huge page', () => {
    expect(operationEvents(arch, options('split', 256, 2)).issued).toEqual({ 'tlbie HPTE': 256 });
  });
  // PPC64_TLB_BATCH_NR: 192 HPTEs behind one wait.
  it('madv_dontneed of 256 pages waits twice', () => {
    const events = operationEvents(arch, options('madv_dontneed', 256, 2));
    expect(events).toMatchObject({ issued: { 'tlbie HPTE': 256 }, completions: 2 });
  });
});

describe('arm32 operationEvents', () => {
  // Fact sheet 4.4: TLBIMVAIS for each 4 KiB page of the range, no threshold, a PMD flush is 512 operations.
  it.each([
    [33, false, 33],
    [2048, false, 2048],
    [512, true, 512],
  ])('madv_dontneed of %i pages, huge %s', (pages, huge, operations) => {
    const events = operationEvents(arm32({ kernel: '6.12' }), options('madv_dontneed', pages, 4, { huge }));
    expect(events).toMatchObject({ issued: { TLBIMVAIS: operations }, completions: 1, ipis: 0 });
  });
  // With the erratum the ASID is not looked at: TLBIMVAAIS, and TLBIALLIS for the whole mm.
  it('erratum 720789', () => {
    const arch = arm32({ kernel: '6.12', config: { ARM_ERRATA_720789: true } });
    expect(operationEvents(arch, options('fork', 1, 2)).issued).toEqual({ TLBIALLIS: 1 });
  });
});

describe('fork', () => {
  // kernel/fork.c, dup_mmap: flush_tlb_mm, however little was write-protected.
  it.each([
    ['x86_64', x86_64({ kernel: '6.12' }), { 'MOV to CR3': 1 }],
    ['arm64', arm64({ kernel: '6.12' }), { ASIDE1IS: 1 }],
    ['arm32', arm32({ kernel: '6.12' }), { TLBIASIDIS: 1 }],
    ['powerpc', powerpc({ kernel: '6.12' }), { 'tlbie RIC=0 PID': 1 }],
  ])('%s flushes the whole mm for one page', (_name, arch, issued) => {
    expect(operationEvents(arch, options('fork', 1, 2)).issued).toEqual(issued);
  });
});

describe('options', () => {
  const arch = x86_64({ kernel: '6.12' });
  it.each([
    [{ operation: 'brk' as never }, "no operation 'brk'; there are munmap, mprotect"],
    [{ pages: 0 }, 'pages is 0; it must be a whole number from 1 to 65536'],
    [{ cpus: 257 }, 'cpus is 257; it must be a whole number from 1 to 256'],
    [{ lazyCpus: 1 }, 'lazyCpus is 1; it must be a whole number from 0 to 0'],
    [{ operation: 'split' as const, huge: false }, 'split is an operation on huge pages'],
    [{ operation: 'collapse' as const, huge: true }, 'collapse is an operation on small pages'],
  ])('%j throws', (wrong, message) => {
    expect(() => operationEvents(arch, { ...options('munmap', 1, 1), ...wrong })).toThrow(message);
  });
  it('says where the pages do not fit, and where an MMU is not modelled so far', () => {
    const radix = powerpc({ kernel: '6.12' });
    const wide = options('munmap', 1, 1, { bystanderPages: 12_289 });
    expect(() => operationEvents(radix, wide)).toThrow('12289 other pages of 65536 bytes do not fit');
    expect(() => operationEvents(arm32({ kernel: '6.12' }), options('mremap', 65_536, 1))).not.toThrow();
    const small = powerpc({ kernel: '6.12', mmu: 'hash', page: '4k' });
    expect(() => operationEvents(small, options('munmap', 1, 1))).toThrow(
      'no model of how the hash table is filled',
    );
  });
  it('gives the same events twice', () => {
    for (const operation of FLUSH_OPERATIONS) {
      const [first, second] = [1, 2].map(() => operationEvents(arch, options(operation, 40, 3)));
      expect(first).toEqual(second);
    }
  });
});

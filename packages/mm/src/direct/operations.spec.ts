import { arm64 } from '@ptemu/arm64';
import { s390 } from '@ptemu/s390';
import { x86_64 } from '@ptemu/x86_64';
import { describe, expect, it } from 'vitest';
import { operationEvents, runOperation } from '../index.js';

describe('x86_64 operationEvents', () => {
  const arch = x86_64({ kernel: '6.12' });
  // Fact sheet 6.3: single pages up to the ceiling of 33, one flush of the mm above it; the others by one IPI each.
  it.each([
    [1, { INVLPG: 1 }, { INVLPG: 3 }],
    [33, { 'INVLPG loop': 33 }, { 'INVLPG loop': 99 }],
    [34, { 'MOV to CR3': 1 }, { 'MOV to CR3': 3 }],
    [512, { 'MOV to CR3': 1 }, { 'MOV to CR3': 3 }],
  ])('munmap of %i pages on 4 CPUs', (pages, issued, issuedByTargets) => {
    const events = operationEvents(arch, { operation: 'munmap', pages, cpus: 4 });
    expect(events).toMatchObject({ calls: 1, issued, crossCalls: 1, ipis: 3, issuedByTargets });
  });
});

describe('s390 operationEvents', () => {
  const arch = s390({ kernel: '6.12' });
  // Fact sheet 7.3: an IPTE for each page where others have the mm attached, no range is ever looked at.
  it('madv_dontneed of 512 pages on 4 CPUs issues 512 IPTE and no IPI', () => {
    const events = operationEvents(arch, { operation: 'madv_dontneed', pages: 512, cpus: 4 });
    expect(events).toMatchObject({ issued: { IPTE: 512 }, crossCalls: 0, ipis: 0, completions: 0 });
  });
  // Fact sheet 7.3: the only CPU makes entries invalid lazily and sets flush_mm: the whole ASCE goes, with the bystanders.
  it('madv_dontneed of 512 pages on 1 CPU flushes the address space once', () => {
    const events = operationEvents(arch, { operation: 'madv_dontneed', pages: 512, cpus: 1 });
    expect(events).toMatchObject({ issued: { 'IDTE by ASCE': 1 }, dropped: { wanted: 512, collateral: 64 } });
  });
});

describe('a flush that is left out', () => {
  it.each([
    ['x86_64', 'crossCall', x86_64({ kernel: '6.12' }), [1, 2, 3]],
    ['x86_64', 'invalidate', x86_64({ kernel: '6.12' }), [0]],
    ['arm64', 'complete', arm64({ kernel: '6.12' }), [0, 1, 2, 3]],
    ['s390', 'invalidate', s390({ kernel: '6.12' }), [0, 1, 2, 3]],
  ] as const)('%s: %s leaves stale entries', (_name, omit, arch, cpus) => {
    const options = { operation: 'madv_dontneed', pages: 2, cpus: 4 } as const;
    expect(runOperation(arch, options).stale).toEqual([]);
    const stale = runOperation(arch, options, omit).stale.filter(({ what }) => what === 'leaf');
    expect(stale.map((entry) => entry.cpus)).toEqual([cpus, cpus]);
  });
});

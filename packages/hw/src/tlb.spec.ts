import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { InvalidationInstruction, TlbDescription } from '@ptemu/arch';
import { LIKE_ARM64, LIKE_POWERPC, LIKE_X86 } from '../test/descriptions.js';
import { PhysicalMemory } from './memory.js';
import { TranslationUnit } from './tlb-cpu.js';
import { type Access, walk } from './walk.js';

const instruction = (drops: InvalidationInstruction['drops'], more: Partial<InvalidationInstruction> = {}): InvalidationInstruction => ({
  name: drops, reach: 'local', drops, dropsWalkCache: true, dropsGlobal: true, completes: 'immediate', source: 'a test of ptemu', ...more,
}); // prettier-ignore

const TLB: TlbDescription = {
  tag: 'ASID',
  instructions: {
    address: instruction('address'),
    'leaf address': instruction('address', { dropsWalkCache: false }),
    range: instruction('range'),
    mm: instruction('mm', { dropsGlobal: false }),
    all: instruction('all'),
    nothing: instruction('nothing'),
  },
  remote: 'ipi',
  flushIsIpi: true,
};

const READ: Access = { kind: 'read', mode: 'user' };
const WRITE: Access = { kind: 'write', mode: 'user' };
/** pgd 0x1000 -> pud 0x2000 -> pmd 0x3000 -> pte 0x4000: pages 0x10 and 0x11 at va 0 and 0x1000. */
function unit(): { cpu: TranslationUnit; memory: PhysicalMemory } {
  const memory = new PhysicalMemory({ addressBits: 32 });
  memory.store(0x1000n, 0x2007n);
  memory.store(0x2000n, 0x3007n);
  memory.store(0x3000n, 0x4007n);
  memory.store(0x4000n, 0x10007n);
  memory.store(0x4008n, 0x11007n);
  const cpu = new TranslationUnit({
    memory,
    mmu: { ...LIKE_X86, global: { mask: 0x100n, value: 0x100n } },
    tlb: TLB,
  });
  cpu.load({ space: 'A', root: 0x1000n });
  return { cpu, memory };
}

describe('TranslationUnit stale translations', () => {
  it('keeps using a translation whose entry was cleared, until the address is invalidated', () => {
    const { cpu, memory } = unit();
    expect(cpu.translate(0x123n, READ)).toMatchObject({ kind: 'mapped', paddr: 0x10123n, from: 'walk' });
    memory.store(0x4000n, 0n);
    expect(cpu.translate(0x456n, READ)).toMatchObject({ kind: 'mapped', paddr: 0x10456n, from: 'tlb' });
    cpu.invalidate({ instruction: 'address', start: 0x1000n as never });
    expect(cpu.translate(0n, READ)).toMatchObject({ kind: 'mapped', from: 'tlb' });
    cpu.invalidate({ instruction: 'nothing' });
    expect(cpu.translate(0n, READ)).toMatchObject({ kind: 'mapped', from: 'tlb' });
    cpu.invalidate({ instruction: 'address', start: 0xfffn as never });
    expect(cpu.translate(0n, READ)).toMatchObject({ kind: 'fault', cause: 'not-present' });
  });

  it('lets a write through after write protection, until the invalidation', () => {
    const { cpu, memory } = unit();
    cpu.translate(0n, WRITE);
    memory.store(0x4000n, 0x10065n);
    expect(cpu.translate(0n, WRITE).kind).toBe('mapped');
    cpu.invalidate({ instruction: 'range', start: 0n as never, end: 0x1000n as never });
    expect(cpu.translate(0n, WRITE)).toMatchObject({ kind: 'fault', cause: 'permission', from: 'walk' });
    expect(cpu.translate(0n, READ).kind).toBe('mapped');
  });

  it('walks again for the first write after a read, and records it; not for a second one after cleaning', () => {
    const { cpu, memory } = unit();
    cpu.translate(0n, READ);
    expect(memory.load(0x4000n)).toBe(0x10027n);
    cpu.translate(0n, WRITE);
    expect(memory.load(0x4000n)).toBe(0x10067n);
    memory.store(0x4000n, 0x10007n);
    expect(cpu.translate(0n, WRITE)).toMatchObject({ kind: 'mapped', from: 'tlb' });
    expect(memory.load(0x4000n)).toBe(0x10007n);
    cpu.invalidate({ instruction: 'all' });
    cpu.translate(0n, WRITE);
    expect(memory.load(0x4000n)).toBe(0x10067n);
  });

  it('follows a stale table pointer until the paging-structure cache is invalidated', () => {
    const { cpu, memory } = unit();
    cpu.translate(0n, READ);
    memory.store(0x5000n, 0x20007n);
    memory.store(0x5008n, 0x21007n);
    memory.store(0x3000n, 0x5007n);
    expect(cpu.translate(0x1000n, READ)).toMatchObject({ paddr: 0x11000n, from: 'cached-table' });
    cpu.invalidate({ instruction: 'leaf address', start: 0x1000n as never });
    expect(cpu.translate(0x1000n, READ)).toMatchObject({ paddr: 0x11000n, from: 'cached-table' });
    cpu.invalidate({ instruction: 'address', start: 0x1000n as never });
    expect(cpu.translate(0x1000n, READ)).toMatchObject({ paddr: 0x21000n, from: 'walk' });
  });

  it('holds translations of two sizes for one address after a split without an invalidation', () => {
    const { cpu, memory } = unit();
    memory.store(0x3000n, 0x40_0087n);
    cpu.translate(0x1000n, READ);
    memory.store(0x3000n, 0x4007n);
    cpu.tlb.insert({ space: 'A', global: false, start: 0x1000n, shift: 12, pa: 0x11000n, denied: 0, dirtyRecorded: true });
    expect(cpu.tlb.lookupAll('A', 0x1000n).map(({ shift }) => shift)).toEqual([12, 21]);
    cpu.invalidate({ instruction: 'address', start: 0x1f_f000n as never });
    expect(cpu.tlb.lookupAll('A', 0x1000n).map(({ shift }) => shift)).toEqual([12]);
  }); // prettier-ignore
});

describe('TranslationUnit address spaces', () => {
  it('tells spaces apart by tag, and keeps those of others when one is invalidated', () => {
    const { cpu, memory } = unit();
    memory.store(0x6000n, 0x2007n);
    cpu.translate(0n, READ);
    cpu.load({ space: 'B', root: 0x6000n });
    expect(cpu.translate(0n, READ)).toMatchObject({ from: 'walk' });
    memory.store(0x4000n, 0n);
    cpu.invalidate({ instruction: 'mm', space: 'A' });
    expect(cpu.translate(0n, READ)).toMatchObject({ kind: 'mapped', from: 'tlb' });
    cpu.load({ space: 'A', root: 0x1000n });
    expect(cpu.translate(0n, READ)).toMatchObject({ cause: 'not-present', from: 'walk' });
  });

  it('shares global translations, which only instructions that say so drop', () => {
    const { cpu, memory } = unit();
    memory.store(0x4000n, 0x10107n);
    cpu.translate(0n, READ);
    cpu.load({ space: 'B', root: 0x9000n });
    expect(cpu.translate(0n, READ)).toMatchObject({ paddr: 0x10000n, from: 'tlb' });
    cpu.invalidate({ instruction: 'mm' });
    expect(cpu.translate(0n, READ)).toMatchObject({ from: 'tlb' });
    cpu.invalidate({ instruction: 'address', start: 0n as never });
    expect(cpu.translate(0n, READ)).toMatchObject({ cause: 'not-present' });
  });

  it('walks the upper half from its own root', () => {
    const memory = new PhysicalMemory({ addressBits: 40 });
    memory.store(0x1000n, 0x4000_0441n);
    memory.store(0x2ff8n, 0x8000_0441n);
    const cpu = new TranslationUnit({ memory, mmu: LIKE_ARM64, tlb: TLB });
    cpu.load({ space: 1, root: 0x1000n, kernelRoot: 0x2000n });
    expect(cpu.translate(0x5n, READ)).toMatchObject({ paddr: 0x4000_0005n });
    expect(cpu.translate(2n ** 64n - 1n, READ)).toMatchObject({ paddr: 0xbfff_ffffn });
    expect(cpu.translate(1n << 40n, READ)).toMatchObject({ cause: 'non-canonical' });
  });

  it('gives a dirty fault where software records writes, though a read was cached', () => {
    const memory = new PhysicalMemory({ addressBits: 40 });
    memory.store(0x1000n, (1n << 63n) | (0x2000n << 8n));
    memory.store(0x2000n, (1n << 63n) | (1n << 62n) | 0x100n);
    const cpu = new TranslationUnit({ memory, mmu: LIKE_POWERPC, tlb: TLB });
    cpu.load({ space: 1, root: 0x1000n });
    expect(cpu.translate(0n, READ)).toMatchObject({ kind: 'mapped' });
    expect(cpu.translate(0n, WRITE)).toMatchObject({ kind: 'fault', cause: 'dirty' });
    memory.store(0x2000n, (1n << 63n) | (1n << 62n) | 0x180n);
    expect(cpu.translate(0n, WRITE)).toMatchObject({ kind: 'mapped', from: 'cached-table' });
  });

  it('refuses instructions that the architecture does not have, and accesses without a space', () => {
    const { cpu } = unit();
    expect(() => cpu.invalidate({ instruction: 'TLBI X' })).toThrow(
      /no instruction 'TLBI X'; there are address/,
    );
    const fresh = new TranslationUnit({ memory: cpu.memory, mmu: LIKE_X86, tlb: TLB });
    expect(() => fresh.translate(0n, READ)).toThrow(/no address space/);
  });
});

/** Changes of tables and accesses at random; `flush` says what is invalidated after a change. Counts disagreements. */
function disagreements(flush: 'address' | 'leaf address' | 'nothing'): number {
  let wrong = 0;
  const change = fc.record({
    entry: fc.constantFrom(0x1000n, 0x2000n, 0x3000n, 0x3008n, 0x4000n, 0x4008n, 0x7000n),
    value: fc.constantFrom(0n, 0x2007n, 0x3007n, 0x4007n, 0x7007n, 0x7005n, 0x10007n, 0x11005n, 0x40_0087n, 0x60_0085n),
    va: fc.constantFrom(0n, 0x1000n, 0x20_0000n),
    write: fc.boolean(),
  }); // prettier-ignore
  fc.assert(
    fc.property(fc.array(change, { maxLength: 12 }), (changes) => {
      const { cpu, memory } = unit();
      for (const { entry, value, va, write } of changes) {
        for (const address of [0n, 0x1000n, 0x20_0000n]) cpu.translate(address, READ);
        memory.store(entry, value);
        // One invalidation for every address that the entry covers, as the kernel's range flushes do.
        for (const start of [0n, 0x1000n, 0x20_0000n, 0x20_1000n]) cpu.invalidate({ instruction: flush, start: start as never });
        const access = write ? WRITE : READ;
        const fresh = walk(memory, cpu.mmu, 0x1000n, va, access);
        const cached = cpu.translate(va, access);
        const same = fresh.kind === 'mapped' ? cached.kind === 'mapped' && cached.paddr === fresh.paddr : cached.kind === 'fault' && cached.cause === fresh.cause;
        if (!same) wrong++;
      }
    }),
    { numRuns: 300, seed: 20261122 },
  ); // prettier-ignore
  return wrong;
}

describe('TranslationUnit cached equals fresh', () => {
  it('holds when every change is followed by an invalidation that drops table pointers too', () => {
    expect(disagreements('address')).toBe(0);
  });
  it('is broken when only leaf translations are dropped, and when nothing is (broken twins)', () => {
    expect(disagreements('leaf address')).toBeGreaterThan(0);
    expect(disagreements('nothing')).toBeGreaterThan(0);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { MmuDescription } from '@ptemu/arch';
import { LIKE_ARM64, LIKE_POWERPC, LIKE_S390, LIKE_X86 } from '../test/descriptions.js';
import { PhysicalMemory } from './memory.js';
import { TableBuilder } from './table-builder.js';
import { walk } from './walk.js';

/** Templates: what each description asks of a table entry and of a leaf. */
interface Case {
  readonly mmu: MmuDescription;
  readonly tables: readonly bigint[];
  readonly leaf: bigint;
  readonly empty?: readonly bigint[];
}

const CASES: Readonly<Record<string, Case>> = {
  LIKE_X86: { mmu: LIKE_X86, tables: [7n, 7n, 7n], leaf: 7n },
  LIKE_ARM64: { mmu: LIKE_ARM64, tables: [3n, 3n], leaf: 0x443n },
  LIKE_S390: { mmu: LIKE_S390, tables: [0n], leaf: 0n, empty: [1n << 5n, 1n << 10n] },
  LIKE_POWERPC: { mmu: LIKE_POWERPC, tables: [1n << 63n, 1n << 63n], leaf: (1n << 63n) | 0x186n },
};
const READ = { kind: 'read', mode: 'user' } as const;

describe('TableBuilder', () => {
  for (const [name, { mmu, tables, leaf, empty = [] }] of Object.entries(CASES)) {
    it(`maps pages where a walk finds them, one by one and by range: ${name}`, () => {
      const shift = BigInt(mmu.levels.at(-1)!.indexShift);
      const page = fc.record({ at: fc.nat(2 ** 14), frame: fc.nat(2 ** 12), count: fc.integer({ min: 1, max: 600 }), single: fc.boolean() }); // prettier-ignore
      fc.assert(
        fc.property(fc.array(page, { minLength: 1, maxLength: 5 }), (pages) => {
          const memory = new PhysicalMemory({ firstFrame: 2 ** 14 });
          const builder = new TableBuilder({ memory, mmu, tables, empty });
          const want = new Map<bigint, bigint>();
          for (const { at, frame, count, single } of pages) {
            const [va, pa, n] = [BigInt(at) << shift, BigInt(frame) << shift, single ? 1 : count];
            if (single) builder.map(va, pa, leaf);
            else builder.mapRange(va, pa, count, leaf);
            for (let i = 0n; i < BigInt(n); i++) want.set(va + (i << shift), pa + (i << shift));
          }
          for (const [va, pa] of want)
            expect(walk(memory, mmu, builder.root, va + 8n, READ)).toMatchObject({ kind: 'mapped', paddr: pa + 8n });
        }),
        { numRuns: 15, seed: 20261125 },
      );
    }); // prettier-ignore
  }

  it('makes one table per part of the address space, and takes a root that is there', () => {
    const memory = new PhysicalMemory({ firstFrame: 1 });
    const builder = new TableBuilder({ memory, mmu: LIKE_X86, tables: [7n, 7n, 7n] });
    builder.mapRange(0x1f_f000n, 0n, 2, 7n);
    expect(builder.nrTables).toBe(5);
    const again = new TableBuilder({ memory, mmu: LIKE_X86, tables: [7n, 7n, 7n], root: builder.root });
    again.map(0x1f_e000n, 0x5000n, 7n);
    expect(again.nrTables).toBe(0);
    expect(walk(memory, LIKE_X86, builder.root, 0x1f_f000n, READ)).toMatchObject({ kind: 'mapped', paddr: 0n });
  }); // prettier-ignore

  it('cuts tables that are smaller than a frame from one frame', () => {
    const memory = new PhysicalMemory({ firstFrame: 4 });
    const builder = new TableBuilder({ memory, mmu: LIKE_S390, tables: [0n], empty: [1n << 5n, 1n << 10n] });
    builder.map(0n, 0n, 0n);
    builder.map(0x10_0000n, 0n, 0n);
    expect(memory.load(builder.root + 8n) - memory.load(builder.root)).toBe(2048n);
  });

  it('keeps frames whose address stands in two pieces, across the border of the pieces', () => {
    const memory = new PhysicalMemory({ firstFrame: 1 });
    const builder = new TableBuilder({ memory, mmu: LIKE_ARM64, tables: [3n, 3n] });
    builder.mapRange(0n, (1n << 48n) * 4n - 0x2000n, 4, 0x443n);
    expect(walk(memory, LIKE_ARM64, builder.root, 0x2000n, READ)).toMatchObject({ paddr: 1n << 50n });
  });

  it('refuses what is not aligned, frames beyond memory, and a wrong number of templates', () => {
    const memory = new PhysicalMemory({ addressBits: 32 });
    const builder = new TableBuilder({ memory, mmu: LIKE_X86, tables: [7n, 7n, 7n] });
    expect(() => builder.map(0x10n, 0n, 7n)).toThrow(/not both multiples/);
    expect(() => builder.mapRange(0n, 0xffff_f000n, 2, 7n)).toThrow(/do not end below 2\^32/);
    expect(() => new TableBuilder({ memory, mmu: LIKE_X86, tables: [7n] })).toThrow(/1 templates .* give 3/);
  });
});

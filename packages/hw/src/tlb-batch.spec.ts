import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LIKE_ARM64, LIKE_POWERPC, LIKE_S390, LIKE_X86 } from '../test/descriptions.js';
import { PhysicalMemory, frameAddress } from './memory.js';
import { compileTranslator } from './tlb-batch.js';
import { FAULT_CAUSES } from './walk-fast.js';
import { walk } from './walk.js';

const BASE = 0x7f00_0000_0000n;
const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);

/** The trace that `tlbref gen rand|seq MIB N SEED` writes: a xorshift generator; bit 0 of an address says write. */
function traceOf(kind: 'rand' | 'seq', mib: number, count: number, seed: number): Uint32Array {
  const bytes = BigInt(mib) << 20n;
  let s = u64(BigInt(seed) * 0x9e37_79b9_7f4a_7c15n) | 1n;
  const random = (): bigint => {
    s = u64(s ^ (s << 13n));
    s ^= s >> 7n;
    return (s = u64(s ^ (s << 17n)));
  };
  const trace = new Uint32Array(2 * count);
  for (let i = 0; i < count; i++) {
    const offset = kind === 'seq' ? (BigInt(i) * 64n) % bytes : ((random() >> 11n) % (bytes >> 12n)) * 4096n + (random() & 0xff8n);
    const va = ((BASE + offset) & ~1n) | ((random() >> 20n) % 10n < 3n ? 1n : 0n);
    trace[2 * i] = Number(va & 0xffff_ffffn);
    trace[2 * i + 1] = Number(va >> 32n);
  }
  return trace;
} // prettier-ignore

/** The tables that `tlbref run` builds: page i of the working set maps frame 0x100000 + (i * 7919) % pages. */
function mapped(mib: number): { readonly memory: PhysicalMemory; readonly root: bigint } {
  const memory = new PhysicalMemory({ addressBits: 40, firstFrame: 1 });
  const root = frameAddress(memory, memory.allocateFrame('table:pgd'));
  const pages = mib * 256;
  for (let i = 0; i < pages; i++) {
    const va = BASE + BigInt(i) * 4096n;
    let table: bigint = root;
    for (const shift of [39n, 30n, 21n]) {
      const at = table + ((va >> shift) & 511n) * 8n;
      if (memory.load(at) === 0n) memory.store(at, frameAddress(memory, memory.allocateFrame('table')) | 7n);
      table = memory.load(at) & ~0xfffn;
    }
    const pfn = 0x10_0000n + BigInt((i * 7919) % pages);
    memory.store(table + ((va >> 12n) & 511n) * 8n, (1n << 63n) | (pfn << 12n) | 7n);
  }
  return { memory, root };
}

const GOLDEN_RAND = {
  hits: [601, 13498],
  walks: 5901,
  dirtyWalks: 1056,
  recorded: 3375,
  faults: 0,
  sumLo: 1978198208,
  sumHi: 20000,
};
const GOLDEN_SEQ = {
  hits: [19687, 57],
  walks: 256,
  dirtyWalks: 228,
  recorded: 445,
  faults: 0,
  sumLo: 1877392384,
  sumHi: 20000,
};
const TLBS = [{ sets: 16, ways: 4 }, { sets: 128, ways: 12 }]; // prettier-ignore

describe('compileTranslator', () => {
  // source: the C reference of the performance facts, `tlbref gen KIND MIB 20000 7` and `tlbref run`.
  it.each([
    ['rand', 8, GOLDEN_RAND],
    ['seq', 1, GOLDEN_SEQ],
  ] as const)('counts what the C reference counts on a %s trace of %i MiB', (kind, mib, golden) => {
    const { memory, root } = mapped(mib);
    const translator = compileTranslator({ memory, mmu: LIKE_X86, root, tlbs: TLBS });
    const trace = traceOf(kind, mib, 20000, 7);
    translator.run(trace, 0, 7000);
    translator.run(trace, 7000);
    expect(translator.counters()).toEqual(golden);
    translator.reset();
    expect(translator.counters().hits).toEqual([0, 0]);
    translator.run(trace);
    expect(translator.counters()).toMatchObject({ recorded: 0, sumLo: golden.sumLo, sumHi: golden.sumHi });
  });

  it('translates as the walk does, and leaves the same states in memory, for every kind of description', () => {
    for (const mmu of [LIKE_X86, LIKE_ARM64, LIKE_S390, LIKE_POWERPC]) {
      let mappedOnes = 0;
      const entry = fc.tuple(fc.nat(7), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.boolean());
      const access = fc.tuple(fc.nat(7), fc.nat(0xfff), fc.boolean());
      fc.assert(
        fc.property(fc.array(entry, { maxLength: 5 }), fc.array(access, { maxLength: 40 }), (entries, accesses) => {
          const [cached, fresh] = [small(mmu, entries), small(mmu, entries)];
          const translator = compileTranslator({ memory: cached, mmu, root: 0n, tlbs: [{ sets: 1, ways: 2 }, { sets: 2, ways: 1 }] });
          const shift = BigInt(mmu.levels.at(-1)!.indexShift);
          for (const [page, offset, write] of accesses) {
            const va = (BigInt(page) << shift) | BigInt(offset & ~1);
            const want = walk(fresh, mmu, 0n, va, { kind: write ? 'write' : 'read', mode: 'user' }, { states: 'update' });
            const status = translator.translate(Number(va & 0xffff_ffffn), Number(va >> 32n), write ? 1 : 0);
            expect(status === 0 ? 'mapped' : FAULT_CAUSES[status - 1]).toBe(want.kind === 'mapped' ? 'mapped' : want.cause);
            if (want.kind !== 'mapped') continue;
            mappedOnes++;
            expect((BigInt(translator.result[1]!) << 32n) | BigInt(translator.result[0]!)).toBe(want.paddr);
          }
          expect(Buffer.compare(cached.readBytes(0n, 16384, 'little'), fresh.readBytes(0n, 16384, 'little'))).toBe(0);
        }),
        { numRuns: 40, seed: 20261122 },
      );
      expect(mappedOnes).toBeGreaterThan(50);
    }
  }); // prettier-ignore

  it('refuses geometries that cannot be indexed', () => {
    const { memory, root } = mapped(1);
    const make = (tlbs: readonly { sets: number; ways: number }[]) =>
      compileTranslator({ memory, mmu: LIKE_X86, root, tlbs });
    expect(() => make([])).toThrow(/give 1 to 3 levels/);
    expect(() => make([{ sets: 3, ways: 1 }])).toThrow(/power of two/);
    expect(() => make([{ sets: 4, ways: 0 }])).toThrow(/ways 1 to 64/);
  });
});

/** Four pages of tables at 0: the first entry of each leads to the next, the last has leaves; some entries are noise. */
function small(mmu: typeof LIKE_X86, entries: readonly (readonly [number, bigint, boolean])[]): PhysicalMemory {
  const memory = new PhysicalMemory({ addressBits: 52 });
  const set = (table: number, index: number, value: bigint): void => memory.store(BigInt(table * 4096 + index * 8), u64(value));
  const valid = (level: number, value: bigint): bigint => mmu.levels[level]!.valid.reduce((e, m) => (e & ~m.mask) | m.value, value);
  const last = mmu.levels.length - 1;
  for (let level = 0; level < last; level++) {
    const { mask, shift } = mmu.levels[level]!.table![0]!;
    const target = BigInt((level + 1) * 4096);
    const pointer = (shift >= 0 ? target >> BigInt(shift) : target << BigInt(-shift)) & mask;
    // What these descriptions need of a table: LIKE_X86 RW and US, LIKE_ARM64 bit 1; the others look at high bits or none.
    set(level, 0, valid(level, pointer | (mmu.levels[0]!.valid[0]!.mask === 1n ? 6n : 0n)));
  }
  for (let index = 0; index < 8; index++) set(last, index, valid(last, (BigInt(index + 3) << 16n) | 0x5c7n));
  for (const [index, value, bad] of entries) set(last, index, bad ? value : valid(last, value));
  return memory;
} // prettier-ignore

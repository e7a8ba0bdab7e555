import { describe, expect, it } from 'vitest';
import { LIKE_ARM64, LIKE_X86 } from '../test/descriptions.js';
import { PhysicalMemory, frameAddress } from './memory.js';
import { type Translator, accessRight, compileTranslator } from './tlb-batch.js';
import type { TlbConfig } from './tlb-config.js';

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
function mapped(mib: number, firstFrame = 1): { readonly memory: PhysicalMemory; readonly root: bigint } {
  const memory = new PhysicalMemory({ addressBits: 52, firstFrame });
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

const GOLDEN_RAND = { l1d: 601, l2: 13498, walks: 5901, rewalks: 1056, recorded: 3375, faults: 0, sumLo: 1978198208, sumHi: 20000 }; // prettier-ignore
const GOLDEN_SEQ = { l1d: 19687, l2: 57, walks: 256, rewalks: 228, recorded: 445, faults: 0, sumLo: 1877392384, sumHi: 20000 }; // prettier-ignore
const REFERENCE: TlbConfig = {
  name: 'reference',
  l1d: [{ sets: 16, ways: 4 }],
  l2: [{ sets: 128, ways: 12 }],
};
const READ = accessRight({ kind: 'read', mode: 'user' });
const WRITE = accessRight({ kind: 'write', mode: 'user' });
const EXEC = accessRight({ kind: 'exec', mode: 'user' });

describe('compileTranslator on the traces of the C reference', () => {
  // source: the C reference of the performance facts, `tlbref gen KIND MIB 20000 7` and `tlbref run`.
  it.each([
    ['rand', 8, GOLDEN_RAND],
    ['seq', 1, GOLDEN_SEQ],
  ] as const)('counts what it counts on a %s trace of %i MiB', (kind, mib, golden) => {
    const { memory, root } = mapped(mib);
    const translator = compileTranslator({ memory, mmu: LIKE_X86, tlb: REFERENCE });
    translator.load({ space: 1, root });
    const trace = traceOf(kind, mib, 20000, 7);
    translator.run(trace, { to: 7000 });
    translator.run(trace, { from: 7000 });
    expect(translator.counters()).toMatchObject(golden);
    translator.reset();
    expect(translator.counters()).toMatchObject({ l1d: 0, walks: 0, references: 0, sumLo: 0 });
    translator.run(trace);
    expect(translator.counters()).toMatchObject({ recorded: 0, sumLo: golden.sumLo, sumHi: golden.sumHi });
  });

  // Chunks of memory below 2^36 stand in an array, those above in a map: all tables above, some below, the root alone below. A
  // number of a chunk above 2^48 has more than 32 bits; at what is left of it lie other tables.
  it.each([2 ** 24, 2 ** 24 - 3, 2 ** 24 - 1, 2 ** 36 + 16])('counts the same with tables from frame %i on, and from cached ones', (firstFrame) => {
    const trace = traceOf('rand', 8, 20000, 7);
    // Accessed and dirty, so that the short walk takes them at their word; their leaves lead elsewhere.
    const lay = (memory: PhysicalMemory): void => {
      for (let at = 2n ** 48n + 0x1_0000n; at < 2n ** 48n + 0x2_0000n; at += 8n) {
        const entry = memory.load(at);
        if (entry !== 0n) memory.store(at - 2n ** 48n, (entry >> 63n === 1n ? entry ^ 0x1000n : entry - 2n ** 48n) | 0x60n);
      }
    };
    const far = mapped(8, firstFrame);
    if (firstFrame > 2 ** 36) lay(far.memory);
    const unit = compileTranslator({ memory: far.memory, mmu: LIKE_X86, tlb: REFERENCE });
    unit.load({ space: 1, root: far.root });
    unit.run(trace);
    expect(unit.counters()).toMatchObject(GOLDEN_RAND);
    // The same from a root below.
    for (let at = 0n; at < 4096n; at += 8n) far.memory.store(0x3_0000n + at, far.memory.load(far.root + at));
    unit.load({ space: 2, root: 0x3_0000n });
    unit.reset();
    unit.run(trace);
    expect(unit.counters()).toMatchObject({ sumLo: GOLDEN_RAND.sumLo, sumHi: GOLDEN_RAND.sumHi, faults: 0 });
    const tlb: TlbConfig = { ...REFERENCE, walkCaches: [{ levels: ['pgd', 'pud', 'pmd'], sets: 1, ways: 4 }] };
    const counters = [mapped(8), mapped(8, firstFrame)].map(({ memory, root }) => {
      if (root > 2n ** 48n) lay(memory);
      const cached = compileTranslator({ memory, mmu: LIKE_X86, tlb });
      cached.load({ space: 1, root });
      cached.run(trace);
      return cached.counters();
    });
    expect(counters[1]).toEqual(counters[0]);
    expect(counters[0]).toMatchObject(GOLDEN_RAND);
    expect(counters[0]!.walkCaches).toBeGreaterThan(5000);
  }); // prettier-ignore

  it('counts the same one access at a time, and with structures that nothing fills', () => {
    const { memory, root } = mapped(8);
    const tlb: TlbConfig = {
      ...REFERENCE,
      l1d: [{ sets: 16, ways: 4 }, { sets: 8, ways: 4, pages: [21] }, { sets: 1, ways: 4, pages: [30] }],
      l1i: [{ sets: 16, ways: 8 }],
    }; // prettier-ignore
    const translator = compileTranslator({ memory, mmu: LIKE_X86, tlb });
    translator.load({ space: 1, root });
    const trace = traceOf('rand', 8, 20000, 7);
    let [sumLo, sumHi] = [0, 0];
    for (let i = 0; i < trace.length; i += 2) {
      expect(translator.translate(trace[i]! & ~1, trace[i + 1]!, trace[i]! & 1)).toBe(0);
      sumLo = (sumLo + translator.result[0]!) >>> 0;
      sumHi = (sumHi + translator.result[1]!) >>> 0;
    }
    expect({ ...translator.counters(), sumLo, sumHi }).toMatchObject(GOLDEN_RAND);
  });
});

/** Pages 0, 1, ... of the first table map frames 0x10, 0x11, ...; page 8 is shared by all spaces. */
function small(tlb: TlbConfig): { memory: PhysicalMemory; unit: Translator } {
  const memory = new PhysicalMemory({ addressBits: 40 });
  memory.store(0x1000n, 0x2007n);
  memory.store(0x2000n, 0x3007n);
  memory.store(0x3000n, 0x4007n);
  memory.store(0x3008n, 0x60_0087n);
  for (let page = 0n; page < 16n; page++)
    memory.store(0x4000n + 8n * page, ((0x10n + page) << 12n) | (page === 8n ? 0x107n : 7n));
  const mmu = { ...LIKE_X86, global: { mask: 0x100n, value: 0x100n } };
  const unit = compileTranslator({ memory, mmu, tlb });
  unit.load({ space: 1, root: 0x1000n });
  return { memory, unit };
}

const hits = (unit: Translator): readonly number[] => {
  const { l1d, l1i, l2, walks, rewalks } = unit.counters();
  return [l1d, l1i, l2, walks, rewalks];
};

describe('compileTranslator structures', () => {
  const split: TlbConfig = { ...REFERENCE, l1i: [{ sets: 4, ways: 2 }] };

  it('looks for instructions in a first level of their own, and finds in the second what data brought', () => {
    const { unit } = small(split);
    unit.translate(0x123, 0, READ);
    unit.translate(0x456, 0, EXEC);
    unit.translate(0x789, 0, EXEC);
    expect(hits(unit)).toEqual([0, 1, 1, 1, 0]);
    unit.run(Uint32Array.of(0x2, 0, 0x0, 0, 0x1002, 0));
    expect(hits(unit)).toEqual([1, 2, 1, 2, 0]);
    expect(unit.counters().sumLo).toBe(0x10000 + 0x10000 + 0x11000);
  });

  it('serves instructions from the data side where there is no other', () => {
    const { unit } = small(REFERENCE);
    unit.run(Uint32Array.of(0x0, 0, 0x2, 0));
    expect(hits(unit)).toEqual([1, 0, 0, 1, 0]);
  });

  it('walks again for an access that the entry does not allow, and reports its fault', () => {
    const { unit, memory } = small(REFERENCE);
    memory.store(0x4000n, 0x10005n);
    expect(unit.translate(0, 0, READ)).toBe(0);
    expect(unit.translate(0, 0, WRITE)).toBe(4);
    expect([...unit.result]).toEqual([0, 0]);
    expect(unit.translate(0x8, 0, READ)).toBe(0);
    expect(hits(unit)).toEqual([2, 0, 0, 1, 1]);
    expect(unit.counters()).toMatchObject({ faults: 1, recorded: 4, references: 8 });
  });

  it('holds a large page whole where a structure lists its size, and in parts where none does', () => {
    const { unit } = small({
      name: 'large',
      l1d: [
        { sets: 1, ways: 2 },
        { sets: 1, ways: 2, pages: [21] },
      ],
    });
    for (const va of [0x20_0000, 0x20_1000, 0x3f_f004]) unit.translate(va, 0, READ);
    expect(unit.result[0]).toBe(0x7f_f004);
    expect(hits(unit)).toEqual([2, 0, 0, 1, 0]);
    const parts = small({ name: 'parts', l1d: [{ sets: 1, ways: 2 }] });
    for (const va of [0x20_0000, 0x20_1000, 0x20_0004, 0x20_1004]) parts.unit.translate(va, 0, READ);
    expect(hits(parts.unit)).toEqual([2, 0, 0, 2, 0]);
  });

  it('starts walks at the deepest table that a cache of the level holds', () => {
    const { unit } = small({ ...REFERENCE, walkCaches: [{ levels: ['pud', 'pmd'], sets: 1, ways: 4 }] });
    unit.translate(0, 0, READ);
    unit.translate(0x1000, 0, READ);
    expect(unit.counters()).toMatchObject({ references: 4 + 1, walkCaches: 1 });
  });

  it('evicts the page used longest ago, the one filled longest ago, or the one that the tree points to', () => {
    const order = (replacement: 'lru' | 'fifo' | 'plru'): boolean[] => {
      const { unit } = small({ name: 'one set', l1d: [{ sets: 1, ways: 4, replacement }] });
      for (const page of [0, 1, 2, 3, 0, 1, 4]) unit.translate(page << 12, 0, READ);
      return [0, 1, 2, 3].map((page) => {
        const before = unit.counters().l1d;
        const { unit: again } = { unit };
        again.translate(page << 12, 0, READ);
        return again.counters().l1d > before;
      });
    };
    // Looking changes what is held: after a miss the next victim goes. The first page that is gone tells the policy.
    expect(order('lru').indexOf(false)).toBe(2);
    expect(order('fifo').indexOf(false)).toBe(0);
    expect(order('plru').indexOf(false)).toBe(2);
  });

  it('picks by the seed where replacement is random', () => {
    const walks = (seed: number): number => {
      const { unit } = small({ name: 'random', l1d: [{ sets: 1, ways: 4, replacement: 'random' }], seed });
      for (let i = 0; i < 400; i++) unit.translate(((i * 7) % 9) << 12, 0, READ);
      return unit.counters().walks;
    };
    expect(walks(1)).toBe(walks(1));
    expect(new Set([1, 2, 3, 4, 5].map(walks)).size).toBeGreaterThan(1);
  });

  it('keeps the order of use when the words that hold it are renewed', () => {
    // 128 ways leave 24 bits to the clock.
    const { unit } = small({ name: 'many ways', l1d: [{ sets: 1, ways: 128 }], l2: [{ sets: 1, ways: 3 }] });
    const trace = Uint32Array.from({ length: 2 * 8192 }, (_, i) => (i % 2 === 0 ? ((i >> 1) % 3) << 12 : 0));
    for (let i = 0; i < 2100; i++) unit.run(trace);
    unit.invalidate({ drops: 'address', start: 0x1000n, dropsGlobal: true, dropsWalkCache: true });
    unit.run(trace);
    expect(hits(unit)).toEqual([2101 * 8192 - 4, 0, 0, 4, 0]);
  });

  it('holds leaves with a contiguous hint as one where asked to', () => {
    const memory = new PhysicalMemory({ addressBits: 40 });
    memory.store(0x1000n, 0x2403n);
    memory.store(0x2000n, 0x3403n);
    for (let page = 0n; page < 16n; page++)
      memory.store(0x3000n + 8n * page, (1n << 52n) | 0x4000_0443n | (page << 12n));
    const walks = (contiguous: 'merge' | 'ignore'): number => {
      const tlb: TlbConfig = { name: 'contiguous', l1d: [{ sets: 1, ways: 4, pages: [12, 16] }], contiguous };
      const unit = compileTranslator({ memory, mmu: LIKE_ARM64, tlb });
      unit.load({ space: 1, root: 0x1000n });
      for (let page = 0; page < 16; page++) {
        expect(unit.translate(page << 12, 0, READ)).toBe(0);
        expect(unit.result[0]).toBe(0x4000_0000 + (page << 12));
      }
      return unit.counters().walks;
    };
    expect(walks('merge')).toBe(1);
    expect(walks('ignore')).toBe(16);
  });
});

describe('compileTranslator spaces', () => {
  it('tells spaces apart by tag, and shares global translations', () => {
    const { unit } = small(REFERENCE);
    unit.translate(0, 0, READ);
    unit.translate(0x8000, 0, READ);
    unit.load({ space: 2, root: 0x1000n });
    unit.translate(0, 0, READ);
    unit.translate(0x8000, 0, READ);
    unit.load({ space: 1, root: 0x1000n });
    unit.translate(0, 0, READ);
    expect(hits(unit)).toEqual([2, 0, 0, 3, 0]);
  });

  it('drops what is not global when another space is loaded without tags', () => {
    const { unit } = small({ ...REFERENCE, tagBits: 0 });
    unit.translate(0, 0, READ);
    unit.translate(0x8000, 0, READ);
    unit.load({ space: 2, root: 0x1000n });
    unit.load({ space: 1, root: 0x1000n });
    unit.translate(0, 0, READ);
    unit.translate(0x8000, 0, READ);
    expect(hits(unit)).toEqual([1, 0, 0, 3, 0]);
  });

  it('gives the slot of the space loaded longest ago to a new one when all are taken, without its translations', () => {
    const { unit } = small(REFERENCE);
    unit.translate(0, 0, READ);
    for (let space = 2; space <= 600; space++) unit.load({ space, root: 0x9000n });
    expect(unit.translate(0, 0, READ)).toBe(2);
    unit.load({ space: 1, root: 0x1000n });
    unit.translate(0, 0, READ);
    expect(hits(unit)).toEqual([0, 0, 0, 3, 0]);
  });

  it('walks the upper half from its own root', () => {
    const memory = new PhysicalMemory({ addressBits: 40 });
    memory.store(0x1000n, 0x4000_0441n);
    memory.store(0x2ff8n, 0x8000_0441n);
    const unit = compileTranslator({ memory, mmu: LIKE_ARM64, tlb: REFERENCE });
    unit.load({ space: 1, root: 0x1000n, kernelRoot: 0x2000n });
    expect(unit.translate(5, 0, READ)).toBe(0);
    expect(unit.result[0]).toBe(0x4000_0005);
    expect(unit.translate(-1, -1, READ)).toBe(0);
    expect(unit.result[0]! >>> 0).toBe(0xbfff_ffff);
    expect(unit.translate(0, 0x100, READ)).toBe(1);
  });

  it('refuses accesses before a space is loaded, and tags that do not fit', () => {
    const unit = compileTranslator({
      memory: new PhysicalMemory(),
      mmu: LIKE_X86,
      tlb: { ...REFERENCE, tagBits: 12 },
    });
    expect(() => unit.translate(0, 0, READ)).toThrow(/no address space is loaded/);
    expect(() => unit.run(new Uint32Array(2))).toThrow(/no address space is loaded/);
    expect(() => unit.load({ space: 4096, root: 0n })).toThrow(/space 4096 does not fit the 12 bits/);
    expect(() => unit.load({ space: 4095, root: 0n })).not.toThrow();
  });
});

describe('compileTranslator invalidations', () => {
  const both = { dropsGlobal: true, dropsWalkCache: true };
  const filled = (): Translator => {
    const { unit } = small({ ...REFERENCE, walkCaches: [{ levels: ['pmd'], sets: 1, ways: 4 }] });
    for (const page of [0, 1, 2, 8]) unit.translate(page << 12, 0, READ);
    return unit;
  };

  it('says how many entries went: a page stands in both levels', () => {
    expect(filled().invalidate({ drops: 'address', start: 0x1fffn, ...both })).toEqual({
      translations: 2,
      tables: 1,
    });
    expect(
      filled().invalidate({ drops: 'address', start: 0x3000n, dropsGlobal: true, dropsWalkCache: false }),
    ).toEqual({ translations: 0, tables: 0 });
    expect(filled().invalidate({ drops: 'range', start: 0x1000n, end: 0x2001n, ...both })).toEqual({
      translations: 4,
      tables: 1,
    });
    expect(filled().invalidate({ drops: 'range', start: 0x1000n, end: 0x1000n, ...both })).toEqual({
      translations: 0,
      tables: 0,
    });
    expect(filled().invalidate({ drops: 'mm', dropsGlobal: false, dropsWalkCache: true })).toEqual({
      translations: 6,
      tables: 1,
    });
    expect(filled().invalidate({ drops: 'mm', space: 7, ...both })).toEqual({ translations: 2, tables: 0 });
    expect(filled().invalidate({ drops: 'all', ...both })).toEqual({ translations: 8, tables: 1 });
    expect(filled().invalidate({ drops: 'nothing', ...both })).toEqual({ translations: 0, tables: 0 });
  });

  it('shows a stale translation until it is dropped', () => {
    const { unit, memory } = small(REFERENCE);
    unit.translate(0, 0, READ);
    memory.store(0x4000n, 0n);
    expect(unit.translate(0, 0, READ)).toBe(0);
    unit.invalidate({ drops: 'address', start: 0x1000n, ...both });
    expect(unit.translate(0, 0, READ)).toBe(0);
    unit.invalidate({ drops: 'address', start: 0n, ...both });
    expect(unit.translate(0, 0, READ)).toBe(2);
  });

  it('refuses ranges beyond 64 bits', () => {
    expect(() => filled().invalidate({ drops: 'range', start: 0n, end: (1n << 64n) + 1n, ...both })).toThrow(
      /is not a range/,
    );
    expect(filled().invalidate({ drops: 'range', start: 0n, end: 1n << 64n, ...both })).toEqual({
      translations: 8,
      tables: 1,
    });
  });
});

describe('compileTranslator configurations', () => {
  it.each([
    [{ l1d: [] }, /no first-level TLB/],
    [{ l1d: [{ sets: 3, ways: 1 }] }, /power of two/],
    [{ l1d: [{ sets: 4, ways: 0 }] }, /ways 1 to 128/],
    [{ l1d: [{ sets: 4, ways: 129 }] }, /ways 1 to 128/],
    [{ l1d: [{ sets: 4, ways: 12, replacement: 'plru' }] }, /plru of 12 ways/],
    [{ l1d: [{ sets: 4, ways: 64, replacement: 'plru' }] }, /plru of 64 ways/],
    [{ l1d: [{ sets: 4, ways: 4, pages: [21, 12] }] }, /ascending/],
    [{ l1d: [{ sets: 4, ways: 4, pages: [11] }] }, /12 to 63/],
    [
      {
        l1d: [
          { sets: 4, ways: 4 },
          { sets: 4, ways: 4, pages: [12, 21] },
        ],
      },
      /lists a size twice/,
    ],
    [{ l1d: [{ sets: 1, ways: 1 }], walkCaches: [{ levels: ['pmd'], sets: 3, ways: 1 }] }, /power of two/],
  ] as readonly (readonly [Omit<TlbConfig, 'name'>, RegExp])[])('refuses %j', (config, message) => {
    const make = (): unknown =>
      compileTranslator({ memory: new PhysicalMemory(), mmu: LIKE_X86, tlb: { name: 'bad', ...config } });
    expect(make).toThrow(message);
  });

  it('keeps what the name of a translator may break out of its source', () => {
    const { memory, root } = mapped(1);
    const unit = compileTranslator({ memory, mmu: LIKE_X86, tlb: REFERENCE, id: 'a\nthrow 1' });
    unit.load({ space: 1, root });
    expect(unit.translate(0, 0x7f00, READ)).toBe(0);
  });
});

import type { TlbConfig } from '@ptemu/hw';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type TestAccess, batchOf } from '../../test/accesses.js';
import { backend } from '../backends.js';
import { ACCESS_FETCH, ACCESS_MODIFY, ACCESS_READ, ACCESS_WRITE } from './access-batch.js';
import { AddressTraceError } from './address-trace-error.js';
import { type ReplayCounts, TraceReplay } from './replay.js';

/** One entry for data, one for instructions, nothing else: every count can be told by hand. */
const TINY: TlbConfig = { name: 'tiny', l1d: [{ sets: 1, ways: 1 }], l1i: [{ sets: 1, ways: 1 }] };
const SECOND: TlbConfig = { ...TINY, l2: [{ sets: 1, ways: 8 }] };

const replayOf = (
  spec: string,
  tlb: TlbConfig,
  options: { thp?: boolean; memoryMax?: number } = {},
): TraceReplay => new TraceReplay({ arch: backend(spec, { kernel: '6.12' }), tlb, thp: false, ...options });

function counts(spec: string, tlb: TlbConfig, list: readonly TestAccess[], thp = false): ReplayCounts {
  const replay = replayOf(spec, tlb, { thp });
  replay.run(batchOf(list));
  return replay.counts();
}

describe('TraceReplay on x86_64', () => {
  it('walks, faults and walks again, then hits', () => {
    // 0x1000: faults at the pgd (1 entry), walks (4); 0x1008 hits; 0x2000: faults at the pte (4), walks (4); 0x1000 walks (4).
    const list: TestAccess[] = [[ACCESS_READ, 0x1000n, 8], [ACCESS_READ, 0x1008n, 8], [ACCESS_WRITE, 0x2000n, 4], [ACCESS_READ, 0x1000n, 8]]; // prettier-ignore
    expect(counts('x86_64', TINY, list)).toEqual({
      translations: 6,
      crossings: 0,
      l1i: { lookups: 0, misses: 0 },
      l1d: { lookups: 6, misses: 5 },
      l2: undefined,
      walks: 5,
      walksFromCache: 0,
      references: 1 + 4 + 4 + 4 + 4,
      pages: 2,
      hugePages: 0,
      pteTables: 1,
    });
  });
  it('looks for instructions in the first level of their own, then in the common second', () => {
    const list: TestAccess[] = [[ACCESS_FETCH, 0x1000n, 4], [ACCESS_READ, 0x1000n, 4], [ACCESS_FETCH, 0x2000n, 4], [ACCESS_FETCH, 0x1000n, 4]]; // prettier-ignore
    expect(counts('x86_64', SECOND, list)).toMatchObject({
      l1i: { lookups: 5, misses: 5 },
      l1d: { lookups: 1, misses: 1 },
      l2: { lookups: 6, misses: 4 },
      walks: 4,
      pages: 2,
    });
  });
  it('makes two accesses of one that crosses a page, also where the words of the address carry', () => {
    const list: TestAccess[] = [[ACCESS_READ, 0x1ffcn, 8], [ACCESS_MODIFY, 0xffff_fffcn, 8], [ACCESS_READ, 0x3ff8n, 8], [ACCESS_READ, 0x1_0000_0000n, 8]]; // prettier-ignore
    const found = counts('x86_64', SECOND, list);
    expect(found).toMatchObject({ crossings: 2, translations: 4 + 2 + 5, pages: 5 });
  });
  it('maps a huge page at the first touch of its block with THP', () => {
    const list: TestAccess[] = [[ACCESS_READ, 0x20_0000n, 8], [ACCESS_READ, 0x3f_fff8n, 8], [ACCESS_READ, 0x3f_fffcn, 8]]; // prettier-ignore
    const tlb: TlbConfig = { name: 'huge', l1d: [{ sets: 1, ways: 1, pages: [12, 21] }] };
    expect(counts('x86_64', tlb, list, true)).toMatchObject({ l1i: undefined, l1d: { lookups: 6, misses: 4 }, pages: 0, hugePages: 2, crossings: 1 }); // prettier-ignore
    expect(counts('x86_64', tlb, list, false)).toMatchObject({ pages: 3, hugePages: 0 });
  });
  it('refuses an address outside of user space, with its place', () => {
    const end = 0x7fff_ffff_f000n;
    expect(counts('x86_64', TINY, [[ACCESS_READ, end - 1n, 1]]).pages).toBe(1);
    for (const [address, size] of [[end - 1n, 2], [end, 1], [1n << 63n, 1], [(1n << 64n) - 1n, 1]] as const) {
      const replay = replayOf('x86_64', TINY);
      const run = (): void => replay.run(batchOf([[ACCESS_READ, 0x1000n, 1], [ACCESS_READ, address, size]]));
      expect(run).toThrow(AddressTraceError);
      expect(run).toThrow(/^byte 1: address 0x[0-9a-f]{16} is not below 0x00007ffffffff000, where user space of x86_64 ends$/); // prettier-ignore
    }
  }); // prettier-ignore
  it('refuses to take more memory than it may', () => {
    const list = Array.from({ length: 4000 }, (_, i): TestAccess => [ACCESS_WRITE, BigInt(i) << 34n, 8]);
    const replay = replayOf('x86_64', TINY, { memoryMax: 2 ** 20 });
    expect(() => replay.run(batchOf(list))).toThrow(expect.objectContaining({ code: 'LIMIT' }));
    expect(() => replayOf('x86_64', TINY).run(batchOf(list))).not.toThrow();
  });
});

describe('TraceReplay', () => {
  it('has no model of hash tables', () => {
    expect(() => replayOf('powerpc:hash', TINY)).toThrow(
      /^powerpc:hash looks in a hash table; a replay needs/,
    );
  });
  it('of 64K pages crosses none where those of 4K are crossed', () => {
    const list: TestAccess[] = [[ACCESS_READ, 0x1ffcn, 8], [ACCESS_READ, 0x1_fffcn, 8]]; // prettier-ignore
    expect(counts('powerpc', TINY, list)).toMatchObject({ crossings: 1, pages: 3 });
  });

  const tlb: TlbConfig = {
    name: 'small',
    l1d: [{ sets: 2, ways: 2, pages: [12, 21] }],
    l1i: [{ sets: 1, ways: 2 }],
    l2: [{ sets: 4, ways: 2, pages: [12, 21] }],
    walkCaches: [{ sets: 1, ways: 2, levels: ['pgd', 'pud', 'pmd'] }],
  };
  const addresses = fc.oneof(
    fc.bigInt({ min: 0n, max: 0x3_ffffn }),
    fc.bigInt({ min: 0x4000_0000n, max: 0x4040_0000n }),
  );
  const accesses = fc.array(
    fc.tuple(
      fc.constantFrom(ACCESS_READ, ACCESS_WRITE, ACCESS_FETCH, ACCESS_MODIFY),
      addresses,
      fc.integer({ min: 1, max: 4096 }),
    ),
    { maxLength: 80 },
  );
  it.each(['x86_64', 'arm32', 'arm64', 'arm64:granule=16k', 's390', 'powerpc', 'powerpc:page=4k'])(
    '%s: every page that is touched faults once, and every translation is a hit or a walk',
    (spec) => {
      const { PAGE_SIZE } = backend(spec, { kernel: '6.12' }).layoutOf();
      fc.assert(
        fc.property(accesses, (list) => {
          const touched = list.flatMap(([, address, size]) => [address, address + BigInt(size) - 1n]);
          const pages = new Set(touched.map((address) => address / BigInt(PAGE_SIZE))).size;
          const found = counts(spec, tlb, list);
          const { translations, crossings, l1i, l1d, l2, walks } = found;
          expect([found.pages, found.hugePages]).toEqual([pages, 0]);
          expect(translations).toBe(list.length + crossings + pages);
          expect([l1i!.lookups + l1d.lookups, l1i!.misses + l1d.misses, l2!.misses]).toEqual([translations, l2!.lookups, walks]); // prettier-ignore
          expect(counts(spec, tlb, list)).toEqual(found);
          const huge = counts(spec, tlb, list, true);
          expect(huge.pages + huge.hugePages).toBeLessThanOrEqual(pages);
        }),
        { seed: 11, numRuns: 30 },
      );
    },
  );
});

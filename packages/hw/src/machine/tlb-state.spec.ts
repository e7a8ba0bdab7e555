import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { overlaps, pagesOverlap, tlbEntries, type TlbEntry, withEntry, withoutEntries } from './tlb-state.js';

const huge: TlbEntry = {
  mm: 'mm', va: 0x4000_0000n, sizeBytes: 0x20_0000n, pageBytes: 0x20_0000n, pa: 0x8000_0000n, write: true, dirty: true,
}; // prettier-ignore
const small: TlbEntry = {
  ...huge,
  va: 0x4000_1000n,
  sizeBytes: 0x1000n,
  pageBytes: 0x1000n,
  pa: 0x8000_1000n,
};

const anEntry = fc.record({
  mm: fc.constantFrom('mm', 'other'),
  va: fc.bigInt({ min: 0n, max: 7n }).map((n) => n << 12n),
  sizeBytes: fc.constant(0x1000n),
  pageBytes: fc.constantFrom(0x1000n, 0x20_0000n),
  pa: fc.bigInt({ min: 0n, max: 7n }).map((n) => n << 12n),
  write: fc.boolean(),
  dirty: fc.boolean(),
});

describe('tlb content', () => {
  it('is empty as the empty text', () => {
    expect(tlbEntries('')).toEqual([]);
    expect(withoutEntries(withEntry('', huge), () => true)).toBe('');
  });

  it('gives back every entry that was put in, whatever the order', () => {
    fc.assert(
      fc.property(fc.uniqueArray(anEntry, { selector: (e) => Object.values(e).join() }), (entries) => {
        const text = entries.reduce(withEntry, '');
        expect([...entries].reverse().reduce(withEntry, '')).toBe(text);
        expect(new Set(tlbEntries(text).map((e) => Object.values(e).join()))).toEqual(
          new Set(entries.map((e) => Object.values(e).join())),
        );
      }),
      { seed: 3 },
    );
  });

  it('holds an equal entry once', () => {
    expect(withEntry(withEntry('', huge), { ...huge })).toBe(withEntry('', huge));
  });
});

describe('overlaps', () => {
  it('counts the first and the last byte and not the one behind', () => {
    expect(overlaps(small, 0x4000_0fffn, 0x4000_1000n)).toBe(false);
    expect(overlaps(small, 0x4000_0fffn, 0x4000_1001n)).toBe(true);
    expect(overlaps(small, 0x4000_1fffn, 0x4000_2000n)).toBe(true);
    expect(overlaps(small, 0x4000_2000n, 0x4000_3000n)).toBe(false);
  });
});

describe('pagesOverlap', () => {
  it('sees a small page inside a huge one', () => {
    expect(pagesOverlap(huge, small)).toBe(true);
    expect(pagesOverlap(small, { ...small, va: 0x4000_2000n })).toBe(false);
  });

  it('takes the whole page behind an entry that serves a part of it', () => {
    const part = { ...huge, sizeBytes: 0x1_0000n };
    const farPte = { ...small, va: 0x4010_0000n };
    expect(overlaps(part, farPte.va, farPte.va + 0x1000n)).toBe(false);
    expect(pagesOverlap(part, farPte)).toBe(true);
  });
});

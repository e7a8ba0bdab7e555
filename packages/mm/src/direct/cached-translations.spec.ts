import { type InvalidationInstruction, __paddr, __vaddr } from '@ptemu/arch';
import { describe, expect, it } from 'vitest';
import { type CachedLeaf, CachedTranslations } from './cached-translations.js';
import { CpuSet } from './cpu-set.js';

const CPUS = 2;
const all = CpuSet.first(CPUS, CPUS);
const leaf = (mm: string, start: bigint, shift = 12): CachedLeaf => ({
  mm, start: __vaddr(start), shift, pa: __paddr(0n), write: true, cpus: all.clone(),
}); // prettier-ignore
const row = (drops: InvalidationInstruction['drops'], dropsWalkCache = false): InvalidationInstruction => ({
  name: 'test', reach: 'local', drops, dropsWalkCache, dropsGlobal: false, completes: 'immediate', source: 'test',
}); // prettier-ignore

function filled(): CachedTranslations {
  const cached = new CachedTranslations();
  const table = {
    mm: 'a',
    level: 'pmd',
    start: __vaddr(0n),
    shift: 21,
    table: __paddr(0x1000n),
    cpus: all.clone(),
  } as const;
  cached.fill(leaf('a', 0x1000n), [table]);
  cached.fill(leaf('a', 0x2000n), []);
  cached.fill(leaf('a', 0x20_0000n, 21), []);
  cached.fill(leaf('b', 0x1000n), []);
  return cached;
}

/** Which leaves an invalidation takes from both CPUs, as `mm start`. */
function dropped(
  drops: InvalidationInstruction['drops'],
  what: { start?: bigint; end?: bigint; mm?: string },
): string[] {
  const gone: string[] = [];
  filled().drop(
    row(drops),
    {
      ...(what.mm !== undefined && { mm: { id: what.mm } }),
      ...(what.start !== undefined && { start: __vaddr(what.start) }),
      ...(what.end !== undefined && { end: __vaddr(what.end) }),
    },
    all,
    ({ mm, start }, lost) => gone.push(`${mm} 0x${start.toString(16)} x${lost.size}`),
  );
  return gone;
}

describe('CachedTranslations.drop', () => {
  it('drops one address, whatever the size of its page', () => {
    expect(dropped('address', { mm: 'a', start: 0x1000n })).toEqual(['a 0x1000 x2']);
    expect(dropped('address', { mm: 'a', start: 0x2f_f000n })).toEqual(['a 0x200000 x2']);
  });
  it('drops a range, its end excluded', () => {
    expect(dropped('range', { mm: 'a', start: 0x1000n, end: 0x2000n })).toEqual(['a 0x1000 x2']);
    expect(dropped('range', { mm: 'a', start: 0x1000n, end: 0x2001n })).toEqual([
      'a 0x1000 x2',
      'a 0x2000 x2',
    ]);
  });
  it('drops an address space, whatever range is named', () => {
    expect(dropped('mm', { mm: 'a', start: 0x1000n })).toHaveLength(3);
  });
  it('drops everything', () => {
    expect(dropped('all', { mm: 'a' })).toHaveLength(4);
  });
  it('drops no leaf where the instruction takes walk caches only, and those', () => {
    const cached = filled();
    cached.drop(row('nothing', true), { mm: { id: 'a' } }, all, () => expect.fail());
    expect([[...cached.leaves()].length, [...cached.tables()].length]).toEqual([4, 0]);
  });
  it('leaves the other CPUs what they have', () => {
    const cached = filled();
    cached.drop(row('all'), {}, CpuSet.first(1, CPUS), () => {});
    expect([...cached.leaves()].map(({ cpus }) => [...cpus.members()])).toEqual([[1], [1], [1], [1]]);
    expect(cached.holders({ id: 'a' }, __vaddr(0x1000n), 12).map((cpus) => [...cpus.members()])).toEqual([
      [1],
    ]);
  });
});

describe('CachedTranslations.fill', () => {
  it('keeps what another CPU holds of a page that has moved', () => {
    const cached = filled();
    cached.fill({ ...leaf('a', 0x1000n), pa: __paddr(0x5000n), cpus: CpuSet.first(1, CPUS) }, []);
    const found = [...cached.leaves()].filter(({ mm, start }) => mm === 'a' && start === 0x1000n);
    expect(found.map(({ pa, cpus }) => [pa, [...cpus.members()]])).toEqual([
      [0n, [1]],
      [0x5000n, [0]],
    ]);
  });
});

describe('CachedTranslations.refill', () => {
  const path = [
    { level: 'pgd', shift: 39 },
    { level: 'pud', shift: 30 },
    { level: 'pmd', shift: 21 },
  ] as const;
  it('reads one entry where the table is remembered, and every level where none is', () => {
    const cached = filled();
    expect(cached.refill(leaf('a', 0x1000n), all, path)).toBe(2);
    expect(cached.refill(leaf('b', 0x1000n), all, path)).toBe(8);
  });
  it('remembers the tables that it went through', () => {
    const cached = filled();
    cached.drop(row('mm', true), { mm: { id: 'a' } }, all, () => {});
    expect([1, 2].map(() => cached.refill(leaf('a', 0x1000n), all, path))).toEqual([8, 2]);
  });
});

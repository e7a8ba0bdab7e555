import { describe, expect, it } from 'vitest';
import {
  DIRTY,
  helpers,
  HPAGE_SIZE,
  recorder,
  run,
  toySequences,
  VALID,
  WRITE,
  YOUNG,
} from '../../test/toy.js';
import type { MmRef, Slot, VmaRef } from '../cpu.js';
import type { PmdHelpers, PteHelpers } from '../helpers.js';
import { __paddr, __pmd, __vaddr } from '../values.js';
import { generic_pmdp_establish } from './pgtable-generic.js';

const MM: MmRef = { id: 'mm' };
const VMA: VmaRef = { vm_mm: MM, vm_flags: 0n };
const ADDRESS = __vaddr(0x4000_0000n);
const END = `0x${(ADDRESS + HPAGE_SIZE).toString(16)}`;
const pmdp: Slot<'pmd'> = { level: 'pmd', paddr: __paddr(0x1_0000n) };
const ptep: Slot<'pte'> = { level: 'pte', paddr: __paddr(0x2_0000n) };
const HUGE = VALID | WRITE | YOUNG;

/** A recorder whose memory holds `entry` in both slots. */
function holding(entry: bigint, afterLoad?: Parameters<typeof recorder>[0]): ReturnType<typeof recorder> {
  const r = recorder(afterLoad);
  r.memory.set(pmdp.paddr, entry);
  r.memory.set(ptep.paddr, entry);
  return r;
}

describe('pgtable-generic pgtable_trans_huge_deposit', () => {
  const s = toySequences('6.12');
  const deposit = (r: ReturnType<typeof recorder>, slot: Slot<'pmd'>, table: bigint): void =>
    run(s.pgtable_trans_huge_deposit(r.cpu, MM, slot, __paddr(table)));
  const withdraw = (r: ReturnType<typeof recorder>, slot: Slot<'pmd'>): bigint =>
    run(s.pgtable_trans_huge_withdraw(r.cpu, MM, slot));

  it('gives back the last table first and then the oldest first', () => {
    // Fact sheet 3.4, simulated from mm/pgtable-generic.c: deposits 1 to 6 come back as 6,1,2,3,4,5.
    const r = recorder();
    const tables = [1n, 2n, 3n, 4n, 5n, 6n].map((n) => n << 12n);
    for (const table of tables) deposit(r, pmdp, table);
    expect(tables.map(() => Number(withdraw(r, pmdp) >> 12n))).toEqual([6, 1, 2, 3, 4, 5]);
  });

  it('forgets a table that was withdrawn when the next one is deposited', () => {
    // By the rule of fact sheet 3.4: 1,2,3 lie as the ring 3,1,2; without 3 it is 1,2; 4 goes behind 1 and heads 4,2,1.
    const r = recorder();
    for (const table of [0x1000n, 0x2000n, 0x3000n]) deposit(r, pmdp, table);
    expect(withdraw(r, pmdp)).toBe(0x3000n);
    deposit(r, pmdp, 0x4000n);
    expect([1, 2, 3].map(() => withdraw(r, pmdp))).toEqual([0x4000n, 0x2000n, 0x1000n]);
  });

  it('is empty after the last one and takes tables again', () => {
    const r = recorder();
    for (const table of [0x7000n, 0x8000n, 0x7000n]) {
      deposit(r, pmdp, table);
      expect(withdraw(r, pmdp)).toBe(table);
    }
  });

  it('keeps one list for all entries of a pmd table and another for the next table', () => {
    const r = recorder();
    const sameTable: Slot<'pmd'> = { level: 'pmd', paddr: __paddr(pmdp.paddr + 0xff8n) };
    const nextTable: Slot<'pmd'> = { level: 'pmd', paddr: __paddr(pmdp.paddr + 0x1000n) };
    deposit(r, pmdp, 0x7000n);
    deposit(r, nextTable, 0x8000n);
    expect(withdraw(r, sameTable)).toBe(0x7000n);
    expect(withdraw(r, nextTable)).toBe(0x8000n);
  });
});

describe('pgtable-generic pmdp_invalidate', () => {
  /** Hardware that marks the entry dirty right after the kernel has loaded it. */
  const dirtying = (memory: Map<bigint, bigint>): void => {
    memory.set(pmdp.paddr, (memory.get(pmdp.paddr) ?? 0n) | DIRTY);
  };
  const own = {
    pmdp_establish: (cpu, _vma, _address, slot, pmd) => cpu.xchg(slot, pmd),
  } satisfies Parameters<typeof toySequences>[1];

  it('stores the invalid form and flushes the huge page, in this order', () => {
    // Fact sheet 3.5: set_pmd_at up to 4.15, pmdp_establish since 4.16.
    for (const [release, change] of [
      ['4.15', 'store'],
      ['4.16', 'xchg'],
    ] as const) {
      const { cpu, log } = holding(HUGE);
      expect(run(toySequences(release, own).pmdp_invalidate(cpu, VMA, ADDRESS, pmdp))).toBe(HUGE);
      expect(log).toEqual(['load', `${change} ${WRITE | YOUNG}`, `pmd-range 0x40000000..${END}`]);
    }
  });

  it('loses a dirty bit that the hardware sets meanwhile up to 4.15, and returns it since 4.16', () => {
    const before = holding(HUGE, dirtying);
    const lost = run(toySequences('4.15', own).pmdp_invalidate(before.cpu, VMA, ADDRESS, pmdp));
    expect([lost & DIRTY, (before.memory.get(pmdp.paddr) ?? 0n) & DIRTY]).toEqual([0n, 0n]);
    const since = holding(HUGE, dirtying);
    const old = run(toySequences('4.16', own).pmdp_invalidate(since.cpu, VMA, ADDRESS, pmdp));
    expect(old).toBe(HUGE | DIRTY);
  });

  it('takes set_pmd_at where the architecture has no pmdp_establish', () => {
    const { cpu, log } = holding(HUGE);
    run(toySequences('6.12').pmdp_invalidate(cpu, VMA, ADDRESS, pmdp));
    expect(log[1]).toBe(`store ${WRITE | YOUNG}`);
  });

  it('takes pmd_mknotpresent where there is no pmd_mkinvalid, and throws where there is neither', () => {
    const { pmd_mkinvalid: _, ...pmd } = helpers.pmd;
    const pmd_mknotpresent: PmdHelpers['pmd_mkinvalid'] = (v) => __pmd(v & ~(VALID | YOUNG));
    const of = (more: object): { pmd: PmdHelpers; pte: PteHelpers } => ({
      ...helpers,
      pmd: { ...pmd, ...more } as PmdHelpers,
    });
    const { cpu, log } = holding(HUGE);
    run(toySequences('4.15', {}, of({ pmd_mknotpresent })).pmdp_invalidate(cpu, VMA, ADDRESS, pmdp));
    expect(log[1]).toBe(`store ${WRITE}`);
    const bare = toySequences('4.15', {}, of({}));
    expect(() => run(bare.pmdp_invalidate(cpu, VMA, ADDRESS, pmdp))).toThrow('internal:');
  });

  it('is what pmdp_invalidate_ad does', () => {
    const { cpu, log } = holding(HUGE);
    const s = toySequences('6.12');
    expect(s.pmdp_invalidate_ad && run(s.pmdp_invalidate_ad(cpu, VMA, ADDRESS, pmdp))).toBe(HUGE);
    expect(log).toHaveLength(3);
  });
});

describe('pgtable-generic generic_pmdp_establish', () => {
  it('loads and then sets, so that a bit set in between is lost', () => {
    const { cpu, log, memory } = holding(HUGE, (words) => words.set(pmdp.paddr, HUGE | DIRTY));
    const { set_pmd_at } = toySequences('6.12');
    expect(run(generic_pmdp_establish(set_pmd_at, cpu, VMA, ADDRESS, pmdp, WRITE))).toBe(HUGE);
    expect([log, memory.get(pmdp.paddr)]).toEqual([['load', `store ${WRITE}`], WRITE]);
  });
});

describe('pgtable-generic pmdp forms', () => {
  const s = toySequences('6.12');

  it('clears before it flushes: pmd entries in clear_flush, the ptes below in collapse_flush', () => {
    const clear = holding(HUGE);
    expect(run(s.pmdp_huge_clear_flush(clear.cpu, VMA, ADDRESS, pmdp))).toBe(HUGE);
    expect(clear.log).toEqual(['load', 'store 0', `pmd-range 0x40000000..${END}`]);
    const collapse = holding(HUGE);
    expect(s.pmdp_collapse_flush && run(s.pmdp_collapse_flush(collapse.cpu, VMA, ADDRESS, pmdp))).toBe(HUGE);
    expect(collapse.log).toEqual(['load', 'store 0', `range 0x40000000..${END}`]);
  });

  it('flushes nothing in get_and_clear, set_wrprotect and test_and_clear_young', () => {
    const get = holding(HUGE);
    expect(run(s.pmdp_huge_get_and_clear(get.cpu, MM, ADDRESS, pmdp))).toBe(HUGE);
    expect(get.log).toEqual(['load', 'store 0']);
    const protect = holding(HUGE);
    run(s.pmdp_set_wrprotect(protect.cpu, MM, ADDRESS, pmdp));
    expect(protect.log).toEqual(['load', `store ${VALID | YOUNG}`]);
    const young = holding(HUGE);
    expect(run(s.pmdp_test_and_clear_young(young.cpu, VMA, ADDRESS, pmdp))).toBe(true);
    expect(young.log).toEqual(['load', `store ${VALID | WRITE}`]);
  });

  it('writes nothing where nothing changes', () => {
    const old = holding(VALID);
    expect(run(s.pmdp_test_and_clear_young(old.cpu, VMA, ADDRESS, pmdp))).toBe(false);
    expect(run(s.pmdp_set_access_flags(old.cpu, VMA, ADDRESS, pmdp, VALID, { dirty: true }))).toBe(false);
    expect(run(s.ptep_test_and_clear_young(old.cpu, VMA, ADDRESS, ptep))).toBe(false);
    expect(run(s.ptep_set_access_flags(old.cpu, VMA, ADDRESS, ptep, VALID, { dirty: true }))).toBe(false);
    expect(old.log).toEqual(['load', 'load', 'load', 'load']);
  });

  it('flushes the entry that set_access_flags changed', () => {
    const huge = holding(VALID);
    const young = VALID | YOUNG;
    expect(run(s.pmdp_set_access_flags(huge.cpu, VMA, ADDRESS, pmdp, young, { dirty: false }))).toBe(true);
    expect(huge.log).toEqual(['load', `store ${young}`, `pmd-range 0x40000000..${END}`]);
    const base = holding(VALID);
    expect(run(s.ptep_set_access_flags(base.cpu, VMA, ADDRESS, ptep, young, { dirty: false }))).toBe(true);
    expect(base.log).toEqual(['load', `store ${young}`, 'page 0x40000000']);
  });

  it('flushes in ptep_clear_flush only what the hardware could have cached', () => {
    const valid = holding(HUGE);
    expect(run(s.ptep_clear_flush(valid.cpu, VMA, ADDRESS, ptep))).toBe(HUGE);
    expect(valid.log).toEqual(['load', 'store 0', 'page 0x40000000']);
    const invalid = holding(WRITE);
    expect(run(s.ptep_clear_flush(invalid.cpu, VMA, ADDRESS, ptep))).toBe(WRITE);
    expect(invalid.log).toEqual(['load', 'store 0']);
  });

  it('builds the defaults on what the architecture has of its own', () => {
    const marked = toySequences('4.15', {
      set_pmd_at: (cpu, _mm, _address, slot, pmd) => cpu.store(slot, pmd | 0x100n),
      pmd_clear: (cpu, slot) => cpu.store(slot, 0x200n),
    });
    const { cpu, log } = holding(HUGE);
    run(marked.pmdp_set_wrprotect(cpu, MM, ADDRESS, pmdp));
    run(marked.pmdp_invalidate(cpu, VMA, ADDRESS, pmdp));
    run(marked.pmdp_huge_clear_flush(cpu, VMA, ADDRESS, pmdp));
    expect(log.filter((line) => line.startsWith('store'))).toEqual([
      `store ${0x100n | VALID | YOUNG}`,
      `store ${0x100n | YOUNG}`,
      'store 512',
    ]);
  });
});

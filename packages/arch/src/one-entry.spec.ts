import { describe, expect, it } from 'vitest';
import { errorOf } from '../test/error-of.js';
import { DIRTY, helpers, toySequences, VALID, WRITE, YOUNG } from '../test/toy.js';
import type { Slot } from './cpu.js';
import { kernel } from './kernel.js';
import { type OneEntry, oneEntry } from './one-entry.js';
import type { Sequences } from './sequences.js';
import { __paddr } from './values.js';

const HUGE = VALID | WRITE | YOUNG;

const seqOf = (own: Partial<Sequences> = {}): OneEntry =>
  oneEntry(kernel('6.12'), toySequences('6.12', own), helpers);

describe('one-entry outcomes', () => {
  const seq = seqOf();

  it('says what is left in memory and what was returned', () => {
    expect(seq.pmdp_invalidate(HUGE)).toEqual({ stored: WRITE | YOUNG, returned: HUGE });
    expect(seq.pmdp_huge_clear_flush(HUGE)).toEqual({ stored: 0n, returned: HUGE });
    expect(seq.pmdp_test_and_clear_young(HUGE)).toEqual({ stored: VALID | WRITE, returned: true });
    expect(seq.pmdp_test_and_clear_young(VALID)).toEqual({ stored: VALID, returned: false });
    expect(seq.ptep_get_and_clear(HUGE)).toEqual({ stored: 0n, returned: HUGE });
  });

  it('returns nothing where the kernel returns nothing', () => {
    expect(seq.pmdp_set_wrprotect(HUGE)).toEqual({ stored: VALID | YOUNG, returned: undefined });
    expect(seq.ptep_set_wrprotect(HUGE)).toEqual({ stored: VALID | YOUNG, returned: undefined });
    expect(seq.set_pmd_at(HUGE)).toEqual({ stored: HUGE, returned: undefined });
    expect(seq.set_pte_at(VALID, { old: HUGE })).toEqual({ stored: VALID, returned: undefined });
  });

  it('makes the entry young and dirty where set_access_flags is given none', () => {
    expect(seq.pmdp_set_access_flags(VALID)).toEqual({ stored: VALID | YOUNG | DIRTY, returned: true });
    expect(seq.pmdp_set_access_flags(VALID, { entry: VALID })).toEqual({ stored: VALID, returned: false });
  });

  it('lacks the sequences that the architecture lacks', () => {
    expect(seq.pmdp_establish).toBeUndefined();
    const having = seqOf({ pmdp_establish: (cpu, _v, _a, slot, pmd) => cpu.xchg(slot, pmd) });
    expect(having.pmdp_establish?.(HUGE, { new: VALID })).toEqual({ stored: VALID, returned: HUGE });
  });

  it('starts every call on an entry of its own', () => {
    expect(seq.set_pmd_at(HUGE).stored).toBe(HUGE);
    expect(seq.ptep_get_and_clear(DIRTY)).toEqual({ stored: 0n, returned: DIRTY });
  });
});

describe('one-entry memory', () => {
  it('is one word of 64 bits: other words read 0 and stores to them leave no trace', () => {
    const other: Slot<'pmd'> = { level: 'pmd', paddr: __paddr(0x1_0000_0000n) };
    const seq = seqOf({
      *set_pmd_at(cpu, _mm, _address, slot, pmd) {
        yield* cpu.store(slot, pmd | (yield* cpu.load(other)) | (1n << 64n));
        yield* cpu.store(other, DIRTY);
      },
    });
    expect(seq.set_pmd_at(VALID, { old: HUGE }).stored).toBe(VALID);
  });

  it('changes with cmpxchg only where the old value is the expected one', () => {
    const seq = seqOf({
      pmdp_establish: (cpu, _v, _a, slot, pmd) => cpu.cmpxchg(slot, HUGE, pmd),
    });
    expect(seq.pmdp_establish?.(HUGE, { new: VALID })).toEqual({ stored: VALID, returned: HUGE });
    expect(seq.pmdp_establish?.(DIRTY, { new: VALID })).toEqual({ stored: DIRTY, returned: DIRTY });
  });

  it('clears before it sets in an update, and returns the old value', () => {
    const change = { clear: VALID | YOUNG, set: YOUNG | DIRTY };
    const seq = seqOf({ pmdp_huge_get_and_clear: (cpu, _mm, _a, slot) => cpu.update(slot, change) });
    expect(seq.pmdp_huge_get_and_clear(HUGE)).toEqual({ stored: WRITE | YOUNG | DIRTY, returned: HUGE });
  });

  it('is filled with the table that it lies in, and not with the one behind', () => {
    const filling = (offset: bigint): OneEntry =>
      seqOf({
        *set_pmd_at(cpu, _mm, _address, slot, pmd) {
          yield* cpu.fill(__paddr(slot.paddr + offset), 4096, pmd);
        },
      });
    expect(filling(0n).set_pmd_at(VALID, { old: HUGE }).stored).toBe(VALID);
    expect(filling(-4088n).set_pmd_at(VALID, { old: HUGE }).stored).toBe(VALID);
    expect(filling(8n).set_pmd_at(VALID, { old: HUGE }).stored).toBe(HUGE);
    expect(filling(-4096n).set_pmd_at(VALID, { old: HUGE }).stored).toBe(HUGE);
  });

  it('gets the invalid bit from an instruction that purges the entry', () => {
    const seq = seqOf({
      *pmdp_set_wrprotect(cpu, mm, va, { paddr: origin }) {
        const scope = 'global';
        yield* cpu.purgeEntry({ instruction: 'IDTE', level: 'pmd', origin, originAlignment: 0x4000n, va, sets: 0x20n, mm, scope }); // prettier-ignore
      },
    });
    expect(seq.pmdp_set_wrprotect(HUGE).stored).toBe(HUGE | 0x20n);
  });

  it('keeps the cells that a sequence writes until its end', () => {
    const seq = seqOf({
      *pmdp_test_and_clear_young(cpu) {
        const before = yield* cpu.read('flag');
        yield* cpu.write('flag', 1);
        return before === undefined && (yield* cpu.read('flag')) === 1;
      },
    });
    expect(seq.pmdp_test_and_clear_young(HUGE).returned).toBe(true);
    expect(seq.pmdp_test_and_clear_young(HUGE).returned).toBe(true);
  });

  it('refuses a sequence that spins on a bit which nobody clears', () => {
    const seq = seqOf({
      *pmdp_set_wrprotect(cpu, _mm, _address, slot) {
        while (((yield* cpu.load(slot)) & DIRTY) !== 0n);
      },
    });
    expect(seq.pmdp_set_wrprotect(VALID).stored).toBe(VALID);
    expect(errorOf(() => seq.pmdp_set_wrprotect(DIRTY)).code).toBe('BAD_ARGUMENT');
  });
});

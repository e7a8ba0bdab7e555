/**
 * Sequences on a real one-entry table: `b.seq.pmdp_invalidate(v)` runs the same generator that mm runs, on a memory of
 * one word, and says what was left in memory and what was returned.
 */
import type { Operand, Step, Steps } from '@ptemu/explore';
import type { Barrier, Cpu, EntryOf, EntryPurge, Invalidation, MmRef, Slot, VmaRef } from './cpu.js';
import type { PmdHelpers, PteHelpers } from './helpers.js';
import type { Kernel } from './kernel.js';
import type { Sequences } from './sequences.js';
import { ArchError } from './errors.js';
import { type Level, type Paddr, __paddr, __vaddr } from './values.js';

/** The word left in memory, and what the sequence returned. */
export interface Outcome<R> {
  readonly stored: bigint;
  readonly returned: R;
}

/** The sequences that have an outcome on one entry. Those that the architecture lacks are absent. */
export interface OneEntry {
  readonly pmdp_invalidate: (old: bigint) => Outcome<bigint>;
  readonly pmdp_invalidate_ad?: (old: bigint) => Outcome<bigint>;
  readonly pmdp_establish?: (old: bigint, options: { readonly new: bigint }) => Outcome<bigint>;
  readonly pmdp_huge_get_and_clear: (old: bigint) => Outcome<bigint>;
  readonly pmdp_huge_get_and_clear_full?: (
    old: bigint,
    options: { readonly full: boolean },
  ) => Outcome<bigint>;
  readonly pmdp_huge_clear_flush: (old: bigint) => Outcome<bigint>;
  readonly pmdp_collapse_flush?: (old: bigint) => Outcome<bigint>;
  readonly pmdp_set_wrprotect: (old: bigint) => Outcome<undefined>;
  readonly pmdp_test_and_clear_young: (old: bigint) => Outcome<boolean>;
  /** `entry` defaults to `pmd_mkyoung(pmd_mkdirty(old))`, `dirty` to true. */
  readonly pmdp_set_access_flags: (
    old: bigint,
    options?: { readonly entry?: bigint; readonly dirty?: boolean },
  ) => Outcome<boolean>;
  /** Stores into an empty word; `old` (default 0) is what the word held. */
  readonly set_pmd_at: (value: bigint, options?: { readonly old?: bigint }) => Outcome<undefined>;
  readonly set_pte_at: (value: bigint, options?: { readonly old?: bigint }) => Outcome<undefined>;
  readonly ptep_get_and_clear: (old: bigint) => Outcome<bigint>;
  readonly ptep_set_wrprotect: (old: bigint) => Outcome<undefined>;
  readonly ptep_test_and_clear_young: (old: bigint) => Outcome<boolean>;
  readonly ptep_modify_prot_start: (old: bigint) => Outcome<bigint>;
}

const TABLE: Paddr = __paddr(0x1000_0000n);
const ADDRESS = __vaddr(0x4000_0000n);
const MM: MmRef = { id: 'one-entry' };
const VMA: VmaRef = { vm_mm: MM, vm_flags: 0n };
/** A sequence on one entry takes few steps; more means that it spins on a bit that nobody will clear. */
const STEPS_MAX = 4096;

/** Builds the one-entry forms of a backend's sequences. */
export function oneEntry(
  kernel: Kernel,
  sequences: Sequences,
  helpers: { readonly pmd: PmdHelpers; readonly pte: PteHelpers },
): OneEntry {
  const s = sequences;
  const pmdp: Slot<'pmd'> = { level: 'pmd', paddr: TABLE };
  const ptep: Slot<'pte'> = { level: 'pte', paddr: TABLE };
  const on = <R>(old: bigint, run: (cpu: Cpu) => Steps<R>): Outcome<R> => {
    const cpu = new OneEntryCpu(kernel, old);
    const returned = cpu.run(run(cpu));
    return { stored: cpu.word, returned };
  };
  const silent = (old: bigint, run: (cpu: Cpu) => Steps<void>): Outcome<undefined> => ({
    stored: on(old, run).stored,
    returned: undefined,
  });
  const { pmdp_invalidate_ad, pmdp_establish, pmdp_huge_get_and_clear_full, pmdp_collapse_flush } = s;
  return {
    pmdp_invalidate: (old) => on(old, (cpu) => s.pmdp_invalidate(cpu, VMA, ADDRESS, pmdp)),
    ...(pmdp_invalidate_ad && {
      pmdp_invalidate_ad: (old: bigint) => on(old, (cpu) => pmdp_invalidate_ad(cpu, VMA, ADDRESS, pmdp)),
    }),
    ...(pmdp_establish && {
      pmdp_establish: (old: bigint, options: { readonly new: bigint }) =>
        on(old, (cpu) => pmdp_establish(cpu, VMA, ADDRESS, pmdp, options.new)),
    }),
    pmdp_huge_get_and_clear: (old) => on(old, (cpu) => s.pmdp_huge_get_and_clear(cpu, MM, ADDRESS, pmdp)),
    ...(pmdp_huge_get_and_clear_full && {
      pmdp_huge_get_and_clear_full: (old: bigint, options: { readonly full: boolean }) =>
        on(old, (cpu) => pmdp_huge_get_and_clear_full(cpu, VMA, ADDRESS, pmdp, options)),
    }),
    pmdp_huge_clear_flush: (old) => on(old, (cpu) => s.pmdp_huge_clear_flush(cpu, VMA, ADDRESS, pmdp)),
    ...(pmdp_collapse_flush && {
      pmdp_collapse_flush: (old: bigint) => on(old, (cpu) => pmdp_collapse_flush(cpu, VMA, ADDRESS, pmdp)),
    }),
    pmdp_set_wrprotect: (old) => silent(old, (cpu) => s.pmdp_set_wrprotect(cpu, MM, ADDRESS, pmdp)),
    pmdp_test_and_clear_young: (old) =>
      on(old, (cpu) => s.pmdp_test_and_clear_young(cpu, VMA, ADDRESS, pmdp)),
    pmdp_set_access_flags: (old, options = {}) => {
      const entry = options.entry ?? helpers.pmd.pmd_mkyoung(helpers.pmd.pmd_mkdirty(old));
      return on(old, (cpu) =>
        s.pmdp_set_access_flags(cpu, VMA, ADDRESS, pmdp, entry, { dirty: options.dirty ?? true }),
      );
    },
    set_pmd_at: (value, options = {}) =>
      silent(options.old ?? 0n, (cpu) => s.set_pmd_at(cpu, MM, ADDRESS, pmdp, value)),
    set_pte_at: (value, options = {}) =>
      silent(options.old ?? 0n, (cpu) => s.set_pte_at(cpu, MM, ADDRESS, ptep, value)),
    ptep_get_and_clear: (old) => on(old, (cpu) => s.ptep_get_and_clear(cpu, MM, ADDRESS, ptep)),
    ptep_set_wrprotect: (old) => silent(old, (cpu) => s.ptep_set_wrprotect(cpu, MM, ADDRESS, ptep)),
    ptep_test_and_clear_young: (old) =>
      on(old, (cpu) => s.ptep_test_and_clear_young(cpu, VMA, ADDRESS, ptep)),
    ptep_modify_prot_start: (old) => on(old, (cpu) => s.ptep_modify_prot_start(cpu, VMA, ADDRESS, ptep)),
  };
}

/** A machine with one word of memory; instructions that touch only TLBs do nothing here. */
class OneEntryCpu implements Cpu {
  readonly kernel: Kernel;
  word: bigint;
  readonly #cells = new Map<string, Operand>();

  constructor(kernel: Kernel, word: bigint) {
    this.kernel = kernel;
    this.word = BigInt.asUintN(64, word);
  }

  /** Drives a sequence to its end. Throws `BAD_ARGUMENT` when it spins. */
  run<R>(steps: Steps<R>): R {
    for (let n = 0; n < STEPS_MAX; n++) {
      const next = steps.next();
      if (next.done === true) return next.value;
    }
    throw new ArchError('BAD_ARGUMENT', 'the sequence spins on this entry: no other CPU will change it');
  }

  in(): Cpu {
    return this;
  }
  *load<L extends Level>(slot: Slot<L>): Steps<EntryOf[L]> {
    yield this.#step('load');
    return this.#at(slot) as EntryOf[L];
  }
  *store(slot: Slot, value: bigint): Steps<void> {
    yield this.#step('store');
    this.#put(slot, value);
  }
  *xchg<L extends Level>(slot: Slot<L>, value: bigint): Steps<EntryOf[L]> {
    yield this.#step('xchg');
    const old = this.#at(slot);
    this.#put(slot, value);
    return old as EntryOf[L];
  }
  *cmpxchg<L extends Level>(slot: Slot<L>, expected: bigint, value: bigint): Steps<EntryOf[L]> {
    yield this.#step('cmpxchg');
    const old = this.#at(slot);
    if (old === expected) this.#put(slot, value);
    return old as EntryOf[L];
  }
  *update<L extends Level>(
    slot: Slot<L>,
    change: { readonly clear: bigint; readonly set: bigint },
  ): Steps<EntryOf[L]> {
    yield this.#step('update');
    const old = this.#at(slot);
    this.#put(slot, (old & ~change.clear) | change.set);
    return old as EntryOf[L];
  }
  *fill(table: Paddr, sizeBytes: number, value: bigint): Steps<void> {
    yield this.#step('fill');
    if (table <= TABLE && TABLE < table + BigInt(sizeBytes)) this.word = BigInt.asUintN(64, value);
  }
  *read(cell: string): Steps<Operand> {
    yield this.#step('read');
    return this.#cells.get(cell);
  }
  *write(cell: string, value: Operand): Steps<void> {
    yield this.#step('write');
    this.#cells.set(cell, value);
  }
  *barrier(_kind: Barrier): Steps<void> {
    yield this.#step('barrier');
  }
  *invalidate(_what: Invalidation): Steps<void> {
    yield this.#step('invalidate');
  }
  *complete(): Steps<void> {
    yield this.#step('complete');
  }
  /** The operands of a correct caller select the one entry: its invalid bit is set, as the hardware does. */
  *purgeEntry(what: EntryPurge): Steps<void> {
    yield this.#step('purgeEntry');
    this.word |= what.sets;
  }
  *crossCall(): Steps<void> {
    yield this.#step('crossCall');
  }
  *isOnlyUser(): Steps<boolean> {
    yield this.#step('isOnlyUser');
    return false;
  }

  #at(slot: Slot): bigint {
    return slot.paddr === TABLE ? this.word : 0n;
  }
  #put(slot: Slot, value: bigint): void {
    if (slot.paddr === TABLE) this.word = BigInt.asUintN(64, value);
  }
  #step(kind: string): Step {
    return { kind, object: 'one-entry', operands: [], fn: '' };
  }
}

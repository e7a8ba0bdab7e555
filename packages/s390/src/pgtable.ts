/**
 * The sequences that write page tables.
 *
 * All go the same way: `flush_direct` or `flush_lazy` makes the old entry invalid (and purges it), then the new value is
 * stored plainly. Between the two the entry is the old one with its invalid bit set. An entry that was invalid before is
 * not purged at all.
 *
 * IDTE finds the entry through a table origin and an address, not through a pointer. The kernel computes the origin as
 * pointer minus index of the address, and the hardware uses only its 4 KiB-aligned part: with an address one segment too
 * high the origin falls into the page before the table, and the instruction sets the invalid bit of another word. The raw
 * operands are handed on; which word they select is the machine's business.
 *
 * Not modelled: `flush_count` (a CPU that attaches an mm waits while it is not 0), PGSTEs, and RDP, which replaces IPTE
 * in `ptep_set_access_flags` on machines that have it. `isOnlyUser` stands for the two masks that the kernel looks at:
 * `mm_cpumask` for the local forms, `cpu_attach_mask` (up to 4.7 the attach count) for the lazy ones.
 *
 * @see Linux arch/s390/mm/pgtable.c, arch/s390/include/asm/pgtable.h (6.1.192, 6.12.117); fact sheet 7.2, 7.3
 */
import {
  type Cpu,
  type Env,
  type MmRef,
  type OwnSequences,
  type Paddr,
  type Pmd,
  type PmdHelpers,
  type PteHelpers,
  type Sequences,
  type Slot,
  type Steps,
  type Vaddr,
  __paddr,
  __pmd,
  __vaddr,
  completeSequences,
} from '@ptemu/arch';
import { _SEGMENT_ENTRY_EMPTY, _SEGMENT_ENTRY_INVALID, _SEGMENT_ENTRY_NOEXEC, segmentBits } from './bits.js';
import { deposits } from './deposit.js';
import { ORIGIN_ALIGNMENT, PMD_SHIFT, _CRST_ENTRIES, _CRST_TABLE_SIZE } from './layout.js';
import { pteSequences } from './pgtable-pte.js';
import { flushMmCell, flushes, usesCsp } from './tlb.js';

/** Builds the sequences of a release. */
export function sequences(
  env: Env,
  helpers: { readonly pmd: PmdHelpers; readonly pte: PteHelpers },
): Sequences {
  const own: OwnSequences = {
    ...flushes(env),
    ...deposits(env),
    ...pteSequences(env, helpers.pte),
    ...pmdSequences(env, helpers.pmd),
    ...splitting(env),
  };
  return completeSequences(env, helpers, own);
}

/** Name of the cell that stands for the referenced bits in the storage keys of a huge page's frames (up to 3.11). */
export const storageKeyCell = (frame: bigint): string => `storage_key:0x${frame.toString(16)}`;

/** `pmd_index`: which entry of a segment table an address selects. */
const pmdIndex = (address: bigint): bigint => (address >> BigInt(PMD_SHIFT)) & BigInt(_CRST_ENTRIES - 1);
const HPAGE_MASK = ~((1n << BigInt(PMD_SHIFT)) - 1n);

type Xchg = (cpu: Cpu, mm: MmRef, address: Vaddr, pmdp: Slot<'pmd'>, value: bigint) => Steps<Pmd>;

/**
 * `pmdp_xchg_direct`, `pmdp_xchg_lazy` and the flush that both begin with.
 * @see Linux arch/s390/mm/pgtable.c, `pmdp_flush_direct`, `pmdp_flush_lazy`, `pmdp_idte_global` (6.12.117)
 */
function pmdExchange(env: Env): {
  readonly flushDirect: (cpu: Cpu, mm: MmRef, address: Vaddr, pmdp: Slot<'pmd'>) => Steps<Pmd>;
  readonly direct: Xchg;
  readonly lazy: Xchg;
} {
  const sets = _SEGMENT_ENTRY_INVALID;
  const csp = usesCsp(env);
  const localClearing = env.cpu['tlbLc'] === true;

  function* idte(
    cpu: Cpu,
    mm: MmRef,
    address: Vaddr,
    pmdp: Slot<'pmd'>,
    scope: 'local' | 'global',
  ): Steps<void> {
    if (csp && scope === 'global') {
      // CSP is given the entry's own address: these operands select it whatever `address` is.
      const table = pmdp.paddr & ~BigInt(_CRST_TABLE_SIZE - 1);
      const index = (pmdp.paddr - table) >> 3n;
      const va = (address & ~(BigInt(_CRST_ENTRIES - 1) << BigInt(PMD_SHIFT))) | (index << BigInt(PMD_SHIFT));
      yield* cpu.in('__pmdp_csp').purgeEntry({
        instruction: 'CSP',
        level: 'pmd',
        origin: __paddr(table),
        originAlignment: ORIGIN_ALIGNMENT.pmd,
        va: __vaddr(va & HPAGE_MASK),
        sets,
        mm,
        scope,
      });
      return;
    }
    yield* cpu.in('__pmdp_idte').purgeEntry({
      instruction: 'IDTE',
      level: 'pmd',
      origin: __paddr(pmdp.paddr - pmdIndex(address) * 8n),
      originAlignment: ORIGIN_ALIGNMENT.pmd,
      va: __vaddr(address & HPAGE_MASK),
      sets,
      mm,
      scope,
    });
  }

  function* flushDirect(cpu: Cpu, mm: MmRef, address: Vaddr, pmdp: Slot<'pmd'>): Steps<Pmd> {
    const c = cpu.in('pmdp_flush_direct');
    const old = yield* c.load(pmdp);
    if ((old & sets) !== 0n) return old;
    const local = localClearing && (yield* c.isOnlyUser(mm));
    yield* idte(c, mm, address, pmdp, local ? 'local' : 'global');
    return old;
  }

  function* flushLazy(cpu: Cpu, mm: MmRef, address: Vaddr, pmdp: Slot<'pmd'>): Steps<Pmd> {
    const c = cpu.in('pmdp_flush_lazy');
    const old = yield* c.load(pmdp);
    if ((old & sets) !== 0n) return old;
    if (yield* c.isOnlyUser(mm)) {
      yield* c.store(pmdp, (yield* c.load(pmdp)) | sets);
      yield* c.write(flushMmCell(mm), 1n);
    } else {
      yield* idte(c, mm, address, pmdp, 'global');
    }
    return old;
  }

  return {
    flushDirect,
    *direct(cpu, mm, address, pmdp, value): Steps<Pmd> {
      const c = cpu.in('pmdp_xchg_direct');
      const old = yield* flushDirect(c, mm, address, pmdp);
      yield* c.store(pmdp, value);
      return old;
    },
    *lazy(cpu, mm, address, pmdp, value): Steps<Pmd> {
      const c = cpu.in('pmdp_xchg_lazy');
      const old = yield* flushLazy(c, mm, address, pmdp);
      yield* c.store(pmdp, value);
      return old;
    },
  };
}

/** The sequences on segment entries. */
function pmdSequences(env: Env, ops: PmdHelpers): Partial<Sequences> {
  const { kernel, cpu: features } = env;
  const { flushDirect, direct, lazy } = pmdExchange(env);
  const { YOUNG } = segmentBits(kernel, env.config);
  const uninlined = kernel.has('227be799c39a');
  const strips =
    features['nx'] !== true && kernel.has('s390-noexec') && !kernel.has('s390-set-pmd-keeps-noexec');
  const set_pmd_at: Sequences['set_pmd_at'] = function* (cpu, _mm, _address, pmdp, pmd): Steps<void> {
    yield* cpu.in('set_pmd_at').store(pmdp, strips ? pmd & ~_SEGMENT_ENTRY_NOEXEC : pmd);
  };
  const getAndClear: Sequences['pmdp_huge_get_and_clear'] = (cpu, mm, address, pmdp) =>
    direct(cpu.in('pmdp_huge_get_and_clear'), mm, address, pmdp, _SEGMENT_ENTRY_EMPTY);

  return {
    set_pmd_at,
    /**
     * From 227be799c39a to 91c575b33576 the empty entry was stored behind the IDTE, so that `pmd_none` was true until
     * `pmd_populate`; before, IDTE alone; after, the old entry with INVALID.
     */
    *pmdp_invalidate(cpu, vma, address, pmdp): Steps<Pmd> {
      const c = cpu.in('pmdp_invalidate');
      if (!uninlined) return yield* flushDirect(c, vma.vm_mm, address, pmdp);
      if (!kernel.has('91c575b33576')) {
        return yield* direct(c, vma.vm_mm, address, pmdp, _SEGMENT_ENTRY_EMPTY);
      }
      const entry = yield* c.load(pmdp);
      return yield* direct(c, vma.vm_mm, address, pmdp, entry | _SEGMENT_ENTRY_INVALID);
    },
    pmdp_huge_get_and_clear: getAndClear,
    *pmdp_huge_get_and_clear_full(cpu, vma, address, pmdp, { full }): Steps<Pmd> {
      const c = cpu.in('pmdp_huge_get_and_clear_full');
      if (!full) return yield* lazy(c, vma.vm_mm, address, pmdp, _SEGMENT_ENTRY_EMPTY);
      const old = yield* c.load(pmdp);
      yield* c.store(pmdp, _SEGMENT_ENTRY_EMPTY);
      return old;
    },
    pmdp_huge_clear_flush: (cpu, vma, address, pmdp) =>
      getAndClear(cpu.in('pmdp_huge_clear_flush'), vma.vm_mm, address, pmdp),
    // One IDTE on the entry that points to the table drops what was translated through it: no range flush.
    pmdp_collapse_flush: (cpu, vma, address, pmdp) =>
      getAndClear(cpu.in('pmdp_collapse_flush'), vma.vm_mm, address, pmdp),
    *pmdp_set_wrprotect(cpu, mm, address, pmdp): Steps<void> {
      const c = cpu.in('pmdp_set_wrprotect');
      const entry = yield* c.load(pmdp);
      if (!ops.pmd_write(entry)) return;
      if (uninlined) {
        yield* lazy(c, mm, address, pmdp, ops.pmd_wrprotect(entry));
      } else {
        yield* flushDirect(c, mm, address, pmdp);
        yield* set_pmd_at(c, mm, address, pmdp, ops.pmd_wrprotect(entry));
      }
    },
    *pmdp_test_and_clear_young(cpu, vma, address, pmdp): Steps<boolean> {
      const c = cpu.in('pmdp_test_and_clear_young');
      const entry = yield* c.load(pmdp);
      if (YOUNG === 0n) {
        // 3.8 to 3.11: the entry is left alone; RRBE or RRBM reset the referenced bits in the storage keys.
        const key = storageKeyCell(BigInt(ops.pmd_pfn(entry)) << 12n);
        const referenced = yield* c.read(key);
        yield* c.write(key, 0n);
        return referenced === 1n;
      }
      return ops.pmd_young(yield* direct(c, vma.vm_mm, address, pmdp, ops.pmd_mkold(entry)));
    },
    *pmdp_set_access_flags(cpu, vma, address, pmdp, entry, { dirty }): Steps<boolean> {
      const c = cpu.in('pmdp_set_access_flags');
      const young = ops.pmd_mkyoung(entry);
      const wanted = dirty ? ops.pmd_mkdirty(young) : young;
      if ((yield* c.load(pmdp)) === wanted) return false;
      if (uninlined) {
        yield* direct(c, vma.vm_mm, address, pmdp, wanted);
      } else {
        yield* flushDirect(c.in('pmdp_invalidate'), vma.vm_mm, address, pmdp);
        yield* set_pmd_at(c, vma.vm_mm, address, pmdp, wanted);
      }
      return true;
    },
    *pmd_populate(cpu, _mm, pmdp, table: Paddr): Steps<void> {
      yield* cpu.in('pmd_populate').store(pmdp, ops.pmd_populate(table));
    },
  };
}

/**
 * Up to 4.4: sets the split bit, and the first to do so sends an interrupt that does nothing to all other CPUs and waits,
 * so that no lock-less walk that saw the unsplit entry goes on. No TLB entry is flushed.
 * @see fact sheet 7.2, `pmdp_splitting_flush`
 */
function splitting(env: Env): Pick<Sequences, 'pmdp_splitting_flush'> {
  const { SPLIT } = segmentBits(env.kernel, env.config);
  if (SPLIT === 0n) return {};
  return {
    *pmdp_splitting_flush(cpu, _vma, _address, pmdp): Steps<void> {
      const c = cpu.in('pmdp_splitting_flush');
      const old = __pmd(yield* c.update(pmdp, { clear: 0n, set: SPLIT }));
      if ((old & SPLIT) === 0n) yield* c.crossCall({});
    },
  };
}

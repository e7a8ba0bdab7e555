/**
 * Runs of adjacent ptes under the contiguous hint, which arm64 makes of a large folio by itself (since 6.9).
 *
 * The hint must be in all ptes of a run or in none. So whoever changes one of them first unfolds the run: take all entries
 * away, collecting what the hardware recorded in any of them; invalidate the range and wait; store them again without the
 * hint. In between the pages are not mapped, and a walker that comes along faults.
 *
 * Deviations: no run is folded here (that needs to know the folio); `ptep_set_access_flags` always unfolds, where the
 * kernel keeps the run if the write permission stays.
 * @see Linux arch/arm64/mm/contpte.c, `contpte_convert`, `__contpte_try_unfold` (6.12.117)
 * @see Arm ARM DDI 0487J.a, D8.7.1, The Contiguous bit
 */
import {
  __paddr,
  __vaddr,
  type Cpu,
  type MmRef,
  type PteHelpers,
  type Slot,
  type Steps,
  type Vaddr,
} from '@ptemu/arch';
import { PTE_CONT } from './bits.js';
import { type Arm64Env, contShifts, pageShift } from './layout.js';
import type { Flushes } from './tlb.js';

/** What the pte sequences need to know of runs. */
export interface Contpte {
  /** Unfolds the run that the entry belongs to, if it has the hint. */
  tryUnfold(c: Cpu, mm: MmRef, address: Vaddr, ptep: Slot<'pte'>): Steps<void>;
  /** The slots whose state is one state: the run's, or the one slot. */
  siblings(c: Cpu, ptep: Slot<'pte'>): Steps<readonly Slot<'pte'>[]>;
}

/** Makes them for a build; undefined where it has no such runs. */
export function contpteOf(
  env: Arm64Env,
  pteOps: PteHelpers,
  __flush_tlb_range: Flushes['__flush_tlb_range'],
): Contpte | undefined {
  const { kernel, config, geometry } = env;
  if (!kernel.has('arm64-contpte') || config['ARM64_CONTPTE'] !== true) return undefined;
  const PAGE_SHIFT = pageShift(geometry);
  const size = 1n << BigInt(contShifts(geometry).pte);
  const CONT_PTES = Number(size >> BigInt(PAGE_SHIFT));

  const run = (ptep: Slot<'pte'>): readonly Slot<'pte'>[] => {
    const first = ptep.paddr & -BigInt(CONT_PTES * 8);
    return Array.from({ length: CONT_PTES }, (_, i) => ({
      level: 'pte',
      paddr: __paddr(first + BigInt(i * 8)),
    }));
  };
  const inRun = (entry: bigint): boolean => pteOps.pte_valid_cont?.(entry) === true;

  function* convert(cpu: Cpu, mm: MmRef, address: Vaddr, ptep: Slot<'pte'>, entry: bigint): Steps<void> {
    const c = cpu.in('contpte_convert');
    const slots = run(ptep);
    const start = __vaddr(address & -size);
    const prot = (entry & ~PTE_CONT) ^ pteOps.pfn_pte(pteOps.pte_pfn(entry), 0n);
    const firstPfn = Math.floor(pteOps.pte_pfn(entry) / CONT_PTES) * CONT_PTES;
    let recorded: bigint = prot;
    for (const slot of slots) {
      const old = yield* c.xchg(slot, 0n);
      if (pteOps.pte_dirty(old)) recorded = pteOps.pte_mkdirty(recorded);
      if (pteOps.pte_young(old)) recorded = pteOps.pte_mkyoung(recorded);
    }
    yield* __flush_tlb_range(
      c,
      mm,
      { start, end: __vaddr(start + size) },
      { strideShift: PAGE_SHIFT, lastLevel: true },
    );
    for (const [i, slot] of slots.entries()) yield* c.store(slot, pteOps.pfn_pte(firstPfn + i, recorded));
  }

  return {
    *tryUnfold(c, mm, address, ptep): Steps<void> {
      const entry = yield* c.load(ptep);
      if (inRun(entry)) yield* convert(c.in('__contpte_try_unfold'), mm, address, ptep, entry);
    },
    *siblings(c, ptep): Steps<readonly Slot<'pte'>[]> {
      return inRun(yield* c.load(ptep)) ? run(ptep) : [ptep];
    },
  };
}

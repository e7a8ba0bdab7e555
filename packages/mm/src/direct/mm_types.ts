/**
 * What a path of direct mode holds in its hands. Nobody else runs, so counters are plain fields; the page tables are real, in
 * the machine's memory. @see Linux include/linux/mm_types.h (6.12.117)
 */
import type { MmRef, Paddr, Vaddr, VmaRef } from '@ptemu/arch';
import type { CpuSet } from './cpu-set.js';

/** An address space with real tables. */
export interface DirectMm extends MmRef {
  /** Table at the root. */
  readonly pgd: Paddr;
  /** `mm_cpumask`: CPUs that may hold translations of it. */
  readonly cpumask: CpuSet;
  /** CPUs of the mask that run a kernel thread on it (lazy TLB). */
  readonly lazy: CpuSet;
  /** CPUs that have left the mask and may still hold translations, under a tag that they do not use now. */
  readonly left: CpuSet;
  /** CPUs that missed a flush, being lazy or gone: they must catch up before they use the mm. */
  readonly behind: CpuSet;
  /** Pages mapped, and tables linked or deposited, pte tables only. */
  rss: number;
  nr_ptes: number;
  readonly vmas: DirectVma[];
}

/** A mapping: private and anonymous. */
export interface DirectVma extends VmaRef {
  readonly vm_mm: DirectMm;
  readonly vm_start: Vaddr;
  readonly vm_end: Vaddr;
  /** Protection bits of its entries, before any change of them. */
  vm_page_prot: bigint;
  vm_flags: bigint;
  /** Its pages are its own, not a file's: fork shares them. */
  readonly written: boolean;
  /** Whether a fault on an aligned huge range maps a huge page. */
  readonly thp: boolean;
}

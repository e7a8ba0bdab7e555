/**
 * The sequences that write page tables, under the kernel's names. An architecture overrides what it has of its own; the
 * rest is inherited from `asm-generic`. Slots are pointers to entries; addresses are aligned as the kernel demands.
 */
import type { Steps } from '@ptemu/explore';
import type { Cpu, MmRef, Slot, VmaRef } from './cpu.js';
import type { Level, Paddr, Pmd, Pte, Vaddr } from './values.js';

/** An interval of virtual addresses, `[start, end)`. */
export interface FlushRange {
  readonly start: Vaddr;
  readonly end: Vaddr;
}

/** All sequences of a backend. */
export interface Sequences {
  /** Makes a present huge pmd unusable for the hardware, flushed on return; returns the entry as it was before. */
  pmdp_invalidate(cpu: Cpu, vma: VmaRef, address: Vaddr, pmdp: Slot<'pmd'>): Steps<Pmd>;
  pmdp_invalidate_ad?(cpu: Cpu, vma: VmaRef, address: Vaddr, pmdp: Slot<'pmd'>): Steps<Pmd>;
  /** Replaces an entry and returns the old one; not flushed. Absent where the architecture has none. */
  pmdp_establish?(cpu: Cpu, vma: VmaRef, address: Vaddr, pmdp: Slot<'pmd'>, pmd: bigint): Steps<Pmd>;
  pmdp_huge_get_and_clear(cpu: Cpu, mm: MmRef, address: Vaddr, pmdp: Slot<'pmd'>): Steps<Pmd>;
  /** `full`: the whole address space goes away, nobody else can use it. */
  pmdp_huge_get_and_clear_full?(
    cpu: Cpu,
    vma: VmaRef,
    address: Vaddr,
    pmdp: Slot<'pmd'>,
    options: { readonly full: boolean },
  ): Steps<Pmd>;
  pmdp_huge_clear_flush(cpu: Cpu, vma: VmaRef, address: Vaddr, pmdp: Slot<'pmd'>): Steps<Pmd>;
  pmdp_collapse_flush?(cpu: Cpu, vma: VmaRef, address: Vaddr, pmdp: Slot<'pmd'>): Steps<Pmd>;
  pmdp_set_wrprotect(cpu: Cpu, mm: MmRef, address: Vaddr, pmdp: Slot<'pmd'>): Steps<void>;
  pmdp_test_and_clear_young(cpu: Cpu, vma: VmaRef, address: Vaddr, pmdp: Slot<'pmd'>): Steps<boolean>;
  /** Returns whether the entry changed. `dirty`: the fault is a write. */
  pmdp_set_access_flags(
    cpu: Cpu,
    vma: VmaRef,
    address: Vaddr,
    pmdp: Slot<'pmd'>,
    entry: bigint,
    options: { readonly dirty: boolean },
  ): Steps<boolean>;
  set_pmd_at(cpu: Cpu, mm: MmRef, address: Vaddr, pmdp: Slot<'pmd'>, pmd: bigint): Steps<void>;
  pmd_clear(cpu: Cpu, pmdp: Slot<'pmd'>): Steps<void>;
  /** Links a pte table. Nothing is flushed: the entry was not valid before. */
  pmd_populate(cpu: Cpu, mm: MmRef, pmdp: Slot<'pmd'>, table: Paddr): Steps<void>;
  /** 4.5 to 4.15, powerpc hash: makes the entry unusable before the deposited table is withdrawn. */
  pmdp_huge_split_prepare?(cpu: Cpu, vma: VmaRef, address: Vaddr, pmdp: Slot<'pmd'>): Steps<void>;
  /** Up to 4.4: marks the pmd as being split and waits for lockless walkers. */
  pmdp_splitting_flush?(cpu: Cpu, vma: VmaRef, address: Vaddr, pmdp: Slot<'pmd'>): Steps<void>;

  /** Puts a spare pte table (its physical address) aside for this pmd. The pmd lock is held. */
  pgtable_trans_huge_deposit(cpu: Cpu, mm: MmRef, pmdp: Slot<'pmd'>, table: Paddr): Steps<void>;
  /** Takes one back. The pmd lock is held. */
  pgtable_trans_huge_withdraw(cpu: Cpu, mm: MmRef, pmdp: Slot<'pmd'>): Steps<Paddr>;
  /** Whether file-backed huge pmds carry a deposited table too. */
  arch_needs_pgtable_deposit(): boolean;

  set_pte_at(cpu: Cpu, mm: MmRef, address: Vaddr, ptep: Slot<'pte'>, pte: bigint): Steps<void>;
  pte_clear(cpu: Cpu, mm: MmRef, address: Vaddr, ptep: Slot<'pte'>): Steps<void>;
  ptep_get_and_clear(cpu: Cpu, mm: MmRef, address: Vaddr, ptep: Slot<'pte'>): Steps<Pte>;
  ptep_get_and_clear_full(
    cpu: Cpu,
    mm: MmRef,
    address: Vaddr,
    ptep: Slot<'pte'>,
    options: { readonly full: boolean },
  ): Steps<Pte>;
  ptep_set_wrprotect(cpu: Cpu, mm: MmRef, address: Vaddr, ptep: Slot<'pte'>): Steps<void>;
  ptep_test_and_clear_young(cpu: Cpu, vma: VmaRef, address: Vaddr, ptep: Slot<'pte'>): Steps<boolean>;
  ptep_clear_flush(cpu: Cpu, vma: VmaRef, address: Vaddr, ptep: Slot<'pte'>): Steps<Pte>;
  ptep_set_access_flags(
    cpu: Cpu,
    vma: VmaRef,
    address: Vaddr,
    ptep: Slot<'pte'>,
    entry: bigint,
    options: { readonly dirty: boolean },
  ): Steps<boolean>;
  ptep_modify_prot_start(cpu: Cpu, vma: VmaRef, address: Vaddr, ptep: Slot<'pte'>): Steps<Pte>;
  ptep_modify_prot_commit(
    cpu: Cpu,
    vma: VmaRef,
    address: Vaddr,
    ptep: Slot<'pte'>,
    old: bigint,
    pte: bigint,
  ): Steps<void>;

  flush_tlb_page(cpu: Cpu, vma: VmaRef, address: Vaddr): Steps<void>;
  flush_tlb_range(cpu: Cpu, vma: VmaRef, range: FlushRange): Steps<void>;
  flush_pmd_tlb_range(cpu: Cpu, vma: VmaRef, range: FlushRange): Steps<void>;
  flush_tlb_mm(cpu: Cpu, mm: MmRef): Steps<void>;
  /**
   * What mmu_gather does before it frees: flushes a range whose tables may be freed too. `unmapped` is the level of the
   * smallest entries that were cleared (`tlb_get_unmap_shift`), `pte` when left out: arm64 and x86 take it as the stride.
   * `pageBytes` is the size of its pages, where a gather holds one size only: powerpc goes by that.
   */
  tlb_flush(
    cpu: Cpu,
    mm: MmRef,
    range: FlushRange,
    options: {
      readonly freedTables: boolean;
      readonly full: boolean;
      readonly unmapped?: Level;
      readonly pageBytes?: number;
    },
  ): Steps<void>;
  /**
   * Reclaim unmaps a page and puts its flush off; absent where it flushes each page at once. Nothing has been waited for before
   * `arch_tlbbatch_flush`, once for a batch.
   */
  arch_tlbbatch_add_pending?(cpu: Cpu, mm: MmRef, address: Vaddr): Steps<void>;
  arch_tlbbatch_flush?(cpu: Cpu, mm: MmRef): Steps<void>;
  /**
   * Begins and ends a loop over ptes in which the architecture may put flushes off (powerpc hash). On the return of
   * `arch_leave_lazy_mmu_mode` nothing is put off any more. Absent where nothing ever is.
   */
  arch_enter_lazy_mmu_mode?(cpu: Cpu): Steps<void>;
  arch_leave_lazy_mmu_mode?(cpu: Cpu): Steps<void>;
  /** Whether mremap may move whole page tables (CONFIG_HAVE_MOVE_PMD). Not where left out. */
  arch_supports_page_table_move?(): boolean;
  /**
   * The TLB part of a switch of this CPU from one mm to another, or back to the same one from lazy mode. `behind`: the CPU has
   * missed a flush of `next`. Absent where a switch never touches the TLB (tags that run out are not modelled).
   */
  switch_mm_irqs_off?(
    cpu: Cpu,
    prev: MmRef | undefined,
    next: MmRef,
    options: { readonly behind: boolean },
  ): Steps<void>;
  /**
   * powerpc hash: the low-level fault handler of a huge pmd, which runs with interrupts off and without any lock. `insert`
   * puts the HPTE into the hash table, for the entry that it gets, and returns its slot number (0 to 15).
   */
  __hash_page_thp?(
    cpu: Cpu,
    address: Vaddr,
    pmdp: Slot<'pmd'>,
    access: { readonly write: boolean; readonly exec: boolean },
    insert: (entry: bigint) => Steps<number>,
  ): Steps<'done' | 'busy' | 'fault'>;
  /** powerpc hash: the same for a base page. */
  __hash_page?(
    cpu: Cpu,
    ptep: Slot<'pte'>,
    access: { readonly write: boolean; readonly exec: boolean },
    insert: (entry: bigint) => Steps<number>,
  ): Steps<'done' | 'busy' | 'fault'>;
  /** Waits until no CPU of the mm is in an interrupts-off walk (kick_all_cpus_sync, serialize_against_pte_lookup). */
  serialize_against_pte_lookup?(cpu: Cpu, mm: MmRef): Steps<void>;
}

/**
 * The helpers that a backend offers, under the kernel's names.
 *
 * An entry is any unsigned 64-bit bigint; helpers that the kernel does not define for the architecture in that release
 * are absent (`'pmd_mkinvalid' in b.pmd` is false). A helper that would hit BUG() or leave its domain throws `KernelBug`.
 */
import type { Level, P4d, Pfn, Pgd, Pgprot, Pmd, Pte, Pud, SwpEntry } from './values.js';

/** A question about an entry. */
export type Predicate = (entry: bigint) => boolean;
/** A new value made of an entry; memory is not written and no TLB entry is flushed. */
export type Transform<E> = (entry: bigint) => E;
/** Further arguments of `pXX_access_permitted`. */
export interface AccessOptions {
  readonly write: boolean;
}
/** What `pXX_mkwrite(entry, vma)` and `maybe_mkwrite` read of the VMA. */
export interface VmaFlags {
  readonly vm_flags: bigint;
}
/** Further arguments of `pte_accessible`. */
export interface AccessibleOptions {
  /** `mm_tlb_flush_pending(mm)`. */
  readonly tlb_flush_pending: boolean;
}

type All<Names extends string, T> = { readonly [name in Names]: T };
type Some<Names extends string, T> = { readonly [name in Names]?: T };

type PmdTests = 'none' | 'bad' | 'present' | 'trans_huge' | 'young' | 'dirty' | 'write';
type PmdOtherTests =
  | 'leaf' | 'large' | 'huge' | 'protnone' | 'soft_dirty' | 'swp_soft_dirty' | 'uffd_wp' | 'swp_uffd_wp' | 'devmap'
  | 'special' | 'table' | 'sect' | 'thp_or_huge' | 'hugewillfault' | 'savedwrite' | 'valid' | 'user' | 'user_exec'
  | 'cont' | 'present_invalid' | 'is_serializing' | 'is_leaf' | 'shstk' | 'trans_splitting' | 'trans_unstable'; // prettier-ignore
type PmdMakers = 'mkhuge' | 'mkyoung' | 'mkold' | 'mkdirty' | 'wrprotect';
type PmdOtherMakers =
  | 'mkclean' | 'mkinvalid' | 'mknotpresent' | 'mkwrite_novma' | 'mksoft_dirty' | 'clear_soft_dirty'
  | 'swp_mksoft_dirty' | 'swp_clear_soft_dirty' | 'mkuffd_wp' | 'clear_uffd_wp' | 'swp_mkuffd_wp' | 'swp_clear_uffd_wp'
  | 'mk_savedwrite' | 'clear_savedwrite' | 'mkspecial' | 'mkdevmap' | 'mkcont' | 'mkwrite_shstk' | 'clear_saveddirty'
  | 'mksaveddirty' | 'mksplitting'; // prettier-ignore

/** Helpers of pmd entries. */
export type PmdHelpers = All<`pmd_${PmdTests}`, Predicate> &
  Some<`pmd_${PmdOtherTests}`, Predicate> &
  All<`pmd_${PmdMakers}`, Transform<Pmd>> &
  Some<`pmd_${PmdOtherMakers}`, Transform<Pmd>> & {
    readonly is_swap_pmd?: Predicate;
    readonly is_pmd_migration_entry?: Predicate;
    readonly __pmd_mkhuge?: Transform<Pmd>;
    /** Before 6.6 the VMA is not looked at; from then on it is, where the architecture has shadow stacks. */
    readonly pmd_mkwrite: (entry: bigint, vma?: VmaFlags) => Pmd;
    readonly pmd_access_permitted?: (entry: bigint, options: AccessOptions) => boolean;
    readonly pmd_pfn: (entry: bigint) => Pfn;
    readonly pmd_pgprot?: (entry: bigint) => Pgprot;
    readonly pmd_flags?: (entry: bigint) => bigint;
    readonly pmd_leaf_size?: (entry: bigint) => bigint;
    readonly pmd_page_paddr?: (entry: bigint) => bigint;
    readonly pmd_deref?: (entry: bigint) => bigint;
    readonly __pmd_to_swp_entry?: (entry: bigint) => bigint;
    readonly pmd_to_swp_entry?: (entry: bigint) => SwpEntry;
    /** Keeps the bits that survive a change of protection, takes the rest from `prot`. */
    readonly pmd_modify: (entry: bigint, prot: bigint) => Pmd;
    /** Leaf entry for the frame; on architectures where `pfn_pmd` makes no leaf, `pmd_mkhuge` makes it one. */
    readonly pfn_pmd: (pfn: number, prot: bigint) => Pmd;
    /** The word that `pmd_populate` stores for a pte table at this physical address. */
    readonly pmd_populate: (table: bigint) => Pmd;
    readonly pmd_populate_kernel?: (table: bigint) => Pmd;
    /** The value that `pmd_clear` stores: what `pmd_none` is true of. */
    readonly pmd_clear: () => Pmd;
    readonly pmd_same: (a: bigint, b: bigint) => boolean;
  };

type PteTests = 'none' | 'present' | 'young' | 'dirty' | 'write';
type PteOtherTests =
  | 'special' | 'protnone' | 'soft_dirty' | 'swp_soft_dirty' | 'uffd_wp' | 'swp_uffd_wp' | 'swp_uffd_wp_any'
  | 'swp_exclusive' | 'devmap' | 'huge' | 'valid' | 'exec' | 'unused' | 'savedwrite' | 'valid_user' | 'marker_uffd_wp'
  | 'user' | 'user_exec' | 'cont' | 'hw_dirty' | 'sw_dirty' | 'valid_not_user' | 'tagged' | 'rdonly'
  | 'present_invalid' | 'valid_cont' | 'hw_valid' | 'read' | 'ci' | 'swap' | 'global' | 'shstk' | 'numa'; // prettier-ignore
type PteMakers = 'mkold' | 'mkyoung' | 'mkdirty' | 'mkclean' | 'wrprotect';
type PteOtherMakers =
  | 'mkspecial' | 'mkhuge' | 'mksoft_dirty' | 'clear_soft_dirty' | 'swp_mksoft_dirty' | 'swp_clear_soft_dirty'
  | 'mkuffd_wp' | 'clear_uffd_wp' | 'swp_mkuffd_wp' | 'swp_clear_uffd_wp' | 'swp_mkexclusive' | 'swp_clear_exclusive'
  | 'mkexec' | 'mknexec' | 'mk_savedwrite' | 'clear_savedwrite' | 'swp_clear_flags' | 'mkwrite_novma' | 'mkdevmap'
  | 'mkcont' | 'mknoncont' | 'mkpresent' | 'mkinvalid' | 'exprotect' | 'mkprivileged' | 'mkuser' | 'mkglobal'
  | 'clrglobal' | 'clrhuge' | 'clear_saveddirty' | 'mksaveddirty' | 'mkwrite_shstk'; // prettier-ignore

/** Helpers of pte entries. */
export type PteHelpers = All<`pte_${PteTests}`, Predicate> &
  Some<`pte_${PteOtherTests}`, Predicate> &
  All<`pte_${PteMakers}`, Transform<Pte>> &
  Some<`pte_${PteOtherMakers}`, Transform<Pte>> & {
    readonly is_swap_pte?: Predicate;
    readonly is_pte_marker?: Predicate;
    /** Before 6.6 the VMA is not looked at; from then on it is, where the architecture has shadow stacks. */
    readonly pte_mkwrite: (entry: bigint, vma?: VmaFlags) => Pte;
    readonly maybe_mkwrite?: (entry: bigint, vma: VmaFlags) => Pte;
    readonly pte_access_permitted?: (entry: bigint, options: AccessOptions) => boolean;
    readonly pte_accessible?: (entry: bigint, options: AccessibleOptions) => boolean;
    readonly pte_pfn: (entry: bigint) => Pfn;
    readonly pte_pgprot?: (entry: bigint) => Pgprot;
    readonly pte_flags?: (entry: bigint) => bigint;
    readonly pte_leaf_size?: (entry: bigint) => bigint;
    readonly __pte_to_swp_entry?: (entry: bigint) => bigint;
    readonly pte_to_swp_entry?: (entry: bigint) => SwpEntry;
    readonly pte_modify: (entry: bigint, prot: bigint) => Pte;
    readonly pfn_pte: (pfn: number, prot: bigint) => Pte;
    /** The value that `pte_clear` stores. */
    readonly pte_clear: () => Pte;
    readonly pte_same: (a: bigint, b: bigint) => boolean;
  };

type UpperTests = 'none' | 'bad' | 'present';
type PudOtherTests =
  | 'leaf' | 'huge' | 'trans_huge' | 'devmap' | 'write' | 'special' | 'young' | 'sect' | 'table' | 'valid' | 'user'
  | 'user_exec' | 'is_leaf' | 'dirty' | 'large' | 'folded' | 'soft_dirty'; // prettier-ignore
type PudMakers =
  | 'mkspecial' | 'mkhuge' | 'mkyoung' | 'mkold' | 'mkdirty' | 'mkclean' | 'mkwrite' | 'wrprotect' | 'mkdevmap'
  | 'mksoft_dirty' | 'clear_soft_dirty' | 'mkinvalid' | 'clear_saveddirty' | 'mksaveddirty'; // prettier-ignore

/** Helpers of pud entries. */
export type PudHelpers = All<`pud_${UpperTests}`, Predicate> &
  Some<`pud_${PudOtherTests}`, Predicate> &
  Some<`pud_${PudMakers}`, Transform<Pud>> & {
    readonly pud_access_permitted?: (entry: bigint, options: AccessOptions) => boolean;
    readonly pud_pfn?: (entry: bigint) => Pfn;
    readonly pud_pgprot?: (entry: bigint) => Pgprot;
    readonly pud_flags?: (entry: bigint) => bigint;
    readonly pud_leaf_size?: (entry: bigint) => bigint;
    readonly pud_modify?: (entry: bigint, prot: bigint) => Pud;
    readonly pfn_pud?: (pfn: number, prot: bigint) => Pud;
    /** The word that `pud_populate` stores for a pmd table at this physical address. */
    readonly pud_populate?: (table: bigint) => Pud;
  };

/** Helpers of p4d entries. */
export type P4dHelpers = All<`p4d_${UpperTests}`, Predicate> &
  Some<'p4d_leaf' | 'p4d_is_leaf' | 'p4d_large', Predicate> & {
    /** The word that `p4d_populate` stores for a pud table at this physical address. */
    readonly p4d_populate?: (table: bigint) => P4d;
  };

/** Helpers of pgd entries. */
export type PgdHelpers = All<`pgd_${UpperTests}`, Predicate> &
  Some<'pgd_leaf' | 'pgd_large', Predicate> & {
    /** The word that `pgd_populate` stores for a p4d table at this physical address. */
    readonly pgd_populate?: (table: bigint) => Pgd;
  };

/** Swap, migration and marker entries: both the kernel's `swp_entry_t` and how the architecture stores it. */
export interface SwapHelpers {
  /** Architecture form: the bits of a non-present entry. Arguments beyond their fields are cut as the kernel cuts them. */
  readonly __swp_entry: (type: number, offset: bigint) => bigint;
  readonly __swp_type: (archEntry: bigint) => number;
  readonly __swp_offset: (archEntry: bigint) => bigint;
  /** Entry as stored, of an architecture-form swap entry. */
  readonly __swp_entry_to_pte: (archEntry: bigint) => Pte;
  readonly __swp_entry_to_pmd?: (archEntry: bigint) => Pmd;
  readonly swp_entry: (type: number, offset: bigint) => SwpEntry;
  readonly swp_type: (entry: bigint) => number;
  readonly swp_offset: (entry: bigint) => bigint;
  readonly swp_offset_pfn: (entry: bigint) => bigint;
  readonly swp_entry_to_pte: (entry: bigint) => Pte;
  readonly swp_entry_to_pmd: (entry: bigint) => Pmd;
  readonly is_migration_entry: Predicate;
  readonly is_readable_migration_entry: Predicate;
  readonly is_writable_migration_entry: Predicate;
  readonly is_pfn_swap_entry: Predicate;
  readonly non_swap_entry: Predicate;
  readonly make_readable_migration_entry: (offset: bigint) => SwpEntry;
  readonly make_readable_exclusive_migration_entry: (offset: bigint) => SwpEntry;
  readonly make_writable_migration_entry: (offset: bigint) => SwpEntry;
  readonly make_migration_entry_young: (entry: bigint) => SwpEntry;
  readonly make_migration_entry_dirty: (entry: bigint) => SwpEntry;
  /** Absent without CONFIG_MEMORY_FAILURE. */
  readonly make_hwpoison_entry?: (pfn: bigint) => SwpEntry;
  readonly make_pte_marker_entry?: (marker: bigint) => SwpEntry;
  /** SWP_* constants of this build, e.g. `SWP_MIGRATION_READ`. */
  readonly constants: Readonly<Record<string, bigint>>;
}

/** Access of a VMA, as `vm_get_page_prot` takes it. */
export interface VmAccess {
  readonly read: boolean;
  readonly write: boolean;
  readonly exec: boolean;
  readonly shared: boolean;
}

/** Protections of an architecture. */
export interface Protections {
  /** `PAGE_NONE`, `PAGE_READONLY`, ... as the kernel defines them. */
  readonly PAGE: Readonly<Record<string, Pgprot>>;
  /** The protection of a mapping. */
  readonly vm_get_page_prot: (access: VmAccess) => Pgprot;
}

/** The helpers of a level, by level. */
export interface LevelHelpers {
  readonly pgd: PgdHelpers;
  readonly p4d: P4dHelpers;
  readonly pud: PudHelpers;
  readonly pmd: PmdHelpers;
  readonly pte: PteHelpers;
}

/** Names the level's helpers object, for look-ups by name. */
export type HelperLevel = Level;

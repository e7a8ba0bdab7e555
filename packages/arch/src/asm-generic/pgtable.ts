/**
 * Helpers that an architecture inherits unless it defines its own: the defaults of include/linux/pgtable.h,
 * linux/mm.h, linux/huge_mm.h and linux/swapops.h (read in 6.1.192 and 6.12.117).
 *
 * `completePmd(env, own)` returns the architecture's own helpers with the generic ones filled in. A generic helper calls
 * the architecture's form of the others, as the kernel's does.
 */
import type { Env } from '../env.js';
import type { P4dHelpers, PgdHelpers, PmdHelpers, PteHelpers, PudHelpers, VmaFlags } from '../helpers.js';
import { levelLayout } from '../layout.js';
import { VM_WRITE } from '../vm-flags.js';
import { __pmd, __pte, __pud, type Pmd, type Pte } from '../values.js';

/** What an architecture must define of pmd entries; anything else of `PmdHelpers` it may. */
export type OwnPmd = Partial<PmdHelpers> &
  Pick<
    PmdHelpers,
    | 'pmd_none' | 'pmd_bad' | 'pmd_present' | 'pmd_trans_huge' | 'pmd_young' | 'pmd_dirty' | 'pmd_write' | 'pmd_mkhuge'
    | 'pmd_mkyoung' | 'pmd_mkold' | 'pmd_mkdirty' | 'pmd_wrprotect' | 'pmd_pfn' | 'pmd_modify' | 'pfn_pmd'
    | 'pmd_populate'
  > &
  ({ readonly pmd_mkwrite: PmdHelpers['pmd_mkwrite'] } | { readonly pmd_mkwrite_novma: (entry: bigint) => Pmd }); // prettier-ignore

/** Fills in what the architecture leaves to the generic code. */
export function completePmd(env: Env, own: OwnPmd): PmdHelpers {
  const { kernel, layout } = env;
  const id = (entry: bigint): Pmd => __pmd(entry);
  const no = (): boolean => false;
  const novma = own.pmd_mkwrite_novma;
  const mkwrite = own.pmd_mkwrite ?? ((entry: bigint): Pmd => novma?.(entry) ?? id(entry));
  const write = own.pmd_write;
  const present = own.pmd_present;
  const isSwap = (entry: bigint): boolean => !own.pmd_none(entry) && !present(entry);
  return {
    pmd_soft_dirty: no,
    pmd_mksoft_dirty: id,
    pmd_clear_soft_dirty: id,
    pmd_swp_soft_dirty: no,
    pmd_swp_mksoft_dirty: id,
    pmd_swp_clear_soft_dirty: id,
    pmd_uffd_wp: no,
    pmd_mkuffd_wp: id,
    pmd_clear_uffd_wp: id,
    pmd_swp_uffd_wp: no,
    pmd_swp_mkuffd_wp: id,
    pmd_swp_clear_uffd_wp: id,
    pmd_devmap: no,
    pmd_protnone: no,
    is_swap_pmd: isSwap,
    is_pmd_migration_entry: no,
    pmd_leaf_size: () => 1n << BigInt(levelLayout(layout, 'pmd').shift),
    pmd_access_permitted: (entry, { write: wanted }) => present(entry) && (!wanted || write(entry)),
    pmd_clear: () => __pmd(0n),
    pmd_same: (a, b) => a === b,
    ...(kernel.has('pmd-special') && { pmd_special: no, pmd_mkspecial: id }),
    ...(!kernel.has('savedwrite-removed') && {
      pmd_savedwrite: write,
      pmd_mk_savedwrite: (entry: bigint): Pmd => mkwrite(entry),
      pmd_clear_savedwrite: own.pmd_wrprotect,
    }),
    pmd_mkwrite: mkwrite,
    ...own,
  };
}

/** What an architecture must define of pte entries. */
export type OwnPte = Partial<PteHelpers> &
  Pick<
    PteHelpers,
    | 'pte_none' | 'pte_present' | 'pte_young' | 'pte_dirty' | 'pte_write' | 'pte_mkold' | 'pte_mkyoung' | 'pte_mkdirty'
    | 'pte_mkclean' | 'pte_wrprotect' | 'pte_pfn' | 'pte_modify' | 'pfn_pte'
  > &
  ({ readonly pte_mkwrite: PteHelpers['pte_mkwrite'] } | { readonly pte_mkwrite_novma: (entry: bigint) => Pte }); // prettier-ignore

/** Fills in what the architecture leaves to the generic code. */
export function completePte(env: Env, own: OwnPte): PteHelpers {
  const { kernel, layout } = env;
  const id = (entry: bigint): Pte => __pte(entry);
  const no = (): boolean => false;
  const novma = own.pte_mkwrite_novma;
  const mkwrite = own.pte_mkwrite ?? ((entry: bigint): Pte => novma?.(entry) ?? id(entry));
  const write = own.pte_write;
  const present = own.pte_present;
  return {
    pte_special: no,
    pte_mkspecial: id,
    pte_mkhuge: id,
    pte_devmap: no,
    pte_protnone: no,
    pte_unused: no,
    pte_soft_dirty: no,
    pte_mksoft_dirty: id,
    pte_clear_soft_dirty: id,
    pte_swp_soft_dirty: no,
    pte_swp_mksoft_dirty: id,
    pte_swp_clear_soft_dirty: id,
    pte_uffd_wp: no,
    pte_mkuffd_wp: id,
    pte_clear_uffd_wp: id,
    pte_swp_uffd_wp: no,
    pte_swp_mkuffd_wp: id,
    pte_swp_clear_uffd_wp: id,
    is_swap_pte: (entry) => !own.pte_none(entry) && !present(entry),
    pte_accessible: () => true,
    pte_leaf_size: () => BigInt(layout.PAGE_SIZE),
    pte_access_permitted: (entry, { write: wanted }) => present(entry) && (!wanted || write(entry)),
    maybe_mkwrite: (entry, vma: VmaFlags) =>
      (vma.vm_flags & VM_WRITE) !== 0n ? mkwrite(entry, vma) : id(entry),
    pte_clear: () => __pte(0n),
    pte_same: (a, b) => a === b,
    ...(!kernel.has('savedwrite-removed') && {
      pte_savedwrite: write,
      pte_mk_savedwrite: (entry: bigint): Pte => mkwrite(entry),
      pte_clear_savedwrite: own.pte_wrprotect,
    }),
    pte_mkwrite: mkwrite,
    ...own,
  };
}

/** Fills in the generic pud helpers of an architecture whose puds are real. */
export function completePud(
  env: Env,
  own: Partial<PudHelpers> & Pick<PudHelpers, 'pud_none' | 'pud_bad' | 'pud_present'>,
): PudHelpers {
  const no = (): boolean => false;
  return {
    pud_leaf: no,
    pud_trans_huge: no,
    pud_devmap: no,
    pud_leaf_size: () => 1n << BigInt(levelLayout(env.layout, 'pud').shift),
    pud_access_permitted: (entry, { write: wanted }) =>
      own.pud_present(entry) && (!wanted || (own.pud_write?.(entry) ?? false)),
    ...(env.kernel.has('pmd-special') && { pud_special: no, pud_mkspecial: (entry: bigint) => __pud(entry) }),
    ...own,
  };
}

/** A pud folded into the p4d (asm-generic/pgtable-nopmd.h, pgtable-nopud.h): always there, never bad, never a leaf. */
export const foldedPud = (): Pick<PudHelpers, 'pud_none' | 'pud_bad' | 'pud_present'> => ({
  pud_none: () => false,
  pud_bad: () => false,
  pud_present: () => true,
});

/** A p4d folded into the pgd (asm-generic/pgtable-nop4d.h). */
export const foldedP4d = (): P4dHelpers => ({
  p4d_none: () => false,
  p4d_bad: () => false,
  p4d_present: () => true,
  p4d_leaf: () => false,
});

/** A pgd above a folded p4d: generic code asks it and is told to go on. */
export const foldedPgd = (): PgdHelpers => ({
  pgd_none: () => false,
  pgd_bad: () => false,
  pgd_present: () => true,
  pgd_leaf: () => false,
});

/**
 * Helpers of pmd entries. Memory is not written and no TLB entry is flushed by any of them.
 *
 * A huge pmd is a pte without `PTE_TABLE_BIT`, and most helpers are the pte's. What makes a pmd that the walker must not
 * use changed four times: any non-zero word (up to 4.5), none at all (4.7 to 5.9), bit 59 (5.10), bit 11 (6.11).
 * @see Linux arch/arm64/include/asm/pgtable.h (6.1.192, 6.12.117); older forms: fact sheet 5.2
 */
import { __pmd, completePmd, type Pmd, type PmdHelpers, swapPmdHelpers, type SwapOps } from '@ptemu/arch';
import { entryAddress } from './address.js';
import {
  arm64Bits, PMD_TABLE_BIT, PMD_TYPE_MASK, PMD_TYPE_SECT, PMD_TYPE_TABLE, PTE_AF, PTE_CONT, PTE_SPECIAL, PTE_USER,
  PTE_UXN, PTE_VALID,
} from './bits.js'; // prettier-ignore
import { type Arm64Env, contShifts } from './layout.js';
import { leafForms } from './pte.js';

/** A state of a pmd, and what the helpers say of it. */
export interface PmdState {
  readonly name: string;
  readonly entry: bigint;
  readonly none: boolean;
  readonly present: boolean;
  readonly trans_huge: boolean;
  readonly bad: boolean;
  readonly protnone: boolean;
  /** Absent where the bits mean something else. */
  readonly leaf?: { readonly young: boolean; readonly dirty: boolean; readonly write: boolean };
}

const huge = (name: string, entry: bigint, write: boolean, young: boolean, dirty: boolean): PmdState => ({
  name, entry, none: false, present: true, trans_huge: true, bad: true, protnone: name.startsWith('prot-none'),
  leaf: { young, dirty, write },
}); // prettier-ignore

/** All states of a pmd that maps, or once mapped, a user page without execute permission; 6.12, 4k. */
export const PMD_STATES: readonly PmdState[] = [
  { name: 'none', entry: 0n, none: true, present: false, trans_huge: false, bad: true, protnone: false },
  {
    name: 'table', entry: 0x0800_0000_5000_0003n,
    none: false, present: true, trans_huge: false, bad: false, protnone: false,
  },
  {
    name: 'migration, writable', entry: 0x4000_0680n,
    none: false, present: false, trans_huge: false, bad: true, protnone: false,
  },
  huge('huge RW young dirty', 0x00e8_0000_4000_0f41n, true, true, true),
  huge('huge RW young clean', 0x0068_0000_4000_0fc1n, true, true, false),
  huge('huge RW old dirty', 0x00e8_0000_4000_0b41n, true, false, true),
  huge('huge RW old clean', 0x0068_0000_4000_0bc1n, true, false, false),
  huge('huge RO young dirty', 0x00e0_0000_4000_0fc1n, false, true, true),
  huge('huge RO young clean', 0x0060_0000_4000_0fc1n, false, true, false),
  huge('huge RO old dirty', 0x00e0_0000_4000_0bc1n, false, false, true),
  huge('huge RO old clean', 0x0060_0000_4000_0bc1n, false, false, false),
  huge('invalidated RW young dirty', 0x00e8_0000_4000_0f40n, true, true, true),
  huge('invalidated RW young clean', 0x0068_0000_4000_0fc0n, true, true, false),
  huge('invalidated RW old dirty', 0x00e8_0000_4000_0b40n, true, false, true),
  huge('invalidated RW old clean', 0x0068_0000_4000_0bc0n, true, false, false),
  huge('invalidated RO young dirty', 0x00e0_0000_4000_0fc0n, false, true, true),
  huge('invalidated RO young clean', 0x0060_0000_4000_0fc0n, false, true, false),
  huge('invalidated RO old dirty', 0x00e0_0000_4000_0bc0n, false, false, true),
  huge('invalidated RO old clean', 0x0060_0000_4000_0bc0n, false, false, false),
  huge('prot-none young dirty', 0x00e0_0000_4000_0f80n, false, true, true),
  huge('prot-none young clean', 0x0060_0000_4000_0f80n, false, true, false),
  huge('prot-none old dirty', 0x00e0_0000_4000_0b80n, false, false, true),
  huge('prot-none old clean', 0x0060_0000_4000_0b80n, false, false, false),
]; // prettier-ignore

/** Makes the pmd helpers of a build. */
export function pmdHelpers(env: Arm64Env, swap: SwapOps): PmdHelpers {
  const { kernel, geometry, layout } = env;
  const b = arm64Bits(env);
  const leaf = leafForms(env);
  const { __pte_to_phys, __phys_to_pte_val, pfnOf, ofPfn } = entryAddress(env);
  const PMD_SHIFT = layout.HPAGE_PMD_SHIFT;
  const any = (mask: bigint) => (pmd: bigint) => (pmd & mask) !== 0n;
  const set = (mask: bigint) => (pmd: bigint) => __pmd(pmd | mask);
  const clear = (mask: bigint) => (pmd: bigint) => __pmd(pmd & ~mask);
  const branded = (form: (entry: bigint) => bigint) => (pmd: bigint): Pmd => __pmd(form(pmd)); // prettier-ignore

  const pmd_none = (pmd: bigint): boolean => pmd === 0n;
  const pmd_table = (pmd: bigint): boolean => (pmd & PMD_TYPE_MASK) === PMD_TYPE_TABLE;
  const pmd_sect = (pmd: bigint): boolean => (pmd & PMD_TYPE_MASK) === PMD_TYPE_SECT;
  // 5.10 to 6.10: the marker counts with VALID too, where it is the PXN bit of a table.
  const marked = (pmd: bigint): boolean => kernel.has('b65399f6111b') && (pmd & b.PTE_PRESENT_INVALID) !== 0n;
  const pmd_present = (pmd: bigint): boolean => {
    if (!kernel.has('5bb1cc0ff9a6')) return pmd !== 0n;
    return leaf.present(pmd) || marked(pmd);
  };
  const notTable = (pmd: bigint): boolean => pmd !== 0n && (pmd & PMD_TABLE_BIT) === 0n;
  const pmd_trans_huge = (pmd: bigint): boolean =>
    notTable(pmd) && (!kernel.has('b65399f6111b') || pmd_present(pmd));
  const mkinvalid = (pmd: bigint): Pmd =>
    kernel.has('5bb1cc0ff9a6')
      ? __pmd((pmd | b.PTE_PRESENT_INVALID) & ~PTE_VALID)
      : __pmd(pmd & ~PMD_TYPE_MASK);
  const populate = (prot: bigint) => (table: bigint) =>
    __pmd(__phys_to_pte_val(table) | PMD_TYPE_TABLE | prot);
  const hugetlb = !kernel.has('pmd-large-removed');

  const base = completePmd(env, {
    pmd_none,
    pmd_bad: kernel.has('arm64-pmd-bad-type')
      ? (pmd) => !pmd_table(pmd)
      : (pmd) => (pmd & PMD_TABLE_BIT) === 0n,
    pmd_present,
    pmd_trans_huge,
    ...(kernel.has('arm64-pmd-leaf') && {
      pmd_leaf: kernel.has('arm64-pmd-leaf-present')
        ? (pmd: bigint) => pmd_present(pmd) && !pmd_table(pmd)
        : pmd_sect,
    }),
    ...(hugetlb && {
      pmd_huge: notTable,
      pmd_thp_or_huge: (pmd: bigint) => notTable(pmd) || pmd_trans_huge(pmd),
    }),
    pmd_table,
    pmd_sect,
    pmd_young: any(PTE_AF),
    pmd_dirty: leaf.dirty,
    pmd_write: any(b.PTE_WRITE),
    pmd_protnone: leaf.protnone,
    pmd_access_permitted: (pmd, { write }) => leaf.accessPermitted(pmd, write),
    pmd_uffd_wp: any(b.PTE_UFFD_WP),
    pmd_swp_uffd_wp: any(b.PTE_SWP_UFFD_WP),
    pmd_devmap: any(b.PTE_DEVMAP),
    pmd_valid: any(PTE_VALID),
    pmd_user: any(PTE_USER),
    pmd_user_exec: (pmd) => (pmd & PTE_UXN) === 0n,
    pmd_cont: any(PTE_CONT),
    ...(kernel.has('b65399f6111b') && !kernel.has('b28c74e25967') && { pmd_present_invalid: marked }),
    ...(kernel.has('pmd-special') && { pmd_special: any(PTE_SPECIAL), pmd_mkspecial: set(PTE_SPECIAL) }),
    ...(b.PMD_SECT_SPLITTING !== 0n && {
      pmd_trans_splitting: any(b.PMD_SECT_SPLITTING),
      pmd_mksplitting: set(b.PMD_SECT_SPLITTING),
    }),
    pmd_pfn: (pmd) => pfnOf(pmd, PMD_SHIFT),
    pmd_page_paddr: __pte_to_phys,
    ...(kernel.has('arm64-pmd-pgprot') && {
      pmd_pgprot: (pmd: bigint) => leaf.pgprot(pmd, pfnOf(pmd, PMD_SHIFT)),
    }),
    pmd_leaf_size: (pmd) => 1n << BigInt((pmd & PTE_CONT) !== 0n ? contShifts(geometry).pmd : PMD_SHIFT),

    pfn_pmd: (pfn, prot) => __pmd(ofPfn(pfn) | prot),
    pmd_populate: populate(b.USER_TABLE),
    pmd_populate_kernel: populate(b.KERNEL_TABLE),

    pmd_mkhuge: clear(PMD_TABLE_BIT),
    pmd_mkyoung: set(PTE_AF),
    pmd_mkold: clear(PTE_AF),
    pmd_mkdirty: branded(leaf.mkdirty),
    ...(kernel.has('arm64-pmd-mkclean') && { pmd_mkclean: branded(leaf.mkclean) }),
    pmd_mkwrite: branded(leaf.mkwrite),
    ...(kernel.has('pte-mkwrite-novma') && { pmd_mkwrite_novma: branded(leaf.mkwrite) }),
    pmd_wrprotect: branded(leaf.wrprotect),
    ...(kernel.has('86ec2da037b8') ? { pmd_mkinvalid: mkinvalid } : { pmd_mknotpresent: mkinvalid }),
    pmd_mkuffd_wp: branded(leaf.mkuffdWp),
    pmd_clear_uffd_wp: clear(b.PTE_UFFD_WP),
    pmd_swp_mkuffd_wp: set(b.PTE_SWP_UFFD_WP),
    pmd_swp_clear_uffd_wp: clear(b.PTE_SWP_UFFD_WP),
    ...(b.PTE_DEVMAP !== 0n && { pmd_mkdevmap: set(b.PTE_DEVMAP) }),
    pmd_mkcont: set(PTE_CONT),
    pmd_modify: (pmd, prot) => __pmd(leaf.modify(pmd, prot)),
  });
  return { ...base, ...swapPmdHelpers(swap, base) };
}

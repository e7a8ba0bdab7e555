/**
 * Helpers of pmd entries. Memory is not written and no TLB entry is flushed by any of them.
 * @see Linux arch/x86/include/asm/pgtable.h (6.1.192, 6.12.117); older forms: fact sheet 6.2
 */
import {
  __pfn, __pgprot, __pmd, completePmd, type Env, type Pmd, type PmdHelpers, swapPmdHelpers, type SwapOps,
  VM_SHADOW_STACK, type VmaFlags,
} from '@ptemu/arch'; // prettier-ignore
import {
  _KERNPG_TABLE, _PAGE_ACCESSED, _PAGE_DIRTY, _PAGE_PRESENT, _PAGE_PROTNONE, _PAGE_PSE, _PAGE_RW, _PAGE_SPECIAL,
  _PAGE_TABLE, _PAGE_USER, PHYSICAL_PMD_PAGE_MASK, PTE_PFN_MASK, x86Bits,
} from './bits.js'; // prettier-ignore
import { inversion } from './invert.js';
import { PAGE_SHIFT } from './layout.js';
import { accessPermitted } from './pte.js';
import { savedDirty } from './saved-dirty.js';

/** One state of a pmd, as the 6.12 kernel stores it for frame 0x4000_0000 and what its helpers answer. */
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

/** All states of a pmd that maps, or once mapped, a user page without execute permission. */
export const PMD_STATES: readonly PmdState[] = [
  { name: 'none', entry: 0n, none: true, present: false, trans_huge: false, bad: true, protnone: false },
  { name: 'table', entry: 0x5000_0067n, none: false, present: true, trans_huge: false, bad: false, protnone: false },
  {
    name: 'migration, writable', entry: 0xd7ff_ffff_f7ff_fe00n,
    none: false, present: false, trans_huge: false, bad: true, protnone: false,
  },
  huge('huge RW young dirty', 0x8000_0000_4000_00e7n, true, true, true),
  huge('huge RW young clean', 0x8000_0000_4000_00a7n, true, true, false),
  huge('huge RW old dirty', 0x8000_0000_4000_00c7n, true, false, true),
  huge('huge RW old clean', 0x8000_0000_4000_0087n, true, false, false),
  huge('huge RO young dirty', 0x8400_0000_4000_00a5n, false, true, true),
  huge('huge RO young clean', 0x8000_0000_4000_00a5n, false, true, false),
  huge('huge RO old dirty', 0x8400_0000_4000_0085n, false, false, true),
  huge('huge RO old clean', 0x8000_0000_4000_0085n, false, false, false),
  huge('invalidated RW young dirty', 0x800f_ffff_bfe0_00e6n, true, true, true),
  huge('invalidated RW young clean', 0x800f_ffff_bfe0_00a6n, true, true, false),
  huge('invalidated RW old dirty', 0x800f_ffff_bfe0_00c6n, true, false, true),
  huge('invalidated RW old clean', 0x800f_ffff_bfe0_0086n, true, false, false),
  huge('invalidated RO young dirty', 0x840f_ffff_bfe0_00a4n, false, true, true),
  huge('invalidated RO young clean', 0x800f_ffff_bfe0_00a4n, false, true, false),
  huge('invalidated RO old dirty', 0x840f_ffff_bfe0_0084n, false, false, true),
  huge('invalidated RO old clean', 0x800f_ffff_bfe0_0084n, false, false, false),
  huge('prot-none young dirty', 0x040f_ffff_bfe0_01a0n, false, true, true),
  huge('prot-none young clean', 0x000f_ffff_bfe0_01a0n, false, true, false),
  huge('prot-none old dirty', 0x040f_ffff_bfe0_0180n, false, false, true),
  huge('prot-none old clean', 0x000f_ffff_bfe0_0180n, false, false, false),
]; // prettier-ignore

/** Frame bits of a pmd entry: a large page's frame begins at bit 21. */
const pmd_pfn_mask = (pmd: bigint): bigint =>
  (pmd & _PAGE_PSE) !== 0n ? PHYSICAL_PMD_PAGE_MASK : PTE_PFN_MASK;

/** Makes the pmd helpers of a build. */
export function pmdHelpers(env: Env, swap: SwapOps): PmdHelpers {
  const { kernel, config, cpu } = env;
  const b = x86Bits(env);
  const { frame, flip_protnone_guard, __pte_needs_invert } = inversion(kernel);
  const { mksaveddirty, clear_saveddirty, afterModify } = savedDirty(kernel);
  const any = (mask: bigint) => (pmd: bigint) => (pmd & mask) !== 0n;
  const set = (mask: bigint) => (pmd: bigint) => __pmd(pmd | mask);
  const clear = (mask: bigint) => (pmd: bigint) => __pmd(pmd & ~mask);
  const shadowStacks = config['X86_USER_SHADOW_STACK'] === true;

  const pmd_none = (pmd: bigint): boolean => (pmd & ~b._PAGE_KNL_ERRATUM_MASK) === 0n;
  const pmd_flags = (pmd: bigint): bigint => pmd & ~pmd_pfn_mask(pmd);
  const pmd_pfn = (pmd: bigint): bigint => frame(pmd, pmd_pfn_mask(pmd)) >> BigInt(PAGE_SHIFT);
  const presentMask = kernel.has('x86-pmd-present-pse')
    ? _PAGE_PRESENT | _PAGE_PROTNONE | _PAGE_PSE | b._PAGE_NUMA
    : _PAGE_PRESENT;
  const badIgnores = _PAGE_USER | (kernel.has('x86-pmd-bad-ignores-a') ? _PAGE_ACCESSED : 0n);
  const leafMask = kernel.has('x86-pmd-present-pse') ? _PAGE_PSE : _PAGE_PSE | _PAGE_PRESENT;
  const pmd_leaf = (pmd: bigint): boolean => (pmd & leafMask) === leafMask;
  const pmd_shstk = (pmd: bigint): boolean =>
    shadowStacks &&
    cpu['shstk'] === true &&
    (pmd & (_PAGE_RW | _PAGE_DIRTY | _PAGE_PSE)) === (_PAGE_DIRTY | _PAGE_PSE);
  const pmd_wrprotect = (pmd: bigint): Pmd => __pmd(mksaveddirty(pmd & ~_PAGE_RW));
  const pmd_mkwrite_novma = set(_PAGE_RW);
  const pmd_mkwrite_shstk = (pmd: bigint): Pmd => __pmd((pmd & ~_PAGE_RW) | _PAGE_DIRTY);
  const pmd_mkwrite = (pmd: bigint, vma?: VmaFlags): Pmd =>
    kernel.has('x86-saved-dirty') && shadowStacks && ((vma?.vm_flags ?? 0n) & VM_SHADOW_STACK) !== 0n
      ? pmd_mkwrite_shstk(pmd)
      : __pmd(clear_saveddirty(pmd | _PAGE_RW));
  const pfn_pmd = (pfn: bigint | number, prot: bigint): Pmd => {
    const address = (BigInt(pfn) << BigInt(PAGE_SHIFT)) & PHYSICAL_PMD_PAGE_MASK;
    return __pmd((__pte_needs_invert(prot) ? address ^ PHYSICAL_PMD_PAGE_MASK : address) | prot);
  };
  // Up to 3.16 only P was cleared; since the L1TF fix the entry is built anew, so that the frame is inverted.
  const invalidClears = _PAGE_PRESENT | (kernel.has('x86-protnone-numa') ? _PAGE_PROTNONE : 0n);
  const mkinvalid = (pmd: bigint): Pmd =>
    kernel.has('0768f91530ff')
      ? pfn_pmd(pmd_pfn(pmd), pmd_flags(pmd) & ~invalidClears)
      : __pmd(pmd & ~invalidClears);

  const base = completePmd(env, {
    pmd_none,
    pmd_bad: (pmd) => (pmd_flags(pmd) & ~badIgnores) !== (_KERNPG_TABLE & ~badIgnores),
    pmd_present: any(presentMask),
    pmd_trans_huge: (pmd) => (pmd & (_PAGE_PSE | b._PAGE_DEVMAP)) === _PAGE_PSE,
    ...(kernel.has('x86-pmd-leaf') && { pmd_leaf }),
    ...(!kernel.has('pmd-large-removed') && {
      pmd_large: pmd_leaf,
      pmd_huge: (pmd: bigint) => !pmd_none(pmd) && (pmd & (_PAGE_PRESENT | _PAGE_PSE)) !== _PAGE_PRESENT,
    }),
    pmd_young: any(_PAGE_ACCESSED),
    pmd_dirty: any(b._PAGE_DIRTY_BITS),
    pmd_write: (pmd) => (pmd & _PAGE_RW) !== 0n || (kernel.has('x86-saved-dirty') && pmd_shstk(pmd)),
    pmd_protnone: (pmd) =>
      config['NUMA_BALANCING'] === true &&
      kernel.has('x86-protnone-numa') &&
      (pmd & (_PAGE_PROTNONE | _PAGE_PRESENT)) === _PAGE_PROTNONE,
    pmd_access_permitted: (pmd, { write }) => accessPermitted(pmd, write),
    pmd_soft_dirty: any(b._PAGE_SOFT_DIRTY),
    pmd_swp_soft_dirty: any(swap.thpMigration ? b._PAGE_SWP_SOFT_DIRTY : 0n),
    pmd_uffd_wp: any(b._PAGE_UFFD_WP),
    pmd_swp_uffd_wp: any(b._PAGE_SWP_UFFD_WP),
    pmd_devmap: any(b._PAGE_DEVMAP),
    ...(kernel.has('pmd-special') && {
      pmd_special: any(_PAGE_SPECIAL),
      pmd_mkspecial: set(_PAGE_SPECIAL),
    }),
    ...(b._PAGE_SPLITTING !== 0n && {
      pmd_trans_splitting: any(b._PAGE_SPLITTING),
      pmd_mksplitting: set(b._PAGE_SPLITTING),
    }),
    pmd_pfn: (pmd) => __pfn(pmd_pfn(pmd)),
    pmd_flags,
    pmd_pgprot: (pmd) => __pgprot(pmd_flags(pmd)),

    pfn_pmd,
    pmd_populate: (table) => __pmd(table | _PAGE_TABLE),
    pmd_populate_kernel: (table) => __pmd(table | _PAGE_TABLE),

    pmd_mkhuge: set(_PAGE_PSE),
    pmd_mkyoung: set(_PAGE_ACCESSED),
    pmd_mkold: clear(_PAGE_ACCESSED),
    pmd_mkdirty: (pmd) => __pmd(mksaveddirty(pmd | _PAGE_DIRTY | b._PAGE_SOFT_DIRTY)),
    ...(kernel.has('x86-pmd-mkclean') && { pmd_mkclean: clear(b._PAGE_DIRTY_BITS) }),
    pmd_mkwrite,
    pmd_wrprotect,
    ...(kernel.has('86ec2da037b8') ? { pmd_mkinvalid: mkinvalid } : { pmd_mknotpresent: mkinvalid }),
    pmd_mksoft_dirty: set(b._PAGE_SOFT_DIRTY),
    pmd_clear_soft_dirty: clear(b._PAGE_SOFT_DIRTY),
    pmd_swp_mksoft_dirty: set(swap.thpMigration ? b._PAGE_SWP_SOFT_DIRTY : 0n),
    pmd_swp_clear_soft_dirty: clear(swap.thpMigration ? b._PAGE_SWP_SOFT_DIRTY : 0n),
    pmd_mkuffd_wp: (pmd) =>
      b._PAGE_UFFD_WP !== 0n && kernel.has('x86-saved-dirty')
        ? pmd_wrprotect(pmd | b._PAGE_UFFD_WP)
        : __pmd(pmd | b._PAGE_UFFD_WP),
    pmd_clear_uffd_wp: clear(b._PAGE_UFFD_WP),
    pmd_swp_mkuffd_wp: set(b._PAGE_SWP_UFFD_WP),
    pmd_swp_clear_uffd_wp: clear(b._PAGE_SWP_UFFD_WP),
    ...(b._PAGE_DEVMAP !== 0n && { pmd_mkdevmap: set(b._PAGE_DEVMAP) }),
    ...(kernel.has('pte-mkwrite-novma') && { pmd_mkwrite_novma }),
    ...(kernel.has('x86-saved-dirty') && {
      pmd_shstk,
      pmd_mkwrite_shstk,
      pmd_mksaveddirty: (pmd: bigint) => __pmd(mksaveddirty(pmd)),
      pmd_clear_saveddirty: (pmd: bigint) => __pmd(clear_saveddirty(pmd)),
    }),
    pmd_modify: (pmd, prot) => {
      const value = (pmd & b._HPAGE_CHG_MASK) | (prot & ~b._HPAGE_CHG_MASK);
      return __pmd(afterModify(pmd, flip_protnone_guard(pmd, value, PHYSICAL_PMD_PAGE_MASK)));
    },
  });
  return { ...base, ...swapPmdHelpers(swap, base) };
}

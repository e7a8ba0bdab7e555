/**
 * Helpers of pte entries. Memory is not written and no TLB entry is flushed by any of them.
 * @see Linux arch/x86/include/asm/pgtable.h (6.1.192, 6.12.117); older forms: fact sheet 6.2
 */
import {
  __pfn, __pgprot, __pte, completePte, type Env, type Pte, type PteHelpers, swapPteHelpers, type SwapOps,
  VM_SHADOW_STACK, type VmaFlags,
} from '@ptemu/arch'; // prettier-ignore
import {
  _PAGE_ACCESSED, _PAGE_DIRTY, _PAGE_GLOBAL, _PAGE_NX, _PAGE_PRESENT, _PAGE_PROTNONE, _PAGE_PSE, _PAGE_RW,
  _PAGE_SPECIAL, _PAGE_USER, PTE_PFN_MASK, x86Bits,
} from './bits.js'; // prettier-ignore
import { inversion } from './invert.js';
import { PAGE_SHIFT } from './layout.js';
import { savedDirty } from './saved-dirty.js';

/** Makes the pte helpers of a build. */
export function pteHelpers(env: Env, swap: SwapOps): PteHelpers {
  const { kernel, config, cpu } = env;
  const b = x86Bits(env);
  const { frame, flip_protnone_guard, __pte_needs_invert } = inversion(kernel);
  const { mksaveddirty, clear_saveddirty, afterModify } = savedDirty(kernel);
  const any = (mask: bigint) => (pte: bigint) => (pte & mask) !== 0n;
  const set = (mask: bigint) => (pte: bigint) => __pte(pte | mask);
  const clear = (mask: bigint) => (pte: bigint) => __pte(pte & ~mask);
  const shadowStacks = config['X86_USER_SHADOW_STACK'] === true;

  const pte_present = any(_PAGE_PRESENT | _PAGE_PROTNONE);
  const pte_shstk = (pte: bigint): boolean =>
    shadowStacks && cpu['shstk'] === true && (pte & (_PAGE_RW | _PAGE_DIRTY)) === _PAGE_DIRTY;
  const pte_wrprotect = (pte: bigint): Pte => __pte(mksaveddirty(pte & ~_PAGE_RW));
  const pte_mkwrite_novma = set(_PAGE_RW);
  const pte_mkwrite_shstk = (pte: bigint): Pte => __pte((pte & ~_PAGE_RW) | _PAGE_DIRTY);
  const pte_mkwrite = (pte: bigint, vma?: VmaFlags): Pte =>
    kernel.has('x86-saved-dirty') && shadowStacks && ((vma?.vm_flags ?? 0n) & VM_SHADOW_STACK) !== 0n
      ? pte_mkwrite_shstk(pte)
      : __pte(clear_saveddirty(pte | _PAGE_RW));

  const base = completePte(env, {
    pte_none: (pte) => (pte & ~b._PAGE_KNL_ERRATUM_MASK) === 0n,
    pte_present,
    pte_young: any(_PAGE_ACCESSED),
    pte_dirty: any(b._PAGE_DIRTY_BITS),
    pte_write: (pte) => (pte & _PAGE_RW) !== 0n || (kernel.has('x86-saved-dirty') && pte_shstk(pte)),
    pte_exec: (pte) => (pte & _PAGE_NX) === 0n,
    pte_special: any(_PAGE_SPECIAL),
    pte_huge: any(_PAGE_PSE),
    pte_global: any(_PAGE_GLOBAL),
    pte_protnone: (pte) =>
      config['NUMA_BALANCING'] === true &&
      kernel.has('x86-protnone-numa') &&
      (pte & (_PAGE_PROTNONE | _PAGE_PRESENT)) === _PAGE_PROTNONE,
    pte_accessible: (pte, { tlb_flush_pending }) =>
      (pte & _PAGE_PRESENT) !== 0n || ((pte & _PAGE_PROTNONE) !== 0n && tlb_flush_pending),
    pte_access_permitted: (pte, { write }) => accessPermitted(pte, write),
    pte_soft_dirty: any(b._PAGE_SOFT_DIRTY),
    pte_swp_soft_dirty: any(b._PAGE_SWP_SOFT_DIRTY),
    pte_uffd_wp: any(b._PAGE_UFFD_WP),
    pte_swp_uffd_wp: any(b._PAGE_SWP_UFFD_WP),
    pte_swp_exclusive: any(b._PAGE_SWP_EXCLUSIVE),
    pte_devmap: any(b._PAGE_DEVMAP),
    pte_pfn: (pte) => __pfn(frame(pte, PTE_PFN_MASK) >> BigInt(PAGE_SHIFT)),
    pte_flags: (pte) => pte & ~PTE_PFN_MASK,
    pte_pgprot: (pte) => __pgprot(pte & ~PTE_PFN_MASK),
    pte_same: (a, c) => a === c,

    pfn_pte: (pfn, prot) => {
      const address = (BigInt(pfn) << BigInt(PAGE_SHIFT)) & PTE_PFN_MASK;
      return __pte((__pte_needs_invert(prot) ? address ^ PTE_PFN_MASK : address) | prot);
    },

    pte_mkyoung: set(_PAGE_ACCESSED),
    pte_mkold: clear(_PAGE_ACCESSED),
    pte_mkdirty: (pte) => __pte(mksaveddirty(pte | _PAGE_DIRTY | b._PAGE_SOFT_DIRTY)),
    pte_mkclean: clear(b._PAGE_DIRTY_BITS),
    pte_mkwrite,
    pte_wrprotect,
    pte_mkexec: clear(_PAGE_NX),
    pte_mkspecial: set(_PAGE_SPECIAL),
    pte_mkhuge: set(_PAGE_PSE),
    pte_clrhuge: clear(_PAGE_PSE),
    pte_mkglobal: set(_PAGE_GLOBAL),
    pte_clrglobal: clear(_PAGE_GLOBAL),
    pte_mksoft_dirty: set(b._PAGE_SOFT_DIRTY),
    pte_clear_soft_dirty: clear(b._PAGE_SOFT_DIRTY),
    pte_swp_mksoft_dirty: set(b._PAGE_SWP_SOFT_DIRTY),
    pte_swp_clear_soft_dirty: clear(b._PAGE_SWP_SOFT_DIRTY),
    // From 6.12 on a write-protected entry may not stay RW; without userfaultfd the helper is the generic identity.
    pte_mkuffd_wp: (pte) =>
      b._PAGE_UFFD_WP !== 0n && kernel.has('x86-saved-dirty')
        ? pte_wrprotect(pte | b._PAGE_UFFD_WP)
        : __pte(pte | b._PAGE_UFFD_WP),
    pte_clear_uffd_wp: clear(b._PAGE_UFFD_WP),
    pte_swp_mkuffd_wp: set(b._PAGE_SWP_UFFD_WP),
    pte_swp_clear_uffd_wp: clear(b._PAGE_SWP_UFFD_WP),
    ...(kernel.has('x86-swp-exclusive') && {
      pte_swp_mkexclusive: set(b._PAGE_SWP_EXCLUSIVE),
      pte_swp_clear_exclusive: clear(b._PAGE_SWP_EXCLUSIVE),
    }),
    ...(b._PAGE_DEVMAP !== 0n && { pte_mkdevmap: set(_PAGE_SPECIAL | b._PAGE_DEVMAP) }),
    ...(kernel.has('pte-mkwrite-novma') && { pte_mkwrite_novma }),
    ...(kernel.has('x86-saved-dirty') && {
      pte_shstk,
      pte_mkwrite_shstk,
      pte_mksaveddirty: (pte: bigint) => __pte(mksaveddirty(pte)),
      pte_clear_saveddirty: (pte: bigint) => __pte(clear_saveddirty(pte)),
    }),
    pte_modify: (pte, prot) => {
      const value = (pte & b._PAGE_CHG_MASK) | (prot & ~b._PAGE_CHG_MASK);
      return __pte(afterModify(pte, flip_protnone_guard(pte, value, PTE_PFN_MASK)));
    },
  });
  return { ...base, ...swapPteHelpers(swap, base) };
}

/**
 * What lockless GUP asks of a leaf at any level: present for user mode, and writable for a write. The protection key is
 * not looked at: the model's PKRU allows every key.
 * @see Linux arch/x86/include/asm/pgtable.h, `__pte_access_permitted` (6.12.117)
 */
export function accessPermitted(entry: bigint, write: boolean): boolean {
  const need = _PAGE_PRESENT | _PAGE_USER | (write ? _PAGE_RW : 0n);
  return (entry & need) === need;
}

/**
 * Helpers of pud entries. Memory is not written and no TLB entry is flushed by any of them.
 * @see Linux arch/x86/include/asm/pgtable.h (6.1.192, 6.12.117)
 */
import { __pfn, __pgprot, __pud, completePud, type Env, type Pud, type PudHelpers } from '@ptemu/arch';
import {
  _KERNPG_TABLE, _PAGE_ACCESSED, _PAGE_DIRTY, _PAGE_PRESENT, _PAGE_PROTNONE, _PAGE_PSE, _PAGE_RW, _PAGE_SPECIAL,
  _PAGE_TABLE, _PAGE_USER, PHYSICAL_PUD_PAGE_MASK, PTE_PFN_MASK, x86Bits,
} from './bits.js'; // prettier-ignore
import { inversion } from './invert.js';
import { PAGE_SHIFT } from './layout.js';
import { accessPermitted } from './pte.js';
import { savedDirty } from './saved-dirty.js';

/** Frame bits of a pud entry: a large page's frame begins at bit 30. */
const pud_pfn_mask = (pud: bigint): bigint =>
  (pud & _PAGE_PSE) !== 0n ? PHYSICAL_PUD_PAGE_MASK : PTE_PFN_MASK;

/** Makes the pud helpers of a build. */
export function pudHelpers(env: Env): PudHelpers {
  const { kernel } = env;
  const b = x86Bits(env);
  const { frame, flip_protnone_guard, __pte_needs_invert } = inversion(kernel);
  const { mksaveddirty, clear_saveddirty, afterModify } = savedDirty(kernel);
  const any = (mask: bigint) => (pud: bigint) => (pud & mask) !== 0n;
  const set = (mask: bigint) => (pud: bigint) => __pud(pud | mask);
  const clear = (mask: bigint) => (pud: bigint) => __pud(pud & ~mask);

  const pud_none = (pud: bigint): boolean => (pud & ~b._PAGE_KNL_ERRATUM_MASK) === 0n;
  const pud_flags = (pud: bigint): bigint => pud & ~pud_pfn_mask(pud);
  const pud_pfn = (pud: bigint): bigint => frame(pud, pud_pfn_mask(pud)) >> BigInt(PAGE_SHIFT);
  const leafMask = kernel.has('x86-pud-leaf-pse') ? _PAGE_PSE : _PAGE_PSE | _PAGE_PRESENT;
  const pud_leaf = (pud: bigint): boolean => (pud & leafMask) === leafMask;
  const pfn_pud = (pfn: bigint | number, prot: bigint): Pud => {
    const address = (BigInt(pfn) << BigInt(PAGE_SHIFT)) & PHYSICAL_PUD_PAGE_MASK;
    return __pud((__pte_needs_invert(prot) ? address ^ PHYSICAL_PUD_PAGE_MASK : address) | prot);
  };

  return completePud(env, {
    pud_none,
    pud_bad: (pud) => (pud_flags(pud) & ~(_KERNPG_TABLE | _PAGE_USER)) !== 0n,
    pud_present: any(_PAGE_PRESENT),
    pud_leaf,
    ...(!kernel.has('pmd-large-removed') && {
      pud_large: pud_leaf,
      pud_huge: (pud: bigint) => !pud_none(pud) && (pud & (_PAGE_PRESENT | _PAGE_PSE)) !== _PAGE_PRESENT,
    }),
    pud_trans_huge: (pud) => (pud & (_PAGE_PSE | b._PAGE_DEVMAP)) === _PAGE_PSE,
    pud_devmap: any(b._PAGE_DEVMAP),
    pud_young: any(_PAGE_ACCESSED),
    pud_dirty: any(b._PAGE_DIRTY_BITS),
    // Unlike a pmd, a pud that is a shadow stack does not count as writable.
    pud_write: any(_PAGE_RW),
    pud_soft_dirty: any(b._PAGE_SOFT_DIRTY),
    ...(kernel.has('pmd-special') && {
      pud_special: any(_PAGE_SPECIAL),
      pud_mkspecial: set(_PAGE_SPECIAL),
    }),
    pud_access_permitted: (pud, { write }) => accessPermitted(pud, write),
    pud_pfn: (pud) => __pfn(pud_pfn(pud)),
    pud_flags,
    pud_pgprot: (pud) => __pgprot(pud_flags(pud)),

    pfn_pud,
    pud_populate: (table) => __pud(table | _PAGE_TABLE),

    pud_mkhuge: set(_PAGE_PSE),
    pud_mkyoung: set(_PAGE_ACCESSED),
    pud_mkold: clear(_PAGE_ACCESSED),
    pud_mkdirty: (pud) => __pud(mksaveddirty(pud | _PAGE_DIRTY | b._PAGE_SOFT_DIRTY)),
    pud_mkclean: clear(b._PAGE_DIRTY_BITS),
    pud_mkwrite: (pud) => __pud(clear_saveddirty(pud | _PAGE_RW)),
    pud_wrprotect: (pud) => __pud(mksaveddirty(pud & ~_PAGE_RW)),
    pud_mksoft_dirty: set(b._PAGE_SOFT_DIRTY),
    pud_clear_soft_dirty: clear(b._PAGE_SOFT_DIRTY),
    ...(b._PAGE_DEVMAP !== 0n && { pud_mkdevmap: set(b._PAGE_DEVMAP) }),
    ...(kernel.has('x86-pud-leaf-pse') && {
      pud_mkinvalid: (pud: bigint) =>
        pfn_pud(pud_pfn(pud), pud_flags(pud) & ~(_PAGE_PRESENT | _PAGE_PROTNONE)),
      pud_modify: (pud: bigint, prot: bigint) => {
        const value = (pud & b._HPAGE_CHG_MASK) | (prot & ~b._HPAGE_CHG_MASK);
        return __pud(afterModify(pud, flip_protnone_guard(pud, value, PHYSICAL_PUD_PAGE_MASK)));
      },
    }),
    ...(kernel.has('x86-saved-dirty') && {
      pud_mksaveddirty: (pud: bigint) => __pud(mksaveddirty(pud)),
      pud_clear_saveddirty: (pud: bigint) => __pud(clear_saveddirty(pud)),
    }),
  });
}

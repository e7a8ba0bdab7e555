/**
 * Page-table entries.
 *
 * Dirty and young are software: an old page is INVALID and a clean one PROTECT, so the first access and the first store
 * fault. INVALID therefore says "old", "prot-none" or "being changed" alike, and only PRESENT tells a page from none.
 * The software bits are those of 3.12 and later; the fact sheet does not describe the ptes of 3.8 to 3.11, which are
 * taken to be the same.
 */
import {
  type Env,
  type OwnPte,
  type Pte,
  type PteHelpers,
  type SwapOps,
  __pfn,
  __pgprot,
  __pte,
  completePte,
  swapPteHelpers,
} from '@ptemu/arch';
import {
  PAGE_MASK,
  _PAGE_DIRTY,
  _PAGE_INVALID,
  _PAGE_LARGE,
  _PAGE_NOEXEC,
  _PAGE_PRESENT,
  _PAGE_PROTECT,
  _PAGE_READ,
  _PAGE_SOFT_DIRTY,
  _PAGE_SPECIAL,
  _PAGE_SWP_EXCLUSIVE,
  _PAGE_UNUSED,
  _PAGE_WRITE,
  _PAGE_YOUNG,
} from './bits.js';
import { protections } from './prot.js';

/** One state of a pte, without address, SPECIAL and soft-dirty, and what the helpers answer. */
export interface PteState {
  readonly name: string;
  readonly entry: bigint;
  readonly none: boolean;
  readonly present: boolean;
  readonly swap: boolean;
  readonly protnone: boolean;
  /** Absent where the bits mean something else. */
  readonly leaf?: { readonly young: boolean; readonly dirty: boolean; readonly write: boolean };
}

const page = (name: string, entry: bigint, write: boolean, young: boolean, dirty: boolean): PteState => ({
  name, entry, none: false, present: true, swap: false, protnone: name.startsWith('prot-none'),
  leaf: { young, dirty, write },
}); // prettier-ignore

/**
 * All states of a pte.
 * @see Linux arch/s390/include/asm/pgtable.h, table of bit combinations above `_ASCE_ORIGIN` (6.12.117)
 */
export const PTE_STATES: readonly PteState[] = [
  { name: 'none', entry: 0x400n, none: true, present: false, swap: false, protnone: false },
  { name: 'swap', entry: 0x600n, none: false, present: false, swap: true, protnone: false },
  page('prot-none old clean', 0x601n, false, false, false),
  page('prot-none young clean', 0x605n, false, true, false),
  page('prot-none old dirty', 0x609n, false, false, true),
  page('prot-none young dirty', 0x60dn, false, true, true),
  page('RO old clean', 0x611n, false, false, false),
  page('RO young clean', 0x215n, false, true, false),
  page('RO old dirty', 0x619n, false, false, true),
  page('RO young dirty', 0x21dn, false, true, true),
  page('RW old clean', 0x631n, true, false, false),
  page('RW young clean', 0x235n, true, true, false),
  page('RW old dirty', 0x439n, true, false, true),
  page('RW young dirty', 0x03dn, true, true, true),
]; // prettier-ignore

/** The pte helpers of a release. */
export function pteHelpers(env: Env, swap: SwapOps): PteHelpers {
  const { kernel, config, cpu } = env;
  const SOFT_DIRTY = config['MEM_SOFT_DIRTY'] === true ? _PAGE_SOFT_DIRTY : 0n;
  const CHG_MASK = PAGE_MASK | _PAGE_SPECIAL | _PAGE_DIRTY | _PAGE_YOUNG | SOFT_DIRTY;
  const { PAGE } = protections(env);
  const has =
    (mask: bigint) =>
    (v: bigint): boolean =>
      (v & mask) !== 0n;
  const set = (v: bigint, mask: bigint): Pte => __pte(v | mask);
  const clear = (v: bigint, mask: bigint): Pte => __pte(v & ~mask);

  const present = has(_PAGE_PRESENT);
  const mkyoung = (v: bigint): Pte => clear(v | _PAGE_YOUNG, has(_PAGE_READ)(v) ? _PAGE_INVALID : 0n);
  const mkwrite = (v: bigint): Pte => clear(v | _PAGE_WRITE, has(_PAGE_DIRTY)(v) ? _PAGE_PROTECT : 0n);

  const own: OwnPte = {
    pte_none: (v) => v === _PAGE_INVALID,
    pte_present: present,
    pte_swap: (v) => (v & (_PAGE_PROTECT | _PAGE_PRESENT)) === _PAGE_PROTECT,
    pte_young: has(_PAGE_YOUNG),
    pte_dirty: has(_PAGE_DIRTY),
    pte_write: has(_PAGE_WRITE),
    pte_special: has(_PAGE_SPECIAL),
    pte_unused: has(_PAGE_UNUSED),
    pte_soft_dirty: has(SOFT_DIRTY),
    pte_swp_soft_dirty: has(SOFT_DIRTY),
    ...(config['NUMA_BALANCING'] === true && {
      pte_protnone: (v: bigint): boolean => present(v) && !has(_PAGE_READ)(v),
    }),
    ...(kernel.has('s390-pte-swp-exclusive') && {
      pte_swp_exclusive: has(_PAGE_SWP_EXCLUSIVE),
      pte_swp_mkexclusive: (v: bigint): Pte => set(v, _PAGE_SWP_EXCLUSIVE),
      pte_swp_clear_exclusive: (v: bigint): Pte => clear(v, _PAGE_SWP_EXCLUSIVE),
    }),

    pfn_pte: (pfn, prot) => {
      const value = (BigInt(pfn) << 12n) | prot;
      return mkyoung(cpu['nx'] === true ? value : value & ~_PAGE_NOEXEC);
    },

    pte_mkyoung: mkyoung,
    pte_mkold: (v) => set(v & ~_PAGE_YOUNG, _PAGE_INVALID),
    pte_mkdirty: (v) => clear(v | _PAGE_DIRTY | SOFT_DIRTY, has(_PAGE_WRITE)(v) ? _PAGE_PROTECT : 0n),
    pte_mkclean: (v) => set(v & ~_PAGE_DIRTY, _PAGE_PROTECT),
    ...(kernel.has('pte-mkwrite-novma') ? { pte_mkwrite_novma: mkwrite } : { pte_mkwrite: mkwrite }),
    pte_wrprotect: (v) => set(v & ~_PAGE_WRITE, _PAGE_PROTECT),
    pte_mkspecial: (v) => set(v, _PAGE_SPECIAL),
    ...(config['HUGETLB_PAGE'] === true && { pte_mkhuge: (v: bigint): Pte => set(v, _PAGE_LARGE) }),
    pte_mksoft_dirty: (v) => set(v, SOFT_DIRTY),
    pte_clear_soft_dirty: (v) => clear(v, SOFT_DIRTY),
    pte_swp_mksoft_dirty: (v) => set(v, SOFT_DIRTY),
    pte_swp_clear_soft_dirty: (v) => clear(v, SOFT_DIRTY),
    /** PAGE_* are INVALID and PROTECT: both go again where the kept young and dirty bits allow it. */
    pte_modify: (v, prot) => {
      let value = (v & CHG_MASK) | prot;
      if (has(_PAGE_YOUNG)(value) && has(_PAGE_READ)(value)) value &= ~_PAGE_INVALID;
      if (has(_PAGE_DIRTY)(value) && has(_PAGE_WRITE)(value)) value &= ~_PAGE_PROTECT;
      return __pte(value);
    },

    pte_pfn: (v) => __pfn(v >> 12n),
    /** For the kernel's own use: never INVALID. Without the PCI write-back bit, which only machines with MIO have. */
    pte_pgprot: (v) =>
      __pgprot((v & CHG_MASK) | ((has(_PAGE_WRITE)(v) ? PAGE['PAGE_KERNEL'] : PAGE['PAGE_KERNEL_RO']) ?? 0n)),
    /** The empty pte is INVALID, not 0. */
    pte_clear: () => __pte(_PAGE_INVALID),
  };
  const completed = completePte(env, own);
  return { ...completed, ...swapPteHelpers(swap, completed) };
}

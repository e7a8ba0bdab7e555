import {
  __pfn,
  __pgprot,
  __pte,
  completePte,
  type Env,
  type Pte,
  type PteHelpers,
  swapPteHelpers,
  type SwapOps,
} from '@ptemu/arch';
import {
  L_PTE_DIRTY,
  L_PTE_NONE,
  L_PTE_PRESENT,
  L_PTE_SPECIAL,
  L_PTE_SWP_EXCLUSIVE,
  L_PTE_USER,
  L_PTE_VALID,
  L_PTE_XN,
  L_PTE_YOUNG,
  PHYS_MASK,
  PMD_TABLE_BIT,
  PTE_AP2,
  PTE_EXT_NG,
  rdonlyBit,
} from './bits.js';
import { PAGE_SHIFT, TASK_SIZE } from './layout.js';

/** One state of a pte, as the kernel stores it from 4.4 on for frame 0x40000, and what its helpers and the walker answer. */
export interface PteState {
  readonly name: string;
  readonly entry: bigint;
  readonly none: boolean;
  readonly present: boolean;
  /** The most that a user's access may do; an old entry faults. */
  readonly hardware: 'fault' | 'read' | 'write';
  /** Absent where the bits mean something else. */
  readonly leaf?: { readonly young: boolean; readonly dirty: boolean; readonly write: boolean };
}

const page = (name: string, entry: bigint, write: boolean, young: boolean, dirty: boolean): PteState => {
  const hardware = !name.startsWith('page') || !young ? 'fault' : write && dirty ? 'write' : 'read';
  return { name, entry, none: false, present: true, hardware, leaf: { young, dirty, write } };
};

/**
 * All states of a pte that maps a user page without execute permission.
 *
 * Made by hand from fact sheet 4.1 and `cpu_v7_set_pte_ext`: nG only in entries that were young when stored, the hardware's
 * read-only bit unless dirty and writable. A PROT_NONE pte is present, unlike a PROT_NONE huge pmd: bit 1 stays.
 */
export const PTE_STATES: readonly PteState[] = [
  { name: 'none', entry: 0n, none: true, present: false, hardware: 'fault' },
  { name: 'swap', entry: 0x12_3404n, none: false, present: false, hardware: 'fault' },
  page('page RW young dirty', 0x00c0_0000_4000_0f5fn, true, true, true),
  page('page RW young clean', 0x0040_0000_4000_0fdfn, true, true, false),
  page('page RW old dirty', 0x00c0_0000_4000_035fn, true, false, true),
  page('page RW old clean', 0x0040_0000_4000_03dfn, true, false, false),
  page('page RO young dirty', 0x04c0_0000_4000_0fdfn, false, true, true),
  page('page RO young clean', 0x0440_0000_4000_0fdfn, false, true, false),
  page('page RO old dirty', 0x04c0_0000_4000_03dfn, false, false, true),
  page('page RO old clean', 0x0440_0000_4000_03dfn, false, false, false),
  page('prot-none young dirty', 0x06c0_0000_4000_071en, false, true, true),
  page('prot-none young clean', 0x0640_0000_4000_071en, false, true, false),
  page('prot-none old dirty', 0x06c0_0000_4000_031en, false, false, true),
  page('prot-none old clean', 0x0640_0000_4000_031en, false, false, false),
]; // prettier-ignore

/**
 * Helpers of pte entries with LPAE. `pte_present` holds for PROT_NONE too (bit 1 stays), and `pte_write` does not ask the
 * hardware's read-only bit from 4.4 on: that bit is derived when the entry is stored.
 *
 * @see Linux arch/arm/include/asm/pgtable.h, arch/arm/include/asm/pgtable-3level.h (6.1.192, 6.12.117)
 * @see fact sheet 4.1, 4.2 for the read-only bit up to 3.16
 */
export function pteHelpers(env: Env, swap: SwapOps): PteHelpers {
  const { kernel } = env;
  const RDONLY = rdonlyBit(env);
  const has = (entry: bigint, mask: bigint): boolean => (entry & mask) !== 0n;
  const set =
    (mask: bigint) =>
    (entry: bigint): Pte =>
      __pte(entry | mask);
  const clear =
    (mask: bigint) =>
    (entry: bigint): Pte =>
      __pte(entry & ~mask);
  const pte_present = (entry: bigint): boolean => has(entry, L_PTE_PRESENT);
  const pte_valid = (entry: bigint): boolean => has(entry, L_PTE_VALID);
  const pte_young = (entry: bigint): boolean => has(entry, L_PTE_YOUNG);
  const modified = L_PTE_XN | RDONLY | L_PTE_USER | L_PTE_NONE | L_PTE_VALID;
  const comparable = (entry: bigint): bigint => (pte_present(entry) ? entry & ~PTE_EXT_NG : entry);
  const mkwrite = clear(RDONLY);

  const pte = completePte(env, {
    pte_none: (entry) => entry === 0n,
    pte_present,
    pte_valid,
    pte_young,
    pte_dirty: (entry) => has(entry, L_PTE_DIRTY),
    pte_write: (entry) => !has(entry, RDONLY),
    pte_exec: (entry) => !has(entry, L_PTE_XN),
    pte_special: (entry) => has(entry, L_PTE_SPECIAL),
    pte_huge: (entry) => entry !== 0n && !has(entry, PMD_TABLE_BIT),
    pte_valid_user: (entry) => pte_valid(entry) && has(entry, L_PTE_USER) && pte_young(entry),
    pte_access_permitted: (entry, { write }) => {
      const needed = L_PTE_PRESENT | L_PTE_USER;
      return (entry & (write ? needed | RDONLY : needed)) === needed;
    },
    pte_accessible: (entry, { tlb_flush_pending }) =>
      tlb_flush_pending ? pte_present(entry) : pte_valid(entry),
    // nG is added when a user entry is stored, so a fresh entry differs from a stored one in it.
    pte_same: (a, b) => comparable(a) === comparable(b),
    pte_pfn: (entry) => __pfn((entry & PHYS_MASK) >> BigInt(PAGE_SHIFT)),
    ...(kernel.has('pmd-special') && { pte_pgprot: () => __pgprot(0n) }),

    pfn_pte: (pfn, prot) => __pte((BigInt(pfn) << BigInt(PAGE_SHIFT)) | prot),

    pte_mkyoung: set(L_PTE_YOUNG),
    pte_mkold: clear(L_PTE_YOUNG),
    pte_mkdirty: set(L_PTE_DIRTY),
    pte_mkclean: clear(L_PTE_DIRTY),
    ...(kernel.has('pte-mkwrite-novma') ? { pte_mkwrite_novma: mkwrite } : {}),
    pte_mkwrite: mkwrite,
    pte_wrprotect: set(RDONLY),
    pte_mkexec: clear(L_PTE_XN),
    pte_mknexec: set(L_PTE_XN),
    pte_mkspecial: set(L_PTE_SPECIAL),
    pte_mkhuge: clear(PMD_TABLE_BIT),
    pte_modify: (entry, prot) => __pte((entry & ~modified) | (prot & modified)),
    ...(kernel.has('arm-swp-exclusive')
      ? {
          pte_swp_exclusive: (entry: bigint) => has(entry, L_PTE_SWP_EXCLUSIVE),
          pte_swp_mkexclusive: set(L_PTE_SWP_EXCLUSIVE),
          pte_swp_clear_exclusive: clear(L_PTE_SWP_EXCLUSIVE),
        }
      : {
          pte_swp_exclusive: () => false,
          pte_swp_mkexclusive: set(0n),
          pte_swp_clear_exclusive: set(0n),
        }),
  });
  return { ...pte, ...swapPteHelpers(swap, pte) };
}

/**
 * Returns what `set_pte_at` leaves in memory.
 *
 * A user entry that is valid and young gets nG. A valid PROT_NONE entry loses its valid bit; any other valid entry gets the
 * hardware's read-only bit unless it is dirty and writable. An entry that is not valid is stored as it is.
 *
 * Before 4.4 the read-only bit was set for entries that are not dirty, and never cleared (recalled, not read).
 *
 * @see Linux arch/arm/mm/mmu.c, `set_ptes`; arch/arm/mm/proc-v7-3level.S, `cpu_v7_set_pte_ext` (6.12.117)
 */
export function storedPte(env: Env, pte: PteHelpers, address: bigint, entry: bigint): Pte {
  const ext = address < TASK_SIZE && pte.pte_valid_user?.(entry) === true ? PTE_EXT_NG : 0n;
  return hardwarePte(env, entry | ext);
}

/** The part of `storedPte` that `cpu_v7_set_pte_ext` does. */
function hardwarePte(env: Env, entry: bigint): Pte {
  if ((entry & L_PTE_VALID) === 0n) return __pte(entry);
  if ((entry & L_PTE_NONE) !== 0n) return __pte(entry & ~L_PTE_VALID);
  const readOnly = rdonlyBit(env);
  const dirty = (entry & L_PTE_DIRTY) !== 0n;
  if (!env.kernel.has('arm-8109-1')) return __pte(dirty ? entry : entry | readOnly);
  return __pte(dirty && (entry & readOnly) === 0n ? entry & ~PTE_AP2 : entry | PTE_AP2);
}

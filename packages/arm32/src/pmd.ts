import {
  __pfn,
  __pgprot,
  __pmd,
  completePmd,
  type Env,
  KernelBug,
  type Pmd,
  type PmdHelpers,
  swapPmdHelpers,
  type SwapOps,
} from '@ptemu/arch';
import {
  L_PMD_SECT_VALID,
  L_PTE_DIRTY,
  L_PTE_NONE,
  L_PTE_USER,
  L_PTE_XN,
  L_PTE_YOUNG,
  PHYS_MASK,
  PMD_SECT_SPLITTING,
  PMD_TABLE_BIT,
  PMD_TYPE_MASK,
  PMD_TYPE_SECT,
  PMD_TYPE_TABLE,
  PTE_AP2,
  PTE_EXT_NG,
  rdonlyBit,
} from './bits.js';
import { PAGE_SHIFT, PMD_SHIFT, TASK_SIZE } from './layout.js';
import { pointedTable } from './phys-virt.js';

/** One state of a pmd, as the kernel stores it from 4.7 on for frame 0x40000, and what its helpers and the walker answer. */
export interface PmdState {
  readonly name: string;
  readonly entry: bigint;
  readonly none: boolean;
  readonly present: boolean;
  readonly trans_huge: boolean;
  readonly bad: boolean;
  /** The most that a user's access may do; an old entry faults. */
  readonly hardware: 'fault' | 'read' | 'write' | 'table';
  /** Absent where the bits mean something else. */
  readonly leaf?: { readonly young: boolean; readonly dirty: boolean; readonly write: boolean };
}

/** The walker reads what is valid and young; it writes where AP[2] is clear, that is, where dirty and write are set. */
const huge = (name: string, entry: bigint, write: boolean, young: boolean, dirty: boolean): PmdState => {
  const valid = name.startsWith('huge');
  const hardware = !valid || !young ? 'fault' : write && dirty ? 'write' : 'read';
  return {
    name,
    entry,
    none: false,
    present: valid,
    trans_huge: true,
    bad: true,
    hardware,
    leaf: { young, dirty, write },
  };
};

/**
 * All states of a pmd that maps, or once mapped, a user page without execute permission.
 *
 * Made by hand from fact sheet 1.3 and 4.2. `present` of an invalidated and of a PROT_NONE entry is false to this day
 * (fact sheet 4.5): both have the valid bit clear. There are no migration entries: arm has no THP migration.
 */
export const PMD_STATES: readonly PmdState[] = [
  { name: 'none', entry: 0n, none: true, present: false, trans_huge: false, bad: true, hardware: 'fault' },
  { name: 'table', entry: 0x5000_0003n, none: false, present: true, trans_huge: false, bad: false, hardware: 'table' },
  huge('huge RW young dirty', 0x00c0_0000_4000_0f5dn, true, true, true),
  huge('huge RW young clean', 0x0040_0000_4000_0fddn, true, true, false),
  huge('huge RW old dirty', 0x00c0_0000_4000_0b5dn, true, false, true),
  huge('huge RW old clean', 0x0040_0000_4000_0bddn, true, false, false),
  huge('huge RO young dirty', 0x04c0_0000_4000_0fddn, false, true, true),
  huge('huge RO young clean', 0x0440_0000_4000_0fddn, false, true, false),
  huge('huge RO old dirty', 0x04c0_0000_4000_0bddn, false, false, true),
  huge('huge RO old clean', 0x0440_0000_4000_0bddn, false, false, false),
  huge('invalidated RW young dirty', 0x00c0_0000_4000_0f5cn, true, true, true),
  huge('invalidated RW young clean', 0x0040_0000_4000_0fdcn, true, true, false),
  huge('invalidated RW old dirty', 0x00c0_0000_4000_0b5cn, true, false, true),
  huge('invalidated RW old clean', 0x0040_0000_4000_0bdcn, true, false, false),
  huge('invalidated RO young dirty', 0x04c0_0000_4000_0fdcn, false, true, true),
  huge('invalidated RO young clean', 0x0440_0000_4000_0fdcn, false, true, false),
  huge('invalidated RO old dirty', 0x04c0_0000_4000_0bdcn, false, false, true),
  huge('invalidated RO old clean', 0x0440_0000_4000_0bdcn, false, false, false),
  huge('prot-none young dirty', 0x06c0_0000_4000_0f9cn, false, true, true),
  huge('prot-none young clean', 0x0640_0000_4000_0f9cn, false, true, false),
  huge('prot-none old dirty', 0x06c0_0000_4000_0b9cn, false, false, true),
  huge('prot-none old clean', 0x0640_0000_4000_0b9cn, false, false, false),
]; // prettier-ignore

/**
 * Helpers of pmd entries with LPAE.
 *
 * Three eras: up to 3.16 the read-only bit is the hardware's own and `pmd_trans_huge` asks only the table bit; up to 4.6
 * `pmd_present` is "not zero" and `pmd_mknotpresent` answers zero; from 4.7 on `pmd_present` is the valid bit, which
 * `pmd_mknotpresent` (`pmd_mkinvalid`) clears, so that an invalidated huge pmd is neither none nor present.
 *
 * @see Linux arch/arm/include/asm/pgtable-3level.h, arch/arm/mm/hugetlbpage.c (6.1.192, 6.12.117); fact sheet 4.2 for older releases
 */
export function pmdHelpers(env: Env, swap: SwapOps): PmdHelpers {
  const { kernel } = env;
  const RDONLY = rdonlyBit(env);
  const has = (entry: bigint, mask: bigint): boolean => (entry & mask) !== 0n;
  const set =
    (mask: bigint) =>
    (entry: bigint): Pmd =>
      __pmd(entry | mask);
  const clear =
    (mask: bigint) =>
    (entry: bigint): Pmd =>
      __pmd(entry & ~mask);
  const pmd_table = (entry: bigint): boolean => (entry & PMD_TYPE_MASK) === PMD_TYPE_TABLE;
  const pmd_sect = (entry: bigint): boolean => (entry & PMD_TYPE_MASK) === PMD_TYPE_SECT;
  const pmd_young = (entry: bigint): boolean => has(entry, L_PTE_YOUNG);
  const pmd_write = (entry: bigint): boolean => !has(entry, RDONLY);
  const pmd_huge = (entry: bigint): boolean => entry !== 0n && !has(entry, PMD_TABLE_BIT);
  const pmd_trans_huge = kernel.has('arm-trans-huge-not-table')
    ? (entry: bigint): boolean => entry !== 0n && !pmd_table(entry)
    : pmd_huge;
  const mkinvalid = clear(L_PMD_SECT_VALID);
  const mkwrite = clear(RDONLY);
  const table = (at: bigint): Pmd => __pmd(at | PMD_TYPE_TABLE);
  const modified = L_PTE_USER | L_PTE_XN | RDONLY | L_PMD_SECT_VALID | L_PTE_NONE;

  const pmd = completePmd(env, {
    pmd_none: (entry) => entry === 0n,
    pmd_bad: (entry) => !has(entry, PMD_TABLE_BIT),
    pmd_present: kernel.has('624531886987')
      ? (entry) => has(entry, L_PMD_SECT_VALID)
      : (entry) => entry !== 0n,
    pmd_table,
    pmd_sect,
    ...(kernel.has('arm-pmd-leaf') && { pmd_leaf: pmd_sect }),
    ...(!kernel.has('pmd-large-removed') && {
      pmd_large: pmd_sect,
      pmd_huge,
      pmd_thp_or_huge: (entry: bigint): boolean => pmd_huge(entry) || pmd_trans_huge(entry),
    }),
    pmd_trans_huge,
    ...(!kernel.has('pmd-splitting-removed') && {
      pmd_trans_splitting: (entry: bigint): boolean => has(entry, PMD_SECT_SPLITTING),
      pmd_mksplitting: set(PMD_SECT_SPLITTING),
    }),
    pmd_young,
    pmd_dirty: (entry) => has(entry, L_PTE_DIRTY),
    pmd_write,
    pmd_hugewillfault: (entry) => !pmd_young(entry) || !pmd_write(entry),
    pmd_pfn: (entry) => __pfn((entry & (-1n << BigInt(PMD_SHIFT)) & PHYS_MASK) >> BigInt(PAGE_SHIFT)),
    ...(kernel.has('pmd-special') && { pmd_pgprot: () => __pgprot(0n) }),

    pfn_pmd: (pfn, prot) => __pmd((BigInt(pfn) << BigInt(PAGE_SHIFT)) | prot),
    pmd_populate: table,
    pmd_populate_kernel: (at) => table(pointedTable(env, at)),

    pmd_mkyoung: set(L_PTE_YOUNG),
    pmd_mkold: clear(L_PTE_YOUNG),
    pmd_mkdirty: set(L_PTE_DIRTY),
    ...(kernel.has('arm-pmd-mkclean') && { pmd_mkclean: clear(L_PTE_DIRTY) }),
    ...(kernel.has('pte-mkwrite-novma') && { pmd_mkwrite_novma: mkwrite }),
    pmd_mkwrite: mkwrite,
    pmd_wrprotect: set(RDONLY),
    pmd_mkhuge: clear(PMD_TABLE_BIT),
    ...(kernel.has('86ec2da037b8')
      ? { pmd_mkinvalid: mkinvalid }
      : { pmd_mknotpresent: kernel.has('arm-8579-1') ? mkinvalid : () => __pmd(0n) }),
    pmd_modify: (entry, prot) => __pmd((entry & ~modified) | (prot & modified)),
  });
  return { ...pmd, ...swapPmdHelpers(swap, pmd) };
}

/**
 * Returns what `set_pmd_at` leaves in memory: never the bare value.
 *
 * A PROT_NONE entry loses its valid bit. From 4.4 on the hardware's read-only bit (AP[2]) is cleared for an entry that is
 * writable and dirty, and set otherwise: so the first write to a clean page faults. nG is always set. Hence the zero of the
 * old `pmd_mknotpresent` is stored as 0x800 (3.16) or 0x880 (4.4 to 4.6): neither none nor present to the hardware.
 *
 * @throws KernelBug for an address that is not a user's.
 * @see Linux arch/arm/include/asm/pgtable-3level.h, `set_pmd_at` (6.12.117); fact sheet 4.3
 */
export function storedPmd(env: Env, pmd: PmdHelpers, address: bigint, entry: bigint): Pmd {
  if (address >= TASK_SIZE) {
    throw new KernelBug(
      `set_pmd_at: address 0x${address.toString(16)} is not below TASK_SIZE 0x${TASK_SIZE.toString(16)}`,
    );
  }
  let value = (entry & L_PTE_NONE) !== 0n ? entry & ~L_PMD_SECT_VALID : entry;
  if (env.kernel.has('arm-8109-1')) {
    value = pmd.pmd_write(value) && pmd.pmd_dirty(value) ? value & ~PTE_AP2 : value | PTE_AP2;
  }
  return __pmd(value | PTE_EXT_NG);
}

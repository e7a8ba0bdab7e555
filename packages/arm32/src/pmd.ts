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

/** One row of a state table: a stored word and what follows from it. */
export interface EntryState {
  readonly state: string;
  readonly value: bigint;
  readonly none: boolean;
  readonly present: boolean;
  /** Huge pmds: what `pmd_trans_huge` says. */
  readonly transHuge?: boolean;
  /** The most that a user access may do. */
  readonly hardware: 'fault' | 'read' | 'write' | 'table';
}

/**
 * All states of a pmd, as stored by 4.7 and later for a huge page at physical 0x4000_0000 or a table at 0x5000_0000.
 *
 * Made by hand from fact sheet 1.3 and 4.2. `present` of an invalidated and of a PROT_NONE entry is false to this day
 * (fact sheet 4.5): both have the valid bit clear.
 */
export const PMD_STATES: readonly EntryState[] = [
  { state: 'none', value: 0x0n, none: true, present: false, transHuge: false, hardware: 'fault' },
  { state: 'table', value: 0x5000_0003n, none: false, present: true, transHuge: false, hardware: 'table' },
  {
    state: 'writable dirty young',
    value: 0x00c0_0000_4000_0f5dn,
    none: false,
    present: true,
    transHuge: true,
    hardware: 'write',
  },
  {
    state: 'writable clean young',
    value: 0x0040_0000_4000_0fddn,
    none: false,
    present: true,
    transHuge: true,
    hardware: 'read',
  },
  {
    state: 'writable dirty old',
    value: 0x00c0_0000_4000_0b5dn,
    none: false,
    present: true,
    transHuge: true,
    hardware: 'fault',
  },
  {
    state: 'writable clean old',
    value: 0x0040_0000_4000_0bddn,
    none: false,
    present: true,
    transHuge: true,
    hardware: 'fault',
  },
  {
    state: 'read-only dirty young',
    value: 0x04c0_0000_4000_0fddn,
    none: false,
    present: true,
    transHuge: true,
    hardware: 'read',
  },
  {
    state: 'read-only clean young',
    value: 0x0440_0000_4000_0fddn,
    none: false,
    present: true,
    transHuge: true,
    hardware: 'read',
  },
  {
    state: 'read-only dirty old',
    value: 0x04c0_0000_4000_0bddn,
    none: false,
    present: true,
    transHuge: true,
    hardware: 'fault',
  },
  {
    state: 'read-only clean old',
    value: 0x0440_0000_4000_0bddn,
    none: false,
    present: true,
    transHuge: true,
    hardware: 'fault',
  },
  {
    state: 'prot-none dirty young',
    value: 0x06c0_0000_4000_0f9cn,
    none: false,
    present: false,
    transHuge: true,
    hardware: 'fault',
  },
  {
    state: 'prot-none clean old',
    value: 0x0640_0000_4000_0b9cn,
    none: false,
    present: false,
    transHuge: true,
    hardware: 'fault',
  },
  {
    state: 'invalidated',
    value: 0x00c0_0000_4000_0f5cn,
    none: false,
    present: false,
    transHuge: true,
    hardware: 'fault',
  },
];

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
    pmd_populate_kernel: table,

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

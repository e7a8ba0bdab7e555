/**
 * Swap, migration and marker entries as the generic code sees them: include/linux/swapops.h and the numbering of
 * include/linux/swap.h (read in 6.1.192 and 6.12.117; the numbering of the special types in older releases is not sourced
 * and follows 6.1).
 *
 * An architecture says how type and offset lie in a stored entry (`OwnSwap`); `completeSwap` makes the rest of it.
 * `swapPteHelpers` and `swapPmdHelpers` are the level helpers that live in swapops.h: a backend spreads them behind
 * `completePte` and `completePmd`, whose `pte_swp_*` they call.
 */
import type { Env } from '../env.js';
import type { PmdHelpers, Predicate, PteHelpers, SwapHelpers } from '../helpers.js';
import { __pmd, __pte, __swpEntry, type Pmd, type Pte, type SwpEntry } from '../values.js';

/** What an architecture must say about its non-present entries. */
export interface OwnSwap {
  readonly __swp_entry: (type: number, offset: bigint) => bigint;
  readonly __swp_type: (archEntry: bigint) => number;
  readonly __swp_offset: (archEntry: bigint) => bigint;
  readonly __swp_entry_to_pte: (archEntry: bigint) => Pte;
  readonly __pte_to_swp_entry: (pte: bigint) => bigint;
  /** Absent where the architecture has no THP migration. */
  readonly __swp_entry_to_pmd?: (archEntry: bigint) => Pmd;
  readonly __pmd_to_swp_entry?: (pmd: bigint) => bigint;
  /** Bits of `unsigned long`; default 64. */
  readonly bitsPerLong?: 32 | 64;
  /** `MAX_PHYSMEM_BITS - PAGE_SHIFT`; without MAX_PHYSMEM_BITS, `min(physical address bits - PAGE_SHIFT, SWP_TYPE_SHIFT)`. */
  readonly SWP_PFN_BITS: number;
  /** The Kconfig options of this build that give special types a number. */
  readonly config: {
    readonly DEVICE_PRIVATE: boolean;
    readonly MEMORY_FAILURE: boolean;
    /** 6.1 makes PTE_MARKER depend on it. */
    readonly PTE_MARKER_UFFD_WP: boolean;
    /** Also false in releases of an architecture that had no THP migration yet. */
    readonly ARCH_ENABLE_THP_MIGRATION: boolean;
  };
}

/** The contract's swap helpers, and those that only the level helpers need. */
export interface SwapOps extends SwapHelpers {
  readonly __pte_to_swp_entry: (pte: bigint) => bigint;
  readonly __pmd_to_swp_entry?: (pmd: bigint) => bigint;
  readonly is_readable_exclusive_migration_entry: Predicate;
  readonly is_hwpoison_entry: Predicate;
  readonly is_pte_marker_entry: Predicate;
  readonly pte_marker_get: (entry: bigint) => bigint;
  /** CONFIG_PTE_MARKER_UFFD_WP. */
  readonly markerUffdWp: boolean;
  /** CONFIG_ARCH_ENABLE_THP_MIGRATION. */
  readonly thpMigration: boolean;
}

/** `MAX_SWAPFILES_SHIFT`: bits of the type. @see Linux include/linux/swap.h (6.12.117) */
const MAX_SWAPFILES_SHIFT = 5;

/** The numbers of the special types: they lie above the swap files, in an order that the configuration thins out. */
function swapTypes(env: Env, config: OwnSwap['config']): Readonly<Record<string, number>> {
  const { kernel } = env;
  const asMarker = kernel.has('swapin-error-as-marker');
  const marker = kernel.has('pte-marker') && (asMarker || config.PTE_MARKER_UFFD_WP);
  const swapinError = kernel.has('pte-marker') && !asMarker;
  const SWP_HWPOISON_NUM = config.MEMORY_FAILURE ? 1 : 0;
  const SWP_MIGRATION_NUM = 3;
  const SWP_DEVICE_NUM = config.DEVICE_PRIVATE ? 4 : 0;
  const SWP_PTE_MARKER_NUM = marker ? 1 : 0;
  const SWP_SWAPIN_ERROR_NUM = swapinError ? 1 : 0;
  const special =
    SWP_HWPOISON_NUM + SWP_MIGRATION_NUM + SWP_DEVICE_NUM + SWP_PTE_MARKER_NUM + SWP_SWAPIN_ERROR_NUM;
  const MAX_SWAPFILES = (1 << MAX_SWAPFILES_SHIFT) - special;
  const migration = MAX_SWAPFILES + SWP_HWPOISON_NUM;
  const device = migration + SWP_MIGRATION_NUM;
  const behindDevice = device + SWP_DEVICE_NUM;
  return {
    MAX_SWAPFILES_SHIFT,
    MAX_SWAPFILES,
    SWP_HWPOISON_NUM,
    SWP_MIGRATION_NUM,
    SWP_DEVICE_NUM,
    SWP_PTE_MARKER_NUM,
    SWP_MIGRATION_READ: migration,
    SWP_MIGRATION_READ_EXCLUSIVE: migration + 1,
    SWP_MIGRATION_WRITE: migration + 2,
    ...(config.MEMORY_FAILURE && { SWP_HWPOISON: MAX_SWAPFILES }),
    ...(config.DEVICE_PRIVATE && {
      SWP_DEVICE_WRITE: device,
      SWP_DEVICE_READ: device + 1,
      SWP_DEVICE_EXCLUSIVE_WRITE: device + 2,
      SWP_DEVICE_EXCLUSIVE_READ: device + 3,
    }),
    ...(marker && { SWP_PTE_MARKER: behindDevice }),
    ...(swapinError && { SWP_SWAPIN_ERROR_NUM, SWP_SWAPIN_ERROR: behindDevice + SWP_PTE_MARKER_NUM }),
  };
}

/**
 * Completes an architecture's swap helpers.
 *
 * Young and dirty are kept in migration entries only when the largest swap file that the architecture's offset field can
 * address covers a frame number and two bits more, as `swapfile_init` decides at boot (without the L1TF limit of x86).
 * @see Linux include/linux/swapops.h; mm/swapfile.c, `swapfile_init` and `arch_max_swapfile_size` (6.12.117)
 */
export function completeSwap(env: Env, own: OwnSwap): SwapOps {
  const longMask = (1n << BigInt(own.bitsPerLong ?? 64)) - 1n;
  const typeShift = BigInt((own.bitsPerLong ?? 64) - 1 - MAX_SWAPFILES_SHIFT);
  const offsetMask = (1n << typeShift) - 1n;
  const pfnBits = BigInt(own.SWP_PFN_BITS);
  const pfnMask = (1n << pfnBits) - 1n;
  const young = 1n << pfnBits;
  const dirty = young << 1n;
  const types = swapTypes(env, own.config);
  const typeOf = (name: string): number => types[name] ?? -1;
  const markerMask = env.kernel.has('swapin-error-as-marker') ? 3n : 1n;

  const swp_entry = (type: number, offset: bigint): SwpEntry =>
    __swpEntry(((BigInt(type) << typeShift) | (offset & offsetMask)) & longMask);
  const swp_type = (entry: bigint): number => Number((entry & longMask) >> typeShift);
  const swp_offset = (entry: bigint): bigint => entry & offsetMask;
  const is =
    (...names: readonly string[]): Predicate =>
    (entry) =>
      names.some((name) => swp_type(entry) === types[name]);
  const toArch = (entry: bigint): bigint => own.__swp_entry(swp_type(entry), swp_offset(entry));

  const largest = own.__swp_offset(own.__pte_to_swp_entry(own.__swp_entry_to_pte(toArch(offsetMask))));
  const keepsAd = env.kernel.has('migration-entry-ad') && largest + 1n >= dirty << 1n;
  const withBit = (entry: bigint, bit: bigint): SwpEntry =>
    keepsAd ? swp_entry(swp_type(entry), swp_offset(entry) | bit) : __swpEntry(entry);
  const of =
    (name: string) =>
    (offset: bigint): SwpEntry =>
      swp_entry(typeOf(name), offset);
  const thpMigration = own.config.ARCH_ENABLE_THP_MIGRATION;

  return {
    __swp_entry: own.__swp_entry,
    __swp_type: own.__swp_type,
    __swp_offset: own.__swp_offset,
    __swp_entry_to_pte: own.__swp_entry_to_pte,
    __pte_to_swp_entry: own.__pte_to_swp_entry,
    ...(own.__swp_entry_to_pmd && { __swp_entry_to_pmd: own.__swp_entry_to_pmd }),
    ...(own.__pmd_to_swp_entry && { __pmd_to_swp_entry: own.__pmd_to_swp_entry }),
    swp_entry,
    swp_type,
    swp_offset,
    swp_offset_pfn: (entry) => swp_offset(entry) & pfnMask,
    swp_entry_to_pte: (entry) => own.__swp_entry_to_pte(toArch(entry)),
    swp_entry_to_pmd: (entry) =>
      thpMigration ? (own.__swp_entry_to_pmd?.(toArch(entry)) ?? __pmd(0n)) : __pmd(0n),
    is_migration_entry: is('SWP_MIGRATION_READ', 'SWP_MIGRATION_READ_EXCLUSIVE', 'SWP_MIGRATION_WRITE'),
    is_readable_migration_entry: is('SWP_MIGRATION_READ'),
    is_readable_exclusive_migration_entry: is('SWP_MIGRATION_READ_EXCLUSIVE'),
    is_writable_migration_entry: is('SWP_MIGRATION_WRITE'),
    is_hwpoison_entry: is('SWP_HWPOISON'),
    is_pte_marker_entry: is('SWP_PTE_MARKER'),
    is_pfn_swap_entry: is(
      'SWP_MIGRATION_READ',
      'SWP_MIGRATION_READ_EXCLUSIVE',
      'SWP_MIGRATION_WRITE',
      'SWP_DEVICE_READ',
      'SWP_DEVICE_WRITE',
      'SWP_DEVICE_EXCLUSIVE_READ',
      'SWP_DEVICE_EXCLUSIVE_WRITE',
      'SWP_HWPOISON',
    ),
    non_swap_entry: (entry) => swp_type(entry) >= typeOf('MAX_SWAPFILES'),
    make_readable_migration_entry: of('SWP_MIGRATION_READ'),
    make_readable_exclusive_migration_entry: of('SWP_MIGRATION_READ_EXCLUSIVE'),
    make_writable_migration_entry: of('SWP_MIGRATION_WRITE'),
    make_migration_entry_young: (entry) => withBit(entry, young),
    make_migration_entry_dirty: (entry) => withBit(entry, dirty),
    ...('SWP_HWPOISON' in types && { make_hwpoison_entry: of('SWP_HWPOISON') }),
    ...(env.kernel.has('pte-marker') && {
      make_pte_marker_entry: 'SWP_PTE_MARKER' in types ? of('SWP_PTE_MARKER') : () => swp_entry(0, 0n),
    }),
    pte_marker_get: (entry) => swp_offset(entry) & markerMask,
    markerUffdWp: own.config.PTE_MARKER_UFFD_WP && env.kernel.has('pte-marker'),
    thpMigration,
    constants: {
      ...Object.fromEntries(Object.entries(types).map(([name, value]) => [name, BigInt(value)])),
      SWP_TYPE_SHIFT: typeShift,
      SWP_OFFSET_MASK: offsetMask,
      SWP_PFN_BITS: pfnBits,
      SWP_PFN_MASK: pfnMask,
      SWP_MIG_YOUNG_BIT: pfnBits,
      SWP_MIG_DIRTY_BIT: pfnBits + 1n,
      SWP_MIG_TOTAL_BITS: pfnBits + 2n,
      SWP_MIG_YOUNG: young,
      SWP_MIG_DIRTY: dirty,
      ...(env.kernel.has('pte-marker') && { PTE_MARKER_UFFD_WP: 1n, PTE_MARKER_MASK: markerMask }),
      ...(env.kernel.has('swapin-error-as-marker') && { PTE_MARKER_POISONED: 2n }),
    },
  };
}

/** `PTE_MARKER_UFFD_WP`. @see Linux include/linux/swapops.h (6.12.117) */
const PTE_MARKER_UFFD_WP = 1n;

/**
 * The pte helpers of swapops.h and userfaultfd_k.h. `pte` are the completed helpers of the backend.
 * @see Linux include/linux/swapops.h, `pte_swp_clear_flags`, `pte_to_swp_entry`, `is_pte_marker`;
 *   include/linux/userfaultfd_k.h, `pte_marker_uffd_wp`, `pte_swp_uffd_wp_any` (6.12.117)
 */
export function swapPteHelpers(
  swap: SwapOps,
  pte: PteHelpers,
): Pick<
  PteHelpers,
  | '__pte_to_swp_entry'
  | 'pte_swp_clear_flags'
  | 'pte_to_swp_entry'
  | 'is_pte_marker'
  | 'pte_marker_uffd_wp'
  | 'pte_swp_uffd_wp_any'
> {
  const isSwap = (entry: bigint): boolean => !pte.pte_none(entry) && !pte.pte_present(entry);
  const pte_swp_clear_flags = (entry: bigint): Pte => {
    let value = entry;
    if (pte.pte_swp_exclusive?.(value) === true) value = pte.pte_swp_clear_exclusive?.(value) ?? value;
    if (pte.pte_swp_soft_dirty?.(value) === true) value = pte.pte_swp_clear_soft_dirty?.(value) ?? value;
    if (pte.pte_swp_uffd_wp?.(value) === true) value = pte.pte_swp_clear_uffd_wp?.(value) ?? value;
    return __pte(value);
  };
  const pte_to_swp_entry = (entry: bigint): SwpEntry => {
    const arch = swap.__pte_to_swp_entry(pte_swp_clear_flags(entry));
    return swap.swp_entry(swap.__swp_type(arch), swap.__swp_offset(arch));
  };
  const is_pte_marker = (entry: bigint): boolean =>
    isSwap(entry) && swap.is_pte_marker_entry(pte_to_swp_entry(entry));
  const pte_marker_uffd_wp = (entry: bigint): boolean =>
    swap.markerUffdWp &&
    is_pte_marker(entry) &&
    (swap.pte_marker_get(pte_to_swp_entry(entry)) & PTE_MARKER_UFFD_WP) !== 0n;
  return {
    __pte_to_swp_entry: swap.__pte_to_swp_entry,
    pte_swp_clear_flags,
    pte_to_swp_entry,
    is_pte_marker,
    pte_marker_uffd_wp,
    pte_swp_uffd_wp_any: (entry) =>
      swap.markerUffdWp &&
      isSwap(entry) &&
      (pte.pte_swp_uffd_wp?.(entry) === true || pte_marker_uffd_wp(entry)),
  };
}

/**
 * The pmd helpers of swapops.h. `pmd` are the completed helpers of the backend. Without THP migration
 * `pmd_to_swp_entry` answers entry 0 and `is_pmd_migration_entry` is false.
 * @see Linux include/linux/swapops.h, `pmd_to_swp_entry`, `is_pmd_migration_entry` (6.12.117)
 */
export function swapPmdHelpers(
  swap: SwapOps,
  pmd: PmdHelpers,
): Pick<PmdHelpers, '__pmd_to_swp_entry' | 'pmd_to_swp_entry' | 'is_pmd_migration_entry'> {
  const { thpMigration, __pmd_to_swp_entry: toArch } = swap;
  if (!thpMigration || toArch === undefined) {
    return {
      ...(toArch && { __pmd_to_swp_entry: toArch }),
      pmd_to_swp_entry: () => swap.swp_entry(0, 0n),
      is_pmd_migration_entry: () => false,
    };
  }
  const pmd_to_swp_entry = (entry: bigint): SwpEntry => {
    let value = entry;
    if (pmd.pmd_swp_soft_dirty?.(value) === true) value = pmd.pmd_swp_clear_soft_dirty?.(value) ?? value;
    if (pmd.pmd_swp_uffd_wp?.(value) === true) value = pmd.pmd_swp_clear_uffd_wp?.(value) ?? value;
    const arch = toArch(value);
    return swap.swp_entry(swap.__swp_type(arch), swap.__swp_offset(arch));
  };
  return {
    __pmd_to_swp_entry: toArch,
    pmd_to_swp_entry,
    is_pmd_migration_entry: (entry) =>
      !pmd.pmd_present(entry) && swap.is_migration_entry(pmd_to_swp_entry(entry)),
  };
}

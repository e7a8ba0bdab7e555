import {
  ArchError,
  type Env,
  type Kernel,
  type Layout,
  type Level,
  type LevelLayout,
  oneOf,
} from '@ptemu/arch';

/** Size of a page and of every table but the root: the translation granule. */
export type Granule = '4k' | '16k' | '64k';

/** The options of the factory that decide the geometry, checked. */
export interface Arm64Geometry {
  readonly granule: Granule;
  /** `CONFIG_ARM64_VA_BITS`: bits of a user and of a kernel address. */
  readonly vaBits: number;
  /** 4k and 16k: 52-bit addresses through FEAT_LPA2 (`CONFIG_ARM64_LPA2`, TCR_EL1.DS). */
  readonly lpa2: boolean;
  /** `CONFIG_ARM64_PA_BITS`: 52 with LPA2, or with 64k pages and `CONFIG_ARM64_PA_BITS_52`. */
  readonly paBits: 48 | 52;
}

/** What the helpers of this backend are made from. */
export interface Arm64Env extends Env {
  readonly geometry: Arm64Geometry;
}

const PAGE_SHIFTS: Readonly<Record<Granule, number>> = { '4k': 12, '16k': 14, '64k': 16 };
/** Without LPA2. @see Linux arch/arm64/Kconfig, `ARM64_VA_BITS` (6.1.192, 6.12.117) */
const VA_BITS: Readonly<Record<Granule, readonly number[]>> = {
  '4k': [39, 48],
  '16k': [36, 47, 48],
  '64k': [42, 48, 52],
};
/** `CONFIG_ARM64_CONT_PTE_SHIFT`: log2 of the ptes that one contiguous hint covers. @see Linux arch/arm64/Kconfig (6.12.117) */
const CONT_PTE_ORDER: Readonly<Record<Granule, number>> = { '4k': 4, '16k': 7, '64k': 5 };
/** `CONFIG_ARM64_CONT_PMD_SHIFT`. */
const CONT_PMD_ORDER: Readonly<Record<Granule, number>> = { '4k': 4, '16k': 5, '64k': 5 };

/**
 * Checks the options that decide the geometry and fills in their defaults: 4k, and 48 bits (52 with LPA2).
 *
 * @throws ArchError `UNKNOWN_OPTION` for a value that no configuration of this release has.
 */
export function geometryOf(
  kernel: Kernel,
  options: { readonly granule?: Granule; readonly vaBits?: number; readonly lpa2?: boolean },
  paBits52: boolean,
): Arm64Geometry {
  const granule = oneOf('arm64', 'granule', options.granule ?? '4k', ['4k', '16k', '64k']);
  const lpa2 = oneOf('arm64', 'lpa2', options.lpa2 ?? false, granule === '64k' ? [false] : [false, true]);
  if (lpa2 && !kernel.has('arm64-lpa2')) {
    throw new ArchError(
      'UNKNOWN_OPTION',
      `arm64: no lpa2 in ${kernel.release}; the first release that a source places with it is 6.12`,
      { arch: 'arm64', option: 'lpa2', release: kernel.release },
    );
  }
  const vaBits = options.vaBits ?? (lpa2 ? 52 : 48);
  if (vaBits === 52 && !lpa2 && granule !== '64k') {
    throw new ArchError('UNKNOWN_OPTION', `arm64: vaBits 52 with ${granule} pages needs lpa2: true`, {
      arch: 'arm64',
      option: 'vaBits',
      value: vaBits,
    });
  }
  oneOf('arm64', 'vaBits', vaBits, lpa2 ? [52] : VA_BITS[granule]);
  return { granule, vaBits, lpa2, paBits: lpa2 || (granule === '64k' && paBits52) ? 52 : 48 };
}

/** `PAGE_SHIFT`. */
export const pageShift = ({ granule }: Pick<Arm64Geometry, 'granule'>): number => PAGE_SHIFTS[granule];

/** `CONFIG_PGTABLE_LEVELS`: tables of a walk. @see Linux arch/arm64/include/asm/pgtable-hwdef.h, `ARM64_HW_PGTABLE_LEVELS` (6.12.117) */
export const pgtableLevels = (geometry: Arm64Geometry): number =>
  Math.floor((geometry.vaBits - 4) / (pageShift(geometry) - 3));

/**
 * log2 of what an entry covers at the architecture's level `n`: 3 is the page table, -1 the highest.
 * @see Linux arch/arm64/include/asm/pgtable-hwdef.h, `ARM64_HW_PGTABLE_LEVEL_SHIFT` (6.12.117)
 */
const levelShift = (geometry: Arm64Geometry, n: number): number => (pageShift(geometry) - 3) * (4 - n) + 3;

/** The kernel's levels, and the architecture's number of each. */
const NUMBERED: readonly (readonly [Exclude<Level, 'pgd'>, number])[] = [
  ['p4d', 0],
  ['pud', 1],
  ['pmd', 2],
  ['pte', 3],
];

/**
 * Geometry of an address space. The root is always the pgd; what lies between it and the page table folds from the top:
 * with three tables p4d and pud are folded, and the kernel's pud helpers look at the root's entry.
 * @see Linux arch/arm64/include/asm/pgtable-hwdef.h (6.12.117)
 */
export function layoutOfGeometry(geometry: Arm64Geometry): Layout {
  const PAGE_SHIFT = pageShift(geometry);
  const PAGE_SIZE = 1 << PAGE_SHIFT;
  const rootLevel = 4 - pgtableLevels(geometry);
  const PGDIR_SHIFT = levelShift(geometry, rootLevel);
  const rootEntries = 1 << (geometry.vaBits - PGDIR_SHIFT);
  const below = NUMBERED.map(([level, n]): LevelLayout =>
    n > rootLevel
      ? {
          level,
          shift: levelShift(geometry, n),
          entries: PAGE_SIZE / 8,
          tableBytes: PAGE_SIZE,
          folded: false,
        }
      : { level, shift: PGDIR_SHIFT, entries: 1, tableBytes: 0, folded: true },
  );
  const HPAGE_PMD_SHIFT = levelShift(geometry, 2);
  return {
    PAGE_SHIFT,
    PAGE_SIZE,
    levels: [
      {
        level: 'pgd',
        shift: PGDIR_SHIFT,
        entries: rootEntries,
        tableBytes: rootEntries * 8,
        folded: false,
      },
      ...below,
    ],
    HPAGE_PMD_SHIFT,
    HPAGE_PMD_SIZE: 1 << HPAGE_PMD_SHIFT,
    HPAGE_PMD_NR: 1 << (HPAGE_PMD_SHIFT - PAGE_SHIFT),
    vaBits: geometry.vaBits,
    paBits: geometry.paBits,
    TASK_SIZE: 1n << BigInt(geometry.vaBits),
  };
}

/** log2 of the bytes that a contiguous hint covers, for the levels where Linux uses it. */
export const contShifts = (geometry: Arm64Geometry): { readonly pte: number; readonly pmd: number } => ({
  pte: pageShift(geometry) + CONT_PTE_ORDER[geometry.granule],
  pmd: levelShift(geometry, 2) + CONT_PMD_ORDER[geometry.granule],
});

/** Kernel constants of the geometry. */
export function layoutConstants(geometry: Arm64Geometry): Readonly<Record<string, bigint>> {
  const layout = layoutOfGeometry(geometry);
  const cont = contShifts(geometry);
  const sizes = (name: string, shift: number): Record<string, bigint> => ({
    [`${name}_SHIFT`]: BigInt(shift),
    [`${name}_SIZE`]: 1n << BigInt(shift),
    [`${name}_MASK`]: BigInt.asUintN(64, -(1n << BigInt(shift))),
  });
  const names = { pgd: 'PGDIR', p4d: 'P4D', pud: 'PUD', pmd: 'PMD', pte: 'PAGE' } as const;
  return {
    ...Object.assign({}, ...layout.levels.map(({ level, shift }) => sizes(names[level], shift))),
    ...Object.fromEntries(
      layout.levels.map(({ level, entries }) => [`PTRS_PER_${level.toUpperCase()}`, BigInt(entries)]),
    ),
    ...sizes('HPAGE_PMD', layout.HPAGE_PMD_SHIFT),
    HPAGE_PMD_ORDER: BigInt(layout.HPAGE_PMD_SHIFT - layout.PAGE_SHIFT),
    HPAGE_PMD_NR: BigInt(layout.HPAGE_PMD_NR),
    PGD_SIZE: BigInt(layout.levels[0]?.tableBytes ?? 0),
    ...sizes('CONT_PTE', cont.pte),
    CONT_PTES: 1n << BigInt(cont.pte - layout.PAGE_SHIFT),
    ...sizes('CONT_PMD', cont.pmd),
    CONT_PMDS: 1n << BigInt(cont.pmd - layout.HPAGE_PMD_SHIFT),
    VA_BITS: BigInt(geometry.vaBits),
    PHYS_MASK_SHIFT: BigInt(geometry.paBits),
    PHYS_MASK: (1n << BigInt(geometry.paBits)) - 1n,
  };
}

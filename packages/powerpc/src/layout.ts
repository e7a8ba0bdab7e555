import type { Kernel, Layout, LevelLayout } from '@ptemu/arch';
import type { PpcMmu, PpcPage } from './env.js';

/** log2 of the entries of a table, by level. 0: folded. */
export interface IndexSizes {
  readonly PTE_INDEX_SIZE: number;
  readonly PMD_INDEX_SIZE: number;
  readonly PUD_INDEX_SIZE: number;
  readonly PGD_INDEX_SIZE: number;
}

/**
 * The index sizes of a build. Radix has one shape per page size; hash grew with the user address space.
 * @see Linux arch/powerpc/include/asm/book3s/64/radix-4k.h, radix-64k.h, hash-4k.h, hash-64k.h (6.12.117)
 * @see fact sheet 8.1 for older releases
 */
export function indexSizes(kernel: Kernel, mmu: PpcMmu, page: PpcPage): IndexSizes {
  if (mmu === 'radix') {
    return {
      PTE_INDEX_SIZE: page === '4k' ? 9 : 5,
      PMD_INDEX_SIZE: 9,
      PUD_INDEX_SIZE: 9,
      PGD_INDEX_SIZE: 13,
    };
  }
  if (page === '4k') return { PTE_INDEX_SIZE: 9, PMD_INDEX_SIZE: 7, PUD_INDEX_SIZE: 9, PGD_INDEX_SIZE: 9 };
  if (kernel.has('ppc-hash-4pb')) return hash64k(10, 10, 8);
  if (kernel.has('ppc-hash-format-4.12')) return hash64k(10, 7, 8);
  return kernel.has('ppc-pte-format-radix') ? hash64k(5, 5, 12) : hash64k(10, 0, 12);
}

const hash64k = (PMD_INDEX_SIZE: number, PUD_INDEX_SIZE: number, PGD_INDEX_SIZE: number): IndexSizes => ({
  PTE_INDEX_SIZE: 8,
  PMD_INDEX_SIZE,
  PUD_INDEX_SIZE,
  PGD_INDEX_SIZE,
});

/** Bytes of the tables, by level. */
export interface TableBytes {
  /** A pte table: what `memset` clears of a deposited one. */
  readonly PTE_FRAG_SIZE: number;
  readonly PTE_TABLE_SIZE: number;
  readonly PMD_TABLE_SIZE: number;
  readonly PUD_TABLE_SIZE: number;
  readonly PGD_TABLE_SIZE: number;
}

/**
 * Table sizes. With hash and 64K pages, pte, pmd and pud tables have a second half of the same size: the pte's holds the
 * slots of its HPTEs, the pmd's the deposited pte tables.
 * @see Linux arch/powerpc/include/asm/book3s/64/hash-64k.h, `H_PTE_FRAG_SIZE_SHIFT`, `H_PMD_TABLE_SIZE` (6.12.117)
 */
export function tableBytes(sizes: IndexSizes, mmu: PpcMmu, page: PpcPage): TableBytes {
  const doubled = mmu === 'hash' && page === '64k' ? 2 : 1;
  const PTE_FRAG_SIZE = (8 << sizes.PTE_INDEX_SIZE) * doubled;
  return {
    PTE_FRAG_SIZE,
    PTE_TABLE_SIZE: PTE_FRAG_SIZE,
    PMD_TABLE_SIZE: (8 << sizes.PMD_INDEX_SIZE) * doubled,
    PUD_TABLE_SIZE: (8 << sizes.PUD_INDEX_SIZE) * doubled,
    PGD_TABLE_SIZE: 8 << sizes.PGD_INDEX_SIZE,
  };
}

const TB = 1n << 40n;

/** End of user addresses. @see Linux arch/powerpc/include/asm/task_size_64.h (6.12.117); fact sheet 8.1 */
function taskSize(kernel: Kernel, mmu: PpcMmu, page: PpcPage): bigint {
  if (page === '4k' || !kernel.has('ppc-hash-format-4.12')) return 64n * TB;
  return kernel.has('ppc-hash-4pb') ? 4096n * TB : 512n * TB;
}

/**
 * Geometry of an address space.
 *
 * The p4d is folded as the kernel folds it (asm-generic/pgtable-nop4d.h): the pgd's own helpers always say "go on", and
 * the p4d's look at the entry of the top table. Up to 4.5 the pud of 64K pages was folded too.
 */
export function layoutOf(kernel: Kernel, mmu: PpcMmu, page: PpcPage): Layout {
  const sizes = indexSizes(kernel, mmu, page);
  const bytes = tableBytes(sizes, mmu, page);
  const PAGE_SHIFT = page === '4k' ? 12 : 16;
  const PMD_SHIFT = PAGE_SHIFT + sizes.PTE_INDEX_SIZE;
  const PUD_SHIFT = PMD_SHIFT + sizes.PMD_INDEX_SIZE;
  const PGDIR_SHIFT = PUD_SHIFT + sizes.PUD_INDEX_SIZE;
  const real = (level: LevelLayout['level'], shift: number, index: number, size: number): LevelLayout => ({
    level,
    shift,
    entries: 1 << index,
    tableBytes: index === 0 ? 0 : size,
    folded: index === 0,
  });
  return {
    PAGE_SHIFT,
    PAGE_SIZE: 1 << PAGE_SHIFT,
    levels: [
      real('pgd', PGDIR_SHIFT, sizes.PGD_INDEX_SIZE, bytes.PGD_TABLE_SIZE),
      real('p4d', PGDIR_SHIFT, 0, 0),
      real('pud', PUD_SHIFT, sizes.PUD_INDEX_SIZE, bytes.PUD_TABLE_SIZE),
      real('pmd', PMD_SHIFT, sizes.PMD_INDEX_SIZE, bytes.PMD_TABLE_SIZE),
      real('pte', PAGE_SHIFT, sizes.PTE_INDEX_SIZE, bytes.PTE_TABLE_SIZE),
    ],
    HPAGE_PMD_SHIFT: PMD_SHIFT,
    HPAGE_PMD_SIZE: 1 << PMD_SHIFT,
    HPAGE_PMD_NR: 1 << sizes.PTE_INDEX_SIZE,
    vaBits: PGDIR_SHIFT + sizes.PGD_INDEX_SIZE,
    paBits: paBits(kernel),
    TASK_SIZE: taskSize(kernel, mmu, page),
  };
}

/** Bits of a physical address that an entry has room for: `_PAGE_PA_MAX`, 34 bits of 64K frames before 4.7. */
function paBits(kernel: Kernel): number {
  if (!kernel.has('ppc-pte-format-radix')) return 50;
  return kernel.has('ppc-hash-format-4.12') ? 53 : 57;
}

/** Kernel constants of the geometry. */
export function layoutConstants(
  kernel: Kernel,
  mmu: PpcMmu,
  page: PpcPage,
): Readonly<Record<string, bigint>> {
  const layout = layoutOf(kernel, mmu, page);
  const sizes = indexSizes(kernel, mmu, page);
  const level = (name: string, shift: number): Record<string, bigint> => ({
    [`${name}_SHIFT`]: BigInt(shift),
    [`${name}_SIZE`]: 1n << BigInt(shift),
    [`${name}_MASK`]: BigInt.asUintN(64, -(1n << BigInt(shift))),
  });
  const shiftOf = (name: string): number => layout.levels.find((l) => l.level === name)?.shift ?? 0;
  const numbers = { ...sizes, ...tableBytes(sizes, mmu, page) };
  return {
    ...level('PAGE', layout.PAGE_SHIFT),
    ...level('PMD', shiftOf('pmd')),
    ...level('PUD', shiftOf('pud')),
    ...level('P4D', shiftOf('p4d')),
    ...level('PGDIR', shiftOf('pgd')),
    ...level('HPAGE_PMD', layout.HPAGE_PMD_SHIFT),
    HPAGE_PMD_NR: BigInt(layout.HPAGE_PMD_NR),
    HPAGE_PMD_ORDER: BigInt(sizes.PTE_INDEX_SIZE),
    PTRS_PER_PTE: 1n << BigInt(sizes.PTE_INDEX_SIZE),
    PTRS_PER_PMD: 1n << BigInt(sizes.PMD_INDEX_SIZE),
    PTRS_PER_PUD: 1n << BigInt(sizes.PUD_INDEX_SIZE),
    PTRS_PER_P4D: 1n,
    PTRS_PER_PGD: 1n << BigInt(sizes.PGD_INDEX_SIZE),
    ...Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, BigInt(value)])),
  };
}

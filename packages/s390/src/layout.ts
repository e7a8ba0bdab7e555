import { ArchError, type Kernel, type Layout, type LevelLayout, type MmGeometry } from '@ptemu/arch';

/** log2 of a page. @see Linux arch/s390/include/asm/pgtable.h, `_PAGE_SHIFT` (6.12.117) */
export const PAGE_SHIFT = 12;
/** log2 of a segment. @see Linux arch/s390/include/asm/pgtable.h, `_SEGMENT_SHIFT` (6.12.117) */
export const PMD_SHIFT = 20;
/** log2 of what a region-third entry covers. */
export const PUD_SHIFT = 31;
/** log2 of what a region-second entry covers. */
export const P4D_SHIFT = 42;
/** log2 of what a region-first entry covers. */
export const PGDIR_SHIFT = 53;
/** Entries of a segment or region table. @see Linux arch/s390/include/asm/pgtable.h, `_CRST_ENTRIES` (6.12.117) */
export const _CRST_ENTRIES = 2048;
/** Bytes of a segment or region table: four pages. */
export const _CRST_TABLE_SIZE: number = _CRST_ENTRIES * 8;
/** Entries of a page table. */
export const _PAGE_ENTRIES = 256;
/** Bytes of a page table that the hardware reads. */
export const _PAGE_TABLE_SIZE: number = _PAGE_ENTRIES * 8;

/**
 * What IPTE and IDTE use of their table origin operand: the part that is aligned to this. A page table lies at a 2 KiB
 * boundary, a segment table at a 4 KiB one. @see z/Architecture Principles of Operation, INVALIDATE PAGE TABLE ENTRY, INVALIDATE DAT TABLE ENTRY
 */
export const ORIGIN_ALIGNMENT = { pte: 0x800n, pmd: 0x1000n } as const;

/** Levels of a 64-bit process that has not mapped anything above 4 TiB. @see Linux arch/s390/include/asm/mmu_context.h, `init_new_context` (6.12.117) */
export const LEVELS_DEFAULT = 3;

/** Bits of virtual address by number of levels: the `asce_limit` of the mm. */
const VA_BITS: Readonly<Record<number, number>> = { 2: 31, 3: 42, 4: 53, 5: 64 };

/**
 * The number of levels of an mm, checked: 2 (31-bit compat), 3 (the default), 4, or 5.
 *
 * @throws ArchError `BAD_ARGUMENT` for any other number, and for 5 in releases that had four at most.
 */
export function levelsOf(kernel: Kernel, mm?: MmGeometry): number {
  const levels = mm?.levels ?? LEVELS_DEFAULT;
  const most = kernel.has('s390-five-levels') ? 5 : 4;
  if (!(levels in VA_BITS) || levels > most) {
    throw new ArchError(
      'BAD_ARGUMENT',
      `s390 ${kernel.release} has address spaces of 2 to ${most} levels, not ${levels}`,
      { levels },
    );
  }
  return levels;
}

/**
 * Geometry of an address space with so many levels.
 *
 * Levels fold per mm, from the top: with three levels `mm->pgd` points to a region-third table, and the kernel's
 * `p4d_offset` and `pud_offset` hand the same pointer on. Folded levels keep the kernel's shift and have one entry and
 * no table. Before five levels came, the region-second table was the pgd and the p4d was folded at compile time.
 *
 * @see Linux arch/s390/include/asm/pgtable.h, `pgd_offset_raw`, `mm_p4d_folded`; asm/pgalloc.h (6.12.117)
 */
export function layoutOf(kernel: Kernel, mm?: MmGeometry): Layout {
  const count = levelsOf(kernel, mm);
  const crst = (level: 'pgd' | 'p4d' | 'pud' | 'pmd', shift: number, needs: number): LevelLayout =>
    count >= needs
      ? { level, shift, entries: _CRST_ENTRIES, tableBytes: _CRST_TABLE_SIZE, folded: false }
      : { level, shift, entries: 1, tableBytes: 0, folded: true };
  const five = kernel.has('s390-five-levels');
  const levels: readonly LevelLayout[] = [
    five ? crst('pgd', PGDIR_SHIFT, 5) : crst('pgd', P4D_SHIFT, 4),
    five ? crst('p4d', P4D_SHIFT, 4) : crst('p4d', P4D_SHIFT, Infinity),
    crst('pud', PUD_SHIFT, 3),
    crst('pmd', PMD_SHIFT, 2),
    {
      level: 'pte',
      shift: PAGE_SHIFT,
      entries: _PAGE_ENTRIES,
      tableBytes: kernel.has('s390-page-table-whole-page') ? 4096 : _PAGE_TABLE_SIZE,
      folded: false,
    },
  ];
  const vaBits = VA_BITS[count] ?? 42;
  return {
    PAGE_SHIFT,
    PAGE_SIZE: 1 << PAGE_SHIFT,
    levels,
    HPAGE_PMD_SHIFT: PMD_SHIFT,
    HPAGE_PMD_SIZE: 1 << PMD_SHIFT,
    HPAGE_PMD_NR: 1 << (PMD_SHIFT - PAGE_SHIFT),
    vaBits,
    paBits: 64,
    TASK_SIZE: vaBits === 64 ? TASK_SIZE_MAX : 1n << BigInt(vaBits),
  };
}

/** End of user addresses with five levels. @see Linux arch/s390/include/asm/processor.h (6.12.117) */
export const TASK_SIZE_MAX: bigint = 0xffff_ffff_ffff_f000n;

import { bit, bits, type BitField, type BitTable, type Env, type Level } from '@ptemu/arch';

/** Marks a valid descriptor. Hardware. @see Linux arch/arm/include/asm/pgtable-3level.h, `L_PTE_VALID` (6.12.117) */
export const L_PTE_VALID: bigint = bit(0);
/** Both type bits: `pte_present` asks for either of them. @see Linux arch/arm/include/asm/pgtable-3level.h, `L_PTE_PRESENT` (6.12.117) */
export const L_PTE_PRESENT: bigint = bits(0, 1);
/** Memory type: index into MAIR0 and MAIR1. @see Linux arch/arm/include/asm/pgtable-3level.h, `L_PTE_MT_MASK` (6.12.117) */
export const L_PTE_MT_MASK: bigint = bits(2, 4);
/** Write-back, write-allocate memory: what an SMP kernel maps RAM with. @see Linux arch/arm/include/asm/pgtable-3level.h, `L_PTE_MT_WRITEALLOC` (6.12.117) */
export const L_PTE_MT_WRITEALLOC: bigint = 7n << 2n;
/** User access (AP[1]). @see Linux arch/arm/include/asm/pgtable-3level.h, `L_PTE_USER` (6.12.117) */
export const L_PTE_USER: bigint = bit(6);
/** Read-only for the hardware (AP[2]). @see Linux arch/arm/include/asm/pgtable-3level-hwdef.h, `PTE_AP2` (6.12.117) */
export const PTE_AP2: bigint = bit(7);
/** In swap entries: the swapped page is exclusive. @see Linux arch/arm/include/asm/pgtable-3level.h, `L_PTE_SWP_EXCLUSIVE` (6.12.117) */
export const L_PTE_SWP_EXCLUSIVE: bigint = bit(7);
/** Inner shareable. @see Linux arch/arm/include/asm/pgtable-3level.h, `L_PTE_SHARED` (6.12.117) */
export const L_PTE_SHARED: bigint = bits(8, 9);
/** Access flag. @see Linux arch/arm/include/asm/pgtable-3level.h, `L_PTE_YOUNG` (6.12.117) */
export const L_PTE_YOUNG: bigint = bit(10);
/** Not global: the TLB entry is tagged with the ASID. @see Linux arch/arm/include/asm/pgtable-3level-hwdef.h, `PTE_EXT_NG` (6.12.117) */
export const PTE_EXT_NG: bigint = bit(11);
/** Hint that 16 adjacent entries map contiguous memory; Linux on arm32 never sets it. @see ARMv7-A ARM (DDI 0406C), B3.6.1 */
export const CONTIGUOUS: bigint = bit(52);
/** No execution in kernel mode. @see Linux arch/arm/include/asm/pgtable-3level-hwdef.h, `PTE_EXT_PXN` (6.12.117) */
export const PTE_EXT_PXN: bigint = bit(53);
/** No execution. @see Linux arch/arm/include/asm/pgtable-3level.h, `L_PTE_XN` (6.12.117) */
export const L_PTE_XN: bigint = bit(54);
/** Dirty. Software. @see Linux arch/arm/include/asm/pgtable-3level.h, `L_PTE_DIRTY` (6.12.117) */
export const L_PTE_DIRTY: bigint = bit(55);
/** Special mapping. Software, ptes. @see Linux arch/arm/include/asm/pgtable-3level.h, `L_PTE_SPECIAL` (6.12.117) */
export const L_PTE_SPECIAL: bigint = bit(56);
/** The huge page is being split. Software, pmds up to 4.4. @see fact sheet 4.1, read in Linux 3.16 and 4.4 */
export const PMD_SECT_SPLITTING: bigint = bit(56);
/** PROT_NONE. Software. @see Linux arch/arm/include/asm/pgtable-3level.h, `L_PTE_NONE` (6.12.117) */
export const L_PTE_NONE: bigint = bit(57);
/** Read-only, from 4.4 on; before that it was AP[2] itself. Software. @see Linux arch/arm/include/asm/pgtable-3level.h, `L_PTE_RDONLY` (6.12.117) */
export const L_PTE_RDONLY: bigint = bit(58);
/** In pgd entries: shared with the kernel's own table. Software. @see Linux arch/arm/include/asm/pgtable-3level.h, `L_PGD_SWAPPER` (6.12.117) */
export const L_PGD_SWAPPER: bigint = bit(55);
/** No execution in kernel mode below this table. @see Linux arch/arm/include/asm/pgtable-3level-hwdef.h, `PMD_PXNTABLE` (6.12.117) */
export const PMD_PXNTABLE: bigint = bit(59);

/** Valid section. @see Linux arch/arm/include/asm/pgtable-3level.h, `L_PMD_SECT_VALID` (6.12.117) */
export const L_PMD_SECT_VALID: bigint = L_PTE_VALID;
/** Tells a table (or page) from a section. @see Linux arch/arm/include/asm/pgtable-3level-hwdef.h, `PMD_TABLE_BIT` (6.12.117) */
export const PMD_TABLE_BIT: bigint = bit(1);
/** Descriptor type. @see Linux arch/arm/include/asm/pgtable-3level-hwdef.h, `PMD_TYPE_MASK` (6.12.117) */
export const PMD_TYPE_MASK: bigint = bits(0, 1);
/** Type of a table descriptor. @see Linux arch/arm/include/asm/pgtable-3level-hwdef.h, `PMD_TYPE_TABLE` (6.12.117) */
export const PMD_TYPE_TABLE: bigint = 3n;
/** Type of a section. @see Linux arch/arm/include/asm/pgtable-3level-hwdef.h, `PMD_TYPE_SECT` (6.12.117) */
export const PMD_TYPE_SECT: bigint = 1n;

/** Bits of a physical address. @see Linux arch/arm/include/asm/pgtable-3level-hwdef.h, `PHYS_MASK` (6.12.117) */
export const PHYS_MASK: bigint = bits(0, 39);
/** Where a table lies, or a page. @see ARMv7-A ARM (DDI 0406C), B3.6.1 and B3.6.2 */
export const PAGE_ADDRESS: bigint = bits(12, 39);
/** Where a section lies. @see ARMv7-A ARM (DDI 0406C), B3.6.1 */
export const SECTION_ADDRESS: bigint = bits(21, 39);
/** Where a 1 GiB block lies; Linux on arm32 makes none. @see ARMv7-A ARM (DDI 0406C), B3.6.1 */
export const BLOCK_ADDRESS: bigint = bits(30, 39);

/** The read-only bit of a release: the software bit 58 from 4.4 on, the hardware's AP[2] before. */
export const rdonlyBit = (env: Pick<Env, 'kernel'>): bigint =>
  env.kernel.has('arm-8109-1') ? L_PTE_RDONLY : PTE_AP2;

const LEAVES: readonly Level[] = ['pmd', 'pte'];
/** p4d and pud are folded: their entry is the pgd's. */
const TOP: readonly Level[] = ['pgd', 'p4d', 'pud'];
const TABLES: readonly Level[] = [...TOP, 'pmd'];
const ALL: readonly Level[] = [...TABLES, 'pte'];
const HEADER = 'Linux arch/arm/include/asm/pgtable-3level.h (6.12.117)';
const HWDEF = 'Linux arch/arm/include/asm/pgtable-3level-hwdef.h (6.12.117)';
const MANUAL = 'ARMv7-A ARM (DDI 0406C), B3.6 Long-descriptor translation table format';

type Row = Omit<BitField, 'by' | 'source'>;
const hardware = (source: string, row: Row): BitField => ({ ...row, by: 'hardware', source });
const software = (source: string, row: Row): BitField => ({ ...row, by: 'software', source });

/** Every bit of the release once, as data. */
export function bitTable(env: Pick<Env, 'kernel'>): BitTable {
  const { kernel } = env;
  const newRdonly = kernel.has('arm-8109-1');
  return [
    hardware(HEADER, { name: 'VALID', mask: L_PTE_VALID, levels: ALL, means: 'valid' }),
    hardware(HWDEF, {
      name: 'TABLE_BIT',
      mask: PMD_TABLE_BIT,
      levels: ALL,
      means: 'table (pgd, pmd) or page (pte), not a section',
    }),
    hardware(HEADER, { name: 'MT', mask: L_PTE_MT_MASK, levels: LEAVES, when: 'leaf', means: 'memory type' }),
    hardware(MANUAL, { name: 'NS', mask: bit(5), levels: LEAVES, when: 'leaf', means: 'non-secure' }),
    hardware(HEADER, {
      name: 'USER',
      mask: L_PTE_USER,
      levels: LEAVES,
      when: 'leaf',
      means: 'user access, AP[1]',
    }),
    hardware(newRdonly ? HWDEF : 'fact sheet 4.1, read in Linux 3.16', {
      name: newRdonly ? 'AP2' : 'RDONLY',
      mask: PTE_AP2,
      levels: LEAVES,
      when: 'leaf',
      means: 'read-only for the hardware, AP[2]',
    }),
    hardware(HEADER, {
      name: 'SHARED',
      mask: L_PTE_SHARED,
      levels: LEAVES,
      when: 'leaf',
      means: 'shareability',
    }),
    hardware(HEADER, {
      name: 'YOUNG',
      mask: L_PTE_YOUNG,
      levels: LEAVES,
      when: 'leaf',
      means: 'access flag',
    }),
    hardware(HWDEF, { name: 'nG', mask: PTE_EXT_NG, levels: LEAVES, when: 'leaf', means: 'not global' }),
    hardware(MANUAL, {
      name: 'ADDRESS',
      mask: PAGE_ADDRESS,
      levels: ALL,
      means: 'output address',
    }),
    hardware(MANUAL, {
      name: 'CONTIGUOUS',
      mask: CONTIGUOUS,
      levels: LEAVES,
      when: 'leaf',
      means: 'contiguous hint',
    }),
    hardware(HWDEF, {
      name: 'PXN',
      mask: PTE_EXT_PXN,
      levels: LEAVES,
      when: 'leaf',
      means: 'kernel may not execute',
    }),
    hardware(HEADER, { name: 'XN', mask: L_PTE_XN, levels: LEAVES, when: 'leaf', means: 'not executable' }),
    software(HEADER, {
      name: 'SWAPPER',
      mask: L_PGD_SWAPPER,
      levels: TOP,
      means: 'entry of swapper_pg_dir',
    }),
    software(HEADER, { name: 'DIRTY', mask: L_PTE_DIRTY, levels: LEAVES, when: 'leaf', means: 'dirty' }),
    software(HEADER, { name: 'SPECIAL', mask: L_PTE_SPECIAL, levels: ['pte'], means: 'special mapping' }),
    ...(kernel.has('pmd-splitting-removed')
      ? []
      : [
          software('fact sheet 4.1, read in Linux 3.16 and 4.4', {
            name: 'SPLITTING',
            mask: PMD_SECT_SPLITTING,
            levels: ['pmd'],
            means: 'the huge page is being split',
          }),
        ]),
    software(HEADER, { name: 'NONE', mask: L_PTE_NONE, levels: LEAVES, when: 'leaf', means: 'PROT_NONE' }),
    ...(newRdonly
      ? [
          software(HEADER, {
            name: 'RDONLY',
            mask: L_PTE_RDONLY,
            levels: LEAVES,
            when: 'leaf',
            means: 'read-only',
          }),
        ]
      : []),
    hardware(HWDEF, {
      name: 'PXNTable',
      mask: PMD_PXNTABLE,
      levels: TABLES,
      when: 'table',
      means: 'as PXN, for all below',
    }),
    hardware(MANUAL, {
      name: 'XNTable',
      mask: bit(60),
      levels: TABLES,
      when: 'table',
      means: 'as XN, for all below',
    }),
    hardware(MANUAL, {
      name: 'APTable',
      mask: bits(61, 62),
      levels: TABLES,
      when: 'table',
      means: 'limits access below',
    }),
    hardware(MANUAL, {
      name: 'NSTable',
      mask: bit(63),
      levels: TABLES,
      when: 'table',
      means: 'non-secure below',
    }),
  ];
}

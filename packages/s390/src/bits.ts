/**
 * Every bit of s390 table entries, once.
 *
 * The hardware bits never moved. The software bits of region-third and segment entries did, with almost every rework of
 * dirty and young tracking: `segmentBits` and `region3Bits` say where they are in a release, 0 where it has none.
 */
import {
  type BitField,
  type BitTable,
  type KernelConfig,
  type Kernel,
  type Level,
  bit,
  bits,
  ibmBit,
  ibmBits,
} from '@ptemu/arch';

const PGTABLE = 'Linux arch/s390/include/asm/pgtable.h';

/** Instruction fetches are forbidden (bit 55). Hardware with the IEP facility, Linux 4.11+. @see Linux arch/s390/include/asm/pgtable.h (6.12.117) */
export const _PAGE_NOEXEC: bigint = ibmBit(55);
/** Stores are forbidden (bit 54). Hardware. @see Linux arch/s390/include/asm/pgtable.h (6.12.117) */
export const _PAGE_PROTECT: bigint = ibmBit(54);
/** The page is not available for translation (bit 53). Hardware. @see Linux arch/s390/include/asm/pgtable.h (6.12.117) */
export const _PAGE_INVALID: bigint = ibmBit(53);
/** Marks a large page held in pte form; never stored in a page table, where the bit must be 0. Software. */
export const _PAGE_LARGE: bigint = ibmBit(52);
/** A page is there for Linux, whatever the hardware sees. Software. */
export const _PAGE_PRESENT: bigint = bit(0);
/** Written since the soft-dirty bits were last cleared. Software, CONFIG_MEM_SOFT_DIRTY. */
export const _PAGE_SOFT_DIRTY: bigint = bit(1);
/** Used since it was last made old; an old page is also INVALID. Software. */
export const _PAGE_YOUNG: bigint = bit(2);
/** Written; a clean page is also PROTECT. Software. */
export const _PAGE_DIRTY: bigint = bit(3);
/** The mapping allows reads. Software. */
export const _PAGE_READ: bigint = bit(4);
/** The mapping allows writes. Software. */
export const _PAGE_WRITE: bigint = bit(5);
/** No struct page behind it. Software. */
export const _PAGE_SPECIAL: bigint = bit(6);
/** Unused by the guest (KVM page states). Software. */
export const _PAGE_UNUSED: bigint = bit(7);
/** In swap ptes: the page was exclusive to this process. Software. */
export const _PAGE_SWP_EXCLUSIVE: bigint = _PAGE_LARGE;
/** Frame address of a pte. */
export const PAGE_MASK: bigint = ibmBits(0, 51);

/** The segment is not available for translation (bit 58). Hardware. @see Linux arch/s390/include/asm/pgtable.h (6.12.117) */
export const _SEGMENT_ENTRY_INVALID: bigint = ibmBit(58);
/** Stores are forbidden (bit 54). Hardware. */
export const _SEGMENT_ENTRY_PROTECT: bigint = ibmBit(54);
/** Instruction fetches are forbidden (bit 55; large entries). Hardware with the IEP facility. */
export const _SEGMENT_ENTRY_NOEXEC: bigint = ibmBit(55);
/** Format control (bit 53): the entry maps 1 MiB. Hardware with EDAT-1. */
export const _SEGMENT_ENTRY_LARGE: bigint = ibmBit(53);
/** Table type (bits 60, 61); 0 in a segment table. Hardware. */
export const _SEGMENT_ENTRY_TYPE_MASK: bigint = ibmBits(60, 61);
/** Origin of a page table: 2 KiB aligned. */
export const _SEGMENT_ENTRY_ORIGIN: bigint = ibmBits(0, 52);
/** Frame address of a 1 MiB page. */
export const _SEGMENT_ENTRY_ORIGIN_LARGE: bigint = ibmBits(0, 43);
/** The empty segment entry: what `pmd_none` is true of. */
export const _SEGMENT_ENTRY_EMPTY: bigint = _SEGMENT_ENTRY_INVALID;

/** The region is not available for translation (bit 58). Hardware. @see Linux arch/s390/include/asm/pgtable.h (6.12.117) */
export const _REGION_ENTRY_INVALID: bigint = ibmBit(58);
/** Stores are forbidden (bit 54). Hardware with EDAT-1. */
export const _REGION_ENTRY_PROTECT: bigint = ibmBit(54);
/** Instruction fetches are forbidden (bit 55; large entries). Hardware with the IEP facility. */
export const _REGION_ENTRY_NOEXEC: bigint = ibmBit(55);
/** Table offset, in 4 KiB units (bits 56, 57). Hardware; Linux leaves it 0. */
export const _REGION_ENTRY_OFFSET: bigint = ibmBits(56, 57);
/** Table type (bits 60, 61): must say which table the entry lies in. Hardware. */
export const _REGION_ENTRY_TYPE_MASK: bigint = ibmBits(60, 61);
/** Type of an entry in a region-first table. */
export const _REGION_ENTRY_TYPE_R1: bigint = 0xcn;
/** Type of an entry in a region-second table. */
export const _REGION_ENTRY_TYPE_R2: bigint = 0x8n;
/** Type of an entry in a region-third table. */
export const _REGION_ENTRY_TYPE_R3: bigint = 0x4n;
/** Table length, in 4 KiB units less one (bits 62, 63). Hardware; Linux always says 3. */
export const _REGION_ENTRY_LENGTH: bigint = ibmBits(62, 63);
/** Origin of the next table. */
export const _REGION_ENTRY_ORIGIN: bigint = ibmBits(0, 51);
/** Format control (bit 53): a region-third entry maps 2 GiB. Hardware with EDAT-2. */
export const _REGION3_ENTRY_LARGE: bigint = ibmBit(53);
/** Frame address of a 2 GiB page. */
export const _REGION3_ENTRY_ORIGIN_LARGE: bigint = ibmBits(0, 32);
/** The bits that a region entry may have set. */
export const _REGION_ENTRY_BITS: bigint = 0xfffffffffffff22fn;

/** Where the software bits of a segment or region-third entry are in a release; 0 where it has none. */
export interface SoftwareBits {
  readonly PRESENT: bigint;
  readonly READ: bigint;
  readonly WRITE: bigint;
  readonly YOUNG: bigint;
  readonly DIRTY: bigint;
  readonly SOFT_DIRTY: bigint;
}

/** Segment entries also had a bit for a huge page that is being split, up to 4.4. */
export interface SegmentBits extends SoftwareBits {
  readonly SPLIT: bigint;
  /** 0x010: segment common to all address spaces; with `PRESENT` clear, a swap entry (6.13+). */
  readonly COMMON: bigint;
}

/**
 * The software bits of segment entries.
 * @see fact sheet 7.1, table "Segment (pmd) entry"; Linux arch/s390/include/asm/pgtable.h (6.12.117)
 */
export function segmentBits(kernel: Kernel, config: KernelConfig): SegmentBits {
  const soft = (mask: bigint): bigint => (config['MEM_SOFT_DIRTY'] === true ? mask : 0n);
  const COMMON = 0x10n;
  const none = { PRESENT: 0n, READ: 0n, WRITE: 0n, YOUNG: 0n, DIRTY: 0n, SOFT_DIRTY: 0n };
  if (!kernel.has('s390-segment-dirty-bits')) {
    const YOUNG = kernel.has('s390-software-referenced-bits') ? 0x2n : 0n;
    return { ...none, YOUNG, SPLIT: 0x1n, COMMON };
  }
  const SPLIT = kernel.has('pmd-splitting-removed') ? 0n : 0x800n;
  const tracking = { ...none, YOUNG: 0x1000n, DIRTY: 0x2000n, SPLIT, COMMON };
  const PRESENT = kernel.has('03e6db16b808') ? 0x1n : 0n;
  if (kernel.has('ae1b9fb2d556')) {
    return { ...tracking, PRESENT, SOFT_DIRTY: soft(0x2n), READ: 0x4000n, WRITE: 0x8000n };
  }
  const swapped = kernel.has('s390-segment-read-write-swapped');
  return {
    ...tracking,
    PRESENT,
    SOFT_DIRTY: soft(0x4000n),
    READ: swapped ? 0x1n : 0x2n,
    WRITE: swapped ? 0x2n : 0x1n,
  };
}

/**
 * The software bits of large region-third entries. Releases before those that the vectors come from are taken to be as
 * 6.1.192 (the fact sheet does not describe them).
 * @see Linux arch/s390/include/asm/pgtable.h, `_REGION3_ENTRY_READ` and following (6.1.192, 6.12.117); fact sheet 10, row 23
 */
export function region3Bits(kernel: Kernel, config: KernelConfig): SoftwareBits {
  const soft = (mask: bigint): bigint => (config['MEM_SOFT_DIRTY'] === true ? mask : 0n);
  const PRESENT = kernel.has('03e6db16b808') ? 0x1n : 0n;
  const tracking = { PRESENT, YOUNG: 0x1000n, DIRTY: 0x2000n };
  if (kernel.has('ae1b9fb2d556')) {
    return { ...tracking, SOFT_DIRTY: soft(0x2n), READ: 0x4000n, WRITE: 0x8000n };
  }
  const swapped = kernel.has('s390-region3-read-write-swapped');
  return {
    ...tracking,
    SOFT_DIRTY: soft(0x4000n),
    READ: swapped ? 0x1n : 0x2n,
    WRITE: swapped ? 0x2n : 0x1n,
  };
}

/** Every bit of the release, as data. */
export function bitTable(kernel: Kernel, config: KernelConfig): BitTable {
  const noexec = kernel.has('s390-noexec');
  return [
    ...pteFields(noexec, config['MEM_SOFT_DIRTY'] === true),
    ...segmentFields(segmentBits(kernel, config), noexec, kernel.has('f934f6be76c1')),
    ...region3Fields(region3Bits(kernel, config), noexec),
    ...regionFields(),
  ];
}

const field = (
  levels: readonly Level[],
  name: string,
  mask: bigint,
  by: BitField['by'],
  means: string,
  more: { readonly when?: string; readonly source?: string } = {},
): BitField => ({
  name,
  mask,
  by,
  levels,
  means,
  ...(more.when !== undefined && { when: more.when }),
  source: more.source ?? `${PGTABLE}, ${name} (6.1.192, 6.12.117)`,
});

function pteFields(noexec: boolean, softDirty: boolean): BitTable {
  const f = (name: string, mask: bigint, by: BitField['by'], means: string, when?: string): BitField =>
    field(['pte'], name, mask, by, means, when === undefined ? {} : { when });
  return [
    f('_PAGE_MASK', PAGE_MASK, 'hardware', 'frame address', 'present'),
    f('__SWP_OFFSET', PAGE_MASK, 'software', 'offset of a swap entry', 'not present'),
    f('_PAGE_LARGE', _PAGE_LARGE, 'hardware', 'must be 0 (Linux: a large page in pte form)', 'present'),
    f(
      '_PAGE_SWP_EXCLUSIVE',
      _PAGE_SWP_EXCLUSIVE,
      'software',
      'swap entry of an exclusive page',
      'not present',
    ),
    f('_PAGE_INVALID', _PAGE_INVALID, 'hardware', 'not available for translation'),
    f('_PAGE_PROTECT', _PAGE_PROTECT, 'hardware', 'no stores'),
    ...(noexec ? [f('_PAGE_NOEXEC', _PAGE_NOEXEC, 'hardware', 'no instruction fetches', 'present')] : []),
    f('_PAGE_UNUSED', _PAGE_UNUSED, 'software', 'unused by the guest', 'present'),
    f('_PAGE_SPECIAL', _PAGE_SPECIAL, 'software', 'no struct page', 'present'),
    f('_PAGE_WRITE', _PAGE_WRITE, 'software', 'writable', 'present'),
    f('_PAGE_READ', _PAGE_READ, 'software', 'readable', 'present'),
    f('_PAGE_DIRTY', _PAGE_DIRTY, 'software', 'dirty', 'present'),
    f('_PAGE_YOUNG', _PAGE_YOUNG, 'software', 'young', 'present'),
    f('__SWP_TYPE', bits(2, 6), 'software', 'type of a swap entry', 'not present'),
    ...(softDirty ? [f('_PAGE_SOFT_DIRTY', _PAGE_SOFT_DIRTY, 'software', 'soft-dirty')] : []),
    f('_PAGE_PRESENT', _PAGE_PRESENT, 'software', 'present for Linux'),
  ];
}

function segmentFields(sw: SegmentBits, noexec: boolean, swapEntries: boolean): BitTable {
  const f = (name: string, mask: bigint, by: BitField['by'], means: string, when?: string): BitField =>
    field(['pmd'], name, mask, by, means, {
      ...(when !== undefined && { when }),
      ...(by === 'software' && { source: 'fact sheet 7.1, table "Segment (pmd) entry"' }),
    });
  return [
    f('_SEGMENT_ENTRY_ORIGIN_LARGE', _SEGMENT_ENTRY_ORIGIN_LARGE, 'hardware', 'frame address', 'leaf'),
    f('_SEGMENT_ENTRY_ORIGIN', _SEGMENT_ENTRY_ORIGIN, 'hardware', 'page table origin', 'table'),
    f('_SEGMENT_ENTRY_LARGE', _SEGMENT_ENTRY_LARGE, 'hardware', 'maps 1 MiB (EDAT-1)'),
    f('_SEGMENT_ENTRY_PROTECT', _SEGMENT_ENTRY_PROTECT, 'hardware', 'no stores'),
    ...(noexec
      ? [f('_SEGMENT_ENTRY_NOEXEC', _SEGMENT_ENTRY_NOEXEC, 'hardware', 'no instruction fetches', 'leaf')]
      : [f('_SEGMENT_ENTRY_CO', 0x100n, 'hardware', 'change-recording override', 'leaf')]),
    f('_SEGMENT_ENTRY_INVALID', _SEGMENT_ENTRY_INVALID, 'hardware', 'not available for translation'),
    swapEntries
      ? f('_SEGMENT_ENTRY_COMM', sw.COMMON, 'software', 'swap entry', 'not present')
      : f('_SEGMENT_ENTRY_COMMON', sw.COMMON, 'hardware', 'segment common to all address spaces'),
    f('_SEGMENT_ENTRY_TYPE', _SEGMENT_ENTRY_TYPE_MASK, 'hardware', 'table type, 0'),
    ...named('_SEGMENT_ENTRY', sw).map(([name, mask, means]) => f(name, mask, 'software', means, 'leaf')),
    ...(sw.SPLIT === 0n ? [] : [f('_SEGMENT_ENTRY_SPLIT', sw.SPLIT, 'software', 'being split', 'leaf')]),
  ];
}

function region3Fields(sw: SoftwareBits, noexec: boolean): BitTable {
  const f = (name: string, mask: bigint, by: BitField['by'], means: string): BitField =>
    field(['pud'], name, mask, by, means, { when: 'leaf' });
  return [
    f('_REGION3_ENTRY_ORIGIN_LARGE', _REGION3_ENTRY_ORIGIN_LARGE, 'hardware', 'frame address'),
    field(['pud'], '_REGION3_ENTRY_LARGE', _REGION3_ENTRY_LARGE, 'hardware', 'maps 2 GiB (EDAT-2)'),
    ...(noexec
      ? [f('_REGION_ENTRY_NOEXEC', _REGION_ENTRY_NOEXEC, 'hardware', 'no instruction fetches')]
      : []),
    ...named('_REGION3_ENTRY', sw).map(([name, mask, means]) => f(name, mask, 'software', means)),
  ];
}

function regionFields(): BitTable {
  const levels: readonly Level[] = ['pgd', 'p4d', 'pud'];
  const f = (name: string, mask: bigint, means: string, when?: string): BitField =>
    field(levels, name, mask, 'hardware', means, when === undefined ? {} : { when });
  return [
    f('_REGION_ENTRY_ORIGIN', _REGION_ENTRY_ORIGIN, 'origin of the next table', 'table'),
    f('_REGION_ENTRY_PROTECT', _REGION_ENTRY_PROTECT, 'no stores (EDAT-1)'),
    f('_REGION_ENTRY_OFFSET', _REGION_ENTRY_OFFSET, 'table offset', 'table'),
    f('_REGION_ENTRY_INVALID', _REGION_ENTRY_INVALID, 'not available for translation'),
    f('_REGION_ENTRY_TYPE', _REGION_ENTRY_TYPE_MASK, 'table type: 1 region-third, 2 second, 3 first'),
    f('_REGION_ENTRY_LENGTH', _REGION_ENTRY_LENGTH, 'table length', 'table'),
  ];
}

function named(prefix: string, sw: SoftwareBits): readonly (readonly [string, bigint, string])[] {
  const all: readonly (readonly [string, bigint, string])[] = [
    [`${prefix}_WRITE`, sw.WRITE, 'writable'],
    [`${prefix}_READ`, sw.READ, 'readable'],
    [`${prefix}_DIRTY`, sw.DIRTY, 'dirty'],
    [`${prefix}_YOUNG`, sw.YOUNG, 'young'],
    [`${prefix}_SOFT_DIRTY`, sw.SOFT_DIRTY, 'soft-dirty'],
    [`${prefix}_PRESENT`, sw.PRESENT, 'present for Linux'],
  ];
  return all.filter(([, mask]) => mask !== 0n);
}

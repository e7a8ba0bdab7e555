/**
 * The bits of an arm64 entry. What every release agrees on is a constant; what a release, the configuration or the
 * granule decides is a field of `Arm64Bits`, 0 where the build has no such bit.
 */
import { type BitTable, bit, bits, type Level } from '@ptemu/arch';
import { type Arm64Env, pageShift } from './layout.js';

/** The walker uses the entry. @see Linux arch/arm64/include/asm/pgtable-hwdef.h (6.12.117) */
export const PTE_VALID: bigint = bit(0);
/** With VALID: a table (upper levels) or a page (pte level); without this bit an upper entry is a block. */
export const PTE_TABLE_BIT: bigint = bit(1);
/** Both bits of the descriptor type. */
export const PTE_TYPE_MASK: bigint = bits(0, 1);
/** The type of a page. */
export const PTE_TYPE_PAGE: bigint = bits(0, 1);
/** The same bit of a pmd entry: table when set. */
export const PMD_TABLE_BIT: bigint = bit(1);
/** Both bits of the type of a pmd entry. */
export const PMD_TYPE_MASK: bigint = bits(0, 1);
/** The type of a pmd entry that points to a page table. */
export const PMD_TYPE_TABLE: bigint = bits(0, 1);
/** The type of a pmd entry that maps a block. */
export const PMD_TYPE_SECT: bigint = bit(0);
/** Index of the memory type in MAIR_EL1. */
export const PTE_ATTRINDX_MASK: bigint = bits(2, 4);
/** AP[1]: user mode may access. Hardware; leaf entries. */
export const PTE_USER: bigint = bit(6);
/** AP[2]: read-only. Hardware; leaf entries. */
export const PTE_RDONLY: bigint = bit(7);
/** SH: inner shareable. Hardware; leaf entries, not with LPA2. */
export const PTE_SHARED: bigint = bits(8, 9);
/** The access flag: young. Hardware; leaf entries. */
export const PTE_AF: bigint = bit(10);
/** Not global: the translation is tagged with the ASID. Hardware; leaf entries. */
export const PTE_NG: bigint = bit(11);
/** Guarded page of BTI. Hardware; leaf entries. */
export const PTE_GP: bigint = bit(50);
/** Dirty bit management: the hardware may clear PTE_RDONLY on a write. Hardware; leaf entries. */
export const PTE_DBM: bigint = bit(51);
/** One of a run of adjacent entries that the TLB may hold as one. Hardware; leaf entries. */
export const PTE_CONT: bigint = bit(52);
/** Privileged mode may not execute. Hardware; leaf entries. */
export const PTE_PXN: bigint = bit(53);
/** User mode may not execute. Hardware; leaf entries. */
export const PTE_UXN: bigint = bit(54);
/** Dirty, as software knows it. */
export const PTE_DIRTY: bigint = bit(55);
/** No struct page. Software. */
export const PTE_SPECIAL: bigint = bit(56);
/** Privileged execution is off below this table entry. Hardware; table entries. */
export const PMD_TABLE_PXN: bigint = bit(59);
/** User execution is off below this table entry. Hardware; table entries. */
export const PMD_TABLE_UXN: bigint = bit(60);
/** Overlay index of the permission overlay extension. Hardware; leaf entries. */
export const PTE_PO_IDX_MASK: bigint = bits(60, 62);
/** APTable: what user mode and what writes lose below this table entry. Hardware; table entries. */
export const S1_TABLE_AP: bigint = bits(61, 62);

/** The bits that a release, the configuration or the granule decides; 0 where there is none. */
export interface Arm64Bits {
  /** b57 before the hardware could manage the dirty state, PTE_DBM since. */
  readonly PTE_WRITE: bigint;
  /** Mapped without access (b58); since 6.11 that is said by the permission bits. Only without VALID. */
  readonly PTE_PROT_NONE: bigint;
  /** Mapped, but the walker must not use it: b59 of a pmd, then b59 and b11 of any leaf. Only without VALID. */
  readonly PTE_PRESENT_INVALID: bigint;
  readonly PTE_DEVMAP: bigint;
  readonly PTE_UFFD_WP: bigint;
  /** Up to 4.4: a huge page is being split. */
  readonly PMD_SECT_SPLITTING: bigint;
  readonly PTE_SWP_EXCLUSIVE: bigint;
  readonly PTE_SWP_UFFD_WP: bigint;
  /** Memory type index of normal memory, in place. */
  readonly MT_NORMAL: bigint;
  /** Where the low part of an address lies in an entry. */
  readonly PTE_ADDR_LOW: bigint;
  /** Where address bits 51 and below lie, when addresses have 52 bits. */
  readonly PTE_ADDR_HIGH: bigint;
  readonly PTE_ADDR_HIGH_SHIFT: bigint;
  /** Bits that `pte_modify` takes from the protection. */
  readonly MODIFY_MASK: bigint;
  /** What a user table entry carries beside address and type. */
  readonly USER_TABLE: bigint;
  /** What a kernel table entry carries beside address and type. */
  readonly KERNEL_TABLE: bigint;
}

/**
 * The bits of one build.
 * @see Linux arch/arm64/include/asm/pgtable-hwdef.h, pgtable-prot.h (6.1.192, 6.12.117); fact sheet 5.1
 */
export function arm64Bits({
  kernel,
  config,
  geometry,
}: Pick<Arm64Env, 'kernel' | 'config' | 'geometry'>): Arm64Bits {
  const when = (condition: boolean, mask: bigint): bigint => (condition ? mask : 0n);
  const shift = pageShift(geometry);
  const uffdWp = kernel.has('5b32510af77b') && config['USERFAULTFD'] === true;
  const PTE_WRITE = kernel.has('2f4b829c625e') ? PTE_DBM : bit(57);
  const PTE_PROT_NONE = when(!kernel.has('f0f5863a0fb0'), bit(58));
  const PTE_PRESENT_INVALID = kernel.has('55564814a838')
    ? PTE_NG
    : when(kernel.has('b65399f6111b') || kernel.has('b28c74e25967'), bit(59));
  const AF = when(kernel.has('arm64-table-af'), PTE_AF);
  const xn = kernel.has('arm64-user-table-pxn');
  const high = geometry.paBits === 48 ? 0n : geometry.granule === '64k' ? bits(12, 15) : bits(8, 9);
  return {
    PTE_WRITE,
    PTE_PROT_NONE,
    PTE_PRESENT_INVALID,
    PTE_DEVMAP: when(kernel.has('arm64-pte-devmap'), bit(57)),
    PTE_UFFD_WP: when(uffdWp, bit(58)),
    PMD_SECT_SPLITTING: when(!kernel.has('pmd-splitting-removed'), PTE_SPECIAL),
    PTE_SWP_EXCLUSIVE: when(kernel.has('arm64-swp-exclusive'), bit(2)),
    PTE_SWP_UFFD_WP: when(uffdWp, bit(3)),
    MT_NORMAL: (kernel.has('arm64-mte-attrindx') ? 0n : 4n) << 2n,
    PTE_ADDR_LOW: bits(shift, kernel.has('arm64-lpa2') ? 49 : 47),
    PTE_ADDR_HIGH: high,
    PTE_ADDR_HIGH_SHIFT: geometry.granule === '64k' ? 36n : 42n,
    MODIFY_MASK:
      PTE_USER | PTE_RDONLY | PTE_PXN | PTE_UXN | PTE_VALID | PTE_WRITE | PTE_PROT_NONE |
      when(kernel.has('f0f5863a0fb0'), PTE_PRESENT_INVALID) |
      when(kernel.has('arm64-bti'), PTE_GP) |
      when(kernel.has('arm64-mte-attrindx'), PTE_ATTRINDX_MASK) |
      when(kernel.has('arm64-poe'), PTE_PO_IDX_MASK), // prettier-ignore
    USER_TABLE: AF | when(xn, PMD_TABLE_PXN),
    KERNEL_TABLE: AF | when(xn, PMD_TABLE_UXN),
  };
}

const UPPER: readonly Level[] = ['pgd', 'p4d', 'pud', 'pmd'];
const BLOCKS: readonly Level[] = ['pud', 'pmd'];
const LEAVES: readonly Level[] = ['pud', 'pmd', 'pte'];
const ALL: readonly Level[] = ['pgd', 'p4d', 'pud', 'pmd', 'pte'];
const HEADER = 'Linux arch/arm64/include/asm/pgtable-prot.h (6.12.117); fact sheet 5.1';
const ARM = 'Arm ARM DDI 0487J.a, D8.3, Translation table descriptor formats';

/** Every bit once, for decoding. Where one bit has two meanings, `when` tells them apart. */
export function bitTable(env: Arm64Env): BitTable {
  const b = arm64Bits(env);
  const { geometry, kernel } = env;
  const hardware = (
    name: string,
    mask: bigint,
    levels: readonly Level[],
    means: string,
    when?: string,
  ): BitTable[number] => ({
    name, mask, by: 'hardware', levels, means, source: ARM, ...(when !== undefined && { when }),
  }); // prettier-ignore
  const software = (
    name: string,
    mask: bigint,
    levels: readonly Level[],
    means: string,
    when?: string,
  ): BitTable[number] => ({
    name, mask, by: 'software', levels, means, source: HEADER, ...(when !== undefined && { when }),
  }); // prettier-ignore
  const overlaid = b.PTE_PRESENT_INVALID === PTE_NG;
  const table: BitTable = [
    hardware('PTE_VALID', PTE_VALID, ALL, 'the walker uses the entry'),
    hardware('PTE_TABLE_BIT', PTE_TABLE_BIT, UPPER, 'table, not block', 'valid'),
    hardware('PTE_PAGE', PTE_TABLE_BIT, ['pte'], 'page; reserved when clear', 'valid'),
    hardware('PTE_ATTRINDX', PTE_ATTRINDX_MASK, LEAVES, 'memory type index', 'leaf'),
    hardware('PTE_USER', PTE_USER, LEAVES, 'user accesses allowed', 'leaf'),
    hardware('PTE_RDONLY', PTE_RDONLY, LEAVES, 'writes not allowed', 'leaf'),
    hardware('PTE_SHARED', geometry.lpa2 ? 0n : PTE_SHARED, LEAVES, 'shareability', 'leaf'),
    hardware('PTE_AF', PTE_AF, kernel.has('arm64-table-af') ? ALL : LEAVES, 'young'),
    hardware('PTE_NG', PTE_NG, LEAVES, 'translation tagged with the ASID', 'valid leaf'),
    software('PTE_PRESENT_INVALID', overlaid ? PTE_NG : 0n, LEAVES, 'mapped, but not for the walker', 'not valid'),
    hardware('PTE_ADDR', b.PTE_ADDR_LOW, ALL, 'output address'),
    hardware('PTE_ADDR_HIGH', b.PTE_ADDR_HIGH, ALL, 'output address, top bits'),
    hardware('PTE_GP', kernel.has('arm64-bti') ? PTE_GP : 0n, LEAVES, 'guarded page', 'leaf'),
    hardware('PTE_DBM', b.PTE_WRITE === PTE_DBM ? PTE_DBM : 0n, LEAVES, 'PTE_WRITE: writable; clean while read-only', 'leaf'),
    software('PTE_WRITE', b.PTE_WRITE === PTE_DBM ? 0n : b.PTE_WRITE, LEAVES, 'writable', 'leaf'),
    hardware('PTE_CONT', PTE_CONT, LEAVES, 'one of a contiguous run', 'leaf'),
    hardware('PTE_PXN', PTE_PXN, LEAVES, 'no privileged execution', 'leaf'),
    hardware('PTE_UXN', PTE_UXN, LEAVES, 'no user execution', 'leaf'),
    software('PTE_DIRTY', PTE_DIRTY, LEAVES, 'written to', 'leaf'),
    software('PMD_SECT_SPLITTING', b.PMD_SECT_SPLITTING, ['pmd'], 'huge page is being split', 'leaf'),
    software('PTE_SPECIAL', PTE_SPECIAL, b.PMD_SECT_SPLITTING !== 0n ? ['pud', 'pte'] : LEAVES, 'no struct page', 'leaf'),
    software('PTE_DEVMAP', b.PTE_DEVMAP, LEAVES, 'device memory with struct pages', 'leaf'),
    software('PTE_PROT_NONE', b.PTE_PROT_NONE, LEAVES, 'mapped without access', 'not valid'),
    software('PTE_UFFD_WP', b.PTE_UFFD_WP, LEAVES, 'write-protected by userfaultfd', 'leaf'),
    software('PMD_PRESENT_INVALID', overlaid ? 0n : b.PTE_PRESENT_INVALID, BLOCKS, 'mapped, but not for the walker', 'not valid'),
    hardware('PTE_PO_IDX', kernel.has('arm64-poe') ? PTE_PO_IDX_MASK : 0n, LEAVES, 'permission overlay', 'leaf'),
    hardware('TABLE_PXN', PMD_TABLE_PXN, UPPER, 'no privileged execution below', 'table'),
    hardware('TABLE_UXN', PMD_TABLE_UXN, UPPER, 'no user execution below', 'table'),
    hardware('TABLE_AP', S1_TABLE_AP, UPPER, 'no user access (low bit), no write (high bit) below', 'table'),
    hardware('TABLE_NS', bit(63), UPPER, 'non-secure below', 'table'),
  ]; // prettier-ignore
  return table.filter((field) => field.mask !== 0n);
}

/** Kernel constants of the bits. `PMD_SECT_*` are the `PTE_*` of a pmd block. */
export function bitConstants(env: Arm64Env): Readonly<Record<string, bigint>> {
  const { kernel, geometry } = env;
  const b = arm64Bits(env);
  const levels = ['PMD', 'PUD', 'P4D'] as const;
  const generalised = kernel.has('b28c74e25967');
  return {
    PTE_VALID, PTE_TABLE_BIT, PTE_TYPE_MASK, PTE_TYPE_PAGE, PTE_USER, PTE_RDONLY, PTE_SHARED, PTE_AF, PTE_NG, PTE_GP,
    PTE_DBM, PTE_CONT, PTE_PXN, PTE_UXN, PTE_DIRTY, PTE_SPECIAL, PTE_ATTRINDX_MASK,
    PTE_WRITE: b.PTE_WRITE,
    PTE_ADDR_LOW: b.PTE_ADDR_LOW,
    ...(!kernel.has('arm64-lpa2') && { PTE_ADDR_MASK: b.PTE_ADDR_LOW | b.PTE_ADDR_HIGH }),
    ...(geometry.paBits === 52 && { PTE_ADDR_HIGH: b.PTE_ADDR_HIGH }),
    ...(kernel.has('arm64-pte-devmap') && { PTE_DEVMAP: b.PTE_DEVMAP }),
    ...(b.PTE_PROT_NONE !== 0n && { PTE_PROT_NONE: b.PTE_PROT_NONE }),
    ...(generalised && { PTE_PRESENT_INVALID: b.PTE_PRESENT_INVALID }),
    ...(!generalised && b.PTE_PRESENT_INVALID !== 0n && { PMD_PRESENT_INVALID: b.PTE_PRESENT_INVALID }),
    ...(b.PTE_UFFD_WP !== 0n && { PTE_UFFD_WP: b.PTE_UFFD_WP, PTE_SWP_UFFD_WP: b.PTE_SWP_UFFD_WP }),
    ...(b.PTE_SWP_EXCLUSIVE !== 0n && { PTE_SWP_EXCLUSIVE: b.PTE_SWP_EXCLUSIVE }),
    ...(kernel.has('arm64-poe') && { PTE_PO_IDX_MASK }),
    ...Object.fromEntries(levels.flatMap((level) => [
      [`${level}_TYPE_MASK`, PMD_TYPE_MASK], [`${level}_TYPE_TABLE`, PMD_TYPE_TABLE],
      [`${level}_TYPE_SECT`, PMD_TYPE_SECT], [`${level}_TABLE_BIT`, PMD_TABLE_BIT],
      [`${level}_TABLE_PXN`, PMD_TABLE_PXN], [`${level}_TABLE_UXN`, PMD_TABLE_UXN],
      [`${level}_SECT_RDONLY`, PTE_RDONLY],
    ])),
    PMD_ATTRINDX_MASK: PTE_ATTRINDX_MASK,
    PMD_SECT_USER: PTE_USER, PMD_SECT_S: PTE_SHARED, PMD_SECT_AF: PTE_AF, PMD_SECT_NG: PTE_NG,
    PMD_SECT_CONT: PTE_CONT, PMD_SECT_PXN: PTE_PXN, PMD_SECT_UXN: PTE_UXN,
    ...(b.PMD_SECT_SPLITTING !== 0n && { PMD_SECT_SPLITTING: b.PMD_SECT_SPLITTING }),
  }; // prettier-ignore
}

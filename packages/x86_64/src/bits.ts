/**
 * The bits of an x86_64 entry. What every release agrees on is a constant; what a release or the configuration decides
 * is a field of `X86Bits`, 0 where the build has no such bit, as in the kernel's headers.
 */
import { type BitTable, bit, bits, type Env, type Level } from '@ptemu/arch';

/** P: the walker uses the entry. @see Linux arch/x86/include/asm/pgtable_types.h (6.12.117); Intel SDM vol. 3A, 5.5.4 */
export const _PAGE_PRESENT: bigint = bit(0);
/** R/W: writes are allowed. Hardware; all levels. */
export const _PAGE_RW: bigint = bit(1);
/** U/S: user-mode accesses are allowed. Hardware; all levels. */
export const _PAGE_USER: bigint = bit(2);
/** PWT. Hardware; all levels. */
export const _PAGE_PWT: bigint = bit(3);
/** PCD. Hardware; all levels. */
export const _PAGE_PCD: bigint = bit(4);
/** A: set by the walker, in tables too. */
export const _PAGE_ACCESSED: bigint = bit(5);
/** D: set by the walker in leaves. */
export const _PAGE_DIRTY: bigint = bit(6);
/** PS: a pmd or pud entry maps a page. */
export const _PAGE_PSE: bigint = bit(7);
/** PAT of a pte entry. */
export const _PAGE_PAT: bigint = bit(7);
/** G: the translation is global. Only while P is set; see `_PAGE_PROTNONE`. */
export const _PAGE_GLOBAL: bigint = bit(8);
/** The same bit while P is clear: mapped, but no access is allowed. Software. */
export const _PAGE_PROTNONE: bigint = bit(8);
/** Software bit 1: a pte without a struct page (and a pmd or pud from 6.12 on). */
export const _PAGE_SPECIAL: bigint = bit(9);
/** PAT of a large page. */
export const _PAGE_PAT_LARGE: bigint = bit(12);
/** Protection key. Hardware when CR4.PKE is set. */
export const _PAGE_PKEY_MASK: bigint = bits(59, 62);
/** XD: instruction fetches are not allowed. Hardware; all levels. */
export const _PAGE_NX: bigint = bit(63);
/** What the kernel puts into an entry that points to a kernel table. */
export const _KERNPG_TABLE: bigint = _PAGE_PRESENT | _PAGE_RW | _PAGE_ACCESSED | _PAGE_DIRTY;
/** What the kernel puts into an entry that points to a user table: 0x67. */
export const _PAGE_TABLE: bigint = _KERNPG_TABLE | _PAGE_USER;
/** Frame of a pte, or of a table. @see Linux arch/x86/include/asm/pgtable_types.h, `PTE_PFN_MASK` (6.12.117) */
export const PTE_PFN_MASK: bigint = bits(12, 51);
/** Frame of a 2 MiB leaf. @see Linux arch/x86/include/asm/page_types.h (6.12.117) */
export const PHYSICAL_PMD_PAGE_MASK: bigint = bits(21, 51);
/** Frame of a 1 GiB leaf. @see Linux arch/x86/include/asm/page_types.h (6.12.117) */
export const PHYSICAL_PUD_PAGE_MASK: bigint = bits(30, 51);

/** The bits that a release or the configuration decides; 0 where there is none. */
export interface X86Bits {
  readonly _PAGE_SOFT_DIRTY: bigint;
  readonly _PAGE_UFFD_WP: bigint;
  readonly _PAGE_DEVMAP: bigint;
  /** The dirty state of an entry that may not be written; keeps RW=0, D=1 for shadow stacks. */
  readonly _PAGE_SAVED_DIRTY: bigint;
  readonly _PAGE_DIRTY_BITS: bigint;
  readonly _PAGE_SPLITTING: bigint;
  /** 3.16: a NUMA hinting entry (its own bit); 0 where PROTNONE says it. */
  readonly _PAGE_NUMA: bigint;
  readonly _PAGE_SWP_SOFT_DIRTY: bigint;
  readonly _PAGE_SWP_UFFD_WP: bigint;
  readonly _PAGE_SWP_EXCLUSIVE: bigint;
  /** A and D, which some processors set in entries that are not present; ignored by the `none` tests. */
  readonly _PAGE_KNL_ERRATUM_MASK: bigint;
  /** What `pte_modify` keeps. */
  readonly _PAGE_CHG_MASK: bigint;
  /** What `pmd_modify` and `pud_modify` keep. */
  readonly _HPAGE_CHG_MASK: bigint;
}

/** The bits of one build. @see Linux arch/x86/include/asm/pgtable_types.h (6.1.192, 6.12.117); fact sheet 6.1 */
export function x86Bits({ kernel, config }: Pick<Env, 'kernel' | 'config'>): X86Bits {
  const when = (condition: boolean, mask: bigint): bigint => (condition ? mask : 0n);
  const softDirty = kernel.has('x86-soft-dirty') && config['MEM_SOFT_DIRTY'] === true;
  const uffdWp = kernel.has('x86-uffd-wp') && config['USERFAULTFD'] === true;
  const savedDirty = kernel.has('x86-saved-dirty');
  const devmap = kernel.has('x86-pte-devmap') && !kernel.has('x86-devmap-removed');
  const _PAGE_SOFT_DIRTY = when(softDirty, bit(11));
  const _PAGE_UFFD_WP = when(uffdWp, bit(10));
  const _PAGE_DEVMAP = when(devmap, savedDirty ? bit(57) : bit(58));
  const _PAGE_SAVED_DIRTY = when(savedDirty, bit(58));
  const common =
    PTE_PFN_MASK |
    _PAGE_PCD |
    _PAGE_PWT |
    _PAGE_SPECIAL |
    _PAGE_ACCESSED |
    _PAGE_DIRTY |
    _PAGE_SAVED_DIRTY |
    _PAGE_SOFT_DIRTY |
    _PAGE_DEVMAP |
    _PAGE_UFFD_WP;
  return {
    _PAGE_SOFT_DIRTY,
    _PAGE_UFFD_WP,
    _PAGE_DEVMAP,
    _PAGE_SAVED_DIRTY,
    _PAGE_DIRTY_BITS: _PAGE_DIRTY | _PAGE_SAVED_DIRTY,
    _PAGE_SPLITTING: when(
      !kernel.has('pmd-splitting-removed'),
      kernel.has('x86-splitting-softw2') ? bit(10) : bit(9),
    ),
    _PAGE_NUMA: when(kernel.has('x86-numa-own-bit') && config['NUMA_BALANCING'] === true, bit(9)),
    _PAGE_SWP_SOFT_DIRTY: when(softDirty, kernel.has('x86-swp-soft-dirty-rw') ? _PAGE_RW : _PAGE_PSE),
    _PAGE_SWP_UFFD_WP: when(uffdWp, _PAGE_USER),
    _PAGE_SWP_EXCLUSIVE: when(kernel.has('x86-swp-exclusive'), _PAGE_PWT),
    _PAGE_KNL_ERRATUM_MASK: when(kernel.has('x86-none-ignores-ad'), _PAGE_ACCESSED | _PAGE_DIRTY),
    _PAGE_CHG_MASK: common | _PAGE_PAT,
    _HPAGE_CHG_MASK: common | _PAGE_PSE | _PAGE_PAT_LARGE,
  };
}

const ALL: readonly Level[] = ['pgd', 'p4d', 'pud', 'pmd', 'pte'];
const TABLES: readonly Level[] = ['pgd', 'p4d', 'pud', 'pmd'];
const LARGE: readonly Level[] = ['pud', 'pmd'];
const LEAVES: readonly Level[] = ['pud', 'pmd', 'pte'];
const HEADER = 'Linux arch/x86/include/asm/pgtable_types.h (6.12.117)';
const SDM = 'Intel SDM vol. 3A, 5.5.4, tables of the formats of paging-structure entries';

/** Every bit once, for decoding. Where one bit has two meanings, `when` tells them apart. */
export function bitTable(env: Pick<Env, 'kernel' | 'config'>): BitTable {
  const b = x86Bits(env);
  const hardware = (
    name: string,
    mask: bigint,
    levels: readonly Level[],
    means: string,
    when?: string,
  ): BitTable[number] => ({
    name, mask, by: 'hardware', levels, means, source: SDM, ...(when !== undefined && { when }),
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
  const table: BitTable = [
    hardware('_PAGE_PRESENT', _PAGE_PRESENT, ALL, 'the walker uses the entry'),
    hardware('_PAGE_RW', _PAGE_RW, ALL, 'writes allowed', 'present'),
    hardware('_PAGE_USER', _PAGE_USER, ALL, 'user-mode accesses allowed', 'present'),
    hardware('_PAGE_PWT', _PAGE_PWT, ALL, 'memory type, low bit', 'present'),
    hardware('_PAGE_PCD', _PAGE_PCD, ALL, 'memory type, middle bit', 'present'),
    hardware('_PAGE_ACCESSED', _PAGE_ACCESSED, ALL, 'used for a translation'),
    hardware('_PAGE_DIRTY', _PAGE_DIRTY, ALL, 'written to', 'leaf'),
    hardware('_PAGE_PSE', _PAGE_PSE, LARGE, 'maps a page'),
    hardware('_PAGE_PAT', _PAGE_PAT, ['pte'], 'memory type, high bit', 'present'),
    hardware('_PAGE_GLOBAL', _PAGE_GLOBAL, LEAVES, 'translation is global', 'present leaf'),
    software('_PAGE_PROTNONE', _PAGE_PROTNONE, LEAVES, 'mapped without access', 'not present'),
    software('_PAGE_SPECIAL', _PAGE_SPECIAL, LEAVES, 'no struct page'),
    software('_PAGE_SPLITTING', b._PAGE_SPLITTING, ['pmd'], 'huge page is being split', 'leaf'),
    software('_PAGE_NUMA', b._PAGE_NUMA, ['pmd', 'pte'], 'NUMA hinting fault', 'not present'),
    software('_PAGE_UFFD_WP', b._PAGE_UFFD_WP, LEAVES, 'write-protected by userfaultfd'),
    software('_PAGE_SOFT_DIRTY', b._PAGE_SOFT_DIRTY, LEAVES, 'written to since last asked'),
    hardware('_PAGE_PAT_LARGE', _PAGE_PAT_LARGE, LARGE, 'memory type, high bit', 'leaf'),
    hardware('TABLE_ADDRESS', PTE_PFN_MASK, TABLES, 'frame of the next table', 'table'),
    hardware('PTE_PFN', PTE_PFN_MASK, ['pte'], 'frame; inverted when not present'),
    hardware('PMD_PFN', PHYSICAL_PMD_PAGE_MASK, ['pmd'], 'frame; inverted when not present', 'leaf'),
    hardware('PUD_PFN', PHYSICAL_PUD_PAGE_MASK, ['pud'], 'frame; inverted when not present', 'leaf'),
    software('_PAGE_DEVMAP', b._PAGE_DEVMAP, LEAVES, 'device memory with struct pages'),
    software('_PAGE_SAVED_DIRTY', b._PAGE_SAVED_DIRTY, LEAVES, 'dirty, kept while not writable'),
    hardware(
      '_PAGE_PKEY',
      env.kernel.has('x86-pkeys') ? _PAGE_PKEY_MASK : 0n,
      LEAVES,
      'protection key',
      'leaf',
    ),
    hardware('_PAGE_NX', _PAGE_NX, ALL, 'instruction fetches not allowed'),
  ];
  return table.filter((field) => field.mask !== 0n);
}

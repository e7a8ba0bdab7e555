/**
 * The bits of a book3s64 entry.
 *
 * Linux entries changed place three times: up to 4.4 and in 4.5 they followed the hash table's words, from 4.7 on they are
 * what the radix tree of ISA 3.0 prescribes, and hash keeps its own marks in bits that radix does not use; those marks
 * moved again in 4.12, 4.16 and around 5.10. So every bit is a field of `PpcBits`, 0 where a build has none, and the
 * constants below are those of the present format, which hash and radix share since 4.7.
 */
import {
  type BitTable,
  bit,
  bits,
  ibmBit,
  ibmBits,
  type Kernel,
  type KernelConfig,
  type Level,
} from '@ptemu/arch';
import type { PpcEnv, PpcPage } from './env.js';

/** V: the entry is valid (bit 0 in the manual's count). Hardware; all levels. @see Power ISA 3.0B Book III, 5.7.10.2; Linux arch/powerpc/include/asm/book3s/64/pgtable.h (6.12.117) */
export const _PAGE_PRESENT: bigint = ibmBit(0);
/** L: the entry is a leaf, not a pointer to a table (bit 1). Hardware; all levels. */
export const _PAGE_PTE: bigint = ibmBit(1);
/** Marks an entry that Linux made invalid for a while: a pmd being split. Software bit 0 (bit 2). Linux 4.20+. */
export const _PAGE_INVALID: bigint = ibmBit(2);
/** EAA bit 3: instruction fetches are allowed (bit 63). Hardware. */
export const _PAGE_EXEC: bigint = ibmBit(63);
/** EAA bit 2: writes are allowed (bit 62). Hardware. */
export const _PAGE_WRITE: bigint = ibmBit(62);
/** EAA bit 1: reads are allowed (bit 61). Hardware. */
export const _PAGE_READ: bigint = ibmBit(61);
/** EAA bit 0: problem state (user mode) has no access (bit 60). Hardware. */
export const _PAGE_PRIVILEGED: bigint = ibmBit(60);
/** ATT 01: strong access order. Hardware. */
export const _PAGE_SAO: bigint = bit(4);
/** ATT 10: non-idempotent I/O. Hardware. */
export const _PAGE_NON_IDEMPOTENT: bigint = bit(5);
/** ATT 11: tolerant I/O, caching inhibited. Hardware. */
export const _PAGE_TOLERANT: bigint = bit(4) | bit(5);
/** C: changed (bit 56). Hardware, where it records it; else a fault asks Linux to. */
export const _PAGE_DIRTY: bigint = ibmBit(56);
/** R: referenced (bit 55). Hardware, where it records it; else a fault asks Linux to. */
export const _PAGE_ACCESSED: bigint = ibmBit(55);
/** Software bit 3: written since soft-dirty was last cleared. */
export const _PAGE_SOFT_DIRTY: bigint = bit(9);
/** Software bit 2: no struct page behind it. */
export const _PAGE_SPECIAL: bigint = bit(10);
/** Software bit 1: ZONE_DEVICE memory. Linux 4.13 to 6.14. */
export const _PAGE_DEVMAP: bigint = bit(11);
/** NLB: next level base, a table's address (bits 4 to 55). Hardware; table entries. @see Power ISA 3.0B Book III, 5.7.10.2 */
export const RADIX_NLB_MASK: bigint = ibmBits(4, 55);
/** NLS: log2 of the entries of the table pointed to (bits 59 to 63). Hardware; table entries. */
export const RADIX_NLS_MASK: bigint = ibmBits(59, 63);
/** RPN: real page number as the radix walker reads it (bits 7 to 51); a leaf above the last level uses its upper part. */
export const RADIX_RPN_MASK: bigint = ibmBits(7, 51);

/** The bits of one build, under the kernel's names; 0 where there is none. */
export interface PpcBits {
  /** `3.16`: up to 4.4; `4.5`; `radix`: 4.7 and later. */
  readonly format: '3.16' | '4.5' | 'radix';
  readonly _PAGE_PRESENT: bigint;
  readonly _PAGE_PTE: bigint;
  readonly _PAGE_INVALID: bigint;
  readonly _PAGE_USER: bigint;
  readonly _PAGE_PRIVILEGED: bigint;
  readonly _PAGE_EXEC: bigint;
  readonly _PAGE_WRITE: bigint;
  readonly _PAGE_READ: bigint;
  readonly _PAGE_DIRTY: bigint;
  readonly _PAGE_ACCESSED: bigint;
  readonly _PAGE_SPECIAL: bigint;
  readonly _PAGE_SPLITTING: bigint;
  readonly _PAGE_DEVMAP: bigint;
  readonly _PAGE_SOFT_DIRTY: bigint;
  readonly _PAGE_SWP_SOFT_DIRTY: bigint;
  readonly _PAGE_SWP_EXCLUSIVE: bigint;
  readonly _PAGE_CACHE_CTL: bigint;
  readonly _PAGE_TOLERANT: bigint;
  readonly _PAGE_NON_IDEMPOTENT: bigint;
  /** Hash: an HPTE may exist for this entry. In the 3.16 format several bits, one per sub-page. */
  readonly H_PAGE_HASHPTE: bigint;
  /** Hash: the entry is locked by the low-level fault handler. */
  readonly H_PAGE_BUSY: bigint;
  /** Hash, 64K pages: the HPTEs are of 4K. */
  readonly H_PAGE_COMBO: bigint;
  readonly H_PAGE_4K_PFN: bigint;
  /** Hash: a transparent huge page, not hugetlb. */
  readonly H_PAGE_THP_HUGE: bigint;
  readonly H_PAGE_F_SECOND: bigint;
  readonly H_PAGE_F_GIX: bigint;
  /** What hash keeps in an entry about its HPTEs; `set_pte_at` on hash clears it. */
  readonly _PAGE_HPTEFLAGS: bigint;
  readonly PTE_RPN_MASK: bigint;
  readonly PTE_RPN_SHIFT: number;
  /** What `pte_modify` keeps. */
  readonly _PAGE_CHG_MASK: bigint;
  /** What `pmd_modify` and `pud_modify` keep. */
  readonly _HPAGE_CHG_MASK: bigint;
}

interface Options {
  readonly kernel: Kernel;
  readonly config: KernelConfig;
  readonly page: PpcPage;
}

/** The bits of one build: hash and radix of one page size share them, as the kernel's headers do. */
export function ppcBits(options: Options): PpcBits {
  const { kernel } = options;
  if (kernel.has('ppc-pte-format-radix')) return radixFormat(options);
  return kernel.has('ppc-pte-format-4.5') ? format45(options) : format316();
}

/**
 * 4.7 and later.
 * @see Linux arch/powerpc/include/asm/book3s/64/pgtable.h, hash-4k.h, hash-64k.h (6.1.192, 6.12.117); fact sheet 8.2
 */
function radixFormat({ kernel, config, page }: Options): PpcBits {
  const devmap = kernel.has('ppc-devmap') && !kernel.has('ppc-devmap-removed');
  const softDirty = config['MEM_SOFT_DIRTY'] === true;
  const PTE_RPN_SHIFT = page === '4k' ? 12 : 16;
  const PTE_RPN_MASK = bits(PTE_RPN_SHIFT, kernel.has('ppc-hash-format-4.12') ? 52 : 56);
  const hash = page === '4k' ? hash4k(kernel) : hash64k(kernel);
  const _PAGE_HPTEFLAGS =
    hash.H_PAGE_BUSY | hash.H_PAGE_HASHPTE | hash.H_PAGE_COMBO | hash.H_PAGE_F_SECOND | hash.H_PAGE_F_GIX;
  const _PAGE_DEVMAP_NOW = devmap ? _PAGE_DEVMAP : 0n;
  const kept =
    PTE_RPN_MASK |
    _PAGE_HPTEFLAGS |
    _PAGE_DIRTY |
    _PAGE_ACCESSED |
    _PAGE_PTE |
    _PAGE_SOFT_DIRTY |
    _PAGE_DEVMAP_NOW;
  return {
    format: 'radix',
    _PAGE_PRESENT,
    _PAGE_PTE,
    _PAGE_INVALID: kernel.has('bd0dbb73e013') ? _PAGE_INVALID : 0n,
    _PAGE_USER: 0n,
    _PAGE_PRIVILEGED,
    _PAGE_EXEC,
    _PAGE_WRITE,
    _PAGE_READ,
    _PAGE_DIRTY,
    _PAGE_ACCESSED,
    _PAGE_SPECIAL,
    _PAGE_SPLITTING: 0n,
    _PAGE_DEVMAP: _PAGE_DEVMAP_NOW,
    _PAGE_SOFT_DIRTY,
    _PAGE_SWP_SOFT_DIRTY: softDirty ? _PAGE_SOFT_DIRTY : 0n,
    _PAGE_SWP_EXCLUSIVE: _PAGE_NON_IDEMPOTENT,
    _PAGE_CACHE_CTL: _PAGE_TOLERANT,
    _PAGE_TOLERANT,
    _PAGE_NON_IDEMPOTENT,
    ...hash,
    H_PAGE_THP_HUGE: hash.H_PAGE_4K_PFN,
    _PAGE_HPTEFLAGS,
    PTE_RPN_MASK,
    PTE_RPN_SHIFT,
    _PAGE_CHG_MASK: kept | _PAGE_SPECIAL,
    _HPAGE_CHG_MASK: kept | hash.H_PAGE_4K_PFN,
  };
}

type HashMarks = Pick<
  PpcBits,
  'H_PAGE_BUSY' | 'H_PAGE_HASHPTE' | 'H_PAGE_COMBO' | 'H_PAGE_4K_PFN' | 'H_PAGE_F_SECOND' | 'H_PAGE_F_GIX'
>;

/** Hash marks of 64K pages. The group and slot of an HPTE moved out of the entry with the memory keys. */
function hash64k(kernel: Kernel): HashMarks {
  const pages = { H_PAGE_COMBO: bit(12), H_PAGE_4K_PFN: bit(13) };
  const inEntry = marksInEntry(kernel);
  if (!kernel.has('ppc-hash-format-pkeys')) return { ...pages, ...inEntry };
  const H_PAGE_BUSY = kernel.has('ppc-hash-format-rsv1') ? bit(6) : bit(56);
  return { ...pages, H_PAGE_BUSY, H_PAGE_HASHPTE: bit(55), H_PAGE_F_SECOND: 0n, H_PAGE_F_GIX: 0n };
}

/** Hash marks of 4K pages, which have no second half of the table to keep an HPTE's slot in. */
function hash4k(kernel: Kernel): HashMarks {
  const pages = { H_PAGE_COMBO: 0n, H_PAGE_4K_PFN: 0n };
  if (!kernel.has('ppc-hash-format-pkeys')) return { ...pages, ...marksInEntry(kernel) };
  const slot = { H_PAGE_F_SECOND: bit(56), H_PAGE_F_GIX: bits(53, 55) };
  return kernel.has('ppc-hash-format-rsv1')
    ? { ...pages, ...slot, H_PAGE_BUSY: bit(6), H_PAGE_HASHPTE: bit(60) }
    : { ...pages, ...slot, H_PAGE_BUSY: bit(60), H_PAGE_HASHPTE: bit(59) };
}

/** 4.7 to 4.15: lock, mark, secondary and slot of the HPTE all lie in the entry, on both page sizes. */
function marksInEntry(kernel: Kernel): Omit<HashMarks, 'H_PAGE_COMBO' | 'H_PAGE_4K_PFN'> {
  return kernel.has('ppc-hash-format-4.12')
    ? {
        H_PAGE_BUSY: bit(60),
        H_PAGE_HASHPTE: bit(55),
        H_PAGE_F_SECOND: bit(59),
        H_PAGE_F_GIX: bits(56, 58),
      }
    : {
        H_PAGE_BUSY: bit(11),
        H_PAGE_HASHPTE: bit(61),
        H_PAGE_F_SECOND: bit(60),
        H_PAGE_F_GIX: bits(57, 59),
      };
}

/** Bits that have one place from 3.16 to 4.5; these formats are modelled for 64K pages, the only ones with THP. */
const OLD = {
  _PAGE_INVALID: 0n,
  _PAGE_PRIVILEGED: 0n,
  _PAGE_READ: 0n,
  _PAGE_WRITE: bit(9),
  _PAGE_DIRTY: bit(7),
  _PAGE_ACCESSED: bit(8),
  _PAGE_DEVMAP: 0n,
  _PAGE_SWP_EXCLUSIVE: 0n,
  /** NO_CACHE. */
  _PAGE_TOLERANT: bit(5),
  H_PAGE_BUSY: bit(11),
  H_PAGE_F_GIX: bits(12, 14),
  H_PAGE_F_SECOND: bit(15),
  PTE_RPN_SHIFT: 30,
  PTE_RPN_MASK: bits(30, 63),
};

/** 4.5: a leaf bit joins, what is below it moves up. @see fact sheet 8.2; Linux arch/powerpc/include/asm/book3s/64/hash.h, hash-64k.h (4.5) */
function format45({ config }: Options): PpcBits {
  const H_PAGE_HASHPTE = bit(10);
  const H_PAGE_COMBO = bit(18);
  const H_PAGE_4K_PFN = bit(19);
  const _PAGE_SOFT_DIRTY = config['MEM_SOFT_DIRTY'] === true ? bit(17) : 0n;
  const _PAGE_SPECIAL = bit(16);
  const _PAGE_HPTEFLAGS =
    OLD.H_PAGE_BUSY | OLD.H_PAGE_F_SECOND | OLD.H_PAGE_F_GIX | H_PAGE_HASHPTE | H_PAGE_COMBO;
  const kept =
    OLD.PTE_RPN_MASK | _PAGE_HPTEFLAGS | OLD._PAGE_DIRTY | OLD._PAGE_ACCESSED | bit(0) | _PAGE_SOFT_DIRTY;
  return {
    ...OLD,
    format: '4.5',
    _PAGE_PTE: bit(0),
    _PAGE_PRESENT: bit(1),
    _PAGE_USER: bit(2),
    _PAGE_EXEC: bit(3),
    _PAGE_NON_IDEMPOTENT: bit(5) | bit(4),
    _PAGE_CACHE_CTL: bits(4, 6),
    _PAGE_SPECIAL,
    _PAGE_SPLITTING: 0n,
    _PAGE_SOFT_DIRTY,
    _PAGE_SWP_SOFT_DIRTY: _PAGE_SOFT_DIRTY,
    H_PAGE_HASHPTE,
    H_PAGE_COMBO,
    H_PAGE_4K_PFN,
    H_PAGE_THP_HUGE: H_PAGE_4K_PFN,
    _PAGE_HPTEFLAGS,
    _PAGE_CHG_MASK: kept | _PAGE_SPECIAL,
    _HPAGE_CHG_MASK: kept | H_PAGE_4K_PFN,
  };
}

/** Up to 4.4. @see fact sheet 8.2; Linux arch/powerpc/include/asm/pte-hash64.h, pte-hash64-64k.h (3.16) */
function format316(): PpcBits {
  /** One mark per 4K sub-page; any of them says that an HPTE may exist. */
  const H_PAGE_HASHPTE = bits(12, 27);
  const H_PAGE_COMBO = bit(28);
  const H_PAGE_4K_PFN = bit(29);
  const _PAGE_SPECIAL = bit(10);
  const _PAGE_HPTEFLAGS = OLD.H_PAGE_BUSY | H_PAGE_HASHPTE | H_PAGE_COMBO;
  const kept = OLD.PTE_RPN_MASK | _PAGE_HPTEFLAGS | OLD._PAGE_DIRTY | OLD._PAGE_ACCESSED | _PAGE_SPECIAL;
  return {
    ...OLD,
    format: '3.16',
    _PAGE_PTE: 0n,
    _PAGE_PRESENT: bit(0),
    _PAGE_USER: bit(1),
    _PAGE_EXEC: bit(2),
    _PAGE_NON_IDEMPOTENT: bit(5) | bit(3),
    _PAGE_CACHE_CTL: bits(3, 6),
    _PAGE_SPECIAL,
    _PAGE_SPLITTING: _PAGE_SPECIAL,
    _PAGE_SOFT_DIRTY: 0n,
    _PAGE_SWP_SOFT_DIRTY: 0n,
    H_PAGE_HASHPTE,
    H_PAGE_COMBO,
    H_PAGE_4K_PFN,
    H_PAGE_THP_HUGE: H_PAGE_4K_PFN,
    _PAGE_HPTEFLAGS,
    _PAGE_CHG_MASK: kept,
    _HPAGE_CHG_MASK: kept | H_PAGE_4K_PFN,
  };
}

const HEADER =
  'Linux arch/powerpc/include/asm/book3s/64/pgtable.h, hash-64k.h, hash-4k.h (6.12.117); fact sheet 8.2';
const ISA = 'Power ISA 3.0B Book III, 5.7.10.2 (radix tree entries)';

const TABLES: readonly Level[] = ['pgd', 'p4d', 'pud', 'pmd'];
const LEAVES: readonly Level[] = ['pud', 'pmd', 'pte'];
const HUGE: readonly Level[] = ['pud', 'pmd'];
const ALL: readonly Level[] = ['pgd', 'p4d', 'pud', 'pmd', 'pte'];

/**
 * Every bit of a build once. On hash the hardware reads none of them: the fault handler makes an HPTE of them.
 */
export function bitTable(env: Pick<PpcEnv, 'mmu' | 'bits'>): BitTable {
  const { mmu, bits: b } = env;
  const field =
    (by: 'hardware' | 'software', source: string) =>
    (
      name: string,
      mask: bigint,
      levels: readonly Level[],
      means: string,
      when?: string,
    ): BitTable[number] => ({
      name,
      mask,
      by,
      levels,
      means,
      source,
      ...(when !== undefined && { when }),
    });
  const software = field('software', HEADER);
  const hardware = mmu === 'radix' ? field('hardware', ISA) : software;
  const hash = (mask: bigint): bigint => (mmu === 'hash' ? mask : 0n);
  const whole = b.format === 'radix';
  const table: BitTable = [
    hardware('_PAGE_PRESENT', b._PAGE_PRESENT, whole ? ALL : LEAVES, 'valid'),
    hardware('_PAGE_PTE', b._PAGE_PTE, whole ? ALL : LEAVES, 'leaf, not a table'),
    software('_PAGE_INVALID', b._PAGE_INVALID, LEAVES, 'made invalid for a while', 'not present'),
    software('_PAGE_USER', b._PAGE_USER, LEAVES, 'user-mode accesses allowed'),
    hardware('_PAGE_PRIVILEGED', b._PAGE_PRIVILEGED, LEAVES, 'user-mode accesses not allowed', 'leaf'),
    hardware('_PAGE_READ', b._PAGE_READ, LEAVES, 'reads allowed', 'leaf'),
    hardware('_PAGE_WRITE', b._PAGE_WRITE, LEAVES, 'writes allowed', 'leaf'),
    hardware('_PAGE_EXEC', b._PAGE_EXEC, LEAVES, 'instruction fetches allowed', 'leaf'),
    hardware('_PAGE_CACHE_CTL', b._PAGE_CACHE_CTL, LEAVES, 'storage attributes', 'leaf'),
    hardware('_PAGE_DIRTY', b._PAGE_DIRTY, LEAVES, 'written to', 'leaf'),
    hardware('_PAGE_ACCESSED', b._PAGE_ACCESSED, LEAVES, 'used for a translation', 'leaf'),
    software('_PAGE_SOFT_DIRTY', b._PAGE_SOFT_DIRTY, LEAVES, 'written to since last asked', 'leaf'),
    software('_PAGE_SPLITTING', b._PAGE_SPLITTING, ['pmd'], 'huge page is being split', 'leaf'),
    software('_PAGE_SPECIAL', b._PAGE_SPECIAL, whole ? LEAVES : ['pte'], 'no struct page', 'leaf'),
    software('_PAGE_DEVMAP', b._PAGE_DEVMAP, LEAVES, 'device memory with struct pages', 'leaf'),
    software('H_PAGE_BUSY', hash(b.H_PAGE_BUSY), LEAVES, 'locked by the low-level fault handler', 'leaf'),
    software('H_PAGE_HASHPTE', hash(b.H_PAGE_HASHPTE), LEAVES, 'an HPTE may exist', 'leaf'),
    software('H_PAGE_COMBO', hash(b.H_PAGE_COMBO), LEAVES, 'HPTEs are of 4K', 'leaf'),
    software('H_PAGE_THP_HUGE', hash(b.H_PAGE_THP_HUGE), HUGE, 'transparent, not hugetlb', 'leaf'),
    software('H_PAGE_4K_PFN', hash(b.H_PAGE_4K_PFN), ['pte'], 'frame number of a 4K page', 'leaf'),
    software('H_PAGE_F_SECOND', hash(b.H_PAGE_F_SECOND), ['pte'], 'HPTE in the secondary group', 'leaf'),
    software('H_PAGE_F_GIX', hash(b.H_PAGE_F_GIX), ['pte'], 'slot of the HPTE in its group', 'leaf'),
    hardware('PTE_RPN', b.PTE_RPN_MASK, LEAVES, 'frame', 'leaf'),
    hardware('TABLE_ADDRESS', RADIX_NLB_MASK, TABLES, 'address of the next table', 'table'),
    hardware('NLS', mmu === 'radix' ? RADIX_NLS_MASK : 0n, TABLES, 'log2 of its entries', 'table'),
  ];
  return table.filter(({ mask }) => mask !== 0n);
}

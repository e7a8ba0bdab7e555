/** Helpers of pmd entries. Memory is not written and no TLB entry is flushed by any of them. */
import { type PmdHelpers, KernelBug, __pmd, __pgprot, completePmd, swapPmdHelpers, type Pmd, type PteHelpers, type SwapOps } from '@ptemu/arch'; // prettier-ignore
import type { PpcEnv } from './env.js';
import { indexSizes, tableBytes } from './layout.js';

/** One state of a pmd, as the 6.12 radix kernel with 64K pages stores it, and what its helpers answer. */
export interface PmdState {
  readonly name: string;
  /** On hash a huge state has `H_PAGE_THP_HUGE` (b13) too, and a table has no size in its low bits. */
  readonly entry: bigint;
  readonly none: boolean;
  readonly present: boolean;
  readonly trans_huge: boolean;
  readonly bad: boolean;
  /** Hash calls bad what has low bits. */
  readonly badOnHash: boolean;
  readonly protnone: boolean;
  readonly serializing: boolean;
  /** Absent where the bits mean something else. */
  readonly leaf?: { readonly young: boolean; readonly dirty: boolean; readonly write: boolean };
}

const huge = (name: string, entry: bigint, write: boolean, young: boolean, dirty: boolean): PmdState => ({
  name, entry, none: false, present: true, trans_huge: true, bad: true, badOnHash: (entry & 0xfffn) !== 0n,
  protnone: name.startsWith('prot-none'), serializing: name.startsWith('invalidated'),
  leaf: { young, dirty, write },
}); // prettier-ignore

/**
 * All states of a pmd that maps, or once mapped, a user page at 0x4000_0000 without execute permission.
 *
 * P PRESENT b63, L leaf b62, I INVALID b61; C b7 dirty, R b8 young; READ b2, WRITE b1. Invalidated: P gives way to I.
 */
export const PMD_STATES: readonly PmdState[] = [
  {
    name: 'none', entry: 0n, none: true, present: false, trans_huge: false, bad: false, badOnHash: false,
    protnone: false, serializing: false,
  },
  {
    name: 'table', entry: 0x8000_0000_5000_0005n, none: false, present: true, trans_huge: false, bad: false,
    badOnHash: false, protnone: false, serializing: false,
  },
  {
    name: 'migration, writable', entry: 0x4000_0000_4000_001an, none: false, present: false, trans_huge: false,
    bad: true, badOnHash: true, protnone: false, serializing: false,
  },
  huge('huge RW young dirty', 0xc000_0000_4000_0186n, true, true, true),
  huge('huge RW young clean', 0xc000_0000_4000_0106n, true, true, false),
  huge('huge RW old dirty', 0xc000_0000_4000_0086n, true, false, true),
  huge('huge RW old clean', 0xc000_0000_4000_0006n, true, false, false),
  huge('huge RO young dirty', 0xc000_0000_4000_0184n, false, true, true),
  huge('huge RO young clean', 0xc000_0000_4000_0104n, false, true, false),
  huge('huge RO old dirty', 0xc000_0000_4000_0084n, false, false, true),
  huge('huge RO old clean', 0xc000_0000_4000_0004n, false, false, false),
  huge('invalidated RW young dirty', 0x6000_0000_4000_0186n, true, true, true),
  huge('invalidated RW young clean', 0x6000_0000_4000_0106n, true, true, false),
  huge('invalidated RW old dirty', 0x6000_0000_4000_0086n, true, false, true),
  huge('invalidated RW old clean', 0x6000_0000_4000_0006n, true, false, false),
  huge('invalidated RO young dirty', 0x6000_0000_4000_0184n, false, true, true),
  huge('invalidated RO young clean', 0x6000_0000_4000_0104n, false, true, false),
  huge('invalidated RO old dirty', 0x6000_0000_4000_0084n, false, false, true),
  huge('invalidated RO old clean', 0x6000_0000_4000_0004n, false, false, false),
  huge('prot-none young dirty', 0xc000_0000_4000_0180n, false, true, true),
  huge('prot-none young clean', 0xc000_0000_4000_0100n, false, true, false),
  huge('prot-none old dirty', 0xc000_0000_4000_0080n, false, false, true),
  huge('prot-none old clean', 0xc000_0000_4000_0000n, false, false, false),
]; // prettier-ignore

/** Start of the kernel's addresses: tables were linked by virtual address before 4.7. */
export const PAGE_OFFSET: bigint = 0xc000_0000_0000_0000n;

/** What the radix walker or Linux would not put into a table entry. @see Linux arch/powerpc/include/asm/book3s/64/radix.h, `RADIX_PMD_BAD_BITS` (6.12.117) */
export const RADIX_BAD_BITS: bigint = 0x6000_0000_0000_00e0n;

/**
 * Helpers of pmd entries. Those that the kernel defines as the pte's on a cast are taken from `pte`.
 * @see Linux arch/powerpc/include/asm/book3s/64/pgtable.h, hash-4k.h, hash-64k.h, radix.h (6.1.192, 6.12.117)
 * @see fact sheet 8.3 for older releases
 */
export function pmdHelpers(env: PpcEnv, pte: PteHelpers, swap: SwapOps): PmdHelpers {
  const pmd = completePmd(env, {
    ...tests(env, pte),
    ...castsOf(env, pte),
    ...makers(env),
  });
  return { ...pmd, ...swapPmdHelpers(swap, pmd) };
}

function tests(env: PpcEnv, pte: PteHelpers) {
  const { kernel, bits: b } = env;
  const pmd_present = kernel.has('da7ad366b497')
    ? (entry: bigint) => (entry & (b._PAGE_PRESENT | b._PAGE_INVALID)) !== 0n
    : (entry: bigint) => entry !== 0n;
  const pmd_trans_huge = transHugeTest(env);
  const pmd_leaf = leafTest(env, pmd_trans_huge);
  const serializing = (entry: bigint): boolean =>
    (entry & (b._PAGE_PRESENT | b._PAGE_INVALID)) === b._PAGE_INVALID;
  const checksSerializing = kernel.has('ppc-pmd-is-serializing');
  const permitted = pte.pte_access_permitted;
  const hash4k = env.mmu === 'hash' && env.page === '4k';
  return {
    pmd_none: (entry: bigint) => entry === 0n,
    pmd_bad: badTest(env),
    pmd_present,
    pmd_trans_huge,
    pmd_leaf,
    ...(!kernel.has('pmd-large-removed') && {
      pmd_large: pmd_leaf,
      pmd_huge: hash4k ? () => false : pmd_leaf,
      pmd_is_leaf: pmd_leaf,
    }),
    ...(checksSerializing && { pmd_is_serializing: serializing }),
    ...(b._PAGE_SPLITTING !== 0n && {
      pmd_trans_splitting: (entry: bigint) => pmd_trans_huge(entry) && (entry & b._PAGE_SPLITTING) !== 0n,
    }),
    ...(permitted && {
      pmd_access_permitted: (entry: bigint, options: { readonly write: boolean }) =>
        !(checksSerializing && serializing(entry)) && permitted(entry, options),
    }),
    pmd_same: (a: bigint, c: bigint) => {
      if (hash4k && !kernel.has('ppc-pud-thp')) throw noThp('pmd_same');
      return env.mmu === 'hash' ? ((a ^ c) & ~b._PAGE_HPTEFLAGS) === 0n : a === c;
    },
  };
}

const noThp = (helper: string): KernelBug =>
  new KernelBug(`${helper}: hash with 4K pages has no transparent huge pages: BUG()`);

/** `pmd_trans_huge` by release. @see fact sheet 8.3 */
function transHugeTest({ kernel, mmu, page, bits: b }: PpcEnv): (entry: bigint) => boolean {
  if (b.format === '3.16') return (entry) => (entry & 3n) !== 0n && (entry & b.H_PAGE_THP_HUGE) !== 0n;
  if (mmu === 'hash' && page === '4k') return () => false;
  const devmap = mmu === 'radix' || kernel.has('ppc-hash-trans-huge-devmap') ? b._PAGE_DEVMAP : 0n;
  const huge = b._PAGE_PTE | (mmu === 'hash' ? b.H_PAGE_THP_HUGE : 0n);
  const there = kernel.has('da7ad366b497') ? b._PAGE_PRESENT | b._PAGE_INVALID : 0n;
  return (entry) => (there === 0n || (entry & there) !== 0n) && (entry & (huge | devmap)) === huge;
}

/** `pmd_large`, later `pmd_leaf`. @see fact sheet 8.3 */
function leafTest({ kernel, bits: b }: PpcEnv, transHuge: (entry: bigint) => boolean) {
  if (b.format !== '3.16') return (entry: bigint): boolean => (entry & b._PAGE_PTE) !== 0n;
  if (kernel.has('ppc-pmd-large-low-bits')) return (entry: bigint): boolean => (entry & 3n) !== 0n;
  return (entry: bigint): boolean => transHuge(entry) && (entry & b._PAGE_PRESENT) !== 0n;
}

/** `pmd_bad`. @see Linux arch/powerpc/include/asm/book3s/64/hash.h, radix.h (6.12.117); fact sheet 8.3 */
function badTest({ kernel, mmu, page, bits: b }: PpcEnv): (entry: bigint) => boolean {
  if (mmu === 'radix') return (entry) => (entry & RADIX_BAD_BITS) !== 0n;
  const { PTE_TABLE_SIZE } = tableBytes(indexSizes(kernel, mmu, page), mmu, page);
  const low = BigInt(PTE_TABLE_SIZE - 1);
  if (b.format === 'radix') return (entry) => (entry & low) !== 0n;
  return (entry) => entry < PAGE_OFFSET || (entry & low) !== 0n;
}

/** The helpers that are the pte's on a cast. */
function castsOf({ kernel, bits: b }: PpcEnv, pte: PteHelpers) {
  const cast = (helper: (entry: bigint) => bigint) => (entry: bigint) => __pmd(helper(entry));
  const { pte_soft_dirty, pte_mksoft_dirty, pte_clear_soft_dirty, pte_protnone, pte_devmap } = pte;
  const { pte_swp_soft_dirty, pte_swp_mksoft_dirty, pte_swp_clear_soft_dirty } = pte;
  const { pte_savedwrite, pte_mk_savedwrite, pte_clear_savedwrite } = pte;
  const mkwrite = cast((entry) => pte.pte_mkwrite(entry));
  const softDirty = b._PAGE_SOFT_DIRTY !== 0n;
  return {
    pmd_young: pte.pte_young,
    pmd_dirty: pte.pte_dirty,
    pmd_write: pte.pte_write,
    ...(pte_savedwrite && { pmd_savedwrite: pte_savedwrite }),
    ...(pte_protnone && { pmd_protnone: pte_protnone }),
    ...(pte_devmap && b._PAGE_DEVMAP !== 0n && { pmd_devmap: pte_devmap }),
    pmd_mkold: cast(pte.pte_mkold),
    pmd_mkyoung: cast(pte.pte_mkyoung),
    pmd_mkdirty: cast(pte.pte_mkdirty),
    pmd_mkclean: cast(pte.pte_mkclean),
    pmd_mkwrite: mkwrite,
    ...(kernel.has('pte-mkwrite-novma') ? { pmd_mkwrite_novma: mkwrite } : {}),
    pmd_wrprotect: cast(pte.pte_wrprotect),
    ...(pte_mk_savedwrite && { pmd_mk_savedwrite: cast(pte_mk_savedwrite) }),
    ...(pte_clear_savedwrite && { pmd_clear_savedwrite: cast(pte_clear_savedwrite) }),
    ...(softDirty &&
      pte_soft_dirty &&
      pte_mksoft_dirty &&
      pte_clear_soft_dirty && {
        pmd_soft_dirty: pte_soft_dirty,
        pmd_mksoft_dirty: cast(pte_mksoft_dirty),
        pmd_clear_soft_dirty: cast(pte_clear_soft_dirty),
      }),
    ...(kernel.has('ppc-thp-migration') &&
      pte_swp_soft_dirty &&
      pte_swp_mksoft_dirty &&
      pte_swp_clear_soft_dirty && {
        pmd_swp_soft_dirty: pte_swp_soft_dirty,
        pmd_swp_mksoft_dirty: cast(pte_swp_mksoft_dirty),
        pmd_swp_clear_soft_dirty: cast(pte_swp_clear_soft_dirty),
      }),
    pmd_pfn: pte.pte_pfn,
    // Not defined by powerpc: include/linux/pgtable.h answers 0.
    ...(kernel.has('ppc-pud-thp') && { pmd_pgprot: () => __pgprot(0n) }),
  };
}

function makers(env: PpcEnv) {
  const { kernel, mmu, page, bits: b } = env;
  const mkhuge = __pmd_mkhuge(env);
  const identity = kernel.has('ppc-mkhuge-identity');
  const hash4k = mmu === 'hash' && page === '4k';
  const frame = (pfn: number): bigint => (BigInt(pfn) << BigInt(b.PTE_RPN_SHIFT)) & b.PTE_RPN_MASK;
  const devmapHuge = b._PAGE_PTE | b._PAGE_DEVMAP | (mmu === 'hash' ? b.H_PAGE_THP_HUGE : 0n);
  return {
    ...(identity && { __pmd_mkhuge: mkhuge }),
    pmd_mkhuge: identity || b.format === '3.16' ? (entry: bigint): Pmd => __pmd(entry) : mkhuge,
    ...(b._PAGE_DEVMAP !== 0n && {
      pmd_mkdevmap: (entry: bigint): Pmd => {
        if (hash4k) throw noThp('pmd_mkdevmap');
        return __pmd(entry | devmapHuge);
      },
    }),
    ...(b._PAGE_SPLITTING !== 0n && {
      pmd_mksplitting: (entry: bigint): Pmd => __pmd(entry | b._PAGE_SPLITTING),
    }),
    // Dropped unused with the renaming of the generic one; powerpc never had pmd_mkinvalid.
    ...(!kernel.has('86ec2da037b8') && {
      pmd_mknotpresent: (entry: bigint): Pmd => __pmd(entry & ~b._PAGE_PRESENT),
    }),
    pmd_modify: (entry: bigint, prot: bigint): Pmd => __pmd((entry & b._HPAGE_CHG_MASK) | prot),
    pfn_pmd: (pfn: number, prot: bigint): Pmd => {
      const entry = frame(pfn) | prot;
      if (identity) return mkhuge(entry);
      return __pmd(b.format === '3.16' ? entry | b.H_PAGE_THP_HUGE : entry);
    },
    pmd_populate: (table: bigint): Pmd => __pmd(tableEntry(env, table, env.layout.HPAGE_PMD_NR)),
    pmd_populate_kernel: (table: bigint): Pmd => __pmd(tableEntry(env, table, env.layout.HPAGE_PMD_NR)),
    ...(kernel.has('ppc-leaf-size') && hash4k && { pmd_leaf_size: () => 1n << 24n }),
  };
}

/** `__pmd_mkhuge`, and `pmd_mkhuge` up to 5.14: makes an entry a leaf, on hash one of THP. */
function __pmd_mkhuge({ mmu, page, bits: b }: PpcEnv): (entry: bigint) => Pmd {
  if (mmu === 'radix') return (entry) => __pmd(entry | b._PAGE_PTE);
  return (entry) => {
    if (page === '4k') throw noThp('pmd_mkhuge');
    return __pmd(entry | b._PAGE_PTE | b.H_PAGE_THP_HUGE);
  };
}

/**
 * An entry that points to a table of so many entries. Radix entries say log2 of it (NLS), which the hardware reads.
 * Before 4.7 they were kernel virtual addresses without any mark.
 * @see Linux arch/powerpc/include/asm/book3s/64/pgalloc.h, `pmd_populate` (6.12.117); fact sheet 8.1
 */
export function tableEntry({ mmu, bits: b }: PpcEnv, table: bigint, entries: number): bigint {
  if (b.format !== 'radix') return PAGE_OFFSET | table;
  return b._PAGE_PRESENT | table | (mmu === 'radix' ? BigInt(Math.log2(entries)) : 0n);
}

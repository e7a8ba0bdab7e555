import { KernelBug, type PteHelpers, type PudHelpers, __pfn, __pgprot, __pud, completePud, foldedPud, levelLayout } from '@ptemu/arch'; // prettier-ignore
import type { PpcEnv } from './env.js';
import { indexSizes, tableBytes } from './layout.js';
import { PAGE_OFFSET, RADIX_BAD_BITS, tableEntry } from './pmd.js';

/**
 * Helpers of pud entries. Huge puds came to radix in the 6.x series; hash has none and says BUG().
 * @see Linux arch/powerpc/include/asm/book3s/64/pgtable.h, radix.h, hash.h (6.1.192, 6.12.117)
 */
export function pudHelpers(env: PpcEnv, pte: PteHelpers): PudHelpers {
  if (levelLayout(env.layout, 'pud').folded) return completePud(env, foldedPud());
  return completePud(env, { ...tests(env, pte), ...(env.kernel.has('ppc-pud-thp') && hugePud(env, pte)) });
}

function tests(env: PpcEnv, pte: PteHelpers) {
  const { kernel, mmu, page, bits: b } = env;
  const low = BigInt(tableBytes(indexSizes(kernel, mmu, page), mmu, page).PMD_TABLE_SIZE - 1);
  const pud_leaf = (entry: bigint): boolean => (entry & b._PAGE_PTE) !== 0n;
  const hash4k = mmu === 'hash' && page === '4k';
  const permitted = pte.pte_access_permitted;
  const old = b.format !== 'radix';
  return {
    pud_none: (entry: bigint) => entry === 0n,
    pud_present: (entry: bigint) => (old ? entry !== 0n : (entry & b._PAGE_PRESENT) !== 0n),
    pud_bad: (entry: bigint) =>
      mmu === 'radix'
        ? (entry & RADIX_BAD_BITS) !== 0n
        : (entry & low) !== 0n || (old && entry < PAGE_OFFSET),
    pud_leaf,
    ...(!kernel.has('pmd-large-removed') && {
      pud_huge: hash4k ? () => false : pud_leaf,
      pud_is_leaf: pud_leaf,
    }),
    pud_write: pte.pte_write,
    ...(permitted && { pud_access_permitted: permitted }),
    pud_populate: (table: bigint) => __pud(tableEntry(env, table, levelLayout(env.layout, 'pmd').entries)),
    ...(kernel.has('ppc-leaf-size') && hash4k && { pud_leaf_size: () => 1n << 34n }),
  };
}

function hugePud(env: PpcEnv, pte: PteHelpers) {
  const { mmu, bits: b } = env;
  const radix = mmu === 'radix';
  const cast = (helper: (entry: bigint) => bigint) => (entry: bigint) => __pud(helper(entry));
  const noHugePud = (helper: string): KernelBug => new KernelBug(`${helper}: hash has no huge puds: BUG()`);
  return {
    pud_trans_huge: (entry: bigint) =>
      radix && (entry & b._PAGE_PRESENT) !== 0n && (entry & (b._PAGE_PTE | b._PAGE_DEVMAP)) === b._PAGE_PTE,
    pud_young: pte.pte_young,
    pud_dirty: pte.pte_dirty,
    ...(b._PAGE_DEVMAP !== 0n && {
      pud_devmap: (entry: bigint) => pte.pte_devmap?.(entry) === true,
      pud_mkdevmap: (entry: bigint) => {
        if (!radix) throw noHugePud('pud_mkdevmap');
        return __pud(entry | b._PAGE_PTE | b._PAGE_DEVMAP);
      },
    }),
    pud_mkhuge: (entry: bigint) => __pud(entry),
    pud_mkold: cast(pte.pte_mkold),
    pud_mkyoung: cast(pte.pte_mkyoung),
    pud_mkdirty: cast(pte.pte_mkdirty),
    pud_mkclean: cast(pte.pte_mkclean),
    pud_mkwrite: cast((entry) => pte.pte_mkwrite(entry)),
    pud_wrprotect: cast(pte.pte_wrprotect),
    pud_pfn: (entry: bigint) => __pfn((entry & b.PTE_RPN_MASK) >> BigInt(b.PTE_RPN_SHIFT)),
    // Not defined by powerpc: include/linux/pgtable.h answers 0.
    pud_pgprot: () => __pgprot(0n),
    pud_modify: (entry: bigint, prot: bigint) => __pud((entry & b._HPAGE_CHG_MASK) | prot),
    pfn_pud: (pfn: number, prot: bigint) => {
      if (!radix) throw noHugePud('pfn_pud');
      return __pud(((BigInt(pfn) << BigInt(b.PTE_RPN_SHIFT)) & b.PTE_RPN_MASK) | prot | b._PAGE_PTE);
    },
  };
}

/**
 * Helpers of pud entries. With two tables the pud is folded; with three its helpers look at the root's entry.
 * @see Linux arch/arm64/include/asm/pgtable.h, pgalloc.h (6.1.192, 6.12.117)
 */
import { __pgprot, __pud, completePud, foldedPud, type PudHelpers } from '@ptemu/arch';
import { entryAddress } from './address.js';
import {
  arm64Bits, PMD_TABLE_BIT, PMD_TYPE_MASK, PMD_TYPE_SECT, PMD_TYPE_TABLE, PTE_AF, PTE_USER, PTE_UXN, PTE_VALID,
} from './bits.js'; // prettier-ignore
import { type Arm64Env, pgtableLevels } from './layout.js';
import { leafForms } from './pte.js';

/** Makes the pud helpers of a build. */
export function pudHelpers(env: Arm64Env): PudHelpers {
  const { kernel, geometry, layout } = env;
  const b = arm64Bits(env);
  const leaf = leafForms(env);
  const { __phys_to_pte_val, pfnOf, ofPfn } = entryAddress(env);
  const real = pgtableLevels(geometry) > 2;
  const shift = layout.levels.find(({ level }) => level === 'pud')?.shift ?? 0;
  const any = (mask: bigint) => (pud: bigint) => (pud & mask) !== 0n;
  const isTable = (pud: bigint): boolean => (pud & PMD_TYPE_MASK) === PMD_TYPE_TABLE;
  // Linux makes no pud blocks with 64k pages, nor where the pud is folded away.
  const blocks = geometry.granule !== '64k' && real;
  const pud_table = (pud: bigint): boolean => !blocks || isTable(pud);
  const pud_none = (pud: bigint): boolean => pud === 0n;
  const pud_present = (pud: bigint): boolean =>
    kernel.has('arm64-pud-present-valid') ? leaf.present(pud) : pud !== 0n;
  const tests = real
    ? {
        pud_none,
        pud_bad: kernel.has('arm64-pmd-bad-type')
          ? (pud: bigint) => !isTable(pud)
          : (pud: bigint) => (pud & PMD_TABLE_BIT) === 0n,
        pud_present,
        pud_leaf: (pud: bigint) => pud_present(pud) && !pud_table(pud),
        pud_valid: any(PTE_VALID),
        pud_user: any(PTE_USER),
        pud_user_exec: (pud: bigint) => (pud & PTE_UXN) === 0n,
        pud_populate: (table: bigint) => __pud(__phys_to_pte_val(table) | PMD_TYPE_TABLE | b.USER_TABLE),
      }
    : foldedPud();

  return completePud(env, {
    ...tests,
    ...(!kernel.has('pmd-large-removed') && {
      pud_huge: (pud: bigint) => real && pud !== 0n && (pud & PMD_TABLE_BIT) === 0n,
    }),
    pud_sect: (pud) => blocks && (pud & PMD_TYPE_MASK) === PMD_TYPE_SECT,
    pud_table,
    pud_young: any(PTE_AF),
    pud_write: any(b.PTE_WRITE),
    pud_access_permitted: (pud, { write }) => leaf.accessPermitted(pud, write),
    pud_pfn: (pud) => pfnOf(pud, shift),
    ...(kernel.has('arm64-pmd-pgprot') && {
      pud_pgprot: (pud: bigint) => __pgprot(ofPfn(pfnOf(pud, shift)) ^ pud),
    }),

    pfn_pud: (pfn, prot) => __pud(ofPfn(pfn) | prot),

    pud_mkhuge: (pud) => __pud(pud & ~PMD_TABLE_BIT),
    pud_mkyoung: (pud) => __pud(pud | PTE_AF),
  });
}

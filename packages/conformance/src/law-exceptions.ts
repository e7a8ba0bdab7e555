/**
 * Where Linux itself breaks a law, by name and with the reason. An era is told by commits, so that toggling one moves the
 * exception with it.
 */
import type { Arch } from '@ptemu/arch';
import type { Law } from './law.js';

/** One listed exception. */
export interface LawException {
  /** Backend and law that it is about. */
  readonly arch: string;
  readonly law: string;
  readonly level: Law['level'];
  /** The commit that brought it; from the first release on when absent. */
  readonly from?: string;
  /** The commit that ended it; to this day when absent. */
  readonly to?: string;
  readonly reason: string;
  readonly source: string;
}

/** All exceptions. */
export const LAW_EXCEPTIONS: readonly LawException[] = [
  {
    arch: 'arm32', law: '45', level: 'pmd', to: 'arm-8579-1',
    reason: 'pmd_mknotpresent answers zero; what set_pmd_at then stores is trans_huge, with frame 0',
    source: 'fact sheet 4.2, 4.3 and 11',
  },
  {
    arch: 'arm32', law: '46', level: 'pmd',
    reason: 'present is the valid bit, which is clear; up to 4.6 because the macro answers zero',
    source: 'fact sheet 4.2, 4.5 and 11; arm does not select ARCH_HAS_DEBUG_VM_PGTABLE',
  },
  {
    arch: 'arm32', law: '47', level: 'pmd',
    reason: 'pmd_leaf (pmd_large) asks for type 01, and the valid bit is clear',
    source: 'fact sheet 4.2 and 11',
  },
  {
    arch: 'arm64', law: '6', level: 'pte', from: '2f4b829c625e', to: '73e86cb03cf2',
    reason: 'a writable entry without RDONLY is dirty, and mkclean left RDONLY to set_pte_at',
    source: 'fact sheet 5.2, mkclean and set_pmd_at (grade I)',
  },
  {
    arch: 'arm64', law: '6', level: 'pmd', from: '2f4b829c625e', to: '73e86cb03cf2',
    reason: 'a writable entry without RDONLY is dirty, and mkclean left RDONLY to set_pmd_at',
    source: 'fact sheet 5.2, mkclean and set_pmd_at (grade I)',
  },
  {
    arch: 'arm64', law: '13', level: 'pmd', from: 'arm64-pmd-leaf', to: 'arm64-pmd-leaf-present',
    reason: 'pmd_leaf asked for type 01, which a PROT_NONE entry does not have',
    source: 'fact sheet 5.2, pmd_leaf',
  },
  {
    arch: 'arm64', law: '46', level: 'pmd', from: '5bb1cc0ff9a6', to: 'b65399f6111b',
    reason: 'present was VALID or PROT_NONE, and invalidation cleared VALID',
    source: 'fact sheet 1.1, 5.2 and 11',
  },
  {
    arch: 'arm64', law: '47', level: 'pmd', from: 'arm64-pmd-leaf', to: 'arm64-pmd-leaf-present',
    reason: 'pmd_leaf asked for type 01, and the valid bit is clear',
    source: 'fact sheet 1.1, 5.2 and 11',
  },
  {
    arch: 'arm64', law: 'P4', level: 'pmd', from: '2f4b829c625e', to: 'c58f0bb77ed8',
    reason: 'pmdp_invalidate was a load and a store',
    source: 'fact sheet 10, row 15',
  },
  {
    arch: 'x86_64', law: '13', level: 'pmd', to: 'x86-pmd-present-pse',
    reason: 'pmd_large asked for PRESENT too, which a PROT_NONE entry does not have',
    source: 'fact sheet 1.1, column leaf, and 6.2',
  },
  {
    arch: 'x86_64', law: '13', level: 'pud', to: 'x86-pud-leaf-pse',
    reason: 'pud_leaf asked for PRESENT too, which a PROT_NONE entry does not have',
    source: 'Linux arch/x86/include/asm/pgtable.h, pud_leaf (6.1.192, 6.12.117)',
  },
  {
    arch: 'x86_64', law: '46', level: 'pmd', to: 'x86-pmd-present-pse',
    reason: 'pmd_present ignored PSE',
    source: 'fact sheet 1.1, 10 row 1, and 11',
  },
  {
    arch: 'x86_64', law: '47', level: 'pmd', to: 'x86-pmd-present-pse',
    reason: 'pmd_large asked for PRESENT too',
    source: 'fact sheet 1.1, column leaf',
  },
  {
    arch: 'x86_64', law: 'P4', level: 'pmd', to: 'c58f0bb77ed8',
    reason: 'pmdp_invalidate was a load and a store: what the walker set in between was lost',
    source: 'fact sheet 1.1 and 10, row 15',
  },
  {
    arch: 's390', law: '1', level: 'pmd', to: 's390-segment-dirty-bits',
    reason: 'dirty stood in the storage keys: pmd_dirty always held',
    source: 'fact sheet 7.2; registry, s390-segment-dirty-bits',
  },
  {
    arch: 's390', law: '3', level: 'pmd', to: 's390-software-referenced-bits',
    reason: 'young stood in the storage keys: pmd_young never held',
    source: 'fact sheet 7.2; registry, s390-software-referenced-bits',
  },
  {
    arch: 's390', law: '7', level: 'pmd', to: 's390-segment-dirty-bits',
    reason: 'pmd_mkwrite left PROT_NONE entries alone: their PROTECT bit says what they are',
    source: 'fact sheet 7.2 and 1.2, row s390 3.16',
  },
  {
    arch: 's390', law: '12', level: 'pmd', from: 's390-software-referenced-bits', to: 's390-pmd-bad-large',
    reason: 'pmd_bad checked a large entry against the format of large entries',
    source: 'fact sheet 7.2, pmd_bad, and 11',
  },
  {
    arch: 's390', law: 'P2', level: 'pmd', to: 's390-software-referenced-bits',
    reason: 'INVALID without PROTECT was none, so an invalidated writable entry was',
    source: 'fact sheet 1.1, row s390 3.8-3.11',
  },
  {
    arch: 's390', law: 'P2', level: 'pmd', from: '227be799c39a', to: '91c575b33576',
    reason: 'pmdp_invalidate stored the empty entry behind the IDTE',
    source: 'fact sheet 1.1 and 10, rows 12 and 14',
  },
  {
    arch: 'powerpc', law: '35', level: 'pte', from: 'ppc-savedwrite', to: 'ppc-mkhuge-identity',
    reason: 'pte_protnone asks for _PAGE_PTE, which pfn_pte did not set; set_pte_at does',
    source: 'fact sheet 1.2 and 8.3 (grade I)',
  },
  {
    arch: 'powerpc', law: '37', level: 'pte', from: 'ppc-devmap', to: 'ppc-mkhuge-identity',
    reason: 'pte_devmap asks for _PAGE_PTE, which pfn_pte did not set; set_pte_at does',
    source: 'fact sheet 8.3 (grade I)',
  },
  {
    arch: 'powerpc', law: 'P6', level: 'pmd', to: 'ppc-pte-format-4.5',
    reason: 'trans_huge asked for PRESENT or USER: an invalidated PROT_NONE entry has neither, but is not zero',
    source: 'fact sheet 8.3, pmd_present and pmd_trans_huge (grade I)',
  },
]; // prettier-ignore

/** The exception that is in force for a backend and a law. */
export const exceptionFor = (arch: Arch, law: Pick<Law, 'id' | 'level'>): LawException | undefined =>
  LAW_EXCEPTIONS.find(
    (exception) =>
      exception.arch === arch.name &&
      exception.law === law.id &&
      exception.level === law.level &&
      (exception.from === undefined || arch.kernel.has(exception.from)) &&
      (exception.to === undefined || !arch.kernel.has(exception.to)),
  );

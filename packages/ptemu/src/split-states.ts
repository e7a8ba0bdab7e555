/**
 * The states through which a pmd goes while a huge page is mapped, split, protected and unmapped, each made by the
 * backend's own helpers and sequences: no word here is a constant.
 */
import { type Arch, ArchError, KernelBug, VM_WRITE } from '@ptemu/arch';

/** One state of an entry, and the word that holds it. */
export interface EntryState {
  readonly name: string;
  /** The kernel code that makes it. */
  readonly made: string;
  /** Absent where the release has no such code. */
  readonly word?: bigint;
}

/** Where the huge page and the table of the tables below lie. */
const HUGE_PAGE = 0x4000_0000n;
const TABLE = 0x0123_0000n;

/** States of a pmd under split, as memory holds them. */
export function pmdStates(arch: Arch): readonly EntryState[] {
  const { pmd, seq, swap } = arch;
  const pfn = pfnOf(arch, HUGE_PAGE);
  const writable = arch.prot.vm_get_page_prot({ read: true, write: true, exec: false, shared: false });
  const none = arch.prot.vm_get_page_prot({ read: false, write: false, exec: false, shared: false });
  const stored = (word: bigint): bigint => seq.set_pmd_at(word).stored;
  const made = pmd.pmd_mkyoung(
    pmd.pmd_mkwrite(pmd.pmd_mkdirty(pmd.pmd_mkhuge(pmd.pfn_pmd(pfn, writable))), { vm_flags: VM_WRITE }),
  );
  const huge = stored(made);
  return [
    state('none', 'pmd_clear', () => pmd.pmd_clear()),
    state('table', 'pmd_populate', () => pmd.pmd_populate(TABLE)),
    state('huge', 'set_pmd_at', () => huge),
    state('huge, old', 'pmd_mkold', () => stored(pmd.pmd_mkold(made))),
    state('huge, read-only', 'pmdp_set_wrprotect', () => seq.pmdp_set_wrprotect(huge).stored),
    state('splitting', 'pmd_mksplitting', () => pmd.pmd_mksplitting?.(huge)),
    state('mknotpresent', 'pmd_mknotpresent', () => pmd.pmd_mknotpresent?.(huge)),
    state('mkinvalid', 'pmd_mkinvalid', () => pmd.pmd_mkinvalid?.(huge)),
    state('invalidated', 'pmdp_invalidate', () => seq.pmdp_invalidate(huge).stored),
    state('PROT_NONE', 'pmd_modify', () => stored(pmd.pmd_modify(huge, none))),
    state(
      'migration',
      'swp_entry_to_pmd',
      () => swap.__swp_entry_to_pmd && swap.swp_entry_to_pmd(swap.make_readable_migration_entry(BigInt(pfn))),
    ),
    state('zapped', 'pmdp_huge_get_and_clear', () => seq.pmdp_huge_get_and_clear(huge).stored),
    state(
      'collapsed',
      'pmdp_collapse_flush',
      () => seq.pmdp_collapse_flush?.(arch.pmd.pmd_populate(TABLE)).stored,
    ),
  ];
}

/** States of a pte, as memory holds them. */
export function pteStates(arch: Arch): readonly EntryState[] {
  const { pte, seq, swap } = arch;
  const pfn = pfnOf(arch, HUGE_PAGE);
  const writable = arch.prot.vm_get_page_prot({ read: true, write: true, exec: false, shared: false });
  const none = arch.prot.vm_get_page_prot({ read: false, write: false, exec: false, shared: false });
  const stored = (word: bigint): bigint => seq.set_pte_at(word).stored;
  const made = pte.pte_mkyoung(
    pte.pte_mkwrite(pte.pte_mkdirty(pte.pfn_pte(pfn, writable)), { vm_flags: VM_WRITE }),
  );
  const page = stored(made);
  return [
    state('none', 'pte_clear', () => pte.pte_clear()),
    state('page', 'set_pte_at', () => page),
    state('page, old', 'ptep_test_and_clear_young', () => seq.ptep_test_and_clear_young(page).stored),
    state('page, clean', 'pte_mkclean', () => stored(pte.pte_mkclean(made))),
    state('page, read-only', 'ptep_set_wrprotect', () => seq.ptep_set_wrprotect(page).stored),
    state('PROT_NONE', 'pte_modify', () => stored(pte.pte_modify(page, none))),
    state('in change', 'ptep_modify_prot_start', () => seq.ptep_modify_prot_start(page).stored),
    state('swap', 'swp_entry_to_pte', () => swap.swp_entry_to_pte(swap.swp_entry(1, 0x1234n))),
    state('migration', 'swp_entry_to_pte', () =>
      swap.swp_entry_to_pte(swap.make_readable_migration_entry(BigInt(pfn))),
    ),
    state('zapped', 'ptep_get_and_clear', () => seq.ptep_get_and_clear(page).stored),
  ];
}

const pfnOf = (arch: Arch, paddr: bigint): number => Number(paddr >> BigInt(arch.layoutOf().PAGE_SHIFT));

function state(name: string, made: string, make: () => bigint | undefined): EntryState {
  try {
    const word = make();
    return word === undefined ? { name, made } : { name, made, word };
  } catch (error) {
    if (error instanceof ArchError || error instanceof KernelBug) return { name, made };
    throw error;
  }
}

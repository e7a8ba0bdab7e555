/** Questions about the entry behind a `LinuxState`, with the helper of its level where the kernel has one. */
import type { Arch, Predicate } from '@ptemu/arch';
import type { LinuxState } from './linux.js';

/** Questions that pagemap and smaps answer too. */
export interface EntryTests {
  /** Whether the kernel has uffd-wp on this architecture. */
  readonly hasUffdWp: boolean;
  softDirty(state: LinuxState): boolean;
  uffdWp(state: LinuxState): boolean;
  /** Marked by the kernel as inaccessible (PROT_NONE or NUMA hinting), where it can tell. */
  protnone(state: LinuxState): boolean;
  young(state: LinuxState): boolean;
  dirty(state: LinuxState): boolean;
  write(state: LinuxState): boolean;
}

const no: Predicate = () => false;
const yes: Predicate = () => true;

/** Makes the questions for one backend. */
export function entryTests(arch: Arch): EntryTests {
  const { pte, pmd, pud } = arch;
  const swapUffdWp = pte.pte_swp_uffd_wp_any ?? anyOf(pte.pte_swp_uffd_wp, pte.pte_marker_uffd_wp);
  return {
    hasUffdWp: pte.pte_uffd_wp !== undefined && swapUffdWp !== undefined,
    softDirty: ask(
      { pte: pte.pte_soft_dirty ?? no, pmd: pmd.pmd_soft_dirty ?? no, pud: pud.pud_soft_dirty ?? no },
      { pte: pte.pte_swp_soft_dirty ?? no, pmd: pmd.pmd_swp_soft_dirty ?? no, pud: no },
    ),
    uffdWp: ask(
      { pte: pte.pte_uffd_wp ?? no, pmd: pmd.pmd_uffd_wp ?? no, pud: no },
      { pte: swapUffdWp ?? no, pmd: pmd.pmd_swp_uffd_wp ?? no, pud: no },
    ),
    protnone: ask({ pte: pte.pte_protnone ?? no, pmd: pmd.pmd_protnone ?? no, pud: no }),
    young: ask({ pte: pte.pte_young, pmd: pmd.pmd_young, pud: pud.pud_young ?? yes }),
    dirty: ask({ pte: pte.pte_dirty, pmd: pmd.pmd_dirty, pud: pud.pud_dirty ?? yes }),
    write: ask({ pte: pte.pte_write, pmd: pmd.pmd_write, pud: pud.pud_write ?? no }),
  };
}

type ByLevel = Readonly<Record<'pte' | 'pmd' | 'pud', Predicate>>;
const NOTHING: ByLevel = { pte: no, pmd: no, pud: no };

function ask(present: ByLevel, swap: ByLevel = NOTHING): (state: LinuxState) => boolean {
  return (state) => {
    if (state.level !== 'pte' && state.level !== 'pmd' && state.level !== 'pud') return false;
    if (state.kind === 'present') return present[state.level](state.entry);
    return state.kind === 'swap' && swap[state.level](state.entry);
  };
}

function anyOf(a: Predicate | undefined, b: Predicate | undefined): Predicate | undefined {
  if (a === undefined) return undefined;
  return b === undefined ? a : (entry) => a(entry) || b(entry);
}

/**
 * The laws that are one walk through helpers: from a fresh entry, some makers, one question.
 *
 * Numbers and scope follow the kernel's own test; where it runs a check for one protection only, we run it for all 16.
 *
 * @see Linux mm/debug_vm_pgtable.c; Documentation/mm/arch_pgtable_helpers.rst (6.12.117; additions of 6.19 by fact sheet 11)
 */
import type { Arch } from '@ptemu/arch';
import { fresh, type Law, type LawLevel, notApplicable } from './law.js';

const KERNEL_TEST = 'Linux mm/debug_vm_pgtable.c';

/** A row: from a fresh entry through helpers to one question. */
interface Chain {
  readonly id: string;
  readonly title: string;
  /** The kernel's function that has it. */
  readonly test: string;
  readonly levels: readonly ('pte' | 'pmd' | 'pud')[];
  readonly make: readonly string[];
  readonly expect: Readonly<Record<string, boolean>>;
  /** First release whose own test has it, where older kernels need not satisfy it. */
  readonly since?: string;
}

const ALL = ['pte', 'pmd', 'pud'] as const;
const SMALL = ['pte', 'pmd'] as const;

const CHAINS: readonly Chain[] = [
  { id: '1', title: 'a fresh entry is not dirty once write-protected', test: 'basic', levels: ALL, make: ['wrprotect'], expect: { dirty: false } },
  { id: '3', title: 'mkyoung makes young', test: 'basic', levels: ALL, make: ['mkold', 'mkyoung'], expect: { young: true } },
  { id: '4', title: 'mkold makes old', test: 'basic', levels: ALL, make: ['mkyoung', 'mkold'], expect: { young: false } },
  { id: '5', title: 'mkdirty makes dirty', test: 'basic', levels: ALL, make: ['mkclean', 'mkdirty'], expect: { dirty: true } },
  { id: '6', title: 'mkclean makes clean', test: 'basic', levels: ALL, make: ['mkdirty', 'mkclean'], expect: { dirty: false } },
  { id: '7', title: 'mkwrite makes writable', test: 'basic', levels: ALL, make: ['wrprotect', 'mkwrite'], expect: { write: true } },
  { id: '8', title: 'wrprotect makes read-only', test: 'basic', levels: ALL, make: ['mkwrite', 'wrprotect'], expect: { write: false } },
  { id: '9', title: 'wrprotect makes nothing dirty', test: 'basic', levels: ALL, make: ['mkclean', 'wrprotect'], expect: { dirty: false } },
  { id: '10', title: 'wrprotect keeps dirty', test: 'basic', levels: ALL, make: ['mkdirty', 'wrprotect'], expect: { dirty: true } },
  { id: '11a', title: 'mkwrite_novma keeps dirty', test: 'basic', levels: SMALL, make: ['mkdirty', 'mkwrite_novma'], expect: { dirty: true }, since: '6.19' },
  { id: '11b', title: 'mkwrite_novma makes nothing dirty', test: 'basic', levels: SMALL, make: ['mkclean', 'mkwrite_novma'], expect: { dirty: false }, since: '6.19' },
  { id: '11c', title: 'mkdirty keeps writable', test: 'basic', levels: SMALL, make: ['mkwrite_novma', 'mkdirty'], expect: { write: true }, since: '6.19' },
  { id: '11d', title: 'mkwrite_novma makes writable', test: 'basic', levels: SMALL, make: ['wrprotect', 'mkwrite_novma'], expect: { write: true }, since: '6.19' },
  { id: '11e', title: 'wrprotect undoes mkwrite_novma', test: 'basic', levels: SMALL, make: ['mkwrite_novma', 'wrprotect'], expect: { write: false }, since: '6.19' },
  { id: '12', title: 'a huge entry is bad: it is no table', test: 'basic', levels: ['pmd', 'pud'], make: ['mkhuge'], expect: { bad: true } },
  { id: '13', title: 'a huge entry is a leaf', test: 'leaf', levels: ['pmd', 'pud'], make: ['mkhuge'], expect: { leaf: true } },
  { id: '34', title: 'mkspecial makes special', test: 'special', levels: ['pte'], make: ['mkspecial'], expect: { special: true } },
  { id: '37', title: 'mkdevmap makes devmap', test: 'devmap', levels: ALL, make: ['mkdevmap'], expect: { devmap: true } },
  { id: '43a', title: 'a huge page in pte form: mkdirty makes dirty', test: 'hugetlb_basic', levels: ['pte'], make: ['mkhuge', 'mkdirty'], expect: { dirty: true } },
  { id: '43b', title: 'a huge page in pte form: mkwrite makes writable', test: 'hugetlb_basic', levels: ['pte'], make: ['mkhuge', 'wrprotect', 'mkwrite'], expect: { write: true } },
  { id: '43c', title: 'a huge page in pte form: wrprotect makes read-only', test: 'hugetlb_basic', levels: ['pte'], make: ['mkhuge', 'mkwrite', 'wrprotect'], expect: { write: false } },
  { id: '44', title: 'a huge pmd is trans_huge', test: 'thp', levels: ['pmd'], make: ['mkhuge'], expect: { trans_huge: true } },
  { id: '45', title: 'an invalidated huge pmd is trans_huge', test: 'thp', levels: ['pmd'], make: ['mkhuge', 'mkinvalid'], expect: { trans_huge: true } },
  { id: '46', title: 'an invalidated huge pmd is present', test: 'thp', levels: ['pmd'], make: ['mkhuge', 'mkinvalid'], expect: { present: true } },
  { id: '47', title: 'an invalidated huge pmd is a leaf', test: 'thp', levels: ['pmd'], make: ['mkhuge', 'mkinvalid'], expect: { leaf: true } },
  { id: '48', title: 'a huge pud is trans_huge', test: 'thp', levels: ['pud'], make: ['mkhuge'], expect: { trans_huge: true } },
]; // prettier-ignore

/** Their own `pmdp_invalidate` works in memory; a `pmd_mkinvalid` or `pmd_mknotpresent` they may have is unused. */
const OWN_INVALIDATE: readonly string[] = ['s390', 'powerpc'];

/** Why a chain says nothing about a backend; undefined where it does. */
function outOfScope(arch: Arch, level: LawLevel, { make, since }: Chain): string | undefined {
  if (since !== undefined && arch.kernel.isBefore(since))
    return `the kernel's own test has it from ${since} on`;
  if (level === 'pud' && !hasHugePud(arch)) return 'no transparent huge pages at pud level';
  if (make.includes('mkinvalid') && OWN_INVALIDATE.includes(arch.name))
    return 'pmdp_invalidate is its own and works in memory';
  return undefined;
}

/**
 * CONFIG_HAVE_ARCH_TRANSPARENT_HUGEPAGE_PUD: x86, and powerpc with radix tables from the commit on.
 * @see Linux arch/x86/Kconfig, arch/powerpc/platforms/Kconfig.cputype (6.12.117)
 */
const hasHugePud = (arch: Arch): boolean =>
  arch.name === 'x86_64' ||
  (arch.name === 'powerpc' && arch.mmuOf().kind === 'radix' && arch.kernel.has('ppc-pud-thp'));

/** Laws 1, 3 to 13, 34, 37 and 43 to 48. */
export const CHAIN_LAWS: readonly Law[] = CHAINS.flatMap((chain) =>
  chain.levels.map((level): Law => ({
    id: chain.id,
    level,
    title: chain.title,
    source: `${KERNEL_TEST}, ${level}_${chain.test}_tests (${chain.since ?? '6.12.117'})`.replace(
      'pte_hugetlb',
      'hugetlb',
    ),
    over: 'all',
    check: (arch, protection) => {
      const why = outOfScope(arch, level, chain);
      return why === undefined
        ? fresh(arch, level, protection)
            .make(...chain.make)
            .expect(chain.expect)
        : notApplicable(why);
    },
  })),
);

/**
 * Kconfig options that a caller may give although no helper of the backend asks for them.
 *
 * The vectors say of each build how it was configured; that whole list can be handed to a factory. An option that cannot
 * change an answer of this architecture is accepted and left alone; one that would change answers, and is not modelled, is
 * accepted only at the value that the kernels of the vectors have.
 */

/** Options that change answers and have one value here. */
const FIXED: Readonly<Record<string, boolean>> = {
  TRANSPARENT_HUGEPAGE: true,
  HAVE_ARCH_TRANSPARENT_HUGEPAGE: true,
  SMP: true,
  SWAP: true,
  MIGRATION: true,
  DEBUG_VM: false,
  PAGE_TABLE_CHECK: false,
  AMD_MEM_ENCRYPT: false,
  ARM_LPAE: true,
};

/** Options of every architecture that a backend without such a key is not changed by. */
const WITHOUT_EFFECT: readonly string[] = [
  'MEM_SOFT_DIRTY', 'USERFAULTFD', 'NUMA_BALANCING', 'DEVICE_PRIVATE', 'ZONE_DEVICE', 'MEMORY_FAILURE', 'HUGETLB_PAGE',
  'ARCH_ENABLE_THP_MIGRATION', 'ARCH_HAS_PTE_DEVMAP', 'ARCH_HAS_PTE_SPECIAL', 'ARCH_SUPPORTS_PMD_PFNMAP',
  'ARCH_SUPPORTS_PUD_PFNMAP', 'HAVE_ARCH_SOFT_DIRTY', 'HAVE_ARCH_TRANSPARENT_HUGEPAGE_PUD', 'HAVE_ARCH_USERFAULTFD_WP',
  'PTE_MARKER', 'PTE_MARKER_UFFD_WP', 'PGTABLE_LEVELS', 'JUMP_LABEL', 'PARAVIRT', 'TRANSPARENT_HUGEPAGE_ALWAYS',
  'TRANSPARENT_HUGEPAGE_MADVISE', 'TRANSPARENT_HUGEPAGE_NEVER', 'SMP_ON_UP', 'THUMB2_KERNEL', 'UNMAP_KERNEL_AT_EL0',
]; // prettier-ignore

/** Options of one architecture that say what the factory's own options say (granule, page size), or change nothing here. */
const OF_ARCH: Readonly<Record<string, RegExp>> = {
  x86_64: /^X86_5LEVEL$/,
  arm64:
    /^ARM64_((4|16|64)K_PAGES|[VP]A_BITS(_\d+)?|AS_HAS_MTE|BTI|E0PD|EPAN|HW_AFDBM|MTE|PAN|POE|PTR_AUTH|SW_TTBR0_PAN)$/,
  powerpc: /^PPC_((4|64)K_PAGES|64S_HASH_MMU|MEM_KEYS|RADIX_MMU|SUBPAGE_PROT)$/,
};

/**
 * What becomes of a Kconfig option that the backend has no key for: `ignored`, `unknown`, or the one value that it may have.
 *
 * @param arch - Name of the backend.
 */
export function unmodelledOption(arch: string, option: string): 'ignored' | 'unknown' | boolean {
  const fixed = FIXED[option];
  if (fixed !== undefined) return fixed;
  return WITHOUT_EFFECT.includes(option) || OF_ARCH[arch]?.test(option) === true ? 'ignored' : 'unknown';
}

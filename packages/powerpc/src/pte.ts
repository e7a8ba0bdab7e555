import {
  type PteHelpers,
  __pgprot,
  __pfn,
  __pte,
  completePte,
  swapPteHelpers,
  type SwapOps,
} from '@ptemu/arch';
import type { PpcEnv } from './env.js';

/**
 * Helpers of pte entries.
 *
 * Entries are numbers here; in memory they are big-endian from 4.7 on, which `Arch.rawEntry` shows. Most pmd and pud
 * helpers are these on a cast, as in the kernel.
 *
 * @see Linux arch/powerpc/include/asm/book3s/64/pgtable.h, hash.h, radix.h (6.1.192, 6.12.117)
 * @see fact sheet 8.2 and 8.3 for older releases
 */
export function pteHelpers(env: PpcEnv, swap: SwapOps): PteHelpers {
  const pte = completePte(env, { ...tests(env), ...makers(env), ...swapBits(env), ...frames(env) });
  return { ...pte, ...swapPteHelpers(swap, pte) };
}

/** Whether PROT_NONE entries may remember that they were writable. @see fact sheet 8.3: 4.11 to 6.1 */
const hasSavedWrite = ({ kernel, config }: PpcEnv): boolean =>
  kernel.has('ppc-savedwrite') && !kernel.has('savedwrite-removed') && config['NUMA_BALANCING'] === true;

function tests(env: PpcEnv) {
  const { kernel, config, bits: b } = env;
  const has = (mask: bigint) => (entry: bigint) => (entry & mask) !== 0n;
  const all = (mask: bigint) => (entry: bigint) => (entry & mask) === mask;
  const radixFormat = b.format === 'radix';
  const ignored = env.mmu === 'hash' ? b._PAGE_HPTEFLAGS : b._PAGE_DIRTY | b._PAGE_ACCESSED;
  const rwx = b._PAGE_READ | b._PAGE_WRITE | b._PAGE_EXEC;
  const savedWrite = hasSavedWrite(env)
    ? (entry: bigint): boolean => (entry & (rwx | b._PAGE_PRIVILEGED)) === 0n
    : (): boolean => false;
  const pte_write = (entry: bigint): boolean => (entry & b._PAGE_WRITE) !== 0n || savedWrite(entry);
  const pte_read = has(b._PAGE_READ);
  const pte_user = radixFormat
    ? (entry: bigint): boolean => (entry & b._PAGE_PRIVILEGED) === 0n
    : has(b._PAGE_USER);
  const pte_present = presentTest(env);
  const softDirty = b._PAGE_SOFT_DIRTY !== 0n;
  return {
    pte_none: (entry: bigint) => (entry & ~ignored) === 0n,
    pte_present,
    pte_young: has(b._PAGE_ACCESSED),
    pte_dirty: has(b._PAGE_DIRTY),
    pte_write,
    ...(hasSavedWrite(env) && { pte_savedwrite: savedWrite }),
    pte_exec: has(b._PAGE_EXEC),
    pte_special: has(b._PAGE_SPECIAL),
    pte_user,
    ...(softDirty && { pte_soft_dirty: has(b._PAGE_SOFT_DIRTY) }),
    ...(config['NUMA_BALANCING'] === true &&
      kernel.has('ppc-protnone') && { pte_protnone: protnoneTest(env) }),
    ...(b._PAGE_DEVMAP !== 0n && { pte_devmap: all(b._PAGE_DEVMAP | b._PAGE_PTE) }),
    ...(radixFormat && {
      pte_read,
      pte_ci: (entry: bigint) => {
        const attribute = entry & b._PAGE_CACHE_CTL;
        return attribute === b._PAGE_TOLERANT || attribute === b._PAGE_NON_IDEMPOTENT;
      },
    }),
    ...(b._PAGE_INVALID !== 0n && { pte_hw_valid: all(b._PAGE_PRESENT | b._PAGE_PTE) }),
    ...(kernel.has('ppc-devmap') && {
      // Memory keys: as on a machine without them, where every key allows everything.
      pte_access_permitted: (entry: bigint, { write }: { readonly write: boolean }) =>
        pte_present(entry) && pte_user(entry) && pte_read(entry) && (!write || pte_write(entry)),
    }),
    pte_same: (a: bigint, c: bigint) =>
      env.mmu === 'hash' ? ((a ^ c) & ~b._PAGE_HPTEFLAGS) === 0n : a === c,
  };
}

/**
 * `pte_present`: from 4.20 on also of an entry that Linux made invalid for a while; from 5.8 on only of leaves.
 * @see fact sheet 8.3; section 10, row 17 (f08d08f3db55)
 */
function presentTest({ kernel, bits: b }: PpcEnv): (entry: bigint) => boolean {
  const eitherOf = b._PAGE_PRESENT | (kernel.has('f08d08f3db55') ? b._PAGE_INVALID : 0n);
  if (!kernel.has('ppc-pte-hw-valid')) return (entry) => (entry & eitherOf) !== 0n;
  return (entry) => (entry & b._PAGE_PTE) !== 0n && (entry & eitherOf) !== 0n;
}

/** `pte_protnone`: an entry that is present and lets nobody in. @see fact sheet 1.2 */
function protnoneTest({ kernel, bits: b }: PpcEnv): (entry: bigint) => boolean {
  if (kernel.has('ppc-savedwrite')) {
    const leaf = b._PAGE_PRESENT | b._PAGE_PTE;
    const rwx = b._PAGE_READ | b._PAGE_WRITE | b._PAGE_EXEC;
    return (entry) => (entry & (leaf | rwx)) === leaf;
  }
  if (b.format === 'radix') {
    const both = b._PAGE_PRESENT | b._PAGE_PRIVILEGED;
    return (entry) => (entry & both) === both;
  }
  return (entry) => (entry & (b._PAGE_PRESENT | b._PAGE_USER)) === b._PAGE_PRESENT;
}

function makers(env: PpcEnv) {
  const { kernel, bits: b } = env;
  const set = (mask: bigint) => (entry: bigint) => __pte(entry | mask);
  const clear = (mask: bigint) => (entry: bigint) => __pte(entry & ~mask);
  const savedWrite = hasSavedWrite(env);
  const guarded = b._PAGE_READ | b._PAGE_WRITE | b._PAGE_EXEC | b._PAGE_PRIVILEGED;
  // A write needs a read bit too; before 4.7 there was none.
  const pte_mkwrite = set(b._PAGE_READ | b._PAGE_WRITE);
  return {
    pte_mkold: clear(b._PAGE_ACCESSED),
    pte_mkyoung: set(b._PAGE_ACCESSED),
    pte_mkdirty: set(b._PAGE_DIRTY | b._PAGE_SOFT_DIRTY),
    pte_mkclean: clear(b._PAGE_DIRTY),
    ...(kernel.has('pte-mkwrite-novma') ? { pte_mkwrite_novma: pte_mkwrite } : {}),
    pte_mkwrite: (entry: bigint) => pte_mkwrite(entry),
    pte_wrprotect: (entry: bigint) =>
      savedWrite && (entry & guarded) === 0n
        ? __pte(entry | b._PAGE_PRIVILEGED)
        : __pte(entry & ~b._PAGE_WRITE),
    ...(savedWrite && {
      pte_mk_savedwrite: clear(b._PAGE_PRIVILEGED),
      pte_clear_savedwrite: set(b._PAGE_PRIVILEGED),
    }),
    pte_mkexec: set(b._PAGE_EXEC),
    pte_exprotect: clear(b._PAGE_EXEC),
    pte_mkspecial: set(b._PAGE_SPECIAL),
    ...(b._PAGE_DEVMAP !== 0n && { pte_mkdevmap: set(b._PAGE_SPECIAL | b._PAGE_DEVMAP) }),
    ...(b._PAGE_SOFT_DIRTY !== 0n && {
      pte_mksoft_dirty: set(b._PAGE_SOFT_DIRTY),
      pte_clear_soft_dirty: clear(b._PAGE_SOFT_DIRTY),
    }),
    ...(b.format === 'radix' &&
      !kernel.has('ppc-mkuser-removed') && {
        pte_mkprivileged: set(b._PAGE_PRIVILEGED),
        pte_mkuser: clear(b._PAGE_PRIVILEGED),
      }),
    pte_modify: (entry: bigint, prot: bigint) => __pte((entry & b._PAGE_CHG_MASK) | prot),
  };
}

function swapBits({ kernel, bits: b }: PpcEnv) {
  const has = (mask: bigint) => (entry: bigint) => (entry & mask) !== 0n;
  return {
    ...(b._PAGE_SOFT_DIRTY !== 0n && {
      pte_swp_soft_dirty: has(b._PAGE_SWP_SOFT_DIRTY),
      pte_swp_mksoft_dirty: (entry: bigint) => __pte(entry | b._PAGE_SWP_SOFT_DIRTY),
      pte_swp_clear_soft_dirty: (entry: bigint) => __pte(entry & ~b._PAGE_SWP_SOFT_DIRTY),
    }),
    ...(kernel.has('ppc-swp-exclusive') && {
      pte_swp_exclusive: has(b._PAGE_SWP_EXCLUSIVE),
      pte_swp_mkexclusive: (entry: bigint) => __pte(entry | b._PAGE_SWP_EXCLUSIVE),
      pte_swp_clear_exclusive: (entry: bigint) => __pte(entry & ~b._PAGE_SWP_EXCLUSIVE),
    }),
  };
}

function frames({ kernel, bits: b }: PpcEnv) {
  const shift = BigInt(b.PTE_RPN_SHIFT);
  return {
    pte_pfn: (entry: bigint) => __pfn((entry & b.PTE_RPN_MASK) >> shift),
    /** The frame is not masked: one beyond the field reaches the bits above it (the kernel only checks with DEBUG_VM). */
    pfn_pte: (pfn: number, prot: bigint) =>
      __pte((BigInt(pfn) << shift) | prot | (kernel.has('ppc-mkhuge-identity') ? b._PAGE_PTE : 0n)),
    ...(kernel.has('bd0dbb73e013') && { pte_pgprot: (entry: bigint) => __pgprot(entry & ~b.PTE_RPN_MASK) }),
  };
}

/**
 * Helpers of pte entries. Memory is not written and no TLB entry is flushed by any of them.
 *
 * Writable and dirty since 2f4b829c625e, whether the processor manages the dirty state or not:
 *
 * | dirty | writable | PTE_RDONLY | PTE_WRITE | PTE_DIRTY |
 * |---|---|---|---|---|
 * | 0 | 0 | 1 | 0 | 0 |
 * | 0 | 1 | 1 | 1 | 0 |
 * | 1 | 0 | 1 | 0 | 1 |
 * | 1 | 1 | 0 | 1 | any |
 *
 * @see Linux arch/arm64/include/asm/pgtable.h (6.1.192, 6.12.117); older forms: fact sheet 5.2
 */
import {
  __pfn, __pgprot, __pte, completePte, type Pgprot, type Pte, type PteHelpers, swapPteHelpers, type SwapOps,
} from '@ptemu/arch'; // prettier-ignore
import { entryAddress } from './address.js';
import {
  arm64Bits, PTE_AF, PTE_ATTRINDX_MASK, PTE_CONT, PTE_DIRTY, PTE_RDONLY, PTE_SPECIAL, PTE_TABLE_BIT, PTE_TYPE_PAGE,
  PTE_USER, PTE_UXN, PTE_VALID,
} from './bits.js'; // prettier-ignore
import { type Arm64Env, contShifts, pageShift } from './layout.js';

/** A state of a pte, and what the helpers say of it. */
export interface PteState {
  readonly name: string;
  readonly entry: bigint;
  readonly none: boolean;
  readonly present: boolean;
  readonly protnone: boolean;
  /** Absent where the bits mean something else. */
  readonly leaf?: { readonly young: boolean; readonly dirty: boolean; readonly write: boolean };
}

const mapped = (name: string, entry: bigint, write: boolean, young: boolean, dirty: boolean): PteState => ({
  name, entry, none: false, present: true, protnone: name.startsWith('prot-none'), leaf: { write, young, dirty },
}); // prettier-ignore

/** All states of a pte that maps, or once mapped, frame 0x54321 of a user who may not execute; 6.12, 4k. */
export const PTE_STATES: readonly PteState[] = [
  { name: 'none', entry: 0n, none: true, present: false, protnone: false },
  {
    name: 'swap, type 0x16, offset 0x12200',
    entry: 0x1220_0580n,
    none: false,
    present: false,
    protnone: false,
  },
  {
    name: 'migration, readable, exclusive',
    entry: 0x1220_0640n,
    none: false,
    present: false,
    protnone: false,
  },
  mapped('RW young dirty', 0x00e8_0000_5432_1f43n, true, true, true),
  mapped('RW young clean', 0x0068_0000_5432_1fc3n, true, true, false),
  mapped('RW old dirty', 0x00e8_0000_5432_1b43n, true, false, true),
  mapped('RW old clean', 0x0068_0000_5432_1bc3n, true, false, false),
  mapped('RO young dirty', 0x00e0_0000_5432_1fc3n, false, true, true),
  mapped('RO young clean', 0x0060_0000_5432_1fc3n, false, true, false),
  mapped('RO old dirty', 0x00e0_0000_5432_1bc3n, false, false, true),
  mapped('RO old clean', 0x0060_0000_5432_1bc3n, false, false, false),
  mapped('prot-none young dirty', 0x00e0_0000_5432_1f82n, false, true, true),
  mapped('prot-none young clean', 0x0060_0000_5432_1f82n, false, true, false),
  mapped('prot-none old dirty', 0x00e0_0000_5432_1b82n, false, false, true),
  mapped('prot-none old clean', 0x0060_0000_5432_1b82n, false, false, false),
];

/** What all leaf levels share: the pte forms, unbranded, that pmd and pud helpers are made from. */
export interface LeafForms {
  readonly present: (entry: bigint) => boolean;
  readonly presentInvalid: (entry: bigint) => boolean;
  readonly protnone: (entry: bigint) => boolean;
  readonly hwDirty: (entry: bigint) => boolean;
  readonly dirty: (entry: bigint) => boolean;
  readonly wrprotect: (entry: bigint) => bigint;
  readonly mkwrite: (entry: bigint) => bigint;
  readonly mkclean: (entry: bigint) => bigint;
  readonly mkdirty: (entry: bigint) => bigint;
  readonly mkuffdWp: (entry: bigint) => bigint;
  readonly modify: (entry: bigint, prot: bigint) => bigint;
  readonly accessPermitted: (entry: bigint, write: boolean) => boolean;
  /** All bits but the address. */
  readonly pgprot: (entry: bigint, pfn: number) => Pgprot;
}

/** Makes the forms of a build. */
export function leafForms(env: Arm64Env): LeafForms {
  const { kernel, config } = env;
  const b = arm64Bits(env);
  const { ofPfn } = entryAddress(env);
  const hardwareDirty = kernel.has('2f4b829c625e');
  const rdonlyInEntry = kernel.has('73e86cb03cf2');
  const rdonlyFollowsDirty = kernel.has('8781bcbc5e69');

  const presentInvalid = (entry: bigint): boolean =>
    b.PTE_PRESENT_INVALID !== 0n && (entry & (PTE_VALID | b.PTE_PRESENT_INVALID)) === b.PTE_PRESENT_INVALID;
  const present = (entry: bigint): boolean =>
    (entry & (PTE_VALID | b.PTE_PROT_NONE)) !== 0n || (kernel.has('b28c74e25967') && presentInvalid(entry));
  const protnone = (entry: bigint): boolean => {
    if (config['NUMA_BALANCING'] !== true || !kernel.has('arm64-protnone')) return false;
    return kernel.has('f0f5863a0fb0')
      ? presentInvalid(entry) && (entry & (PTE_USER | PTE_UXN)) === PTE_UXN
      : (entry & (PTE_VALID | b.PTE_PROT_NONE)) === b.PTE_PROT_NONE;
  };
  const hwDirty = (entry: bigint): boolean =>
    hardwareDirty && (entry & (b.PTE_WRITE | PTE_RDONLY)) === b.PTE_WRITE;
  const dirty = (entry: bigint): boolean => (entry & PTE_DIRTY) !== 0n || hwDirty(entry);
  const wrprotect = (entry: bigint): bigint => {
    if (!rdonlyInEntry) return entry & ~b.PTE_WRITE;
    const kept = kernel.has('ff1712f953e2') && hwDirty(entry) ? entry | PTE_DIRTY : entry;
    return (kept & ~b.PTE_WRITE) | PTE_RDONLY;
  };
  const mkwrite = (entry: bigint): bigint => {
    const writable = entry | b.PTE_WRITE;
    if (!rdonlyInEntry) return writable;
    return kernel.has('143937ca51cc') && (entry & PTE_DIRTY) === 0n ? writable : writable & ~PTE_RDONLY;
  };
  const mkclean = (entry: bigint): bigint => (entry & ~PTE_DIRTY) | (rdonlyFollowsDirty ? PTE_RDONLY : 0n);
  const mkdirty = (entry: bigint): bigint =>
    rdonlyFollowsDirty && (entry & b.PTE_WRITE) !== 0n
      ? (entry | PTE_DIRTY) & ~PTE_RDONLY
      : entry | PTE_DIRTY;
  const modify = (entry: bigint, prot: bigint): bigint => {
    const kept = hwDirty(entry) ? entry | PTE_DIRTY : entry;
    const value = (kept & ~b.MODIFY_MASK) | (prot & b.MODIFY_MASK);
    return kernel.has('arm64-modify-keeps-hw-dirty') && (value & PTE_DIRTY) !== 0n ? mkdirty(value) : value;
  };
  const user = PTE_VALID | PTE_USER;
  return {
    present,
    presentInvalid,
    protnone,
    hwDirty,
    dirty,
    wrprotect,
    mkwrite,
    mkclean,
    mkdirty,
    mkuffdWp: (entry) => (b.PTE_UFFD_WP === 0n ? entry : wrprotect(entry | b.PTE_UFFD_WP)),
    modify,
    accessPermitted: (entry, write) => (entry & user) === user && (!write || (entry & b.PTE_WRITE) !== 0n),
    pgprot: (entry, pfn) => __pgprot(ofPfn(pfn) ^ entry),
  };
}

/** Makes the pte helpers of a build. */
export function pteHelpers(env: Arm64Env, swap: SwapOps): PteHelpers {
  const { kernel, geometry } = env;
  const b = arm64Bits(env);
  const leaf = leafForms(env);
  const { pfnOf, ofPfn } = entryAddress(env);
  const PAGE_SHIFT = pageShift(geometry);
  const any = (mask: bigint) => (pte: bigint) => (pte & mask) !== 0n;
  const set = (mask: bigint) => (pte: bigint) => __pte(pte | mask);
  const clear = (mask: bigint) => (pte: bigint) => __pte(pte & ~mask);
  const branded = (form: (entry: bigint) => bigint) => (pte: bigint): Pte => __pte(form(pte)); // prettier-ignore
  const pte_pfn = (pte: bigint): bigint => BigInt(pfnOf(pte, PAGE_SHIFT));
  const validCont = PTE_VALID | PTE_CONT;
  const notUser = kernel.has('arm64-valid-not-user-uxn') ? PTE_UXN : 0n;

  const base = completePte(env, {
    pte_none: (pte) => pte === 0n,
    pte_present: leaf.present,
    pte_young: any(PTE_AF),
    pte_dirty: leaf.dirty,
    pte_write: any(b.PTE_WRITE),
    pte_special: any(PTE_SPECIAL),
    pte_protnone: leaf.protnone,
    pte_accessible: (pte, { tlb_flush_pending }) => {
      if (tlb_flush_pending) return leaf.present(pte);
      const needed = kernel.has('arm64-pte-accessible-valid') ? PTE_VALID : PTE_VALID | PTE_AF;
      return (pte & needed) === needed;
    },
    pte_access_permitted: (pte, { write }) => leaf.accessPermitted(pte, write),
    pte_uffd_wp: any(b.PTE_UFFD_WP),
    pte_swp_uffd_wp: any(b.PTE_SWP_UFFD_WP),
    pte_swp_exclusive: any(b.PTE_SWP_EXCLUSIVE),
    pte_devmap: any(b.PTE_DEVMAP),
    pte_valid: any(PTE_VALID),
    pte_user: any(PTE_USER),
    pte_user_exec: (pte) => (pte & PTE_UXN) === 0n,
    pte_cont: any(PTE_CONT),
    pte_hw_dirty: leaf.hwDirty,
    pte_sw_dirty: any(PTE_DIRTY),
    pte_valid_not_user: (pte) => (pte & (PTE_VALID | PTE_USER | notUser)) === (PTE_VALID | notUser),
    pte_tagged: (pte) => (pte & PTE_ATTRINDX_MASK) === MT_NORMAL_TAGGED,
    ...(kernel.has('b28c74e25967') && {
      pte_present_invalid: leaf.presentInvalid,
      pte_mkinvalid: (pte: bigint) => __pte((pte | b.PTE_PRESENT_INVALID) & ~PTE_VALID),
    }),
    ...(kernel.has('arm64-contpte') && {
      pte_rdonly: any(PTE_RDONLY),
      pte_valid_cont: (pte: bigint) => (pte & validCont) === validCont,
    }),
    pte_pfn: (pte) => __pfn(pte_pfn(pte)),
    pte_pgprot: (pte) => leaf.pgprot(pte, pfnOf(pte, PAGE_SHIFT)),
    pte_leaf_size: (pte) => 1n << BigInt((pte & PTE_CONT) !== 0n ? contShifts(geometry).pte : PAGE_SHIFT),

    pfn_pte: (pfn, prot) => __pte(ofPfn(pfn) | prot),

    pte_mkyoung: set(PTE_AF),
    pte_mkold: clear(PTE_AF),
    pte_mkdirty: branded(leaf.mkdirty),
    pte_mkclean: branded(leaf.mkclean),
    pte_mkwrite: branded(leaf.mkwrite),
    ...(kernel.has('pte-mkwrite-novma') && { pte_mkwrite_novma: branded(leaf.mkwrite) }),
    pte_wrprotect: branded(leaf.wrprotect),
    pte_mkspecial: set(PTE_SPECIAL),
    pte_mkhuge: clear(PTE_TABLE_BIT),
    ...(b.PTE_DEVMAP !== 0n && { pte_mkdevmap: set(b.PTE_DEVMAP | PTE_SPECIAL) }),
    pte_mkuffd_wp: branded(leaf.mkuffdWp),
    pte_clear_uffd_wp: clear(b.PTE_UFFD_WP),
    pte_swp_mkuffd_wp: set(b.PTE_SWP_UFFD_WP),
    pte_swp_clear_uffd_wp: clear(b.PTE_SWP_UFFD_WP),
    ...(b.PTE_SWP_EXCLUSIVE !== 0n && {
      pte_swp_mkexclusive: set(b.PTE_SWP_EXCLUSIVE),
      pte_swp_clear_exclusive: clear(b.PTE_SWP_EXCLUSIVE),
    }),
    pte_mkcont: set(kernel.has('arm64-type-field') ? PTE_CONT : PTE_CONT | PTE_TYPE_PAGE),
    pte_mknoncont: clear(PTE_CONT),
    pte_mkpresent: set(PTE_VALID),
    pte_modify: (pte, prot) => __pte(leaf.modify(pte, prot)),
  });
  return { ...base, ...swapPteHelpers(swap, base) };
}

/** `MT_NORMAL_TAGGED`: memory type index 1, in place. @see Linux arch/arm64/include/asm/memory.h (6.12.117) */
const MT_NORMAL_TAGGED = 1n << 2n;

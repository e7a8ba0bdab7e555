/**
 * Segment-table entries.
 *
 * The empty entry is 0x20, so `pmd_none(0)` is false. A pte table is named by its address alone, with no type bits
 * (6.13+: and PRESENT). In a large entry old shows as INVALID and clean as PROTECT, as in ptes; there is no
 * `pmd_mkinvalid`: `pmdp_invalidate` sets INVALID in memory through IDTE.
 */
import {
  type Env,
  type OwnPmd,
  type Pmd,
  type PmdHelpers,
  type SwapOps,
  __pfn,
  __pgprot,
  __pmd,
  completePmd,
  swapPmdHelpers,
} from '@ptemu/arch';
import {
  _SEGMENT_ENTRY_EMPTY,
  _SEGMENT_ENTRY_INVALID,
  _SEGMENT_ENTRY_LARGE,
  _SEGMENT_ENTRY_ORIGIN,
  _SEGMENT_ENTRY_ORIGIN_LARGE,
  _SEGMENT_ENTRY_PROTECT,
  _SEGMENT_ENTRY_TYPE_MASK,
  segmentBits,
} from './bits.js';
import { protections } from './prot.js';
import { earlySegment } from './segment-early.js';

const I = _SEGMENT_ENTRY_INVALID;
const P = _SEGMENT_ENTRY_PROTECT;
const LARGE = _SEGMENT_ENTRY_LARGE;

/** One state of a pmd, as the 6.12 kernel stores it for frame 0x4000_0000 and what its helpers answer. */
export interface PmdState {
  readonly name: string;
  readonly entry: bigint;
  readonly none: boolean;
  readonly present: boolean;
  readonly trans_huge: boolean;
  readonly bad: boolean;
  readonly protnone: boolean;
  /** Absent where the bits mean something else. */
  readonly leaf?: { readonly young: boolean; readonly dirty: boolean; readonly write: boolean };
}

const huge = (name: string, entry: bigint, write: boolean, young: boolean, dirty: boolean): PmdState => ({
  name, entry, none: false, present: true, trans_huge: true, bad: true, protnone: name.startsWith('prot-none'),
  leaf: { young, dirty, write },
}); // prettier-ignore

/**
 * All states of a pmd that maps, or once mapped, a user page (NOEXEC and soft-dirty clear). Swap entries have no form of
 * their own before 6.13. An old entry is INVALID already: invalidating it changes nothing, and the two rows are the same.
 * @see Linux arch/s390/include/asm/pgtable.h, table "Segment table and region3 table entry encoding" (6.12.117)
 */
export const PMD_STATES: readonly PmdState[] = [
  { name: 'none', entry: 0x20n, none: true, present: false, trans_huge: false, bad: false, protnone: false },
  { name: 'table', entry: 0x5000_0800n, none: false, present: true, trans_huge: false, bad: false, protnone: false },
  huge('huge RW young dirty', 0x4000_3403n, true, true, true),
  huge('huge RW young clean', 0x4000_1603n, true, true, false),
  huge('huge RW old dirty', 0x4000_2423n, true, false, true),
  huge('huge RW old clean', 0x4000_0623n, true, false, false),
  huge('huge RO young dirty', 0x4000_3601n, false, true, true),
  huge('huge RO young clean', 0x4000_1601n, false, true, false),
  huge('huge RO old dirty', 0x4000_2621n, false, false, true),
  huge('huge RO old clean', 0x4000_0621n, false, false, false),
  huge('invalidated RW young dirty', 0x4000_3423n, true, true, true),
  huge('invalidated RW young clean', 0x4000_1623n, true, true, false),
  huge('invalidated RW old dirty', 0x4000_2423n, true, false, true),
  huge('invalidated RW old clean', 0x4000_0623n, true, false, false),
  huge('invalidated RO young dirty', 0x4000_3621n, false, true, true),
  huge('invalidated RO young clean', 0x4000_1621n, false, true, false),
  huge('invalidated RO old dirty', 0x4000_2621n, false, false, true),
  huge('invalidated RO old clean', 0x4000_0621n, false, false, false),
  huge('prot-none young dirty', 0x4000_3620n, false, true, true),
  huge('prot-none young clean', 0x4000_1620n, false, true, false),
  huge('prot-none old dirty', 0x4000_2620n, false, false, true),
  huge('prot-none old clean', 0x4000_0620n, false, false, false),
]; // prettier-ignore

/** The pmd helpers of a release. */
export function pmdHelpers(env: Env, swap: SwapOps): PmdHelpers {
  const { kernel, config } = env;
  const { massage_pgprot_pmd } = protections(env);
  const { PRESENT, READ, WRITE, YOUNG, DIRTY, SOFT_DIRTY, SPLIT } = segmentBits(kernel, config);
  const tracksDirty = kernel.has('s390-segment-dirty-bits');
  const has =
    (mask: bigint) =>
    (v: bigint): boolean =>
      (v & mask) !== 0n;
  const large = has(LARGE);
  const leaf = (v: bigint): boolean => (v & (LARGE | PRESENT)) === (LARGE | PRESENT);
  const changed = (v: bigint, prot: bigint): bigint =>
    (v & (_SEGMENT_ENTRY_ORIGIN_LARGE | DIRTY | YOUNG | LARGE | SOFT_DIRTY)) | massage_pgprot_pmd(prot);
  const origin = (v: bigint): bigint => v & (leaf(v) ? _SEGMENT_ENTRY_ORIGIN_LARGE : _SEGMENT_ENTRY_ORIGIN);
  const populate = (table: bigint): Pmd => __pmd(table | PRESENT);
  const mkwrite = (v: bigint): Pmd => __pmd((v | WRITE) & ~(has(DIRTY)(v) ? P : 0n));

  const tracked: Pick<
    OwnPmd,
    | 'pmd_young'
    | 'pmd_dirty'
    | 'pmd_write'
    | 'pmd_mkyoung'
    | 'pmd_mkold'
    | 'pmd_mkdirty'
    | 'pmd_wrprotect'
    | 'pmd_modify'
  > = {
    pmd_young: has(YOUNG),
    pmd_dirty: has(DIRTY),
    pmd_write: has(WRITE),
    pmd_mkyoung: (v) => __pmd((v | YOUNG) & ~(has(READ)(v) ? I : 0n)),
    pmd_mkold: (v) => __pmd((v & ~YOUNG) | I),
    pmd_mkdirty: (v) => __pmd((v | DIRTY | SOFT_DIRTY) & ~(has(WRITE)(v) ? P : 0n)),
    pmd_wrprotect: (v) => __pmd((v & ~WRITE) | P),
    pmd_modify: (v, prot) => {
      const value = changed(v, prot);
      return __pmd(value | (has(DIRTY)(value) ? 0n : P) | (has(YOUNG)(value) ? 0n : I));
    },
  };

  const own: OwnPmd = {
    ...tests(env, leaf),
    pmd_leaf: leaf,
    ...(!kernel.has('pmd-large-removed') && { pmd_large: leaf, pmd_huge: leaf }),
    ...(config['NUMA_BALANCING'] === true &&
      tracksDirty && { pmd_protnone: (v: bigint): boolean => leaf(v) && !has(READ)(v) }),
    ...(SPLIT !== 0n && {
      pmd_trans_splitting: (v: bigint): boolean => has(SPLIT)(v) && (!tracksDirty || large(v)),
    }),
    pmd_soft_dirty: has(SOFT_DIRTY),

    pfn_pmd: (pfn, prot) => __pmd((BigInt(pfn) << 12n) + massage_pgprot_pmd(prot)),
    pmd_mkhuge: (v) => __pmd(v | LARGE | (tracksDirty ? YOUNG | P : 0n)),

    ...tracked,
    ...(tracksDirty && { pmd_mkclean: (v: bigint): Pmd => __pmd((v & ~DIRTY) | P) }),
    ...(kernel.has('pte-mkwrite-novma') ? { pmd_mkwrite_novma: mkwrite } : { pmd_mkwrite: mkwrite }),
    ...(!tracksDirty && earlySegment(env, changed)),
    pmd_mksoft_dirty: (v) => __pmd(v | SOFT_DIRTY),
    pmd_clear_soft_dirty: (v) => __pmd(v & ~SOFT_DIRTY),
    ...(kernel.has('s390-thp-migration') && {
      pmd_swp_soft_dirty: has(SOFT_DIRTY),
      pmd_swp_mksoft_dirty: (v: bigint): Pmd => __pmd(v | SOFT_DIRTY),
      pmd_swp_clear_soft_dirty: (v: bigint): Pmd => __pmd(v & ~SOFT_DIRTY),
    }),

    pmd_deref: origin,
    pmd_pfn: (v) => __pfn(origin(v) >> 12n),
    // Generic since the commit that brought pmd_special: no protection is kept for huge frame mappings.
    ...(kernel.has('pmd-special') && { pmd_pgprot: () => __pgprot(0n) }),
    pmd_populate: populate,
    pmd_populate_kernel: populate,
    pmd_clear: () => __pmd(_SEGMENT_ENTRY_EMPTY),
  };
  const completed = completePmd(env, own);
  return { ...completed, ...swapPmdHelpers(swap, completed) };
}

/** The bits that a segment entry may have set, as `pmd_bad` up to 5.4 knew them (recalled for large entries). */
const _SEGMENT_ENTRY_BITS = 0xfffffffffffffe33n;
const _SEGMENT_ENTRY_BITS_LARGE = 0xfffffffffff0ff33n;

/**
 * none, present, bad and trans_huge: what lock-less walkers ask, and what changed most.
 * @see fact sheet 7.2; Linux arch/s390/include/asm/pgtable.h (6.1.192, 6.12.117)
 */
function tests(
  { kernel, config }: Env,
  leaf: (v: bigint) => boolean,
): Pick<OwnPmd, 'pmd_none' | 'pmd_present' | 'pmd_bad' | 'pmd_trans_huge'> {
  const { PRESENT } = segmentBits(kernel, config);
  const large = (v: bigint): boolean => (v & LARGE) !== 0n;
  if (!kernel.has('s390-software-referenced-bits')) {
    return {
      pmd_none: (v) => (v & (I | P)) === I,
      pmd_present: (v) => (v & I) === 0n || (v & (I | P)) === (I | P),
      pmd_bad: (v) => (v & ~_SEGMENT_ENTRY_ORIGIN & ~I) !== 0n,
      pmd_trans_huge: large,
    };
  }
  const none = (v: bigint): boolean => v === _SEGMENT_ENTRY_EMPTY;
  const wrongType = (v: bigint): boolean => (v & _SEGMENT_ENTRY_TYPE_MASK) !== 0n;
  return {
    pmd_none: none,
    pmd_present: PRESENT === 0n ? (v) => !none(v) : (v) => (v & PRESENT) !== 0n,
    pmd_bad: kernel.has('s390-pmd-bad-large')
      ? (v) => wrongType(v) || leaf(v) || (v & ~_SEGMENT_ENTRY_BITS) !== 0n
      : (v) => (v & ~(large(v) ? _SEGMENT_ENTRY_BITS_LARGE : _SEGMENT_ENTRY_BITS)) !== 0n,
    pmd_trans_huge: leaf,
  };
}

/**
 * Segment entries before they had READ, WRITE and DIRTY bits (3.8 to the release before 4.4).
 *
 * Up to 3.11 only the two hardware bits speak: INVALID alone is none, INVALID | PROTECT is prot-none, PROTECT is
 * read-only. From 3.12 on an entry is young or old: an old one is INVALID, and in an INVALID entry the young bit's place
 * says prot-none, whose youth then is in PROTECT. Dirty is in the storage keys in both, so `pmd_dirty` always holds.
 *
 * The fact sheet (7.1, 7.2) gives the bits and the tests; how the modifiers treat prot-none entries is recalled.
 */
import { type Env, type OwnPmd, type Pmd, __pmd } from '@ptemu/arch';
import { _SEGMENT_ENTRY_INVALID, _SEGMENT_ENTRY_PROTECT, segmentBits } from './bits.js';

const I = _SEGMENT_ENTRY_INVALID;
const P = _SEGMENT_ENTRY_PROTECT;

/** What differs from `pmd.ts` in those releases. `change` keeps origin, LARGE and SPLIT and adds a protection. */
export function earlySegment(
  env: Env,
  change: (entry: bigint, prot: bigint) => bigint,
): Pick<
  OwnPmd,
  | 'pmd_young'
  | 'pmd_dirty'
  | 'pmd_write'
  | 'pmd_mkyoung'
  | 'pmd_mkold'
  | 'pmd_mkdirty'
  | 'pmd_wrprotect'
  | 'pmd_modify'
> & { readonly pmd_mkwrite: (entry: bigint) => Pmd } {
  const { YOUNG, SPLIT } = segmentBits(env.kernel, env.config);
  const keep = (v: bigint): Pmd => __pmd(v);
  if (!env.kernel.has('s390-software-referenced-bits')) {
    return {
      pmd_young: () => false,
      pmd_dirty: () => true,
      pmd_write: (v) => (v & P) === 0n,
      pmd_mkyoung: keep,
      pmd_mkold: keep,
      pmd_mkdirty: keep,
      pmd_mkwrite: (v) => __pmd((v & I) === 0n ? v & ~P : v),
      pmd_wrprotect: (v) => __pmd(v | P),
      pmd_modify: (v, prot) => __pmd(change(v, prot) | (v & SPLIT)),
    };
  }
  const protNone = (v: bigint): boolean => (v & I) !== 0n && (v & YOUNG) !== 0n;
  const young = (v: bigint): boolean => (v & (protNone(v) ? P : YOUNG)) !== 0n;
  const mkyoung = (v: bigint): Pmd => __pmd(protNone(v) ? v | P : (v | YOUNG) & ~I);
  return {
    pmd_young: young,
    pmd_dirty: () => true,
    pmd_write: (v) => !protNone(v) && (v & P) === 0n,
    pmd_mkyoung: mkyoung,
    pmd_mkold: (v) => __pmd(protNone(v) ? v & ~P : (v & ~YOUNG) | I),
    pmd_mkdirty: keep,
    pmd_mkwrite: (v) => __pmd(protNone(v) ? v : v & ~P),
    pmd_wrprotect: (v) => __pmd(protNone(v) ? v : v | P),
    pmd_modify: (v, prot) => {
      const value = change(v & ~YOUNG, prot) | (v & SPLIT);
      return young(v) ? mkyoung(value) : __pmd(value);
    },
  };
}

/**
 * What the walker does. Simplifications: CR0.WP, EFER.NXE and CR4.PGE are set; SMEP, SMAP, protection keys and shadow-stack
 * accesses are not described; MAXPHYADDR is 52, so no frame bit is reserved.
 * @see Intel SDM vol. 3A, 5.5 (4-level and 5-level paging), 5.6 (access rights), 5.8 (accessed and dirty flags),
 *   5.10 (caching of translations)
 */
import {
  bit,
  type CpuFeatures,
  type Denials,
  type Match,
  type MmuDescription,
  type MmuLevel,
} from '@ptemu/arch';
import {
  _PAGE_ACCESSED, _PAGE_DIRTY, _PAGE_GLOBAL, _PAGE_NX, _PAGE_PRESENT, _PAGE_PSE, _PAGE_RW, _PAGE_USER, PHYSICAL_PMD_PAGE_MASK,
  PHYSICAL_PUD_PAGE_MASK, PTE_PFN_MASK,
} from './bits.js'; // prettier-ignore
import { PAGE_SHIFT, PMD_SHIFT, PUD_SHIFT, P4D_SHIFT, PGDIR_SHIFT_L5, type X86Levels } from './layout.js';

const is = (mask: bigint): Match => ({ mask, value: mask });
const not = (mask: bigint): Match => ({ mask, value: 0n });

/** The same at every level of the walk: a right is there only if no entry takes it away. */
const DENIES: Denials = {
  write: [not(_PAGE_RW)],
  exec: [is(_PAGE_NX)],
  kernelExec: [is(_PAGE_NX)],
  user: [not(_PAGE_USER)],
};

/** One match per bit: a leaf with any of these set is malformed. */
const reservedBits = (low: number, high: number): readonly Match[] =>
  Array.from({ length: high - low + 1 }, (_, i) => is(bit(low + i)));

/** The walker of an address space. @see the file's head */
export function mmuDescription(levels: X86Levels, cpu: CpuFeatures): MmuDescription {
  const table = {
    indexBits: 9,
    valid: [is(_PAGE_PRESENT)],
    table: [{ mask: PTE_PFN_MASK, shift: 0 }],
    tableDenies: DENIES,
  };
  // PS is reserved where no page of that size exists.
  const top = { ...table, leaf: 'never' as const, reserved: [is(_PAGE_PSE)] };
  const large = (
    mask: bigint,
    shift: number,
  ): Pick<MmuLevel, 'leaf' | 'page' | 'leafDenies' | 'reserved'> => ({
    leaf: [is(_PAGE_PSE)],
    page: { address: [{ mask, shift: 0 }], shift },
    leafDenies: DENIES,
    reserved: reservedBits(13, shift - 1).map(({ mask: low }) => is(low | _PAGE_PSE)),
  });
  const pgd: MmuLevel = { level: 'pgd', indexShift: levels === 5 ? PGDIR_SHIFT_L5 : P4D_SHIFT, ...top };
  const p4d: MmuLevel = { level: 'p4d', indexShift: P4D_SHIFT, ...top };
  return {
    kind: 'radix',
    byteOrder: 'little',
    levels: [
      pgd,
      ...(levels === 5 ? [p4d] : []),
      { level: 'pud', indexShift: PUD_SHIFT, ...table, ...large(PHYSICAL_PUD_PAGE_MASK, PUD_SHIFT) },
      { level: 'pmd', indexShift: PMD_SHIFT, ...table, ...large(PHYSICAL_PMD_PAGE_MASK, PMD_SHIFT) },
      {
        level: 'pte',
        indexShift: PAGE_SHIFT,
        indexBits: 9,
        valid: [is(_PAGE_PRESENT)],
        leaf: 'always',
        page: { address: [{ mask: PTE_PFN_MASK, shift: 0 }], shift: PAGE_SHIFT },
        leafDenies: DENIES,
      },
    ],
    split: { kind: 'sign-extended', bits: levels === 5 ? 57 : 48 },
    accessed: { clean: not(_PAGE_ACCESSED), set: _PAGE_ACCESSED, clear: 0n, by: 'hardware', inTables: true },
    dirty: { clean: not(_PAGE_DIRTY), set: _PAGE_DIRTY, clear: 0n, by: 'hardware' },
    global: is(_PAGE_GLOBAL),
    walkCache: levels === 5 ? ['pgd', 'p4d', 'pud', 'pmd'] : ['pgd', 'pud', 'pmd'],
    // Intel: either size may be used, undefined if attributes differ. AMD family 10h, erratum 383: machine check.
    mixedSizes: cpu['erratum383'] === true ? 'machine-check' : 'undefined',
    source: 'Intel SDM vol. 3A, 5.5 and 5.10; fact sheet 6.4',
  };
}

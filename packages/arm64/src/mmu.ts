/**
 * What the walker does, stage 1 of EL1&0.
 *
 * The architecture numbers levels 0 (-1 with five tables) to 3 from the top of a full walk; a shorter walk starts further
 * down. Simplifications: privileged access never, PAN and POE are not described; an execute-only user page (no PTE_USER, no
 * PTE_UXN), which Linux makes only with FEAT_PAN3, may not be fetched here; no output address is too large.
 * @see Arm ARM DDI 0487J.a, D8.2 (translation process), D8.3 (descriptor formats), D8.4 (memory access control), D8.5
 *   (hardware updates), D8.7.1 (contiguous bit)
 */
import {
  type AddressPiece,
  bit,
  bits,
  type Denials,
  type Match,
  type MmuDescription,
  type MmuLevel,
  type StateBit,
} from '@ptemu/arch';
import {
  PMD_TABLE_PXN, PMD_TABLE_UXN, PTE_AF, PTE_CONT, PTE_DBM, PTE_NG, PTE_PXN, PTE_RDONLY, PTE_TYPE_MASK, PTE_USER, PTE_UXN,
  PTE_VALID,
} from './bits.js'; // prettier-ignore
import { type Arm64Env, type Arm64Geometry, type Granule, pgtableLevels } from './layout.js';

const is = (mask: bigint): Match => ({ mask, value: mask });
const not = (mask: bigint): Match => ({ mask, value: 0n });

/** Highest level that may have blocks: with 48-bit and with 52-bit output addresses. */
const FIRST_BLOCK_LEVEL: Readonly<Record<Granule, { readonly 48: number; readonly 52: number }>> = {
  '4k': { 48: 1, 52: 0 },
  '16k': { 48: 2, 52: 1 },
  '64k': { 48: 2, 52: 1 },
};

/** log2 of the entries under one contiguous hint, by level. */
const CONTIGUOUS_ORDER: Readonly<Record<Granule, Readonly<Record<number, number>>>> = {
  '4k': { 1: 4, 2: 4, 3: 4 },
  '16k': { 2: 5, 3: 7 },
  '64k': { 2: 5, 3: 5 },
};

/** APTable, XNTable and PXNTable: what everything below a table entry loses. */
const TABLE_DENIES: Denials = {
  user: [is(bit(61))],
  write: [is(bit(62))],
  exec: [is(PMD_TABLE_UXN)],
  kernelExec: [is(PMD_TABLE_PXN)],
};

/** The walker of an address space. */
export function mmuDescription(env: Arm64Env): MmuDescription {
  const { geometry, layout } = env;
  const rootLevel = 4 - pgtableLevels(geometry);
  const real = layout.levels.filter(({ folded }) => !folded);
  const { accessed, dirty, leafDenies } = stateOf(env);
  const levels = real.map(({ level, shift, entries }, i): MmuLevel => {
    const n = rootLevel + i;
    const page = { address: outputAddress(geometry, shift), shift };
    const order = CONTIGUOUS_ORDER[geometry.granule][n];
    const leaf = {
      page,
      leafDenies,
      ...(order !== undefined && { contiguous: { when: is(PTE_CONT), shift: shift + order } }),
    };
    const index = { level, indexShift: shift, indexBits: Math.log2(entries) };
    if (level === 'pte') return { ...index, valid: [is(PTE_TYPE_MASK)], leaf: 'always', ...leaf };
    const table = { table: outputAddress(geometry, layout.PAGE_SHIFT), tableDenies: TABLE_DENIES };
    const blocks = n >= FIRST_BLOCK_LEVEL[geometry.granule][geometry.paBits];
    return blocks
      ? {
          ...index,
          valid: [is(PTE_VALID)],
          leaf: [{ mask: PTE_TYPE_MASK, value: PTE_VALID }],
          ...table,
          ...leaf,
        }
      : { ...index, valid: [is(PTE_TYPE_MASK)], leaf: 'never', ...table };
  });
  return {
    kind: 'radix',
    byteOrder: 'little',
    levels,
    split: { kind: 'two-halves', userBits: geometry.vaBits, kernelBits: geometry.vaBits },
    accessed,
    ...(dirty && { dirty }),
    global: not(PTE_NG),
    walkCache: real.map(({ level }) => level).filter((level) => level !== 'pte'),
    mixedSizes: env.cpu['bbml2'] === true ? 'allowed' : 'conflict-abort',
    source: 'Arm ARM DDI 0487J.a, D8.2 to D8.5 and D8.14; fact sheet 5.4',
  };
}

/** Output address of an entry that covers `2^shift` bytes, or of the next table. */
function outputAddress(geometry: Arm64Geometry, shift: number): readonly AddressPiece[] {
  if (geometry.lpa2) {
    return [
      { mask: bits(shift, 49), shift: 0 },
      { mask: bits(8, 9), shift: 42 },
    ];
  }
  const low = { mask: bits(shift, 47), shift: 0 };
  return geometry.paBits === 52 ? [low, { mask: bits(12, 15), shift: 36 }] : [low];
}

/**
 * Who records access and writes, and what a leaf forbids. Without FEAT_HAFDBS an old page faults, and a clean one is
 * read-only; with it the walker sets PTE_AF, and a write to a page that is read-only only because it is clean (PTE_DBM)
 * clears PTE_RDONLY. The kernel switches that on since 4.3.
 */
function stateOf({ kernel, cpu }: Arm64Env): {
  readonly accessed: StateBit;
  readonly dirty?: StateBit;
  readonly leafDenies: Denials;
} {
  const byHardware = kernel.has('2f4b829c625e');
  const dbm = byHardware && cpu['dbm'] === true;
  const clean = PTE_DBM | PTE_RDONLY;
  return {
    accessed: {
      clean: not(PTE_AF),
      set: PTE_AF,
      clear: 0n,
      by: byHardware && cpu['hafdbs'] === true ? 'hardware' : 'fault',
    },
    ...(dbm && { dirty: { clean: is(clean), set: 0n, clear: PTE_RDONLY, by: 'hardware' as const } }),
    leafDenies: {
      write: [dbm ? { mask: clean, value: PTE_RDONLY } : is(PTE_RDONLY)],
      exec: [is(PTE_UXN)],
      // What user mode may write, privileged mode never executes.
      kernelExec: [is(PTE_PXN), { mask: PTE_USER | PTE_RDONLY, value: PTE_USER }],
      user: [not(PTE_USER)],
    },
  };
}

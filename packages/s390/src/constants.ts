/** Kernel constants by name, as the vectors list them. Topic of its own: the backend itself uses the bits directly. */
import type { Env, SwapOps } from '@ptemu/arch';
import * as bits from './bits.js';
import { type SoftwareBits, region3Bits, segmentBits } from './bits.js';
import * as context from './context.js';
import {
  P4D_SHIFT,
  PAGE_SHIFT,
  PGDIR_SHIFT,
  PMD_SHIFT,
  PUD_SHIFT,
  _CRST_ENTRIES,
  _CRST_TABLE_SIZE,
  _PAGE_ENTRIES,
  _PAGE_TABLE_SIZE,
} from './layout.js';
import { _REGION1_ENTRY, _REGION1_ENTRY_EMPTY } from './pgd.js';
import { _REGION2_ENTRY, _REGION2_ENTRY_EMPTY } from './p4d.js';
import { _REGION3_ENTRY, _REGION3_ENTRY_EMPTY } from './pud.js';
import { __SWP_OFFSET_MASK, __SWP_OFFSET_SHIFT, __SWP_TYPE_MASK, __SWP_TYPE_SHIFT } from './swap.js';

const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);

/** The constants of a release. */
export function constants(env: Env, swap: SwapOps): Readonly<Record<string, bigint>> {
  const { kernel, config } = env;
  const five = kernel.has('s390-five-levels');
  return {
    ...span('PAGE', PAGE_SHIFT),
    ...span('PMD', PMD_SHIFT),
    ...span('PUD', PUD_SHIFT),
    ...(five && span('P4D', P4D_SHIFT)),
    ...span('PGDIR', five ? PGDIR_SHIFT : P4D_SHIFT),
    ...span('HPAGE_PMD', PMD_SHIFT),
    ...span('HPAGE_PUD', PUD_SHIFT),
    ...span('HPAGE', PMD_SHIFT),
    ...span('_SEGMENT', PMD_SHIFT),
    ...span('_REGION3', PUD_SHIFT),
    ...span('_REGION2', P4D_SHIFT),
    ...(five && span('_REGION1', PGDIR_SHIFT)),
    HPAGE_PMD_NR: 256n,
    HPAGE_PMD_ORDER: 8n,
    PTRS_PER_PTE: BigInt(_PAGE_ENTRIES),
    PTRS_PER_PMD: BigInt(_CRST_ENTRIES),
    PTRS_PER_PUD: BigInt(_CRST_ENTRIES),
    ...(five && { PTRS_PER_P4D: BigInt(_CRST_ENTRIES) }),
    PTRS_PER_PGD: BigInt(_CRST_ENTRIES),
    _CRST_ENTRIES: BigInt(_CRST_ENTRIES),
    _CRST_TABLE_SIZE: BigInt(_CRST_TABLE_SIZE),
    _PAGE_ENTRIES: BigInt(_PAGE_ENTRIES),
    _PAGE_TABLE_SIZE: BigInt(_PAGE_TABLE_SIZE),
    ...pageBits(env),
    ...regionBits(env),
    ...software('_SEGMENT_ENTRY', segmentBits(kernel, config)),
    ...software('_REGION3_ENTRY', region3Bits(kernel, config)),
    _ASCE_ORIGIN: context._ASCE_ORIGIN,
    _ASCE_USER_BITS: context._ASCE_USER_BITS,
    _ASCE_REAL_SPACE: context._ASCE_REAL_SPACE,
    _ASCE_TYPE_MASK: context._ASCE_TYPE_MASK,
    _ASCE_TABLE_LENGTH: context._ASCE_TABLE_LENGTH,
    __SWP_OFFSET_MASK,
    __SWP_OFFSET_SHIFT,
    __SWP_TYPE_MASK,
    __SWP_TYPE_SHIFT,
    ...swap.constants,
  };
}

function span(name: string, shift: number): Readonly<Record<string, bigint>> {
  const size = 1n << BigInt(shift);
  return { [`${name}_SHIFT`]: BigInt(shift), [`${name}_SIZE`]: size, [`${name}_MASK`]: u64(-size) };
}

function pageBits({ kernel, config }: Env): Readonly<Record<string, bigint>> {
  return {
    _PAGE_PRESENT: bits._PAGE_PRESENT,
    _PAGE_SOFT_DIRTY: config['MEM_SOFT_DIRTY'] === true ? bits._PAGE_SOFT_DIRTY : 0n,
    _PAGE_YOUNG: bits._PAGE_YOUNG,
    _PAGE_DIRTY: bits._PAGE_DIRTY,
    _PAGE_READ: bits._PAGE_READ,
    _PAGE_WRITE: bits._PAGE_WRITE,
    _PAGE_SPECIAL: bits._PAGE_SPECIAL,
    _PAGE_UNUSED: bits._PAGE_UNUSED,
    ...(kernel.has('s390-noexec') && { _PAGE_NOEXEC: bits._PAGE_NOEXEC }),
    _PAGE_PROTECT: bits._PAGE_PROTECT,
    _PAGE_INVALID: bits._PAGE_INVALID,
    _PAGE_LARGE: bits._PAGE_LARGE,
    ...(kernel.has('s390-pte-swp-exclusive') && { _PAGE_SWP_EXCLUSIVE: bits._PAGE_SWP_EXCLUSIVE }),
    _PAGE_INDEX: BigInt(_PAGE_ENTRIES - 1) << BigInt(PAGE_SHIFT),
  };
}

function regionBits({ kernel, config }: Env): Readonly<Record<string, bigint>> {
  const noexec = kernel.has('s390-noexec');
  return {
    _REGION_ENTRY_ORIGIN: bits._REGION_ENTRY_ORIGIN,
    _REGION_ENTRY_PROTECT: bits._REGION_ENTRY_PROTECT,
    ...(noexec && { _REGION_ENTRY_NOEXEC: bits._REGION_ENTRY_NOEXEC }),
    _REGION_ENTRY_OFFSET: bits._REGION_ENTRY_OFFSET,
    _REGION_ENTRY_INVALID: bits._REGION_ENTRY_INVALID,
    _REGION_ENTRY_TYPE_MASK: bits._REGION_ENTRY_TYPE_MASK,
    _REGION_ENTRY_TYPE_R1: bits._REGION_ENTRY_TYPE_R1,
    _REGION_ENTRY_TYPE_R2: bits._REGION_ENTRY_TYPE_R2,
    _REGION_ENTRY_TYPE_R3: bits._REGION_ENTRY_TYPE_R3,
    _REGION_ENTRY_LENGTH: bits._REGION_ENTRY_LENGTH,
    _REGION_ENTRY_BITS: bits._REGION_ENTRY_BITS,
    _REGION1_ENTRY,
    _REGION1_ENTRY_EMPTY,
    _REGION2_ENTRY,
    _REGION2_ENTRY_EMPTY,
    _REGION3_ENTRY,
    _REGION3_ENTRY_EMPTY,
    _REGION3_ENTRY_LARGE: bits._REGION3_ENTRY_LARGE,
    _REGION3_ENTRY_ORIGIN_LARGE: bits._REGION3_ENTRY_ORIGIN_LARGE,
    _SEGMENT_ENTRY: segmentBits(kernel, config).PRESENT,
    _SEGMENT_ENTRY_EMPTY: bits._SEGMENT_ENTRY_EMPTY,
    _SEGMENT_ENTRY_INVALID: bits._SEGMENT_ENTRY_INVALID,
    _SEGMENT_ENTRY_PROTECT: bits._SEGMENT_ENTRY_PROTECT,
    ...(noexec && { _SEGMENT_ENTRY_NOEXEC: bits._SEGMENT_ENTRY_NOEXEC }),
    _SEGMENT_ENTRY_LARGE: bits._SEGMENT_ENTRY_LARGE,
    _SEGMENT_ENTRY_TYPE_MASK: bits._SEGMENT_ENTRY_TYPE_MASK,
    _SEGMENT_ENTRY_ORIGIN: bits._SEGMENT_ENTRY_ORIGIN,
    _SEGMENT_ENTRY_ORIGIN_LARGE: bits._SEGMENT_ENTRY_ORIGIN_LARGE,
    ...index('_SEGMENT', PMD_SHIFT),
    ...index('_REGION3', PUD_SHIFT),
    ...index('_REGION2', P4D_SHIFT),
    ...index('_REGION1', PGDIR_SHIFT),
  };
}

const index = (name: string, shift: number): Readonly<Record<string, bigint>> => ({
  [`${name}_INDEX`]: BigInt(_CRST_ENTRIES - 1) << BigInt(shift),
});

const software = (prefix: string, fields: SoftwareBits): Readonly<Record<string, bigint>> =>
  Object.fromEntries(
    Object.entries(fields as unknown as Readonly<Record<string, bigint>>)
      .filter(([, mask]) => mask !== 0n)
      .map(([name, mask]) => [`${prefix}_${name}`, mask]),
  );

/**
 * The DAT walk: region-first, -second, -third, segment and page table, starting where the ASCE's type says.
 *
 * Each region and segment entry carries the type of the table it lies in; another type is a translation-specification
 * exception, a `reserved` fault here. Left out of the data: the length and offset fields of tables (Linux always makes
 * whole tables), the common-segment bit, and storage keys, which hold referenced and changed instead of the entries.
 */
import {
  type Env,
  type Level,
  type Match,
  type MmGeometry,
  type MmuDescription,
  type MmuLevel,
  levelLayout,
} from '@ptemu/arch';
import {
  PAGE_MASK,
  _PAGE_INVALID,
  _PAGE_LARGE,
  _PAGE_NOEXEC,
  _PAGE_PROTECT,
  _REGION3_ENTRY_LARGE,
  _REGION3_ENTRY_ORIGIN_LARGE,
  _REGION_ENTRY_INVALID,
  _REGION_ENTRY_NOEXEC,
  _REGION_ENTRY_ORIGIN,
  _REGION_ENTRY_PROTECT,
  _REGION_ENTRY_TYPE_MASK,
  _REGION_ENTRY_TYPE_R1,
  _REGION_ENTRY_TYPE_R2,
  _REGION_ENTRY_TYPE_R3,
  _SEGMENT_ENTRY_INVALID,
  _SEGMENT_ENTRY_LARGE,
  _SEGMENT_ENTRY_NOEXEC,
  _SEGMENT_ENTRY_ORIGIN,
  _SEGMENT_ENTRY_ORIGIN_LARGE,
  _SEGMENT_ENTRY_PROTECT,
} from './bits.js';
import { PAGE_SHIFT, PMD_SHIFT, PUD_SHIFT, layoutOf } from './layout.js';

const isSet = (mask: bigint): Match => ({ mask, value: mask });
const isClear = (mask: bigint): Match => ({ mask, value: 0n });

/** An entry of any other type than `type` is malformed. */
const otherTypes = (type: bigint): readonly Match[] =>
  [0n, _REGION_ENTRY_TYPE_R3, _REGION_ENTRY_TYPE_R2, _REGION_ENTRY_TYPE_R1]
    .filter((other) => other !== type)
    .map((value) => ({ mask: _REGION_ENTRY_TYPE_MASK, value }));

/**
 * What the walker does in an address space with so many levels.
 *
 * Protection and large entries count only with EDAT-1 (2 GiB: EDAT-2), no-execute only where the machine has it and the
 * kernel turned it on (4.11+). In entries that point to a table the no-execute bit is not looked at.
 *
 * @see z/Architecture Principles of Operation, "Dynamic Address Translation"; Linux arch/s390/include/asm/pgtable.h,
 *   comment on entry formats (6.12.117); captures s390x-6.1.176-*: QEMU 7.2.22 agrees
 */
export function mmuOf(env: Env, mm?: MmGeometry): MmuDescription {
  const { kernel, cpu } = env;
  const layout = layoutOf(kernel, mm);
  const present = (level: Level): boolean => !levelLayout(layout, level).folded;
  const nx = cpu['nx'] === true && kernel.has('s390-noexec');
  const edat1 = cpu['edat1'] === true;
  const denies = (protect: bigint, noexec: bigint): MmuLevel['leafDenies'] => ({
    write: [isSet(protect)],
    ...(nx && { exec: [isSet(noexec)], kernelExec: [isSet(noexec)] }),
  });
  const tableDenies = edat1 && { tableDenies: { write: [isSet(_REGION_ENTRY_PROTECT)] } };

  const region = (level: 'pgd' | 'p4d' | 'pud', type: bigint): MmuLevel => ({
    level,
    indexShift: levelLayout(layout, level).shift,
    indexBits: 11,
    valid: [isClear(_REGION_ENTRY_INVALID)],
    reserved: otherTypes(type),
    leaf: 'never',
    table: [{ mask: _REGION_ENTRY_ORIGIN, shift: 0 }],
    ...tableDenies,
  });
  const regionThird: MmuLevel = {
    ...region('pud', _REGION_ENTRY_TYPE_R3),
    ...(cpu['edat2'] === true && {
      leaf: [isSet(_REGION3_ENTRY_LARGE)],
      page: { address: [{ mask: _REGION3_ENTRY_ORIGIN_LARGE, shift: 0 }], shift: PUD_SHIFT },
      leafDenies: denies(_REGION_ENTRY_PROTECT, _REGION_ENTRY_NOEXEC) ?? {},
    }),
  };
  const segment: MmuLevel = {
    level: 'pmd',
    indexShift: PMD_SHIFT,
    indexBits: 11,
    valid: [isClear(_SEGMENT_ENTRY_INVALID)],
    reserved: otherTypes(0n),
    leaf: edat1 ? [isSet(_SEGMENT_ENTRY_LARGE)] : 'never',
    table: [{ mask: _SEGMENT_ENTRY_ORIGIN, shift: 0 }],
    // The protection bit of a segment entry counts without EDAT-1 too.
    tableDenies: { write: [isSet(_SEGMENT_ENTRY_PROTECT)] },
    ...(edat1 && {
      page: { address: [{ mask: _SEGMENT_ENTRY_ORIGIN_LARGE, shift: 0 }], shift: PMD_SHIFT },
      leafDenies: denies(_SEGMENT_ENTRY_PROTECT, _SEGMENT_ENTRY_NOEXEC) ?? {},
    }),
  };
  const page: MmuLevel = {
    level: 'pte',
    indexShift: PAGE_SHIFT,
    indexBits: 8,
    valid: [isClear(_PAGE_INVALID)],
    reserved: [isSet(_PAGE_LARGE)],
    leaf: 'always',
    page: { address: [{ mask: PAGE_MASK, shift: 0 }], shift: PAGE_SHIFT },
    leafDenies: denies(_PAGE_PROTECT, _PAGE_NOEXEC) ?? {},
  };
  const top = kernel.has('s390-five-levels') ? _REGION_ENTRY_TYPE_R1 : _REGION_ENTRY_TYPE_R2;
  return {
    kind: 'radix',
    byteOrder: 'big',
    levels: [
      ...(present('pgd') ? [region('pgd', top)] : []),
      ...(present('p4d') ? [region('p4d', _REGION_ENTRY_TYPE_R2)] : []),
      ...(present('pud') ? [regionThird] : []),
      segment,
      page,
    ],
    split: { kind: 'limit', bits: layout.vaBits },
    // The TLB keeps combined region-and-segment entries: pointers to page tables, none to tables above.
    walkCache: ['pmd'],
    mixedSizes: 'undefined',
    source:
      'z/Architecture Principles of Operation, Dynamic Address Translation; Linux arch/s390/include/asm/pgtable.h (6.12.117)',
  };
}

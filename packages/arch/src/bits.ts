import type { Level } from './values.js';
import { assert } from './errors.js';

/** One bit or field of an entry: everything that is known about it, in one place. */
export interface BitField {
  /** As the kernel names it (`_PAGE_RW`), or the manual where the kernel has no name. */
  readonly name: string;
  /** All bits of the field, in place. */
  readonly mask: bigint;
  /** Who looks at it: the hardware walker or only software. */
  readonly by: 'hardware' | 'software';
  /** Levels at which it has this meaning. */
  readonly levels: readonly Level[];
  /** When it has this meaning, where that depends on other bits: `leaf`, `table`, `not valid`. */
  readonly when?: string;
  /** What it says, in a few words. */
  readonly means: string;
  /** Where that stands: Linux path and symbol with release, or manual and section. */
  readonly source: string;
}

/** The bits of one architecture in one release, as data. */
export type BitTable = readonly BitField[];

/** Mask of one bit, counted from the least significant. */
export const bit = (n: number): bigint => 1n << BigInt(n);

/** Mask of bits `low` to `high`, both included. */
export const bits = (low: number, high: number): bigint => (bit(high - low + 1) - 1n) << BigInt(low);

/** Mask of one bit in the count of the s390 and Power manuals: bit 0 is the most significant of 64. */
export const ibmBit = (n: number): bigint => bit(63 - n);

/** Mask of bits `first` to `last`, both included, in the count of the s390 and Power manuals. */
export const ibmBits = (first: number, last: number): bigint => bits(63 - last, 63 - first);

/** Position of the lowest set bit of a mask. */
export function lowestBit(mask: bigint): number {
  assert(mask !== 0n, 'lowestBit of an empty mask');
  let n = 0;
  while (((mask >> BigInt(n)) & 1n) === 0n) n++;
  return n;
}

/** One field of a decoded entry. */
export interface DecodedField {
  readonly field: BitField;
  /** The field's value, shifted down to bit 0. */
  readonly value: bigint;
}

/** Splits an entry into the fields that have a meaning at this level, and the bits that have none. */
export function decodeBits(
  table: BitTable,
  level: Level,
  entry: bigint,
): { readonly fields: readonly DecodedField[]; readonly rest: bigint } {
  let rest = entry;
  const fields: DecodedField[] = [];
  for (const field of table) {
    if (!field.levels.includes(level)) continue;
    rest &= ~field.mask;
    const value = (entry & field.mask) >> BigInt(lowestBit(field.mask));
    if (value !== 0n) fields.push({ field, value });
  }
  return { fields, rest };
}

/**
 * Entries, addresses and frame numbers as values.
 *
 * Helpers take any unsigned 64-bit `bigint` and return branded ones: a brand says what a value is, and a literal can
 * still be passed without ceremony.
 */

declare const brand: unique symbol;
type Branded<Base, Name extends string> = Base & { readonly [brand]: Name };

/** Virtual address, in bytes. */
export type Vaddr = Branded<bigint, 'Vaddr'>;
/** Physical address, in bytes. */
export type Paddr = Branded<bigint, 'Paddr'>;
/** Entry of a page table at pte level. */
export type Pte = Branded<bigint, 'Pte'>;
/** Entry at pmd level. */
export type Pmd = Branded<bigint, 'Pmd'>;
/** Entry at pud level. */
export type Pud = Branded<bigint, 'Pud'>;
/** Entry at p4d level. */
export type P4d = Branded<bigint, 'P4d'>;
/** Entry at pgd level. */
export type Pgd = Branded<bigint, 'Pgd'>;
/** Protection bits as an entry of the architecture carries them. */
export type Pgprot = Branded<bigint, 'Pgprot'>;
/** The kernel's `swp_entry_t`: type and offset, independent of how the architecture stores them. */
export type SwpEntry = Branded<bigint, 'SwpEntry'>;
/** Page frame number: physical address divided by the base page size. At most 52 bits, so a number is exact. */
export type Pfn = Branded<number, 'Pfn'>;

/** The kernel's names of the levels, from the root down. */
export type Level = 'pgd' | 'p4d' | 'pud' | 'pmd' | 'pte';

/** All levels, from the root down. */
export const LEVELS: readonly Level[] = ['pgd', 'p4d', 'pud', 'pmd', 'pte'];

const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);

/** Makes a `Pte` of any bigint, modulo 2^64. */
export const __pte = (value: bigint): Pte => u64(value) as Pte;
/** Makes a `Pmd` of any bigint, modulo 2^64. */
export const __pmd = (value: bigint): Pmd => u64(value) as Pmd;
/** Makes a `Pud` of any bigint, modulo 2^64. */
export const __pud = (value: bigint): Pud => u64(value) as Pud;
/** Makes a `P4d` of any bigint, modulo 2^64. */
export const __p4d = (value: bigint): P4d => u64(value) as P4d;
/** Makes a `Pgd` of any bigint, modulo 2^64. */
export const __pgd = (value: bigint): Pgd => u64(value) as Pgd;
/** Makes a `Pgprot` of any bigint, modulo 2^64. */
export const __pgprot = (value: bigint): Pgprot => u64(value) as Pgprot;
/** Makes a `Vaddr` of any bigint, modulo 2^64. */
export const __vaddr = (value: bigint): Vaddr => u64(value) as Vaddr;
/** Makes a `Paddr` of any bigint, modulo 2^64. */
export const __paddr = (value: bigint): Paddr => u64(value) as Paddr;
/** Makes a `SwpEntry` of any bigint, modulo 2^64 (on 32-bit architectures the callers mask to 32 bits). */
export const __swpEntry = (value: bigint): SwpEntry => u64(value) as SwpEntry;
/** Makes a `Pfn`. The value may come as a bigint or a number; the result is exact up to 2^53. */
export const __pfn = (value: bigint | number): Pfn => Number(value) as Pfn;

/** Formats an entry or address as the project prints it: `0x`, lower case, padded to `bits`. */
export const hex = (value: bigint | number, bits = 64): string =>
  '0x' +
  BigInt(value)
    .toString(16)
    .padStart(bits / 4, '0');

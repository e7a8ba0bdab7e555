/** Small descriptions for tests of the walker: shaped like real ones, with every feature in at least one of them. */
import type { MmuDescription, MmuLevel } from '@ptemu/arch';

const ADDRESS = ((1n << 52n) - 1n) & ~0xfffn;
const BIT = (n: number): { mask: bigint; value: bigint } => ({
  mask: 1n << BigInt(n),
  value: 1n << BigInt(n),
});
const CLEAR = (n: number): { mask: bigint; value: bigint } => ({ mask: 1n << BigInt(n), value: 0n });

const x86Level = (level: MmuLevel['level'], indexShift: number, leaf: MmuLevel['leaf']): MmuLevel => ({
  level,
  indexShift,
  indexBits: 9,
  valid: [BIT(0)],
  leaf,
  ...(leaf === 'always' ? {} : { table: [{ mask: ADDRESS, shift: 0 }] }),
  ...(leaf === 'never'
    ? { reserved: [BIT(7)] }
    : {
        page: {
          address: [{ mask: ADDRESS & ~((1n << BigInt(indexShift)) - 1n), shift: 0 }],
          shift: indexShift,
        },
      }),
  leafDenies: { write: [CLEAR(1)], user: [CLEAR(2)], exec: [BIT(63)], kernelExec: [BIT(63)] },
  tableDenies: { write: [CLEAR(1)], user: [CLEAR(2)], exec: [BIT(63)], kernelExec: [BIT(63)] },
});

/** Like x86-64 with 4 levels: states kept by the hardware, accessed in tables too, permissions that add up. */
export const LIKE_X86: MmuDescription = {
  kind: 'radix',
  byteOrder: 'little',
  levels: [x86Level('pgd', 39, 'never'), x86Level('pud', 30, [BIT(7)]), x86Level('pmd', 21, [BIT(7)]), x86Level('pte', 12, 'always')],
  split: { kind: 'sign-extended', bits: 48 },
  accessed: { clean: CLEAR(5), set: 1n << 5n, clear: 0n, by: 'hardware', inTables: true },
  dirty: { clean: CLEAR(6), set: 1n << 6n, clear: 0n, by: 'hardware' },
  walkCache: ['pgd', 'pud', 'pmd'],
  mixedSizes: 'undefined',
  source: 'a test of ptemu',
}; // prettier-ignore

const armLevel = (level: MmuLevel['level'], indexShift: number, last: boolean, blocks: boolean): MmuLevel => ({
  level,
  indexShift,
  indexBits: 9,
  valid: last ? [{ mask: 3n, value: 3n }] : [BIT(0)],
  leaf: last ? 'always' : blocks ? [CLEAR(1)] : 'never',
  ...(last ? {} : { table: [{ mask: 0x0000_ffff_ffff_f000n, shift: 0 }, { mask: 0x300n, shift: 42 }] }),
  ...(last || blocks ? { page: { address: [{ mask: 0x0000_ffff_ffff_f000n, shift: 0 }, { mask: 0x300n, shift: 42 }], shift: indexShift } } : {}),
  leafDenies: { write: [BIT(7)], user: [CLEAR(6)], exec: [BIT(54)], kernelExec: [BIT(53)] },
  contiguous: { when: BIT(52), shift: indexShift + 4 },
}); // prettier-ignore

/** Like arm64: two halves, software accessed state, an address in two pieces, contiguous leaves, dirty that clears. */
export const LIKE_ARM64: MmuDescription = {
  kind: 'radix',
  byteOrder: 'little',
  levels: [armLevel('pud', 30, false, true), armLevel('pmd', 21, false, true), armLevel('pte', 12, true, false)],
  split: { kind: 'two-halves', userBits: 39, kernelBits: 39 },
  accessed: { clean: CLEAR(10), set: 1n << 10n, clear: 0n, by: 'fault' },
  dirty: { clean: { mask: (1n << 51n) | (1n << 7n), value: (1n << 51n) | (1n << 7n) }, set: 0n, clear: 1n << 7n, by: 'hardware' },
  walkCache: ['pud', 'pmd'],
  mixedSizes: 'conflict-abort',
  source: 'a test of ptemu',
}; // prettier-ignore

/** Like s390: limit, table origin shifted by a table that is smaller than a page, inverted validity. */
export const LIKE_S390: MmuDescription = {
  kind: 'radix',
  byteOrder: 'big',
  levels: [
    { level: 'pmd', indexShift: 20, indexBits: 11, valid: [CLEAR(5)], leaf: [BIT(10)], table: [{ mask: ~0x7ffn & ((1n << 64n) - 1n), shift: 0 }], page: { address: [{ mask: ~0xfffffn & ((1n << 64n) - 1n), shift: 0 }], shift: 20 }, tableDenies: { write: [BIT(9)] }, leafDenies: { write: [BIT(9)] } },
    { level: 'pte', indexShift: 12, indexBits: 8, valid: [CLEAR(10)], leaf: 'always', page: { address: [{ mask: ~0xfffn & ((1n << 64n) - 1n), shift: 0 }], shift: 12 }, leafDenies: { write: [BIT(9)] }, reserved: [BIT(11)] },
  ],
  split: { kind: 'limit', bits: 31 },
  walkCache: [],
  mixedSizes: 'machine-check',
  source: 'a test of ptemu',
}; // prettier-ignore

/** Like powerpc radix: quadrants, software states, a pointer that is shifted, an index that straddles the words. */
export const LIKE_POWERPC: MmuDescription = {
  kind: 'radix',
  byteOrder: 'big',
  levels: [
    { level: 'pgd', indexShift: 39, indexBits: 13, valid: [BIT(63)], leaf: 'never', table: [{ mask: 0x0fff_ffff_ffff_ff00n, shift: -8 }] },
    { level: 'pud', indexShift: 30, indexBits: 9, valid: [BIT(63)], leaf: [BIT(62)], table: [{ mask: 0x0fff_ffffn, shift: 8 }, { mask: 0xffff_0000_0000n, shift: -20 }], page: { address: [{ mask: 0x01ff_ffff_c000_0000n, shift: 0 }], shift: 30 }, leafDenies: { user: [BIT(3)] } },
    { level: 'pte', indexShift: 16, indexBits: 14, valid: [BIT(63)], leaf: 'always', page: { address: [{ mask: 0x01ff_ffff_ffff_0000n, shift: 0 }], shift: 16 }, leafDenies: { read: [CLEAR(2)], write: [CLEAR(1)], exec: [CLEAR(0)], kernelExec: [CLEAR(0)], user: [BIT(3)] } },
  ],
  split: { kind: 'quadrants', bits: 52 },
  accessed: { clean: CLEAR(8), set: 1n << 8n, clear: 0n, by: 'fault' },
  dirty: { clean: CLEAR(7), set: 1n << 7n, clear: 0n, by: 'fault' },
  walkCache: ['pgd', 'pud'],
  mixedSizes: 'allowed',
  source: 'a test of ptemu',
}; // prettier-ignore

/** All of them, by name. */
export const DESCRIPTIONS: Readonly<Record<string, MmuDescription>> = { LIKE_X86, LIKE_ARM64, LIKE_S390, LIKE_POWERPC }; // prettier-ignore

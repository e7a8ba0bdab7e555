/**
 * What walks the tables.
 *
 * **Radix**: the hardware, from the root of the process table entry. A table entry has V set and L clear, and says where
 * the next table is (NLB) and log2 of its entries (NLS); Linux fixes the sizes per level, and an NLS that differs is not
 * described. A leaf has V and L set. POWER9 under Linux records R and C by fault (Set R/C is off in the LPCR of radix hosts);
 * the cpu option `hwrc` makes the walker do it. The walk cache (PWC) keeps pointers to tables of all levels.
 *
 * **Hash**: nobody. The description is that of Linux's own tree, which the low-level fault handler reads, so that it can be
 * walked with the same tools; `kind` says that no hardware does. Up to 4.5 entries of upper levels are kernel virtual addresses
 * without a valid bit: there an entry that is not present shows as malformed (`reserved`).
 *
 * @see Power ISA 3.0B Book III, 5.7.10 (radix tree translation); Linux arch/powerpc/include/asm/book3s/64/radix.h (6.12.117)
 */
import { type AddressPiece, bits, type Denials, type Match, type MmuDescription, type MmuLevel } from '@ptemu/arch'; // prettier-ignore
import { RADIX_NLB_MASK, RADIX_RPN_MASK } from './bits.js';
import type { PpcEnv } from './env.js';
import { SUB_PAGE_SHIFT } from './hash.js';
import { PAGE_OFFSET } from './pmd.js';

const set = (mask: bigint): Match => ({ mask, value: mask });
const clear = (mask: bigint): Match => ({ mask, value: 0n });

/** The description of a build. */
export function mmuDescription(env: PpcEnv): MmuDescription {
  const { mmu, layout, cpu, bits: b } = env;
  const by = cpu['hwrc'] === true ? 'hardware' : 'fault';
  const old = b.format !== 'radix';
  const present = layout.levels.filter(({ folded }) => !folded);
  return {
    kind: mmu,
    byteOrder: old ? 'little' : 'big',
    levels: present.map(({ level, shift, entries }) => {
      const index = { level, indexShift: shift, indexBits: Math.log2(entries) };
      return old ? oldLevel(env, index) : newLevel(env, index);
    }),
    split: { kind: 'quadrants', bits: layout.vaBits },
    ...(mmu === 'radix' && {
      accessed: { clean: clear(b._PAGE_ACCESSED), set: b._PAGE_ACCESSED, clear: 0n, by },
      dirty: { clean: clear(b._PAGE_DIRTY), set: b._PAGE_DIRTY, clear: 0n, by },
    }),
    ...(mmu === 'hash' && { subPageBytes: 1n << SUB_PAGE_SHIFT }),
    walkCache: mmu === 'radix' ? ['pgd', 'pud', 'pmd'] : [],
    mixedSizes: mmu === 'radix' ? 'undefined' : 'machine-check',
    source: 'Power ISA 3.0B Book III, 5.7.10; Linux arch/powerpc/include/asm/book3s/64/radix.h (6.12.117)',
  };
}

type Index = Pick<MmuLevel, 'level' | 'indexShift' | 'indexBits'>;

/** What a leaf forbids. Any right in user mode needs PRIVILEGED clear, or USER set before 4.7. */
function leafDenials({ bits: b }: PpcEnv): Denials {
  return {
    ...(b._PAGE_READ !== 0n && { read: [clear(b._PAGE_READ)] }),
    write: [clear(b._PAGE_WRITE)],
    exec: [clear(b._PAGE_EXEC)],
    kernelExec: [clear(b._PAGE_EXEC)],
    user: [b._PAGE_USER !== 0n ? clear(b._PAGE_USER) : set(b._PAGE_PRIVILEGED)],
  };
}

/** 4.7 and later: one format of entries for both MMUs. */
function newLevel(env: PpcEnv, index: Index): MmuLevel {
  const { mmu, bits: b } = env;
  const shift = index.indexShift;
  const rpn = mmu === 'radix' ? RADIX_RPN_MASK : b.PTE_RPN_MASK;
  const valid = [set(b._PAGE_PRESENT)];
  const table = { table: [{ mask: RADIX_NLB_MASK, shift: 0 }] };
  // A frame begins at a multiple of the page's size: lower bits of the field are not part of it.
  const page = { address: [{ mask: rpn & bits(shift, 63), shift: 0 }], shift };
  const leafDenies = leafDenials(env);
  switch (index.level) {
    case 'pte':
      return { ...index, valid, leaf: 'always', reserved: [clear(b._PAGE_PTE)], page, leafDenies };
    case 'pgd':
      return { ...index, valid, leaf: 'never', reserved: [set(b._PAGE_PTE)], ...table };
    default:
      return { ...index, valid, leaf: [set(b._PAGE_PTE)], ...table, page, leafDenies };
  }
}

/** Up to 4.5, hash with 64K pages. */
function oldLevel(env: PpcEnv, index: Index): MmuLevel {
  const { bits: b, layout } = env;
  const shift = index.indexShift;
  const table = { table: [{ mask: RADIX_NLB_MASK, shift: 0 }] };
  const leafDenies = leafDenials(env);
  const address: readonly AddressPiece[] = [
    { mask: b.PTE_RPN_MASK, shift: layout.PAGE_SHIFT - b.PTE_RPN_SHIFT },
  ];
  switch (index.level) {
    case 'pte':
      return {
        ...index,
        valid: [set(b._PAGE_PRESENT)],
        leaf: 'always',
        page: { address, shift },
        leafDenies,
      };
    case 'pmd': {
      // Low bits of a leaf that is not present: USER alone at 3.16, the leaf bit alone at 4.5.
      const mark = b._PAGE_PTE !== 0n ? b._PAGE_PTE : b._PAGE_USER;
      const absent = { mask: mark | b._PAGE_PRESENT, value: mark };
      const leaf = b._PAGE_PTE !== 0n ? [set(b._PAGE_PTE)] : [set(b._PAGE_PRESENT), set(b._PAGE_USER)];
      const reserved = [{ mask: bits(0, 63), value: 0n }, absent];
      return { ...index, valid: [], leaf, reserved, ...table, page: { address, shift }, leafDenies };
    }
    default:
      return { ...index, valid: [{ mask: PAGE_OFFSET, value: PAGE_OFFSET }], leaf: 'never', ...table };
  }
}

/**
 * What the hardware walker does with an entry, as data. `hw` interprets it with bigints (the specification) and
 * generates the fast form from it; a property test holds that both agree.
 */
import type { Level } from './values.js';

/** Holds when `(entry & mask) === value`. */
export interface Match {
  readonly mask: bigint;
  readonly value: bigint;
}

/** A run of address bits in an entry: `address |= (entry & mask) << shift` (a negative shift goes right). */
export interface AddressPiece {
  readonly mask: bigint;
  readonly shift: number;
}

/** Accesses that an entry forbids; a kind is denied when one of its matches holds at any level of the walk. */
export interface Denials {
  readonly read?: readonly Match[];
  readonly write?: readonly Match[];
  /** Instruction fetch in user mode. */
  readonly exec?: readonly Match[];
  /** Instruction fetch in kernel mode. */
  readonly kernelExec?: readonly Match[];
  /** Any access in user mode. */
  readonly user?: readonly Match[];
}

/** How an accessed or dirty state is kept in an entry. */
export interface StateBit {
  /** The state is *not yet recorded* when this holds. */
  readonly clean: Match;
  /** To record it, the hardware sets these bits ... */
  readonly set: bigint;
  /** ... and clears those. */
  readonly clear: bigint;
  /** `hardware`: the walker records it atomically. `fault`: it raises a fault for software to record it. */
  readonly by: 'hardware' | 'fault';
  /** Also recorded in table entries on the way (x86 accessed). */
  readonly inTables?: boolean;
}

/** One level of the walk. */
export interface MmuLevel {
  readonly level: Level;
  /** The index is `(va >> indexShift) & (2^indexBits - 1)`. */
  readonly indexShift: number;
  readonly indexBits: number;
  /** All must hold, or the walk ends in a not-present fault. */
  readonly valid: readonly Match[];
  /** A valid entry is a leaf when one of these holds; `never` and `always` where the level has no choice. */
  readonly leaf: 'never' | 'always' | readonly Match[];
  /** A valid entry with one of these is malformed: the walk ends in a `reserved` fault. */
  readonly reserved?: readonly Match[];
  /** Where a table entry points to; absent at the last level. */
  readonly table?: readonly AddressPiece[];
  /** Where a leaf points to, and log2 of its size. */
  readonly page?: { readonly address: readonly AddressPiece[]; readonly shift: number };
  readonly leafDenies?: Denials;
  readonly tableDenies?: Denials;
  /** Several adjacent leaves that the TLB may hold as one entry of `2^shift` bytes when the match holds in each. */
  readonly contiguous?: { readonly when: Match; readonly shift: number };
}

/** Which root a virtual address belongs to. */
export type AddressSplit =
  /** One root; bits above `bits` - 1 must equal it (x86 canonical addresses). */
  | { readonly kind: 'sign-extended'; readonly bits: number }
  /** Two roots by the top bits: all zero below `userBits`, all one above `kernelBits` (arm64 TTBR0 and TTBR1). */
  | { readonly kind: 'two-halves'; readonly userBits: number; readonly kernelBits: number }
  /** One root for addresses below 2^bits; everything else faults (s390; arm32 with one TTBR). */
  | { readonly kind: 'limit'; readonly bits: number }
  /** Quadrants by the top two bits (powerpc): 0 user, 3 kernel; `bits` of effective address are translated. */
  | { readonly kind: 'quadrants'; readonly bits: number };

/** The walker of one address space. */
export interface MmuDescription {
  /** `radix`: the hardware walks these tables. `hash`: it does not; a hash table stands between (powerpc hash). */
  readonly kind: 'radix' | 'hash';
  readonly byteOrder: 'little' | 'big';
  /** From the root down; folded levels do not appear. */
  readonly levels: readonly MmuLevel[];
  readonly split: AddressSplit;
  readonly accessed?: StateBit;
  readonly dirty?: StateBit;
  /** Holds in a leaf that is shared by all address spaces: the TLB does not tag it. Never where left out. */
  readonly global?: Match;
  /** The paging-structure caches keep pointers to tables of these levels (the level of the entry that points). */
  readonly walkCache: readonly Level[];
  /**
   * Hash: what one entry of the hash table maps, in bytes, of a page that is larger: such a page needs several entries.
   * Left out: an entry maps its page whole.
   */
  readonly subPageBytes?: bigint;
  /** Whether two live translations of different size for one address are allowed, and what happens if not. */
  readonly mixedSizes: 'allowed' | 'undefined' | 'conflict-abort' | 'machine-check';
  readonly source: string;
}

/**
 * The hardware walk, in its obvious form: the specification that the generated one must agree with.
 *
 * From the root down, each level's index selects an entry. The entry must be valid and not malformed; a table entry leads
 * on, a leaf ends the walk. What entries on the way deny adds up. At the leaf, in this order: an accessed state that
 * software must record raises a fault, then a denied access does, then a dirty state that software must record; states
 * that the hardware records itself are updates, made only where asked for.
 *
 * A walk never throws on what tables hold: an address outside of memory ends it in a `bus` fault, and a description has
 * finitely many levels, so a table that points to itself ends it like any other.
 *
 * The order accessed, permission, dirty is that of Arm (priority of MMU aborts); x86 records accessed and dirty only in
 * walks that succeed, and then for all levels together.
 * @see Intel SDM volume 3A, section "Accessed and Dirty Flags" (paging chapter)
 * @see Arm ARM DDI 0487, "Prioritization of synchronous aborts from a single stage of address translation"
 */
import {
  type AddressPiece,
  type Denials,
  type Level,
  type Match,
  type MmuDescription,
  type MmuLevel,
  type Paddr,
  type StateBit,
  __paddr,
} from '@ptemu/arch';
import type { PhysicalMemory } from './memory.js';

/** An access that the MMU translates. */
export interface Access {
  readonly kind: 'read' | 'write' | 'exec';
  readonly mode: 'user' | 'kernel';
  /** Kernel loads and stores may not reach pages that the user may (arm64 PAN, x86 SMAP, powerpc KUAP). */
  readonly userPages?: 'forbidden';
}

/** How a walk treats accessed and dirty states. */
export interface WalkOptions {
  /** `update`: the walker stores what the hardware would; `report` (default): it only says so; `ignore`: no fault either. */
  readonly states?: 'update' | 'report' | 'ignore';
}

/** One entry that the walker read. */
export interface WalkStep {
  readonly level: Level;
  readonly entryPaddr: Paddr;
  readonly entry: bigint;
}

/** What the entries of a walk allow. */
export interface Permissions {
  readonly read: boolean;
  readonly write: boolean;
  /** Instruction fetch in user mode. */
  readonly exec: boolean;
  /** Instruction fetch in kernel mode. */
  readonly kernelExec: boolean;
  /** Any access in user mode. */
  readonly user: boolean;
}

/** A store to an entry that the hardware makes to record an accessed or dirty state. */
export interface StateUpdate {
  readonly level: Level;
  readonly entryPaddr: Paddr;
  readonly from: bigint;
  readonly to: bigint;
}

/** Why a walk ended without a translation. */
export type FaultCause =
  /** The address belongs to no root: its upper bits are wrong. */
  | 'non-canonical'
  /** An entry is not valid for the hardware. */
  | 'not-present'
  /** A valid entry is malformed. */
  | 'reserved'
  /** An entry is valid and forbids the access. */
  | 'permission'
  /** The accessed state is not recorded, and software has to. */
  | 'accessed'
  /** The dirty state is not recorded, and software has to. */
  | 'dirty'
  /** A table lies outside of memory. */
  | 'bus';

/** A translation. */
export interface Mapped {
  readonly kind: 'mapped';
  readonly paddr: Paddr;
  /** Level of the leaf. */
  readonly level: Level;
  /** Bytes that the leaf maps. */
  readonly size: bigint;
  /** log2 of the bytes that the TLB may hold as one entry: more than the size where leaves are contiguous. */
  readonly tlbShift: number;
  readonly permissions: Permissions;
  readonly entries: readonly WalkStep[];
  /** States that the hardware records for this access. In memory only under `states: 'update'`. */
  readonly updates: readonly StateUpdate[];
}

/** A fault: no translation, or none for this access. */
export interface Fault {
  readonly kind: 'fault';
  readonly cause: FaultCause;
  /** Level of the entry at fault; the root's for a bad address. */
  readonly level: Level;
  readonly entries: readonly WalkStep[];
  /** What the entries allow, where the walk reached a leaf. */
  readonly permissions?: Permissions;
}

/** What a walk ends in. */
export type WalkResult = Mapped | Fault;

/** Where a walk starts: a table, the index of its level, and what the entries above it denied. */
export interface WalkStart {
  readonly table: bigint;
  readonly from: number;
  readonly denied: number;
}

/** Bits of a denial mask, in this order: read, write, exec, kernelExec, user. */
export const DENIAL_KINDS = ['read', 'write', 'exec', 'kernelExec', 'user'] as const;
/** Denial bits: what entries forbid. */
export const DENY_READ = 1;
export const DENY_WRITE = 2;
export const DENY_EXEC = 4;
export const DENY_KERNEL_EXEC = 8;
export const DENY_USER = 16;

/** Translates `va` for an access, from a root table. The root is used as given, whatever half the address lies in. */
export function walk(
  memory: PhysicalMemory,
  mmu: MmuDescription,
  root: bigint,
  va: bigint,
  access: Access,
  options: WalkOptions = {},
): WalkResult {
  const top = mmu.levels[0]!;
  if (addressHalf(mmu, va) === undefined)
    return { kind: 'fault', cause: 'non-canonical', level: top.level, entries: [] };
  return walkFrom(memory, mmu, { table: root, from: 0, denied: 0 }, va, access, options);
}

/** The same from a table in the middle, as a paging-structure cache starts it. The address is not checked again. */
export function walkFrom(
  memory: PhysicalMemory,
  mmu: MmuDescription,
  start: WalkStart,
  va: bigint,
  access: Access,
  options: WalkOptions,
): WalkResult {
  const entries: WalkStep[] = [];
  let { table, denied } = start;
  for (const level of mmu.levels.slice(start.from)) {
    const fault = (cause: FaultCause): Fault => ({ kind: 'fault', cause, level: level.level, entries });
    const entryPaddr = __paddr(table + tableOffset(level, va));
    if (entryPaddr % 8n !== 0n || !memory.exists(entryPaddr)) return fault('bus');
    const entry = memory.load(entryPaddr);
    entries.push({ level: level.level, entryPaddr, entry });
    if (!level.valid.every((match) => holds(match, entry))) return fault('not-present');
    if (level.reserved?.some((match) => holds(match, entry))) return fault('reserved');
    if (!isLeaf(level, entry)) {
      denied |= deniedBy(level.tableDenies, entry);
      table = pointsTo(level.table!, entry);
      continue;
    }
    denied |= deniedBy(level.leafDenies, entry);
    return leafResult(memory, mmu, level, va, entries, denied, access, options);
  }
  throw new Error('internal: the last level of a description must always be a leaf');
}

function leafResult(
  memory: PhysicalMemory,
  mmu: MmuDescription,
  level: MmuLevel,
  va: bigint,
  entries: readonly WalkStep[],
  denied: number,
  access: Access,
  options: WalkOptions,
): WalkResult {
  const { entry } = entries.at(-1)!;
  const states = options.states ?? 'report';
  const permissions = permissionsOf(denied);
  const cause = leafFault(mmu, entry, denied, access, states);
  if (cause !== undefined) return { kind: 'fault', cause, level: level.level, entries, permissions };
  const updates = states === 'ignore' ? [] : stateUpdates(mmu, entries, access);
  if (states === 'update') for (const { entryPaddr, to } of updates) memory.store(entryPaddr, to);
  const page = level.page!;
  const offsetMask = (1n << BigInt(page.shift)) - 1n;
  return {
    kind: 'mapped',
    paddr: __paddr((pointsTo(page.address, entry) & ~offsetMask) | (va & offsetMask)),
    level: level.level,
    size: offsetMask + 1n,
    tlbShift:
      level.contiguous !== undefined && holds(level.contiguous.when, entry)
        ? level.contiguous.shift
        : page.shift,
    permissions,
    entries,
    updates,
  };
}

function leafFault(
  mmu: MmuDescription,
  entry: bigint,
  denied: number,
  access: Access,
  states: 'update' | 'report' | 'ignore',
): FaultCause | undefined {
  const software = (state: StateBit | undefined): boolean =>
    states !== 'ignore' && state !== undefined && state.by === 'fault' && holds(state.clean, entry);
  if (software(mmu.accessed)) return 'accessed';
  if (isDenied(denied, access)) return 'permission';
  if (access.kind === 'write' && software(mmu.dirty)) return 'dirty';
  return undefined;
}

/** The updates that the hardware makes for an access that succeeded, from the root down. */
function stateUpdates(mmu: MmuDescription, entries: readonly WalkStep[], access: Access): StateUpdate[] {
  const updates: StateUpdate[] = [];
  for (const [i, { level, entryPaddr, entry }] of entries.entries()) {
    const leaf = i === entries.length - 1;
    let to = entry;
    for (const state of [mmu.accessed, access.kind === 'write' ? mmu.dirty : undefined]) {
      if (state?.by === 'hardware' && (leaf || state.inTables === true) && holds(state.clean, entry))
        to = (to | state.set) & ~state.clear;
    }
    if (to !== entry) updates.push({ level, entryPaddr, from: entry, to });
  }
  return updates;
}

/** Which of the two roots translates an address; undefined where none does. One root counts as `user`. */
export function addressHalf(mmu: MmuDescription, va: bigint): 'user' | 'kernel' | undefined {
  const { split } = mmu;
  switch (split.kind) {
    case 'sign-extended':
      return BigInt.asUintN(64, BigInt.asIntN(split.bits, va)) === va ? 'user' : undefined;
    case 'limit':
      return va >> BigInt(split.bits) === 0n ? 'user' : undefined;
    case 'two-halves':
      if (va >> BigInt(split.userBits) === 0n) return 'user';
      return va >= 2n ** 64n - (1n << BigInt(split.kernelBits)) ? 'kernel' : undefined;
    case 'quadrants': {
      const middle = (va & ((1n << 62n) - 1n)) >> BigInt(split.bits);
      const quadrant = va >> 62n;
      if (middle !== 0n) return undefined;
      return quadrant === 0n ? 'user' : quadrant === 3n ? 'kernel' : undefined;
    }
  }
}

/** Tests a match. */
export const holds = (match: Match, entry: bigint): boolean => (entry & match.mask) === match.value;

/** Tests whether an entry that is valid at this level ends the walk. */
export const isLeaf = (level: MmuLevel, entry: bigint): boolean =>
  level.leaf === 'always' || (level.leaf !== 'never' && level.leaf.some((match) => holds(match, entry)));

/** The address that an entry's pieces make. */
export const pointsTo = (pieces: readonly AddressPiece[], entry: bigint): bigint =>
  BigInt.asUintN(
    64,
    pieces.reduce(
      (address, { mask, shift }) =>
        address | (shift >= 0 ? (entry & mask) << BigInt(shift) : (entry & mask) >> BigInt(-shift)),
      0n,
    ),
  );

/** Byte offset of the entry for `va` in a table of this level. */
export const tableOffset = (level: MmuLevel, va: bigint): bigint =>
  ((va >> BigInt(level.indexShift)) & ((1n << BigInt(level.indexBits)) - 1n)) * 8n;

/** The denial bits of one entry. */
export function deniedBy(denials: Denials | undefined, entry: bigint): number {
  if (denials === undefined) return 0;
  return DENIAL_KINDS.reduce(
    (mask, kind, bit) => (denials[kind]?.some((match) => holds(match, entry)) ? mask | (1 << bit) : mask),
    0,
  );
}

/** What is left when `denied` is taken away. */
export const permissionsOf = (denied: number): Permissions => ({
  read: (denied & DENY_READ) === 0,
  write: (denied & DENY_WRITE) === 0,
  exec: (denied & DENY_EXEC) === 0,
  kernelExec: (denied & DENY_KERNEL_EXEC) === 0,
  user: (denied & DENY_USER) === 0,
});

/** Tests whether denial bits forbid an access. */
export function isDenied(denied: number, access: Access): boolean {
  if (access.mode === 'user' && (denied & DENY_USER) !== 0) return true;
  if (access.kind === 'exec') return (denied & (access.mode === 'user' ? DENY_EXEC : DENY_KERNEL_EXEC)) !== 0;
  if (access.mode === 'kernel' && access.userPages === 'forbidden' && (denied & DENY_USER) === 0) return true;
  return (denied & (access.kind === 'write' ? DENY_WRITE : DENY_READ)) !== 0;
}

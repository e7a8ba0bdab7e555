/** What the hardware walker makes of one entry: the bigint interpretation of a level's description. */
import type { AddressPiece, Denials, Level, Match, MmuDescription, MmuLevel } from '@ptemu/arch';
import { LEVELS } from '@ptemu/arch';
import { sizeName } from './size-name.js';

/** The walker's reading of an entry. */
export type EntryView =
  | { readonly kind: 'fault' }
  | { readonly kind: 'table'; readonly base: bigint }
  | { readonly kind: 'leaf'; readonly pa: bigint; readonly shift: number; readonly write: boolean };

const holds = (entry: bigint, match: Match): boolean => (entry & match.mask) === match.value;

/**
 * Where a level stands in the walk: levels are counted from the last one up, since a folded level is the one above it under
 * another name (arm64 with 64K pages and 42 bits has two tables: its pmd entries are those of the root, `pgd`). -1 when the
 * walk is shorter.
 */
export function depthOf(mmu: MmuDescription, level: Level): number {
  const named = mmu.levels.findIndex((candidate) => candidate.level === level);
  if (named >= 0) return named;
  return Math.max(-1, mmu.levels.length - (LEVELS.length - LEVELS.indexOf(level)));
}

/** Reads the entry as the walker does at that level, for user accesses. Levels that the hardware has not fault. */
export function viewEntry(mmu: MmuDescription, level: Level, entry: bigint): EntryView {
  const at = mmu.levels[depthOf(mmu, level)];
  if (at === undefined || !at.valid.every((match) => holds(entry, match))) return { kind: 'fault' };
  if (at.reserved?.some((match) => holds(entry, match)) === true) return { kind: 'fault' };
  if (isLeaf(at, entry)) {
    if (
      at.page === undefined ||
      denied(entry, at.leafDenies, 'user') ||
      denied(entry, at.leafDenies, 'read')
    ) {
      return { kind: 'fault' };
    }
    return {
      kind: 'leaf',
      pa: address(at.page.address, entry),
      shift: at.page.shift,
      write: !denied(entry, at.leafDenies, 'write'),
    };
  }
  return at.table === undefined ? { kind: 'fault' } : { kind: 'table', base: address(at.table, entry) };
}

/**
 * What the walker would do with an entry, in words: `fault`, `table 0x...`, `maps 0x... (2M)`, and `not walked` where the
 * hardware does not read these tables (powerpc hash).
 */
export function entryInWords(mmu: MmuDescription, level: Level, entry: bigint): string {
  if (mmu.kind === 'hash') return 'not walked';
  const view = viewEntry(mmu, level, entry);
  switch (view.kind) {
    case 'fault':
      return 'fault';
    case 'table':
      return `table 0x${view.base.toString(16)}`;
    case 'leaf':
      return `maps 0x${view.pa.toString(16)} (${sizeName(1n << BigInt(view.shift))})`;
  }
}

const isLeaf = (at: MmuLevel, entry: bigint): boolean =>
  at.leaf === 'always' || (at.leaf !== 'never' && at.leaf.some((match) => holds(entry, match)));

const denied = (entry: bigint, denials: Denials | undefined, what: 'read' | 'write' | 'user'): boolean =>
  denials?.[what]?.some((match) => holds(entry, match)) === true;

const address = (pieces: readonly AddressPiece[], entry: bigint): bigint =>
  pieces.reduce((sum, { mask, shift }) => {
    const field = entry & mask;
    return sum | (shift >= 0 ? field << BigInt(shift) : field >> BigInt(-shift));
  }, 0n);

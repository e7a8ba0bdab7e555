/**
 * What is done to the words of the generated TLBs outside of its hot loop: making them empty, dropping what an invalidation
 * names, and renewing the words of last use before they overflow.
 */
import type { PlacedSize, PlacedStructure, PlacedTlb } from './tlb-config.js';
import { GLOBAL_SLOT, SLOTS, SLOT_SHIFT, S_CLOCK, S_HELD, S_HELD_GLOBAL, S_RANDOM } from './tlb-source.js';

/** Part of the address space, in pages of 4 KiB from the first on: [from, to). */
export interface PageRange {
  readonly from: number;
  readonly to: number;
}

/** What to drop: entries of one slot, or of all; only those in a range where there is one. */
export interface Dropping {
  readonly slot: number | 'all';
  readonly dropsGlobal: boolean;
  readonly range?: PageRange;
}

const SLOT_MASK = (SLOTS - 1) << SLOT_SHIFT;
const SIZE_MASK = (1 << SLOT_SHIFT) - 1;
/** Pages of 4 KiB in 2^32 bytes. */
const PAGES_PER_WORD = 2 ** 20;

/** Empties every structure. */
export function clear({ structures }: PlacedTlb, words: Int32Array, state: Int32Array, seed: number): void {
  words.fill(0);
  for (const structure of structures) {
    for (let set = 0; set < structure.sets; set++)
      for (let way = 0; way < structure.ways; way++) empty(structure, words, set * structure.stride + way);
    if (structure.replacement === 'plru') fillTree(structure, words);
  }
  state[S_CLOCK] = 0;
  state[S_HELD] = 0;
  state[S_HELD_GLOBAL] = 0;
  // A generator of this kind must not start at 0.
  state[S_RANDOM] = seed === 0 ? 1 : seed;
}

/** Drops entries of some structures; returns how many. */
export function drop(structures: readonly PlacedStructure[], words: Int32Array, what: Dropping): number {
  let dropped = 0;
  for (const structure of structures)
    for (const entry of candidates(structure, what.range)) if (dropEntry(structure, words, entry, what)) dropped++;
  return dropped;
} // prettier-ignore

/** Entries that may lie in a range: of few pages their sets, else all. */
function* candidates(structure: PlacedStructure, range: PageRange | undefined): Generator<number> {
  const { sets, stride } = structure;
  const few = range === undefined ? undefined : setsOf(structure, range);
  if (few === undefined) {
    for (let entry = 0; entry < sets * stride; entry++) yield entry;
    return;
  }
  for (const set of few) for (let way = 0; way < stride; way++) yield set * stride + way;
}

/** The sets that hold pages of a range, or undefined where there are more than half of them. */
function setsOf({ sets, sizes }: PlacedStructure, { from, to }: PageRange): ReadonlySet<number> | undefined {
  const found = new Set<number>();
  for (const { shift } of sizes) {
    const pages = 2 ** (shift - 12);
    const first = Math.floor(from / pages);
    const last = Math.floor((to - 1) / pages);
    if (last - first >= sets / 2) return undefined;
    for (let page = first; page <= last; page++) found.add(page % sets);
  }
  return found;
}

function dropEntry(structure: PlacedStructure, words: Int32Array, entry: number, what: Dropping): boolean {
  const tag = words[structure.tag + entry]!;
  if (tag === 0) return false;
  const slot = (tag & SLOT_MASK) >>> SLOT_SHIFT;
  if (slot === GLOBAL_SLOT ? !what.dropsGlobal : what.slot !== 'all' && slot !== what.slot) return false;
  const { range } = what;
  if (range !== undefined) {
    const size = structure.sizes[tag & SIZE_MASK]!;
    const first = firstPage(size, words[structure.page + entry]!, tag);
    if (first >= range.to || first + 2 ** (size.shift - 12) <= range.from) return false;
  }
  empty(structure, words, entry);
  return true;
}

/** First page of 4 KiB of an entry: its page number, and above that what only the tag has of the address. */
const firstPage = ({ shift }: PlacedSize, page: number, tag: number): number =>
  (page >>> 0) * 2 ** (shift - 12) + (shift < 32 ? (tag >>> shift) * 2 ** shift * PAGES_PER_WORD : 0);

function empty({ tag, use, replacement, wayBits, stride }: PlacedStructure, words: Int32Array, entry: number): void {
  words[tag + entry] = 0;
  // Older than everything, the lowest way first.
  if (replacement === 'lru' || replacement === 'fifo') words[use + entry] = (entry % stride) & (2 ** wayBits - 1);
} // prettier-ignore

/** What a use of each way clears and sets in the tree of a set: every node on its path then points to the other side. */
function fillTree({ ways, tree }: PlacedStructure, words: Int32Array): void {
  for (let way = 0; way < ways; way++) {
    let path = 0;
    let away = 0;
    for (let node = ways + way; node > 1; node >>>= 1) {
      path |= 1 << (node >>> 1);
      if ((node & 1) === 0) away |= 1 << (node >>> 1);
    }
    words[tree + way] = ~path;
    words[tree + ways + way] = away;
  }
}

/** Renumbers the last uses of every set in their order, and sets the clock behind them. */
export function renew({ structures }: PlacedTlb, words: Int32Array, state: Int32Array): void {
  let newest = 0;
  for (const { sets, ways, stride, tag, use, wayBits, replacement } of structures) {
    if (replacement !== 'lru' && replacement !== 'fifo') continue;
    newest = Math.max(newest, ways);
    for (let set = 0; set < sets; set++) {
      const used = Array.from({ length: ways }, (_, way) => way)
        .filter((way) => words[tag + set * stride + way] !== 0)
        .sort((a, b) => words[use + set * stride + a]! - words[use + set * stride + b]!);
      for (const [rank, way] of used.entries())
        words[use + set * stride + way] = ((rank + 1) << wayBits) | way;
    }
  }
  state[S_CLOCK] = newest;
}

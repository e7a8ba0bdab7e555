/**
 * The comparison of the generated translator with its bigint twin, and of what it serves with a fresh walk, on random trees of
 * tables, configurations and programs of accesses, changes and invalidations. For any description.
 */
import fc from 'fast-check';
import type { Match, MmuDescription, MmuLevel } from '@ptemu/arch';
import {
  type Access, FAULT_CAUSES, PhysicalMemory, type Replacement, type TlbConfig, type TlbInvalidation, TlbModel, type TlbStructure, type Translator,
  accessRight, addressHalf, compileTranslator, walk,
} from '../src/index.js'; // prettier-ignore

const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);
const low = (value: bigint): number => Number(BigInt.asIntN(32, value));
const high = (value: bigint): number => Number(BigInt.asIntN(32, value >> 32n));

/** A seeded generator: the tables follow from one number of the property's. */
function xorshift(seed: number): (below: number) => number {
  let x = seed | 1;
  return (below) => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) % below;
  };
}

/** An entry of the tree: where it lies, its level, and the addresses that it translates. */
interface Place {
  readonly at: bigint;
  readonly level: number;
  readonly start: bigint;
  readonly child: bigint | undefined;
}

/** The tree of one root: every table has entries at its first, second and last index. */
interface Tree {
  readonly root: bigint;
  readonly places: readonly Place[];
}

const TABLE_BYTES = 1n << 18n;

function treeOf(mmu: MmuDescription, first: bigint, half: 'user' | 'kernel'): { tree: Tree; next: bigint } {
  let next = first;
  const places: Place[] = [];
  const top = half === 'kernel' && mmu.split.kind !== 'quadrants' ? -(1n << BigInt(mmu.levels[0]!.indexShift + mmu.levels[0]!.indexBits)) : half === 'kernel' ? 3n << 62n : 0n;
  const table = (level: number, base: bigint): bigint => {
    const here = next;
    next += TABLE_BYTES;
    const { indexShift, indexBits } = mmu.levels[level]!;
    for (const index of [0n, 1n, (1n << BigInt(indexBits)) - 1n]) {
      const start = canonical(mmu, base + (index << BigInt(indexShift)));
      if (addressHalf(mmu, start) !== half) continue;
      const child = level + 1 < mmu.levels.length && mmu.levels[level]!.table !== undefined ? table(level + 1, start) : undefined;
      places.push({ at: here + index * 8n, level, start, child });
    }
    return here;
  };
  return { tree: { root: table(0, u64(top)), places }, next };
} // prettier-ignore

const canonical = ({ split }: MmuDescription, va: bigint): bigint =>
  split.kind === 'sign-extended' ? u64(BigInt.asIntN(split.bits, va)) : u64(va);

/** A value for an entry: mostly well-formed, mostly allowing. */
function entryOf(mmu: MmuDescription, place: Place, random: (below: number) => number): bigint {
  const level = mmu.levels[place.level]!;
  const word = (): bigint => BigInt(random(2 ** 16));
  let entry = (word() << 48n) | (word() << 32n) | (word() << 16n) | word();
  const what = random(place.child === undefined ? 24 : 64);
  if (what === 0) return 0n;
  if (what === 1) return entry;
  for (const { mask, value } of level.valid) entry = (entry & ~mask) | value;
  const leaf = place.child === undefined || (typeof level.leaf !== 'string' && what < 12);
  if (typeof level.leaf !== 'string') {
    if (leaf) for (const { mask, value } of level.leaf.slice(0, 1)) entry = (entry & ~mask) | value;
    else for (const match of level.leaf) if ((entry & match.mask) === match.value) entry ^= match.mask & -match.mask;
  }
  entry = relent(level, leaf, entry, random);
  for (const { mask, value } of level.reserved ?? []) if ((entry & mask) === value) entry ^= mask & -mask;
  if (!leaf && level.table !== undefined)
    for (const { mask, shift } of level.table) entry = (entry & ~mask) | ((shift >= 0 ? place.child! >> BigInt(shift) : place.child! << BigInt(-shift)) & mask);
  if (mmu.accessed !== undefined && (leaf || mmu.accessed.inTables === true) && (random(6) > 0 || mmu.accessed.by === 'fault' && random(6) > 0)) entry = (entry | mmu.accessed.set) & ~mmu.accessed.clear;
  return u64(entry);
} // prettier-ignore

/** The same, not shared by all spaces: what is shared must be mapped alike in all of them, and here it is not. */
function unshared({ global }: MmuDescription, entry: bigint): bigint {
  return global !== undefined && (entry & global.mask) === global.value ? entry ^ (global.mask & -global.mask) : entry;
} // prettier-ignore

/** Takes most denials away. */
function relent(level: MmuLevel, leaf: boolean, entry: bigint, random: (below: number) => number): bigint {
  const denials = leaf ? level.leafDenies : level.tableDenies;
  let e = entry;
  for (const match of Object.values(denials ?? {}).flat() as readonly Match[])
    if ((e & match.mask) === match.value && random(leaf ? 12 : 40) > 0) e ^= match.mask & -match.mask;
  return e;
}

type Op =
  | { readonly op: 'access'; readonly place: number; readonly offset: number; readonly access: Access }
  | { readonly op: 'store'; readonly place: number; readonly seed: number; readonly flush: boolean }
  | { readonly op: 'invalidate'; readonly drops: TlbInvalidation['drops']; readonly place: number; readonly nrPages: number; readonly global: boolean; readonly tables: boolean; readonly space: number }
  | { readonly op: 'load'; readonly space: number }; // prettier-ignore

const nat = fc.nat(2 ** 16);
const access: fc.Arbitrary<Access> = fc.record(
  { kind: fc.constantFrom('read', 'write', 'exec'), mode: fc.constantFrom('user', 'user', 'kernel'), userPages: fc.constant('forbidden') },
  { requiredKeys: ['kind', 'mode'] },
); // prettier-ignore
const ops: fc.Arbitrary<Op[]> = fc.array(
  fc.oneof(
    { weight: 24, arbitrary: fc.record({ op: fc.constant('access' as const), place: nat, offset: nat, access }) },
    { weight: 3, arbitrary: fc.record({ op: fc.constant('store' as const), place: nat, seed: fc.nat(), flush: fc.boolean() }) },
    { weight: 2, arbitrary: fc.record({ op: fc.constant('invalidate' as const), drops: fc.constantFrom('address', 'range', 'mm', 'all', 'nothing'), place: nat, nrPages: fc.nat(40), global: fc.boolean(), tables: fc.boolean(), space: fc.nat(2) }) },
    { weight: 1, arbitrary: fc.record({ op: fc.constant('load' as const), space: fc.nat(2) }) },
  ),
  { minLength: 30, maxLength: 160 },
); // prettier-ignore

/** Structures for the sizes of a description, with a size that fractures its pages; small, so that they evict. */
function configs(mmu: MmuDescription, merge: boolean): fc.Arbitrary<TlbConfig> {
  const shifts = mmu.levels.flatMap(({ page, contiguous }) => (page === undefined ? [] : [page.shift, contiguous?.shift ?? page.shift]));
  const all = [...new Set([12, ...shifts, ...shifts.map((shift) => shift - 1)])].filter((shift) => shift >= 12).sort((a, b) => a - b);
  const geometry = fc.record({
    sets: fc.constantFrom(1, 2, 4), ways: fc.constantFrom(1, 2, 3, 4, 5, 8, 17, 20),
    replacement: fc.constantFrom<Replacement[]>('lru', 'lru', 'fifo', 'random'),
  }).chain((one) => fc.constantFrom(one, { ...one, ways: one.ways > 8 ? 16 : one.ways > 4 ? 8 : one.ways === 3 ? 4 : one.ways, replacement: 'plru' as const })); // prettier-ignore
  // Each size goes to one of two structures, or to none.
  const level = (required: boolean): fc.Arbitrary<TlbStructure[]> =>
    fc.tuple(fc.array(fc.nat(3), { minLength: all.length, maxLength: all.length }), geometry, geometry).map(([where, a, b]) => {
      const of = (n: number): number[] => all.filter((_, i) => where[i] === n || (required && n === 0 && i === 0)).slice(0, 8);
      return [{ pages: of(0), ...a }, { pages: of(1).filter((shift) => !of(0).includes(shift)), ...b }].filter(({ pages }) => pages.length > 0);
    });
  const walkCaches = fc.tuple(fc.boolean(), geometry, geometry).map(([split, a, b]) => {
    const levels = mmu.levels.map((one) => one.level);
    return split ? [{ levels: levels.slice(0, 1), ...a }, { levels: levels.slice(1), ...b }] : [{ levels, ...a }];
  });
  return fc.record(
    { name: fc.constant('random'), l1d: level(true), l1i: level(true), l2: level(false), walkCaches, seed: fc.nat(9), tagBits: fc.constantFrom(0, 12), contiguous: fc.constant(merge ? 'merge' as const : 'ignore' as const) },
    { requiredKeys: ['name', 'l1d', 'contiguous'] },
  );
} // prettier-ignore

/** How often something worth testing happened, over all runs. */
export interface Reached {
  mapped: number;
  fromTlb: number;
  faults: number;
  rewalks: number;
  tables: number;
  dropped: number;
  checkedFresh: number;
  stale: number;
}

/** What is done differently in a broken twin. */
export type Broken = 'skip an invalidation' | 'keep walk caches';

export interface TwinOptions {
  readonly numRuns?: number;
  readonly seed?: number;
  readonly merge?: boolean;
  /** Where given, only what is served is compared with fresh walks, with this defect. */
  readonly broken?: Broken;
}

/** Runs the comparison; throws at the first difference. */
export function assertTranslatorTwin(mmu: MmuDescription, options: TwinOptions = {}): Reached {
  const { numRuns = 60, seed = 20261125, merge = false, broken } = options;
  const reached: Reached = { mapped: 0, fromTlb: 0, faults: 0, rewalks: 0, tables: 0, dropped: 0, checkedFresh: 0, stale: 0 };
  fc.assert(
    fc.property(configs(mmu, merge), fc.nat(), ops, (tlb, tables, program) => {
      new Run(mmu, tlb, { tables, merge, broken }, reached).program(program);
    }),
    { numRuns, seed, endOnFailure: true },
  );
  return reached;
} // prettier-ignore

/** What a broken twin is caught by: the message of the first difference, or undefined where there is none. */
export function brokenTwin(mmu: MmuDescription, broken: Broken): string | undefined {
  try {
    assertTranslatorTwin(mmu, { broken, numRuns: 150 });
    return undefined;
  } catch (error) {
    const { cause } = error as Error;
    return cause instanceof Error ? cause.message : String(error);
  }
}

/** One program on two machines with equal memories. */
class Run {
  private readonly fast: { readonly memory: PhysicalMemory; readonly unit: Translator };
  private readonly slow: { readonly memory: PhysicalMemory; readonly unit: TlbModel };
  private readonly trees: readonly (readonly Tree[])[];
  private readonly places: readonly Place[];
  /** Addresses whose entries changed without an invalidation of everything that may be cached of them. */
  private stale: { readonly from: bigint; readonly to: bigint }[] = [];
  private space = 0;
  /** Places that most accesses go to, so that they meet again. */
  private readonly hot: readonly number[];
  private readonly mmu: MmuDescription;
  private readonly options: {
    readonly tables: number;
    readonly merge: boolean;
    readonly broken: Broken | undefined;
  };
  private readonly reached: Reached;

  constructor(mmu: MmuDescription, tlb: TlbConfig, options: Run['options'], reached: Reached) {
    this.mmu = mmu;
    this.options = options;
    this.reached = reached;
    const memory = (): PhysicalMemory => new PhysicalMemory({ addressBits: 52 });
    const [a, b] = [memory(), memory()];
    this.fast = { memory: a, unit: compileTranslator({ memory: a, mmu, tlb, id: 'twin' }) };
    this.slow = { memory: b, unit: new TlbModel({ memory: b, mmu, tlb }) };
    let next = TABLE_BYTES;
    const halves = mmu.split.kind === 'two-halves' || mmu.split.kind === 'quadrants' ? (['user', 'kernel'] as const) : (['user'] as const);
    this.trees = [0, 1, 2].map(() =>
      halves.map((half) => {
        const made = treeOf(mmu, next, half);
        next = made.next;
        return made.tree;
      }),
    );
    this.places = this.trees[0]!.flatMap((tree) => tree.places);
    const random = xorshift(options.tables);
    this.hot = Array.from({ length: 5 }, () => random(this.places.length));
    for (const place of this.trees.flat().flatMap((tree) => tree.places)) this.store(place, this.entryFor(place, random));
    this.load(0);
  } // prettier-ignore

  program(ops: readonly Op[]): void {
    for (const op of ops) {
      switch (op.op) {
        case 'access': this.access(op); break;
        case 'store': this.change(op); break;
        case 'invalidate': this.invalidate(op); break;
        case 'load': this.load(op.space); break;
      }
    } // prettier-ignore
    const { sumLo: _lo, sumHi: _hi, ...counts } = this.fast.unit.counters();
    same(counts, { ...this.slow.unit.counts });
    this.reached.rewalks += counts.rewalks;
    this.reached.tables += counts.walkCaches;
    for (const { at } of this.trees.flat().flatMap((tree) => tree.places)) same(this.fast.memory.load(at), this.slow.memory.load(at));
  } // prettier-ignore

  private placeOf(number: number, places = this.places): Place {
    return places[(number % 8 === 0 ? number >> 3 : this.hot[number % 5]!) % places.length]!;
  }

  private load(space: number): void {
    this.space = space;
    const [user, kernel] = this.trees[space]!;
    const loaded = { space, root: user!.root, ...(kernel === undefined ? {} : { kernelRoot: kernel.root }) };
    this.fast.unit.load(loaded);
    this.slow.unit.load(loaded);
  }

  /** Shared translations are only compared with the twin. */
  private entryFor(place: Place, random: (below: number) => number): bigint {
    const entry = entryOf(this.mmu, place, random);
    return this.shares ? entry : unshared(this.mmu, entry);
  }

  private get shares(): boolean {
    return (
      this.mmu.global !== undefined && this.options.broken === undefined && this.options.tables % 2 === 0
    );
  }

  private store(place: Place, entry: bigint): void {
    this.fast.memory.store(place.at, entry);
    this.slow.memory.store(place.at, entry);
  }

  private access({ place, offset, access }: Extract<Op, { op: 'access' }>): void {
    const { start, level } = this.placeOf(place);
    const last = this.mmu.levels[level]!.indexShift;
    // Pages apart and bytes apart, now and then outside of what is translated at all.
    const va = offset % 97 === 0 ? u64(start ^ (1n << 63n)) : u64(start + (BigInt(offset % 3) << BigInt(Math.min(12, last))) + BigInt((offset * 8) % 4096));
    const before = this.fresh(va, access);
    const slow = this.slow.unit.translate(va, access);
    const status = this.fast.unit.translate(low(va), high(va), accessRight(access));
    const [lo, hi] = this.fast.unit.result;
    const fast = status === 0 ? `0x${((BigInt(hi! >>> 0) << 32n) | BigInt(lo! >>> 0)).toString(16)}` : FAULT_CAUSES[status - 1];
    const want = slow.kind === 'mapped' ? `0x${slow.paddr.toString(16)}` : slow.cause;
    same(fast, want);
    if (slow.kind === 'mapped') this.reached.mapped++;
    else this.reached.faults++;
    if (slow.kind === 'mapped' && slow.from !== 'walk') this.reached.fromTlb++;
    if (this.options.merge || this.shares) return;
    if (this.stale.some(({ from, to }) => va >= from && va < to)) {
      if (want !== before) this.reached.stale++;
      return;
    }
    this.reached.checkedFresh++;
    if (want !== before) throw new Error(`served ${want}, a fresh walk gives ${before}`);
  } // prettier-ignore

  /** What a walk from the root would give now, recording nothing. */
  private fresh(va: bigint, access: Access): string {
    const [user, kernel] = this.trees[this.space]!;
    const root = addressHalf(this.mmu, va) === 'kernel' ? (kernel?.root ?? user!.root) : user!.root;
    const result = walk(this.fast.memory, this.mmu, root, va, access);
    return result.kind === 'mapped' ? `0x${result.paddr.toString(16)}` : result.cause;
  }

  /** Changes an entry; `flush` says that everything which may be cached of it is invalidated at once, in every space. */
  private change({ place, seed, flush }: Extract<Op, { op: 'store' }>): void {
    const places = this.trees[this.space]!.flatMap((tree) => tree.places);
    const one = this.placeOf(place, places);
    const { indexShift } = this.mmu.levels[one.level]!;
    const entry = this.entryFor(one, xorshift(seed));
    const old = this.fast.memory.load(one.at);
    this.store(one, entry);
    const to = one.start + (1n << BigInt(indexShift));
    if (!flush) {
      this.stale.push({ from: one.start, to });
      return;
    }
    if (old !== entry && this.options.broken === 'skip an invalidation' && seed % 4 === 0) return;
    const dropsWalkCache = this.options.broken !== 'keep walk caches';
    for (const space of [0, 1, 2]) this.drop({ drops: 'range', start: one.start, end: to, space, dropsGlobal: true, dropsWalkCache });
  } // prettier-ignore

  private invalidate(op: Extract<Op, { op: 'invalidate' }>): void {
    const { start } = this.placeOf(op.place);
    const end = op.drops === 'range' ? start + (BigInt(op.nrPages) << 12n) : undefined;
    const { drops, space } = op;
    this.drop({ drops, start, space, dropsGlobal: op.global, dropsWalkCache: op.tables, ...(end === undefined || end > 1n << 64n ? {} : { end }) });
    this.invalidatePage(start);
    // One that drops all there is makes everything fresh.
    if (drops === 'all' && op.global && op.tables) this.stale = [];
  } // prettier-ignore

  /** The form of words must drop what the form of bigints drops: in the loaded space, with global entries and tables. */
  private invalidatePage(start: bigint): void {
    const fast = this.fast.unit.invalidatePage(Number(BigInt.asIntN(32, start)), Number(BigInt.asIntN(32, start >> 32n)));
    const slow = this.slow.unit.invalidate({ drops: 'address', start, dropsGlobal: true, dropsWalkCache: true });
    this.reached.dropped += slow.translations + slow.tables;
    same(fast, slow.translations);
  } // prettier-ignore

  private drop(what: TlbInvalidation): void {
    const [fast, slow] = [this.fast.unit.invalidate(what), this.slow.unit.invalidate(what)];
    this.reached.dropped += slow.translations + slow.tables;
    same(fast, slow);
  }
}

function same(got: unknown, want: unknown): void {
  const text = (value: unknown): string => JSON.stringify(value, (_, v: unknown) => (typeof v === 'bigint' ? `0x${v.toString(16)}` : v));
  if (text(got) !== text(want)) throw new Error(`generated form: ${text(got)}\nbigint form: ${text(want)}`);
} // prettier-ignore

/** Says that a comparison has met what it is about. */
export function expectReached(reached: Reached, { walkCache }: MmuDescription, merge?: 'merge'): void {
  const least: Partial<Reached> = { mapped: 100, fromTlb: 50, faults: 50, rewalks: 20, dropped: 50, tables: walkCache.length > 0 ? 50 : 0, ...(merge === undefined ? { checkedFresh: 200 } : {}) };
  for (const [what, count] of Object.entries(least))
    if (reached[what as keyof Reached] < count) throw new Error(`${what} was met ${reached[what as keyof Reached]} times, fewer than ${count}`);
} // prettier-ignore

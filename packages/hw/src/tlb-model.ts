/**
 * The TLBs and paging-structure caches of a part in their obvious form: the specification that the generated translator must
 * agree with, access by access and count by count. Entries are objects, walks are the bigint walk, and every rule of
 * `tlb-batch.ts` stands here once, in plain steps. Slow: for tests and for those who want to read it.
 */
import { ArchError, type MmuDescription, type Paddr, __paddr } from '@ptemu/arch';
import type { PhysicalMemory } from './memory.js';
import type { LoadedSpace, SpaceTag } from './address-space.js';
import { COUNTS, type CountName } from './tlb-source.js';
import type { Dropped, TlbInvalidation } from './tlb-batch.js';
import type { CacheGeometry, TlbConfig } from './tlb-config.js';
import { type Access, type FaultCause, type WalkResult, addressHalf, deniedBy, holds, isDenied, isLeaf, pointsTo, walk, walkFrom } from './walk.js'; // prettier-ignore

/** What an access gave: as the walk says it, without its entries. */
export type ModelResult =
  | { readonly kind: 'mapped'; readonly paddr: Paddr; readonly from: 'l1' | 'l2' | 'walk' }
  | { readonly kind: 'fault'; readonly cause: FaultCause };

/** Something cached: a translation, or a table that an entry pointed to. */
interface Entry {
  /** Undefined: shared by all spaces. */
  readonly space: SpaceTag | undefined;
  readonly start: bigint;
  readonly shift: number;
  /** Where it leads: the frame of the page, or the table. */
  readonly pa: bigint;
  readonly denied: number;
  /** A write has to walk to record the dirty state. */
  readonly clean: boolean;
}

type Slot = { entry: Entry | undefined; used: number; way: number };

/** One set-associative structure. */
class Structure {
  readonly geometry: CacheGeometry;
  readonly shifts: readonly number[];
  private readonly sets: Slot[][];
  private readonly trees: boolean[][];

  constructor(geometry: CacheGeometry, shifts: readonly number[]) {
    const { sets, ways } = geometry;
    this.geometry = geometry;
    this.shifts = shifts;
    this.sets = Array.from({ length: sets }, () =>
      Array.from({ length: ways }, (_, way) => ({ entry: undefined, used: 0, way })),
    );
    this.trees = this.sets.map(() => Array.from({ length: ways }, () => false));
  }

  find(space: SpaceTag | undefined, shift: number, va: bigint): Slot | undefined {
    const page = va >> BigInt(shift);
    return this.setOf(page).find(
      ({ entry }) =>
        entry !== undefined && entry.space === space && entry.shift === shift && entry.start >> BigInt(shift) === page,
    );
  } // prettier-ignore

  use(slot: Slot, va: bigint, now: number): void {
    const { replacement = 'lru' } = this.geometry;
    if (replacement === 'lru') slot.used = now;
    if (replacement === 'plru') this.point(slot, va);
  }

  insert(entry: Entry, now: number, random: () => number): void {
    const set = this.setOf(entry.start >> BigInt(entry.shift));
    const slot = set.find((one) => one.entry === undefined) ?? this.victim(set, entry, random);
    slot.entry = entry;
    slot.used = now;
    if (this.geometry.replacement === 'plru') this.point(slot, entry.start, entry.shift);
  }

  drop(test: (entry: Entry) => boolean): number {
    const found = this.sets.flat().filter(({ entry }) => entry !== undefined && test(entry));
    for (const slot of found) slot.entry = undefined;
    return found.length;
  }

  private victim(set: readonly Slot[], entry: Entry, random: () => number): Slot {
    const { replacement = 'lru', ways } = this.geometry;
    switch (replacement) {
      case 'lru':
      case 'fifo':
        return set.reduce((oldest, slot) => (slot.used < oldest.used ? slot : oldest));
      case 'random':
        return set[random() % ways]!;
      case 'plru': {
        const tree = this.treeOf(entry.start, entry.shift);
        let node = 1;
        while (node < ways) node = 2 * node + (tree[node] === true ? 1 : 0);
        return set[node - ways]!;
      }
    }
  }

  /** Lets every node above a way point to its other side. */
  private point(slot: Slot, va: bigint, shift = slot.entry!.shift): void {
    const tree = this.treeOf(va, shift);
    for (let node = this.geometry.ways + slot.way; node > 1; node >>= 1) tree[node >> 1] = (node & 1) === 0;
  }

  private treeOf(va: bigint, shift: number): boolean[] {
    return this.trees[Number((va >> BigInt(shift)) % BigInt(this.sets.length))]!;
  }

  private setOf(page: bigint): readonly Slot[] {
    return this.sets[Number(page % BigInt(this.sets.length))]!;
  }
}

/** A place where something of a size may be held. */
interface Place {
  readonly structure: Structure;
  readonly shift: number;
}

/** TLBs, paging-structure caches and walker of one CPU. */
export class TlbModel {
  readonly counts: Record<CountName, number> = Object.fromEntries(COUNTS.map((name) => [name, 0])) as Record<CountName, number>; // prettier-ignore
  private readonly memory: PhysicalMemory;
  private readonly mmu: MmuDescription;
  private readonly config: TlbConfig;
  private readonly levels: Readonly<Record<'l1d' | 'l1i' | 'l2', readonly Place[]>>;
  /** Deepest first. */
  private readonly tables: readonly (Place & { readonly mmuLevel: number })[];
  private loaded: LoadedSpace | undefined;
  private now = 0;
  private random: number;

  constructor(options: { readonly memory: PhysicalMemory; readonly mmu: MmuDescription; readonly tlb: TlbConfig }) {
    const { memory, mmu, tlb } = options;
    this.memory = memory;
    this.mmu = mmu;
    this.config = tlb;
    const places = (level: 'l1d' | 'l1i' | 'l2'): readonly Place[] =>
      (tlb[level] ?? [])
        .map((one) => new Structure(one, one.pages ?? [12]))
        .flatMap((structure) => structure.shifts.map((shift) => ({ structure, shift })))
        .sort((a, b) => a.shift - b.shift);
    this.levels = { l1d: places('l1d'), l1i: places('l1i'), l2: places('l2') };
    this.tables = (tlb.walkCaches ?? [])
      .map((one) => {
        const cached = mmu.levels.flatMap(({ level, table, indexShift }, mmuLevel) =>
          table !== undefined && one.levels.includes(level) && mmu.walkCache.includes(level) ? [{ mmuLevel, shift: indexShift }] : [],
        );
        return { cached, structure: new Structure(one, cached.map(({ shift }) => shift)) };
      })
      .flatMap(({ cached, structure }) => cached.map((one) => ({ ...one, structure })))
      .sort((a, b) => a.shift - b.shift);
    this.random = tlb.seed === 0 ? 1 : (tlb.seed ?? 1);
  } // prettier-ignore

  load(space: LoadedSpace): void {
    if (this.config.tagBits === 0 && this.loaded !== undefined && this.loaded.space !== space.space)
      for (const structure of this.structures()) structure.drop((entry) => entry.space !== undefined);
    this.loaded = space;
  }

  translate(va: bigint, access: Access): ModelResult {
    const { loaded } = this;
    if (loaded === undefined) throw new ArchError('BAD_ARGUMENT', 'no address space is loaded; call load first', {});
    this.now++;
    const first = access.kind === 'exec' && this.levels.l1i.length > 0 ? 'l1i' : 'l1d';
    for (const level of [first, 'l2'] as const) {
      for (const place of this.levels[level])
        for (const space of [loaded.space, undefined]) {
          const slot = place.structure.find(space, place.shift, va);
          if (slot === undefined) continue;
          this.counts[level]++;
          place.structure.use(slot, va, this.now);
          return this.hit(slot, place, level, first, va, access);
        }
    }
    this.counts.walks++;
    const walked = this.walk(va, access);
    if ('cause' in walked) return { kind: 'fault', cause: walked.cause };
    this.fill(this.levels.l2, walked, va);
    this.fill(this.levels[first], walked, va);
    return { kind: 'mapped', paddr: address(walked, va), from: 'walk' };
  } // prettier-ignore

  invalidate(what: TlbInvalidation): Dropped {
    const space = what.space ?? this.loaded?.space;
    const start = what.start ?? 0n;
    const end = what.drops === 'range' ? (what.end ?? start + 1n) : start + 1n;
    const named = (entry: Entry): boolean => {
      if (entry.space === undefined ? !what.dropsGlobal : what.drops !== 'all' && entry.space !== space) return false;
      if (what.drops === 'mm' || what.drops === 'all') return true;
      return entry.start < end && start < entry.start + (1n << BigInt(entry.shift));
    };
    if (what.drops === 'nothing' || start >= end) return { translations: 0, tables: 0 };
    const of = (structures: ReadonlySet<Structure>): number =>
      [...structures].reduce((sum, structure) => sum + structure.drop(named), 0);
    const tables = new Set(this.tables.map(({ structure }) => structure));
    const translations = new Set([...this.structures()].filter((structure) => !tables.has(structure)));
    return { translations: of(translations), tables: what.dropsWalkCache ? of(tables) : 0 };
  } // prettier-ignore

  private hit(slot: Slot, place: Place, level: 'l1d' | 'l1i' | 'l2', first: 'l1d' | 'l1i', va: bigint, access: Access): ModelResult {
    let entry = slot.entry!;
    if (isDenied(entry.denied, access) || (access.kind === 'write' && entry.clean)) {
      this.counts.rewalks++;
      const walked = this.walk(va, access);
      if ('cause' in walked) return { kind: 'fault', cause: walked.cause };
      if (placeOf(this.levels[level], walked.shift) !== place || walked.space !== entry.space) {
        slot.entry = undefined;
        for (const places of [this.levels.l2, this.levels[first]]) this.replace(places, walked, va);
        return { kind: 'mapped', paddr: address(walked, va), from: level === 'l2' ? 'l2' : 'l1' };
      }
      slot.entry = entry = cut(walked, place.shift, va);
    }
    if (level === 'l2') this.fill(this.levels[first], entry, va);
    return { kind: 'mapped', paddr: address(entry, va), from: level === 'l2' ? 'l2' : 'l1' };
  } // prettier-ignore

  /** Fills a translation into the size of a level that holds it. */
  private fill(places: readonly Place[], walked: Entry, va: bigint): void {
    const place = placeOf(places, walked.shift);
    place?.structure.insert(cut(walked, place.shift, va), this.now, () => this.nextRandom());
  }

  /** The same where it may be held already. */
  private replace(places: readonly Place[], walked: Entry, va: bigint): void {
    const place = placeOf(places, walked.shift);
    const old = place?.structure.find(walked.space, place.shift, va);
    if (old !== undefined) old.entry = undefined;
    this.fill(places, walked, va);
  }

  /** Walks from the deepest table that is known. */
  private walk(va: bigint, access: Access): Entry | { readonly cause: FaultCause } {
    const { mmu, memory } = this;
    const loaded = this.loaded!;
    const half = addressHalf(mmu, va);
    const known = half === undefined ? undefined : this.knownTable(va);
    const root = half === 'kernel' ? (loaded.kernelRoot ?? loaded.root) : loaded.root;
    const from = known === undefined ? 0 : known.mmuLevel + 1;
    const denied = known?.entry.denied ?? 0;
    const result = known === undefined
      ? walk(memory, mmu, root, va, access, { states: 'update' })
      : walkFrom(memory, mmu, { table: known.entry.pa, from, denied }, va, access, { states: 'update' });
    this.counts.references += result.entries.length;
    this.rememberTables(va, result, from, denied);
    if (result.kind === 'fault') {
      this.counts.faults++;
      return { cause: result.cause };
    }
    this.counts.recorded += result.updates.length;
    return this.entryOf(va, result);
  } // prettier-ignore

  private knownTable(va: bigint): { readonly entry: Entry; readonly mmuLevel: number } | undefined {
    for (const { structure, shift, mmuLevel } of this.tables) {
      const slot = structure.find(this.loaded!.space, shift, va);
      if (slot === undefined) continue;
      this.counts.walkCaches++;
      structure.use(slot, va, this.now);
      return { entry: slot.entry!, mmuLevel };
    }
    return undefined;
  }

  /** What a walk that succeeded is held as; states are as they are in memory now. */
  private entryOf(va: bigint, result: Extract<WalkResult, { kind: 'mapped' }>): Entry {
    const { mmu, memory } = this;
    const entry = memory.load(result.entries.at(-1)!.entryPaddr);
    const shift = this.config.contiguous === 'merge' ? result.tlbShift : result.size.toString(2).length - 1;
    const { read, write, exec, kernelExec, user } = result.permissions;
    return {
      space: mmu.global !== undefined && holds(mmu.global, entry) ? undefined : this.loaded!.space,
      start: va & -(1n << BigInt(shift)),
      shift,
      // Of leaves that are held as one, the others' addresses follow from this one's.
      pa: BigInt.asUintN(64, result.paddr - (va & ((1n << BigInt(shift)) - 1n))),
      denied: [read, write, exec, kernelExec, user].reduce((bits, yes, i) => (yes ? bits : bits | (1 << i)), 0),
      clean: mmu.dirty !== undefined && holds(mmu.dirty.clean, entry),
    };
  } // prettier-ignore

  /** Tables that a walk went through; in a walk that faulted, only those above the first whose state had to be recorded. */
  private rememberTables(va: bigint, result: WalkResult, from: number, deniedAbove: number): void {
    const { accessed } = this.mmu;
    let denied = deniedAbove;
    for (const [i, { entry }] of result.entries.entries()) {
      const level = this.mmu.levels[from + i]!;
      if (i + 1 === result.entries.length || isLeaf(level, entry)) return;
      denied |= deniedBy(level.tableDenies, entry);
      if (result.kind === 'fault' && accessed?.inTables === true && holds(accessed.clean, entry)) return;
      const place = this.tables.find(({ mmuLevel }) => mmuLevel === from + i);
      const start = va & -(1n << BigInt(level.indexShift));
      const table: Entry = { space: this.loaded!.space, start, shift: level.indexShift, pa: pointsTo(level.table!, entry), denied, clean: false };
      place?.structure.insert(table, this.now, () => this.nextRandom());
    }
  } // prettier-ignore

  private *structures(): Generator<Structure> {
    yield* new Set([...Object.values(this.levels).flat(), ...this.tables].map(({ structure }) => structure));
  }

  private nextRandom(): number {
    let x = this.random;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.random = x;
    return x >>> 0;
  }
}

/** The place of a level that holds translations of this size: the largest that is not larger. */
const placeOf = (places: readonly Place[], shift: number): Place | undefined =>
  places.findLast((place) => place.shift <= shift);

/** The part of a translation around an address that fits a size. */
function cut(entry: Entry, shift: number, va: bigint): Entry {
  const offset = (1n << BigInt(shift)) - 1n;
  return { ...entry, start: va & ~offset, shift, pa: address(entry, va) & ~offset };
}

const address = ({ pa, shift }: Entry, va: bigint): Paddr =>
  __paddr(BigInt.asUintN(64, pa + (va & ((1n << BigInt(shift)) - 1n))));

/**
 * The MMU of one CPU in direct mode: TLB, paging-structure cache and walker together.
 *
 * A translation is looked up in the TLB; a miss walks, from the deepest table that the paging-structure cache knows, records
 * accessed and dirty states as the description says, and fills both caches. Faults fill nothing. What software changes in
 * memory is seen by walks at once and by cached translations never: it has to invalidate.
 */
import {
  ArchError,
  type Invalidation,
  type InvalidationInstruction,
  type MmuDescription,
  type Paddr,
  type TlbDescription,
  __paddr,
} from '@ptemu/arch';
import type { PhysicalMemory } from './memory.js';
import { PageWalkCache, type SpaceTag } from './page-walk-cache.js';
import { Tlb, type Translation } from './tlb.js';
import {
  type Access,
  type FaultCause,
  type Permissions,
  type WalkResult,
  addressHalf,
  deniedBy,
  holds,
  isDenied,
  isLeaf,
  permissionsOf,
  pointsTo,
  walk,
  walkFrom,
} from './walk.js';

/** What an access ends in. */
export type TranslateResult =
  | {
      readonly kind: 'mapped';
      readonly paddr: Paddr;
      /** log2 of the page that the translation was made for. */
      readonly shift: number;
      readonly permissions: Permissions;
      /** `tlb`: cached; `cached-table`: walked from a cached table; `walk`: walked from the root. */
      readonly from: 'tlb' | 'cached-table' | 'walk';
    }
  | { readonly kind: 'fault'; readonly cause: FaultCause; readonly from: 'tlb' | 'cached-table' | 'walk' };

/** The address space that a CPU has loaded. */
export interface LoadedSpace {
  readonly space: SpaceTag;
  readonly root: bigint;
  /** Root of the upper half, where the architecture has two. */
  readonly kernelRoot?: bigint;
}

/** What a translation unit is made of. */
export interface TranslationUnitOptions {
  readonly memory: PhysicalMemory;
  readonly mmu: MmuDescription;
  readonly tlb: TlbDescription;
}

/** TLB, paging-structure cache and walker of one CPU. */
export class TranslationUnit {
  readonly memory: PhysicalMemory;
  readonly mmu: MmuDescription;
  readonly description: TlbDescription;
  readonly tlb: Tlb = new Tlb();
  readonly walkCache: PageWalkCache;
  private loaded: LoadedSpace | undefined;

  constructor(options: TranslationUnitOptions) {
    this.memory = options.memory;
    this.mmu = options.mmu;
    this.description = options.tlb;
    this.walkCache = new PageWalkCache(options.mmu);
  }

  /** Loads the root register. Nothing is dropped: translations are tagged with the space. */
  load(space: LoadedSpace): void {
    this.loaded = space;
  }

  /** Translates for an access in the loaded space. States that the hardware records are stored; faults record nothing. */
  translate(va: bigint, access: Access): TranslateResult {
    const { loaded } = this;
    if (loaded === undefined)
      throw new ArchError('BAD_ARGUMENT', 'no address space is loaded; call load first', { va });
    const cached = this.tlb.lookup(loaded.space, va);
    if (cached !== undefined) {
      const result = useCached(cached, va, access);
      if (result !== undefined) return result;
    }
    return this.walkAndFill(loaded, va, access);
  }

  /** Carries out an invalidation on this CPU, as `tlb.instructions` says; broadcast is the caller's affair. */
  invalidate(what: Omit<Invalidation, 'mm'> & { readonly space?: SpaceTag }): void {
    const instruction = this.description.instructions[what.instruction];
    if (instruction === undefined) {
      const known = Object.keys(this.description.instructions).join(', ');
      throw new ArchError('BAD_ARGUMENT', `no instruction '${what.instruction}'; there are ${known}`, {
        ...what,
      });
    }
    const space = what.space ?? this.loaded?.space;
    const inExtent = extentOf(instruction, space, what);
    this.tlb.invalidate(
      (entry) =>
        inExtent(entry, 1n << BigInt(entry.shift), entry.global) &&
        (!entry.global || instruction.dropsGlobal),
    );
    if (!instruction.dropsWalkCache) return;
    this.walkCache.invalidate((table) => inExtent(table, 1n << BigInt(table.shift), false));
  }

  private walkAndFill(loaded: LoadedSpace, va: bigint, access: Access): TranslateResult {
    const half = addressHalf(this.mmu, va);
    const known = half === undefined ? undefined : this.walkCache.lookup(loaded.space, va);
    const root = half === 'kernel' && loaded.kernelRoot !== undefined ? loaded.kernelRoot : loaded.root;
    const first = known === undefined ? 0 : known.level + 1;
    const result =
      known === undefined
        ? walk(this.memory, this.mmu, root, va, access, { states: 'update' })
        : walkFrom(
            this.memory,
            this.mmu,
            { table: known.table, from: first, denied: known.denied },
            va,
            access,
            {
              states: 'update',
            },
          );
    const from = known === undefined ? 'walk' : 'cached-table';
    this.fillWalkCache(loaded.space, va, result, first, known?.denied ?? 0);
    if (result.kind === 'fault') return { kind: 'fault', cause: result.cause, from };
    const shift = result.size.toString(2).length - 1;
    this.fillTlb(loaded.space, va, result, shift);
    return { kind: 'mapped', paddr: result.paddr, shift, permissions: result.permissions, from };
  }

  private fillTlb(
    space: SpaceTag,
    va: bigint,
    result: Extract<WalkResult, { kind: 'mapped' }>,
    shift: number,
  ): void {
    const { entryPaddr } = result.entries.at(-1)!;
    const entry = this.memory.load(entryPaddr);
    const offset = result.size - 1n;
    this.tlb.insert({
      space,
      global: this.mmu.global !== undefined && holds(this.mmu.global, entry),
      start: va & ~offset,
      shift,
      pa: result.paddr & ~offset,
      denied: deniedOf(result.permissions),
      dirtyRecorded: this.mmu.dirty === undefined || !holds(this.mmu.dirty.clean, entry),
    });
  }

  /** Remembers the tables that a walk went through; in a walk that faulted, only those whose state needed no recording. */
  private fillWalkCache(
    space: SpaceTag,
    va: bigint,
    result: WalkResult,
    first: number,
    deniedAbove: number,
  ): void {
    const { accessed } = this.mmu;
    let denied = deniedAbove;
    for (const [i, { entry }] of result.entries.entries()) {
      const level = this.mmu.levels[first + i]!;
      const wentOn = i + 1 < result.entries.length;
      if (!wentOn || isLeaf(level, entry) || level.table === undefined) return;
      denied |= deniedBy(level.tableDenies, entry);
      const records = accessed?.inTables === true && holds(accessed.clean, entry);
      if (result.kind === 'fault' && records) return;
      this.walkCache.insert(space, first + i, va, pointsTo(level.table, entry), denied);
    }
  }
}

/** What a cached translation gives, or undefined where the hardware has to walk to record a write. */
function useCached(entry: Translation, va: bigint, access: Access): TranslateResult | undefined {
  if (isDenied(entry.denied, access)) return { kind: 'fault', cause: 'permission', from: 'tlb' };
  if (access.kind === 'write' && !entry.dirtyRecorded) return undefined;
  const offset = va & ((1n << BigInt(entry.shift)) - 1n);
  const permissions = permissionsOf(entry.denied);
  return { kind: 'mapped', paddr: __paddr(entry.pa | offset), shift: entry.shift, permissions, from: 'tlb' };
}

/** Whether a cached thing lies in the extent of an instruction: its addresses, its space, or everything. */
function extentOf(
  instruction: InvalidationInstruction,
  space: SpaceTag | undefined,
  what: Pick<Invalidation, 'start' | 'end'>,
): (cached: { readonly space: SpaceTag; readonly start: bigint }, bytes: bigint, global: boolean) => boolean {
  const start = what.start ?? 0n;
  const end = instruction.drops === 'range' ? (what.end ?? start + 1n) : start + 1n;
  return (cached, bytes, global) => {
    const sameSpace = global || cached.space === space;
    switch (instruction.drops) {
      case 'nothing':
        return false;
      case 'all':
        return true;
      case 'mm':
        return sameSpace;
      case 'address':
      case 'range':
        return sameSpace && cached.start < end && start < cached.start + bytes;
    }
  };
}

const deniedOf = (p: Permissions): number =>
  (p.read ? 0 : 1) | (p.write ? 0 : 2) | (p.exec ? 0 : 4) | (p.kernelExec ? 0 : 8) | (p.user ? 0 : 16);

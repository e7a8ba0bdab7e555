/**
 * Moving in real page tables, and allocating them: `p4d_offset` and its siblings, `__pmd_alloc`, `pte_alloc_one`.
 *
 * A folded level is the entry of the level above under another name; the helper that links a table is that of the lowest name
 * of the entry for which the backend has one (arm32: `pud_populate` on an entry of the pgd). @see Linux include/linux/pgtable.h, mm/memory.c (6.12.117)
 */
import {
  InvariantError, type Level, type LevelLayout, type Paddr, type Slot, type Vaddr, __paddr, __pfn, __vaddr,
} from '@ptemu/arch'; // prettier-ignore
import { type FrameUse, frameAddress, viewEntry } from '@ptemu/hw';
import type { CachedTable } from './cached-translations.js';
import { slotAt } from './cpu.js';
import { CpuSet } from './cpu-set.js';
import type { DirectMachine } from './machine.js';
import type { DirectMm } from './mm_types.js';

/** One real table of the walk. */
export interface TableLevel {
  /** The kernel's lowest name of its entries: that of the helpers which ask about them. */
  readonly level: Level;
  /** The walker's name of them. */
  readonly walked: Level;
  readonly shift: number;
  readonly entries: number;
  readonly tableBytes: number;
  /** The word of an entry that points nowhere, and its halves as signed numbers. */
  readonly none: bigint;
  readonly noneLo: number;
  readonly noneHi: number;
  /** What its frames are used as. */
  readonly use: FrameUse;
}

/** The tables of a default address space, from the root down, the pte table last. */
export function tableLevels(machine: DirectMachine): readonly TableLevel[] {
  const { levels } = machine.layout;
  const real = levels.filter(({ folded }) => !folded);
  return real.map((at) => {
    const names = levels.filter((other) => other === at || (other.folded && chainOf(levels, other) === at));
    // The lowest name that knows an empty entry: the others say of every entry that it is there.
    const known = names.findLast(({ level }) => noneOf(machine, level) !== undefined);
    const none = known && noneOf(machine, known.level);
    if (known === undefined || none === undefined) {
      throw new InvariantError(`${machine.arch.name} has no empty ${at.level}`);
    }
    const walked = machine.mmu.levels.find(({ indexShift }) => indexShift === at.shift)?.level ?? at.level;
    return {
      level: known.level,
      walked,
      shift: at.shift,
      entries: at.entries,
      tableBytes: at.tableBytes,
      none,
      noneLo: Number(BigInt.asIntN(32, none)),
      noneHi: Number(BigInt.asIntN(32, none >> 32n)),
      use: `table:${known.level}`,
    };
  });
}

/** The real level that a folded one is folded into: the one above, or where there is none the one below. */
function chainOf(levels: readonly LevelLayout[], folded: LevelLayout): LevelLayout | undefined {
  const at = levels.indexOf(folded);
  return levels.slice(0, at).findLast((level) => !level.folded);
}

/** The word for which `pXX_none` holds: zero, or one that the architecture names so (s390: `_REGION3_ENTRY_EMPTY`). */
function noneOf({ arch }: DirectMachine, level: Level): bigint | undefined {
  const isNone = {
    pgd: arch.pgd.pgd_none, p4d: arch.p4d.p4d_none, pud: arch.pud.pud_none, pmd: arch.pmd.pmd_none, pte: arch.pte.pte_none,
  }[level]; // prettier-ignore
  const named = Object.entries(arch.constants).flatMap(([name, word]) =>
    name.endsWith('_EMPTY') ? [word] : [],
  );
  return [0n, arch.pmd.pmd_clear(), arch.pte.pte_clear(), ...named].find((word) => isNone(word));
}

/** The tables of the address spaces of one machine. */
export class PageTables {
  readonly machine: DirectMachine;
  readonly levels: readonly TableLevel[];
  /** Tables in use, by what their entries are. */
  readonly count = { pte: 0, pmd: 0, upper: 0 };
  readonly #live = new Set<number>();
  /** Parts of a frame that are free, for tables that are smaller. */
  readonly #fragments = new Map<TableLevel, Paddr[]>();
  readonly #pte: TableLevel;
  readonly #upper: readonly TableLevel[];

  constructor(machine: DirectMachine) {
    this.machine = machine;
    this.levels = tableLevels(machine);
    this.#pte = this.levels.at(-1)!;
    this.#upper = this.levels.slice(0, -1);
  }

  /** A new address space that no CPU has loaded. @see Linux kernel/fork.c, `mm_alloc` */
  mm_alloc(): DirectMm {
    const { cpus } = this.machine;
    return {
      id: this.machine.nextMmId(),
      pgd: this.#table(this.#upper[0]!),
      cpumask: new CpuSet(cpus),
      lazy: new CpuSet(cpus),
      left: new CpuSet(cpus),
      behind: new CpuSet(cpus),
      rss: 0,
      nr_ptes: 0,
      vmas: [],
    };
  }

  /** Whether a table stands at an address that has not been freed. */
  isTable(table: Paddr): boolean {
    return this.#live.has(Number(table));
  }

  /** A new pte table, not linked yet. */
  pte_alloc_one(): Paddr {
    this.count.pte++;
    return this.#table(this.#pte);
  }

  pte_free(table: Paddr): void {
    this.count.pte--;
    this.#free(table, this.#pte);
  }

  /** Slot of the entry of the last table but one that translates an address; undefined where a table above is missing. */
  pmd_offset(mm: DirectMm, address: Vaddr): Slot<'pmd'> | undefined {
    let table: bigint = mm.pgd;
    for (let depth = 0; ; depth++) {
      const slot = slotIn(this.#upper[depth]!, table, address);
      if (depth === this.#upper.length - 1) return { level: 'pmd', paddr: slot.paddr };
      const next = this.tableAt(slot);
      if (next === undefined) return undefined;
      table = next;
    }
  }

  /** The same, with the missing tables allocated and linked. @see Linux mm/memory.c, `__p4d_alloc`, `__pud_alloc`, `__pmd_alloc` */
  pmd_alloc(mm: DirectMm, address: Vaddr): Slot<'pmd'> {
    let table: bigint = mm.pgd;
    for (let depth = 0; ; depth++) {
      const slot = slotIn(this.#upper[depth]!, table, address);
      if (depth === this.#upper.length - 1) return { level: 'pmd', paddr: slot.paddr };
      let next = this.tableAt(slot);
      if (next === undefined) {
        next = this.#table(this.#upper[depth + 1]!);
        this.machine.memory.store(slot.paddr, this.#populate(this.#upper[depth]!, next));
      }
      table = next;
    }
  }

  /** Slot of a pte in the table at that address. */
  pte_offset(table: Paddr, address: Vaddr): Slot<'pte'> {
    return { level: 'pte', paddr: slotIn(this.#pte, table, address).paddr };
  }

  /** The table that an entry points to, by the walker's reading of it; undefined for a leaf and for none. */
  tableAt(slot: Slot): Paddr | undefined {
    const walked = this.levels.find(({ level }) => level === slot.level)?.walked ?? slot.level;
    const view = viewEntry(this.machine.mmu, walked, this.machine.memory.load(slot.paddr));
    return view.kind === 'table' ? __paddr(view.base) : undefined;
  }

  /** End of the block of the pmd that holds an address, or `end` when that comes first. */
  pmd_addr_end(address: Vaddr, end: Vaddr): Vaddr {
    const size = 1n << BigInt(this.#upper.at(-1)!.shift);
    const next = (address & -size) + size;
    return next < end ? __vaddr(next) : end;
  }

  /**
   * Frees the upper tables that have become empty below an address, bottom up, and hands each to `unlink` before that.
   * @see Linux mm/memory.c, `free_pmd_range`, `free_pud_range` (6.12.117)
   */
  freeEmptyAbove(
    mm: DirectMm,
    address: Vaddr,
    unlink: (slot: Slot, table: Paddr, free: () => void) => void,
  ): void {
    for (let depth = this.#upper.length - 1; depth > 0; depth--) {
      const path = this.#path(mm, address, depth);
      if (path === undefined) continue;
      const at = this.#upper[depth]!;
      if (!this.#isEmpty(path.table, at)) return;
      const above = this.#upper[depth - 1]!;
      this.machine.memory.store(path.slot.paddr, above.none);
      unlink(path.slot, path.table, () => this.#free(path.table, at));
    }
  }

  /** The leaf that translates an address, and the tables on the way, by the walker's reading. */
  walk(mm: DirectMm, address: Vaddr, cpus: CpuSet): Walked | undefined {
    const { mmu, memory } = this.machine;
    const tables: CachedTable[] = [];
    let table: bigint = mm.pgd;
    for (const at of this.levels) {
      const slot = slotIn(at, table, address);
      const view = viewEntry(mmu, at.walked, memory.load(slot.paddr));
      if (view.kind === 'fault') return undefined;
      if (view.kind === 'leaf') {
        const start = __vaddr(address & -(1n << BigInt(at.shift)));
        return { slot, start, shift: at.shift, pa: __paddr(view.pa), write: view.write, tables };
      }
      table = view.base;
      if (mmu.walkCache.includes(at.walked)) {
        const start = __vaddr(address & -(1n << BigInt(at.shift)));
        tables.push({
          mm: mm.id,
          level: at.level,
          start,
          shift: at.shift,
          table: __paddr(table),
          cpus,
        });
      }
    }
    return undefined;
  }

  /** A CPU of each set uses a page: the translation is cached there. Nothing happens where there is none. */
  use(mm: DirectMm, address: Vaddr, cpus: CpuSet): void {
    const found = this.walk(mm, address, cpus);
    if (found === undefined) return;
    const { start, shift, pa, write, tables } = found;
    this.machine.cached.fill({ mm: mm.id, start, shift, pa, write, cpus }, tables);
  }

  #path(
    mm: DirectMm,
    address: Vaddr,
    depth: number,
  ): { readonly slot: Slot; readonly table: Paddr } | undefined {
    let table: bigint = mm.pgd;
    for (let i = 0; ; i++) {
      const slot = slotIn(this.#upper[i]!, table, address);
      const next = this.tableAt(slot);
      if (next === undefined) return undefined;
      if (i === depth - 1) return { slot, table: next };
      table = next;
    }
  }

  #isEmpty(table: Paddr, at: TableLevel): boolean {
    for (let i = 0; i < at.entries; i++)
      if (this.machine.memory.load(slotAt(at.level, table, i).paddr) !== at.none) return false;
    return true;
  }

  /** A new table, empty. Small ones share a frame, as the kernel's fragments do. */
  #table(at: TableLevel): Paddr {
    const { memory } = this.machine;
    const again = this.#fragments.get(at)?.pop();
    const table = again ?? this.#newTable(at);
    const address = Number(table);
    if (again !== undefined || at.none !== 0n)
      memory.fillPairs(address, at.entries, at.noneLo, at.noneHi, 0, 0);
    this.#live.add(address);
    return table;
  }

  #newTable(at: TableLevel): Paddr {
    const { memory } = this.machine;
    const frame = frameAddress(memory, memory.allocateFrames(at.use, this.#frames(at)));
    const fragments: Paddr[] = [];
    const frameBytes = this.machine.layout.PAGE_SIZE;
    for (let offset = at.tableBytes; offset + at.tableBytes <= frameBytes; offset += at.tableBytes) {
      fragments.push(__paddr(frame + BigInt(offset)));
    }
    if (fragments.length > 0) this.#fragments.set(at, fragments.reverse());
    return frame;
  }

  #free(table: Paddr, at: TableLevel): void {
    const { memory } = this.machine;
    this.#live.delete(Number(table));
    const fragments = this.#fragments.get(at);
    if (fragments !== undefined) fragments.push(table);
    else memory.free(__pfn(Number(table >> BigInt(memory.pageShift))), this.#frames(at));
  }

  #frames(at: TableLevel): number {
    return Math.max(1, at.tableBytes >>> this.machine.memory.pageShift);
  }

  #populate({ level, shift }: TableLevel, table: Paddr): bigint {
    const { arch } = this.machine;
    const populate = {
      pgd: arch.pgd.pgd_populate, p4d: arch.p4d.p4d_populate, pud: arch.pud.pud_populate, pmd: arch.pmd.pmd_populate, pte: undefined,
    }[level]; // prettier-ignore
    if (populate === undefined) throw new InvariantError(`${arch.name} links no table at ${level}`);
    return this.#pointingTo(shift, populate(table), table);
  }

  /**
   * The entry with the address of the table where the walker reads it: a helper that is given a kernel pointer may have
   * computed another one (arm32 as the vectors have it, before boot code has patched the translation).
   */
  #pointingTo(shiftOfLevel: number, entry: bigint, table: Paddr): bigint {
    const at = this.machine.mmu.levels.find(({ indexShift }) => indexShift === shiftOfLevel);
    const pieces = at?.table ?? [];
    return pieces.reduce((word, { mask, shift }) => {
      const field = (shift >= 0 ? table >> BigInt(shift) : table << BigInt(-shift)) & mask;
      return (word & ~mask) | field;
    }, entry);
  }
}

/** What a walk found. */
export interface Walked {
  readonly slot: Slot;
  readonly start: Vaddr;
  readonly shift: number;
  readonly pa: Paddr;
  readonly write: boolean;
  readonly tables: readonly CachedTable[];
}

const slotIn = (at: TableLevel, table: bigint, address: bigint): Slot =>
  slotAt(at.level, table, Number((address >> BigInt(at.shift)) & BigInt(at.entries - 1)));

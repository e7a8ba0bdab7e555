/**
 * A process that only touches memory: mappings, and minor faults that fill its page tables. For whoever needs real tables of
 * real size, such as a replay of addresses.
 *
 * A fault goes through `handle_mm_fault`; but where the table of its pte is there already, which is so for all faults but one of
 * each table, all that is left is a new page and one entry. That part works on numbers: the entry comes from the mapping's
 * template, and which table a block of addresses has is remembered: here no table is ever unlinked.
 */
import { type Arch, ArchError, type Paddr, VM_EXEC, VM_READ, VM_WRITE, __vaddr } from '@ptemu/arch';
import type { PhysicalMemory } from '@ptemu/hw';
import { contextOf, type DirectContext } from './context.js';
import { DirectCpu } from './cpu.js';
import { DirectMachine, run } from './machine.js';
import { handle_mm_fault } from './memory.js';
import type { DirectMm, DirectVma } from './mm_types.js';
import type { PageFrames } from './page-frames.js';
import { PageTables } from './page-table.js';
import { type PteTemplate, pteTemplate, tableTemplate } from './pte-template.js';

/** A mapping to make. */
export interface Mapping {
  /** First address, and bytes; multiples of the page size. */
  readonly start: bigint;
  readonly bytes: bigint;
  readonly write: boolean;
  /** Whether instructions may be fetched from it. */
  readonly exec?: boolean;
  /** Whether a fault maps a huge page where the mapping holds all of it. */
  readonly thp?: boolean;
}

/** What a touch of an address did: mapped a small or a huge page, found it mapped, or hit no mapping. */
export type Touched = 'page' | 'huge' | 'mapped' | 'no-mapping';

/** A mapping with what its faults need, as numbers. */
interface Area {
  readonly vma: DirectVma;
  /** Numbers of the first page and of the one behind the last. */
  readonly first: number;
  readonly end: number;
  readonly template: PteTemplate | undefined;
}

/** A process of direct mode, on the only CPU of its machine. */
export class DirectProcess {
  readonly arch: Arch;
  readonly #mm: DirectMm;
  readonly #tables: PageTables;
  readonly #cx: DirectContext;
  readonly #areas: Area[] = [];
  readonly #memory: PhysicalMemory;
  readonly #pages: PageFrames;
  readonly #pageShift: number;
  readonly #pageSize: number;
  readonly #perPage: number;
  readonly #ptrs: number;
  readonly #perTable: number;
  readonly #noneLo: number;
  readonly #noneHi: number;
  #area: Area | undefined;
  /** The pte table of each block of addresses that has one; `HUGE` where a huge page is mapped. */
  readonly #tableOf = new Map<number, number>();
  /** The table of pmds that each group of blocks has. */
  readonly #pmdsOf = new Map<number, number>();
  readonly #pointer: PteTemplate | undefined;
  readonly #blocks: number;
  readonly #pmdNoneLo: number;
  readonly #pmdNoneHi: number;
  /** The block used last, and its table. */
  #block = -1;
  #table = 0;

  constructor(arch: Arch) {
    this.arch = arch;
    const machine = new DirectMachine({ arch });
    this.#tables = new PageTables(machine);
    this.#cx = contextOf(new DirectCpu(machine, 0), this.#tables);
    this.#mm = this.#tables.mm_alloc();
    this.#mm.cpumask.add(0);
    machine.loaded[0] = this.#mm;
    this.#memory = machine.memory;
    this.#pages = machine.pages;
    this.#pageShift = machine.layout.PAGE_SHIFT;
    this.#pageSize = machine.layout.PAGE_SIZE;
    this.#perPage = 1 / machine.layout.PAGE_SIZE;
    const pte = this.#tables.levels.at(-1);
    this.#ptrs = pte?.entries ?? 1;
    this.#perTable = 1 / this.#ptrs;
    const none = pte?.none ?? 0n;
    this.#noneLo = Number(none & 0xffff_ffffn);
    this.#noneHi = Number(none >> 32n);
    const pmd = this.#tables.levels.at(-2);
    this.#blocks = pmd?.entries ?? 1;
    this.#pmdNoneLo = Number((pmd?.none ?? 0n) & 0xffff_ffffn);
    this.#pmdNoneHi = Number((pmd?.none ?? 0n) >> 32n);
    this.#pointer = tableTemplate(this.#cx, this.#mm, pte?.tableBytes ?? machine.layout.PAGE_SIZE);
  }

  /** The tables, and the table at their root: what a walker needs. */
  get memory(): PhysicalMemory {
    return this.#memory;
  }
  get root(): Paddr {
    return this.#mm.pgd;
  }

  /** Pages mapped, counted in base pages. */
  get rss(): number {
    return this.#mm.rss;
  }

  /** Pte tables in use, those put aside for huge pages among them. */
  get nr_ptes(): number {
    return this.#mm.nr_ptes;
  }

  /**
   * Adds a mapping. Nothing is mapped in it yet.
   *
   * @throws ArchError `BAD_ARGUMENT` where it is not whole pages, not below `TASK_SIZE`, or overlaps another one.
   */
  mmap({ start, bytes, write, exec = false, thp = false }: Mapping): void {
    const { PAGE_SIZE, TASK_SIZE } = this.#cx.machine.layout;
    const end = start + bytes;
    const size = BigInt(PAGE_SIZE);
    if (start % size !== 0n || bytes % size !== 0n || bytes <= 0n || start < 0n || end > TASK_SIZE) {
      throw bad(`0x${start.toString(16)}..0x${end.toString(16)} is not whole pages of 0x${size.toString(16)} below 0x${TASK_SIZE.toString(16)}`, { start, bytes }); // prettier-ignore
    }
    const vma: DirectVma = {
      vm_mm: this.#mm,
      vm_start: __vaddr(start),
      vm_end: __vaddr(end),
      vm_page_prot: this.arch.prot.vm_get_page_prot({ read: true, write, exec, shared: false }),
      vm_flags: VM_READ | (write ? VM_WRITE : 0n) | (exec ? VM_EXEC : 0n),
      written: write,
      thp,
    };
    const area: Area = {
      vma,
      first: Number(start / size),
      end: Number(end / size),
      template: pteTemplate(this.#cx, vma),
    };
    const at = this.#indexOf(area.first);
    const [before, after] = [this.#areas[at - 1], this.#areas[at]];
    if (
      (before !== undefined && before.end > area.first) ||
      (after !== undefined && after.first < area.end)
    ) {
      throw bad(`0x${start.toString(16)}..0x${end.toString(16)} overlaps another mapping`, { start, bytes });
    }
    this.#areas.splice(at, 0, area);
    this.#mm.vmas.push(vma);
  }

  /**
   * Touches an address, given as a number: below 2^53 exact, above by its page. A fault on it is handled; one that has no mapping
   * is for the caller to judge.
   */
  faultIn(address: number): Touched {
    const page = Math.floor(address * this.#perPage);
    let area = this.#area;
    if (area === undefined || page < area.first || page >= area.end) {
      area = this.#areas[this.#indexOf(page + 1) - 1];
      if (area === undefined || page >= area.end) return 'no-mapping';
      this.#area = area;
    }
    const block = Math.floor(page * this.#perTable);
    if (block !== this.#block) {
      const table = this.#tableOf.get(block) ?? this.#newTable(area, block);
      if (table === undefined) return this.#handle(area, page, block);
      this.#block = block;
      this.#table = table;
    }
    if (this.#table === HUGE) return 'mapped';
    const { template } = area;
    if (template === undefined) return this.#handle(area, page, block);
    const slot = this.#table + (page - block * this.#ptrs) * 8;
    const lo = slot >>> 0;
    const hi = Math.floor(slot / TWO_32);
    const memory = this.#memory;
    if (memory.loadLo(lo, hi) !== this.#noneLo || memory.loadHi(lo, hi) !== this.#noneHi) return 'mapped';
    const pa = this.#pages.take() * this.#pageSize;
    memory.storePair(lo, hi, template.lo | (pa >>> 0), template.hi | Math.floor(pa / TWO_32));
    this.#mm.rss++;
    return 'page';
  }

  /** A pte table for a block that has none, where only that is missing; undefined where more is to do. */
  #newTable({ vma }: Area, block: number): number | undefined {
    const pointer = this.#pointer;
    const group = Math.floor(block / this.#blocks);
    const pmds = this.#pmdsOf.get(group);
    if (pmds === undefined || pointer === undefined || vma.thp) return undefined;
    const slot = pmds + (block - group * this.#blocks) * 8;
    const lo = slot >>> 0;
    const hi = Math.floor(slot / TWO_32);
    const memory = this.#memory;
    if (memory.loadLo(lo, hi) !== this.#pmdNoneLo || memory.loadHi(lo, hi) !== this.#pmdNoneHi)
      return undefined;
    const table = Number(this.#tables.pte_alloc_one());
    memory.storePair(lo, hi, pointer.lo | (table >>> 0), pointer.hi | Math.floor(table / TWO_32));
    this.#mm.nr_ptes++;
    this.#tableOf.set(block, table);
    return table;
  }

  /** The whole of a fault, by mm's text; remembers the tables that it went through. */
  #handle({ vma }: Area, page: number, block: number): Touched {
    const address = __vaddr(BigInt(page) << BigInt(this.#pageShift));
    const before = this.#mm.rss;
    run(handle_mm_fault(this.#cx, vma, address));
    const pmd = this.#tables.pmd_offset(this.#mm, address);
    const table = pmd && this.#tables.tableAt(pmd);
    this.#tableOf.set(block, table === undefined ? HUGE : Number(table));
    const group = Math.floor(block / this.#blocks);
    if (pmd !== undefined) this.#pmdsOf.set(group, Number(pmd.paddr) - (block - group * this.#blocks) * 8);
    if (this.#mm.rss === before) return 'mapped';
    return table === undefined ? 'huge' : 'page';
  }

  /** How many areas begin below a page. */
  #indexOf(page: number): number {
    let low = 0;
    let high = this.#areas.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#areas[middle]?.first ?? 0) < page) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

const TWO_32 = 2 ** 32;
/** Not the address of a table. */
const HUGE = -1;

const bad = (message: string, data: Readonly<Record<string, unknown>>): ArchError =>
  new ArchError('BAD_ARGUMENT', message, data);

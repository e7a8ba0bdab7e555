/**
 * What operations on an address space cost in TLB work: each is run once, as mm of that release does it, on real page tables
 * and with every CPU of the mm holding every page of it, and what its flushes do is counted.
 *
 * The set-up of one operation: a process with one mapping of `pages` written anonymous pages and another one of
 * `bystanderPages` of a file that it only reads; all CPUs of the mask have used both. The operation is then run on CPU 0 of
 * them; a collapse, and reclaim, on one more CPU that has no part in the mm: that of khugepaged, of kswapd.
 */
import { type Arch, ArchError, type Vaddr, VM_READ, VM_WRITE, __vaddr } from '@ptemu/arch';
import type { Steps } from '@ptemu/explore';
import type { FlushEvents } from '@ptemu/hw';
import { contextOf, type DirectContext } from './context.js';
import { DirectCpu } from './cpu.js';
import { CpuSet } from './cpu-set.js';
import { DirectMachine, type Omission, run } from './machine.js';
import { madvise_dontneed_single_vma } from './madvise.js';
import { dup_mmap } from './fork.js';
import { __split_huge_pmd } from './huge_memory-split.js';
import { collapse_huge_page } from './khugepaged.js';
import { handle_mm_fault } from './memory.js';
import { unmap_region } from './mmap.js';
import type { DirectMm, DirectVma } from './mm_types.js';
import { change_protection } from './mprotect.js';
import { move_page_tables } from './mremap.js';
import { PageTables, type Stale, staleTranslations } from './page-table.js';
import { SWAP_CLUSTER_MAX, try_to_unmap_flush, try_to_unmap_one } from './rmap.js';
import { context_switch, enter_lazy_tlb } from './sched.js';

/** The operations, by name. */
export const FLUSH_OPERATIONS = [
  'munmap', 'mprotect', 'madv_dontneed', 'split', 'collapse', 'mremap', 'fork', 'context-switch', 'reclaim',
] as const; // prettier-ignore

/** One of them. */
export type FlushOperation = (typeof FLUSH_OPERATIONS)[number];

/** What is asked. */
export interface OperationOptions {
  readonly operation: FlushOperation;
  /** Pages of `PAGE_SIZE` that the operation touches, all of them mapped; with `huge` rounded up to whole huge pages. */
  readonly pages: number;
  /** CPUs in `mm_cpumask`, the one that runs the operation among them; 1 to 256. */
  readonly cpus: number;
  /** Mapped by huge pmds. Left out: as the operation needs it, else by ptes. */
  readonly huge?: boolean;
  /** CPUs of the mask, beyond the first, that run a kernel thread on the mm (lazy TLB); 0 when left out. */
  readonly lazyCpus?: number;
  /** CPUs online; at least those that the operation involves, which is what is taken when left out. */
  readonly onlineCpus?: number;
  /** Other pages of the process that each CPU holds translations of; 64 when left out: about a first-level TLB full. */
  readonly bystanderPages?: number;
}

/** Events, and what was left behind. */
export interface OperationResult {
  readonly events: FlushEvents;
  /** Translations that some CPU still holds although they are no longer true: none, unless something was left out. */
  readonly stale: readonly Stale[];
}

/** Most CPUs of a mask. */
export const OPERATION_CPUS_MAX = 256;
/** Most pages of one operation. */
export const OPERATION_PAGES_MAX = 65_536;
const BYSTANDERS = 64;

/**
 * Counts the TLB work of one operation.
 *
 * @throws ArchError `BAD_ARGUMENT` for counts out of range, and where the architecture has no huge pages of that kind.
 */
export const operationEvents = (arch: Arch, options: OperationOptions): FlushEvents =>
  runOperation(arch, options).events;

/** The same, with what the CPUs still hold afterwards. `omit`: leaves a part of every flush out, as a broken twin. */
export function runOperation(arch: Arch, options: OperationOptions, omit?: Omission): OperationResult {
  const stage = setUp(arch, options, omit);
  const { machine, mm, vma } = stage;
  const operation = OPERATIONS[options.operation];
  machine.beginCounting(
    operation.wanted === false ? undefined : { mm, start: vma.vm_start, end: vma.vm_end },
  );
  run(operation.run(stage));
  return { events: machine.events(), stale: staleTranslations(stage.cx.tables, [mm]) };
}

/** Where an operation is run. */
interface Stage {
  readonly machine: DirectMachine;
  readonly cx: DirectContext;
  readonly mm: DirectMm;
  readonly vma: DirectVma;
  /** Another process that the initiator has run before. */
  readonly other: DirectMm;
}

interface Operation {
  /** Whether the mapping must, or must not, be huge. */
  readonly huge?: boolean;
  /** Run by a CPU that has no part in the mm. */
  readonly byStranger?: boolean;
  /** Small pages, but of whole blocks of a huge page. */
  readonly wholeBlocks?: boolean;
  /** Whether what goes of the mapping is meant to go; it is when left out. */
  readonly wanted?: boolean;
  run(stage: Stage): Steps<void>;
}

const OPERATIONS: Readonly<Record<FlushOperation, Operation>> = {
  /** The whole mapping goes, with its tables. */
  munmap: { run: ({ cx, vma }) => unmap_region(cx, vma) },
  /** The right to write is taken away. */
  mprotect: {
    run: ({ cx, vma }) => change_protection(cx, vma, vma.vm_start, vma.vm_end, readOnly(cx)),
  },
  /** The pages go, the tables stay. */
  madv_dontneed: { run: ({ cx, vma }) => madvise_dontneed_single_vma(cx, vma, vma.vm_start, vma.vm_end) },
  /** Every huge pmd becomes a table of ptes. */
  split: {
    huge: true,
    *run({ cx, vma }) {
      for (const haddr of addresses(cx, vma)) {
        const pmd = cx.tables.pmd_offset(vma.vm_mm, haddr);
        if (pmd !== undefined) yield* __split_huge_pmd(cx, vma, pmd, haddr);
      }
    },
  },
  /** Every block of small pages becomes a huge page. */
  collapse: {
    huge: false,
    wholeBlocks: true,
    byStranger: true,
    *run({ cx, vma }) {
      const size = BigInt(cx.machine.layout.HPAGE_PMD_SIZE);
      for (let at: bigint = vma.vm_start; at < vma.vm_end; at += size)
        yield* collapse_huge_page(cx, vma, __vaddr(at));
    },
  },
  /** The pages move to another address, then the old mapping goes. */
  mremap: {
    *run({ cx, mm, vma }) {
      const distance = moveDistance(cx, vma);
      const new_vma = {
        ...vma,
        vm_start: __vaddr(vma.vm_start + distance),
        vm_end: __vaddr(vma.vm_end + distance),
      };
      mm.vmas.push(new_vma);
      yield* move_page_tables(cx, vma, new_vma);
      yield* unmap_region(cx, vma);
    },
  },
  /** The pages are shared with a child and write-protected. */
  fork: {
    *run({ cx, mm }) {
      yield* dup_mmap(cx, mm);
    },
  },
  /** This CPU goes to another process that it has run before. What goes of the old one is not wanted. */
  'context-switch': {
    wanted: false,
    *run({ cx, other }) {
      yield* context_switch(cx, other);
    },
  },
  /** The pages are unmapped by a CPU that has no part in the mm, 32 at a time. */
  reclaim: {
    huge: false,
    byStranger: true,
    *run({ cx, vma }) {
      let n = 0;
      for (const address of addresses(cx, vma)) {
        yield* try_to_unmap_one(cx, vma, address);
        if (++n % SWAP_CLUSTER_MAX === 0) yield* try_to_unmap_flush(cx, vma);
      }
      if (n % SWAP_CLUSTER_MAX !== 0) yield* try_to_unmap_flush(cx, vma);
    },
  },
};

/** The protection of a private mapping that may be read only. */
const readOnly = (cx: DirectContext): bigint =>
  cx.arch.prot.vm_get_page_prot({ read: true, write: false, exec: false, shared: false });

/** Far enough that old and new share no table of pmds, and a multiple of what one such table covers where that fits. */
function moveDistance(cx: DirectContext, vma: DirectVma): bigint {
  const bytes = vma.vm_end - vma.vm_start;
  const distance = (bytes + MOVE_UNIT - 1n) & -MOVE_UNIT;
  if (vma.vm_end + distance > cx.machine.layout.TASK_SIZE) {
    throw bad(`0x${bytes.toString(16)} bytes cannot be moved: there is no room for both mappings`, { bytes });
  }
  return distance;
}

/** First address of the mapping, and of the bystanders: apart, so that they share no pte table. */
const START = 0x4000_0000n;
const BYSTANDER_START = 0x1000_0000n;
const MOVE_UNIT = 0x4000_0000n;

function setUp(arch: Arch, options: OperationOptions, omit: Omission | undefined): Stage {
  const operation = OPERATIONS[options.operation];
  const { pages, cpus } = options;
  whole('pages', pages, 1, OPERATION_PAGES_MAX);
  whole('cpus', cpus, 1, OPERATION_CPUS_MAX);
  const lazyCpus = whole('lazyCpus', options.lazyCpus ?? 0, 0, cpus - 1);
  const bystanders = whole('bystanderPages', options.bystanderPages ?? BYSTANDERS, 0, OPERATION_PAGES_MAX);
  const involved = cpus + (operation.byStranger === true ? 1 : 0);
  const online = whole('onlineCpus', options.onlineCpus ?? involved, involved, 2 * OPERATION_CPUS_MAX);
  const huge = options.huge ?? operation.huge ?? false;
  if (operation.huge !== undefined && operation.huge !== huge) {
    throw bad(`${options.operation} is an operation on ${operation.huge ? 'huge' : 'small'} pages`, { huge });
  }
  const machine = new DirectMachine({ arch, cpus: online, ...(omit !== undefined && { omit }) });
  const tables = new PageTables(machine);
  const mm = tables.mm_alloc();
  const { PAGE_SIZE, HPAGE_PMD_SIZE, TASK_SIZE } = machine.layout;
  const unit = huge || operation.wholeBlocks === true ? HPAGE_PMD_SIZE : PAGE_SIZE;
  const bytes = BigInt(Math.ceil((pages * PAGE_SIZE) / unit) * unit);
  if (START + bytes > TASK_SIZE) {
    throw bad(`${pages} pages of ${PAGE_SIZE} bytes do not fit below 0x${TASK_SIZE.toString(16)}`, { pages });
  }
  const members = CpuSet.first(cpus, online);
  mm.cpumask.addAll(members);
  const cx = contextOf(new DirectCpu(machine, operation.byStranger === true ? cpus : 0), tables);
  const other = tables.mm_alloc();
  for (let cpu = 0; cpu < cpus; cpu++) {
    const each = contextOf(new DirectCpu(machine, cpu), tables);
    run(context_switch(each, other));
    run(context_switch(each, mm));
    other.cpumask.delete(cpu);
  }
  for (let cpu = cpus - lazyCpus; cpu < cpus; cpu++) enter_lazy_tlb(mm, cpu);
  const vma = mapped(cx, mm, { start: START, bytes, write: true, thp: huge });
  if (bystanders > 0) {
    mapped(cx, mm, {
      start: BYSTANDER_START,
      bytes: BigInt(bystanders * PAGE_SIZE),
      write: false,
      thp: false,
    });
  }
  for (const each of mm.vmas) touchAll(cx, each, members);
  return { machine, cx, mm, vma, other };
}

/** A mapping, every page of it present: written anonymous memory, or pages of a file that is only read. */
function mapped(
  cx: DirectContext,
  mm: DirectMm,
  {
    start,
    bytes,
    write,
    thp,
  }: { readonly start: bigint; readonly bytes: bigint; readonly write: boolean; readonly thp: boolean },
): DirectVma {
  const vma: DirectVma = {
    vm_mm: mm,
    vm_start: __vaddr(start),
    vm_end: __vaddr(start + bytes),
    vm_page_prot: cx.arch.prot.vm_get_page_prot({ read: true, write, exec: false, shared: false }),
    vm_flags: write ? VM_READ | VM_WRITE : VM_READ,
    written: write,
    thp,
  };
  mm.vmas.push(vma);
  for (const address of addresses(cx, vma)) run(handle_mm_fault(cx, vma, address));
  return vma;
}

/** Every CPU of the set uses every page. */
function touchAll(cx: DirectContext, vma: DirectVma, cpus: CpuSet): void {
  for (const address of addresses(cx, vma)) {
    if (cx.machine.mmu.kind === 'hash') hashPage(cx, vma, address);
    cx.tables.use(vma.vm_mm, address, cpus);
  }
}

/** Hash: the low-level handler puts HPTEs of the page into the hash table, of a huge one all that it needs. */
function hashPage(cx: DirectContext, vma: DirectVma, address: Vaddr): void {
  const { __hash_page, __hash_page_thp } = cx.sequences;
  if (__hash_page === undefined || __hash_page_thp === undefined) {
    throw bad(`${cx.arch.spec} has no model of how the hash table is filled`, { arch: cx.arch.spec });
  }
  const pmd = cx.tables.pmd_offset(vma.vm_mm, address);
  const table = pmd && cx.tables.tableAt(pmd);
  if (pmd === undefined) return;
  const access = { write: vma.written, exec: false };
  const insert = function* (): Steps<number> {
    return 0;
  };
  if (table !== undefined) {
    run(__hash_page(cx.cpu, cx.tables.pte_offset(table, address), access, insert));
    return;
  }
  const { HPAGE_PMD_NR, PAGE_SIZE } = cx.machine.layout;
  for (let i = 0; i < HPAGE_PMD_NR; i++) {
    run(__hash_page_thp(cx.cpu, __vaddr(address + BigInt(i * PAGE_SIZE)), pmd, access, insert));
  }
}

/** The first address of every page of a mapping, huge ones by their own size. */
export function* addresses(cx: DirectContext, vma: DirectVma): Generator<Vaddr> {
  const { PAGE_SIZE, HPAGE_PMD_SIZE } = cx.machine.layout;
  const unit = BigInt(vma.thp ? HPAGE_PMD_SIZE : PAGE_SIZE);
  for (let at: bigint = vma.vm_start; at < vma.vm_end; at += unit) yield __vaddr(at);
}

function whole(name: string, value: number, least: number, most: number): number {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
  throw bad(`${name} is ${value}; it must be a whole number from ${least} to ${most}`, { [name]: value });
}

const bad = (message: string, data: Readonly<Record<string, unknown>>): ArchError =>
  new ArchError('BAD_ARGUMENT', message, data);

/**
 * The stage on which an operation is run: a process with one mapping of written anonymous pages and another one of a file that
 * it only reads, both of them used by every CPU of the mask; and another process that each of those CPUs has run before.
 */
import { type Arch, ArchError, type Vaddr, VM_READ, VM_WRITE, __vaddr } from '@ptemu/arch';
import type { Steps } from '@ptemu/explore';
import { contextOf, type DirectContext } from './context.js';
import { DirectCpu } from './cpu.js';
import { CpuSet } from './cpu-set.js';
import { DirectMachine, type Omission, run } from './machine.js';
import { handle_mm_fault } from './memory.js';
import type { DirectMm, DirectVma } from './mm_types.js';
import type { OperationOptions } from './operations.js';
import { PageTables } from './page-table.js';
import { context_switch, enter_lazy_tlb } from './sched.js';

/** Most CPUs of a mask. */
export const OPERATION_CPUS_MAX = 256;
/** Most pages of one operation. */
export const OPERATION_PAGES_MAX = 65_536;
const BYSTANDERS = 64;

/** What an operation asks of its stage. */
export interface StageNeeds {
  /** Whether the mapping must, or must not, be huge. */
  readonly huge?: boolean;
  /** Run by a CPU that has no part in the mm. */
  readonly byStranger?: boolean;
  /** Small pages, but of whole blocks of a huge page. */
  readonly wholeBlocks?: boolean;
}

/** Where an operation is run. */
export interface Stage {
  readonly machine: DirectMachine;
  readonly cx: DirectContext;
  readonly mm: DirectMm;
  readonly vma: DirectVma;
  /** Another process that the initiator has run before. */
  readonly other: DirectMm;
}

/** First address of the mapping, and of the bystanders: apart, so that they share no pte table. */
const START = 0x4000_0000n;
const BYSTANDER_START = 0x1000_0000n;

/**
 * Makes the stage of one operation.
 *
 * @throws ArchError `BAD_ARGUMENT` for counts out of range, and where the architecture cannot map such pages.
 */
export function setUp(
  arch: Arch,
  operation: StageNeeds,
  options: OperationOptions,
  omit: Omission | undefined,
): Stage {
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
  if (machine.mmu.kind === 'hash' && arch.sequences.__hash_page === undefined) {
    throw bad(`${arch.spec} has no model of how the hash table is filled`, { arch: arch.spec });
  }
  const { PAGE_SIZE, HPAGE_PMD_SIZE, TASK_SIZE } = machine.layout;
  const bystanderBytes = BigInt(bystanders * PAGE_SIZE);
  if (BYSTANDER_START + bystanderBytes > START) {
    throw bad(`${bystanders} other pages of ${PAGE_SIZE} bytes do not fit below 0x${START.toString(16)}`, {
      bystanders,
    });
  }
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
      bytes: bystanderBytes,
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
  if (__hash_page === undefined || __hash_page_thp === undefined) return;
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

export const bad = (message: string, data: Readonly<Record<string, unknown>>): ArchError =>
  new ArchError('BAD_ARGUMENT', message, data);

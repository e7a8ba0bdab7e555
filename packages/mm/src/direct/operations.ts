/**
 * What operations on an address space cost in TLB work: each is run once, as mm of that release does it, on real page tables
 * and with every CPU of the mm holding every page of it, and what its flushes do is counted.
 *
 * The set-up of one operation: a process with one mapping of `pages` written anonymous pages and another one of
 * `bystanderPages` of a file that it only reads; all CPUs of the mask have used both. The operation is then run on CPU 0 of
 * them; a collapse, and reclaim, on one more CPU that has no part in the mm: that of khugepaged, of kswapd.
 */
import { type Arch, __vaddr } from '@ptemu/arch';
import type { Steps } from '@ptemu/explore';
import type { FlushEvents } from '@ptemu/hw';
import type { DirectContext } from './context.js';
import { dup_mmap } from './fork.js';
import { __split_huge_pmd } from './huge_memory-split.js';
import { collapse_huge_page } from './khugepaged.js';
import { type Omission, run } from './machine.js';
import { madvise_dontneed_single_vma } from './madvise.js';
import { unmap_region } from './mmap.js';
import type { DirectVma } from './mm_types.js';
import { change_protection } from './mprotect.js';
import { move_page_tables } from './mremap.js';
import { addresses, bad, setUp, type Stage, type StageNeeds } from './operation-stage.js';
import { SWAP_CLUSTER_MAX, try_to_unmap_flush, try_to_unmap_one } from './rmap.js';
import { context_switch } from './sched.js';
import { type Stale, staleTranslations } from './stale.js';

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

/**
 * Counts the TLB work of one operation.
 *
 * @throws ArchError `BAD_ARGUMENT` for counts out of range, and where the architecture has no huge pages of that kind.
 */
export const operationEvents = (arch: Arch, options: OperationOptions): FlushEvents =>
  runOperation(arch, options).events;

/** The same, with what the CPUs still hold afterwards. `omit`: leaves a part of every flush out, as a broken twin. */
export function runOperation(arch: Arch, options: OperationOptions, omit?: Omission): OperationResult {
  const prepared = prepareOperation(arch, options, omit);
  prepared.run();
  return prepared.result();
}

/** An operation whose process and CPUs are set up. */
export interface PreparedOperation {
  /** Runs it; to be called once. */
  run(): void;
  /** What it did, when it has run. */
  result(): OperationResult;
}

/** The same in two parts, so that the operation can be timed without its set-up. */
export function prepareOperation(arch: Arch, options: OperationOptions, omit?: Omission): PreparedOperation {
  const operation = Object.hasOwn(OPERATIONS, options.operation) ? OPERATIONS[options.operation] : undefined;
  if (operation === undefined) {
    throw bad(`no operation '${options.operation}'; there are ${FLUSH_OPERATIONS.join(', ')}`, {
      ...options,
    });
  }
  const stage = setUp(arch, operation, options, omit);
  const { machine, mm, vma } = stage;
  machine.beginCounting(
    operation.wanted === false ? undefined : { mm, start: vma.vm_start, end: vma.vm_end },
  );
  return {
    run: () => run(operation.run(stage)),
    result: () => ({ events: machine.events(), stale: staleTranslations(stage.cx.tables, [mm]) }),
  };
}

interface Operation extends StageNeeds {
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

/** What a mapping is moved by a multiple of. */
const MOVE_UNIT = 0x4000_0000n;

/** Far enough that old and new share no table of pmds, and a multiple of what one such table covers where that fits. */
function moveDistance(cx: DirectContext, vma: DirectVma): bigint {
  const bytes = vma.vm_end - vma.vm_start;
  const distance = (bytes + MOVE_UNIT - 1n) & -MOVE_UNIT;
  if (vma.vm_end + distance > cx.machine.layout.TASK_SIZE) {
    throw bad(`0x${bytes.toString(16)} bytes cannot be moved: there is no room for both mappings`, { bytes });
  }
  return distance;
}

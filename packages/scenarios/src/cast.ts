/** The actors that the split scenarios share, and the states that they look for. */
import { __vaddr, type Vaddr } from '@ptemu/arch';
import type { CpuConfig } from '@ptemu/hw';
import {
  type Actor,
  exit_mmap,
  folioCells,
  get_user_pages_fast,
  madvise_dontneed,
  type MmWorld,
  speculate,
  split_huge_page,
  split_huge_pmd_address,
  touch,
} from '@ptemu/mm';
import type { Reach } from './definition.js';

/** Reclaim, on a CPU that does not run the process: it comes through the rmap, without mmap_lock. */
export const RECLAIM_CPU = 0;
/** The CPU of the thread that zaps or pins. */
export const KERNEL_CPU = 1;
/** The CPU of a thread that only uses memory. */
export const USER_CPU = 2;

/** CPUs of a process whose memory nobody uses any more: reclaim and the exiting thread. */
export const exitCpus: readonly CpuConfig[] = [
  { id: RECLAIM_CPU, translates: false },
  { id: KERNEL_CPU, mm: 'mm', translates: false },
];

/** CPUs of a running process: reclaim elsewhere, a thread in the kernel, a thread in user mode. */
export const processCpus: readonly CpuConfig[] = [
  { id: RECLAIM_CPU, translates: false },
  { id: KERNEL_CPU, mm: 'mm', translates: false },
  { id: USER_CPU, mm: 'mm', translates: true },
];

/** Splits the pmd. */
export const reclaim: Actor = {
  name: 'reclaim',
  cpu: RECLAIM_CPU,
  title: 'reclaim splits the huge pmd through the rmap',
  *run(cx, world) {
    yield* split_huge_pmd_address(cx, world.vma, world.frames);
    yield* cx.in('put_page').act('put', folioCells(world.frames.huge).ref, [1, world.frames.huge.name]);
  },
};

/** Asks the helper that invalidation is built on, without storing anything. */
export const helperContract: Actor = {
  name: 'reclaim',
  cpu: RECLAIM_CPU,
  title: 'the helper is asked, nothing is stored',
  run: (cx) => cx.in('pmd_mkinvalid').act('contract', 'pmd', []),
};

/** Splits the pmd and then the page. */
export const reclaimPage: Actor = {
  name: 'reclaim',
  cpu: RECLAIM_CPU,
  title: 'reclaim splits the huge page',
  run: (cx, world) => split_huge_page(cx, world.vma, world.frames),
};

export const exit: Actor = {
  name: 'exit',
  cpu: KERNEL_CPU,
  title: 'the last mmput tears the address space down',
  run: (cx, world) => exit_mmap(cx, world.vma, world.frames),
};

export const dontneed: Actor = {
  name: 'dontneed',
  cpu: KERNEL_CPU,
  title: 'MADV_DONTNEED on the whole range',
  run: (cx, world) => madvise_dontneed(cx, world.vma, world.frames),
};

/** First address of the n-th page of the range. */
const pageAddress = (world: MmWorld, n: number): Vaddr =>
  __vaddr(world.vma.vm_start + BigInt(n * world.arch.layoutOf().PAGE_SIZE));

/** A bystander that stores to the second page of the range, then, if `times` is 2, to the third. */
export const user = (times: 1 | 2): Actor => ({
  name: 'user',
  cpu: USER_CPU,
  title:
    times === 1 ? 'a thread stores to the second page' : 'a thread stores to the second and the third page',
  *run(cx, world) {
    for (let n = 0; n < times; n++) {
      yield* touch(cx, world.vma, world.frames, pageAddress(world, n + 1), { write: true, n });
    }
  },
});

/** The walker of the user's CPU, which fills its TLB for the third page at a moment of its own choice. */
export const speculation: Actor = {
  name: 'walker',
  cpu: USER_CPU,
  title: 'the hardware fills the TLB for the third page, once',
  role: 'agent',
  fair: false,
  run: (cx, world) => speculate(cx, world.vma, pageAddress(world, 2)),
};

/** Pins the second page without locks. */
export const gup: Actor = {
  name: 'gup',
  cpu: KERNEL_CPU,
  title: 'get_user_pages_fast pins the second page',
  run: (cx, world) => get_user_pages_fast(cx, world.vma, world.frames, pageAddress(world, 1)),
};

/** The pmd holds what an invalidation (or what stands in its place) leaves: neither the first word nor a table. */
export const inWindow: Reach = {
  name: 'the pmd is between huge and table',
  test: (world) => {
    const now = world.machine.valueOf(world.pmd);
    return now !== world.initialPmd && world.invariants.tableUnder(now) === undefined && splitting(world);
  },
};

/** The split has linked its table. */
export const splitDone: Reach = {
  name: 'the split has linked its table',
  test: (world) => world.invariants.tableUnder(world.machine.valueOf(world.pmd))?.name === 'T0',
};

/** A file-backed pmd has been dropped while the zap is still at work. */
export const droppedByBoth: Reach = {
  name: 'the pmd is dropped while the zap is at work',
  test: (world) =>
    world.arch.pmd.pmd_none(world.machine.valueOf(world.pmd)) && world.machine.get('H.zapped') !== 1,
};

/** The huge mapping was zapped before the split came. */
export const zappedWhole: Reach = {
  name: 'the zap takes the huge mapping whole',
  test: (world) =>
    world.machine.get('H.entire_mapcount') === 0 && world.machine.get('H.page_mapcounts') === 0,
};

/** The pmd lock is held by the thread that splits. */
const splitting = (world: Parameters<Reach['test']>[0]): boolean =>
  world.machine.get('ptl:pmd table', '') === reclaim.name;

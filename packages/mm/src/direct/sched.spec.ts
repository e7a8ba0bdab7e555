import type { Arch } from '@ptemu/arch';
import { s390 } from '@ptemu/s390';
import { x86_64 } from '@ptemu/x86_64';
import { __vaddr, VM_READ, VM_WRITE } from '@ptemu/arch';
import { describe, expect, it } from 'vitest';
import { contextOf, type DirectContext } from './context.js';
import { DirectCpu } from './cpu.js';
import { CpuSet } from './cpu-set.js';
import { DirectMachine, run } from './machine.js';
import { madvise_dontneed_single_vma } from './madvise.js';
import { handle_mm_fault } from './memory.js';
import type { DirectVma } from './mm_types.js';
import { PageTables } from './page-table.js';
import { context_switch, enter_lazy_tlb } from './sched.js';

const PAGE = __vaddr(0x4000_0000n);

/** Two CPUs on one mm with one page, which both have used. */
function twoCpus(arch: Arch): {
  readonly cx: readonly DirectContext[];
  readonly vma: DirectVma;
  held: () => number[];
} {
  const machine = new DirectMachine({ arch, cpus: 2 });
  const tables = new PageTables(machine);
  const cx = [0, 1].map((cpu) => contextOf(new DirectCpu(machine, cpu), tables));
  const mm = tables.mm_alloc();
  const vma: DirectVma = {
    vm_mm: mm,
    vm_start: PAGE,
    vm_end: __vaddr(PAGE + 0x1000n),
    vm_page_prot: arch.prot.vm_get_page_prot({ read: true, write: true, exec: false, shared: false }),
    vm_flags: VM_READ | VM_WRITE,
    written: true,
    thp: false,
  };
  mm.vmas.push(vma);
  for (const each of cx) run(context_switch(each, mm));
  run(handle_mm_fault(cx[0]!, vma, PAGE));
  tables.use(mm, PAGE, CpuSet.first(2, 2));
  return { cx, vma, held: () => machine.cached.holders(mm, PAGE, 12).flatMap((cpus) => [...cpus.members()]) };
}

describe('x86_64 context_switch', () => {
  it('a lazy CPU keeps what was flushed without it, until it uses the mm again', () => {
    const { cx, vma, held } = twoCpus(x86_64({ kernel: '6.12' }));
    enter_lazy_tlb(vma.vm_mm, 1);
    run(madvise_dontneed_single_vma(cx[0]!, vma, vma.vm_start, vma.vm_end));
    expect(held()).toEqual([1]);
    run(context_switch(cx[1]!, vma.vm_mm));
    expect(held()).toEqual([]);
  });
  it('a CPU that went to another process and back drops what was flushed meanwhile', () => {
    const { cx, vma, held } = twoCpus(x86_64({ kernel: '6.12' }));
    run(context_switch(cx[1]!, cx[1]!.tables.mm_alloc()));
    expect([held(), [...vma.vm_mm.cpumask.members()]]).toEqual([[0, 1], [0]]);
    run(madvise_dontneed_single_vma(cx[0]!, vma, vma.vm_start, vma.vm_end));
    expect(held()).toEqual([1]);
    run(context_switch(cx[1]!, vma.vm_mm));
    expect([held(), [...vma.vm_mm.cpumask.members()]]).toEqual([[], [0, 1]]);
  });
  it('without a flush meanwhile it keeps everything', () => {
    const { cx, vma, held } = twoCpus(x86_64({ kernel: '6.12' }));
    run(context_switch(cx[1]!, cx[1]!.tables.mm_alloc()));
    run(context_switch(cx[1]!, vma.vm_mm));
    expect(held()).toEqual([0, 1]);
  });
});

describe('s390 context_switch', () => {
  // asm/mmu_context.h, finish_arch_post_lock_switch: a flush that was put off is made up for.
  it('flushes the address space where entries were made invalid lazily', () => {
    const { cx, vma, held } = twoCpus(s390({ kernel: '6.12' }));
    const { machine } = cx[0]!;
    run(context_switch(cx[1]!, vma.vm_mm));
    expect(held()).toEqual([0, 1]);
    machine.cells.set(`flush_mm:${vma.vm_mm.id}`, 1n);
    run(context_switch(cx[1]!, vma.vm_mm));
    expect(held()).toEqual([]);
  });
});

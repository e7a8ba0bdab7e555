/** What the scheduler does with address spaces. @see Linux kernel/sched/core.c */
import type { Steps } from '@ptemu/explore';
import type { DirectContext } from './context.js';
import type { DirectMm } from './mm_types.js';

/**
 * Switches this CPU from the mm that it has loaded to `next`. What that does to the TLB is the architecture's affair; one that
 * tags its entries and never runs out of tags does nothing.
 * @see Linux kernel/sched/core.c, `context_switch` (6.12.117)
 */
export function* context_switch(cx: DirectContext, next: DirectMm): Steps<void> {
  const { machine, cpu } = cx;
  const prev = machine.loaded[cpu.id];
  const behind = next.behind.has(cpu.id);
  yield* cx.sequences.switch_mm_irqs_off?.(cpu, prev, next, { behind }) ?? nothing();
  next.behind.delete(cpu.id);
  next.cpumask.add(cpu.id);
  next.left.delete(cpu.id);
  next.lazy.delete(cpu.id);
  machine.loaded[cpu.id] = next;
}

function* nothing(): Steps<void> {}

/**
 * A CPU runs a kernel thread on the mm that it has loaded: it keeps its translations and may miss flushes.
 * @see Linux arch/x86/mm/tlb.c, `enter_lazy_tlb` (6.12.117)
 */
export function enter_lazy_tlb(mm: DirectMm, cpu: number): void {
  mm.lazy.add(cpu);
}

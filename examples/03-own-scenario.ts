/** A scenario of one's own: a path that unmaps a huge page, its flush in the wrong place, against a thread that stores. */
import { type Actor, MmWorld, __vaddr, backend, explore, folioCells, touch } from 'ptemu';

type Order = 'flush, then free' | 'free, then flush';

/** The split page-table lock of the world's pmd table. */
const PTL = 'ptl:pmd table';

/** Reads like kernel code: one `yield*` for each thing that the other CPU can see. */
const unmap = (order: Order): Actor => ({
  name: 'unmap',
  cpu: 0,
  title: 'unmaps the huge page and gives it back',
  *run(cx, { vma, frames }) {
    const { vm_mm: mm, vm_start: start, vm_end: end, pmd } = vma;
    const { pmdp_huge_get_and_clear, flush_pmd_tlb_range } = cx.sequences;
    yield* cx.lock(PTL);
    yield* pmdp_huge_get_and_clear(cx, mm, start, pmd);
    if (order === 'flush, then free') yield* flush_pmd_tlb_range(cx, vma, { start, end });
    yield* cx.in('put_page').act('put', folioCells(frames.huge).ref, [1, frames.huge.name]);
    if (order === 'free, then flush') yield* flush_pmd_tlb_range(cx, vma, { start, end });
    yield* cx.unlock(PTL);
  },
});

/** Stores to the second page: through the TLB, or by a walk that may fill it; where that faults, it gives up. */
const store: Actor = {
  name: 'store',
  cpu: 1,
  title: 'a thread stores to the second page',
  *run(cx, { vma, frames, arch }) {
    const address = __vaddr(vma.vm_start + BigInt(arch.layoutOf().PAGE_SIZE));
    yield* touch(cx, vma, frames, address, { write: true, n: 0 });
  },
};

/** Returns what the example prints. */
export function main(): string {
  const lines: string[] = [];
  for (const spec of ['x86_64', 'arm64', 's390']) {
    for (const order of ['flush, then free', 'free, then flush'] as const) {
      const arch = backend(spec, { kernel: '6.12' });
      const cpus = [
        { id: 0, mm: 'mm', translates: false },
        { id: 1, mm: 'mm', translates: true },
      ];
      const world = new MmWorld({ arch, cpus });
      const found = explore(world.program([unmap(order), store], ['I3'], []));
      lines.push(`${spec}: ${order}: ${found.verdict}, ${found.states} states`);
      if (found.verdict === 'violates') {
        lines.push(
          `  ${found.message}`,
          ...found.schedule.map(({ actor, step }) => `  ${actor.padEnd(8)} ${step}`),
        );
      }
    }
  }
  return lines.join('\n');
}

import { cells } from '../src/index.js';
import type { CellOperation, Cells, Program, StepMark, Steps, Thread } from '../src/index.js';

/**
 * Split, zap and fault of huge pages on one or two CPUs, each with a TLB, a walker that may be in flight, and shootdown
 * interrupts; after `svz.pml`, a Promela model with one shared access per transition.
 *
 * Two ways to write it. `svz` reads like code: what a thread remembers is where it is and what it read last. `svzByLabel`
 * remembers the label it stands at and nothing else, as the Promela processes do, so it has SPIN's states.
 */

/** `A` splits, `B` zaps, `C` faults in; each entry is the page that the thread works on. */
export interface SvzSize {
  readonly pages: 1 | 2;
  readonly cpus: 1 | 2;
  /** Accesses that each CPU makes, to the pages in turn. */
  readonly accesses: number;
  readonly threads: readonly (readonly ['A' | 'B' | 'C', number])[];
}

export const SIZES: { readonly S: SvzSize; readonly M: SvzSize; readonly L: SvzSize } = {
  S: { pages: 1, cpus: 1, accesses: 2, threads: [['A', 0], ['B', 0]] }, // prettier-ignore
  M: { pages: 1, cpus: 2, accesses: 2, threads: [['A', 0], ['B', 0], ['C', 0]] }, // prettier-ignore
  L: { pages: 2, cpus: 2, accesses: 3, threads: [['A', 0], ['B', 0], ['C', 0], ['A', 1]] }, // prettier-ignore
};

/** What a pmd is. */
const [NONE, HUGE, INVAL, TABLE] = [0, 1, 2, 3];

interface Layout {
  readonly cells: Cells;
  readonly pmd: (page: number) => number;
  readonly pte: (page: number) => number;
  readonly lock: (page: number) => number;
  readonly freed: (page: number) => number;
  readonly ipi: (cpu: number) => number;
  readonly busy: (cpu: number) => number;
}

function layout({ pages, cpus }: SvzSize): Layout {
  const names: string[] = [];
  const place = (name: string, count: number): ((i: number) => number) => {
    const first = names.length;
    for (let i = 0; i < count; i++) names.push(`${name}[${i}]`);
    return (i) => first + i;
  };
  const pmd = place('pmd', pages);
  const pte = place('pte', pages);
  const lock = place('lk', pages);
  const freed = place('freed', pages);
  const ipi = place('ipi', cpus);
  const busy = place('busy', cpus);
  const tlb = place('tlb', pages * cpus);
  const entry = (cpu: number, page: number): number => tlb(cpu * pages + page);

  // The steps that touch several cells at once; `label` is given back, for those who remember labels only.
  const operations: Record<string, CellOperation> = {
    /** Uses the TLB entry of a page; without one a walk begins. */
    access: {
      run: (now, cpu = 0, page = 0, hit = 1, miss = 0) => {
        if (now.get(entry(cpu, page)) === 0) {
          now.set(busy(cpu), 1);
          return miss;
        }
        if (now.get(freed(page)) !== 0) now.fall('stale-tlb', `CPU ${cpu} uses page ${page}, which is freed`);
        return hit;
      },
    },
    /** Ends a walk with a translation. */
    fill: {
      run: (now, cpu = 0, page = 0, kind = 0, label = 0) => {
        const old = now.get(entry(cpu, page));
        if (old !== 0 && old !== kind) now.fall('two-sizes', `CPU ${cpu} has page ${page} in two sizes`);
        now.set(entry(cpu, page), kind);
        now.set(busy(cpu), 0);
        return label;
      },
    },
    /** Takes the interrupt, between walks. */
    shootdown: {
      when: (now, cpu = 0) => now.get(ipi(cpu)) === 1 && now.get(busy(cpu)) === 0,
      run: (now, cpu = 0) => {
        for (let page = 0; page < pages; page++) now.set(entry(cpu, page), 0);
        now.set(ipi(cpu), 0);
      },
    },
    take: {
      when: (now, lk = 0) => now.get(lk) === 0,
      run: (now, lk = 0, label = 0) => {
        now.set(lk, 1);
        return label;
      },
    },
    set: {
      run: (now, cell = 0, value = 0, label = 0) => {
        now.set(cell, value);
        return label;
      },
    },
    when: {
      when: (now, cell = 0, value = 0) => now.get(cell) === value,
      run: (_now, _cell, _value, label = 0) => label,
    },
    /** Branches on the cell: label `labels[v]` where its value is `v`. */
    branch: { run: (now, cell = 0, ...labels) => labels[now.get(cell)] ?? -1 },
  };
  const initial = names.map((name) => (name.startsWith('pmd') ? HUGE : 0));
  return { cells: cells(names.length, { names, initial, operations }), pmd, pte, lock, freed, ipi, busy };
}

function programOf(
  { cpus, threads }: SvzSize,
  { cells: c }: Layout,
  body: Record<'A' | 'B' | 'C' | 'H', (i: number) => Steps<void>>,
): Program {
  const cpuNumbers = cpus === 1 ? [0] : [0, 1];
  const shootdowns = function* (cpu: number): Steps<void> {
    for (;;) yield* c.call('shootdown', [cpu], { forget: 'idle' });
  };
  return {
    world: c.world,
    threads: [
      ...threads.map(([name, page]): Thread => ({ name: `${name}${page}`, start: () => body[name](page) })),
      ...cpuNumbers.map((cpu): Thread => ({ name: `H${cpu}`, start: () => body.H(cpu) })),
      ...cpuNumbers.map((cpu): Thread => ({
        name: `I${cpu}`,
        role: 'agent',
        forget: 'idle',
        start: () => shootdowns(cpu),
      })),
    ],
    sometimes: [{ name: 'a shootdown is pending', test: () => c.now.get(0) === INVAL }],
  };
}

/** The model as one would write it. `bug`: the zap frees the page without a flush. */
export function svz(size: SvzSize, bug?: 'bug'): Program {
  const at = layout(size);
  const { cells: c, pmd, pte, freed } = at;
  /** Behind this step only the place and the step's result are remembered. */
  const here = (place: string): StepMark => ({ forget: place });

  function* flush(place: string): Steps<void> {
    for (let cpu = 0; cpu < size.cpus; cpu++) yield* c.write(at.ipi(cpu), 1, here(`${place} ipi${cpu}`));
    for (let cpu = 0; cpu < size.cpus; cpu++) yield* c.waitUntil(at.ipi(cpu), 0, here(`${place} ack${cpu}`));
  }
  const take = (page: number): Steps<unknown> => c.call('take', [at.lock(page)], here('taken'));
  const give = (page: number): Steps<void> => c.write(at.lock(page), 0, here('given'));

  const body = {
    *A(page: number): Steps<void> {
      yield* take(page);
      if ((yield* c.read(pmd(page), here('split'))) === HUGE) {
        yield* c.write(pmd(page), INVAL, here('invalidated'));
        yield* flush('split');
        yield* c.write(pte(page), 1, here('filled'));
        yield* c.write(pmd(page), TABLE, here('populated'));
      }
      yield* give(page);
    },
    *B(page: number): Steps<void> {
      if ((yield* c.read(pmd(page), here('peeked'))) === NONE) return;
      yield* take(page);
      const entry = yield* c.read(pmd(page), here('looked'));
      yield* c.assertThat(entry !== INVAL, 'zap finds an invalidated pmd under the lock');
      if (entry !== NONE) {
        if (entry === TABLE) yield* c.write(pte(page), 0, here('emptied'));
        yield* c.write(pmd(page), NONE, here('cleared'));
        if (bug === undefined) yield* flush('zap');
        yield* c.write(freed(page), 1, here('freed'));
      }
      yield* give(page);
    },
    *C(page: number): Steps<void> {
      if ((yield* c.read(pmd(page), here('peeked'))) !== NONE) return;
      yield* take(page);
      if ((yield* c.read(pmd(page), here('looked'))) === NONE) {
        yield* c.write(freed(page), 0, here('allocated'));
        yield* c.write(pmd(page), HUGE, here('mapped'));
      }
      yield* give(page);
    },
    *H(cpu: number): Steps<void> {
      for (let k = 0; k < size.accesses; k++) {
        const page = (cpu + k) % size.pages;
        if ((yield* c.call('access', [cpu, page], here(`${k} access`))) === 1) continue;
        const entry = yield* c.read(pmd(page), here(`${k} pmd`));
        if (entry === HUGE) yield* c.call('fill', [cpu, page, 1], here(`${k} end`));
        else if (entry === TABLE && (yield* c.read(pte(page), here(`${k} pte`))) !== 0) {
          yield* c.call('fill', [cpu, page, 2], here(`${k} end`));
        } else yield* c.write(at.busy(cpu), 0, here(`${k} none`));
      }
    },
  };
  return programOf(size, at, body);
}

/**
 * The model as Promela has it: each step gives back the label that comes next, and with it all else is forgotten. `end`
 * is where a process blocks for ever, here its end.
 */
export function svzByLabel(size: SvzSize): Program {
  const at = layout(size);
  const { cells: c, pmd, pte, freed } = at;
  const END = 99;
  type Line = readonly [operation: string, ...operands: number[]];

  function* follow(lines: readonly Line[]): Steps<void> {
    for (let label = 0; label !== END;) {
      const [operation, ...operands] = lines[label] as Line;
      label = (yield* c.call(operation, operands, { forget: 'all but the label' })) as number;
      if (label === -1) yield* c.assertThat(false, 'no branch');
    }
  }
  /** Lines from `label` on that interrupt all CPUs and wait for them. */
  const flush = (label: number): Line[] => {
    const cpus = size.cpus === 1 ? [0] : [0, 1];
    const sends = cpus.map((cpu): Line => ['set', at.ipi(cpu), 1, ++label]);
    return [...sends, ...cpus.map((cpu): Line => ['when', at.ipi(cpu), 0, ++label])];
  };
  const body = {
    A(page: number): Steps<void> {
      const f = 3 + 2 * size.cpus;
      return follow([
        ['take', at.lock(page), 1],
        ['branch', pmd(page), f + 2, 2, f + 2, f + 2],
        ['set', pmd(page), INVAL, 3],
        ...flush(3),
        ['set', pte(page), 1, f + 1],
        ['set', pmd(page), TABLE, f + 2],
        ['set', at.lock(page), 0, END],
      ]);
    },
    B(page: number): Steps<void> {
      const f = 5 + 2 * size.cpus;
      return follow([
        ['branch', pmd(page), END, 1, 1, 1],
        ['take', at.lock(page), 2],
        ['branch', pmd(page), f + 1, 4, -1, 3],
        ['set', pte(page), 0, 4],
        ['set', pmd(page), NONE, 5],
        ...flush(5),
        ['set', freed(page), 1, f + 1],
        ['set', at.lock(page), 0, END],
      ]);
    },
    C(page: number): Steps<void> {
      return follow([
        ['branch', pmd(page), 1, END, END, END],
        ['take', at.lock(page), 2],
        ['branch', pmd(page), 3, 5, 5, 5],
        ['set', freed(page), 0, 4],
        ['set', pmd(page), HUGE, 5],
        ['set', at.lock(page), 0, END],
      ]);
    },
    H(cpu: number): Steps<void> {
      const lines: Line[] = [];
      for (let k = 0; k < size.accesses; k++) {
        const page = (cpu + k) % size.pages;
        const l = 7 * k;
        const next = k + 1 < size.accesses ? l + 7 : END;
        lines.push(
          ['access', cpu, page, next, l + 1],
          ['branch', pmd(page), l + 6, l + 2, l + 6, l + 3],
          ['fill', cpu, page, 1, next],
          ['branch', pte(page), l + 5, l + 4],
          ['fill', cpu, page, 2, next],
          ['set', at.busy(cpu), 0, next],
          ['set', at.busy(cpu), 0, next],
        );
      }
      return follow(lines);
    },
  };
  return programOf(size, at, body);
}

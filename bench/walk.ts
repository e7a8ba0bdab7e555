/**
 * How many translations per second does the walker make, generated and as specified?
 *
 * One region of 64 MiB of small pages, walked in a fixed pseudo-random order, so that neither the tables nor the branch
 * predictor of the host see a pattern. Both forms must give the same sum of physical addresses before they are timed.
 */
import Benchmark from 'benchmark';
import {
  type Arch,
  PhysicalMemory,
  R_PA_HI,
  R_PA_LO,
  accessNumber,
  backend,
  compileWalker,
  frameAddress,
  seeded,
  table,
  walk,
} from 'ptemu';

const PAGES = 16384;
const WALKS = 4096;
const BASE = 0x4000_0000;
const SEED = 1;
const LOAD = { kind: 'read', mode: 'user' } as const;

interface Mapped {
  readonly arch: Arch;
  readonly memory: PhysicalMemory;
  readonly root: bigint;
  readonly addresses: readonly number[];
}

/** Maps the region through four levels of tables. */
function map(): Mapped {
  const arch = backend('x86_64', { kernel: '6.12' });
  const memory = new PhysicalMemory({ firstFrame: 0x100 });
  const frame = (use: string): bigint => frameAddress(memory, memory.allocateFrame(use));
  const [root, pud, pmd] = [frame('pgd'), frame('pud'), frame('pmd')];
  memory.store(root, arch.p4d.p4d_populate?.(pud) ?? 0n);
  memory.store(pud + 8n * BigInt(BASE / 2 ** 30), arch.pud.pud_populate?.(pmd) ?? 0n);
  const prot = arch.prot.vm_get_page_prot({ read: true, write: true, exec: false, shared: false });
  for (let page = 0; page < PAGES; page += 512) {
    const pte = frame('pte');
    memory.store(pmd + BigInt(page / 64), arch.pmd.pmd_populate(pte));
    for (let i = 0; i < 512; i++) {
      const entry = arch.pte.pte_mkyoung(arch.pte.pfn_pte(0x10_0000 + page + i, prot));
      memory.store(pte + BigInt(8 * i), entry);
    }
  }
  const random = seeded(SEED);
  const addresses = Array.from({ length: WALKS }, () => BASE + 4096 * random(PAGES));
  return { arch, memory, root, addresses };
}

/** Returns the table of results. */
export function main(): string {
  const { arch, memory, root, addresses } = map();
  const mmu = arch.mmuOf();
  const fast = compileWalker(mmu);
  const access = accessNumber(LOAD);
  const rootLo = Number(root);
  const cases = [
    {
      name: 'generated, on pairs',
      run: (): number => {
        let sum = 0;
        for (const va of addresses) {
          fast.walk(memory, rootLo, 0, va, 0, access);
          sum += (fast.result[R_PA_HI] ?? 0) * 2 ** 32 + (fast.result[R_PA_LO] ?? 0);
        }
        return sum;
      },
    },
    {
      name: 'as specified, on bigint',
      run: (): number => {
        let sum = 0;
        for (const va of addresses) {
          const found = walk(memory, mmu, root, BigInt(va), LOAD);
          sum += found.kind === 'mapped' ? Number(found.paddr) : NaN;
        }
        return sum;
      },
    },
  ];
  const sums = new Set(cases.map(({ run }) => run()));
  if (sums.size !== 1 || sums.has(NaN)) throw new Error('the two walkers disagree');

  const rows = cases.map(({ name, run }) => {
    const bench = new Benchmark(name, run).run();
    const perSecond = bench.hz * WALKS;
    return [
      name,
      (perSecond / 1e6).toFixed(2),
      `±${bench.stats.rme.toFixed(1)}%`,
      String(bench.stats.sample.length),
    ];
  });
  return [
    `Node ${process.version}, x86_64 with 4 levels, ${PAGES} pages of 4K, ${WALKS} walks a run, seed ${SEED}`,
    '',
    table(['walker', 'million walks/s', 'error', 'samples'], rows, {
      align: ['left', 'right', 'right', 'right'],
    }),
  ].join('\n');
}

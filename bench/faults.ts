/**
 * How many minor page faults per second does mm's fault path handle in direct mode, beside the real kernel of this machine?
 *
 * Both touch every page of a fresh anonymous mapping once, in ascending order: the emulator by `DirectProcess.faultIn`, which
 * fills real page tables, the kernel by a C loop. The kernel also clears the page, which the emulator has none of: so the
 * comparison says whether the emulator can keep up with a real process, not which is the better code. CPU time of either, user
 * and system; the two take turns, and medians are compared. Before anything is timed the tables must translate every page.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Arch, DirectProcess, backend, table, walk } from 'ptemu';

const PAGES = 65_536;
const ROUNDS = 9;
const START = 0x4000_0000;
const ACCESS = { kind: 'write', mode: 'user' } as const;

interface Case {
  readonly name: string;
  /** One round: faults handled, and seconds of CPU time. */
  readonly run: () => { readonly faults: number; readonly seconds: number };
}

/** Touches every page of a new process. */
function touchAll(arch: Arch, thp: boolean): { process: DirectProcess; faults: number; seconds: number } {
  const { PAGE_SIZE } = arch.layoutOf();
  const target = new DirectProcess(arch);
  target.mmap({ start: BigInt(START), bytes: BigInt(PAGES * PAGE_SIZE), write: true, thp });
  let faults = 0;
  const start = process.cpuUsage();
  for (let page = 0; page < PAGES; page++) {
    if (target.faultIn(START + page * PAGE_SIZE) !== 'mapped') faults++;
  }
  const { user, system } = process.cpuUsage(start);
  return { process: target, faults, seconds: (user + system) / 1e6 };
}

/** Throws unless the walker translates every page to a frame of its own, and the counters say so. */
function verify(arch: Arch, thp: boolean): void {
  const { PAGE_SIZE } = arch.layoutOf();
  const { process: target, faults } = touchAll(arch, thp);
  const expected = thp ? PAGES / arch.layoutOf().HPAGE_PMD_NR : PAGES;
  if (target.rss !== PAGES || faults !== expected)
    throw new Error(`${arch.name}: ${faults} faults, rss ${target.rss}`);
  const seen = new Set<bigint>();
  const mmu = arch.mmuOf();
  for (let page = 0; page < PAGES; page++) {
    const va = BigInt(START + page * PAGE_SIZE);
    const result = walk(target.memory, mmu, target.root, va, ACCESS);
    if (result.kind !== 'mapped') throw new Error(`${arch.name}: 0x${va.toString(16)} is not mapped`);
    seen.add(result.paddr);
  }
  if (seen.size !== PAGES) throw new Error(`${arch.name}: two pages share a frame`);
}

const emulated = (name: string, arch: Arch, thp: boolean): Case => {
  verify(arch, thp);
  return { name, run: () => touchAll(arch, thp) };
};

/** The C loop, built anew; undefined where there is no gcc. */
function kernelLoop(directory: string): string | undefined {
  const here = fileURLToPath(new URL('.', import.meta.url));
  const source = [join(here, 'c/faults.c'), join(here, '../c/faults.c')].find((file) => existsSync(file));
  if (source === undefined) return undefined;
  const program = join(directory, 'faults');
  try {
    execFileSync('gcc', ['-O2', '-Wall', '-o', program, source], { stdio: 'ignore' });
    return program;
  } catch {
    return undefined;
  }
}

const real = (name: string, program: string, kind: readonly string[]): Case => ({
  name,
  run: () => {
    const line = execFileSync(program, [String(PAGES), '1', ...kind], { encoding: 'utf8' });
    const [faults = NaN, nanoseconds = NaN] = line.trim().split(' ').map(Number);
    return { faults, seconds: nanoseconds / 1e9 };
  },
});

/** Pages touched, and faults handled, per second of CPU time: medians of rounds in which every case has its turn. */
function interleaved(cases: readonly Case[]): readonly { readonly pages: number; readonly faults: number }[] {
  for (const { run } of cases) run();
  const rounds = cases.map((): { faults: number; seconds: number }[] => []);
  for (let round = 0; round < ROUNDS; round++) cases.forEach(({ run }, i) => rounds[i]?.push(run()));
  return rounds.map((each) => {
    const { faults, seconds } = [...each].sort((a, b) => a.seconds - b.seconds)[(ROUNDS - 1) / 2] ?? {
      faults: NaN,
      seconds: NaN,
    };
    return { pages: PAGES / seconds, faults: faults / seconds };
  });
}

const rate = (value: number): string => Math.round(value).toLocaleString('en');

/** Returns the table of results. */
export function main(): string {
  const directory = mkdtempSync(join(tmpdir(), 'ptemu-faults-'));
  try {
    const program = kernelLoop(directory);
    const sections = [false, true].map((thp) => {
      const cases = ['x86_64', 'arm64', 's390', 'powerpc', 'arm32'].map((name) =>
        emulated(name, backend(name, { kernel: '6.12' }), thp),
      );
      const kernel =
        program === undefined ? [] : [real('kernel of this machine', program, thp ? ['huge'] : [])];
      const measured = interleaved([...cases, ...kernel]);
      const reference = program === undefined ? undefined : measured.at(-1);
      return [...cases, ...kernel].map(({ name }, i) => [
        thp ? 'huge' : 'small',
        name,
        rate(measured[i]?.faults ?? NaN),
        rate(measured[i]?.pages ?? NaN),
        reference === undefined ? '' : ((measured[i]?.faults ?? NaN) / reference.faults).toFixed(2),
      ]);
    });
    return [
      `Node ${process.version}, kernel 6.12 emulated, ${PAGES} base pages in ascending order, median of ${ROUNDS} rounds of CPU time`,
      ...(program === undefined ? ['no gcc: the kernel of this machine was not measured'] : []),
      '',
      table(['pages', 'case', 'faults/s', 'pages/s', 'faults / kernel'], sections.flat(), {
        align: ['left', 'left', 'right', 'right', 'right'],
      }),
    ].join('\n');
  } finally {
    rmSync(directory, { recursive: true });
  }
}

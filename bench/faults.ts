/**
 * How many minor page faults per second does mm's fault path handle in direct mode, beside the real kernel of this machine?
 *
 * Both touch pages of a fresh anonymous mapping once, in ascending order: the emulator by `DirectProcess.faultIn`, which
 * fills real page tables, the kernel by a C loop. The kernel also clears the page, which the emulator has none of: so the
 * comparison says whether the emulator can keep up with a real process, not which is the better code. CPU time of either, user
 * and system; the two take turns, and medians are compared. Before anything is timed the tables must translate every page.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Arch, DirectProcess, backend, median, table, walk } from 'ptemu';

const PAGES = 65_536;
const SPARSE_PAGES = 4096;
const ROUNDS = 9;
const START = 0x4000_0000;
const ACCESS = { kind: 'write', mode: 'user' } as const;

/** Every page in turn, mapped small or huge; or one page of each pte table. */
const KINDS = ['small', 'huge', 'sparse'] as const;
type Kind = (typeof KINDS)[number];

const pagesOf = (kind: Kind): number => (kind === 'sparse' ? SPARSE_PAGES : PAGES);

/** Bytes from one touched page to the next: a page, or what a pte table maps. */
function strideOf(arch: Arch, kind: Kind): number {
  const { PAGE_SIZE, levels } = arch.layoutOf();
  return kind === 'sparse' ? PAGE_SIZE * (levels.at(-1)?.entries ?? 1) : PAGE_SIZE;
}

interface Case {
  readonly name: string;
  /** One round: faults handled, and seconds of CPU time. */
  readonly run: () => { readonly faults: number; readonly seconds: number };
}

/** Touches the pages of a new process. */
function touchAll(arch: Arch, kind: Kind): { process: DirectProcess; faults: number; seconds: number } {
  const stride = strideOf(arch, kind);
  const pages = pagesOf(kind);
  const target = new DirectProcess(arch);
  target.mmap({ start: BigInt(START), bytes: BigInt(pages * stride), write: true, thp: kind === 'huge' });
  let faults = 0;
  const start = process.cpuUsage();
  for (let page = 0; page < pages; page++) {
    if (target.faultIn(START + page * stride) !== 'mapped') faults++;
  }
  const { user, system } = process.cpuUsage(start);
  return { process: target, faults, seconds: (user + system) / 1e6 };
}

/** Throws unless the walker translates every page to a frame of its own, and the counters say so. */
function verify(arch: Arch, kind: Kind): void {
  const stride = strideOf(arch, kind);
  const pages = pagesOf(kind);
  const mmu = arch.mmuOf();
  const { process: target, faults } = touchAll(arch, kind);
  const expected = kind === 'huge' ? pages / arch.layoutOf().HPAGE_PMD_NR : pages;
  if (target.rss !== pages || faults !== expected) {
    throw new Error(`${arch.name}: ${faults} faults, rss ${target.rss}`);
  }
  const seen = new Set<bigint>();
  for (let page = 0; page < pages; page++) {
    const va = BigInt(START + page * stride);
    const result = walk(target.memory, mmu, target.root, va, ACCESS);
    if (result.kind !== 'mapped') throw new Error(`${arch.name}: 0x${va.toString(16)} is not mapped`);
    seen.add(result.paddr);
  }
  if (seen.size !== pages) throw new Error(`${arch.name}: two pages share a frame`);
}

function emulated(name: string, kind: Kind): readonly Case[] {
  const arch = backend(name, { kernel: '6.12' });
  // 32-bit addresses end before that.
  if (BigInt(START + pagesOf(kind) * strideOf(arch, kind)) > arch.layoutOf().TASK_SIZE) return [];
  verify(arch, kind);
  return [{ name, run: () => touchAll(arch, kind) }];
}

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

const real = (name: string, program: string, kind: Kind): Case => ({
  name,
  run: () => {
    const line = execFileSync(program, [String(pagesOf(kind)), '1', kind], { encoding: 'utf8' });
    const [faults = NaN, nanoseconds = NaN] = line.trim().split(' ').map(Number);
    return { faults, seconds: nanoseconds / 1e9 };
  },
});

/** Faults handled per second of CPU time: medians of rounds in which every case has its turn. */
function interleaved(cases: readonly Case[]): readonly number[] {
  for (const { run } of cases) run();
  const rates = cases.map((): number[] => []);
  for (let round = 0; round < ROUNDS; round++) {
    cases.forEach(({ run }, i) => {
      const { faults, seconds } = run();
      rates[i]?.push(faults / seconds);
    });
  }
  return rates.map((each) => median(each));
}

const rate = (value: number): string => Math.round(value).toLocaleString('en');

/** Returns the table of results. */
export function main(): string {
  const directory = mkdtempSync(join(tmpdir(), 'ptemu-faults-'));
  try {
    const program = kernelLoop(directory);
    const rows = KINDS.flatMap((kind) => {
      const cases = [
        ...['x86_64', 'arm64', 's390', 'powerpc', 'arm32'].flatMap((name) => emulated(name, kind)),
        ...(program === undefined ? [] : [real('kernel of this machine', program, kind)]),
      ];
      const rates = interleaved(cases);
      const reference = program === undefined ? undefined : rates.at(-1);
      return cases.map(({ name }, i) => {
        const ratio = reference === undefined ? '' : ((rates[i] ?? NaN) / reference).toFixed(2);
        return [kind, name, rate(rates[i] ?? NaN), ratio];
      });
    });
    return [
      `Node ${process.version}, kernel 6.12 emulated, median of ${ROUNDS} rounds of CPU time`,
      `small and huge: ${PAGES} base pages in ascending order; sparse: ${SPARSE_PAGES} pages, each in a pte table of its own`,
      ...(program === undefined ? ['no gcc: the kernel of this machine was not measured'] : []),
      '',
      table(['pages', 'case', 'faults/s', 'faults / kernel'], rows, {
        align: ['left', 'left', 'right', 'right'],
      }),
    ].join('\n');
  } finally {
    rmSync(directory, { recursive: true });
  }
}

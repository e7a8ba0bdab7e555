/** truth.json.gz: what the kernel and QEMU said about the same addresses at the moment of the capture. */
import type { CaptureMeta } from './meta.js';
import { type MapsVma, vmaAt } from './maps.js';
import { Reader } from './values.js';

/** Pages that follow each other: page i has the pagemap value `pagemap + i * delta`. */
export interface PageRun {
  readonly va: bigint;
  readonly nrPages: number;
  readonly pagemap: bigint;
  readonly delta: bigint;
  readonly kpageflags: bigint;
}

/** What QEMU's `gva2gpa` answered: an address, or undefined for unmapped. */
export interface GvaAnswer {
  readonly va: bigint;
  readonly gpa: bigint | undefined;
}

/** What smaps said of a VMA, in bytes. */
export interface SmapsVma {
  readonly start: bigint;
  readonly fields: Readonly<Record<string, number>>;
}

/** A range that PAGEMAP_SCAN reported as huge. */
export interface ScanRange {
  readonly start: bigint;
  readonly end: bigint;
}

/** What truth.json.gz says. */
export interface Truth {
  readonly runs: readonly PageRun[];
  readonly gvaUser: readonly GvaAnswer[];
  readonly gvaKernel: readonly GvaAnswer[];
  readonly smaps: readonly SmapsVma[];
  readonly scanHuge: readonly ScanRange[];
  readonly kallsyms: readonly string[];
  readonly iomem: readonly string[];
}

const RUNS_MAX = 2 ** 22;
const PAGES_MAX = 2 ** 24;
const ANSWERS_MAX = 2 ** 22;

const reader = new Reader('truth.json.gz', 'BAD_TRUTH');

/** Reads the truth. Runs must lie within VMAs, so that the pages to check are bounded by maps.txt. */
export function parseTruth(json: unknown, meta: CaptureMeta, vmas: readonly MapsVma[]): Truth {
  const truth = reader.object('truth', json);
  const runs = reader.array('runs', truth['runs'], RUNS_MAX).map((value, i) => runOf(value, i, meta, vmas));
  noOverlap(runs, meta);
  return {
    runs,
    gvaUser: answers('gva2gpa_user', truth['gva2gpa_user'] ?? {}),
    gvaKernel: answers('gva2gpa_kernel', truth['gva2gpa_kernel'] ?? {}),
    smaps: smapsOf(truth['smaps_huge'] ?? {}),
    scanHuge: reader
      .array('pagemap_scan_huge', truth['pagemap_scan_huge'] ?? [], RUNS_MAX)
      .map((value, i) => scanOf(value, i, vmas)),
    kallsyms: lines('kallsyms', truth['kallsyms']),
    iomem: lines('iomem', truth['iomem']),
  };
}

function runOf(value: unknown, i: number, meta: CaptureMeta, vmas: readonly MapsVma[]): PageRun {
  const run = reader.object(`runs[${i}]`, value);
  const va = reader.hex(`runs[${i}].va`, run['va']);
  const nrPages = reader.integer(`runs[${i}].n`, run['n'], 1, PAGES_MAX);
  const end = va + BigInt(nrPages) * BigInt(meta.pageSize);
  if (va % BigInt(meta.pageSize) !== 0n || !covered(vmas, va, end))
    throw reader.fail(`runs[${i}]`, { va: run['va'], n: nrPages }, 'pages of VMAs in maps.txt');
  return {
    va,
    nrPages,
    pagemap: reader.hex(`runs[${i}].pagemap`, run['pagemap']),
    delta: BigInt(reader.integer(`runs[${i}].delta`, run['delta'], -PAGES_MAX, PAGES_MAX)),
    kpageflags: reader.hex(`runs[${i}].kpageflags`, run['kpageflags'] ?? '0'),
  };
}

/** Whether VMAs without a gap between them cover [start, end). */
function covered(vmas: readonly MapsVma[], start: bigint, end: bigint): boolean {
  const vma = vmaAt(vmas, start);
  if (vma === undefined) return false;
  let reached = vma.end;
  for (let i = vmas.indexOf(vma) + 1; reached < end && vmas[i]?.start === reached; i++)
    reached = vmas[i]!.end;
  return reached >= end;
}

function noOverlap(runs: readonly PageRun[], meta: CaptureMeta): void {
  let end = 0n;
  for (const [i, run] of runs.entries()) {
    if (run.va < end)
      throw reader.fail(`runs[${i}].va`, run.va.toString(16), 'runs that ascend and do not overlap');
    end = run.va + BigInt(run.nrPages) * BigInt(meta.pageSize);
  }
}

function answers(where: string, value: unknown): readonly GvaAnswer[] {
  const entries = Object.entries(reader.object(where, value));
  if (entries.length > ANSWERS_MAX)
    throw reader.fail(`length of ${where}`, entries.length, `at most ${ANSWERS_MAX}`);
  return entries.map(([va, gpa]) => ({
    va: reader.hex(`a key of ${where}`, va),
    gpa: gpa === null ? undefined : reader.hex(`${where}[${va}]`, gpa),
  }));
}

function smapsOf(value: unknown): readonly SmapsVma[] {
  return Object.entries(reader.object('smaps_huge', value)).map(([start, fields]) => ({
    start: reader.hex('a key of smaps_huge', start),
    fields: Object.fromEntries(
      Object.entries(reader.object(`smaps_huge[${start}]`, fields)).map(([name, bytes]) => [
        name,
        reader.integer(`smaps_huge[${start}].${name}`, bytes, 0, Number.MAX_SAFE_INTEGER),
      ]),
    ),
  }));
}

function scanOf(value: unknown, i: number, vmas: readonly MapsVma[]): ScanRange {
  const range = reader.array(`pagemap_scan_huge[${i}]`, value, 8);
  const start = reader.hex(`pagemap_scan_huge[${i}][0]`, range[0]);
  const end = reader.hex(`pagemap_scan_huge[${i}][1]`, range[1]);
  if (start >= end || !covered(vmas, start, end))
    throw reader.fail(`pagemap_scan_huge[${i}]`, value, 'a range of VMAs in maps.txt');
  return { start, end };
}

const lines = (where: string, value: unknown): readonly string[] =>
  reader.array(where, value ?? [], ANSWERS_MAX).map((line, i) => reader.string(`${where}[${i}]`, line));

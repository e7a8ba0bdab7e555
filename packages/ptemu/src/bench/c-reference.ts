/**
 * The C program that translation and table building are measured against: compiled once per run with `gcc -O3`, where there is
 * a gcc, and started anew for each measurement.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What one run over a trace counted. */
export interface ReferenceRun {
  /** Nanoseconds of CPU time. */
  readonly ns: number;
  readonly l1d: number;
  readonly l2: number;
  readonly walks: number;
  readonly rewalks: number;
  readonly recorded: number;
  readonly faults: number;
  readonly sumLo: number;
  readonly sumHi: number;
}

/** What pages read and invalidated in turn counted. */
export interface ReferenceFlush {
  /** Nanoseconds of CPU time. */
  readonly ns: number;
  readonly l1d: number;
  readonly l2: number;
  readonly walks: number;
  /** Entries that invalidations dropped, in both levels. */
  readonly dropped: number;
}

/** The compiled program; `close` removes it and its files. */
export interface CReference {
  /** Writes a trace where `run` finds it; the one before is gone. */
  trace(words: Uint32Array): void;
  /** Translates the trace over so many mapped pages of 4 KiB. */
  run(pages: number): ReferenceRun;
  /** Builds tables of pages that lie `stride` bytes apart. */
  build(pages: number, stride: number): { readonly ns: number; readonly tables: number };
  /** Reads pages and invalidates each of them, again and again. */
  flush(pages: number, rounds: number): ReferenceFlush;
  close(): void;
}

/** Compiles the reference; undefined where there is no gcc, or it cannot compile. */
export function compileReference(compiler = 'gcc'): CReference | undefined {
  const source = sourcePath();
  if (source === undefined) return undefined;
  const folder = mkdtempSync(join(tmpdir(), 'ptemu-bench-'));
  const program = join(folder, 'tlb-reference');
  const file = join(folder, 'trace');
  const { status } = spawnSync(compiler, ['-O3', '-o', program, source], { stdio: 'ignore' });
  if (status !== 0) {
    rmSync(folder, { recursive: true, force: true });
    return undefined;
  }
  const ask = (...words: readonly (string | number)[]): number[] =>
    execFileSync(program, words.map(String), { encoding: 'utf8' }).trim().split(' ').map(Number);
  return {
    trace: (words) => writeFileSync(file, Buffer.from(words.buffer, words.byteOffset, words.byteLength)),
    run: (pages) => {
      const [ns, l1d, l2, walks, rewalks, recorded, faults, sumLo, sumHi] = ask('run', file, pages);
      return { ns, l1d, l2, walks, rewalks, recorded, faults, sumLo, sumHi } as ReferenceRun;
    },
    build: (pages, stride) => {
      const [ns = 0, tables = 0] = ask('build', pages, stride);
      return { ns, tables };
    },
    flush: (pages, rounds) => {
      const [ns = 0, l1d = 0, l2 = 0, walks = 0, dropped = 0] = ask('flush', pages, rounds);
      return { ns, l1d, l2, walks, dropped };
    },
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** The source lies in the package's bin/: one folder up from the bundle, two from this file. */
const sourcePath = (): string | undefined =>
  ['../bin/tlb-reference.c', '../../bin/tlb-reference.c']
    .map((path) => fileURLToPath(new URL(path, import.meta.url)))
    .find((path) => existsSync(path));

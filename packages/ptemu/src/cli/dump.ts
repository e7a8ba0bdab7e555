import { type AddressSplit, hex } from '@ptemu/arch';
import type { CaptureView, LinuxState, RootName } from '@ptemu/capture';
import type { WalkResult } from '@ptemu/hw';
import { openCaptureView, parseRoot } from './capture-input.js';
import { title } from './decode.js';
import { EXIT, type ExitCode, type Io } from './io.js';
import { jsonLine } from './json.js';
import { linuxText, lookUp, permissionText } from './walk.js';
import { sizeText } from '../walker-says.js';

/** Options of `ptemu dump`. */
export interface DumpOptions {
  readonly root?: string;
  readonly json?: boolean;
}

/** Tables that point at themselves map every address; nobody wants to read that. */
const ENTRIES_MAX = 8_000_000;

/** `ptemu dump CAPTURE`: every mapped or swapped range of a tree, with equal neighbours joined. */
export function dumpCommand(path: string, options: DumpOptions, io: Io): ExitCode {
  const root = parseRoot(options.root);
  const view = openCaptureView(path);
  if (options.json !== true) io.stdout(`${view.capture.meta.name}: ${title(view.arch)}, ${root} root\n`);
  let run: Run | undefined;
  let vma = '';
  let entries = 0;
  const flush = (): void => {
    if (run !== undefined) io.stdout(options.json === true ? jsonLine(runJson(run)) : runText(run));
    run = undefined;
  };
  for (const range of rangesOf(view, root)) {
    for (let va = range.start; va < range.end;) {
      if (++entries > ENTRIES_MAX) {
        flush();
        io.stderr(
          `ptemu: stopped after ${ENTRIES_MAX} entries, at ${hex(va)}; the tables may point at themselves\n`,
        );
        return EXIT.bound;
      }
      const linux = view.linux(va, root);
      const end = linux.end < range.end ? linux.end : range.end;
      if (linux.kind !== 'none') {
        const next: Run = { start: va, end, linux, mmu: lookUp(view, va, root), count: 1 };
        if (options.json !== true && vma !== range.name) {
          flush();
          io.stdout(`\n${range.name}\n`);
          vma = range.name;
        }
        if (run === undefined || !joins(run, next)) flush();
        run = run === undefined ? next : { ...run, end, count: run.count + 1 };
      } else flush();
      va = end > va ? end : range.end;
    }
    flush();
  }
  return EXIT.expected;
}

/** Adjacent entries that say the same of consecutive frames. */
interface Run {
  readonly start: bigint;
  readonly end: bigint;
  readonly linux: LinuxState;
  readonly mmu: WalkResult | undefined;
  readonly count: number;
}

function joins(run: Run, next: Run): boolean {
  const bytes = next.start - run.start;
  if (run.end !== next.start || run.linux.kind !== next.linux.kind || run.linux.level !== next.linux.level)
    return false;
  if (next.linux.kind === 'swap' || next.linux.kind === 'bad' || next.linux.kind === 'hidden') return false;
  const [a, b] = [run.mmu, next.mmu];
  if (a === undefined || b === undefined) return run.linux.entry === next.linux.entry;
  if (a.kind === 'mapped' && b.kind === 'mapped') {
    return (
      b.paddr - a.paddr === bytes &&
      a.size === b.size &&
      permissionText(a.permissions) === permissionText(b.permissions)
    );
  }
  return (
    a.kind === 'fault' && b.kind === 'fault' && a.cause === b.cause && run.linux.entry === next.linux.entry
  );
}

function runText({ start, end, linux, mmu, count }: Run): string {
  const range = `  ${hex(start)}-${hex(end)}`;
  const times = count === 1 ? '' : ` x${count}`;
  if (mmu?.kind === 'mapped') {
    const size = sizeText(mmu.size.toString(2).length - 1);
    return `${range} ${linux.level} ${size}${times} ${permissionText(mmu.permissions)} -> ${hex(mmu.paddr, 4)}\n`;
  }
  const fault = mmu === undefined ? '' : `, mmu: ${mmu.cause}`;
  return `${range} ${linux.level}${times} ${hex(linux.entry)} ${linuxText(linux)}${fault}\n`;
}

function runJson({ start, end, linux, mmu, count }: Run): Readonly<Record<string, unknown>> {
  const mapped = mmu?.kind === 'mapped';
  return {
    va: start,
    end,
    entries: count,
    level: linux.level,
    entry: linux.entry,
    linux: linux.kind,
    ...(linux.kind === 'present' && { pfn: linux.pfn }),
    ...(linux.kind === 'swap' && { type: linux.type, offset: linux.offset }),
    ...(mapped
      ? { pa: mmu.paddr, size: Number(mmu.size), permissions: mmu.permissions }
      : { fault: mmu === undefined ? 'not-walked' : mmu.cause }),
  };
}

interface Range {
  readonly start: bigint;
  readonly end: bigint;
  readonly name: string;
}

/** The user's tree by VMA, the kernel's as a whole. */
function rangesOf(view: CaptureView, root: RootName): readonly Range[] {
  if (root === 'user') {
    return view.capture.vmas.map(({ start, end, read, write, exec, shared, name }) => {
      const access = `${read ? 'r' : '-'}${write ? 'w' : '-'}${exec ? 'x' : '-'}${shared ? 's' : 'p'}`;
      return { start, end, name: `${hex(start)}-${hex(end)} ${access} ${name}`.trimEnd() };
    });
  }
  return [{ ...kernelRange(view.roots.kernel.mmu.split, view.arch.layoutOf().vaBits), name: 'kernel' }];
}

function kernelRange(split: AddressSplit, vaBits: number): { readonly start: bigint; readonly end: bigint } {
  const top = 1n << 64n;
  switch (split.kind) {
    case 'sign-extended':
      return { start: top - (1n << BigInt(split.bits - 1)), end: top };
    case 'two-halves':
      return { start: top - (1n << BigInt(split.kernelBits)), end: top };
    case 'quadrants':
      return { start: 3n << 62n, end: (3n << 62n) + (1n << BigInt(Math.min(vaBits, 62))) };
    case 'limit':
      return { start: 0n, end: 1n << BigInt(split.bits) };
  }
}

import { hex } from '@ptemu/arch';
import type { CaptureView, LinuxState, RootName } from '@ptemu/capture';
import type { Permissions, WalkResult } from '@ptemu/hw';
import { sizeText } from '../walker-says.js';
import { openCaptureView, parseRoot } from './capture-input.js';
import { title } from './decode.js';
import { parseHex } from './input.js';
import { EXIT, type ExitCode, type Io } from './io.js';
import { jsonLine } from './json.js';

/** Options of `ptemu walk`. */
export interface WalkOptions {
  readonly root?: string;
  readonly json?: boolean;
}

/** `ptemu walk CAPTURE VA...`: what the MMU does with each address, and what Linux calls it. */
export function walkCommand(path: string, texts: readonly string[], options: WalkOptions, io: Io): ExitCode {
  const root = parseRoot(options.root);
  const addresses = texts.map((text) => parseHex(text, 'address'));
  const view = openCaptureView(path);
  if (options.json !== true) io.stdout(`${view.capture.meta.name}: ${title(view.arch)}, ${root} root\n`);
  for (const va of addresses) {
    const mmu = lookUp(view, va, root);
    const linux = view.linux(va, root);
    io.stdout(options.json === true ? jsonLine(walkJson(va, mmu, linux)) : `\n${walkText(va, mmu, linux)}`);
  }
  return EXIT.expected;
}

/** The walk of a load; in the mode that the root belongs to. */
export function lookUp(view: CaptureView, va: bigint, root: RootName): WalkResult | undefined {
  if (view.roots[root].mmu.kind === 'hash') return undefined;
  return view.mmu(va, { root, access: { kind: 'read', mode: root } });
}

/** One address as `--json` prints it. */
export function walkJson(
  va: bigint,
  mmu: WalkResult | undefined,
  linux: LinuxState,
): Readonly<Record<string, unknown>> {
  const { kind, level, entry, entryPaddr } = linux;
  return {
    va,
    ...outcome(mmu),
    entries: mmu?.entries ?? [],
    linux: {
      kind,
      level,
      entry,
      entryPaddr,
      ...(linux.kind === 'present' && { pfn: linux.pfn }),
      ...(linux.kind === 'swap' && { type: linux.type, offset: linux.offset }),
      ...(linux.kind === 'bad' && { why: linux.why }),
    },
  };
}

function outcome(mmu: WalkResult | undefined): Readonly<Record<string, unknown>> {
  if (mmu === undefined) return { fault: 'not-walked', size: null, level: null };
  if (mmu.kind === 'fault') {
    return { fault: mmu.cause, size: null, level: mmu.level };
  }
  return { pa: mmu.paddr, size: Number(mmu.size), level: mmu.level, permissions: mmu.permissions };
}

function walkText(va: bigint, mmu: WalkResult | undefined, linux: LinuxState): string {
  const lines = [hex(va)];
  for (const { level, entryPaddr, entry } of mmu?.entries ?? []) {
    lines.push(`  ${level.padEnd(5)} ${hex(entry)} at ${hex(entryPaddr, 4)}`);
  }
  lines.push(`  mmu   ${mmuText(mmu)}`, `  linux ${linuxText(linux)}`);
  return `${lines.join('\n')}\n`;
}

/** What the MMU does, in words. */
export function mmuText(mmu: WalkResult | undefined): string {
  if (mmu === undefined) return 'does not walk these tables: it looks in the hash table';
  if (mmu.kind === 'fault') return `fault: ${mmu.cause} at ${mmu.level}`;
  const size = sizeText(mmu.size.toString(2).length - 1);
  return `${hex(mmu.paddr, 4)}, ${size} page (${mmu.level}), ${permissionText(mmu.permissions)}`;
}

/** `r`, `w`, `x` as the entry allows them, `u` where the user may. */
export const permissionText = (may: Permissions): string =>
  `${may.read ? 'r' : '-'}${may.write ? 'w' : '-'}${may.exec || may.kernelExec ? 'x' : '-'}${may.user ? 'u' : '-'}`;

/** What Linux calls an entry, in words. */
export function linuxText(linux: LinuxState): string {
  switch (linux.kind) {
    case 'present':
      return `present, pfn ${hex(linux.pfn, 4)} (${linux.level})`;
    case 'swap':
      return `swap type ${linux.type} offset ${hex(linux.offset, 4)} (${linux.level})`;
    case 'bad':
      return `bad: ${linux.why} (${linux.level})`;
    case 'none':
      return `none (${linux.level})`;
    case 'hidden':
      return `hidden: not none, not present, no swap entry at ${linux.level}`;
  }
}

import { hex } from '@ptemu/arch';
import { type CaptureView, type LinuxJson, type RootName, type WalkJson, walkToJson } from '@ptemu/capture';
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
  if (options.json !== true) io.stdout(`${captureTitle(view, root)}\n`);
  for (const va of addresses) {
    const found = walkToJson(view, va, { root, access: { kind: 'read', mode: root } });
    io.stdout(options.json === true ? jsonLine(flat(view, found)) : `\n${walkText(view, found)}`);
  }
  return EXIT.expected;
}

/** First line of what is printed about a capture. */
export function captureTitle(view: CaptureView, root: RootName): string {
  const hash =
    view.roots[root].mmu.kind === 'hash'
      ? '; the hardware looks in the hash table, a cache of this tree'
      : '';
  return `${view.capture.meta.name}: ${title(view.arch)}, ${root} root${hash}`;
}

/** One address as `--json` prints it: `pa` or `fault` on top; on s390 `pa` is the absolute address. */
function flat(
  view: CaptureView,
  { va, root, mmu, entries, linux }: WalkJson,
): Readonly<Record<string, unknown>> {
  const found =
    mmu.kind === 'mapped'
      ? {
          pa: view.absolute(BigInt(mmu.pa)),
          size: Number(mmu.size),
          level: mmu.level,
          permissions: mmu.permissions,
        }
      : { fault: mmu.cause, size: null, level: mmu.level, permissions: mmu.permissions ?? null };
  return { va, root, ...found, mmu: view.roots[root].mmu.kind, entries, linux };
}

function walkText(view: CaptureView, { va, mmu, entries, linux }: WalkJson): string {
  const lines = [
    va,
    ...entries.map((entry) => `  ${entry.level.padEnd(5)} ${entry.entry} at ${entry.entryPaddr}`),
  ];
  const says =
    mmu.kind === 'fault'
      ? `fault: ${mmu.cause} at ${mmu.level}`
      : `${hex(view.absolute(BigInt(mmu.pa)))}, ${bytesText(mmu.size)} page (${mmu.level}), ${mmu.permissions}`;
  return `${[...lines, `  mmu   ${says}`, `  linux ${linuxText(linux)}`].join('\n')}\n`;
}

const bytesText = (size: string): string => sizeText(BigInt(size).toString(2).length - 1);

function linuxText(linux: LinuxJson): string {
  const flags = (linux.flags ?? []).join(' ');
  switch (linux.kind) {
    case 'present':
      return `present at ${linux.level}, pfn ${linux.pfn ?? ''} ${flags}`.trimEnd();
    case 'swap':
      return `swap at ${linux.level}, type ${linux.swapType ?? ''} offset ${linux.swapOffset ?? ''} ${flags}`.trimEnd();
    case 'bad':
      return `bad at ${linux.level}: ${linux.why ?? ''}`;
    case 'none':
      return `none at ${linux.level}`;
    case 'hidden':
      return `hidden at ${linux.level}: not none, not present, no swap entry`;
  }
}

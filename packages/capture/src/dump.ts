/** All mappings of a root as ranges, and single addresses as plain objects: what the command line prints. */
import { type Level, hex } from '@ptemu/arch';
import type { Permissions, WalkResult } from '@ptemu/hw';
import { describe } from './check-pagemap.js';
import { entryTests } from './entry-tests.js';
import type { LinuxState } from './linux.js';
import type { CaptureView, MmuQuery, Root, RootName } from './view.js';

/** One entry of a walk, as text. */
export interface WalkJsonEntry {
  readonly level: Level;
  readonly entryPaddr: string;
  readonly entry: string;
}

/** What Linux calls an address, as plain values. */
export interface LinuxJson {
  readonly kind: LinuxState['kind'];
  readonly level: Level;
  readonly entry: string;
  /** Frame of the page itself, where it is present. */
  readonly pfn?: string;
  /** Bytes that the entry maps. */
  readonly size?: string;
  readonly swapType?: number;
  readonly swapOffset?: string;
  /** `young`, `dirty`, `write`, `protnone`, `softDirty`, `uffdWp`, as far as they hold. */
  readonly flags?: readonly string[];
  readonly why?: string;
}

/** One address of `ptemu walk`. */
export interface WalkJson {
  readonly va: string;
  readonly root: RootName;
  readonly mmu:
    | { readonly kind: 'mapped'; readonly pa: string; readonly level: Level; readonly size: string; readonly tlbSize: string; readonly permissions: string }
    | { readonly kind: 'fault'; readonly cause: string; readonly level: Level; readonly permissions?: string }; // prettier-ignore
  readonly entries: readonly WalkJsonEntry[];
  readonly linux: LinuxJson;
}

/** One range of `ptemu dump`. */
export interface DumpRange {
  readonly start: string;
  readonly end: string;
  readonly level: Level;
  /** Where the MMU translates the start to; absent where it does not. */
  readonly pa?: string;
  /** `rwxku`: read, write, user fetch, kernel fetch, user mode; a dash for what is denied. */
  readonly permissions?: string;
  readonly linux: LinuxState['kind'];
  readonly pfn?: string;
  readonly swapType?: number;
  readonly swapOffset?: string;
  /** Set on the last range where `tablesMax` ended the dump early. */
  readonly truncated?: true;
}

/** How much a dump reads. */
export interface DumpOptions {
  readonly root?: RootName;
  /** Most tables to read; shared ones count each time. 8192 when left out. */
  readonly tablesMax?: number;
}

const TABLES_MAX = 2 ** 13;

/** What the MMU does with an address and what Linux calls it, as one object for `--json`. */
export function walkToJson(view: CaptureView, va: bigint, query: MmuQuery = {}): WalkJson {
  const root = query.root ?? 'user';
  const result = view.mmu(va, query);
  return {
    va: hex(va),
    root,
    mmu: mmuJson(result),
    entries: result.entries.map(({ level, entryPaddr, entry }) => ({
      level,
      entryPaddr: hex(entryPaddr),
      entry: hex(entry),
    })),
    linux: linuxJson(view, va, view.linux(va, root)),
  };
}

/** The ranges of a root in the order of addresses; neighbours that continue each other are one range. */
export function* dump(view: CaptureView, options: DumpOptions = {}): Generator<DumpRange> {
  const root = view.roots[options.root ?? 'user'];
  let open: OpenRange | undefined;
  for (const state of view.entries(root.name, options.tablesMax ?? TABLES_MAX)) {
    if (state === undefined) {
      if (open !== undefined) yield { ...closed(view, open), truncated: true };
      return;
    }
    const next = rangeOf(view, root, state);
    if (open !== undefined && continues(view, open, next)) open = { ...open, end: next.end };
    else {
      if (open !== undefined) yield closed(view, open);
      open = next;
    }
  }
  if (open !== undefined) yield closed(view, open);
}

interface OpenRange {
  readonly start: bigint;
  readonly end: bigint;
  readonly state: LinuxState;
  readonly mmu: WalkResult | undefined;
}

function rangeOf(view: CaptureView, root: Root, state: LinuxState): OpenRange {
  const start = view.addressIn(root.name, state.start);
  const mmu =
    root.mmu.kind === 'radix'
      ? view.mmu(start, { root: root.name, access: { kind: 'read', mode: 'kernel' }, states: 'ignore' })
      : undefined;
  return { start, end: start + (state.end - state.start), state, mmu };
}

function continues(view: CaptureView, a: OpenRange, b: OpenRange): boolean {
  const bytes = a.end - a.start;
  if (a.end !== b.start || a.state.kind !== b.state.kind || a.state.level !== b.state.level) return false;
  if (a.mmu?.kind !== b.mmu?.kind) return false;
  if (a.mmu?.kind === 'mapped' && b.mmu?.kind === 'mapped') {
    if (a.mmu.paddr + bytes !== b.mmu.paddr) return false;
    if (permissionText(a.mmu.permissions) !== permissionText(b.mmu.permissions)) return false;
  }
  const pages = bytes >> BigInt(view.capture.meta.pageShift);
  if (a.state.kind === 'present' && b.state.kind === 'present') return a.state.pfn + pages === b.state.pfn;
  if (a.state.kind === 'swap' && b.state.kind === 'swap')
    return a.state.type === b.state.type && a.state.offset + pages === b.state.offset;
  return a.state.kind === 'hidden';
}

function closed(view: CaptureView, range: OpenRange): DumpRange {
  const { state, mmu } = range;
  return {
    start: hex(range.start),
    end: hex(range.end),
    level: state.level,
    ...(mmu?.kind === 'mapped' ? { pa: hex(view.absolute(mmu.paddr)) } : {}),
    ...(mmu?.permissions === undefined ? {} : { permissions: permissionText(mmu.permissions) }),
    linux: state.kind,
    ...(state.kind === 'present' ? { pfn: hex(state.pfn, 52) } : {}),
    ...(state.kind === 'swap' ? { swapType: state.type, swapOffset: hex(state.offset, 52) } : {}),
  };
}

function mmuJson(result: WalkResult): WalkJson['mmu'] {
  if (result.kind === 'fault')
    return {
      kind: 'fault',
      cause: result.cause,
      level: result.level,
      ...(result.permissions === undefined ? {} : { permissions: permissionText(result.permissions) }),
    };
  return {
    kind: 'mapped',
    pa: hex(result.paddr),
    level: result.level,
    size: hex(result.size),
    tlbSize: hex(1n << BigInt(result.tlbShift)),
    permissions: permissionText(result.permissions),
  };
}

function linuxJson(view: CaptureView, va: bigint, state: LinuxState): LinuxJson {
  const index = (va - state.start) >> BigInt(view.capture.meta.pageShift);
  const common = { kind: state.kind, level: state.level, entry: hex(state.entry) };
  switch (state.kind) {
    case 'present':
      return {
        ...common,
        pfn: hex(state.pfn + index, 52),
        size: hex(state.end - state.start),
        flags: flagsOf(view, state),
      };
    case 'swap':
      return { ...common, swapType: state.type, swapOffset: hex(state.offset + (state.level === 'pte' ? 0n : index), 52), flags: flagsOf(view, state) }; // prettier-ignore
    case 'bad':
      return { ...common, why: describe(state) };
    default:
      return common;
  }
}

function flagsOf(view: CaptureView, state: LinuxState): readonly string[] {
  const tests = entryTests(view.arch);
  const names = ['young', 'dirty', 'write', 'protnone', 'softDirty', 'uffdWp'] as const;
  return names.filter((name) => tests[name](state));
}

const permissionText = (p: Permissions): string =>
  [p.read && 'r', p.write && 'w', p.exec && 'x', p.kernelExec && 'k', p.user && 'u']
    .map((letter) => letter || '-')
    .join('');

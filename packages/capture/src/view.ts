/** A capture seen through a backend: what the MMU does with an address, and what Linux calls it. */
import { type Arch, ArchError, type Layout, type MmuDescription, __paddr } from '@ptemu/arch';
import {
  type Access,
  type FastWalker,
  type WalkOptions,
  type WalkResult,
  addressHalf,
  compileWalker,
  walk,
} from '@ptemu/hw';
import { CaptureError } from './errors.js';
import { LinuxTree, type LinuxState } from './linux.js';
import { type BackendChoice, type CaptureMeta, register } from './meta.js';
import type { Capture } from './open.js';

/** Makes the backend of a capture: `name` and options are `capture.meta.backend`. The caller knows the backends. */
export type BackendFactory = (name: string, options: BackendChoice['options']) => Arch;

/** Which tables: those in use while the process ran, or those of the kernel. */
export type RootName = 'user' | 'kernel';

/** One tree of the capture. */
export interface Root {
  readonly name: RootName;
  readonly table: bigint;
  readonly mmu: MmuDescription;
  readonly layout: Layout;
  /** Whether an address is translated by this tree: those of the other half are not. */
  readonly contains: (va: bigint) => boolean;
}

/** How `mmu` looks an address up. */
export interface MmuQuery {
  /** `user` when left out. */
  readonly root?: RootName;
  /** A user-mode load when left out. */
  readonly access?: Access;
  /** `report` when left out. */
  readonly states?: WalkOptions['states'];
}

/** A capture with its backend. */
export interface CaptureView {
  readonly capture: Capture;
  readonly arch: Arch;
  readonly roots: Readonly<Record<RootName, Root>>;
  /** What the hardware walker does. With powerpc hash it walks no tables: use `hash`. Never throws. */
  mmu(va: bigint, query?: MmuQuery): WalkResult;
  /** What Linux calls the address in a tree; the user's when left out. Never throws. */
  linux(va: bigint, root?: RootName): LinuxState;
  /** Every entry of a tree that is neither none nor a table; `undefined` last where `tablesMax` was met. */
  entries(root: RootName, tablesMax: number): Generator<LinuxState | undefined>;
  /** The full address of an offset in the tree of a root: sign-extended, in the upper half, or as it is. */
  addressIn(root: RootName, offset: bigint): bigint;
  /** The generated walker of a root. */
  walker(root: RootName): FastWalker;
  /** s390: the absolute address of a real one (prefixing); elsewhere the same address. */
  absolute(real: bigint): bigint;
}

const USER_READ: Access = { kind: 'read', mode: 'user' };

/** Looks at a capture through the backend that it needs. Throws `CaptureError` where no backend fits. */
export function openView(capture: Capture, backend: BackendFactory): CaptureView {
  const { meta, memory } = capture;
  const arch = make(meta, backend);
  const roots: Readonly<Record<RootName, Root>> = {
    user: rootOf('user', meta.rootUser, geometry(arch, meta.levels)),
    kernel: kernelRoot(kernelArch(arch, meta, backend), meta),
  };
  const trees: Partial<Record<RootName, LinuxTree>> = {};
  const walkers: Partial<Record<RootName, FastWalker>> = {};
  const tree = (name: RootName): LinuxTree => {
    const root = roots[name];
    return (trees[name] ??= new LinuxTree(memory, arch, root));
  };
  const prefix = register(meta, 'prefix_inferred');
  return {
    capture,
    arch,
    roots,
    mmu: (va, query = {}) => {
      const root = roots[query.root ?? 'user'];
      if (!root.contains(va))
        return { kind: 'fault', cause: 'non-canonical', level: root.mmu.levels[0]!.level, entries: [] };
      const options = query.states === undefined ? {} : { states: query.states };
      return walk(memory, root.mmu, root.table, va, query.access ?? USER_READ, options);
    },
    linux: (va, name = 'user') => tree(name).at(va),
    entries: (name, tablesMax) => tree(name).entries(tablesMax),
    addressIn: (name, offset) => fullAddress(arch.name, roots[name], offset),
    walker: (name) => (walkers[name] ??= compileWalker(roots[name].mmu)),
    absolute: (real) => (prefix === undefined ? real : prefixed(real, prefix)),
  };
}

/** The backend; options that it does not know are the fault of meta.json. */
function make(meta: CaptureMeta, backend: BackendFactory): Arch {
  try {
    return backend(meta.backend.name, meta.backend.options);
  } catch (error) {
    if (!(error instanceof ArchError)) throw error;
    throw new CaptureError(
      'BAD_META',
      `meta.json: describes no ${meta.backend.name} that we know: ${error.message}`,
    );
  }
}

/** On arm64 the kernel's half may have another number of bits than the user's, and so other levels. */
function kernelArch(arch: Arch, meta: CaptureMeta, backend: BackendFactory): Arch {
  const vaBits = Number(register(meta, 'va_bits_kernel') ?? 0n);
  if (arch.name !== 'arm64' || vaBits === 0 || vaBits === arch.options['vaBits']) return arch;
  return make(
    { ...meta, backend: { ...meta.backend, options: { ...meta.backend.options, vaBits } } },
    backend,
  );
}

function geometry(arch: Arch, levels: number): { readonly mmu: MmuDescription; readonly layout: Layout } {
  return arch.name === 's390'
    ? { mmu: arch.mmuOf({ levels }), layout: arch.layoutOf({ levels }) }
    : { mmu: arch.mmuOf(), layout: arch.layoutOf() };
}

/**
 * The kernel's tree. On arm with TTBCR.T1SZ = 2 the TTBR1 half is 1 GiB, so its walk starts one level down, at a table
 * of the second level: Linux points TTBR1 there. With T1SZ = 1 the table of the first level has two entries.
 * @see Linux arch/arm/include/asm/pgtable-3level-hwdef.h, `TTBR1_OFFSET` (6.1)
 */
function kernelRoot(arch: Arch, meta: CaptureMeta): Root {
  const root = rootOf('kernel', meta.rootKernel, geometry(arch, meta.kernelLevels));
  const t1sz = Number(register(meta, 't1sz') ?? 0n);
  if (t1sz > 7) throw new CaptureError('BAD_META', `meta.json: registers.t1sz is ${t1sz}; expected 0 to 7`);
  if (arch.name !== 'arm32' || t1sz === 0) return root;
  const bits = 32 - t1sz;
  const [top, ...below] = root.mmu.levels.filter(({ indexShift }) => indexShift < bits);
  const levels = root.layout.levels.map((level) =>
    level.shift >= bits
      ? { ...level, folded: true }
      : { ...level, entries: Math.min(level.entries, 2 ** (bits - level.shift)) },
  );
  return {
    ...root,
    mmu: {
      ...root.mmu,
      levels: [{ ...top!, indexBits: Math.min(top!.indexBits, bits - top!.indexShift) }, ...below],
    },
    layout: { ...root.layout, levels, vaBits: bits },
    contains: (va) => va >= (1n << 32n) - (1n << BigInt(bits)) && va >> 32n === 0n,
  };
}

function rootOf(
  name: RootName,
  table: bigint,
  { mmu, layout }: { readonly mmu: MmuDescription; readonly layout: Layout },
): Root {
  const halves = mmu.split.kind === 'two-halves' || mmu.split.kind === 'quadrants';
  const contains = (va: bigint): boolean => {
    const half = addressHalf(mmu, va);
    return halves ? half === name : half !== undefined;
  };
  return { name, table, mmu, layout, contains };
}

/** Where an offset in a tree lies in the address space. */
function fullAddress(arch: string, root: Root, offset: bigint): bigint {
  const { split } = root.mmu;
  switch (split.kind) {
    case 'sign-extended':
      return BigInt.asUintN(64, BigInt.asIntN(split.bits, offset));
    case 'two-halves':
      return root.name === 'kernel' ? BigInt.asUintN(64, offset - (1n << BigInt(split.kernelBits))) : offset;
    case 'quadrants':
      return root.name === 'kernel' ? offset | (3n << 62n) : offset;
    case 'limit':
      return arch === 'arm32' && root.name === 'kernel' ? offset + (1n << 32n) - (1n << BigInt(root.layout.vaBits)) : offset; // prettier-ignore
  }
}

/** Swaps the first 8 KiB with the prefix area. @see z/Architecture Principles of Operation, chapter 3, "Prefixing" */
function prefixed(real: bigint, prefix: bigint): bigint {
  const area = real & ~0x1fffn;
  if (area === 0n) return __paddr(real + prefix);
  return area === prefix ? __paddr(real - prefix) : real;
}

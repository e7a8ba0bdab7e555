/** Worlds and backends for specs of mm. */
import type { Arch } from '@ptemu/arch';
import { arm32 } from '@ptemu/arm32';
import { arm64 } from '@ptemu/arm64';
import type { CpuConfig } from '@ptemu/hw';
import { powerpc } from '@ptemu/powerpc';
import { s390 } from '@ptemu/s390';
import { x86_64 } from '@ptemu/x86_64';
import { MmWorld, touch, type WorldOptions } from '../src/index.js';
import { drive } from './drive.js';

/** Reclaim on CPU 0, the process in the kernel on CPU 1 and in user mode on CPU 2. */
export const CPUS: readonly CpuConfig[] = [
  { id: 0, translates: false },
  { id: 1, mm: 'mm', translates: false },
  { id: 2, mm: 'mm', translates: true },
];

/** Every backend, in one release. powerpc radix came with 4.7. */
export const backends = (kernel: string): readonly (readonly [string, Arch])[] => [
  ['x86_64', x86_64({ kernel })],
  ['arm32', arm32({ kernel })],
  ['arm64', arm64({ kernel })],
  ['s390', s390({ kernel })],
  ...(kernel === '4.5' ? [] : [['powerpc radix', powerpc({ kernel })] as const]),
  ['powerpc hash', powerpc({ kernel, mmu: 'hash' })],
];

/** A world with one huge page, mapped and used by nobody yet; reclaim holds a reference. */
export const worldOf = (arch: Arch, options: Partial<WorldOptions> = {}): MmWorld =>
  new MmWorld({ arch, cpus: CPUS, extraRefs: 1, pages: [2], ...options });

/** Address of the n-th page of the range. */
export const page = (world: MmWorld, n: number): MmWorld['vma']['vm_start'] =>
  (world.vma.vm_start + BigInt(n * world.arch.layoutOf().PAGE_SIZE)) as MmWorld['vma']['vm_start'];

/** A store of the user's CPU to the n-th page, to its end; returns what fell. */
export const store = (world: MmWorld, n: number): readonly string[] =>
  drive(
    world,
    touch(world.context('user', 2), world.vma, world.frames, page(world, n), { write: true, n }),
  ).fell.map(({ invariant }) => invariant);

import type { BitTable } from './bits.js';
import type { ArchCosts } from './costs.js';
import type { LevelHelpers, Protections, SwapHelpers } from './helpers.js';
import type { Kernel } from './kernel.js';
import type { Layout } from './layout.js';
import type { MmuDescription } from './mmu.js';
import type { OneEntry } from './one-entry.js';
import type { Sequences } from './sequences.js';
import type { TlbDescription } from './tlb.js';

/** Kconfig options that change answers, without the CONFIG_ prefix. */
export type KernelConfig = Readonly<Record<string, boolean>>;
/** Features of the processor that change answers, such as `{ shstk: true }`. */
export type CpuFeatures = Readonly<Record<string, boolean>>;

/** What every backend's factory takes. */
export interface ArchOptions {
  readonly kernel: Kernel | string;
  /** Overrides of the distribution defaults that the vectors were made with. */
  readonly config?: Partial<KernelConfig>;
  readonly cpu?: Partial<CpuFeatures>;
}

/** What distinguishes address spaces of one backend: s390 chooses the number of levels per mm. */
export interface MmGeometry {
  /** s390: hardware levels above the page table, 2 to 5 in `asce` terms; others ignore it. */
  readonly levels?: number;
}

/** A backend: one architecture, in one release and configuration. */
export interface Arch extends LevelHelpers {
  /** `x86_64`, `arm32`, `arm64`, `s390`, `powerpc`. */
  readonly name: string;
  /** As the command line writes it: name, then the options that differ from the defaults: `powerpc:hash,page=4k`. */
  readonly spec: string;
  /** Every option of the factory but kernel, config and cpu, defaults filled in: `{ granule: '4k', ... }`. */
  readonly options: Readonly<Record<string, string | number | boolean>>;
  readonly kernel: Kernel;
  readonly config: KernelConfig;
  readonly cpu: CpuFeatures;
  /** Geometry of an address space (of a default one when left out). */
  layoutOf(mm?: MmGeometry): Layout;
  readonly swap: SwapHelpers;
  readonly prot: Protections;
  /** The sequences that write memory; generators over `Cpu`. */
  readonly sequences: Sequences;
  /** The same on a real one-entry table, for tests and tables. */
  readonly seq: OneEntry;
  /** What the hardware walker does (of a default address space when left out). */
  mmuOf(mm?: MmGeometry): MmuDescription;
  readonly tlb: TlbDescription;
  /** What its instructions cost on which parts, as far as it was published. */
  readonly costs: ArchCosts;
  /** `tso`: stores are seen in order (x86, s390). `weak`: they need barriers. */
  readonly memoryModel: 'tso' | 'weak';
  /** Every bit once. */
  readonly bits: BitTable;
  /** Kernel constants by name: `PMD_SHIFT`, `PTRS_PER_PMD`, `_PAGE_DIRTY`, ... */
  readonly constants: Readonly<Record<string, bigint>>;
  /** Bytes of an entry as they lie in memory, read as a little-endian number (`pmd_raw(le64)` of the vectors). */
  rawEntry(entry: bigint): bigint;
}

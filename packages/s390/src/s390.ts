import {
  type Arch,
  type ArchOptions,
  type CpuFeatures,
  type Env,
  type KernelConfig,
  oneEntry,
  resolveOptions,
} from '@ptemu/arch';
import { bitTable } from './bits.js';
import { constants } from './constants.js';
import { costs } from './costs.js';
import { layoutOf } from './layout.js';
import { mmuOf } from './mmu.js';
import { p4dHelpers } from './p4d.js';
import { pgdHelpers } from './pgd.js';
import { sequences } from './pgtable.js';
import { pmdHelpers } from './pmd.js';
import { protections } from './prot.js';
import { pteHelpers } from './pte.js';
import { pudHelpers } from './pud.js';
import { swapHelpers } from './swap.js';
import { tlb } from './tlb.js';

/**
 * What `s390` takes. cpu: `nx` (no-execute), `edat1` (1 MiB pages), `edat2` (2 GiB pages), `idte` (IDTE rather than CSP),
 * `tlbLc` (local clearing). config: NUMA_BALANCING, MEM_SOFT_DIRTY, HUGETLB_PAGE, MEMORY_FAILURE.
 */
export type S390Options = ArchOptions;

const CONFIG: KernelConfig = {
  NUMA_BALANCING: true,
  MEM_SOFT_DIRTY: true,
  HUGETLB_PAGE: true,
  MEMORY_FAILURE: false,
};
const CPU: CpuFeatures = { nx: true, edat1: true, edat2: true, idte: true, tlbLc: false };

/**
 * The s390 backend: 4 KiB pages, 1 MiB huge pages, levels that fold per mm.
 *
 * `layoutOf` and `mmuOf` take `{ levels }` from 2 to 5, 3 by default. Transparent huge pages since 3.8.
 *
 * @throws ArchError `RELEASE_BEFORE_THP`, `UNKNOWN_RELEASE`, `UNKNOWN_OPTION`; `layoutOf` and `mmuOf`: `BAD_ARGUMENT`.
 */
export function s390(options: S390Options): Arch {
  const { kernel, config, cpu } = resolveOptions('s390', options, {
    thpSince: '3.8',
    config: CONFIG,
    cpu: CPU,
  });
  const env: Env = { kernel, config, cpu, layout: layoutOf(kernel) };
  const swap = swapHelpers(env);
  const pmd = pmdHelpers(env, swap);
  const pte = pteHelpers(env, swap);
  const all = sequences(env, { pmd, pte });
  return {
    name: 's390',
    spec: 's390',
    options: {},
    kernel,
    config,
    cpu,
    layoutOf: (mm) => layoutOf(kernel, mm),
    pgd: pgdHelpers(env),
    p4d: p4dHelpers(env),
    pud: pudHelpers(env),
    pmd,
    pte,
    swap,
    prot: protections(env),
    sequences: all,
    seq: oneEntry(kernel, all, { pmd, pte }),
    mmuOf: (mm) => mmuOf(env, mm),
    tlb,
    costs,
    memoryModel: 'tso',
    bits: bitTable(kernel, config),
    constants: constants(env, swap),
    // The vectors give the word as the big-endian machine reads it; in memory the bytes stand most significant first.
    rawEntry: (entry) => entry,
  };
}

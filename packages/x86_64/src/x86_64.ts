import {
  type Arch, type ArchOptions, type CpuFeatures, type Env, type KernelConfig, oneEntry, oneOf, resolveOptions,
} from '@ptemu/arch'; // prettier-ignore
import * as fixed from './bits.js';
import { bitTable, x86Bits } from './bits.js';
import { costs } from './costs.js';
import { layoutConstants, layoutOfLevels, type X86Levels } from './layout.js';
import { mmuDescription } from './mmu.js';
import { p4dHelpers } from './p4d.js';
import { pgdHelpers } from './pgd.js';
import { sequencesOf } from './pgtable.js';
import { pmdHelpers } from './pmd.js';
import { protections } from './prot.js';
import { pteHelpers } from './pte.js';
import { pudHelpers } from './pud.js';
import { swapConstants, swapHelpers } from './swap.js';
import { tlbDescription } from './tlb.js';

/** What the factory takes. */
export interface X86Options extends ArchOptions {
  /** 5: LA57 is on. Default 4. */
  readonly levels?: X86Levels;
}

/** First release with transparent huge pages on x86. @see fact sheet 0 */
const THP_SINCE = '2.6.38';

/** A distribution's configuration, as the vectors were made with: mitigations off, so no page-table isolation. */
const CONFIG: KernelConfig = {
  MEM_SOFT_DIRTY: true,
  USERFAULTFD: true,
  NUMA_BALANCING: true,
  X86_USER_SHADOW_STACK: true,
  DEVICE_PRIVATE: true,
  MEMORY_FAILURE: true,
  PAGE_TABLE_ISOLATION: false,
};

/** The vectors' `4level-min` build, which also has no ZONE_DEVICE. */
const MINIMAL: KernelConfig = {
  ...CONFIG,
  MEM_SOFT_DIRTY: false,
  USERFAULTFD: false,
  NUMA_BALANCING: false,
  X86_USER_SHADOW_STACK: false,
  DEVICE_PRIVATE: false,
};

/**
 * What is left out has the value of the vectors' build that the given options belong to: of the minimal one when NUMA
 * balancing, userfaultfd, and soft-dirty or ZONE_DEVICE are off. DEVICE_PRIVATE depends on ZONE_DEVICE.
 */
function defaultsFor(given: Partial<KernelConfig> = {}): KernelConfig {
  const small = given['MEM_SOFT_DIRTY'] === false || given['ZONE_DEVICE'] === false;
  const minimal =
    small &&
    given['MEM_SOFT_DIRTY'] !== true &&
    given['NUMA_BALANCING'] === false &&
    given['USERFAULTFD'] === false;
  if (minimal) return MINIMAL;
  return given['ZONE_DEVICE'] === false ? { ...CONFIG, DEVICE_PRIVATE: false } : CONFIG;
}

/** `shstk`: shadow stacks. `invlpgb`: AMD's broadcast invalidation. `erratum383`: AMD family 10h, two sizes at once. */
const CPU: CpuFeatures = { shstk: false, invlpgb: false, erratum383: false };

/**
 * The x86_64 backend.
 *
 * @throws ArchError `RELEASE_BEFORE_THP`, `UNKNOWN_RELEASE`, `UNKNOWN_OPTION`.
 */
export function x86_64(options: X86Options): Arch {
  const name = 'x86_64';
  const levels = oneOf(name, 'levels', options.levels ?? 4, [4, 5]);
  const { kernel, config, cpu } = resolveOptions(name, options, {
    thpSince: THP_SINCE,
    config: defaultsFor(options.config),
    cpu: CPU,
  });
  const layout = layoutOfLevels(levels);
  const env: Env = { kernel, config, cpu, layout };
  const swap = swapHelpers(env, levels);
  const pte = pteHelpers(env, swap);
  const pmd = pmdHelpers(env, swap);
  const sequences = sequencesOf(env, { pmd, pte });
  const mmu = mmuDescription(levels, cpu);
  return {
    name,
    spec: levels === 4 ? name : `${name}:levels=${levels}`,
    options: { levels },
    kernel,
    config,
    cpu,
    layoutOf: () => layout,
    pgd: pgdHelpers(env, levels),
    p4d: p4dHelpers(env),
    pud: pudHelpers(env),
    pmd,
    pte,
    swap,
    prot: protections(env),
    sequences,
    seq: oneEntry(kernel, sequences, { pmd, pte }),
    mmuOf: () => mmu,
    tlb: tlbDescription(kernel, cpu),
    costs,
    memoryModel: 'tso',
    bits: bitTable(env),
    constants: {
      ...layoutConstants(levels),
      ...fixedConstants(),
      ...x86Bits(env),
      ...swapConstants(env),
      ...swap.constants,
    },
    rawEntry: (entry) => BigInt.asUintN(64, entry),
  };
}

/** The masks that every release has. */
function fixedConstants(): Readonly<Record<string, bigint>> {
  return Object.fromEntries(
    Object.entries(fixed).filter((pair): pair is [string, bigint] => typeof pair[1] === 'bigint'),
  );
}

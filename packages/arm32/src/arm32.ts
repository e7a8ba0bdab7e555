import {
  type Arch, type ArchOptions, type CpuFeatures, type Env, type KernelConfig, oneEntry, resolveOptions,
} from '@ptemu/arch'; // prettier-ignore
import { bitTable } from './bits.js';
import { constantsOf } from './constants.js';
import { costs } from './costs.js';
import { layout as lpae } from './layout.js';
import { mmuDescription } from './mmu.js';
import { p4dHelpers } from './p4d.js';
import { pgdHelpers } from './pgd.js';
import { sequencesOf } from './pgtable.js';
import { pmdHelpers } from './pmd.js';
import { protections } from './prot.js';
import { pteHelpers } from './pte.js';
import { pudHelpers } from './pud.js';
import { swapHelpers } from './swap.js';
import { tlbDescription } from './tlb.js';

/** What the factory takes: there is no option besides, LPAE is the only form with huge pages. */
export type Arm32Options = ArchOptions;

/** First release with transparent huge pages on arm (recalled; absent in 3.8, present in 3.16). @see fact sheet 0 */
const THP_SINCE = '3.11';

/** `ARM_ERRATA_720789`: flush by address for all ASIDs (Cortex-A9 before r2p0). */
const CONFIG: KernelConfig = { ARM_ERRATA_720789: false };

/**
 * `bootPatched`: boot code has put the offset of RAM into the translations between virtual and physical addresses. The
 * vectors are the answers of code that never booted, so the default is false; see `pointedTable`.
 */
const CPU: CpuFeatures = { bootPatched: false };

/**
 * The arm32 backend: ARMv7 with LPAE, SMP, 3G/1G split.
 *
 * @throws ArchError `RELEASE_BEFORE_THP`, `UNKNOWN_RELEASE`, `UNKNOWN_OPTION`.
 */
export function arm32(options: Arm32Options): Arch {
  const name = 'arm32';
  const { kernel, config, cpu } = resolveOptions(name, options, {
    thpSince: THP_SINCE,
    config: CONFIG,
    cpu: CPU,
  });
  const layout = lpae();
  const env: Env = { kernel, config, cpu, layout };
  const swap = swapHelpers(env);
  const pte = pteHelpers(env, swap);
  const pmd = pmdHelpers(env, swap);
  const sequences = sequencesOf(env, { pmd, pte });
  const mmu = mmuDescription(3);
  return {
    name,
    spec: name,
    options: {},
    kernel,
    config,
    cpu,
    layoutOf: () => layout,
    pgd: pgdHelpers(),
    p4d: p4dHelpers(),
    pud: pudHelpers(env),
    pmd,
    pte,
    swap,
    prot: protections(env),
    sequences,
    seq: oneEntry(kernel, sequences, { pmd, pte }),
    mmuOf: (mm) => (mm?.levels === undefined ? mmu : mmuDescription(mm.levels)),
    tlb: tlbDescription(),
    costs,
    memoryModel: 'weak',
    bits: bitTable(env),
    constants: { ...constantsOf(env), ...swap.constants },
    rawEntry: (entry) => BigInt.asUintN(64, entry),
  };
}

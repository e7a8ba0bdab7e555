import {
  type Arch, ArchError, type ArchOptions, type CpuFeatures, type KernelConfig, oneEntry, resolveOptions,
} from '@ptemu/arch'; // prettier-ignore
import { bitConstants, bitTable } from './bits.js';
import { costs } from './costs.js';
import { type Arm64Env, geometryOf, type Granule, layoutConstants, layoutOfGeometry } from './layout.js';
import { mmuDescription } from './mmu.js';
import { p4dHelpers } from './p4d.js';
import { pgdHelpers } from './pgd.js';
import { sequencesOf } from './pgtable.js';
import { pmdHelpers } from './pmd.js';
import { protConstants, protections } from './prot.js';
import { pteHelpers } from './pte.js';
import { pudHelpers } from './pud.js';
import { swapConstants, swapHelpers } from './swap.js';
import { tlbDescription } from './tlb.js';

/** What the factory takes. */
export interface Arm64Options extends ArchOptions {
  /** Size of a page. Default 4k. */
  readonly granule?: Granule;
  /** Bits of an address: 39 or 48 (4k), 36, 47 or 48 (16k), 42, 48 or 52 (64k); 52 with `lpa2`. Default 48. */
  readonly vaBits?: number;
  /** 52-bit addresses with 4k and 16k pages. Default false. */
  readonly lpa2?: boolean;
}

/** First release with transparent huge pages on arm64 (recalled; read absent 3.8.13, present 3.16.0). @see fact sheet 0 */
const THP_SINCE = '3.11';

/** A distribution's configuration, as the vectors were made with. `ARM64_PA_BITS_52` counts with 64k pages; `lpa2` implies it. */
const CONFIG: KernelConfig = {
  USERFAULTFD: true,
  NUMA_BALANCING: true,
  DEVICE_PRIVATE: true,
  MEMORY_FAILURE: true,
  ARM64_CONTPTE: true,
  ARM64_PA_BITS_52: false,
};

/**
 * `hafdbs`: the walker sets the access flag. `dbm`: it manages the dirty state too. `tlbRange`: invalidation by range.
 * `bbml2`: two sizes for one address are allowed for a while.
 */
const CPU: CpuFeatures = { hafdbs: false, dbm: false, tlbRange: false, bbml2: false };

/**
 * The arm64 backend.
 *
 * @throws ArchError `RELEASE_BEFORE_THP`, `UNKNOWN_RELEASE`, `UNKNOWN_OPTION`.
 */
export function arm64(options: Arm64Options): Arch {
  const name = 'arm64';
  const { kernel, config, cpu } = resolveOptions(name, options, {
    thpSince: THP_SINCE,
    config: CONFIG,
    cpu: CPU,
  });
  if (cpu['dbm'] === true && cpu['hafdbs'] !== true) {
    throw new ArchError('UNKNOWN_OPTION', 'arm64: cpu feature dbm needs hafdbs: true', { arch: name, cpu });
  }
  const geometry = geometryOf(kernel, options, config['ARM64_PA_BITS_52'] === true);
  const layout = layoutOfGeometry(geometry);
  const env: Arm64Env = { kernel, config, cpu, layout, geometry };
  const swap = swapHelpers(env);
  const pte = pteHelpers(env, swap);
  const pmd = pmdHelpers(env, swap);
  const sequences = sequencesOf(env, { pmd, pte });
  const mmu = mmuDescription(env);
  const { granule, vaBits, lpa2 } = geometry;
  const given = [
    ...(granule === '4k' ? [] : [`granule=${granule}`]),
    ...(vaBits === (lpa2 ? 52 : 48) ? [] : [`vaBits=${vaBits}`]),
    ...(lpa2 ? ['lpa2=true'] : []),
  ];
  return {
    name,
    spec: given.length === 0 ? name : `${name}:${given.join(',')}`,
    options: { granule, vaBits, lpa2 },
    kernel,
    config,
    cpu,
    layoutOf: () => layout,
    pgd: pgdHelpers(env),
    p4d: p4dHelpers(env),
    pud: pudHelpers(env),
    pmd,
    pte,
    swap,
    prot: protections(env),
    sequences,
    seq: oneEntry(kernel, sequences, { pmd, pte }),
    mmuOf: () => mmu,
    tlb: tlbDescription(),
    costs,
    memoryModel: 'weak',
    bits: bitTable(env),
    constants: {
      ...layoutConstants(geometry),
      ...bitConstants(env),
      ...protConstants(env),
      ...swapConstants(env),
      ...swap.constants,
    },
    rawEntry: (entry) => BigInt.asUintN(64, entry),
  };
}

import {
  type Arch, ArchError, type ArchOptions, type CpuFeatures, type Kernel, type KernelConfig, completeSequences, oneEntry,
  oneOf, resolveOptions,
} from '@ptemu/arch'; // prettier-ignore
import { bitTable, ppcBits } from './bits.js';
import { constantsOf } from './constants.js';
import { costs, hashCosts } from './costs.js';
import type { PpcEnv, PpcMmu, PpcPage } from './env.js';
import { layoutOf } from './layout.js';
import { mmuDescription } from './mmu.js';
import { p4dHelpers } from './p4d.js';
import { pgdHelpers } from './pgd.js';
import { ownSequences } from './pgtable.js';
import { pmdHelpers } from './pmd.js';
import { protections } from './prot.js';
import { pteHelpers } from './pte.js';
import { pudHelpers } from './pud.js';
import { swapHelpers } from './swap.js';
import { tlbDescription } from './tlb.js';

/** What the factory takes. */
export interface PowerpcOptions extends ArchOptions {
  /** Default `radix`, which came with 4.7. */
  readonly mmu?: PpcMmu;
  /** Base page size; default `64k`. Hash with 4K pages has no THP. */
  readonly page?: PpcPage;
}

/** First release whose source shows transparent huge pages on powerpc (3.11 as recalled). @see fact sheet 0 */
const THP_SINCE = '3.16';

/** A distribution's configuration, as the vectors were made with. */
const CONFIG: KernelConfig = {
  NUMA_BALANCING: true,
  MEM_SOFT_DIRTY: true,
  DEVICE_PRIVATE: true,
  MEMORY_FAILURE: true,
};

/** `hwrc`: the radix walker records R and C itself instead of asking for it by a fault. */
const CPU: CpuFeatures = { hwrc: false };

/**
 * The powerpc backend: book3s64, POWER9.
 *
 * @throws ArchError `RELEASE_BEFORE_THP`, `UNKNOWN_RELEASE`; `UNKNOWN_OPTION` also for what a release did not have yet.
 */
export function powerpc(options: PowerpcOptions): Arch {
  const name = 'powerpc';
  const mmu = oneOf<PpcMmu>(name, 'mmu', options.mmu ?? 'radix', ['radix', 'hash']);
  const page = oneOf<PpcPage>(name, 'page', options.page ?? '64k', ['4k', '64k']);
  const { kernel, config, cpu } = resolveOptions(name, options, {
    thpSince: THP_SINCE,
    config: CONFIG,
    cpu: CPU,
  });
  checkVariant(kernel, mmu, page);
  const bits = ppcBits({ kernel, config, page });
  const layout = layoutOf(kernel, mmu, page);
  const env: PpcEnv = { kernel, config, cpu, layout, mmu, page, bits };
  const swap = swapHelpers(env);
  const pte = pteHelpers(env, swap);
  const pmd = pmdHelpers(env, pte, swap);
  const sequences = completeSequences(env, { pmd, pte }, ownSequences(env, pmd, pte));
  const description = mmuDescription(env);
  return {
    name,
    spec: specOf(name, mmu, page),
    options: { mmu, page },
    kernel,
    config,
    cpu,
    layoutOf: () => layout,
    pgd: pgdHelpers(),
    p4d: p4dHelpers(env),
    pud: pudHelpers(env, pte),
    pmd,
    pte,
    swap,
    prot: protections(env),
    sequences,
    seq: oneEntry(kernel, sequences, { pmd, pte }),
    mmuOf: () => description,
    tlb: tlbDescription(env),
    costs: env.mmu === 'hash' ? hashCosts : costs,
    memoryModel: 'weak',
    bits: bitTable(env),
    constants: constantsOf(env, swap),
    rawEntry: (entry) => (bits.format === 'radix' ? byteSwapped(entry) : BigInt.asUintN(64, entry)),
  };
}

/** Refuses an MMU or page size that the release did not have, or that its source is not modelled with. */
function checkVariant(kernel: Kernel, mmu: PpcMmu, page: PpcPage): void {
  if (kernel.has('ppc-pte-format-radix')) return;
  const refuse = (option: string, value: string, remedy: string): ArchError =>
    new ArchError('UNKNOWN_OPTION', `powerpc ${kernel.release} has no ${option} '${value}'; ${remedy}`, {
      arch: 'powerpc',
      release: kernel.release,
      option,
      value,
    });
  if (mmu === 'radix') throw refuse('mmu', mmu, `radix came with 4.7: ask for mmu 'hash'`);
  if (page === '4k')
    throw refuse('page', page, `4K hash, which never had THP, is described from 4.7 on: ask for '64k'`);
}

/** As the command line writes it: radix with 64K pages alone is `powerpc`. */
function specOf(name: string, mmu: PpcMmu, page: PpcPage): string {
  const parts = [...(mmu === 'radix' ? [] : ['hash']), ...(page === '64k' ? [] : ['page=4k'])];
  return parts.length === 0 ? name : `${name}:${parts.join(',')}`;
}

/** Eight bytes in the other order: entries lie big-endian in memory, and the CPU is little-endian. */
function byteSwapped(entry: bigint): bigint {
  let swapped = 0n;
  for (let byte = 0n; byte < 64n; byte += 8n) swapped = (swapped << 8n) | ((entry >> byte) & 0xffn);
  return swapped;
}

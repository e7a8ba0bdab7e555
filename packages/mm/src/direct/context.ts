/** In what a path of direct mode runs: one CPU, the tables, and the helpers of the architecture. */
import type { Arch, PmdHelpers, PteHelpers, Sequences } from '@ptemu/arch';
import type { Kernel } from '@ptemu/arch';
import type { DirectCpu } from './cpu.js';
import type { DirectMachine } from './machine.js';
import type { PageTables } from './page-table.js';

/** The context of a path. */
export interface DirectContext {
  readonly cpu: DirectCpu;
  readonly tables: PageTables;
  readonly machine: DirectMachine;
  readonly arch: Arch;
  readonly kernel: Kernel;
  readonly sequences: Sequences;
  readonly pmd: PmdHelpers;
  readonly pte: PteHelpers;
}

/** The context of a CPU. */
export const contextOf = (cpu: DirectCpu, tables: PageTables): DirectContext => ({
  cpu,
  tables,
  machine: cpu.machine,
  arch: cpu.machine.arch,
  kernel: cpu.machine.arch.kernel,
  sequences: cpu.machine.arch.sequences,
  pmd: cpu.machine.arch.pmd,
  pte: cpu.machine.arch.pte,
});

import type { Arch } from '@ptemu/arch';
import type { Actor, MmWorld, Switches, WorldOptions } from '@ptemu/mm';
import type { Probe, Scenario } from './types.js';

/** An interesting state that a probe must reach at least once, or its verdict would be about nothing. */
export interface Reach {
  readonly name: string;
  readonly test: (world: MmWorld) => boolean;
}

/** A probe with what it takes to run it. */
export interface ProbeDefinition extends Probe {
  /** How the variant departs from the kernel as released. */
  readonly switches?: Switches;
  readonly world: (arch: Arch) => Omit<WorldOptions, 'arch' | 'switches'>;
  readonly actors: (arch: Arch) => readonly Actor[];
  readonly reached: readonly Reach[];
  /** Bounds of actors and agents, for the verdict: `user accesses: 2`. */
  readonly bounds: Readonly<Record<string, string | number>>;
}

/** A scenario with its probes' definitions. */
export interface ScenarioDefinition extends Scenario {
  readonly probes: readonly ProbeDefinition[];
}

/**
 * Throughput of a workload that uses several resources in turn: that of the scarcest.
 *
 * A cheaper flush helps as far as flushes are what the workload waits for. Where it waits for a lock, taking TLB work away
 * changes how long the CPUs are busy and nothing else: INVLPGB alone took invalidation from 40 % of the CPU time to 4 % in
 * will-it-scale's tlb_flush2, and the loops per second stayed where they were (Rik van Riel, Dec 2024 to Jan 2025).
 */
import { ArchError } from '@ptemu/arch';

/** Something that every operation needs for a time. */
export interface Resource {
  readonly name: string;
  /** How long one operation holds one unit of it; any unit of time, the same for all resources. */
  readonly time: number;
  /** How many operations can hold it at once: 1 for a lock, the number of CPUs for CPU time. */
  readonly units: number;
}

/** What bounds a workload, and at how many operations per unit of time. */
export interface Throughput {
  readonly perTime: number;
  readonly boundBy: string;
}

/** Finds the scarcest resource. @throws ArchError `BAD_ARGUMENT` for no resource, or one with a time or units not above 0. */
export function throughputOf(resources: readonly Resource[]): Throughput {
  const rates = resources.map(({ name, time, units }) => {
    if (time > 0 && units > 0 && Number.isFinite(units / time))
      return { perTime: units / time, boundBy: name };
    throw new ArchError('BAD_ARGUMENT', `resource ${name} has time ${time} and units ${units}; both must be above 0`, { name }); // prettier-ignore
  });
  const [first, ...others] = rates;
  if (first === undefined) throw new ArchError('BAD_ARGUMENT', 'name at least one resource', {});
  return others.reduce((least, rate) => (rate.perTime < least.perTime ? rate : least), first);
}

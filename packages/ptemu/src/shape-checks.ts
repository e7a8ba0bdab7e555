/**
 * What a calibrated model must have in common with figures that no price may be fitted to: times of system calls and workloads.
 * They contain the operation and much else, so their numbers are not compared; slope, crossover, ratio and order are.
 */
import { type Arch, type ArchCosts, type CostProfile, assert } from '@ptemu/arch';
import { type FlushEvents, calibrate, costOf, eventsOf, fitLine, profileOf, throughputOf } from '@ptemu/hw';

/** One property, and whether the model has it. */
export interface ShapeCheck {
  readonly number: number;
  readonly title: string;
  readonly holds: boolean;
  /** The figures that decided. */
  readonly said: string;
}

/** The events of an operation on so many pages of an mm that one CPU runs. */
export type EventsOf = (arch: Arch, pages: number, operation: 'madv_dontneed' | 'reclaim') => FlushEvents;

/** Whose prices and flushes are checked. */
export interface ShapeInputs {
  readonly x86_64: Arch;
  readonly arm64: Arch;
  /** Before reclaim put the wait off to the end of a batch. */
  readonly arm64Unbatched: Arch;
  /** Radix. */
  readonly powerpc: Arch;
  readonly eventsOf: EventsOf;
}

/** Does all nine. A check without a price fails; one without its published row is a bug of ours. */
export function shapeChecks(inputs: ShapeInputs): readonly ShapeCheck[] {
  return CHECKS.map(({ title, check }, i) => {
    const { holds, said } = check(inputs);
    return { number: i + 1, title, holds, said };
  });
}

type Said = Pick<ShapeCheck, 'holds' | 'said'>;

const CHECKS: readonly { readonly title: string; readonly check: (inputs: ShapeInputs) => Said }[] = [
  { title: 'x86: 216 to 284 cycles a page; above 33 pages everything goes', check: x86Slope },
  { title: 'x86: CR3 reload below one INVLPG, global flush 3 to 8 CR3 reloads', check: x86Order },
  { title: 'arm64: linear by page, a cliff at 512; flat by range, a step on odd counts', check: arm64Forms },
  { title: 'arm64: 95 % of an unmap is the wait; one wait for many pages removes nearly all', check: arm64Wait },
  { title: 'arm64: throughput of broadcasts falls with the threads, of local flushes not', check: arm64Broadcast },
  { title: 'radix: a local PID flush is 128 tlbiel; equal at 128 pages, policy at 256', check: radixCeiling },
  { title: 'INVLPGB alone brings no throughput to a workload that waits for a lock', check: invlpgbAlone },
  { title: 'one IPI for many pages cuts interrupts by their number, time by less', check: batchedIpi },
  { title: 'guest IPI: 3600 to 6100 cycles, xAPIC dearest, virtualised x2APIC cheapest', check: guestIpi },
]; // prettier-ignore

function x86Slope({ x86_64, eventsOf: flush }: ShapeInputs): Said {
  const { costs } = x86_64;
  const slopes = ['intel-2015', 'intel-2015-hot', 'haswell-xeon', 'westmere-xeon', 'mm-range-2014'].map((id) => {
    const profile = profileOf(costs, [id]);
    return (profile.instructions['INVLPG loop']?.value ?? NaN) + (profile.harness?.value ?? 0);
  });
  const intercept = profileOf(costs, ['mm-range-2014']).call?.value ?? NaN;
  const empty = profileOf(costs, ['intel-2015-cold']).harness?.value ?? NaN;
  const [at33, at34] = [issuedBy(flush(x86_64, 33, 'madv_dontneed')), issuedBy(flush(x86_64, 34, 'madv_dontneed'))];
  return {
    holds: slopes.every((slope) => slope >= 216 && slope <= 284) && intercept > empty && at33 === 33 && at34 === 1,
    said: `slopes ${slopes.map(round).join(', ')}; intercept ${round(intercept)} over an empty call of ${round(empty)}; 33 pages: ${at33} instructions, 34: ${at34}`,
  };
} // prettier-ignore

function x86Order({ x86_64: { costs } }: ShapeInputs): Said {
  const price = (id: string, name: string): number => profileOf(costs, [id]).instructions[name]?.value ?? NaN;
  const pairs = ['intel-2015', 'haswell-xeon', 'westmere-xeon'].map((id) => [
    price(id, 'MOV to CR3'),
    price(id, 'INVLPG'),
  ]);
  const ratios = ['intel-2015-hot', 'haswell-xeon', 'westmere-xeon'].map(
    (id) => price(id, 'CR4.PGE toggle') / price(id, 'MOV to CR3'),
  );
  return {
    holds: pairs.every(([cr3 = NaN, page = NaN]) => cr3 < page) && ratios.every((r) => r >= 3 && r <= 8),
    said: `${pairs.map(([cr3 = NaN, page = NaN]) => `${cr3} < ${page}`).join(', ')}; ratios ${ratios.map((r) => r.toFixed(1)).join(', ')}`,
  };
}

function arm64Forms({ arm64, eventsOf: flush }: ShapeInputs): Said {
  const a = profileOf(arm64.costs, ['machine-a']);
  const counts = [1, 2, 4, 8, 16, 32, 64, 128, 256];
  const line = fitLine(counts.map((pages) => [pages, atLeast(a, flush(arm64, pages, 'madv_dontneed'))]));
  const [at511, at512] = [
    atLeast(a, flush(arm64, 511, 'madv_dontneed')),
    atLeast(a, flush(arm64, 512, 'madv_dontneed')),
  ];
  const byRange = calibrate(arm64.costs).filter(({ row }) => /range\/\d+$/.test(row.id) && row.id !== 'machine B range/1'); // prettier-ignore
  const [even, odd] = [0, 1].map((rest) =>
    byRange.filter(({ row }) => pagesOf(row.id) % 2 === rest).map(({ model }) => model),
  );
  const flat = Math.max(...(even ?? [])) / Math.min(...(even ?? []));
  const step = Math.min(...(odd ?? [])) - Math.max(...(even ?? []));
  return {
    holds: line.r2 > 0.99 && line.slope > 0 && at512 < at511 / 100 && flat < 1.01 && step > 0,
    said: `R2 ${line.r2.toFixed(4)}; 511 pages ${round(at511)} ns, 512 ${round(at512)}; by range ${round(Math.min(...(even ?? [])))} ns, odd counts ${round(step)} more`,
  };
}

/** What reclaim takes in one go. @see Linux include/linux/swap.h, `SWAP_CLUSTER_MAX` (6.12.117) */
const SWAP_CLUSTER_MAX = 32;

function arm64Wait({ arm64, arm64Unbatched, eventsOf: flush }: ShapeInputs): Said {
  const { costs } = arm64;
  const profile = profileOf(costs, ['snapdragon-888']);
  const share = (profile.completion?.value ?? NaN) / atLeast(profile, flush(arm64Unbatched, 1, 'reclaim'));
  const [before, after] = [arm64Unbatched, arm64].map((arch) =>
    atLeast(profile, flush(arch, SWAP_CLUSTER_MAX, 'reclaim')),
  );
  const left = (after ?? NaN) / (before ?? NaN);
  const published = row(costs, 'A5 after') / row(costs, 'A5 before') - 1;
  return {
    holds: Math.abs(share - 0.95) < 0.01 && left < 0.1 && published < 0,
    said: `the wait is ${percent(share)}; reclaim of ${SWAP_CLUSTER_MAX} pages takes ${percent(left)} of what it took in ${arm64Unbatched.kernel.release} (published: the swap benchmark took ${percent(-published)} less, with ${percent(row(costs, 'A4'))} in the flush before)`,
  };
}

const THREADS = [1, 4, 8, 16, 32, 64, 128];

/**
 * A broadcast holds the interconnect until each CPU has acknowledged it; how long one takes was not published, so the order must
 * come out whether it is a hundredth of a flush or all of it.
 */
function arm64Broadcast({ arm64: { costs } }: ShapeInputs): Said {
  const profile = profileOf(costs, ['machine-a']);
  const flush = atLeast(profile, eventsOf({ events: { issued: { VAE1IS: 1 }, completions: 1 } }));
  const ends = [0.01, 1].map((acknowledge) => {
    const broadcast = THREADS.map((threads) => {
      const time = flush * (1 + acknowledge * (threads - 1));
      return throughputOf([cpus(threads, flush), { name: 'interconnect', time, units: 1 }]).perTime;
    });
    return { falls: falling(broadcast), ratio: (broadcast[0] ?? NaN) / (broadcast.at(-1) ?? NaN) };
  });
  const local = THREADS.map((threads) => throughputOf([cpus(threads, flush)]).perTime);
  const at = (kind: string, threads: number): number => row(costs, `tlb-shootdown ${kind}/${threads}`);
  const published = at('broadcast', 1) / at('broadcast', 128);
  const [few = NaN, many = NaN] = ends.map(({ ratio }) => ratio);
  return {
    holds: ends.every(({ falls }) => falls) && !falling(local) && published > few && published < many && falling(THREADS.map((n) => at('broadcast', n))) && !falling(THREADS.map((n) => at('local', n))),
    said: `broadcast falls ${few.toFixed(1)} to ${round(many)} times from 1 to 128 threads by how long an acknowledgement takes (published: ${published.toFixed(1)}); local does not fall`,
  };
} // prettier-ignore

const cpus = (units: number, time: number): { name: string; time: number; units: number } => ({
  name: 'CPUs',
  time,
  units,
});

const falling = (values: readonly number[]): boolean =>
  values.every((value, i) => i === 0 || value < (values[i - 1] ?? 0));

/** `tlbiel` that a local flush of a whole PID takes: one for each set of the TLB. */
const SETS = 128;

function radixCeiling({ powerpc, eventsOf: flush }: ShapeInputs): Said {
  const { costs } = powerpc;
  const profile = profileOf(costs, ['radix-derived']);
  const tlbiel = profile.instructions['tlbiel RIC=0']?.value ?? NaN;
  const [at128, at256, at257] = [128, 256, 257].map((pages) => flush(powerpc, pages, 'madv_dontneed')) as [FlushEvents, FlushEvents, FlushEvents]; // prettier-ignore
  const pid = atLeast(profile, at257);
  const us = (policy: number, pages: number): number => row(costs, `mprotect, PID above ${policy}/${pages}`);
  return {
    holds: issuedBy(at256) === 256 && issuedBy(at257) === SETS && atLeast(profile, at128) === pid && pid === SETS * tlbiel && us(33, 128) === us(256, 128) && us(33, 64) > us(256, 64) && us(33, 256) < us(256, 256),
    said: `256 pages: ${issuedBy(at256)} tlbiel, 257: ${issuedBy(at257)}; the PID and 128 pages cost ${round(pid)} ns (published: ${us(33, 128)} and ${us(256, 128)} us at 128 pages)`,
  };
} // prettier-ignore

function invlpgbAlone({ x86_64: { costs } }: ShapeInputs): Said {
  const loops = (name: string): number => row(costs, `INVLPGB: ${name}`);
  const lock = { name: 'LRU lock', time: 1 / loops('vanilla'), units: 1 };
  const flushes = { name: 'flushes by IPI', time: 1 / loops('no LRU drain'), units: 1 };
  const broadcast = { name: 'flushes by INVLPGB', time: 1 / loops('both'), units: 1 };
  const before = throughputOf([lock, flushes]);
  const alone = throughputOf([lock, broadcast]);
  const drained = throughputOf([flushes]);
  const both = throughputOf([broadcast]);
  const thousands = (perTime: number): string => `${round(perTime / 1e3)}K`;
  return {
    holds: before.boundBy === lock.name && alone.perTime === before.perTime && drained.perTime > before.perTime && both.perTime > drained.perTime && loops('alone') === loops('vanilla'),
    said: `${thousands(before.perTime)} loops/s before, ${thousands(alone.perTime)} with INVLPGB (${alone.boundBy}), ${thousands(drained.perTime)} without the lock, ${thousands(both.perTime)} with both`,
  };
} // prettier-ignore

function batchedIpi({ x86_64: { costs } }: ShapeInputs): Said {
  const profile = profileOf(costs);
  const published = row(costs, 'batch: interrupts before') / row(costs, 'batch: interrupts after');
  const elapsed = row(costs, 'batch: elapsed before') / row(costs, 'batch: elapsed after');
  const one = eventsOf({ events: { calls: 1, issued: { INVLPG: 1 }, crossCalls: 1, ipis: 1 } });
  const many = { ...one, issued: { 'INVLPG loop': published } };
  const faster = (published * atLeast(profile, one)) / atLeast(profile, many);
  return {
    holds: faster > 1 && faster < published && elapsed < faster,
    said: `${published} pages: interrupts ${published} times fewer, flushes ${faster.toFixed(1)} times faster (published: the whole run ${elapsed.toFixed(2)} times)`,
  };
}

function guestIpi({ x86_64: { costs } }: ShapeInputs): Said {
  const cycles = ['kvm-xapic', 'kvm-xapic-ipiv', 'kvm-x2apic', 'kvm-x2apic-ipiv'].map(
    (id) => profileOf(costs, [id]).crossCall?.value ?? NaN,
  );
  return {
    holds: falling(cycles) && cycles.every((value) => value >= 3600 && value <= 6100),
    said: cycles.join(' > '),
  };
}

/** What the initiator pays at least; NaN, which no check passes, where something has no price. */
const atLeast = (profile: CostProfile, events: FlushEvents): number =>
  costOf(profile, events).initiator?.least ?? NaN;

const issuedBy = ({ issued }: FlushEvents): number => Object.values(issued).reduce((a, b) => a + b, 0);

function row(costs: ArchCosts, id: string): number {
  const found = costs.rows.find((candidate) => candidate.id === id);
  assert(found !== undefined, `no published row ${id}`);
  return Number(found.value);
}

const pagesOf = (id: string): number => Number(id.replace(/^.*\//, ''));
const round = (value: number): string => String(Math.round(value));
const percent = (share: number): string => `${Number((100 * share).toPrecision(2))} %`;

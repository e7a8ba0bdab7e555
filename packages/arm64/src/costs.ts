/**
 * What the instructions cost, as published: the time of `__flush_tlb_range` by number of pages on two machines, and which
 * share of an unmap's flush is the wait for it. No time of a broadcast by number of CPUs was published, so none is modelled:
 * a price is that of the machine it was measured on, with its number of CPUs.
 */
import type { ArchCosts, CostClaim, CostProfile, CostRow } from '@ptemu/arch';

const YE =
  'Zhenyu Ye, Jun 2020, <504c7588-97e5-e014-fca0-c5511ae0d256@huawei.com>; __flush_tlb_range() in a loop of 10000';
const SONG = 'Barry Song, "arm64: support batched/deferred tlb shootdown during page reclamation", 2022';
const ROBERTS =
  'Ryan Roberts, <20250829153510.2401161-1-ryan.roberts@arm.com>, 2025; stress-ng tlb-shootdown, real time';

/** Nanoseconds by pages: machine A by single TLBI, machine B (an FPGA) by single TLBI and by range TLBI. */
const NS_BY_PAGES: readonly (readonly [pages: number, a: number, b: number, range: number])[] = [
  [1, 1457, 16051, 13524],
  [2, 1911, 11366, 11146],
  [3, 2382, 11582, 12171],
  [4, 2827, 11694, 11101],
  [5, 3282, 12138, 12267],
  [6, 3763, 12290, 11105],
  [7, 4295, 12400, 12002],
  [8, 4716, 12837, 11097],
  [9, 5186, 14791, 12140],
  [10, 5618, 15461, 11087],
  [16, 8427, 18233, 11094],
  [32, 15938, 26983, 11079],
  [64, 30890, 43840, 11092],
  [128, 60802, 77754, 11098],
  [256, 120826, 145514, 11089],
  [512, 1508, 280932, 11111],
];

/** Operations per second by threads: broadcast and local invalidation. */
const OPS_BY_THREADS: readonly (readonly [threads: number, broadcast: number, local: number])[] = [
  [1, 9109, 8903],
  [4, 8115, 9892],
  [8, 5119, 11854],
  [16, 4796, 14176],
  [32, 1593, 15328],
  [64, 1486, 8096],
  [128, 1315, 8257],
];

const ROWS: readonly CostRow[] = [
  ...NS_BY_PAGES.flatMap(([pages, a, b, range]) => [
    ns(`machine A/${pages}`, `${count(pages)}, single TLBI`, a),
    ns(`machine B/${pages}`, `${count(pages)}, single TLBI`, b),
    ns(`machine B range/${pages}`, `${count(pages)}, range TLBI`, range),
  ]),
  { id: 'A3', kind: 'PRIM', what: 'part of ptep_clear_flush spent in the final DSB', value: 0.95, unit: 'share', source: SONG },
  { id: 'A4', kind: 'E2E', what: 'share of CPU in ptep_clear_flush, Snapdragon 888', value: 0.0536, unit: 'share', source: SONG },
  { id: 'A5 before', kind: 'E2E', what: 'swap benchmark, Snapdragon 888, wait for each page', value: 14.69, unit: 's', source: SONG },
  { id: 'A5 after', kind: 'E2E', what: 'swap benchmark, Snapdragon 888, wait at the end', value: 13.8, unit: 's', source: SONG },
  ...OPS_BY_THREADS.flatMap(([threads, broadcast, local]) => [
    ops(`tlb-shootdown broadcast/${threads}`, `${threads} threads, broadcast TLBI`, broadcast),
    ops(`tlb-shootdown local/${threads}`, `${threads} threads, local TLBI`, local),
  ]),
]; // prettier-ignore

function count(pages: number): string {
  return pages === 1 ? '1 page' : `${pages} pages`;
}

function ns(id: string, what: string, value: number): CostRow {
  return { id, kind: 'PRIM', what, value, unit: 'ns', source: YE };
}

function ops(id: string, what: string, value: number): CostRow {
  return { id, kind: 'E2E', what, value, unit: 'ops/s', source: ROBERTS };
}

/** Machine A, 1 to 256 pages, unweighted least squares: the barriers and the call, and one TLBI. */
const A_FIXED = 961.4;
const A_TLBI = 468.06;
/** Machine B, 2 to 512 pages, the same. */
const B_FIXED = 9651.1;
const B_TLBI = 530.18;
/** Machine B by range: the median of the even counts, less the barriers. */
const B_RANGE = 11097 - B_FIXED;

const SAME = 'taken to cost what VAE1IS costs: which of the two the loop used is not said';
const FIRST = 'noise of the source: the first row of the run is dearer than the next, in both columns';

/** A single TLBI for the odd page, one range TLBI for the rest: each count of the table fits one operand. */
function rangeEvents(pages: number): CostClaim['events'] {
  const issued = { ...(pages % 2 === 1 && { VAE1IS: 1 }), ...(pages > 1 && { RVAE1IS: 1 }) };
  return { calls: 1, issued, completions: 1 };
}

const PROFILES: readonly CostProfile[] = [
  {
    id: 'machine-a',
    label: 'machine A, not named (Zhenyu Ye, June 2020)',
    unit: 'ns',
    status: 'calibrated',
    source: YE,
    note: 'measured with all CPUs of that machine, whose number is not said: a broadcast gets no dearer with CPUs here; both barriers and the call are in the price of the completion; no price of a walk was published',
    instructions: {
      VAE1IS: { value: A_TLBI, kind: 'PRIM', source: 'slope over 1 to 256 pages, least squares' },
      VALE1IS: { value: A_TLBI, kind: 'assumed', source: SAME },
      ASIDE1IS: { value: 1508 - A_FIXED, kind: 'PRIM', source: 'machine A/512 less the completion: above its limit the helper drops the whole address space' },
    },
    completion: { value: A_FIXED, kind: 'PRIM', source: 'intercept over 1 to 256 pages, least squares' },
    claims: NS_BY_PAGES.map(([pages]) => ({
      row: `machine A/${pages}`,
      by: pages === 512 ? 'seed' : 'fit',
      events: { calls: 1, issued: pages === 512 ? { ASIDE1IS: 1 } : { VAE1IS: pages }, completions: 1 },
    })),
  },
  {
    id: 'machine-b',
    label: 'machine B, an FPGA with range TLBI (Zhenyu Ye, June 2020)',
    unit: 'ns',
    status: 'calibrated',
    source: YE,
    note: 'the clock of an FPGA is slow: compare its figures with each other only; barriers and call are in the completion',
    instructions: {
      VAE1IS: { value: B_TLBI, kind: 'PRIM', source: 'slope over 2 to 512 pages, least squares' },
      VALE1IS: { value: B_TLBI, kind: 'assumed', source: SAME },
      RVAE1IS: { value: B_RANGE, kind: 'PRIM', source: 'median of the even counts by range, less the completion' },
      RVALE1IS: { value: B_RANGE, kind: 'assumed', source: SAME.replace('VAE1IS', 'RVAE1IS') },
    },
    completion: { value: B_FIXED, kind: 'PRIM', source: 'intercept over 2 to 512 pages, least squares' },
    claims: [
      ...NS_BY_PAGES.map(([pages]): CostClaim => ({
        row: `machine B/${pages}`,
        by: pages === 1 ? 'prediction' : 'fit',
        events: { calls: 1, issued: { VAE1IS: pages }, completions: 1 },
        ...(pages === 1 && { notMet: FIRST }),
      })),
      ...NS_BY_PAGES.map(([pages]): CostClaim => ({
        row: `machine B range/${pages}`,
        by: pages % 2 === 0 ? 'fit' : 'prediction',
        events: rangeEvents(pages),
        ...(pages === 1 && { notMet: FIRST }),
      })),
    ],
  },
  {
    id: 'snapdragon-888',
    label: 'Snapdragon 888, 8 cores, as shares of one ptep_clear_flush (Barry Song, 2022)',
    unit: 'share',
    status: 'calibrated',
    source: SONG,
    note: 'no time was published: 1 is the flush of one unmapped page',
    instructions: {
      VALE1IS: { value: 0.05, kind: 'PRIM', source: '1 - A3' },
      VAE1IS: { value: 0.05, kind: 'assumed', source: 'taken to cost what VALE1IS costs' },
    },
    completion: { value: 0.95, kind: 'PRIM', source: 'A3' },
    claims: [{ row: 'A3', by: 'seed', events: { completions: 1 } }],
  },
]; // prettier-ignore

/** Published costs, and the profiles made of them. */
export const costs: ArchCosts = { rows: ROWS, profiles: PROFILES, standard: ['machine-a'] };

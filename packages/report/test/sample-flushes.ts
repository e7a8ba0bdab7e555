import type { CalibrationView, FlushProfile, FlushRow, ShapeView } from '../src/index.js';

/** A row as a broadcasting architecture has it: one instruction for each page up to 256, all of the mm above. */
export function broadcastRow(pages: number, cpus = 1): FlushRow {
  const whole = pages > 256;
  const collateral = whole ? 40 * cpus : 0;
  const ns = 961 + (whole ? 547 : 468 * pages);
  return {
    spec: 'arm64', kernel: '6.12', operation: 'munmap', pages, cpus, bystanders: 64,
    issued: whole ? { ASIDE1IS: 1 } : { VALE1IS: pages }, completions: 1, issuedByTargets: {}, ipis: 0,
    dropped: { wanted: pages * cpus, collateral }, refill: { walks: collateral, references: 4 * collateral },
    cost: {
      profile: 'machine-a', unit: 'ns', initiator: { least: ns, most: ns }, targets: { least: 0, most: 0 },
      refill: whole ? undefined : { least: 0, most: 0 }, total: whole ? undefined : { least: ns, most: ns },
      lacks: whole ? ['walk'] : [], basis: 'PRIM',
    },
  }; // prettier-ignore
}

/** A row as an interrupting architecture has it: up to 33 pages one by one, all of the mm above. */
export function interruptRow(pages: number, cpus = 1): FlushRow {
  const whole = pages > 33;
  const issued: Record<string, number> = whole ? { 'MOV to CR3': 1 } : { 'INVLPG loop': pages };
  const collateral = whole ? 60 * cpus : 0;
  const local = 68 + (whole ? 124 : 216 * pages);
  const ipis = cpus - 1;
  const initiator = { least: local + (ipis > 0 ? 4338 : 0), most: local + 4338 * ipis };
  const targets = { least: local * ipis, most: (local + 4338) * ipis };
  const refill = { least: 0, most: 216 * collateral };
  const total = {
    least: initiator.least + targets.least + refill.least,
    most: initiator.most + targets.most + refill.most,
  };
  return {
    spec: 'x86_64', kernel: '6.12', operation: 'munmap', pages, cpus, bystanders: 64, issued, completions: 0,
    issuedByTargets: Object.fromEntries(Object.entries(issued).map(([name, n]) => [name, n * ipis])), ipis,
    dropped: { wanted: pages * cpus, collateral }, refill: { walks: collateral, references: 4 * collateral },
    cost: { profile: 'haswell-xeon', unit: 'cycles', initiator, targets, refill, total, lacks: [], basis: 'assumed' },
  }; // prettier-ignore
}

export const PROFILES: readonly FlushProfile[] = [
  { spec: 'arm64', id: 'machine-a', label: 'machine A', unit: 'ns', status: 'calibrated', source: 'a mail, 2020' },
  { spec: 'x86_64', id: 'haswell-xeon', label: 'Haswell Xeon', unit: 'cycles', status: 'calibrated', source: 'a mail, 2015', note: 'without fences', assumed: ['walk: as an INVLPG'] },
]; // prettier-ignore

/** Three rows: met, explained, not met. */
export const CALIBRATION: readonly CalibrationView[] = [
  calibrated('flush_tlb_mm_range/1', 1276, 1350.3, 'met'),
  { ...calibrated('flush_tlb_mm_range/4', 2447, 2111.6, 'explained'), reason: 'noise of the source' },
  calibrated('flush_tlb_mm_range/8', 3000, 4000, 'not met'),
];

function calibrated(
  id: string,
  published: number,
  model: number,
  verdict: CalibrationView['verdict'],
): CalibrationView {
  return {
    spec: 'x86_64', profile: 'mm-range-2014', id, what: `${id.replace(/^.*\//, '')} pages`, unit: 'cycles', published,
    model, error: model / published - 1, by: 'fit', verdict, source: 'a commit, 2014',
  }; // prettier-ignore
}

export const CHECKS: readonly ShapeView[] = [
  { number: 1, title: 'slope', holds: true, said: '216 to 260' },
  { number: 2, title: 'order', holds: false, said: '3 < 2' },
];

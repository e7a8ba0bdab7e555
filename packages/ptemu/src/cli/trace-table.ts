/** A replayed trace on a terminal. */
import { type Cost, TLB_PRESETS, type profileOf } from '@ptemu/hw';
import { type ViewOptions, table } from '@ptemu/report';
import wrapAnsi from 'wrap-ansi';
import type { ReplayCounts, TlbLevelCounts, TraceRead } from '../traces/index.js';

/** A part, and what the trace did there. */
export interface TraceRow {
  /** As it was asked for, with the release where several are compared. */
  readonly machine: string;
  readonly part: string;
  readonly counts: ReplayCounts;
  readonly profile: ReturnType<typeof profileOf>;
  readonly cost: Cost;
}

/** Accesses of a trace by kind. */
export interface KindCounts {
  readonly loads: number;
  readonly stores: number;
  readonly modifications: number;
  readonly fetches: number;
}

/** What was replayed, and how. */
export interface TraceHead {
  readonly name: string;
  readonly read: TraceRead;
  readonly kinds: KindCounts;
  readonly kernels: string;
  readonly thp: boolean;
}

/** The trace, a row for each part, what was left out, and what the columns are. */
export function traceTable(
  head: TraceHead,
  rows: readonly TraceRow[],
  leftOut: readonly string[],
  options: ViewOptions,
): string {
  const units = new Set(rows.flatMap(({ cost }) => (cost.refill === undefined ? [] : [cost.unit])));
  const priced = units.size > 0;
  const unit = units.size === 1 ? [...units].join('') : 'cost';
  const columns = [
    'machine\npart', 'L1I\nmisses', 'L1D\nmisses', 'L2\nmisses', '\nwalks', 'refs\n/ walk', '\nfaults',
    ...(priced ? [`walks\n${unit}`] : []),
  ]; // prettier-ignore
  const body = rows.map((row, i) => {
    const { l1i, l1d, l2, walks, references, pages, hugePages } = row.counts;
    const again = row.machine === rows[i - 1]?.machine;
    return [
      again ? row.part : `${row.machine}\n${row.part}`,
      ...[l1i, l1d, l2].map(missesText),
      countText(walks),
      walks === 0 ? '-' : (references / walks).toFixed(2),
      countText(pages + hugePages),
      ...(priced ? [costText(row.cost, units.size > 1)] : []),
    ].map((text, column) => (column === 0 || again ? text : `\n${text}`));
  });
  const align = ['left', ...columns.slice(1).map(() => 'right' as const)] as const;
  const parts = [
    wrapped(headText(head), options.width),
    table(columns, body, { ...options, align }),
    ...(leftOut.length > 0
      ? [wrapped(leftOut.map((line) => `left out: ${line}`).join('\n'), options.width)]
      : []),
    wrapped(legend(rows, head), options.width),
  ];
  return `${parts.join('\n\n')}\n`;
}

function headText({ name, read, kinds, kernels, thp }: TraceHead): string {
  const { fetches, loads, stores, modifications } = kinds;
  const texts = [
    counted(fetches, 'fetch', 'fetches'),
    counted(loads, 'load', 'loads'),
    counted(stores, 'store', 'stores'),
    counted(modifications, 'modification', 'modifications'),
  ].flat();
  const first = read.whole ? '' : 'the first ';
  const pages = thp ? 'huge pages where they fit' : 'no huge pages';
  return [
    `${name}: ${first}${counted(read.accesses, 'access', 'accesses').join('')}`,
    texts.join(', '),
    `kernel ${kernels}, ${pages}`,
  ].join('\n');
}

const counted = (count: number, one: string, several: string): readonly string[] =>
  count === 0 ? [] : [`${exact(count)} ${count === 1 ? one : several}`];

function legend(rows: readonly TraceRow[], { thp }: TraceHead): string {
  const lines = [
    'misses: L2 is looked at after a miss in L1. walks: those that fault, and the ones made again after it, among them; refs: entries that a walk reads.',
    `faults: ${thp ? 'pages, small or huge,' : 'pages'} that mm mapped.`,
  ];
  const prices = new Map(
    rows.flatMap(({ machine, cost, profile }) => {
      const price = profile.walk;
      return cost.refill === undefined || price === undefined ? [] : [[machine, { profile, price }] as const];
    }),
  );
  for (const [machine, { profile, price }] of prices) {
    lines.push(`${machine}: a walk costs 0 to ${price.value} ${profile.unit} (${profile.id}; ${price.kind}: ${price.source}).`); // prettier-ignore
  }
  const unpriced = [
    ...new Set(rows.filter(({ machine }) => !prices.has(machine)).map(({ machine }) => machine)),
  ];
  if (unpriced.length > 0) lines.push(`No price of a walk was published for ${unpriced.join(', ')}.`);
  const assumed = [...new Set(rows.map(({ part }) => part))].map((part) => [part, assumedOf(part)] as const);
  const some = assumed.filter(([, names]) => names.length > 0);
  if (some.length > 0) lines.push(`Assumed, as no source says it: ${some.map(([part, names]) => `${part} ${names.join(', ')}`).join('; ')}.`); // prettier-ignore
  return lines.join('\n');
}

/** What of a part's configuration has no source. */
const assumedOf = (part: string): readonly string[] =>
  Object.entries(TLB_PRESETS[part]?.sources ?? {}).flatMap(([name, source]) =>
    source.startsWith('assumed') ? [name] : [],
  );

const missesText = (level: TlbLevelCounts | undefined): string =>
  level === undefined ? '-' : countText(level.misses);

function costText({ refill, unit }: Cost, named: boolean): string {
  if (refill === undefined) return '-';
  const { least, most } = refill;
  const span = most === least ? countText(most) : `${countText(least)}..${countText(most)}`;
  return named ? `${span} ${unit}` : span;
}

/** Up to a million as it is, above with four digits: `12.35M`, `2.678G`. */
const countText = (count: number): string =>
  count < 1e6 ? exact(count) : SHORT.format(count).replace('B', 'G');
const exact = (count: number): string => count.toLocaleString('en');
const SHORT = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 4 });

const wrapped = (text: string, width: number | undefined): string =>
  width === undefined ? text : wrapAnsi(text, width);

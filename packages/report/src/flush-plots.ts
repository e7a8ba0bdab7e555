/**
 * Plots of flushes, drawn into SVG while the page is made: nothing runs in the reader's browser, so the page survives a mail.
 *
 * Colours are variables of the page, which has two sets of them: one for light and one for dark.
 */
import type { PlotOptions } from '@observablehq/plot';
import {
  type CalibrationView,
  type FlushProfile,
  type FlushRow,
  type FlushSpan,
  isPriced,
  profileLines,
} from './flush-rows.js';
import type { Figure, HtmlPage, Plot } from './html-page.js';

/** Where plots are made: the library and the document that they go into. */
type Easel = Pick<HtmlPage, 'plot' | 'document'>;

const WIDTH = 1080;
const COLORS = [0, 1, 2, 3, 4, 5, 6, 7].map((i) => `var(--series-${i})`);

/** A measure of a row; undefined where it has none. */
interface Measure {
  readonly title: string;
  readonly caption: string;
  /** Label of the axis, with its unit. */
  readonly label: string;
  readonly of: (row: FlushRow) => FlushSpan | undefined;
  /** Whose prices it is made of. */
  readonly profiles?: readonly FlushProfile[];
}

const exactly = (value: number): FlushSpan => ({ least: value, most: value });
const sum = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((a, b) => a + b, 0);

const COUNTS: readonly Measure[] = [
  {
    title: 'Instructions issued',
    caption: 'Invalidation instructions on all CPUs, those of interrupted CPUs included.',
    label: 'instructions',
    of: (row) => exactly(sum(row.issued) + sum(row.issuedByTargets)),
  },
  {
    title: 'CPUs interrupted',
    caption: 'Inter-processor interrupts. Architectures that broadcast have none.',
    label: 'IPIs',
    of: (row) => exactly(row.ipis),
  },
  {
    title: 'Translations dropped beyond those asked for',
    caption: 'Summed over all CPUs: what a flush of the whole address space costs others.',
    label: 'translations',
    of: (row) => exactly(row.dropped.collateral),
  },
  {
    title: 'Memory references to have them back',
    caption: 'References of the page walks that bring the dropped translations back.',
    label: 'references',
    of: (row) => exactly(row.refill.references),
  },
];

const unitText = (unit: string): string => (unit === 'share' ? 'share of one flush' : unit);

/** Costs in one unit: to the CPU that runs the operation, and to all where that is another figure. */
function costsIn(
  unit: string,
  rows: readonly FlushRow[],
  profiles: readonly FlushProfile[],
): readonly Measure[] {
  const sources = { profiles: profiles.filter((profile) => profile.unit === unit && isPriced(profile)) };
  const label = unitText(unit);
  const initiator: Measure = {
    title: `Modelled cost to the CPU that runs the operation, ${label}`,
    caption:
      'With its waiting for others. A band lies between least and most: what no publication tells apart. Each panel is a machine ' +
      'of its own; machines are not comparable with each other. No point where a part of the cost has no price.',
    label,
    of: ({ cost }) => (cost.unit === unit ? cost.initiator : undefined),
    ...sources,
  };
  const all: Measure = {
    title: `Modelled cost to all CPUs, ${label}`,
    caption: 'Interrupted CPUs and later walks too. No point where a part of it has no price.',
    label,
    of: ({ cost }) => (cost.unit === unit ? cost.total : undefined),
    ...sources,
  };
  const differs = rows.some((row) => {
    const [alone, total] = [initiator.of(row), all.of(row)];
    return total !== undefined && (total.least !== alone?.least || total.most !== alone.most);
  });
  return differs ? [initiator, all] : [initiator];
}

/**
 * Figures of a sweep: an architecture a panel, an operation a row of panels, number of pages along, a line for each
 * mapping, number of CPUs and release.
 */
export function flushFigures(
  easel: Easel,
  rows: readonly FlushRow[],
  profiles: readonly FlushProfile[],
): readonly Figure[] {
  const units = [...new Set(rows.flatMap(({ cost }) => (cost.initiator === undefined ? [] : [cost.unit])))];
  const measures = [...units.flatMap((unit) => costsIn(unit, rows, profiles)), ...COUNTS];
  return measures.flatMap((measure) => {
    const shown = rows.filter((row) => measure.of(row) !== undefined);
    // A plot of zeros says less than the table does.
    if (!shown.some((row) => (measure.of(row)?.most ?? 0) > 0)) return [];
    const { title, caption } = measure;
    const panels = new Set(shown.map(({ spec }) => spec));
    const notes = (measure.profiles ?? []).filter(({ spec }) => panels.has(spec)).map(profileNote);
    return [{ title, caption, markup: figure(easel, { all: rows, shown }, measure), notes }];
  });
}

/** Label and source of a profile. */
export function profileNote(profile: FlushProfile): readonly [name: string, text: string] {
  const { spec, label, status, unit } = profile;
  const priced = isPriced(profile) ? `${status}, in ${unit}` : status;
  return [`${spec}: ${label}.`, `${[priced, ...profileLines(profile)].join('. ')}.`];
}

/** What is plotted: every row of the sweep, so that a line has its colour in all figures, and the rows that have the measure. */
interface Plotted {
  readonly all: readonly FlushRow[];
  readonly shown: readonly FlushRow[];
}

function figure({ plot, document }: Easel, { all, shown }: Plotted, measure: Measure): string {
  const along = axisOf(all);
  const points = shown.map((row) => {
    const { spec: panel, operation } = row;
    return {
      ...(measure.of(row) ?? exactly(0)),
      x: along.of(row),
      panel,
      operation,
      series: seriesOf(all, row, along),
    };
  });
  const unique = (values: readonly string[]): readonly string[] => [...new Set(values)];
  const series = unique(all.map((row) => seriesOf(all, row, along)));
  const operations = unique(points.map(({ operation }) => operation));
  const several = operations.length > 1;
  const open = points.some(({ least, most }) => least !== most) ? points : [];
  const at = { fx: 'panel', x: 'x', ...(several && { fy: 'operation' }) } as const;
  // Lines that coincide stay visible: the first is the widest.
  const lines = series.map((name, i) => {
    const strokeWidth = 1.5 + 1.8 * (series.length - 1 - i);
    const own = points.filter((point) => point.series === name);
    return plot.line(own, { ...at, y: 'least', stroke: 'series', strokeWidth, strokeOpacity: 0.85 });
  });
  return drawn(plot, {
    document,
    width: WIDTH,
    height: several ? 80 + HEIGHT_FACET * operations.length : HEIGHT,
    marginLeft: 64,
    marginRight: several ? 100 : 20,
    marginBottom: 44,
    fx: { label: null, domain: unique(points.map(({ panel }) => panel)), padding: 0.08 },
    ...(several && { fy: { label: null, domain: operations, padding: 0.12 } }),
    x: {
      type: 'log',
      base: 2,
      label: along.label,
      tickFormat: 'd',
      ticks: ticksOf(points.map(({ x }) => x)),
    },
    y: { label: measure.label, grid: true, tickFormat: short, ...yScale(points, several) },
    color: { domain: series, range: series.map((_, i) => COLORS[i % COLORS.length] ?? '') },
    symbol: { domain: series, legend: series.length > 1 },
    marks: [
      plot.frame({ strokeOpacity: 0.25 }),
      plot.areaY(open, { ...at, y1: 'least', y2: 'most', fill: 'series', z: 'series', fillOpacity: 0.16 }),
      plot.line(open, { ...at, y: 'most', stroke: 'series', z: 'series', strokeDasharray: '3,3', strokeWidth: 1 }),
      ...lines,
      plot.dot(points, { ...at, y: 'least', stroke: 'series', symbol: 'series', r: 3.5 }),
    ],
  }); // prettier-ignore
}

const HEIGHT = 300;
/** One operation of several. */
const HEIGHT_FACET = 110;

/** Room above the largest value, so that its mark is not cut. */
const HEADROOM = 1.6;

/** A log axis, from the smallest value; with 0 at its foot where 0 occurs. Low panels have every second power of ten. */
function yScale(points: readonly FlushSpan[], low: boolean): Readonly<Record<string, unknown>> {
  const most = Math.max(...points.map((point) => point.most));
  const least = Math.min(...points.map((point) => point.least));
  const powers = powersOfTen(most).filter((_, i) => !low || i % 2 === 0);
  if (least <= 0) {
    const above = low ? powers.slice(1) : powers;
    return { type: 'symlog', domain: [0, HEADROOM * most], ticks: [0, ...above] };
  }
  const foot = 10 ** Math.floor(Math.log10(least));
  const top = Math.max(HEADROOM * most, 10 * foot);
  return { type: 'log', domain: [foot, top], ticks: powers.filter((power) => power >= foot) };
}

function powersOfTen(most: number): readonly number[] {
  const powers: number[] = [];
  for (let power = 1; power <= most; power *= 10) powers.push(power);
  return powers;
}

/** What goes along: pages, or CPUs where the number of pages is one and the same. */
interface Along {
  readonly label: string;
  readonly name: 'pages' | 'cpus';
  readonly of: (row: FlushRow) => number;
}

function axisOf(rows: readonly FlushRow[]): Along {
  const several = new Set(rows.map(({ pages }) => pages)).size > 1;
  if (several) return { label: 'pages', name: 'pages', of: ({ pages }) => pages };
  return { label: 'CPUs', name: 'cpus', of: ({ cpus }) => cpus };
}

/** The name of a line: what differs between the lines of a panel, and no more. */
function seriesOf(rows: readonly FlushRow[], row: FlushRow, along: Along): string {
  const varies = (of: (some: FlushRow) => unknown): boolean => new Set(rows.map(of)).size > 1;
  const parts = [
    ...(varies(({ huge }) => huge) ? [row.huge === true ? 'huge' : 'as needed'] : []),
    ...(along.name === 'pages' && varies(({ cpus }) => cpus) ? [`${row.cpus} CPU${row.cpus === 1 ? '' : 's'}`] : []),
    ...(varies(({ kernel }) => kernel) ? [row.kernel] : []),
  ]; // prettier-ignore
  return parts.length > 0 ? parts.join(', ') : 'all';
}

/** Powers of 8 within the values; the values themselves where that would be one tick. */
function ticksOf(values: readonly number[]): readonly number[] {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const powers = [1, 8, 64, 512, 4096, 32_768].filter((power) => power >= least && power <= most);
  return powers.length > 1 ? powers : [...new Set(values)].sort((a, b) => a - b);
}

const short = (value: number): string => {
  if (value >= 1e6) return `${value / 1e6}M`;
  return value >= 1e3 ? `${value / 1e3}k` : String(value);
};

/** Figures of a calibration: published points, the model's line, and how far off 10 % is. */
export function calibrationFigures(easel: Easel, rows: readonly CalibrationView[]): readonly Figure[] {
  const series = new Map<string, { row: CalibrationView; pages: number }[]>();
  for (const row of rows) {
    const [, name, pages] = /^(.*)\/(\d+)$/.exec(row.id) ?? [];
    if (name === undefined || pages === undefined) continue;
    const points = series.get(name) ?? [];
    points.push({ row, pages: Number(pages) });
    series.set(name, points);
  }
  return [...series].map(([name, points]) => ({
    title: name,
    caption: `Published (dots; a cross where the model is off by more than 10 %), model (line), 10 % around the model (band). ${points[0]?.row.source ?? ''}.`,
    markup: calibrationFigure(easel, points),
  }));
}

function calibrationFigure(
  { plot, document }: Easel,
  points: readonly { readonly row: CalibrationView; readonly pages: number }[],
): string {
  const drawnPoints = points.map(({ row, pages }) => ({
    pages,
    model: row.model,
    low: row.model * 0.9,
    high: row.model * 1.1,
    published: typeof row.published === 'number' ? row.published : row.published[0],
    met: row.verdict === 'met',
  }));
  const [model, published] = ['var(--series-0)', 'var(--series-1)'];
  const unit = points[0]?.row.unit ?? '';
  const values = drawnPoints.flatMap(({ low, high, published: value }) => [low, high, value]);
  return drawn(plot, {
    document,
    width: WIDTH / 2,
    height: 300,
    marginLeft: 64,
    marginBottom: 44,
    x: { type: 'log', base: 2, label: 'pages', tickFormat: 'd', ticks: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512].filter((n) => n <= Math.max(...drawnPoints.map(({ pages }) => pages))) },
    y: { type: 'log', label: unit, grid: true, domain: [Math.min(...values), Math.max(...values)], ticks: 6, tickFormat: short },
    symbol: { legend: false },
    marks: [
      plot.frame({ strokeOpacity: 0.25 }),
      plot.areaY(drawnPoints, { x: 'pages', y1: 'low', y2: 'high', fill: model, fillOpacity: 0.18 }),
      plot.line(drawnPoints, { x: 'pages', y: 'model', stroke: model }),
      plot.dot(drawnPoints.filter(({ met }) => met), { x: 'pages', y: 'published', stroke: published, r: 3 }),
      plot.dot(drawnPoints.filter(({ met }) => !met), { x: 'pages', y: 'published', stroke: published, symbol: 'times', r: 5 }),
    ],
  }); // prettier-ignore
}

/** Draws, and takes the markup. */
function drawn(plot: Plot, options: Readonly<Record<string, unknown>>): string {
  const made: unknown = plot.plot(options as PlotOptions);
  return (made as { readonly outerHTML: string }).outerHTML;
}

/** What the views of flushes show; the results of `ptemu bench flush` have these fields. */

/** At least and at most. */
export interface FlushSpan {
  readonly least: number;
  readonly most: number;
}

/** One operation on one machine. */
export interface FlushRow {
  /** As the command line writes it: `powerpc:hash`. */
  readonly spec: string;
  readonly kernel: string;
  readonly operation: string;
  readonly pages: number;
  /** CPUs that run the mm, the initiator among them. */
  readonly cpus: number;
  /** Mapped by huge pmds; left out: as the operation needs it. */
  readonly huge?: boolean;
  /** Other pages of the process that each CPU held translations of. */
  readonly bystanders: number;
  /** Instructions of the initiator by name. */
  readonly issued: Readonly<Record<string, number>>;
  readonly completions: number;
  readonly issuedByTargets: Readonly<Record<string, number>>;
  readonly ipis: number;
  readonly dropped: { readonly wanted: number; readonly collateral: number };
  readonly refill: { readonly walks: number; readonly references: number };
  readonly cost: FlushCost;
  /** Operations per second of the emulator; left out where it was not measured. */
  readonly perSecond?: number;
}

/** What it costs by a profile. */
export interface FlushCost {
  /** Id of the profile. */
  readonly profile: string;
  readonly unit: string;
  /** Undefined where an event has no price. */
  readonly initiator: FlushSpan | undefined;
  readonly targets: FlushSpan | undefined;
  readonly refill: FlushSpan | undefined;
  readonly total: FlushSpan | undefined;
  /** Events without a price. */
  readonly lacks: readonly string[];
  /** Weakest kind of the prices charged. */
  readonly basis: string | undefined;
}

/** A cost profile, as it is named under what was made with it. */
export interface FlushProfile {
  readonly spec: string;
  readonly id: string;
  readonly label: string;
  readonly unit: string;
  readonly status: string;
  readonly source: string;
  readonly note?: string;
  /** Prices that nobody measured, and why they are what they are. */
  readonly assumed?: readonly string[];
}

/** Whether a profile has prices. */
export const isPriced = ({ status }: FlushProfile): boolean => status !== 'uncalibrated';

/** What is said of a profile wherever it was used: its source, what to know of it, what was assumed. */
export const profileLines = ({ source, note, assumed = [] }: FlushProfile): readonly string[] => [
  `source: ${source}`,
  ...(note === undefined ? [] : [`note: ${note}`]),
  ...assumed.map((text) => `assumed: ${text}`),
];

/** A published figure beside what a profile makes of it. */
export interface CalibrationView {
  readonly spec: string;
  readonly profile: string;
  readonly id: string;
  readonly what: string;
  readonly unit: string;
  readonly published: number | readonly [number, number];
  readonly model: number;
  /** Relative. */
  readonly error: number;
  readonly by: string;
  readonly verdict: 'met' | 'explained' | 'not met';
  readonly reason?: string;
  readonly source: string;
}

/** A property that published figures have, and whether the model has it. */
export interface ShapeView {
  readonly number: number;
  readonly title: string;
  readonly holds: boolean;
  readonly said: string;
}

/** Rows of one table: the same machine, operation and page size. */
export function flushSections(rows: readonly FlushRow[]): readonly (readonly FlushRow[])[] {
  const sections = new Map<string, FlushRow[]>();
  for (const row of rows) {
    const key = JSON.stringify([row.spec, row.kernel, row.operation, row.huge ?? null]);
    const section = sections.get(key);
    if (section === undefined) sections.set(key, [row]);
    else section.push(row);
  }
  return [...sections.values()];
}

/** A number to three digits, with a suffix for thousands and more: `216`, `4.34k`, `121k`, `1.2M`. */
export function shortNumber(value: number, digits = 3): string {
  const rounded = Number(value.toPrecision(digits));
  const [suffix, unit] = SUFFIXES.find(([, size]) => Math.abs(rounded) >= size) ?? ['', 1];
  return `${Number((rounded / unit).toPrecision(digits))}${suffix}`;
}

const SUFFIXES: readonly (readonly [string, number])[] = [
  ['G', 1e9],
  ['M', 1e6],
  ['k', 1e3],
];

/** A model's figure beside a published one: to six digits, a share to two. */
export const modelText = (value: number): string => String(Number(value.toPrecision(value < 1 ? 2 : 6)));

/** What was published: a value, or a range. */
export const publishedText = (published: CalibrationView['published']): string =>
  typeof published === 'number' ? String(published) : published.join(' to ');

/** A relative error in percent, with its sign. */
export function percentText(error: number): string {
  const text = (100 * error).toFixed(1);
  if (Number(text) === 0) return '0.0 %';
  return `${error > 0 ? '+' : ''}${text} %`;
}

/** A count: exact where it has up to five digits. */
export const countText = (count: number): string => (count < 1e5 ? String(count) : shortNumber(count));

/** A span in few characters, to two digits; one number to three where nothing is open. */
export function spanText(span: FlushSpan | undefined): string {
  if (span === undefined) return '-';
  if (span.least === span.most) return shortNumber(span.least);
  return `${shortNumber(span.least, 2)}..${shortNumber(span.most, 2)}`;
}

/** `33 INVLPG loop`, one line for each name. */
export const issuedText = (issued: Readonly<Record<string, number>>): string =>
  Object.entries(issued)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${count} ${name}`)
    .join('\n') || 'none';

/** Instructions of a row's CPUs in words. */
export function instructionsText(row: FlushRow): string {
  const targets = Object.values(row.issuedByTargets).reduce((sum, count) => sum + count, 0);
  const lines = [issuedText(row.issued)];
  if (targets > 0) lines.push(`${targets} on targets`);
  return lines.join('\n');
}

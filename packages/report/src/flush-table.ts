/** Flushes on a terminal: what was issued, what went, what it costs; and how well the costs fit what was published. */
import wrapAnsi from 'wrap-ansi';
import {
  type CalibrationView,
  type FlushProfile,
  type FlushRow,
  type FlushSpan,
  type ShapeView,
  countText,
  modelText,
  percentText,
  profileLines,
  publishedText,
  flushSections,
  instructionsText,
  isPriced,
  shortNumber,
  spanText,
} from './flush-rows.js';
import { type ViewOptions, styleOf } from './style.js';
import { table, visible } from './table.js';

/** One table for each machine, operation and page size; the profiles with their sources below. */
export function flushTable(
  rows: readonly FlushRow[],
  profiles: readonly FlushProfile[],
  options: ViewOptions = {},
): string {
  const style = styleOf(options);
  const sections = flushSections(rows).map((section) => {
    const [first] = section;
    if (first === undefined) return '';
    const title = `${first.operation}${first.huge === true ? ' of huge pages' : ''} on ${first.spec}, kernel ${first.kernel}`;
    return `${style.head(title)}\n\n${fittingTable(section, options)}`;
  });
  return `${[...sections, profileText(profiles, options), style.dim(legend(rows, profiles, options))].join('\n\n')}\n`;
}

/** Columns of a terminal that the column of speeds is kept out of. */
const NARROW = 100;

/** The table on lines of one cell each; where that is wider than the terminal, with the second figure of a pair below. */
function fittingTable(rows: readonly FlushRow[], options: ViewOptions): string {
  const text = sectionTable(rows, options, ' ');
  const widest = Math.max(
    ...visible(text)
      .split('\n')
      .map((line) => line.length),
  );
  return widest <= (options.width ?? Infinity) ? text : sectionTable(rows, options, '\n');
}

function sectionTable(rows: readonly FlushRow[], options: ViewOptions, between: ' ' | '\n'): string {
  const timed = showsSpeed(rows, options);
  const span = (cost: FlushSpan | undefined): string =>
    spanText(cost).replace('..', between === ' ' ? '..' : '\n..');
  const unit = rows.find(({ cost }) => cost.total ?? cost.initiator)?.cost.unit;
  const priced = unit === undefined ? [] : [`initiator\n${unit}`, `total\n${unit}`];
  // A machine that sends no IPIs has no column of them.
  const some = (of: (row: FlushRow) => number): boolean => rows.some((row) => of(row) > 0);
  const [ipis, waits] = [some((row) => row.ipis), some((row) => row.completions)];
  const head = [
    'CPUs',
    'pages',
    'instructions',
    ...(ipis ? ['IPIs'] : []),
    ...(waits ? ['waits'] : []),
    'wanted\n+ other',
    'walks\n/ refs',
    ...priced,
    ...(timed ? ['speed\nop/s'] : []),
  ];
  const body = rows.map((row, i) => [
    row.cpus === rows[i - 1]?.cpus ? '' : String(row.cpus),
    String(row.pages),
    instructionsText(row),
    ...(ipis ? [countText(row.ipis)] : []),
    ...(waits ? [countText(row.completions)] : []),
    `${countText(row.dropped.wanted)}${between}+ ${countText(row.dropped.collateral)}`,
    `${countText(row.refill.walks)}${between}/ ${countText(row.refill.references)}`,
    ...(unit === undefined ? [] : [span(row.cost.initiator), span(row.cost.total)]),
    ...(timed ? [row.perSecond === undefined ? '-' : shortNumber(row.perSecond)] : []),
  ]);
  const align = ['right', 'right', 'left', ...head.slice(3).map(() => 'right' as const)] as const;
  return table(head, body, { ...options, align });
}

const showsSpeed = (rows: readonly FlushRow[], { width }: ViewOptions): boolean =>
  rows.some(({ perSecond }) => perSecond !== undefined) && (width ?? NARROW) >= NARROW;

function profileText(profiles: readonly FlushProfile[], options: ViewOptions): string {
  const lines = profiles.flatMap((profile) => [
    wrapped(`${profile.spec}: ${profile.label}; ${profile.status}`, options),
    ...profileLines(profile).map((text) => indented(text, options)),
  ]);
  return lines.join('\n');
}

const indented = (text: string, { width, ...rest }: ViewOptions): string =>
  wrapped(text, { ...rest, ...(width !== undefined && { width: width - 2 }) }).replace(/^/gm, '  ');

function legend(rows: readonly FlushRow[], profiles: readonly FlushProfile[], options: ViewOptions): string {
  const priced = profiles.filter(isPriced).map(({ spec }) => spec);
  const unpriced = rows.filter(({ spec, cost }) => cost.total === undefined && priced.includes(spec));
  const lacks = [...new Set(unpriced.flatMap(({ cost }) => cost.lacks))];
  const lines = [
    'wanted + other: translations dropped on all CPUs, of the pages themselves and of the',
    `${[...new Set(rows.map((row) => row.bystanders))].join(' or ')} other pages that each CPU held.`,
    'walks / refs: page walks to have the others back, and their memory references. a..b: at least and at most.',
    ...(lacks.length > 0 ? [`- or no column: no price was published for ${lacks.join(', ')}.`] : []),
    ...(showsSpeed(rows, options)
      ? [
          'speed: operations that the emulator runs per second on this machine, their set-up apart; no other column depends on it.',
        ]
      : []),
  ];
  return wrapped(lines.join(' '), options);
}

/** Every claimed row, and the checks of shape. */
export function calibrationTable(
  rows: readonly CalibrationView[],
  checks: readonly ShapeView[],
  options: ViewOptions = {},
): string {
  const style = styleOf(options);
  const profiles = [...new Set(rows.map(({ profile }) => profile))];
  const head = ['row', 'what', 'model', 'published', 'error', ''];
  const align = ['left', 'left', 'right', 'right', 'right', 'left'] as const;
  const parts = profiles.map((profile) => {
    const own = rows.filter((row) => row.profile === profile);
    const body = own.map((row) => [
      row.id.replace(/^.*\//, ''),
      row.what,
      modelText(row.model),
      publishedText(row.published),
      percentText(row.error),
      verdictText(row, options),
    ]);
    const [first] = own;
    const title = `${first?.spec ?? ''} ${profile}, ${first?.unit ?? ''}`;
    const reasons = own.flatMap(({ id, error, reason }) =>
      reason === undefined ? [] : [`${id}, ${percentText(error)}: ${reason}`],
    );
    const source = wrapped(first?.source ?? '', options);
    return [style.head(title), style.dim(source), '', table(head, body, { ...options, align }), ...reasonLines(reasons, options)].join('\n'); // prettier-ignore
  });
  const shape = checks.map(({ number, title, holds, said }) => {
    const mark = holds ? style.good('holds') : style.bad('FAILS');
    return wrapped(`${number}. ${mark}  ${title}: ${said}`, options);
  });
  const [met, all] = [rows.filter(({ verdict }) => verdict === 'met').length, rows.length];
  const notMet = rows.filter(({ verdict }) => verdict === 'not met').length;
  const sum = `${met} of ${all} rows within 10 %, ${all - met - notMet} explained by the source, ${notMet} not met`;
  return `${[...parts, `${style.head('shape')}\n\n${shape.join('\n')}`, sum].join('\n\n')}\n`;
}

const reasonLines = (reasons: readonly string[], options: ViewOptions): readonly string[] =>
  reasons.length === 0 ? [] : ['', wrapped(reasons.join('\n'), options)];

function verdictText({ verdict, by }: CalibrationView, options: ViewOptions): string {
  const style = styleOf(options);
  if (verdict === 'met') return style.dim(by);
  return verdict === 'explained' ? style.note(`${by}, not met`) : style.bad(`${by}, NOT MET`);
}

const wrapped = (text: string, { width }: ViewOptions): string =>
  width === undefined ? text : wrapAnsi(text, width);

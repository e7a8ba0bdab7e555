/** One page about flushes, to put into a mail or open from a file: plots, what they were made with, the numbers. */
import { calibrationFigures, flushFigures, profileNote } from './flush-plots.js';
import type { CalibrationView, FlushProfile, FlushRow, ShapeView } from './flush-rows.js';
import { instructionsText, isPriced, modelText, percentText, publishedText, spanText } from './flush-rows.js';
import { HtmlPage } from './html-page.js';

/** What a page is made of; what is empty is left out. */
export interface FlushPage {
  readonly title: string;
  /** The command that made it. */
  readonly command: string;
  readonly rows: readonly FlushRow[];
  readonly profiles: readonly FlushProfile[];
  readonly calibration: readonly CalibrationView[];
  readonly checks: readonly ShapeView[];
}

/** A page that must not be published: a figure without a source. */
export class UnsourcedError extends Error {
  constructor(what: string) {
    super(`${what} has no source; a page without sources is not made`);
    this.name = 'UnsourcedError';
  }
}

/** Makes the page. @throws UnsourcedError where a profile or a published figure has no source. */
export async function flushPage(content: FlushPage): Promise<string> {
  for (const { spec, id, source } of content.profiles) {
    if (source.trim() === '') throw new UnsourcedError(`profile ${id} of ${spec}`);
  }
  for (const { id, source } of content.calibration) {
    if (source.trim() === '') throw new UnsourcedError(`row ${id}`);
  }
  const page = await HtmlPage.open(content.title);
  page.code(content.command);
  if (content.rows.length > 0) addSweep(page, content);
  if (content.calibration.length > 0) addCalibration(page, content);
  if (content.checks.length > 0) addChecks(page, content);
  return page.text();
}

function addSweep(page: HtmlPage, { rows, profiles }: FlushPage): void {
  page.caption(
    'Where lines coincide all are drawn, the first of the legend widest. An axis that begins at 0 is linear below 1.',
  );
  page.figures(flushFigures(page, rows, profiles), 'wide');
  const unpriced = profiles.filter((profile) => !isPriced(profile));
  if (unpriced.length > 0) {
    page.heading('h2', 'Without prices');
    page.list(unpriced.map(profileNote));
  }
  page.heading('h2', 'Numbers');
  page.table(NUMBERS_HEAD, rows.map(numbersRow), NUMBERS_TEXT);
  page.caption(
    'a..b: at least and at most. -: an event has no price. Other: translations that nobody asked to drop, of the ' +
      `${[...new Set(rows.map((row) => row.bystanders))].join(' or ')} other pages that each CPU held.`,
  );
}

const NUMBERS_HEAD = [
  'arch', 'kernel', 'operation', 'mapped', 'pages', 'CPUs', 'instructions', 'IPIs', 'waits', 'wanted', 'other', 'walks', 'references',
  'initiator', 'total', 'unit',
]; // prettier-ignore
const NUMBERS_TEXT = ['arch', 'kernel', 'operation', 'mapped', 'instructions', 'unit'];

const numbersRow = (row: FlushRow): readonly string[] => [
  row.spec,
  row.kernel,
  row.operation,
  row.huge === true ? 'huge' : '',
  String(row.pages),
  String(row.cpus),
  instructionsText(row).replaceAll('\n', ', '),
  String(row.ipis),
  String(row.completions),
  String(row.dropped.wanted),
  String(row.dropped.collateral),
  String(row.refill.walks),
  String(row.refill.references),
  spanText(row.cost.initiator),
  spanText(row.cost.total),
  row.cost.basis === undefined ? 'no price' : `${row.cost.unit}, ${row.cost.basis}`,
];

function addCalibration(page: HtmlPage, { calibration }: FlushPage): void {
  page.heading('h2', 'Model and publication');
  page.figures(calibrationFigures(page, calibration), 'narrow');
  page.heading('h2', 'Rows');
  page.table(CALIBRATION_HEAD, calibration.map(calibrationRow), CALIBRATION_TEXT);
  const sources = new Map(calibration.map(({ profile, source }) => [profile, source]));
  page.list([...sources].map(([profile, source]) => [`${profile}:`, `${source}.`]));
}

const CALIBRATION_HEAD = ['profile', 'row', 'what', 'model', 'published', 'error', 'unit', 'how', 'verdict'];
const CALIBRATION_TEXT = ['profile', 'row', 'what', 'unit', 'how', 'verdict'];

const calibrationRow = (row: CalibrationView): readonly string[] => [
  row.profile,
  row.id,
  row.what,
  modelText(row.model),
  publishedText(row.published),
  percentText(row.error),
  row.unit,
  row.by,
  row.reason === undefined ? row.verdict : `${row.verdict}: ${row.reason}`,
];

function addChecks(page: HtmlPage, { checks }: FlushPage): void {
  page.heading('h2', 'Shape of published figures that no price was fitted to');
  const rows = checks.map(({ number, title, holds, said }) => [
    String(number),
    title,
    holds ? 'holds' : 'FAILS',
    said,
  ]);
  page.table(['', 'check', 'verdict', 'figures'], rows, ['check', 'verdict', 'figures']);
}

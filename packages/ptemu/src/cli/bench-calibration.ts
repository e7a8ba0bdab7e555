import type { Arch } from '@ptemu/arch';
import { type CalibrationRow, calibrate } from '@ptemu/hw';
import { operationEvents } from '@ptemu/mm';
import { type CalibrationView, calibrationTable, flushPage } from '@ptemu/report';
import { ALL_SPECS } from '../backends.js';
import { type ShapeCheck, shapeChecks } from '../shape-checks.js';
import { DEFAULT_RELEASE, parseBackend, writeText } from './input.js';
import { EXIT, type ExitCode, type Io, UsageError } from './io.js';
import { jsonLine } from './json.js';

/** Options that go with `--calibration`; all others do not. */
export interface CalibrationOptions {
  readonly json?: boolean;
  readonly html?: string;
}

const TOGETHER: readonly string[] = ['calibration', 'json', 'html'];

/** `ptemu bench flush --calibration`: every claimed row with model and error, and the checks of shape; exit 1 where one fails. */
export async function calibrationCommand(
  options: CalibrationOptions,
  io: Io,
  archs: readonly Arch[] = everyArch(),
): Promise<ExitCode> {
  const other = Object.keys(options).find((name) => !TOGETHER.includes(name));
  if (other !== undefined)
    throw new UsageError(`--calibration goes without --${other}: it is of all profiles`);
  const rows = archs.flatMap((arch) => calibrate(arch.costs).map((row) => viewOf(arch, row)));
  const checks = checksOf(archs);
  if (options.html !== undefined) {
    const title = 'Cost profiles beside what was published';
    const command = `ptemu bench flush --calibration --html ${options.html}`;
    const page = { title, command, rows: [], profiles: [], calibration: rows, checks };
    writeText(options.html, await flushPage(page));
  }
  if (options.json === true) {
    for (const row of rows) io.stdout(jsonLine({ kind: 'row', ...row }));
    for (const check of checks) io.stdout(jsonLine({ kind: 'shape', ...check }));
  } else if (options.html !== undefined) {
    io.stdout(`${options.html}: ${rows.length} rows and ${checks.length} checks of shape\n`);
  } else {
    const width = io.columns === undefined ? {} : { width: io.columns };
    io.stdout(calibrationTable(rows, checks, { ...width, color: io.color }));
  }
  const good = rows.every(({ verdict }) => verdict !== 'not met') && checks.every(({ holds }) => holds);
  return good ? EXIT.expected : EXIT.differs;
}

/** One of each: prices do not differ between variants, but for hash, which has none. */
const everyArch = (): readonly Arch[] =>
  ALL_SPECS.filter((spec) => !spec.includes(':')).map((spec) => parseBackend(spec, DEFAULT_RELEASE));

function viewOf(arch: Arch, { row, ...found }: CalibrationRow): CalibrationView {
  const { id, what, unit, value, source } = row;
  return { spec: arch.spec, id, what, unit, published: value, source, ...found };
}

/** The checks, on the release that the flushes of today are in; radix with pages that no huge page hides behind. */
function checksOf(archs: readonly Arch[]): readonly ShapeCheck[] {
  const of = (name: string): Arch =>
    archs.find((arch) => arch.name === name) ?? parseBackend(name, DEFAULT_RELEASE);
  return shapeChecks({
    x86_64: of('x86_64'),
    arm64: of('arm64'),
    arm64Unbatched: parseBackend('arm64', '6.5'),
    powerpc: parseBackend('powerpc:page=4k', DEFAULT_RELEASE),
    eventsOf: (arch, pages, operation) => operationEvents(arch, { operation, pages, cpus: 1 }),
  });
}

import { type DumpRange, dump } from '@ptemu/capture';
import { openCaptureView, parseRoot } from './capture-input.js';
import { EXIT, type ExitCode, type Io } from './io.js';
import { jsonLine } from './json.js';
import { captureTitle } from './walk.js';

/** Options of `ptemu dump`. */
export interface DumpCommandOptions {
  readonly root?: string;
  readonly json?: boolean;
}

/** `ptemu dump CAPTURE`: every range of a tree that is not none, neighbours joined. */
export function dumpCommand(path: string, options: DumpCommandOptions, io: Io): ExitCode {
  const root = parseRoot(options.root);
  const view = openCaptureView(path);
  if (options.json !== true) io.stdout(`${captureTitle(view, root)}\n\n`);
  let truncated: DumpRange | undefined;
  for (const range of dump(view, { root })) {
    io.stdout(options.json === true ? jsonLine({ va: range.start, ...range }) : `${rangeText(range)}\n`);
    if (range.truncated === true) truncated = range;
  }
  if (truncated === undefined) return EXIT.expected;
  io.stderr(`ptemu: too many tables; the dump ends at ${truncated.end}. Do they point at themselves?\n`);
  return EXIT.bound;
}

function rangeText(range: DumpRange): string {
  const where = `${range.start}-${range.end} ${range.level}`;
  const mapped = range.pa === undefined ? '' : ` -> ${range.pa}`;
  const permissions = range.permissions ?? '-----';
  const swap = range.swapType === undefined ? '' : ` type ${range.swapType} offset ${range.swapOffset ?? ''}`;
  const frame = range.pa === undefined && range.pfn !== undefined ? ` pfn ${range.pfn}, no access` : '';
  return `${where} ${permissions} ${range.linux}${mapped}${frame}${swap}`;
}

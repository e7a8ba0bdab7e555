import { gunzipSync } from 'node:zlib';
import { type LawReport, type VectorFile, compareVectors, conformance } from '@ptemu/conformance';
import { table } from '@ptemu/report';
import { backend, parseSpec } from '../backends.js';
import { title } from './decode.js';
import { type Toggles, clip, parseBackend, readBytes } from './input.js';
import { EXIT, type ExitCode, type Io, UsageError } from './io.js';
import { jsonLine, machineJson } from './json.js';

/** Options of `ptemu conformance`. */
export interface ConformanceOptions extends Toggles {
  readonly kernel?: string;
  readonly json?: boolean;
}

/** `ptemu conformance SPEC [FILE...]`: the laws, or with files every slot of these vectors; exit 1 where one fails. */
export function conformanceCommand(
  spec: string,
  files: readonly string[],
  options: ConformanceOptions,
  io: Io,
): ExitCode {
  return files.length > 0 ? vectors(spec, files, options, io) : laws(spec, options, io);
}

function laws(spec: string, options: ConformanceOptions, io: Io): ExitCode {
  const arch = parseBackend(spec, options.kernel, options);
  const report = conformance(arch);
  if (options.json === true) {
    const machine = machineJson(arch);
    for (const result of report.results) io.stdout(jsonLine({ ...machine, ...result }));
  } else {
    io.stdout(`${title(arch)}\n\n${lawTable(report, io)}\n`);
  }
  return report.conforms ? EXIT.expected : EXIT.differs;
}

function lawTable(report: LawReport, io: Io): string {
  const asked = report.results.filter(({ grade }) => grade !== 'not-applicable');
  const rows = asked.map(({ id, level, grade, held, asked: of, title: law, exception }) => [
    id,
    level,
    grade,
    `${held} of ${of}`,
    exception === undefined ? law : `${law}: ${exception.reason}`,
  ]);
  const counts = Object.entries(report.counts).filter(([, count]) => count > 0);
  const sum = counts.map(([grade, count]) => `${count} ${grade}`).join(', ');
  return `${table(['law', 'level', 'grade', 'held', 'what it says'], rows, { color: io.color })}\n\n${sum}`;
}

const BYTES_MAX = 2 ** 29;

function vectors(spec: string, files: readonly string[], options: ConformanceOptions, io: Io): ExitCode {
  parseSpec(spec);
  if (options.kernel !== undefined)
    throw new UsageError('--kernel goes without files: a vector file names its own');
  let differs = false;
  for (const path of files) {
    const file = readVectors(path);
    const { kernel_release: kernel, config } = file.meta;
    // An option that the file does not have was not built in.
    const on = (option: string): boolean => config[`CONFIG_${option}`] === 'y';
    const known = Object.keys(backend(spec, { kernel }).config);
    const arch = backend(spec, { kernel, config: Object.fromEntries(known.map((key) => [key, on(key)])) });
    const report = compareVectors(arch, file);
    const { agree, slots, traps, protections } = report;
    differs ||= agree !== slots || protections.agree !== protections.slots;
    const disagreements = [...report.disagreements, ...protections.disagreements];
    if (options.json === true) {
      io.stdout(
        jsonLine({ file: file.meta.name, arch: arch.name, options: arch.options, kernel, slots, agree, traps,
          protections: { slots: protections.slots, agree: protections.agree }, disagreements }), // prettier-ignore
      );
      continue;
    }
    io.stdout(`${file.meta.name} on ${arch.spec} ${kernel}: ${agree} of ${slots}, traps ${traps}, `);
    io.stdout(`protections ${protections.agree} of ${protections.slots}\n`);
    for (const { column, input, kernel: wanted, backend: got } of disagreements) {
      io.stdout(`  ${column} ${input}: kernel ${wanted}, backend ${got}\n`);
    }
  }
  return differs ? EXIT.differs : EXIT.expected;
}

function readVectors(path: string): VectorFile {
  const bytes = readBytes(path);
  let value: unknown;
  try {
    const text = bytes[0] === 0x1f ? gunzipSync(bytes, { maxOutputLength: BYTES_MAX }) : bytes;
    value = JSON.parse(text.toString('utf8'));
  } catch {
    throw new UsageError(`'${clip(path)}' is no vector file: it is damaged, cut short or too large`);
  }
  const sections = ['meta', 'inputs', 'pmd', 'pte', 'seq', 'modify', 'pfn', 'swap'];
  const missing = sections.find(
    (name) => typeof (value as Record<string, unknown> | null)?.[name] !== 'object',
  );
  if (missing !== undefined) throw new UsageError(`'${clip(path)}' is no vector file: it lacks '${missing}'`);
  return value as VectorFile;
}

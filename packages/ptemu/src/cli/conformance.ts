import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { type VectorFile, compareVectors } from '@ptemu/conformance';
import { backend, parseSpec } from '../backends.js';
import { clip } from './input.js';
import { EXIT, type ExitCode, type Io, UsageError } from './io.js';
import { jsonLine } from './json.js';

/** Options of `ptemu conformance`. */
export interface ConformanceOptions {
  readonly json?: boolean;
}

const BYTES_MAX = 2 ** 29;

/** `ptemu conformance SPEC FILE...`: compares every slot of vector files; exit 1 where one differs. */
export function conformanceCommand(
  spec: string,
  files: readonly string[],
  options: ConformanceOptions,
  io: Io,
): ExitCode {
  parseSpec(spec);
  let differs = false;
  for (const path of files) {
    const file = readVectors(path);
    const { kernel_release: kernel, config } = file.meta;
    const probe = backend(spec, { kernel });
    const built = Object.keys(probe.config).filter((key) => `CONFIG_${key}` in config);
    const arch = backend(spec, {
      kernel,
      config: Object.fromEntries(built.map((key) => [key, config[`CONFIG_${key}`] === 'y'])),
    });
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
  const bytes = readFileSync(path);
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

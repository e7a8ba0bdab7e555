import type { Arch } from '@ptemu/arch';
import { costOf, pricesOf, profileOf } from '@ptemu/hw';
import { FLUSH_OPERATIONS, type FlushOperation, type OperationOptions, operationEvents, prepareOperation } from '@ptemu/mm'; // prettier-ignore
import { type FlushProfile, type FlushRow, flushPage, flushTable } from '@ptemu/report';
import { splitSpecs } from '../backends.js';
import { median } from '../bench/translation.js';
import { calibrationCommand } from './bench-calibration.js';
import { type Toggles, clip, parseBackend, parseCount, parseList, writeText } from './input.js';
import { EXIT, type ExitCode, type Io, UsageError } from './io.js';
import { jsonLine } from './json.js';
import { progressBar } from './progress.js';

/** Options of `ptemu bench flush`. */
export interface BenchFlushOptions extends Toggles {
  readonly arch?: string;
  readonly kernel?: string;
  readonly operation?: string;
  readonly pages?: string;
  readonly cpus?: string;
  readonly huge?: boolean;
  readonly bystanders?: string;
  readonly profile?: string;
  readonly calibration?: boolean;
  readonly speed?: boolean;
  readonly json?: boolean;
  readonly html?: string;
}

/** What a sweep goes over where nothing is said. */
const DEFAULTS = {
  arch: 'all',
  operation: 'munmap',
  pages: '1,4,16,33,34,128,512',
  hugePages: '512,1024,4096,16384',
  cpus: '1,8',
  bystanders: '64',
} as const;
const PAGES_MAX = 65_536;
const CPUS_MAX = 256;
const ROWS_MAX = 10_000;

/** `ptemu bench flush`: what an operation on pages costs in TLB work, by architecture, number of pages and of CPUs. */
export async function benchFlushCommand(options: BenchFlushOptions, io: Io): Promise<ExitCode> {
  if (options.calibration === true) return calibrationCommand(options, io);
  const jobs = jobsOf(options);
  const timed = options.speed === true || (options.json !== true && options.html === undefined);
  const results: { readonly arch: Arch; readonly row: FlushRow }[] = [];
  const bar = progressBar(jobs.length, io);
  try {
    for (const job of jobs) {
      bar.next(`${job.operation} ${job.machine.arch.spec} ${job.pages} pages`);
      results.push({ arch: job.machine.arch, row: rowOf(job, timed) });
    }
  } finally {
    bar.stop();
  }
  const rows = results.map(({ row }) => row);
  const profiles = profilesOf(jobs);
  if (options.html !== undefined) {
    const operations = [...new Set(rows.map(({ operation }) => operation))].join(', ');
    const title = `TLB work of ${operations}${options.huge === true ? ' of huge pages' : ''}`;
    const page = { title, command: commandOf(options), rows, profiles, calibration: [], checks: [] };
    writeText(options.html, await flushPage(page));
  }
  if (options.json === true) {
    for (const { arch, row } of results) io.stdout(jsonLine(jsonOf(arch, row)));
  } else if (options.html !== undefined) {
    io.stdout(`${options.html}: ${rows.length} rows and their plots\n`);
  } else {
    const width = io.columns === undefined ? {} : { width: io.columns };
    io.stdout(flushTable(rows, profiles, { ...width, color: io.color }));
  }
  return EXIT.expected;
}

/** A backend and the profile that its flushes are priced with. */
interface Machine {
  /** As it was asked for, without the release: it has the processor's features, which `arch.spec` leaves out. */
  readonly spec: string;
  readonly arch: Arch;
  readonly profile: ReturnType<typeof profileOf>;
}

/** One row to make. */
interface Job {
  readonly machine: Machine;
  readonly operation: FlushOperation;
  readonly pages: number;
  readonly cpus: number;
  readonly huge: boolean;
  /** Other pages that each CPU holds. */
  readonly bystanders: number;
}

function jobsOf(options: BenchFlushOptions): readonly Job[] {
  const operations = parseList(options.operation ?? DEFAULTS.operation, '--operation').flatMap(operationsOf);
  const counts = (text: string, option: string, max: number): readonly number[] =>
    parseList(text, option).map((item) => parseCount(item, { option, min: 1, max }));
  const huge = options.huge === true;
  const pages = counts(options.pages ?? (huge ? DEFAULTS.hugePages : DEFAULTS.pages), '--pages', PAGES_MAX);
  const cpus = counts(options.cpus ?? DEFAULTS.cpus, '--cpus', CPUS_MAX);
  const machines = machinesOf(options);
  const rows = machines.length * operations.length * pages.length * cpus.length;
  if (rows > ROWS_MAX) {
    throw new UsageError(`that makes ${rows} rows; at most ${ROWS_MAX}: name fewer of --arch, --pages and --cpus`);
  }
  const bystanders = parseCount(options.bystanders ?? DEFAULTS.bystanders, { option: '--bystanders', min: 0, max: PAGES_MAX }); // prettier-ignore
  return machines.flatMap((machine) =>
    operations.flatMap((operation) =>
      cpus.flatMap((n) => pages.map((some) => ({ machine, operation, pages: some, cpus: n, huge, bystanders }))),
    ),
  );
} // prettier-ignore

function operationsOf(name: string): readonly FlushOperation[] {
  const found = FLUSH_OPERATIONS.filter((candidate) => name === 'all' || candidate === name);
  if (found.length > 0) return found;
  throw new UsageError(`unknown operation '${clip(name)}'; there are ${FLUSH_OPERATIONS.join(', ')}, or all`);
}

function machinesOf(options: BenchFlushOptions): readonly Machine[] {
  const releases = options.kernel === undefined ? [undefined] : parseList(options.kernel, '--kernel');
  const named = splitSpecs(options.arch ?? DEFAULTS.arch).flatMap((spec) =>
    (spec.includes('@') ? [undefined] : releases).map((release) => ({
      spec: spec.replace(/@[^@]*$/, ''),
      arch: parseBackend(spec, release, options),
    })),
  );
  const archs = named.map(({ arch }) => arch);
  const wanted = options.profile === undefined ? [] : parseList(options.profile, '--profile');
  const has = (arch: Arch, id: string): boolean => arch.costs.profiles.some((profile) => profile.id === id);
  for (const id of wanted) {
    if (archs.some((arch) => has(arch, id))) continue;
    const known = [...new Set(archs.flatMap((arch) => arch.costs.profiles.map((profile) => profile.id)))];
    throw new UsageError(`unknown profile '${clip(id)}'; there are ${known.join(', ')}`);
  }
  return named.map(({ spec, arch }) => {
    const ids = wanted.filter((id) => has(arch, id));
    return { spec, arch, profile: ids.length > 0 ? profileOf(arch.costs, ids) : profileOf(arch.costs) };
  });
}

function rowOf({ machine, operation, pages, cpus, huge, bystanders }: Job, timed: boolean): FlushRow {
  const { spec, arch, profile } = machine;
  const asked = { operation, pages, cpus, bystanderPages: bystanders, ...(huge && { huge }) };
  const events = operationEvents(arch, asked);
  return {
    spec,
    kernel: [arch.kernel.release, ...arch.kernel.toggles].join(' '),
    operation,
    pages,
    cpus,
    ...(huge && { huge }),
    bystanders,
    ...events,
    cost: { profile: profile.id, ...costOf(profile, events) },
    ...(timed && { perSecond: speedOf(arch, asked) }),
  };
}

const MILLISECONDS_SPENT = 20;

/** Runs per second of CPU time, without their set-up: by the median run, as the first ones compile. */
function speedOf(arch: Arch, asked: OperationOptions): number {
  const begun = performance.now();
  const microseconds: number[] = [];
  do {
    const prepared = prepareOperation(arch, asked);
    const start = process.cpuUsage();
    prepared.run();
    const { user, system } = process.cpuUsage(start);
    microseconds.push(user + system);
  } while (performance.now() - begun < MILLISECONDS_SPENT);
  return 1e6 / Math.max(1, median(microseconds));
}

/** A row as JSON: what has no price is null. */
function jsonOf(arch: Arch, { kernel: _kernel, cost, ...row }: FlushRow): object {
  const { kernel, name, options } = arch;
  const { initiator = null, targets = null, refill = null, total = null, basis = null, ...rest } = cost;
  return {
    arch: name,
    options,
    cpu: arch.cpu,
    kernel: kernel.release,
    commits: kernel.toggles,
    ...row,
    cost: { ...rest, initiator, targets, refill, total, basis },
  };
}

/** The profiles that were used, each once for an architecture. */
function profilesOf(jobs: readonly Job[]): readonly FlushProfile[] {
  const views = jobs.map(({ machine }) => profileView(machine));
  return [...new Map(views.map((view) => [`${view.spec} ${view.id}`, view])).values()];
}

function profileView({ spec, profile }: Machine): FlushProfile {
  const { id, label, unit, status, source, note } = profile;
  const assumed = Object.entries(pricesOf(profile))
    .filter(([, { kind }]) => kind === 'assumed')
    .map(([name, { source: why }]) => `${name}: ${why}`);
  return { spec, id, label, unit, status, source, assumed, ...(note !== undefined && { note }) };
}

/** The command that makes the same page again. */
function commandOf(options: BenchFlushOptions): string {
  const words = Object.entries(options).flatMap(([name, value]) => {
    if (value === true) return [`--${name}`];
    return [`--${name}`, Array.isArray(value) ? value.join(',') : String(value)];
  });
  return ['ptemu bench flush', ...words].join(' ');
}

import type { Arch } from '@ptemu/arch';
import { TLB_PRESETS, type TlbPreset, costOf, eventsOf, profileOf, tlbPreset } from '@ptemu/hw';
import { ALL_SPECS, splitSpecs } from '../backends.js';
import { type AccessBatch, AddressTraceError, ACCESS_FETCH, ACCESS_MODIFY, ACCESS_READ, type TraceRead, TraceReplay, ACCESS_WRITE } from '../traces/index.js'; // prettier-ignore
import { type Toggles, clip, parseBackend, parseCount, parseList } from './input.js';
import { EXIT, type ExitCode, type Io, UsageError } from './io.js';
import { jsonLine, machineJson } from './json.js';
import { convertTrace } from './trace-convert.js';
import { readTrace } from './trace-input.js';
import { type KindCounts, type TraceRow, traceTable } from './trace-table.js';

/** Options of `ptemu trace-tlb`. */
export interface TraceTlbOptions extends Toggles {
  readonly arch?: string;
  readonly kernel?: string;
  readonly part?: string;
  readonly thp?: boolean;
  readonly limit?: string;
  readonly maxMemory?: string;
  readonly convert?: string;
  readonly json?: boolean;
}

const MACHINES_MAX = 64;
/** Bytes that the simulated memory of all machines may take. */
const MEMORY_DEFAULT = '2g';

/** `ptemu trace-tlb FILE`: replays an address trace on TLBs of real parts, over page tables that mm's fault path builds. */
export async function traceTlbCommand(path: string, options: TraceTlbOptions, io: Io): Promise<ExitCode> {
  const limit =
    options.limit === undefined
      ? Infinity
      : parseCount(options.limit, { option: '--limit', min: 1, max: Number.MAX_SAFE_INTEGER });
  if (options.convert !== undefined) {
    const other = Object.keys(options).find((name) => !WITH_CONVERT.includes(name));
    if (other !== undefined)
      throw new UsageError(`--convert goes without --${optionName(other)}: it replays nothing`);
    return convertTrace(path, options.convert, { limit, json: options.json === true }, io);
  }
  const fleet = new Fleet(options);
  let read: TraceRead;
  try {
    read = await readTrace(path, { limit }, io, (batch) => fleet.run(batch));
  } catch (error) {
    if (!(error instanceof UsageError) || !fleet.isFull) throw error;
    io.stderr(`ptemu: ${error.message}\n`);
    return EXIT.bound;
  }
  if (options.json === true) for (const line of fleet.json(read)) io.stdout(jsonLine(line));
  else io.stdout(fleet.table(path === '-' ? 'standard input' : path, read, io));
  return io.interrupt?.aborted === true ? EXIT.bound : EXIT.expected;
}

const WITH_CONVERT: readonly string[] = ['convert', 'limit', 'json'];
const optionName = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** A part of a machine. */
interface Machine {
  /** Whether it was named, and not just one of all. */
  readonly named: boolean;
  readonly spec: string;
  readonly arch: Arch;
  readonly preset: TlbPreset;
}

/** A machine that the trace does not fit. */
interface LeftOut {
  readonly spec: string;
  readonly arch: Arch;
  readonly part: string | null;
  readonly why: string;
}

/** All machines that a trace is replayed on, side by side. */
class Fleet {
  readonly #thp: boolean;
  readonly #several: boolean;
  readonly #leftOut: LeftOut[];
  readonly #kinds = [0, 0, 0, 0];
  /** Whether a machine would have taken more memory than it may. */
  isFull = false;
  #replays: (Machine & { readonly replay: TraceReplay })[];

  constructor(options: TraceTlbOptions) {
    this.#thp = options.thp === true;
    const memory = parseBytes(options.maxMemory ?? MEMORY_DEFAULT);
    const { machines, leftOut } = machinesOf(options);
    this.#leftOut = [...leftOut];
    this.#several = new Set(machines.map(({ arch }) => arch.kernel.release)).size > 1;
    const memoryMax = Math.floor(memory / machines.length);
    this.#replays = machines.map((machine) => {
      const { arch, preset } = machine;
      return { ...machine, replay: new TraceReplay({ arch, tlb: preset.config, thp: this.#thp, memoryMax }) };
    });
  }

  /** Makes the accesses on every machine. One that was not named is left out where an address does not fit it. */
  run(batch: AccessBatch): void {
    const { kind, length } = batch;
    for (let i = 0; i < length; i++) this.#kinds[kind[i]!]!++;
    const failed: AddressTraceError[] = [];
    for (const machine of this.#replays) {
      try {
        machine.replay.run(batch);
      } catch (error) {
        this.isFull = error instanceof AddressTraceError && error.code === 'LIMIT';
        if (!(error instanceof AddressTraceError) || error.code !== 'RANGE' || machine.named) throw error;
        failed.push(error);
        this.#leftOut.push({ ...machine, part: machine.preset.config.name, why: error.message });
      }
    }
    if (failed.length === 0) return;
    const out = new Set(this.#leftOut.map(({ arch }) => arch));
    this.#replays = this.#replays.filter(({ arch }) => !out.has(arch));
    if (this.#replays.length === 0) throw failed.at(-1)!;
  }

  table(name: string, read: TraceRead, io: Io): string {
    const rows = this.#replays.map((machine): TraceRow => {
      const { profile, cost } = priced(machine);
      return {
        machine: this.#nameOf(machine),
        part: machine.preset.config.name,
        counts: machine.replay.counts(),
        profile,
        cost,
      };
    });
    const kernels = [...new Set(this.#replays.map(({ arch }) => [arch.kernel.release, ...arch.kernel.toggles].join(' ')))]; // prettier-ignore
    const head = { name, read, kinds: this.#kindCounts(), kernels: kernels.join(', '), thp: this.#thp };
    const leftOut = new Set(this.#leftOut.map((machine) => `${this.#nameOf(machine)}: ${machine.why}`));
    const width = io.columns === undefined ? {} : { width: io.columns };
    return traceTable(head, rows, [...leftOut], { ...width, color: io.color });
  }

  *json(read: TraceRead): Generator<object> {
    const trace = { ...read, ...this.#kindCounts() };
    for (const machine of this.#replays) {
      const { profile, cost } = priced(machine);
      const { pages, hugePages, pteTables, l1i, l1d, l2, ...counts } = machine.replay.counts();
      yield {
        ...machineJson(machine.arch),
        part: machine.preset.config.name,
        thp: this.#thp,
        trace,
        ...counts,
        tlb: { l1i: l1i ?? null, l1d, l2: l2 ?? null },
        faults: { pages, hugePages, pteTables },
        cost: {
          profile: profile.id,
          status: profile.status,
          unit: cost.unit,
          walks: cost.refill ?? null,
          basis: cost.basis ?? null,
          lacks: cost.lacks,
        },
      };
    }
    for (const machine of this.#leftOut) {
      yield { ...machineJson(machine.arch), part: machine.part, leftOut: machine.why };
    }
  }

  #nameOf({ spec, arch }: Pick<Machine, 'spec' | 'arch'>): string {
    return this.#several ? `${spec}@${arch.kernel.release}` : spec;
  }

  #kindCounts(): KindCounts {
    const [loads, stores, fetches, modifications] = [ACCESS_READ, ACCESS_WRITE, ACCESS_FETCH, ACCESS_MODIFY].map((kind) => this.#kinds[kind] ?? 0) as [number, number, number, number]; // prettier-ignore
    return { fetches, loads, stores, modifications };
  }
}

function machinesOf(options: TraceTlbOptions): {
  readonly machines: readonly Machine[];
  readonly leftOut: readonly LeftOut[];
} {
  const list = options.arch ?? 'all';
  const parts = options.part === undefined ? undefined : parseList(options.part, '--part').map(partOf);
  const releases = options.kernel === undefined ? [undefined] : parseList(options.kernel, '--kernel');
  const leftOut: LeftOut[] = [];
  const machines = splitSpecs(list).flatMap((spec) =>
    (spec.includes('@') ? [undefined] : releases).flatMap((release): readonly Machine[] => {
      const arch = parseBackend(spec, release, options);
      const named = !(list.split(',').includes('all') && ALL_SPECS.includes(spec));
      const machine = { named, spec: spec.replace(/@[^@]*$/, ''), arch };
      const fitting = (parts ?? Object.values(TLB_PRESETS)).filter((preset) => preset.arch === arch.name);
      if (arch.mmuOf().kind !== 'hash') return fitting.map((preset) => ({ ...machine, preset }));
      const why = 'the hardware looks in a hash table; what is replayed is walks of tables';
      if (named) throw new UsageError(`${machine.spec}: ${why}; name powerpc without hash`);
      if (fitting.length > 0) leftOut.push({ ...machine, part: null, why });
      return [];
    }),
  );
  if (machines.length === 0) {
    const wanted = (parts ?? []).map(({ arch, config }) => `${config.name} is of ${arch}`).join(', ');
    throw new UsageError(`no part of --part belongs to --arch '${clip(list)}': ${wanted}`);
  }
  if (machines.length > MACHINES_MAX) {
    throw new UsageError(`that makes ${machines.length} machines; at most ${MACHINES_MAX}: name fewer of --arch, --kernel and --part`); // prettier-ignore
  }
  return { machines, leftOut };
}

function partOf(name: string): TlbPreset {
  const found = tlbPreset(name);
  if (found !== undefined) return found;
  throw new UsageError(`unknown part '${clip(name)}'; there are ${Object.keys(TLB_PRESETS).join(', ')}`);
}

/** Bytes, with k, m or g behind the number. */
function parseBytes(text: string): number {
  const [, digits, unit] = /^(\d{1,9})([kmg]?)$/i.exec(text) ?? [];
  const shift = { '': 0, k: 10, m: 20, g: 30 }[unit?.toLowerCase() ?? ''] ?? 0;
  const bytes = Number(digits) * 2 ** shift;
  if (bytes > 0) return bytes;
  throw new UsageError(`--max-memory '${clip(text)}' must be a number of bytes such as 500m or 2g`);
}

function priced({ arch, replay }: { readonly arch: Arch; readonly replay: TraceReplay }): Pick<TraceRow, 'profile' | 'cost'> {
  const { walks, references } = replay.counts();
  const profile = profileOf(arch.costs);
  return { profile, cost: costOf(profile, { ...eventsOf({ events: {} }), refill: { walks, references } }) };
} // prettier-ignore

/** The list of backends: the one place in the project that names concrete architectures. */
import { type Arch, ArchError, type ArchOptions } from '@ptemu/arch';
import { arm32 } from '@ptemu/arm32';
import { arm64 } from '@ptemu/arm64';
import { powerpc } from '@ptemu/powerpc';
import { s390 } from '@ptemu/s390';
import { x86_64 } from '@ptemu/x86_64';

/** What distinguishes the variants of a backend: values of its factory's options, as a spec writes them. */
export type VariantOptions = Readonly<Record<string, string | number | boolean>>;

/** What `backend` takes besides the name: what every factory takes, and the options of this one. */
export type BackendOptions = ArchOptions & { readonly [option: string]: unknown };

/** One backend, and what may be said of it in a spec. */
export interface BackendEntry {
  readonly name: string;
  /** Makes it; options that are unknown or have no such value throw `UNKNOWN_OPTION`. */
  readonly make: (options: ArchOptions) => Arch;
  /** The factory's options and their values; `integer` stands for any natural number. */
  readonly options: Readonly<Record<string, readonly (string | number | boolean)[] | 'integer'>>;
  /** Releases in which something changed that the split scenarios show. */
  readonly releases: (options: VariantOptions) => readonly string[];
}

const BACKENDS: readonly BackendEntry[] = [
  {
    name: 'x86_64',
    make: (options) => x86_64(options),
    options: { levels: [4, 5] },
    releases: () => ['4.5', '4.16', '4.20', '6.12'],
  },
  { name: 'arm32', make: (options) => arm32(options), options: {}, releases: () => ['4.5', '4.7', '6.12'] },
  {
    name: 'arm64',
    make: (options) => arm64(options),
    options: { granule: ['4k', '16k', '64k'], vaBits: 'integer', lpa2: [false, true] },
    releases: () => ['4.5', '4.7', '5.9', '5.10', '6.12'],
  },
  {
    name: 's390',
    make: (options) => s390(options),
    options: {},
    releases: () => ['4.5', '4.6', '4.13', '4.14', '6.12'],
  },
  {
    name: 'powerpc',
    make: (options) => powerpc(options),
    options: { mmu: ['radix', 'hash'], page: ['4k', '64k'] },
    releases: ({ mmu }) => [...(mmu === 'hash' ? ['4.5'] : []), '4.7', '4.16', '6.12'],
  },
];

/** Names of the five backends. */
export const backendNames = (): readonly string[] => BACKENDS.map((entry) => entry.name);

/** What `--arch all` stands for: every backend in its default variant, and powerpc's other MMU. */
export const ALL_SPECS: readonly string[] = ['x86_64', 'arm32', 'arm64', 's390', 'powerpc', 'powerpc:hash'];

/** A spec taken apart. */
export interface Spec {
  readonly name: string;
  readonly options: VariantOptions;
  readonly config: Readonly<Record<string, boolean>>;
  readonly cpu: Readonly<Record<string, boolean>>;
}

/**
 * Makes a backend by name or spec: `backend('arm64', { kernel: '6.12', granule: '4k' })`,
 * `backend('powerpc:hash,page=4k', { kernel: '4.5' })`.
 *
 * @throws ArchError `UNKNOWN_ARCH`, `UNKNOWN_OPTION`, `UNKNOWN_RELEASE`, `RELEASE_BEFORE_THP`.
 */
export function backend(spec: string, options: BackendOptions): Arch {
  const parsed = parseSpec(spec);
  const entry = backendEntry(parsed.name);
  const { kernel, config, cpu, ...variant } = options;
  for (const key of Object.keys(variant)) checkKey(entry, key);
  const made: ArchOptions = {
    ...parsed.options,
    ...variant,
    kernel,
    config: { ...parsed.config, ...config },
    cpu: { ...parsed.cpu, ...cpu },
  };
  return entry.make(made);
}

/** Finds a backend in the list. @throws ArchError `UNKNOWN_ARCH`. */
export function backendEntry(name: string): BackendEntry {
  const entry = BACKENDS.find((candidate) => candidate.name === name);
  if (entry !== undefined) return entry;
  throw new ArchError('UNKNOWN_ARCH', `unknown arch '${name}'; there are ${backendNames().join(', ')}`, {
    name,
  });
}

/**
 * Takes a spec apart: a name, then options after a colon, by name (`granule=16k`) or by a value that only one option
 * has (`hash`, `16k`); `config.NAME=false` and `cpu.NAME=true` set what the kernel was built with and runs on.
 *
 * @throws ArchError `UNKNOWN_ARCH`, `UNKNOWN_OPTION`.
 */
export function parseSpec(spec: string): Spec {
  const colon = spec.indexOf(':');
  const name = colon < 0 ? spec : spec.slice(0, colon);
  const entry = backendEntry(name);
  const options: Record<string, string | number | boolean> = {};
  const flags: Record<'config' | 'cpu', Record<string, boolean>> = { config: {}, cpu: {} };
  for (const item of colon < 0 ? [] : spec.slice(colon + 1).split(',')) {
    const flag = /^(config|cpu)\.(\w+)=(true|false)$/.exec(item);
    if (flag) {
      flags[flag[1] as 'config' | 'cpu'][flag[2] ?? ''] = flag[3] === 'true';
      continue;
    }
    const [key, value] = optionOf(entry, item);
    options[key] = value;
  }
  return { name, options, ...flags };
}

/**
 * Splits a list of specs at its commas. An item that is no backend's name continues the spec before it, as in
 * `powerpc:hash,page=4k,s390`; `all` stands for `ALL_SPECS`.
 */
export function splitSpecs(list: string): readonly string[] {
  const specs: string[] = [];
  for (const item of list.split(',')) {
    const name = item.replace(/[:@].*$/s, '');
    const last = specs.at(-1);
    if (item === 'all') specs.push(...ALL_SPECS);
    else if (backendNames().includes(name) || last?.includes(':') !== true) specs.push(item);
    else specs[specs.length - 1] = `${last},${item}`;
  }
  return specs;
}

function optionOf(entry: BackendEntry, item: string): readonly [string, string | number | boolean] {
  const [left = '', right] = item.split('=', 2);
  const candidates = Object.entries(entry.options).filter(([key]) => right === undefined || key === left);
  const text = right ?? left;
  for (const [key, values] of candidates) {
    if (values === 'integer') {
      if (right !== undefined && /^\d{1,4}$/.test(text)) return [key, Number(text)];
    } else {
      const value = values.find((candidate) => String(candidate) === text);
      if (value !== undefined && (right !== undefined || typeof value === 'string')) return [key, value];
    }
  }
  if (right !== undefined) checkKey(entry, left);
  throw new ArchError('UNKNOWN_OPTION', `${entry.name} has no option '${item}'; ${optionsText(entry)}`, {
    arch: entry.name,
    item,
  });
}

function checkKey(entry: BackendEntry, key: string): void {
  if (key in entry.options) return;
  throw new ArchError('UNKNOWN_OPTION', `${entry.name} has no option '${key}'; ${optionsText(entry)}`, {
    arch: entry.name,
    key,
  });
}

function optionsText(entry: BackendEntry): string {
  const texts = Object.entries(entry.options).map(
    ([key, values]) => `${key}=${values === 'integer' ? 'N' : values.join('|')}`,
  );
  return texts.length === 0 ? 'it takes none' : `it takes ${texts.join(', ')}`;
}

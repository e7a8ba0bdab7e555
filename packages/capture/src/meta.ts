/** meta.json: what ran, where its roots were, and which backend that makes. Data only; no backend is imported here. */
import { releases } from '@ptemu/arch';
import type { ByteOrder } from '@ptemu/hw';
import { CaptureError } from './errors.js';
import { type JsonObject, Reader } from './values.js';

/** A mapping that the captured process made on purpose. */
export interface Region {
  readonly name: string;
  readonly start: bigint;
  readonly end: bigint;
  readonly note: string;
}

/** Which backend walks a capture, and how it is to be made: `{ name: 'arm64', options: { kernel: '6.12.117', ... } }`. */
export interface BackendChoice {
  readonly name: string;
  readonly options: Readonly<Record<string, string | number | boolean>> & { readonly kernel: string };
}

/** The hash table in the image, for powerpc without a hypervisor. */
export interface HptMeta {
  readonly base: bigint;
  readonly sizeBytes: number;
}

/** What meta.json says. */
export interface CaptureMeta {
  readonly name: string;
  /** As the kernel names it: `x86_64`, `aarch64`, `arm`, `s390x`, `ppc64le`. */
  readonly machine: string;
  readonly kernelRelease: string;
  /** As QEMU names it: `power8`, `cortex-a72`; empty where meta.json does not say. */
  readonly cpu: string;
  readonly pageSize: number;
  readonly pageShift: number;
  /** Bytes of a THP, 0 where the kernel makes none. */
  readonly thpSize: number;
  readonly byteOrder: ByteOrder;
  readonly registers: JsonObject;
  readonly rootUser: bigint;
  readonly rootKernel: bigint;
  readonly levels: number;
  /** Differs from `levels` on s390. */
  readonly kernelLevels: number;
  readonly regions: readonly Region[];
  readonly backend: BackendChoice;
  /** How an independent walker did: check -> "n of n". */
  readonly agreement: Readonly<Record<string, string>>;
  readonly hpt?: HptMeta;
}

const BACKENDS: Readonly<Record<string, string>> = {
  x86_64: 'x86_64', aarch64: 'arm64', arm: 'arm32', s390x: 's390', ppc64le: 'powerpc',
}; // prettier-ignore

/** The stable tree that stands for all others of its series. */
const SERIES: Readonly<Record<string, string>> = { '6.1': '6.1.192', '6.12': '6.12.117' };

const reader = new Reader('meta.json', 'BAD_META');

/** Reads meta.json. Throws `CaptureError` for what is missing, of the wrong kind, or unknown. */
export function parseMeta(json: unknown): CaptureMeta {
  const meta = reader.object('meta', json);
  const registers = reader.object('registers', meta['registers']);
  const machine = reader.string('arch', meta['arch']);
  const pageSize = reader.integer('page_size', meta['page_size'], 4096, 65536);
  const pageShift = Math.log2(pageSize);
  if (!Number.isInteger(pageShift)) throw reader.fail('page_size', pageSize, 'a power of two');
  const kernelRelease = reader.string('kernel_release', meta['kernel_release']);
  const levels = reader.integer('registers.levels', registers['levels'], 2, 5);
  const hpt = parseHpt(meta['hpt']);
  return {
    name: reader.string('name', meta['name']),
    machine,
    kernelRelease,
    cpu: reader.string('cpu', meta['cpu'] ?? ''),
    pageSize,
    pageShift,
    thpSize: reader.integer('thp_size', meta['thp_size'] ?? 0, 0, 2 ** 40),
    byteOrder: byteOrderOf(meta['endian']),
    registers,
    rootUser: reader.hex('registers.root_user', registers['root_user'], 52),
    rootKernel: reader.hex('registers.root_kernel', registers['root_kernel'], 52),
    levels,
    kernelLevels: reader.integer('registers.kernel_levels', registers['kernel_levels'] ?? levels, 2, 5),
    regions: reader.array('regions', meta['regions'] ?? [], 65536).map(regionOf),
    backend: backendOf(
      machine,
      kernelOf(kernelRelease, reader.string('kernel', meta['kernel'] ?? '')),
      levels,
      pageSize,
      registers,
    ),
    agreement: agreementOf(meta['agreement']),
    ...(hpt === undefined ? {} : { hpt }),
  };
}

/** The number in a register that may be a hex string or a JSON number; undefined where there is none. */
export function register(meta: CaptureMeta, name: string): bigint | undefined {
  const value = meta.registers[name];
  if (value === undefined) return undefined;
  return typeof value === 'number'
    ? BigInt(reader.integer(`registers.${name}`, value, 0, Number.MAX_SAFE_INTEGER))
    : reader.hex(`registers.${name}`, value);
}

/** The region that contains an address. */
export const regionAt = (meta: CaptureMeta, va: bigint): Region | undefined =>
  meta.regions.find((region) => va >= region.start && va < region.end);

function backendOf(
  machine: string,
  kernel: string,
  levels: number,
  pageSize: number,
  registers: JsonObject,
): BackendChoice {
  const name = BACKENDS[machine];
  switch (name) {
    case 'x86_64':
      return { name, options: { kernel, levels: levels === 5 ? 5 : 4 } };
    case 'arm64': {
      const vaBits = reader.integer('registers.va_bits_user', registers['va_bits_user'], 36, 52);
      const lpa2 = registers['ds_lpa2'] === 1;
      const granule = `${pageSize / 1024}k`;
      return { name, options: { kernel, granule, vaBits, lpa2 } };
    }
    case 'powerpc': {
      const mmu = reader.string('registers.mmu', registers['mmu']);
      if (mmu !== 'radix' && mmu !== 'hash') throw reader.fail('registers.mmu', mmu, 'radix or hash');
      return { name, options: { kernel, mmu, page: `${pageSize / 1024}k` } };
    }
    case 'arm32':
    case 's390':
      return { name, options: { kernel } };
    default:
      throw new CaptureError(
        'UNKNOWN_ARCH',
        `meta.json: arch '${machine}' is none of ${Object.keys(BACKENDS).join(', ')}`,
        { machine },
      );
  }
}

/**
 * The kernel that the helpers are those of. Debian's release string hides the stable version (`6.1.0-56-amd64`), the
 * banner shows it (`Debian 6.1.192-2`); a version that the registry does not place is taken for its series' known one.
 */
function kernelOf(release: string, banner: string): string {
  const version = /Debian (\d+\.\d+\.\d+)/.exec(banner)?.[1];
  if (version !== undefined && releases().includes(version)) return version;
  const series = /^(\d+\.\d+)[.-]/.exec(version ?? release)?.[1];
  const known = series === undefined ? undefined : SERIES[series];
  if (known === undefined)
    throw new CaptureError(
      'UNKNOWN_KERNEL',
      `meta.json: kernel_release '${release.slice(0, 60)}' is of no series that we know: ${Object.keys(SERIES).join(', ')}`,
      { release },
    );
  return known;
}

function byteOrderOf(value: unknown): ByteOrder {
  if (value !== 'little' && value !== 'big') throw reader.fail('endian', value, 'little or big');
  return value;
}

function regionOf(value: unknown, i: number): Region {
  const region = reader.object(`regions[${i}]`, value);
  const start = reader.hex(`regions[${i}].start`, region['start']);
  return {
    name: reader.string(`regions[${i}].name`, region['name']),
    start,
    end: start + reader.hex(`regions[${i}].length`, region['length']),
    note: reader.string(`regions[${i}].note`, region['note'] ?? ''),
  };
}

function agreementOf(value: unknown): Readonly<Record<string, string>> {
  const agreement = reader.object('agreement', value ?? {});
  return Object.fromEntries(
    Object.entries(agreement).map(([check, text]) => [check, reader.string(`agreement[${check}]`, text)]),
  );
}

function parseHpt(value: unknown): HptMeta | undefined {
  if (value === undefined) return undefined;
  const hpt = reader.object('hpt', value);
  return {
    base: reader.hex('hpt.base', hpt['base'], 52),
    sizeBytes: reader.integer('hpt.size', hpt['size'], 2 ** 18, 2 ** 30),
  };
}

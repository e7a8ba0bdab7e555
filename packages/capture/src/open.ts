/** Opens a capture: one folder with the tables of a running Linux and what was known about them. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { PhysicalMemory, Segment } from '@ptemu/hw';
import { CaptureError } from './errors.js';
import { type InfoTlbLine, parseInfoTlb } from './info-tlb.js';
import { type MapsVma, parseMaps } from './maps.js';
import { type CaptureMeta, parseMeta } from './meta.js';
import { parseSlb } from './slb.js';
import { indexBytes, installTables, parseIndex } from './tables.js';
import { type Truth, parseTruth } from './truth.js';
import { parseJson } from './values.js';

/** A capture, checked and in memory. */
export interface Capture {
  readonly meta: CaptureMeta;
  /** The table pages and nothing else: a walk that leaves them ends in a `bus` fault. */
  readonly memory: PhysicalMemory;
  readonly vmas: readonly MapsVma[];
  readonly truth: Truth;
  /** x86: every translation that QEMU found from the user-mode and from the kernel-mode root. */
  readonly infoTlb: { readonly user?: readonly InfoTlbLine[]; readonly kernel?: readonly InfoTlbLine[] };
  /** powerpc hash without a hypervisor: the hash table, big-endian bytes. */
  readonly hpt?: Uint8Array;
  /** powerpc hash: the segments of the user-mode stop. */
  readonly slb?: readonly Segment[];
}

/** Gives the bytes of a file of the capture, or undefined where there is none of this name. */
export type CaptureFiles = (name: string) => Uint8Array | undefined;

/** Most bytes of one file, packed. */
const PACKED_BYTES_MAX = 2 ** 28;
/** Most bytes of text, unpacked. */
const TEXT_BYTES_MAX = 2 ** 28;

/**
 * Opens the capture in a folder. Everything in it is checked before it is used, and sizes are bounded before memory is
 * taken. What the tables themselves hold is not checked: a walk through nonsense ends in a fault value.
 *
 * @throws CaptureError with one line that names the file and what is wrong in it.
 */
export function openCapture(dir: string): Capture {
  return readCapture((name) => readBounded(join(dir, name), name));
}

/** The same from bytes at hand. */
export function readCapture(files: CaptureFiles): Capture {
  const meta = parseMeta(parseJson('meta.json', text(files, 'meta.json')));
  const index = parseIndex(parseJson('tables.index.json', text(files, 'tables.index.json')));
  const bytes = unpack(files, 'tables.bin.gz', indexBytes(index));
  const memory = installTables(meta, index, bytes);
  const vmas = parseMaps(text(files, 'maps.txt'));
  const truth = parseTruth(parseJson('truth.json.gz', packedText(files, 'truth.json.gz')), meta, vmas);
  const user = infoTlbOf(files, 'info-tlb-user.txt.gz');
  const kernel = infoTlbOf(files, 'info-tlb-kernel.txt.gz');
  const infoTlb = { ...(user === undefined ? {} : { user }), ...(kernel === undefined ? {} : { kernel }) };
  const slb = files('slb-user.txt') === undefined ? {} : { slb: parseSlb(text(files, 'slb-user.txt')) };
  if (meta.hpt === undefined) return { meta, memory, vmas, truth, infoTlb, ...slb };
  const hpt = unpack(files, 'hpt.bin.gz', meta.hpt.sizeBytes);
  if (hpt.length !== meta.hpt.sizeBytes)
    throw new CaptureError(
      'BAD_HPT',
      `hpt.bin.gz: holds ${hpt.length} bytes, meta.json names ${meta.hpt.sizeBytes}`,
    );
  return { meta, memory, vmas, truth, infoTlb, ...slb, hpt };
}

function infoTlbOf(files: CaptureFiles, name: string): readonly InfoTlbLine[] | undefined {
  return files(name) === undefined ? undefined : parseInfoTlb(name, packedText(files, name));
}

function needed(files: CaptureFiles, name: string): Uint8Array {
  const bytes = files(name);
  if (bytes === undefined)
    throw new CaptureError('MISSING_FILE', `${name}: cannot be read; a capture has meta.json, tables.index.json, tables.bin.gz, truth.json.gz and maps.txt`, { name }); // prettier-ignore
  return bytes;
}

const text = (files: CaptureFiles, name: string): string => new TextDecoder().decode(needed(files, name));

const packedText = (files: CaptureFiles, name: string): string =>
  new TextDecoder().decode(unpack(files, name, TEXT_BYTES_MAX));

/** Unpacks to at most `bytesMax`. */
function unpack(files: CaptureFiles, name: string, bytesMax: number): Uint8Array {
  const packed = needed(files, name);
  try {
    return gunzipSync(packed, { maxOutputLength: bytesMax });
  } catch (error) {
    const code = (error as { code?: string }).code ?? '';
    if (code === 'ERR_BUFFER_TOO_LARGE')
      throw new CaptureError(
        'TOO_LARGE',
        `${name}: unpacks to more than the ${bytesMax} bytes it should have`,
        { name },
      );
    throw new CaptureError('CORRUPT_GZIP', `${name}: is damaged or cut off (${code || 'gunzip failed'})`, {
      name,
    });
  }
}

function readBounded(path: string, name: string): Uint8Array | undefined {
  let size: number;
  try {
    size = statSync(path).size;
  } catch {
    return undefined;
  }
  if (size > PACKED_BYTES_MAX)
    throw new CaptureError('TOO_LARGE', `${name}: has ${size} bytes; at most ${PACKED_BYTES_MAX} are read`, {
      name,
    });
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

/**
 * The file form of a search that is not done: a header in JSON and arrays of bytes, with a checksum.
 *
 * Layout, little-endian: 16 bytes of magic; 4 bytes of length of the header; 4 bytes of checksum of all that follows;
 * the header; each array, padded to 4 bytes. The header says how long each array is.
 */
import { ExploreError } from './errors.js';
import type { Operand } from './types.js';

const MAGIC = 'ptemu-search-1\n\n';
const PREFIX = 24;

/** A checkpoint taken apart. */
export interface Checkpoint {
  readonly header: Readonly<Record<string, unknown>>;
  readonly arrays: Readonly<Record<string, Uint8Array>>;
}

/** Puts a checkpoint together. */
export function encodeCheckpoint({ header, arrays }: Checkpoint): Uint8Array {
  const names = Object.keys(arrays).sort();
  const lengths = names.map((name) => [name, (arrays[name] as Uint8Array).length] as const);
  const text = asciiOf(JSON.stringify({ ...header, arrays: lengths }));
  const total = PREFIX + padded(text.length) + lengths.reduce((sum, [, length]) => sum + padded(length), 0);
  const bytes = new Uint8Array(total);
  const view = new DataView(bytes.buffer);
  bytes.set(asciiOf(MAGIC));
  view.setUint32(16, text.length, true);
  bytes.set(text, PREFIX);
  let at = PREFIX + padded(text.length);
  for (const name of names) {
    bytes.set(arrays[name] as Uint8Array, at);
    at += padded((arrays[name] as Uint8Array).length);
  }
  view.setUint32(20, checksum(bytes, PREFIX), true);
  return bytes;
}

/** Takes a checkpoint apart. @throws ExploreError `BAD_CHECKPOINT`. */
export function decodeCheckpoint(bytes: Uint8Array): Checkpoint {
  if (bytes.length < PREFIX || textOf(bytes.subarray(0, 16)) !== MAGIC) {
    throw badCheckpoint('it is no checkpoint of a search');
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getUint32(16, true);
  if (bytes.length < PREFIX + padded(length) || view.getUint32(20, true) !== checksum(bytes, PREFIX)) {
    throw badCheckpoint('it is damaged or not whole');
  }
  const text = textOf(bytes.subarray(PREFIX, PREFIX + length));
  const { arrays: lengths, ...header } = JSON.parse(text) as { readonly arrays: [string, number][] };
  const arrays: Record<string, Uint8Array> = {};
  let at = PREFIX + padded(length);
  for (const [name, size] of lengths) {
    arrays[name] = bytes.slice(at, at + size);
    at += padded(size);
  }
  return { header, arrays };
}

/** What `explore` throws for a checkpoint that it cannot go on from. */
export const badCheckpoint = (why: string): ExploreError =>
  new ExploreError('BAD_CHECKPOINT', `the search cannot go on from this checkpoint: ${why}`);

/** An operand as JSON that keeps its type. */
export function operandToJson(value: Operand): unknown {
  if (typeof value === 'bigint') return { bigint: value.toString() };
  return value === undefined ? {} : value;
}

/** The operand that `operandToJson` was given. */
export function operandFromJson(json: unknown): Operand {
  if (typeof json !== 'object' || json === null) return json as Operand;
  const { bigint } = json as { readonly bigint?: string };
  return bigint === undefined ? undefined : BigInt(bigint);
}

/** The memory of a typed array, copied. */
export const bytesOf = (array: Int32Array | Uint8Array): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength).slice();

/** Bytes as integers. */
export const intsOf = (bytes: Uint8Array): Int32Array =>
  new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >>> 2);

/** JSON as bytes below 128. */
function asciiOf(json: string): Uint8Array {
  const plain = json.replace(
    /[\u0080-\uffff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  const bytes = new Uint8Array(plain.length);
  for (let i = 0; i < plain.length; i++) bytes[i] = plain.charCodeAt(i);
  return bytes;
}

function textOf(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 0x1000)
    text += String.fromCharCode(...bytes.subarray(at, at + 0x1000));
  return text;
}

const padded = (length: number): number => (length + 3) & ~3;

function checksum(bytes: Uint8Array, from: number): number {
  const words = new Int32Array(bytes.buffer, bytes.byteOffset + from, (bytes.length - from) >>> 2);
  let sum = 0x811c_9dc5;
  for (const word of words) sum = Math.imul(sum ^ word, 0x0100_0193) ^ (sum >>> 15);
  return sum >>> 0;
}

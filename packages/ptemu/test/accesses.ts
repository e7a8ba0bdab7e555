/** Traces for tests: made from a list of accesses, and read back into one. */
import { type AccessBatch, BATCH_ACCESSES, accessBatch } from '../src/traces/access-batch.js';
import { CompactEncoder } from '../src/traces/compact.js';
import { type ReadTraceOptions, type TraceRead, readAddressTrace } from '../src/traces/read-trace.js';
import type { ByteSource } from '../src/traces/unpack.js';

/** One access: kind, address, size. */
export type TestAccess = readonly [kind: number, address: bigint, size: number];

const LETTERS = [' L', ' S', 'I ', ' M'];

/** The text form, as lackey writes it. */
export const lackeyText = (accesses: readonly TestAccess[]): string =>
  accesses.map(([kind, address, size]) => `${LETTERS[kind]} ${address.toString(16).padStart(8, '0')},${size}\n`).join(''); // prettier-ignore

/** The compact form. */
export function compactBytes(accesses: readonly TestAccess[]): Uint8Array {
  const encoder = new CompactEncoder();
  const pieces = [encoder.header()];
  for (let at = 0; at < accesses.length; at += BATCH_ACCESSES) {
    pieces.push(encoder.encode(batchOf(accesses.slice(at, at + BATCH_ACCESSES))).slice());
  }
  return new Uint8Array(Buffer.concat([...pieces, encoder.footer()]));
}

/** A batch of accesses that stand at offsets 0, 1, ... */
export function batchOf(accesses: readonly TestAccess[]): AccessBatch {
  const batch = accessBatch(accesses.length);
  batch.length = accesses.length;
  accesses.forEach(([kind, address, size], i) => {
    batch.kind[i] = kind;
    batch.lo[i] = Number(BigInt.asIntN(32, address));
    batch.hi[i] = Number(BigInt.asIntN(32, address >> 32n));
    batch.size[i] = size;
    batch.offset[i] = i;
  });
  return batch;
}

/** What a trace holds. */
export async function readAll(
  source: ByteSource,
  options: ReadTraceOptions = {},
): Promise<TraceRead & { readonly list: readonly TestAccess[]; readonly places: readonly string[] }> {
  const list: TestAccess[] = [];
  const places: string[] = [];
  const take = ({ length, kind, lo, hi, size, offset, line }: AccessBatch): void => {
    for (let i = 0; i < length; i++) {
      const address = (BigInt(hi[i]! >>> 0) << 32n) | BigInt(lo[i]! >>> 0);
      list.push([kind[i]!, address, size[i]!]);
      places.push(`${offset[i]}:${line[i]}`);
    }
  };
  return { ...(await readAddressTrace(source, take, options)), list, places };
}

/** Cuts bytes into pieces of that size. */
export function* cut(bytes: Uint8Array, pieceBytes: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

/** What goes wrong when a trace is read; undefined when nothing does. */
export async function failureOf(source: ByteSource): Promise<unknown> {
  try {
    await readAll(source);
    return undefined;
  } catch (error) {
    return error;
  }
}

/** Traces of any length are read and replayed in the same memory, also where few bytes unpack to very many. */
import { createGzip, gzipSync } from 'node:zlib';
import { Readable } from 'node:stream';
import { tlbPreset } from '@ptemu/hw';
import { describe, expect, it } from 'vitest';
import { batchOf, failureOf, type TestAccess } from '../../test/accesses.js';
import { backend } from '../backends.js';
import { BATCH_ACCESSES, ACCESS_FETCH, ACCESS_READ, ACCESS_WRITE } from './access-batch.js';
import { CompactEncoder } from './compact.js';
import { readAddressTrace } from './read-trace.js';
import { TraceReplay } from './replay.js';
import type { ByteSource } from './unpack.js';

/** What the longer of two traces may take more than the shorter, which has filled all buffers. */
const MORE_BYTES_MAX = 64 * 2 ** 20;
const SHORT = 2_000_000;
const LONG = 20_000_000;

/** The same accesses again and again: a loop over 512 KiB, and two pages of code. */
const ROUND: readonly TestAccess[] = Array.from({ length: BATCH_ACCESSES }, (_, i): TestAccess => {
  if (i % 4 !== 0) return [ACCESS_FETCH, 0x40_1000n + BigInt((4 * i) % 8192), 4];
  return [i % 8 === 0 ? ACCESS_READ : ACCESS_WRITE, 0x1000_0000n + BigInt(i * 64), 8];
});

function* text(accesses: number): Generator<Uint8Array> {
  const letters = [' L', ' S', 'I '];
  const lines = ROUND.map(([kind, address, size]) => `${letters[kind]} ${address.toString(16).padStart(8, '0')},${size}\n`);
  const round = Buffer.from(lines.join(''));
  for (let left = accesses; left > 0; left -= ROUND.length) yield left >= ROUND.length ? round : Buffer.from(lines.slice(0, left).join(''));
} // prettier-ignore

function* compact(accesses: number): Generator<Uint8Array> {
  const encoder = new CompactEncoder();
  yield encoder.header();
  for (let left = accesses; left > 0; left -= ROUND.length) yield encoder.encode(batchOf(ROUND.slice(0, left))).slice();
  yield encoder.footer();
} // prettier-ignore

/** The largest resident memory while a trace is replayed. */
async function peakOf(source: ByteSource, accesses: number): Promise<number> {
  const tlb = tlbPreset('skylake-server')!.config;
  const replay = new TraceReplay({ arch: backend('x86_64', { kernel: '6.12' }), tlb, thp: false });
  let peak = 0;
  const read = await readAddressTrace(source, (batch) => {
    replay.run(batch);
    peak = Math.max(peak, process.memoryUsage.rss());
  });
  expect(read.accesses).toBe(accesses);
  expect(replay.counts()).toMatchObject({ translations: accesses + 130, pages: 130 });
  return peak;
}

describe('memory of a replay', () => {
  it.each<[string, (accesses: number) => ByteSource]>([
    ['text', text],
    ['compact', compact],
    ['gzip', (accesses) => Readable.from(text(accesses)).pipe(createGzip({ level: 1 }))],
  ])('does not depend on the length of a trace: %s', async (_name, source) => {
    const short = await peakOf(source(SHORT), SHORT);
    const long = await peakOf(source(LONG), LONG);
    expect(long - short).toBeLessThan(MORE_BYTES_MAX);
  });
  it('does not depend on what few bytes unpack to', async () => {
    const before = process.memoryUsage.rss();
    // 512 MiB of empty lines each: gzip of half a MiB, zstd of blocks of one byte repeated, 16 KiB.
    const member = gzipSync(Buffer.alloc(2 ** 26, '\n'));
    const frame = [0x28, 0xb5, 0x2f, 0xfd, 0, 0x88];
    const block = [((2 ** 17) << 3) | 2, 0].map((word) => [word & 0xff, (word >>> 8) & 0xff, (word >>> 16) & 0xff, 0x0a]); // prettier-ignore
    const blocks = Array.from({ length: 2 ** 12 - 1 }, () => block[0]!).flat();
    const last = [3, 0, 0, 0x0a];
    for (const bomb of [
      Array.from({ length: 8 }, () => member),
      [Uint8Array.from([...frame, ...blocks, ...last])],
    ]) {
      expect(await failureOf(bomb)).toMatchObject({ code: 'TRUNCATED', message: 'byte 0: no access in it' });
      expect(process.memoryUsage.rss() - before).toBeLessThan(256 * 2 ** 20);
    }
  });
});

import { execFileSync, spawnSync } from 'node:child_process';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type TestAccess, compactBytes, cut, failureOf, lackeyText, readAll } from '../../test/accesses.js';
import { AddressTraceError } from './address-trace-error.js';

const LIST = Array.from({ length: 40_000 }, (_, i): TestAccess => [
  i & 3,
  (BigInt(i) * 0x9e37_79b9n) % (1n << 46n),
  1 + (i % 64),
]);
const TEXT: Uint8Array = Buffer.from(`==1== Lackey\n${lackeyText(LIST)}==1== Exit code: 0\n`);
const COMPACT = compactBytes(LIST);

/** What the zstd command makes of bytes on its standard input: without their size in the header. */
const zstd = (bytes: Uint8Array, ...options: readonly string[]): Uint8Array =>
  execFileSync('zstd', ['-q', '-c', ...options], { input: bytes, maxBuffer: 2 ** 28 });
const hasZstd = spawnSync('zstd', ['--version']).status === 0;

/** A frame that is written by hand: blocks as they are, and of one byte repeated. @see RFC 8878, 3.1.1 */
function frame(options: {
  readonly window?: number;
  readonly blocks: readonly (Uint8Array | number)[];
}): Uint8Array {
  const blocks = options.blocks.flatMap((block, i) => {
    const last = i + 1 === options.blocks.length ? 1 : 0;
    const header = typeof block === 'number' ? (block << 3) | 2 | last : (block.length << 3) | last;
    const word = [header & 0xff, (header >>> 8) & 0xff, header >>> 16];
    return typeof block === 'number' ? [...word, 0x3d] : [...word, ...block];
  });
  return Uint8Array.from([0x28, 0xb5, 0x2f, 0xfd, 0, options.window ?? 0x58, ...blocks]);
}

const SKIPPED = Uint8Array.from([0x5f, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);
const SMALL: Uint8Array = Buffer.from(' L 1000,8\n S 2000,4\n');

describe('gzip', () => {
  it.each([['text', TEXT], ['compact', COMPACT]] as const)('%s is told by its first bytes', async (form, bytes) => {
    for (const size of [1000, 1 << 20]) {
      const read = await readAll(cut(gzipSync(bytes), size));
      expect(read).toMatchObject({ form, packing: 'gzip', whole: true });
      expect(read.list).toEqual(LIST);
    }
  }); // prettier-ignore
  it('may have several members, and zeros behind them', async () => {
    const both = Buffer.concat([gzipSync(SMALL), gzipSync(SMALL), new Uint8Array(100)]);
    for (const size of [1, 7, 1000]) expect((await readAll(cut(both, size))).accesses).toBe(4);
  });
  it('is refused where it is cut off, damaged, or followed by something else', async () => {
    const packed = gzipSync(TEXT);
    const cutOff = `byte ${packed.length - 9}: the gzip data are cut off`;
    expect(await failureOf([packed.subarray(0, -9)])).toMatchObject({ code: 'PACKING', message: cutOff });
    const crc = packed.slice();
    const flipped = Buffer.from(crc);
    flipped[packed.length - 6]! ^= 1;
    expect(await failureOf([flipped])).toMatchObject({ code: 'PACKING', message: expect.stringMatching(/^byte \d+: damaged gzip data within the next 16384 bytes: incorrect data check$/) as string }); // prettier-ignore
    const behind = Buffer.concat([packed, Buffer.from('hello')]);
    expect(await failureOf([behind])).toMatchObject({ code: 'PACKING', message: expect.stringContaining('incorrect header check') as string }); // prettier-ignore
  });
  it('that unpacks to gzip is not unpacked twice', async () => {
    expect(await failureOf([gzipSync(gzipSync(SMALL))])).toMatchObject({
      code: 'SYNTAX',
      place: { offset: 0 },
    });
  });
});

describe('zstd', () => {
  const packed = [
    ['blocks as they are', frame({ blocks: [SMALL, SMALL] }), 4],
    ['an empty block', frame({ blocks: [SMALL, new Uint8Array(0)] }), 2],
    ['two frames, and skipped bytes around them', Buffer.concat([SKIPPED, frame({ blocks: [SMALL] }), SKIPPED, frame({ blocks: [SMALL] }), SKIPPED]), 4],
    ['a block of one byte repeated', frame({ blocks: [SMALL, 64, Buffer.from('\n')] }), 2],
  ] as const; // prettier-ignore
  it.each(packed)('%s', async (_name, bytes, accesses) => {
    for (const size of [1, 3, 1000]) {
      expect(await readAll(cut(bytes, size))).toMatchObject({ packing: 'zstd', whole: true, accesses });
    }
  });
  it.skipIf(!hasZstd).each([
    ['-1'],
    ['-19'],
    ['--no-check'],
    ['--long=27'],
  ])('reads what zstd %s makes of both forms', async (...options) => {
    for (const bytes of [TEXT, COMPACT]) expect((await readAll(cut(zstd(bytes, ...options), 10_000))).list).toEqual(LIST);
  }); // prettier-ignore
  it.each<[string, Uint8Array, string]>([
    ['a window of 256 MiB', frame({ window: 0x90, blocks: [SMALL] }), 'byte 4: a zstd window of 268435456 bytes; at most 134217728'],
    ['a dictionary', Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 1, 0x58, 7, 0, 0), 'byte 4: zstd data that need a dictionary'],
    ['a block of type 3', Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0, 0x58, 7, 0, 0), 'byte 6: a zstd block that cannot be'],
    ['a block of 1 MiB', frame({ blocks: [1 << 20] }), 'byte 6: a zstd block that cannot be'],
    ['a cut in a header', frame({ blocks: [SMALL] }).subarray(0, 5), 'byte 5: the zstd data are cut off'],
    ['a cut in a block', frame({ blocks: [SMALL] }).subarray(0, 20), 'byte 20: the zstd data are cut off'],
    ['a cut in skipped bytes', Buffer.concat([frame({ blocks: [SMALL] }), SKIPPED.subarray(0, 9)]), 'byte 38: the zstd data are cut off'],
    ['something behind', Buffer.concat([frame({ blocks: [SMALL] }), Buffer.from('hello')]), 'byte 29: no zstd frame where one begins'],
    ['damage in a block', Uint8Array.from([...frame({ blocks: [SMALL] }).subarray(0, 6), (4 << 3) | 5, 0, 0, 1, 2, 3, 4]), 'byte 6: damaged zstd data in the block that begins here'],
  ])('is refused with %s', async (_name, bytes, message) => {
    for (const size of [1, 1000]) expect(await failureOf(cut(bytes, size))).toMatchObject({ code: 'PACKING', message });
  }); // prettier-ignore
  it.skipIf(!hasZstd)('is refused with a wrong checksum', async () => {
    const bytes = Buffer.from(zstd(TEXT));
    bytes[bytes.length - 1]! ^= 1;
    const message = `byte ${bytes.length - 4}: damaged zstd data in the block that begins here`;
    expect(await failureOf([bytes])).toMatchObject({ code: 'PACKING', message });
  });
});

/** Nothing but a typed error, whatever the bytes. */
describe('any bytes', () => {
  const sources: readonly (readonly [string, Uint8Array, number])[] = [
    ['text', TEXT.subarray(0, 3000), 300],
    ['compact', COMPACT.subarray(0, 3000), 300],
    ['a whole compact trace', compactBytes(LIST.slice(0, 50)), 300],
    ['gzip', gzipSync(TEXT.subarray(0, 3000)), 300],
    ['zstd', hasZstd ? zstd(TEXT.subarray(0, 3000)) : frame({ blocks: [SMALL] }), 60],
  ];
  it.each(sources)('%s with changed, lost and added bytes', async (_name, good, numRuns) => {
    const change = fc.tuple(fc.nat(good.length), fc.nat(6), fc.uint8Array({ maxLength: 6 }));
    await fc.assert(
      fc.asyncProperty(fc.array(change, { maxLength: 4 }), fc.integer({ min: 1, max: 5000 }), async (changes, size) => {
        const bytes = [...good];
        for (const [at, lost, added] of changes) bytes.splice(at, lost, ...added);
        const error = await failureOf(cut(Uint8Array.from(bytes), size));
        if (error !== undefined) expect(error).toBeInstanceOf(AddressTraceError);
        if (error !== undefined) expect((error as Error).message).toMatch(/^byte \d+(, line \d+)?: [^\n]+$/);
      }),
      { seed: 6, numRuns },
    );
  }); // prettier-ignore
  it('nothing that looks like a trace', async () => {
    const magic = fc.constantFrom([0x1f, 0x8b, 8], [0x28, 0xb5, 0x2f, 0xfd], [0x89, 0x50, 0x54, 0x54, 0x0d, 0x0a, 0x1a, 0x0a, 1, 0, 0, 0, 0, 0, 0, 0], [0x49, 0x20, 0x20], [0x20, 0x4c, 0x20], []); // prettier-ignore
    await fc.assert(
      fc.asyncProperty(magic, fc.uint8Array({ maxLength: 200 }), async (head, rest) => {
        expect(await failureOf([Uint8Array.from([...head, ...rest])])).toBeInstanceOf(AddressTraceError);
      }),
      { seed: 7, numRuns: 400 },
    );
  });
});

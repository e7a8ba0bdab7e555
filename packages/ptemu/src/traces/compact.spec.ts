import { readFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type TestAccess, compactBytes, cut, failureOf, readAll } from '../../test/accesses.js';
import { ACCESS_FETCH, ACCESS_MODIFY, ACCESS_READ, ACCESS_WRITE } from './access-batch.js';
import { AddressTraceError } from './address-trace-error.js';

/** The example of docs/trace-format.md, and its bytes there. */
const EXAMPLE: readonly TestAccess[] = [
  [ACCESS_FETCH, 0x401000n, 4],
  [ACCESS_FETCH, 0x401004n, 3],
  [ACCESS_WRITE, 0x7fff_fff8n, 8],
  [ACCESS_READ, 0x7fff_fff8n, 64],
];
const DOCUMENT = readFileSync(new URL('../../../../docs/trace-format.md', import.meta.url), 'utf8');
const EXAMPLE_HEX = (/### Example[^`]*```\n([^`]*)```/.exec(DOCUMENT)?.[1] ?? '')
  .split('\n')
  .map((line) => /^(?:[0-9a-f]{2} {1,2})+/.exec(line)?.[0] ?? '')
  .join('')
  .replaceAll(' ', '');

const withCrc = (hex: string): Uint8Array => {
  const body = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  const crc = Buffer.alloc(4);
  crc.writeUInt32LE(crc32(body));
  return Buffer.concat([body, crc]);
};

const HEADER = '8950 5454 0d0a 1a0a 01 00000000000000';
const footer = (count: number): string => `00 ${count.toString(16).padStart(2, '0')}00000000000000`;

const accesses = fc.array(
  fc.tuple(
    fc.constantFrom(ACCESS_READ, ACCESS_WRITE, ACCESS_FETCH, ACCESS_MODIFY),
    fc.oneof(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), fc.bigInt({ min: 0x40_0000n, max: 0x40_0100n }), fc.constantFrom(0n, 0x7fff_ffffn, 0x8000_0000n, 0xffff_ffffn, 0x1_0000_0000n, (1n << 63n) - 1n, 1n << 63n, (1n << 64n) - 1n)),
    fc.oneof(fc.integer({ min: 1, max: 4096 }), fc.constantFrom(1, 31, 32, 127, 128, 4096)),
  ),
  { minLength: 1, maxLength: 60 },
); // prettier-ignore

describe('compact form', () => {
  it('is written as docs/trace-format.md shows it', () => {
    expect(EXAMPLE_HEX).toMatch(/^8950/);
    expect(Buffer.from(compactBytes(EXAMPLE)).toString('hex')).toBe(EXAMPLE_HEX);
  });
  it('is read back, in pieces of any size', async () => {
    await fc.assert(
      fc.asyncProperty(accesses, fc.integer({ min: 1, max: 40 }), async (list, size) => {
        const read = await readAll(cut(compactBytes(list), size));
        expect(read).toMatchObject({ form: 'compact', whole: true, accesses: list.length, list });
      }),
      { seed: 4, numRuns: 300 },
    );
  });
  it('is read back over the ends of pieces and batches', async () => {
    const list = Array.from({ length: 50_000 }, (_, i): TestAccess => [i & 3, BigInt(i) ** 3n, 1 + (i % 70)]);
    expect((await readAll([compactBytes(list)])).list).toEqual(list);
  });
  it('takes less than two bytes for an instruction that follows on another', () => {
    const list = Array.from({ length: 1000 }, (_, i): TestAccess => [
      ACCESS_FETCH,
      0x40_0000n + 4n * BigInt(i),
      4,
    ]);
    expect(compactBytes(list).length).toBe(16 + 1000 + 4 + 13);
  });
  it('stops at a limit, whatever follows', async () => {
    const { list, whole } = await readAll([compactBytes(EXAMPLE).subarray(0, 24)], { limit: 2 });
    expect([list, whole]).toEqual([EXAMPLE.slice(0, 2), false]);
  });
});

describe('compact form, what is refused', () => {
  const good = compactBytes(EXAMPLE);
  it('every cut, with the place of it', async () => {
    for (let length = 8; length < good.length; length++) {
      const error = await failureOf([good.subarray(0, length)]);
      expect(error, `${length}`).toMatchObject({ code: 'TRUNCATED', place: { offset: length } });
    }
  });
  it('every changed bit', async () => {
    for (let bit = 0; bit < 8 * good.length; bit++) {
      const bad = good.slice();
      bad[bit >> 3]! ^= 1 << (bit & 7);
      expect(await failureOf([bad]), `bit ${bit}`).toBeInstanceOf(AddressTraceError);
    }
  });
  it.each<[string, string, string]>([
    [`${HEADER} ${footer(0)}`, 'TRUNCATED', 'byte 0: no access in it'],
    [`${HEADER.replace(' 01 ', ' 02 ')} ${footer(0)}`, 'VERSION', 'byte 8: version 2 of the compact form; this ptemu reads version 1'],
    [`${HEADER.replace(/00$/, '01')} ${footer(0)}`, 'VERSION', 'byte 15: a flag that this ptemu does not know'],
    [`${HEADER} 04 ${footer(2)}`, 'CHECKSUM', 'byte 18: the footer counts 2 accesses, but 1 came'],
    [`${HEADER} 80 00 00 ${footer(1)}`, 'RANGE', 'byte 17: a size of 0 bytes; it must be 1 to 4096'],
    [`${HEADER} 80 8120 00 ${footer(1)}`, 'RANGE', 'byte 17: a size of 4097 bytes; it must be 1 to 4096'],
    [`${HEADER} 80 808001 00 ${footer(1)}`, 'SYNTAX', 'byte 17: a number of more than 2 bytes'],
    [`${HEADER} 84 ${'80'.repeat(10)}01 ${footer(1)}`, 'SYNTAX', 'byte 17: a number of more than 10 bytes'],
  ])('%s', async (hex, code, message) => {
    expect(await failureOf([withCrc(hex)])).toMatchObject({ code, message });
  }); // prettier-ignore
  it('a wrong checksum, and bytes behind the footer', async () => {
    const bad = good.slice();
    bad[bad.length - 1]! ^= 1;
    const message = `byte ${good.length - 4}: wrong checksum: the trace is damaged somewhere before this`;
    expect(await failureOf([bad])).toMatchObject({ code: 'CHECKSUM', message });
    for (const pieces of [[Buffer.concat([good, Buffer.from('x')])], [good, Buffer.from('x')]]) {
      const behind = `byte ${good.length}: bytes behind the footer`;
      expect(await failureOf(pieces)).toMatchObject({ code: 'SYNTAX', message: behind });
    }
  });
});

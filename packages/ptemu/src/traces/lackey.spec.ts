import { describe, expect, it } from 'vitest';
import { cut, failureOf, readAll } from '../../test/accesses.js';
import { ACCESS_FETCH, ACCESS_MODIFY, ACCESS_READ, ACCESS_WRITE } from './access-batch.js';
import { AddressTraceError } from './address-trace-error.js';
import { LINE_BYTES_MAX } from './lackey.js';

/** As valgrind 3.19 wrote it, of `/bin/true`, shortened. */
const TRACE = `==30244== Lackey, an example Valgrind tool
==30244== Command: /bin/true
==30244==
I  0401ab70,3
 S 1fff000778,8
--30244-- WARNING: unhandled something
SB 0401ab73
 L 04035fd0,16

 M 1FFF000770,4
==30244== Exit code:       0
`;
const ACCESSES = [
  [ACCESS_FETCH, 0x401ab70n, 3],
  [ACCESS_WRITE, 0x1f_ff00_0778n, 8],
  [ACCESS_READ, 0x403_5fd0n, 16],
  [ACCESS_MODIFY, 0x1f_ff00_0770n, 4],
];
const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');

describe('text form', () => {
  it('gives accesses with their places, and passes over what valgrind says', async () => {
    const read = await readAll([bytes(TRACE)]);
    expect(read).toMatchObject({ form: 'text', packing: 'none', accesses: 4, whole: true, list: ACCESSES });
    expect(read.places).toEqual(['82:4', '96:5', '163:8', '177:10'].map((place, i) => place.replace(/^\d+/, String(TRACE.indexOf(['I  0', ' S ', ' L ', ' M '][i]!))))); // prettier-ignore
  });
  it.each([1, 2, 3, 7, 31, 32, 33, 4096])('gives the same in pieces of %i bytes', async (size) => {
    expect(await readAll(cut(bytes(TRACE), size))).toEqual(await readAll([bytes(TRACE)]));
  });
  it('gives the same of many lines, over the ends of pieces and batches', async () => {
    const lines = Array.from(
      { length: 20_000 },
      (_, i) => ` L ${(0x1000 + 8 * i).toString(16)},${1 + (i % 16)}\n`,
    );
    const { list } = await readAll(cut(bytes(lines.join('')), 65_535));
    expect(list).toHaveLength(20_000);
    list.forEach((access, i) => expect(access).toEqual([ACCESS_READ, BigInt(0x1000 + 8 * i), 1 + (i % 16)]));
  });
  it('takes the last address of 64 bits, and sizes of 1 to 4096', async () => {
    const { list } = await readAll([bytes(' L ffffffffffffffff,1\n S 0,4096\n')]);
    expect(list).toEqual([
      [ACCESS_READ, 0xffff_ffff_ffff_ffffn, 1],
      [ACCESS_WRITE, 0n, 4096],
    ]);
  });
  it('stops at a limit, whatever follows', async () => {
    const { list, whole } = await readAll([bytes(' L 1000,1\n L 2000,2\nnonsense')], { limit: 2 });
    expect([list.length, whole]).toEqual([2, false]);
  });
});

describe('text form, what is refused', () => {
  const before = ' L 1000,8\n';
  it.each<[string, string, string]>([
    ['', 'TRUNCATED', 'byte 0: no access in it'],
    ['==1== Lackey\n', 'TRUNCATED', 'byte 0: no access in it'],
    [`${before} L 1000,8`, 'TRUNCATED', 'byte 19, line 2: the last line has no end: the trace is cut off'],
    [`${before}==1== Exi`, 'TRUNCATED', 'byte 19, line 2: the last line has no end: the trace is cut off'],
    [`${before}hello\n`, 'SYNTAX', "byte 10, line 2: 'h' where lackey has 'I  addr,size', ' L', ' S', ' M' or '==pid=='; its --log-file keeps other output out"],
    [`${before}\0\0\0\n`, 'SYNTAX', 'byte 10, line 2: byte 0x00 where lackey'],
    [`${before} X 1000,8\n`, 'SYNTAX', "byte 11, line 2: 'X' where lackey"],
    [`${before}I 1000,8\n`, 'SYNTAX', "byte 12, line 2: '1' where lackey"],
    [`${before} L1000,8\n`, 'SYNTAX', "byte 12, line 2: '1' where lackey"],
    [`${before} L 0x1000,8\n`, 'SYNTAX', "byte 14, line 2: 'x' in an address"],
    [`${before} L ,8\n`, 'SYNTAX', "byte 13, line 2: ',' where an address begins"],
    [`${before} L \n`, 'SYNTAX', 'byte 13, line 2: byte 0x0a where an address begins'],
    [`${before} L 1000\n`, 'SYNTAX', 'byte 17, line 2: byte 0x0a in an address'],
    [`${before} L 1000,\n`, 'SYNTAX', 'byte 18, line 2: a line without a size'],
    [`${before} L 1000,8 \n`, 'SYNTAX', 'byte 19, line 2: byte 0x20 in a size'],
    [`${before} L 1000,8\r\n`, 'SYNTAX', 'byte 19, line 2: byte 0x0d in a size'],
    [`${before} L 1000,-8\n`, 'SYNTAX', "byte 18, line 2: '-' in a size"],
    [`${before} L 1000,0\n`, 'RANGE', 'byte 18, line 2: a size that is not 1 to 4096 bytes'],
    [`${before} L 1000,4097\n`, 'RANGE', 'byte 18, line 2: a size that is not 1 to 4096 bytes'],
    [`${before} L 1000,${'9'.repeat(400)}\n`, 'RANGE', 'byte 18, line 2: a size that is not 1 to 4096 bytes'],
    [`${before} L 10000000000000000,8\n`, 'RANGE', 'byte 13, line 2: an address of more than 64 bits'],
    [`${before} L ${'1'.repeat(500)}\n`, 'RANGE', 'byte 13, line 2: an address of more than 64 bits'],
    [`${before}==${'='.repeat(LINE_BYTES_MAX)}\n`, 'SYNTAX', 'byte 10, line 2: a line of more than 16384 bytes; those of lackey are short'],
  ])('case %#', async (text, code, message) => {
    for (const size of [1, 5, 1 << 20]) {
      const error = await failureOf(cut(bytes(text), size));
      expect(error).toBeInstanceOf(AddressTraceError);
      expect(error).toMatchObject({ code, message: expect.stringContaining(message) as string });
    }
  }); // prettier-ignore
});

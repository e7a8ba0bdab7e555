import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { INDEX, META, TRUTH, files, tables } from '../test/small-capture.js';
import { CaptureError, type CaptureErrorCode } from './errors.js';
import { openCapture, readCapture } from './open.js';

const read = (replace: Readonly<Record<string, unknown>> = {}) => {
  const made = files(replace);
  return readCapture((name) => made[name]);
};

function expectError(
  replace: Readonly<Record<string, unknown>>,
  code: CaptureErrorCode,
  message: RegExp,
): void {
  let error: unknown;
  try {
    read(replace);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(CaptureError);
  expect((error as CaptureError).code).toBe(code);
  expect((error as CaptureError).message).toMatch(message);
  expect((error as CaptureError).message).not.toContain('\n');
}

const registers = (change: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> => ({
  'meta.json': { ...META, registers: { root_user: '1000', root_kernel: '1000', levels: 4, ...change } },
});
const index = (...runs: readonly unknown[]): Readonly<Record<string, unknown>> => ({
  'tables.index.json': runs,
});
const truth = (change: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> => ({
  'truth.json.gz': { ...TRUTH, ...change },
});

describe('readCapture', () => {
  it('brings the tables into memory and says which backend is needed', () => {
    const { meta, memory, vmas, truth: said } = read();
    expect(meta.backend).toEqual({ name: 'x86_64', options: { kernel: '6.1.192', levels: 4 } });
    expect(memory.load(0x6000n)).toBe(0x8000_0000_0007_7867n);
    expect(memory.exists(0x3000n)).toBe(false);
    expect(vmas).toMatchObject([{ start: 0x40_0000n, end: 0x40_1000n, read: true, write: true, exec: false, name: '/init' }]);
    expect(said.runs).toMatchObject([{ va: 0x40_0000n, nrPages: 1, pagemap: 0xa080_0000_0000_0077n }]);
    expect(said.gvaUser).toEqual([{ va: 0x40_0123n, gpa: 0x7_7123n }, { va: 0x80_0000n, gpa: undefined }]);
  }); // prettier-ignore

  it('reads big-endian tables as numbers', () => {
    const { memory } = read({ 'meta.json': { ...META, endian: 'big' } });
    expect(memory.load(0x6000n)).toBe(0x6778_0700_0000_0080n);
  });

  it('maps architectures and kernels to backends', () => {
    const backend = (change: Readonly<Record<string, unknown>>) => read({ 'meta.json': { ...META, ...change }, 'truth.json.gz': { runs: [] } }).meta.backend;
    const arm64 = { root_user: '1000', root_kernel: '1000', levels: 3, va_bits_user: 47, ds_lpa2: 0 };
    expect(backend({ arch: 'aarch64', page_size: 16384, registers: arm64, kernel: '', kernel_release: '6.12.99-x' , regions: [] }).options).toEqual({ kernel: '6.12.117', granule: '16k', vaBits: 47, lpa2: false });
    expect(backend({ arch: 'arm', kernel: 'Debian 6.1.176-1' })).toEqual({ name: 'arm32', options: { kernel: '6.1.176' } });
    expect(backend({ arch: 's390x' }).name).toBe('s390');
    const ppc = { root_user: '1000', root_kernel: '1000', levels: 4, mmu: 'hash' };
    expect(backend({ arch: 'ppc64le', registers: ppc }).options).toEqual({ kernel: '6.1.192', mmu: 'hash', page: '4k' });
  }); // prettier-ignore

  it('names a missing file', () => {
    for (const name of ['meta.json', 'tables.index.json', 'tables.bin.gz', 'truth.json.gz', 'maps.txt'])
      expectError({ [name]: null }, 'MISSING_FILE', new RegExp(`^${name}: cannot be read`));
    expect(() => openCapture('/nonexistent')).toThrow(CaptureError);
  });

  it('refuses meta.json that is damaged, incomplete or unknown', () => {
    expectError({ 'meta.json': '{"name":' }, 'BAD_JSON', /^meta.json: is no JSON/);
    expectError({ 'meta.json': [] }, 'BAD_META', /meta is \[\]; expected an object/);
    expectError({ 'meta.json': { ...META, page_size: 5000 } }, 'BAD_META', /page_size is 5000; expected a power of two/);
    expectError({ 'meta.json': { ...META, endian: 'middle' } }, 'BAD_META', /endian/);
    expectError({ 'meta.json': { ...META, arch: 'riscv64' } }, 'UNKNOWN_ARCH', /'riscv64' is none of x86_64/);
    expectError({ 'meta.json': { ...META, kernel: '', kernel_release: '5.10.0' } }, 'UNKNOWN_KERNEL', /no series that we know: 6.1, 6.12/);
    expectError(registers({ root_user: '0x1000' }), 'BAD_META', /root_user is "0x1000"; expected hexadecimal digits without 0x/);
    expectError(registers({ root_user: 'fffffffffffff000' }), 'BAD_META', /below 2\^52/);
    expectError(registers({ root_kernel: 4096 }), 'BAD_META', /root_kernel/);
    expectError(registers({ levels: 9 }), 'BAD_META', /levels is 9; expected a whole number from 2 to 5/);
  }); // prettier-ignore

  it('refuses an index that lies: overlaps, unaligned, negative, outside, absurd', () => {
    const run = INDEX[0]!;
    expectError(index(), 'BAD_INDEX', /at least one run/);
    expectError(index(run, { ...run, offset: 8192 }), 'BAD_INDEX', /pa 1000 is "within the run before it"/);
    expectError(index(run, { ...INDEX[1], offset: 4096 }), 'BAD_INDEX', /offset 1000/);
    expectError(index({ ...run, pa: '1008' }), 'BAD_INDEX', /multiple of 1000/);
    expectError(index({ ...run, pa: 'xyz' }), 'BAD_INDEX', /hexadecimal/);
    expectError(index({ ...run, pa: '-1000' }), 'BAD_INDEX', /hexadecimal/);
    expectError(index({ ...run, pa: 'ffffffffff000' }), 'BAD_INDEX', /below 2\^52/);
    expectError(index({ ...run, length: -4096 }), 'BAD_INDEX', /length is -4096/);
    expectError(index({ ...run, length: 100 }), 'BAD_INDEX', /length/);
    expectError(index({ ...run, length: 2 ** 50 }), 'BAD_INDEX', /length/);
    expectError(index({ ...run, offset: 1e300 }), 'BAD_INDEX', /offset/);
    expectError(index({ ...run, offset: 4096 * 100 }, INDEX[1]), 'BAD_INDEX', /to end within 16384 bytes/);
    expectError(
      index({ ...run, length: 4096 }),
      'TOO_LARGE',
      /tables.bin.gz: unpacks to more than the 4096 bytes/,
    );
  });

  it('refuses tables that are cut off, damaged or too long', () => {
    const packed = gzipSync(tables());
    expectError({ 'tables.bin.gz': packed.subarray(0, packed.length >> 1) }, 'CORRUPT_GZIP', /^tables.bin.gz: is damaged/);
    expectError({ 'tables.bin.gz': new Uint8Array(100) }, 'CORRUPT_GZIP', /^tables.bin.gz: is damaged/);
    expectError({ 'tables.bin.gz': gzipSync(tables().subarray(0, 8192)) }, 'TRUNCATED', /holds 8192 bytes, tables.index.json names 16384/);
    expectError({ 'tables.bin.gz': gzipSync(new Uint8Array(2 ** 20)) }, 'TOO_LARGE', /more than the 16384 bytes/);
  }); // prettier-ignore

  it('refuses a truth that speaks of pages outside of every VMA, or of too many', () => {
    const run = (TRUTH['runs'] as readonly object[])[0]!;
    expectError(truth({ runs: [{ ...run, n: 2 }] }), 'BAD_TRUTH', /pages of VMAs in maps.txt/);
    expectError(truth({ runs: [{ ...run, n: 1e12 }] }), 'BAD_TRUTH', /runs\[0\].n/);
    expectError(truth({ runs: [{ ...run, va: '401000' }] }), 'BAD_TRUTH', /pages of VMAs/);
    expectError(truth({ runs: [run, run] }), 'BAD_TRUTH', /ascend and do not overlap/);
    expectError(truth({ runs: 7 }), 'BAD_TRUTH', /runs is 7; expected an array/);
    expectError(truth({ gva2gpa_user: { zz: null } }), 'BAD_TRUTH', /a key of gva2gpa_user/);
    expectError({ 'truth.json.gz': gzipSync(Buffer.from('{')) }, 'BAD_JSON', /^truth.json.gz/);
  });

  it('refuses maps that are no VMAs, overlap or are empty', () => {
    const line = '00400000-00401000 rw-p 00000000 00:02 8 /init';
    expectError({ 'maps.txt': 'hello' }, 'BAD_MAPS', /line 1 is no VMA: 'hello'/);
    expectError({ 'maps.txt': `${line}\n${line}` }, 'BAD_MAPS', /line 2 is empty or overlaps/);
    expectError({ 'maps.txt': line.replace('00401000', '00400000') }, 'BAD_MAPS', /line 1 is empty/);
  });

  it('refuses info-tlb, slb and hash table files that are not what they should be', () => {
    expectError({ 'info-tlb-user.txt.gz': 'x' }, 'BAD_INFO_TLB', /line 1 is no translation: 'x'/);
    expectError({ 'slb-user.txt': 'SLB\tESID\tVSID\n0 1 2' }, 'BAD_SLB', /line 2 is no SLB entry/);
    const meta = { ...META, hpt: { base: '0', size: 2 ** 18, file: 'hpt.bin.gz' } };
    expectError({ 'meta.json': meta }, 'MISSING_FILE', /hpt.bin.gz/);
    expectError({ 'meta.json': meta, 'hpt.bin.gz': gzipSync(new Uint8Array(128)) }, 'BAD_HPT', /holds 128 bytes, meta.json names 262144/);
  }); // prettier-ignore
});

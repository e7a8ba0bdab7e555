/** One address and whole roots of captures, as the command line shows them; and a capture made by hand. */
import { describe, expect, it } from 'vitest';
import {
  type DumpRange,
  dump,
  openCapture,
  openView,
  readCapture,
  walkToJson,
  checkCapture,
} from '@ptemu/capture';
import { files, tables } from '../packages/capture/test/small-capture.js';
import { FIXTURES, backend } from './capture-backends.js';
import { gzipSync } from 'node:zlib';

const view = (name: string) => openView(openCapture(FIXTURES + name), backend);
const small = (replace: Readonly<Record<string, unknown>> = {}) => {
  const made = files(replace);
  return readCapture((name) => made[name]);
};

/** The small capture with entries of its tables changed: index of the 8-byte word in the file, value. */
function changed(entries: Readonly<Record<number, bigint>>) {
  const bytes = tables();
  const words = new DataView(bytes.buffer);
  for (const [i, value] of Object.entries(entries)) words.setBigUint64(8 * Number(i), value, true);
  return small({ 'tables.bin.gz': gzipSync(bytes) });
}

describe('walkToJson', () => {
  it('shows every entry, what the MMU does, and what Linux calls the page', () => {
    expect(walkToJson(openView(small(), backend), 0x40_0123n)).toEqual({
      va: '0x0000000000400123',
      root: 'user',
      mmu: { kind: 'mapped', pa: '0x0000000000077123', level: 'pte', size: '0x0000000000001000', tlbSize: '0x0000000000001000', permissions: 'rw--u' },
      entries: [
        { level: 'pgd', entryPaddr: '0x0000000000001000', entry: '0x0000000000002067' },
        { level: 'pud', entryPaddr: '0x0000000000002000', entry: '0x0000000000005067' },
        { level: 'pmd', entryPaddr: '0x0000000000005010', entry: '0x0000000000006067' },
        { level: 'pte', entryPaddr: '0x0000000000006000', entry: '0x8000000000077867' },
      ],
      linux: { kind: 'present', level: 'pte', entry: '0x8000000000077867', pfn: '0x0000000000077', size: '0x0000000000001000', flags: ['young', 'dirty', 'write', 'softDirty'] },
    });
  }); // prettier-ignore

  it('tells a PROT_NONE page of x86 from a page that is not there: the MMU faults, Linux says present', () => {
    // P clear, bit 8 set, frame inverted. @see Linux arch/x86/include/asm/pgtable-invert.h (6.1)
    const entry = 0x8000_0000_0000_0960n | (~(0x77n << 12n) & 0x000f_ffff_ffff_f000n);
    const json = walkToJson(openView(changed({ 1536: entry }), backend), 0x40_0000n);
    expect(json.mmu).toEqual({ kind: 'fault', cause: 'not-present', level: 'pte' });
    expect(json.linux).toMatchObject({ kind: 'present', pfn: '0x0000000000077', flags: ['young', 'dirty', 'protnone', 'softDirty'] });
  }); // prettier-ignore

  it('gives fault values for addresses and tables that do not exist', () => {
    const made = openView(changed({ 0: 0x9067n }), backend);
    expect(walkToJson(made, 0x40_0000n)).toMatchObject({ mmu: { kind: 'fault', cause: 'bus', level: 'pud' }, linux: { kind: 'bad' } });
    expect(walkToJson(made, 1n << 50n)).toMatchObject({ mmu: { cause: 'non-canonical' }, linux: { kind: 'bad' } });
    expect(walkToJson(made, 0x80_0000_0000n)).toMatchObject({ mmu: { cause: 'not-present', level: 'pgd' }, linux: { kind: 'none', level: 'pgd' } });
  }); // prettier-ignore

  it('keeps the halves of arm64 apart', () => {
    const arm = view('aarch64-6.1.192-4k-a');
    const va = 0xffff_a913_c000n;
    expect(arm.linux(va).kind).toBe('present');
    expect(arm.linux(va | (0xffffn << 48n)).kind).toBe('bad');
    expect(arm.mmu(va, { root: 'kernel' })).toMatchObject({ kind: 'fault', cause: 'non-canonical' });
  });
});

describe('dump', () => {
  for (const name of ['x86_64-6.1.192-a', 'aarch64-6.12.117-16k-a', 'arm-6.1.176-lpae-a', 's390x-6.1.176-edat1-a', 'ppc64le-6.1.176-radix-a']) {
    it(`has every page of ${name} that gva2gpa or pagemap saw, in ascending ranges`, () => {
      const made = view(name);
      const ranges: readonly DumpRange[] = [...dump(made)];
      const wrong = ranges.filter(({ start, linux, truncated }, i) => linux === 'bad' || truncated === true || (i > 0 && BigInt(start) < BigInt(ranges[i - 1]!.end)));
      expect(wrong).toEqual([]);
      const { truth, meta } = made.capture;
      const shift = BigInt(meta.pageShift);
      for (const { va, nrPages, pagemap } of truth.runs) {
        const range = ranges.find(({ start, end: last }) => va >= BigInt(start) && va < BigInt(last));
        if (pagemap >> 62n === 0n) continue;
        expect(range?.linux).toBe(pagemap >> 63n === 1n ? 'present' : 'swap');
        const inside = (va - BigInt(range!.start)) >> shift;
        if (range!.pfn !== undefined) expect(BigInt(range!.pfn) + inside).toBe(pagemap & ((1n << 55n) - 1n));
        if (range!.swapType !== undefined) expect(BigInt(range!.swapType)).toBe(pagemap & 31n);
        expect(nrPages).toBeGreaterThan(0);
      }
    });
  } // prettier-ignore

  it('joins pages that continue each other and only those', () => {
    const made = openView(changed({ 1537: 0x8000_0000_0007_8867n, 1538: 0x8000_0000_0007_9865n, 1539: 0x8000_0000_0007_b865n }), backend);
    expect([...dump(made)].map(({ start, end, pa, permissions, pfn }) => [start, end, pa, permissions, pfn])).toEqual([
      ['0x0000000000400000', '0x0000000000402000', '0x0000000000077000', 'rw--u', '0x0000000000077'],
      ['0x0000000000402000', '0x0000000000403000', '0x0000000000079000', 'r---u', '0x0000000000079'],
      ['0x0000000000403000', '0x0000000000404000', '0x000000000007b000', 'r---u', '0x000000000007b'],
    ]);
  }); // prettier-ignore

  it('ends, and says so, where tables point to themselves', () => {
    const everywhere = Object.fromEntries(Array.from({ length: 512 }, (_, i) => [i, 0x1067n]));
    const made = openView(changed(everywhere), backend);
    const ranges = [...dump(made, { tablesMax: 20 })];
    expect(ranges.at(-1)?.truncated).toBe(true);
    expect(made.mmu(0x40_0000n)).toMatchObject({ kind: 'mapped', paddr: 0x1000n });
  });
});

describe('checkCapture on a wrong claim', () => {
  it('finds one page that pagemap has elsewhere, and names it', () => {
    const report = checkCapture(changed({ 1536: 0x8000_0000_0007_8867n }), backend);
    const wrong = report.checks.find(({ name }) => name === 'pagemap present+pfn')!;
    expect(report.agrees).toBe(false);
    expect(wrong).toMatchObject({ agreed: 0, total: 1 });
    expect(wrong.mismatches[0]).toMatch(
      /^0x0000000000400000: pagemap 0xa080000000000077, tables present pfn 0x0000000000078/,
    );
    expect(checkCapture(small(), backend).agrees).toBe(true);
  });

  it('finds a page that the MMU lets be written although its VMA does not', () => {
    const maps = '00400000-00401000 r--p 00000000 00:02 8 /init\n';
    const report = checkCapture(small({ 'maps.txt': maps }), backend);
    expect(report.checks.find(({ name }) => name === 'perm within VMA')).toMatchObject({
      agreed: 0,
      total: 1,
    });
  });
});

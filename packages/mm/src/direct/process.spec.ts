import type { Arch } from '@ptemu/arch';
import { arm64 } from '@ptemu/arm64';
import { type Access, walk } from '@ptemu/hw';
import { x86_64 } from '@ptemu/x86_64';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backends } from '../../test/worlds.js';
import { DirectProcess } from '../index.js';
import { contextOf } from './context.js';
import { DirectCpu } from './cpu.js';
import { DirectMachine } from './machine.js';
import { PageTables } from './page-table.js';
import { anonymousPte, pteTemplate, storedPte, storedTable, tableTemplate } from './pte-template.js';

const START = 0x4000_0000;
const WRITE: Access = { kind: 'write', mode: 'user' };
const READ: Access = { kind: 'read', mode: 'user' };

const made = (arch: Arch, pages: number, rest: { write?: boolean; thp?: boolean } = {}): DirectProcess => {
  const target = new DirectProcess(arch);
  const bytes = BigInt(pages * arch.layoutOf().PAGE_SIZE);
  target.mmap({ start: BigInt(START), bytes, write: true, ...rest });
  return target;
};
const look = (target: DirectProcess, address: number, access: Access) =>
  walk(target.memory, target.arch.mmuOf(), target.root, BigInt(address), access);

describe.each(backends('6.12'))('%s faultIn', (_name, arch) => {
  const { PAGE_SIZE, HPAGE_PMD_NR } = arch.layoutOf();
  it('maps a page once, for reading and writing', () => {
    const target = made(arch, 4);
    expect(target.faultIn(START + 5)).toBe('page');
    expect(target.faultIn(START + 6)).toBe('mapped');
    expect(target.faultIn(START + PAGE_SIZE)).toBe('page');
    expect([target.rss, target.nr_ptes]).toEqual([2, 1]);
    expect(look(target, START, WRITE).kind).toBe('mapped');
    expect(look(target, START + 2 * PAGE_SIZE, READ).kind).toBe('fault');
  });
  it('maps a page of a mapping that is only read for reading', () => {
    const target = made(arch, 4, { write: false });
    for (const page of [0, 1]) target.faultIn(START + page * PAGE_SIZE);
    for (const page of [0, 1]) {
      expect(look(target, START + page * PAGE_SIZE, READ).kind).toBe('mapped');
      expect(look(target, START + page * PAGE_SIZE, WRITE).kind).toBe('fault');
    }
  });
  it('maps a huge page, and counts the table put aside', () => {
    const target = made(arch, HPAGE_PMD_NR + 1, { thp: true });
    expect(target.faultIn(START)).toBe('huge');
    expect(target.faultIn(START + PAGE_SIZE)).toBe('mapped');
    expect([target.rss, target.nr_ptes]).toEqual([HPAGE_PMD_NR, 1]);
    expect(look(target, START + 3 * PAGE_SIZE, WRITE).kind).toBe('mapped');
  });
  it('maps small pages where the mapping does not hold the whole block', () => {
    const target = made(arch, HPAGE_PMD_NR - 1, { thp: true });
    expect(target.faultIn(START)).toBe('page');
  });
  it('knows where there is no mapping', () => {
    const target = made(arch, 4);
    expect([START - 1, START + 4 * PAGE_SIZE, 0].map((address) => target.faultIn(address))).toEqual([
      'no-mapping', 'no-mapping', 'no-mapping',
    ]); // prettier-ignore
  });
  // Both faces of one fact: the helpers' entry, and the words put together from the template.
  it('puts the entry together as the helpers do', () => {
    const machine = new DirectMachine({ arch });
    const cx = contextOf(new DirectCpu(machine, 0), new PageTables(machine));
    fc.assert(
      fc.property(fc.boolean(), fc.nat(2 ** 22), fc.nat(2), (write, low, high) => {
        const target = made(arch, 1, { write });
        target.faultIn(START);
        const { mm, vma } = vmaOf(cx, write);
        expect(mm.rss).toBe(0);
        const template = pteTemplate(cx, vma);
        const pfn = low + high * 2 ** 22;
        const pa = pfn * PAGE_SIZE;
        if (template === undefined || pa >= 2 ** machine.memory.addressBits) return;
        const word = (BigInt(template.hi) << 32n) | BigInt(template.lo) | BigInt(pa);
        expect(word).toBe(storedPte(cx, vma, vma.vm_start, anonymousPte(cx, vma, pfn)));
      }),
      { seed: 4, numRuns: 30 },
    );
  });
  it('puts the pointer to a table together as the helper does', () => {
    const machine = new DirectMachine({ arch });
    const cx = contextOf(new DirectCpu(machine, 0), new PageTables(machine));
    const { mm } = vmaOf(cx, true);
    const bytes = cx.tables.levels.at(-1)?.tableBytes ?? 0;
    const template = tableTemplate(cx, mm, bytes);
    for (let table = 0n; table < BigInt(40 * bytes); table += BigInt(bytes)) {
      const word = template && (BigInt(template.hi) << 32n) | BigInt(template.lo) | table;
      expect(word ?? storedTable(cx, mm, table)).toBe(storedTable(cx, mm, table));
    }
    expect(template).toBeDefined();
  });
  it('fills the tables as the path without numbers does, in any order', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(3 * HPAGE_PMD_NR - 1), { minLength: 1, maxLength: 20 }), (pages) => {
        const target = made(arch, 3 * HPAGE_PMD_NR);
        for (const page of pages) target.faultIn(START + page * PAGE_SIZE);
        const distinct = new Set(pages);
        expect(target.rss).toBe(distinct.size);
        const frames = [...distinct].map((page) => {
          const result = look(target, START + page * PAGE_SIZE, WRITE);
          return result.kind === 'mapped' ? result.paddr : -1n;
        });
        expect(frames).not.toContain(-1n);
        expect(new Set(frames).size).toBe(distinct.size);
      }),
      { seed: 4, numRuns: 15 },
    );
  });
});

function vmaOf(cx: ReturnType<typeof contextOf>, write: boolean) {
  const mm = cx.tables.mm_alloc();
  const vma = {
    vm_mm: mm,
    vm_start: BigInt(START) as never,
    vm_end: BigInt(START + cx.machine.layout.PAGE_SIZE) as never,
    vm_page_prot: cx.arch.prot.vm_get_page_prot({ read: true, write, exec: false, shared: false }),
    vm_flags: write ? 3n : 1n,
    written: write,
    thp: false,
  };
  return { mm, vma };
}

describe('arm64 with 52-bit addresses', () => {
  // The top address bits stand apart in the entry, so it is not put together from a template; the fault is the same.
  it('faults all the same', () => {
    const arch = arm64({ kernel: '6.12', granule: '64k', config: { ARM64_PA_BITS_52: true } });
    const machine = new DirectMachine({ arch });
    const cx = contextOf(new DirectCpu(machine, 0), new PageTables(machine));
    expect(pteTemplate(cx, vmaOf(cx, true).vma)).toBeUndefined();
    const target = made(arch, 4);
    expect([0, 1, 1].map((page) => target.faultIn(START + page * 65_536))).toEqual([
      'page',
      'page',
      'mapped',
    ]);
    expect(look(target, START + 65_536, WRITE).kind).toBe('mapped');
  });
});

describe('mmap', () => {
  const target = new DirectProcess(x86_64({ kernel: '6.12' }));
  target.mmap({ start: 0x10000n, bytes: 0x2000n, write: true });
  it.each([
    [{ start: 0x11000n, bytes: 0x1000n }, '0x11000..0x12000 overlaps another mapping'],
    [{ start: 0xf000n, bytes: 0x2000n }, '0xf000..0x11000 overlaps another mapping'],
    [{ start: 0x20800n, bytes: 0x1000n }, 'is not whole pages of 0x1000 below 0x7ffffffff000'],
    [{ start: 0x20000n, bytes: 0n }, 'is not whole pages'],
    [{ start: 0x7fff_ffff_f000n, bytes: 0x1000n }, 'is not whole pages'],
  ])('%o throws', (range, message) => {
    expect(() => target.mmap({ ...range, write: true })).toThrow(message);
  });
  it('finds the mapping of an address among several', () => {
    target.mmap({ start: 0x30000n, bytes: 0x1000n, write: true });
    target.mmap({ start: 0x20000n, bytes: 0x1000n, write: true });
    expect([0x20000, 0x30000, 0x10000, 0x21000].map((at) => target.faultIn(at))).toEqual([
      'page', 'page', 'page', 'no-mapping',
    ]); // prettier-ignore
  });
});

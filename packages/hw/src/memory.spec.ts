import { describe, expect, it } from 'vitest';
import { ArchError, __pfn } from '@ptemu/arch';
import { PhysicalMemory, frameAddress } from './memory.js';

const TOP = (1n << 52n) - 8n;

describe('PhysicalMemory entries', () => {
  it('keeps 64-bit values at 0, across 4 GiB and at the top of 52 bits', () => {
    const memory = new PhysicalMemory();
    const values: readonly (readonly [bigint, bigint])[] = [
      [0n, 0xffff_ffff_ffff_ffffn],
      [8n, 1n << 63n],
      [0xffff_fff8n, 0x8000_0000n],
      [0x1_0000_0000n, 1n << 32n],
      [0x1_0000_0008n, 1n << 33n],
      [0x100_0000_0000n, 0x1234_5678_9abc_def0n],
      [TOP, 0x0fed_cba9_8765_4321n],
    ];
    for (const [pa, value] of values) memory.store(pa, value);
    for (const [pa, value] of values) expect(memory.load(pa)).toBe(value);
    expect(memory.loadLo(0, 0x100)).toBe(0x9abc_def0);
    expect(memory.loadHi(0, 0x100)).toBe(0x1234_5678);
    expect(memory.load(0x2000n)).toBe(0n);
  });

  it('answers pairs as unsigned words and takes signed ones', () => {
    const memory = new PhysicalMemory();
    memory.storePair(0xffff_fff8 | 0, 0, -1, -2);
    expect(memory.load(0xffff_fff8n)).toBe(0xffff_fffe_ffff_ffffn);
    expect(memory.loadLo(0xffff_fff8 | 0, 0)).toBe(0xffff_ffff);
  });

  it('refuses unaligned addresses and addresses outside', () => {
    const memory = new PhysicalMemory({ addressBits: 32 });
    expect(() => memory.load(4n)).toThrow(ArchError);
    expect(() => memory.load(1n << 32n)).toThrow(/outside of this memory of 32 bits/);
    expect(() => memory.store(-8n, 0n)).toThrow(ArchError);
    expect(memory.exists(0xffff_fff8n)).toBe(true);
    expect(memory.exists(1n << 32n)).toBe(false);
  });

  it('fills ranges over chunk borders with a step that carries into the high word', () => {
    const memory = new PhysicalMemory();
    memory.fill(0xf_fff0n, 4, 0xffff_f000n, 0x1000n);
    expect([0n, 8n, 16n, 24n].map((at) => memory.load(0xf_fff0n + at))).toEqual([
      0xffff_f000n, 0x1_0000_0000n, 0x1_0000_1000n, 0x1_0000_2000n,
    ]); // prettier-ignore
  });

  it('reads and writes bytes in both orders', () => {
    const memory = new PhysicalMemory();
    memory.store(16n, 0x0102_0304_0506_0708n);
    expect([...memory.readBytes(16n, 8, 'big')]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect([...memory.readBytes(16n, 8, 'little')]).toEqual([8, 7, 6, 5, 4, 3, 2, 1]);
    memory.writeBytes(24n, Uint8Array.of(0, 0, 0, 0, 0, 0, 1, 2), 'big');
    expect(memory.load(24n)).toBe(0x102n);
  });
});

describe('PhysicalMemory of a capture', () => {
  it('has only the pages that were installed', () => {
    const memory = new PhysicalMemory({ unwritten: 'absent' });
    const page = new Uint8Array(4096);
    page.set([0x80, 0, 0, 0, 0, 0, 0, 1], 8);
    memory.install(0xffff_f000n, page, 'big');
    expect(memory.load(0xffff_f008n)).toBe(0x8000_0000_0000_0001n);
    expect(memory.exists(0xffff_fff8n)).toBe(true);
    expect(memory.exists(0xffff_eff8n)).toBe(false);
    expect(memory.exists(0x1_0000_0000n)).toBe(false);
    expect(() => memory.load(0n)).toThrow(ArchError);
    expect(() => memory.install(0x800n, page, 'big')).toThrow(/whole pages/);
    expect(() => memory.install((1n << 52n) - 4096n, new Uint8Array(8192), 'big')).toThrow(/2\^52/);
  });
});

describe('PhysicalMemory frames', () => {
  it('hands out frame 0 first, and the frame freed last again, zeroed', () => {
    const memory = new PhysicalMemory();
    const first = memory.allocateFrame('table:pte');
    const second = memory.allocateFrame('data');
    expect([first, second]).toEqual([0, 1]);
    expect(memory.useOf(first)).toBe('table:pte');
    memory.store(frameAddress(memory, second), 0xdeadn);
    memory.free(second);
    expect(memory.useOf(second)).toBe('free');
    expect(memory.load(0x1000n)).toBe(0xdeadn);
    expect(memory.allocateFrame('table:pmd')).toBe(1);
    expect(memory.useOf(second)).toBe('table:pmd');
    expect(memory.load(0x1000n)).toBe(0n);
  });

  it('aligns blocks to their size and uses the frames skipped', () => {
    const memory = new PhysicalMemory();
    memory.allocateFrame('data');
    expect(memory.allocateFrames('table:pgd', 4)).toBe(4);
    expect(new Set([1, 2, 3].map(() => memory.allocateFrame('data')))).toEqual(new Set([1, 2, 3]));
    expect(memory.useOf(__pfn(7))).toBe('table:pgd');
    expect(memory.useOf(__pfn(8))).toBe('free');
  });

  it('refuses to free a free frame and to allocate beyond the end', () => {
    const memory = new PhysicalMemory({ addressBits: 20, pageShift: 16 });
    for (let i = 0; i < 16; i++) memory.allocateFrame('data');
    expect(() => memory.allocateFrame('data')).toThrow(/no 1 frames left/);
    memory.free(__pfn(15));
    expect(() => memory.free(__pfn(15))).toThrow(/free already/);
    expect(memory.useOf(__pfn(16))).toBe('absent');
  });

  it('reserves at most 5 % more than the tables in use', () => {
    const memory = new PhysicalMemory();
    for (let i = 0; i < 2048; i++) memory.store(frameAddress(memory, memory.allocateFrame('table:pte')), 1n);
    expect(memory.reservedBytes / (2048 * 4096)).toBeLessThan(1.05);
  });

  it('reserves data where entries are stored, keeps what it holds, and reads zero elsewhere', () => {
    const memory = new PhysicalMemory();
    memory.setUse(0, 2 ** 18, 'data');
    expect(memory.reservedBytes / 2 ** 18).toBe(4);
    memory.store(0n, 1n);
    const little = memory.reservedBytes;
    expect(memory.load(0xfff8n)).toBe(0n);
    expect(memory.loadHi(0x1_0000, 0)).toBe(0);
    const mark = memory.mark();
    memory.store(0x1_0000n, 2n);
    expect(memory.reservedBytes).toBe(little + 2 ** 16);
    expect([memory.load(0n), memory.load(0x1_0000n)]).toEqual([1n, 2n]);
    memory.rollback(mark);
    expect([memory.load(0n), memory.load(0x1_0000n)]).toEqual([1n, 0n]);
    expect(memory.useOf(__pfn(2 ** 18 - 1))).toBe('data');
  });

  it('zeroes a frame that somebody stored into before it was allocated', () => {
    const memory = new PhysicalMemory();
    memory.store(0x18n, 1n);
    memory.fill(0xff8n, 3, 5n);
    memory.install(0x4000n, new Uint8Array(4096).fill(7), 'little', 'free');
    const frames = Array.from({ length: 5 }, () => memory.allocateFrame('data'));
    expect(frames).toEqual([0, 1, 2, 3, 4]);
    expect([0x18n, 0xff8n, 0x1000n, 0x1008n, 0x4000n].map((pa) => memory.load(pa))).toEqual([0n, 0n, 0n, 0n, 0n]);
  }); // prettier-ignore

  it('allocates and clears frames behind the end of a chunk while changes are recorded', () => {
    const memory = new PhysicalMemory({ pageShift: 16 });
    memory.store(0n, 1n);
    memory.mark();
    memory.free(memory.allocateFrames('table:pgd', 4), 4);
    const reserved = memory.reservedBytes;
    expect(memory.allocateFrames('table:pgd', 4)).toBe(0);
    expect(memory.load(0n)).toBe(0n);
    expect(memory.reservedBytes).toBe(reserved);
  });
});

describe('PhysicalMemory rollback', () => {
  it('restores entries, uses and the allocator, for nested marks', () => {
    const memory = new PhysicalMemory();
    const kept = memory.allocateFrame('data');
    memory.store(0n, 1n);
    const outer = memory.mark();
    memory.store(0n, 0xffff_ffff_ffff_ffffn);
    memory.free(kept);
    const inner = memory.mark();
    expect(memory.allocateFrame('table:pte')).toBe(0);
    memory.fill(0x10_0000n, 3, 7n, 1n);
    expect(memory.allocateFrames('table:pgd', 4)).toBe(4);
    memory.rollback(inner);
    expect(memory.useOf(kept)).toBe('free');
    expect(memory.load(0n)).toBe(0xffff_ffff_ffff_ffffn);
    expect(memory.load(0x10_0008n)).toBe(0n);
    expect(memory.useOf(__pfn(4))).toBe('free');
    memory.rollback(outer);
    expect(memory.useOf(kept)).toBe('data');
    expect(memory.load(0n)).toBe(1n);
    expect(memory.allocateFrame('data')).toBe(1);
    expect(() => memory.rollback(1)).toThrow(ArchError);
  });

  it('records nothing after forgetMarks', () => {
    const memory = new PhysicalMemory();
    memory.mark();
    memory.forgetMarks();
    memory.store(0n, 1n);
    expect(() => memory.rollback(0)).toThrow(ArchError);
  });
});

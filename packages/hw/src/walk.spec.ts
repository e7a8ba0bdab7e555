import { describe, expect, it } from 'vitest';
import { LIKE_ARM64, LIKE_POWERPC, LIKE_S390, LIKE_X86 } from '../test/descriptions.js';
import { PhysicalMemory } from './memory.js';
import { type Access, walk } from './walk.js';

const READ: Access = { kind: 'read', mode: 'user' };
const WRITE: Access = { kind: 'write', mode: 'user' };
const EXEC: Access = { kind: 'exec', mode: 'user' };
const KERNEL_READ: Access = { kind: 'read', mode: 'kernel' };

/** 0x1000 -> 0x2000 -> 0x3000 -> 0x4000 -> frame 0x5 for va 0x0000_7fff_ffff_f123; present, writable, user. */
function x86(): PhysicalMemory {
  const memory = new PhysicalMemory({ addressBits: 40 });
  memory.store(0x1000n + 255n * 8n, 0x2007n);
  memory.store(0x2000n + 511n * 8n, 0x3007n);
  memory.store(0x3000n + 511n * 8n, 0x4007n);
  memory.store(0x4000n + 511n * 8n, 0x5007n);
  return memory;
}
const VA = 0x7fff_ffff_f123n;

describe('walk', () => {
  it('follows four levels to a small page', () => {
    const result = walk(x86(), LIKE_X86, 0x1000n, VA, READ);
    expect(result).toMatchObject({
      kind: 'mapped',
      paddr: 0x5123n,
      level: 'pte',
      size: 0x1000n,
      tlbShift: 12,
    });
    expect(result.entries.map(({ level, entryPaddr, entry }) => [level, entryPaddr, entry])).toEqual([
      ['pgd', 0x17f8n, 0x2007n],
      ['pud', 0x2ff8n, 0x3007n],
      ['pmd', 0x3ff8n, 0x4007n],
      ['pte', 0x4ff8n, 0x5007n],
    ]);
  });

  it('ends at a leaf above, and takes the rest of the address as offset', () => {
    const memory = x86();
    memory.store(0x3ff8n, 0x12_3460_0087n);
    expect(walk(memory, LIKE_X86, 0x1000n, VA, READ)).toMatchObject({
      kind: 'mapped', paddr: 0x12_347f_f123n, level: 'pmd', size: 0x20_0000n,
    }); // prettier-ignore
  });

  it('adds up denials from tables: a read-only table makes a writable leaf read-only', () => {
    const memory = x86();
    memory.store(0x2ff8n, 0x3005n);
    expect(walk(memory, LIKE_X86, 0x1000n, VA, READ).kind).toBe('mapped');
    expect(walk(memory, LIKE_X86, 0x1000n, VA, WRITE)).toMatchObject({
      kind: 'fault',
      cause: 'permission',
      level: 'pte',
    });
    memory.store(0x17f8n, 0x8000_0000_0000_2007n);
    expect(walk(memory, LIKE_X86, 0x1000n, VA, EXEC)).toMatchObject({ cause: 'permission' });
    memory.store(0x4ff8n, 0x5003n);
    expect(walk(memory, LIKE_X86, 0x1000n, VA, READ)).toMatchObject({ cause: 'permission' });
    expect(walk(memory, LIKE_X86, 0x1000n, VA, KERNEL_READ).kind).toBe('mapped');
  });

  it('keeps the kernel from user pages where the access says so', () => {
    const access: Access = { kind: 'read', mode: 'kernel', userPages: 'forbidden' };
    expect(walk(x86(), LIKE_X86, 0x1000n, VA, access)).toMatchObject({ cause: 'permission' });
  });

  it('reports what the hardware records, and stores it only where asked for', () => {
    const memory = x86();
    const reported = walk(memory, LIKE_X86, 0x1000n, VA, WRITE);
    expect(reported).toMatchObject({ updates: [{ from: 0x2007n, to: 0x2027n }, { from: 0x3007n, to: 0x3027n }, { from: 0x4007n, to: 0x4027n }, { from: 0x5007n, to: 0x5067n }] }); // prettier-ignore
    expect(memory.load(0x4ff8n)).toBe(0x5007n);
    walk(memory, LIKE_X86, 0x1000n, VA, READ, { states: 'update' });
    expect(memory.load(0x4ff8n)).toBe(0x5027n);
    walk(memory, LIKE_X86, 0x1000n, VA, WRITE, { states: 'update' });
    expect(memory.load(0x4ff8n)).toBe(0x5067n);
    expect(walk(memory, LIKE_X86, 0x1000n, VA, WRITE)).toMatchObject({ updates: [] });
  });

  it('records nothing in a walk that faults', () => {
    const memory = x86();
    memory.store(0x4ff8n, 0x5005n);
    walk(memory, LIKE_X86, 0x1000n, VA, WRITE, { states: 'update' });
    expect([0x17f8n, 0x4ff8n].map((pa) => memory.load(pa))).toEqual([0x2007n, 0x5005n]);
  });

  it('names every other way to end', () => {
    const memory = x86();
    expect(walk(memory, LIKE_X86, 0x1000n, 1n << 47n, READ)).toMatchObject({
      cause: 'non-canonical',
      level: 'pgd',
    });
    expect(walk(memory, LIKE_X86, 0x1000n, 0xffff_8000_0000_0000n, READ)).toMatchObject({
      cause: 'not-present',
    });
    memory.store(0x17f8n, 0x2087n);
    expect(walk(memory, LIKE_X86, 0x1000n, VA, READ)).toMatchObject({ cause: 'reserved', level: 'pgd' });
    memory.store(0x17f8n, (1n << 45n) | 7n);
    expect(walk(memory, LIKE_X86, 0x1000n, VA, READ)).toMatchObject({ cause: 'bus', level: 'pud' });
    expect(walk(memory, LIKE_X86, 1n << 51n, VA, READ)).toMatchObject({
      cause: 'bus',
      level: 'pgd',
      entries: [],
    });
  });

  it('ends on a table that points to itself', () => {
    const memory = x86();
    for (let i = 0n; i < 512n; i++) memory.store(0x1000n + 8n * i, 0x1007n);
    expect(walk(memory, LIKE_X86, 0x1000n, VA, READ)).toMatchObject({ kind: 'mapped', paddr: 0x1123n });
  });

  it('gives a fault for an accessed state that software records, before permissions; a dirty state after them', () => {
    const memory = new PhysicalMemory();
    const arm = (entry: bigint, access: Access, states: 'report' | 'ignore' = 'report') => {
      memory.store(0n, entry);
      return walk(memory, LIKE_ARM64, 0n, 0x1234n, access, { states });
    };
    expect(arm(0x4000_0041n, READ)).toMatchObject({ cause: 'accessed', level: 'pud' });
    expect(arm(0x4000_00c1n, WRITE)).toMatchObject({ cause: 'accessed' });
    expect(arm(0x4000_00c1n, WRITE, 'ignore')).toMatchObject({ cause: 'permission' });
    expect(arm(0x4000_0041n, READ, 'ignore')).toMatchObject({ kind: 'mapped', paddr: 0x4000_1234n });
    expect(arm((1n << 52n) | 0x4000_0441n, READ)).toMatchObject({
      kind: 'mapped',
      size: 1n << 30n,
      tlbShift: 34,
    });
  });

  it('puts addresses together from pieces, up and down', () => {
    const memory = new PhysicalMemory();
    memory.store(0n, 0x300n | 0x4000_0441n);
    expect(walk(memory, LIKE_ARM64, 0n, 5n, READ)).toMatchObject({ paddr: 0xc_0000_4000_0005n });
    memory.store(0n, (1n << 63n) | (0x7_0000n << 8n));
    memory.store(0x7_0000n, (1n << 63n) | (1n << 62n) | 0x4000_0100n);
    expect(walk(memory, LIKE_POWERPC, 0n, 0x77n, READ)).toMatchObject({ paddr: 0x4000_0077n, level: 'pud' });
    expect(walk(memory, LIKE_POWERPC, 0n, (3n << 62n) | 0x77n, READ)).toMatchObject({ paddr: 0x4000_0077n });
    expect(walk(memory, LIKE_POWERPC, 0n, (1n << 62n) | 0x77n, READ)).toMatchObject({
      cause: 'non-canonical',
    });
  });

  it('knows tables smaller than a page, and a limit', () => {
    const memory = new PhysicalMemory();
    memory.store(0n, 0x1800n);
    memory.store(0x1800n + 8n, 0x9000n);
    expect(walk(memory, LIKE_S390, 0n, 0x1fffn, READ)).toMatchObject({ kind: 'mapped', paddr: 0x9fffn });
    expect(walk(memory, LIKE_S390, 0n, 1n << 31n, READ)).toMatchObject({ cause: 'non-canonical' });
  });
});

import { describe, expect, it } from 'vitest';
import { arm64 } from '@ptemu/arm64';
import { x86_64 } from '@ptemu/x86_64';
import { SmallMachine, VA } from '../../test/small-machine.js';
import { allIdle, fillTlb, showTranslation, sizeName, tlbOf } from '../index.js';

const x86 = (): SmallMachine => new SmallMachine(x86_64({ kernel: '6.12' }));
const arm = (): SmallMachine => new SmallMachine(arm64({ kernel: '6.12' }));
const cached = (world: SmallMachine): number => tlbOf(world.machine, 1).length;
/** arm64: drops one address on every CPU. */
const broadcast = 'VALE1IS';

describe('tlbi', () => {
  it('local: drops on this CPU at once, and on no other', () => {
    const world = x86();
    world.cacheHuge();
    world.take('tlbi', 'kernel', 'INVLPG', 'mm', VA, VA + 1n, 0);
    expect(cached(world)).toBe(1);
    world.take('tlbi', 'user', 'INVLPG', 'mm', VA, VA + 1n, 1);
    expect(cached(world)).toBe(0);
  });

  it('broadcast: issued, the stale translation stays; delivered, it is gone; only then the barrier passes', () => {
    const world = arm();
    world.cacheHuge();
    world.take('store', 'pmd', 0n, '');
    world.take('tlbi', 'kernel', broadcast, 'mm', VA, VA + 1n, 0);
    expect(world.take('access', 'va', 1, 'mm', VA, true).result).toBe('done');
    expect(world.can('dvm-sync', 'kernel', 0)).toBe(false);
    expect(world.waits('dvm-sync', 'kernel', 0)).toEqual(['dvm CPU1']);
    world.take('dvm', 'CPU1', 1);
    expect(cached(world)).toBe(0);
    expect(world.can('dvm-sync', 'kernel', 0)).toBe(true);
    expect(world.take('access', 'va', 1, 'mm', VA, true).result).toBe('walk');
  });

  it('broadcast: the barrier of a thread that issued nothing does not wait', () => {
    const world = arm();
    world.take('tlbi', 'kernel', broadcast, 'mm', VA, VA + 1n, 0);
    expect(world.can('dvm-sync', 'other thread', 0)).toBe(true);
  });

  it('throws for an instruction that the backend has not', () => {
    expect(() => x86().take('tlbi', 'kernel', 'TLBI', 'mm', VA, VA, 0)).toThrow("no instruction 'TLBI'");
  });
});

describe('what an invalidation covers', () => {
  const dropped = (instruction: string, mm: string, start: bigint, end: bigint): boolean => {
    const world = x86();
    world.cacheHuge();
    world.take('tlbi', 'user', instruction, mm, start, end, 1);
    return cached(world) === 0;
  };
  it('by address: any byte of the page, of this address space', () => {
    expect(dropped('INVLPG', 'mm', VA + 0x1f_ffffn, VA + 0x20_0000n)).toBe(true);
    expect(dropped('INVLPG', 'mm', VA + 0x20_0000n, VA + 0x20_0001n)).toBe(false);
    expect(dropped('INVLPG', 'other', VA, VA + 1n)).toBe(false);
  });
  it('by range: what overlaps', () => {
    expect(dropped('INVLPG loop', 'mm', VA - 0x1000n, VA + 1n)).toBe(true);
    expect(dropped('INVLPG loop', 'mm', VA - 0x1000n, VA)).toBe(false);
  });
  it('by address space', () => {
    expect(dropped('MOV to CR3', 'mm', 0n, 0n)).toBe(true);
    expect(dropped('MOV to CR3', 'other', 0n, 0n)).toBe(false);
  });
});

describe('IPI', () => {
  const send = (world: SmallMachine): void => {
    world.take('ipi-send', 'kernel', 'MOV to CR3', 'mm', 0n, 0n, 1);
  };

  it('sent, the stale translation stays; taken, it is gone; only then the sender goes on', () => {
    const world = x86();
    world.cacheHuge();
    world.take('store', 'pmd', 0n, '');
    send(world);
    expect(world.take('access', 'va', 1, 'mm', VA, true).result).toBe('done');
    expect(world.can('ipi-wait', 'kernel')).toBe(false);
    expect(world.waits('ipi-wait', 'kernel')).toEqual(['ipi CPU1']);
    world.take('ipi', 'CPU1', 1);
    expect(cached(world)).toBe(0);
    expect(world.can('ipi-wait', 'kernel')).toBe(true);
  });

  it('is not taken while the CPU has interrupts off', () => {
    const world = x86();
    world.take('irq-off', 'CPU1', 1);
    send(world);
    expect(world.can('ipi', 'CPU1', 1)).toBe(false);
    world.take('irq-on', 'CPU1', 1);
    expect(world.can('ipi', 'CPU1', 1)).toBe(true);
  });

  it('is taken where interrupts are off on another CPU', () => {
    const world = x86();
    world.take('irq-off', 'CPU0', 0);
    send(world);
    expect(world.can('ipi', 'CPU1', 1)).toBe(true);
  });

  it('without an instruction only interrupts', () => {
    const world = x86();
    world.cacheHuge();
    world.take('ipi-send', 'kernel', '', '', 0n, 0n, 1);
    world.take('ipi', 'CPU1', 1);
    expect(cached(world)).toBe(1);
  });

  it('two requests are taken one by one, in the order in which they were sent', () => {
    const world = x86();
    send(world);
    world.take('ipi-send', 'other', 'MOV to CR3', 'mm', 0n, 0n, 1);
    world.take('ipi', 'CPU1', 1);
    expect([world.can('ipi-wait', 'kernel'), world.can('ipi-wait', 'other')]).toEqual([true, false]);
    world.take('ipi', 'CPU1', 1);
    expect(world.can('ipi', 'CPU1', 1)).toBe(false);
  });
});

describe('a walk in flight', () => {
  it('holds back an IPI until it has filled the TLB, so that the fill is dropped', () => {
    const world = x86();
    world.take('store', 'pmd', world.hugePmd(), '');
    world.take('access', 'va', 1, 'mm', VA, true);
    const { result } = world.take('hw-load', 'pmd', 1, 'mm');
    world.take('store', 'pmd', 0n, '');
    world.take('ipi-send', 'kernel', 'MOV to CR3', 'mm', 0n, 0n, 1);
    expect(world.can('ipi', 'CPU1', 1)).toBe(false);
    expect(allIdle(world.machine)).toBe(false);
    world.take('hw-fill', 'pmd', 1, 'mm', VA, true, result, 'pmd', 'access');
    expect(cached(world)).toBe(1);
    world.take('ipi', 'CPU1', 1);
    expect(cached(world)).toBe(0);
  });

  it('holds back a broadcast invalidation, and of two walks the second one too', () => {
    const world = arm();
    world.take('hw-walk', 'CPU1', 1);
    world.take('hw-walk', 'CPU1', 1);
    world.take('tlbi', 'kernel', broadcast, 'mm', VA, VA + 1n, 0);
    expect(world.can('dvm', 'CPU1', 1)).toBe(false);
    world.take('hw-load', 'pmd', 1, 'mm');
    expect(world.can('dvm', 'CPU1', 1)).toBe(false);
    world.take('hw-load', 'pmd', 1, 'mm');
    expect(world.can('dvm', 'CPU1', 1)).toBe(true);
  });
});

describe('I11: one translation per address', () => {
  const huge = {
    mm: 'mm',
    va: VA,
    sizeBytes: 0x20_0000n,
    pageBytes: 0x20_0000n,
    pa: VA,
    write: true,
    dirty: true,
  };
  const part = { ...huge, va: VA + 0x1000n, sizeBytes: 0x1000n, pageBytes: 0x1000n, pa: VA + 0x1000n };
  const fellWith = (world: SmallMachine, second: typeof huge): readonly string[] => {
    fillTlb(world.machine, 1, huge);
    fillTlb(world.machine, 1, second);
    return world.machine.takeFallen().map(({ invariant }) => invariant);
  };

  it('falls for a small page inside a huge one where mixed sizes are not allowed', () => {
    expect(fellWith(arm(), part)).toEqual(['I11']);
  });
  it('falls for two outputs of one address whatever the sizes', () => {
    expect(fellWith(arm(), { ...huge, pa: 0x8000_0000n })).toEqual(['I11']);
  });
  it('holds for the same page again, for its neighbour and for another address space', () => {
    expect(fellWith(arm(), { ...huge, write: false })).toEqual([]);
    expect(fellWith(arm(), { ...huge, va: VA + 0x20_0000n, pa: VA + 0x20_0000n })).toEqual([]);
    expect(fellWith(arm(), { ...part, mm: 'other' })).toEqual([]);
  });
  it('holds for mixed sizes with one output where the backend allows them', () => {
    const arch = x86_64({ kernel: '6.12' });
    const mmu = { ...arch.mmuOf(), mixedSizes: 'allowed' as const };
    const world = new SmallMachine({ ...arch, mmuOf: () => mmu });
    expect(fellWith(world, part)).toEqual([]);
    expect(fellWith(world, { ...part, pa: 0x9000_0000n })).toEqual(['I11', 'I11']);
  });
  it('holds once the huge translation is dropped', () => {
    const world = arm();
    world.cacheHuge();
    world.take('tlbi', 'kernel', broadcast, 'mm', VA, VA + 1n, 0);
    world.take('dvm', 'CPU1', 1);
    fillTlb(world.machine, 1, part);
    expect(world.machine.takeFallen()).toEqual([]);
  });
});

describe('names', () => {
  it('shows a translation with size and rights', () => {
    const entry = {
      mm: 'mm',
      va: VA,
      sizeBytes: 0x20_0000n,
      pageBytes: 0x20_0000n,
      pa: 0x8000_0000n,
      dirty: true,
    };
    expect(showTranslation({ ...entry, write: true })).toBe('0x40000000 2M -> 0x80000000 rw');
    expect(showTranslation({ ...entry, write: false })).toBe('0x40000000 2M -> 0x80000000 r');
  });
  it.each([
    [0x1000n, '4K'],
    [0x1_0000n, '64K'],
    [0x4000_0000n, '1G'],
    [0x180n, '384B'],
  ])('names %d bytes %s', (bytes, name) => {
    expect(sizeName(bytes)).toBe(name);
  });
});

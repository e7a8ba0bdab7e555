import { __paddr, __vaddr, type Arch, type Slot, type VmaRef } from '@ptemu/arch';
import { describe, expect, it } from 'vitest';
import { type Recorder, recorder, run } from '../test/recorder.js';
import { x86_64 } from './index.js';

const pmdp: Slot<'pmd'> = { level: 'pmd', paddr: __paddr(0x1000n) };
const ptep: Slot<'pte'> = { level: 'pte', paddr: __paddr(0x1000n) };
const vma: VmaRef = { vm_mm: { id: 'mm' }, vm_flags: 3n };
const at = __vaddr(0x4000_0000n);
const HUGE = 0x8000_0000_4000_00e7n;
const FULL = ['MOV to CR3', 'ipi MOV to CR3'];

const on = (
  release: string,
  word: bigint,
  sequence: (arch: Arch, r: Recorder) => void,
  interfere?: (log: readonly string[], word: bigint) => bigint,
): Recorder => {
  const r = recorder(release, word, interfere);
  sequence(x86_64({ kernel: release }), r);
  return r;
};

describe('x86_64 pmdp_invalidate', () => {
  it('exchanges and flushes the whole mm on every CPU from 4.16 on', () => {
    const r = on('6.12', HUGE, (a, { cpu }) => {
      expect(run(a.sequences.pmdp_invalidate(cpu, vma, at, pmdp))).toBe(HUGE);
    });
    expect(r.log).toEqual(['load', 'xchg 0x800fffffbfe000e6', ...FULL]);
  });
  it('stores what it loaded up to 4.15, so that a dirty bit set in between is lost', () => {
    const clean = HUGE & ~0x40n;
    const walker = (log: readonly string[], word: bigint): bigint =>
      log.at(-1) === 'load' ? word | 0x40n : word;
    const r = on('4.15', clean, (a, { cpu }) => run(a.sequences.pmdp_invalidate(cpu, vma, at, pmdp)), walker);
    expect(r.log).toEqual(['load', 'store 0x80000000400000a6', ...FULL]);
    expect(r.word & 0x40n).toBe(0n);
    const fixed = on('4.16', clean, (a, { cpu }) => {
      expect(run(a.sequences.pmdp_invalidate(cpu, vma, at, pmdp)) & 0x40n).toBe(0x40n);
    }, walker); // prettier-ignore
    expect(fixed.log[1]).toBe('xchg 0x80000000400000a6');
  });
});

describe('x86_64 pmdp_invalidate_ad', () => {
  it('does not flush from 6.1 on', () => {
    const r = on('6.1', HUGE, (a, { cpu }) => {
      expect(run(a.sequences.pmdp_invalidate_ad?.(cpu, vma, at, pmdp) ?? fail())).toBe(HUGE);
    });
    expect(r.log).toEqual(['load', 'xchg 0x800fffffbfe000e6']);
  });
});

describe('x86_64 pmdp_set_wrprotect', () => {
  it('clears RW with one locked instruction up to 6.5', () => {
    const r = on('6.5', HUGE, (a, { cpu }) => run(a.sequences.pmdp_set_wrprotect(cpu, vma.vm_mm, at, pmdp)));
    expect(r.log).toEqual(['update -0x2 +0x0']);
    expect(r.word).toBe(0x8000_0000_4000_00e5n);
  });
  it('compares and exchanges from 6.12 on, again when the walker set D in between', () => {
    const walker = (log: readonly string[], word: bigint): bigint => (log.length === 1 ? word | 0x40n : word);
    const r = on('6.12', HUGE & ~0x40n, (a, { cpu }) => {
      run(a.sequences.pmdp_set_wrprotect(cpu, vma.vm_mm, at, pmdp));
    }, walker); // prettier-ignore
    expect(r.log).toEqual(['load', 'cmpxchg 0x80000000400000a5', 'cmpxchg 0x84000000400000a5']);
    expect(r.word).toBe(0x8400_0000_4000_00a5n);
  });
});

describe('x86_64 pmdp_test_and_clear_young', () => {
  it('clears A with a locked instruction and does not flush', () => {
    const r = on('6.12', HUGE, (a, { cpu }) => {
      expect(run(a.sequences.pmdp_test_and_clear_young(cpu, vma, at, pmdp))).toBe(true);
    });
    expect(r.log).toEqual(['load', 'update -0x20 +0x0']);
  });
  it('only looks at an old entry', () => {
    const r = on('6.12', HUGE & ~0x20n, (a, { cpu }) => {
      expect(run(a.sequences.pmdp_test_and_clear_young(cpu, vma, at, pmdp))).toBe(false);
    });
    expect(r.log).toEqual(['load']);
  });
});

describe('x86_64 pmdp_set_access_flags', () => {
  const flags = (dirty: boolean): Recorder =>
    on('6.12', HUGE & ~0x60n, (a, { cpu }) => {
      expect(run(a.sequences.pmdp_set_access_flags(cpu, vma, at, pmdp, HUGE, { dirty }))).toBe(true);
    });
  it('stores and does not flush when the fault is a write', () => {
    expect(flags(true).log).toEqual(['load', 'store 0x80000000400000e7']);
  });
  it('stores nothing when the fault is a read: the walker sets A itself', () => {
    expect(flags(false).log).toEqual(['load']);
  });
});

describe('x86_64 pmdp_splitting_flush', () => {
  const split = (word: bigint): Recorder =>
    on('4.4', word, (a, { cpu }) => run(a.sequences.pmdp_splitting_flush?.(cpu, vma, at, pmdp) ?? fail()));
  it('sets the bit and flushes up to 4.4', () => {
    expect(split(HUGE).log).toEqual(['update -0x0 +0x400', ...FULL]);
  });
  it('does not flush when the bit was set already', () => {
    expect(split(HUGE | 0x400n).log).toEqual(['update -0x0 +0x400']);
  });
  it('is absent from 4.5 on', () => {
    expect('pmdp_splitting_flush' in x86_64({ kernel: '4.5' }).sequences).toBe(false);
  });
});

describe('x86_64 pmdp_huge_get_and_clear', () => {
  it('exchanges with 0 in every release', () => {
    for (const release of ['2.6.38', '4.9', '6.19']) {
      const r = on(release, HUGE, (a, { cpu }) => {
        expect(run(a.sequences.pmdp_huge_get_and_clear(cpu, vma.vm_mm, at, pmdp))).toBe(HUGE);
      });
      expect(r.log).toEqual(['xchg 0x0']);
    }
  });
});

describe('x86_64 ptep_get_and_clear_full', () => {
  it('needs no locked instruction when the whole address space goes', () => {
    const log = (full: boolean): readonly string[] =>
      on('6.12', 0x67n, (a, { cpu }) => {
        run(a.sequences.ptep_get_and_clear_full(cpu, vma.vm_mm, at, ptep, { full }));
      }).log;
    expect([log(true), log(false)]).toEqual([['load', 'store 0x0'], ['xchg 0x0']]);
  });
});

describe('x86_64 ptep_clear_flush', () => {
  it('flushes one page on every CPU', () => {
    const r = on('6.12', 0x8000_0000_5432_1067n, (a, { cpu }) => {
      run(a.sequences.ptep_clear_flush(cpu, vma, at, ptep));
    });
    expect(r.log).toEqual(['xchg 0x0', 'INVLPG 0x40000000', 'ipi INVLPG 0x40000000']);
  });
  it('does not flush what no TLB can hold', () => {
    const r = on('6.12', 0x0fff_ffff_ffff_fe00n, (a, { cpu }) => {
      run(a.sequences.ptep_clear_flush(cpu, vma, at, ptep));
    });
    expect(r.log).toEqual(['xchg 0x0']);
  });
});

function fail(): never {
  throw new Error('the sequence is absent');
}

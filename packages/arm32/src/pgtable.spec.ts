import { __paddr, __vaddr, type Arch, KernelBug, type Slot, type VmaRef } from '@ptemu/arch';
import { describe, expect, it } from 'vitest';
import { type Recorder, recorder, run } from '../test/recorder.js';
import { arm32 } from './index.js';

const pmdp: Slot<'pmd'> = { level: 'pmd', paddr: __paddr(0x1000n) };
const ptep: Slot<'pte'> = { level: 'pte', paddr: __paddr(0x1000n) };
const vma: VmaRef = { vm_mm: { id: 'mm' }, vm_flags: 3n };
const at = __vaddr(0x4000_0000n);
const HUGE = 0x00c0_0000_4000_0f5dn;
const FLUSH = ['dsb(ishst)', 'TLBIMVAIS 0x40000000..0x40200000', 'complete'];

const on = (
  release: string,
  word: bigint,
  sequence: (arch: Arch, r: Recorder) => void,
  interfere?: (log: readonly string[], word: bigint) => bigint,
): Recorder => {
  const r = recorder(release, word, interfere);
  sequence(arm32({ kernel: release }), r);
  return r;
};

describe('arm32 pmdp_invalidate', () => {
  it('stores through set_pmd_at and flushes all 512 pages from 4.16 on', () => {
    const r = on('6.12', HUGE, (a, { cpu }) => {
      expect(run(a.sequences.pmdp_invalidate(cpu, vma, at, pmdp))).toBe(HUGE);
    });
    expect(r.log).toEqual(['load', 'load', 'store 0xc0000040000f5c', 'dsb(ishst)', ...FLUSH]);
  });
  it('is no exchange: what another agent stores between load and store is lost, in every release', () => {
    for (const release of ['4.15', '4.16', '6.19']) {
      const intruder = (log: readonly string[], word: bigint): bigint =>
        log.at(-1) === 'load' ? word | (1n << 56n) : word;
      const r = on(
        release,
        HUGE,
        (a, { cpu }) => run(a.sequences.pmdp_invalidate(cpu, vma, at, pmdp)),
        intruder,
      );
      expect([release, r.word]).toEqual([release, 0x00c0_0000_4000_0f5cn]);
    }
  });
  it('stores 0x880 up to 4.6, 0x800 up to 3.16', () => {
    const invalidate = (release: string): readonly string[] =>
      on(release, HUGE, (a, { cpu }) => run(a.sequences.pmdp_invalidate(cpu, vma, at, pmdp))).log;
    expect(invalidate('4.6')).toEqual(['load', 'store 0x880', 'dsb(ishst)', ...FLUSH]);
    expect(invalidate('3.16')).toEqual(['load', 'store 0x800', 'dsb(ishst)', ...FLUSH]);
  });
});

describe('arm32 pmdp_establish', () => {
  it('is absent up to 4.15, non-atomic from 4.16 on', () => {
    expect('pmdp_establish' in arm32({ kernel: '4.15' }).sequences).toBe(false);
    const r = on('4.16', HUGE, (a, { cpu }) => {
      expect(run(a.sequences.pmdp_establish?.(cpu, vma, at, pmdp, 0n) ?? fail())).toBe(HUGE);
    });
    expect(r.log).toEqual(['load', 'store 0x880', 'dsb(ishst)']);
  });
});

describe('arm32 set_pmd_at', () => {
  it('is a BUG at or above TASK_SIZE', () => {
    const store = (address: bigint): void => {
      const { sequences } = arm32({ kernel: '6.12' });
      run(sequences.set_pmd_at(recorder('6.12', 0n).cpu, vma.vm_mm, __vaddr(address), pmdp, HUGE));
    };
    expect(() => store(0xbf00_0000n)).toThrow(KernelBug);
    expect(() => store(0xbee0_0000n)).not.toThrow();
  });
});

describe('arm32 pmdp_set_access_flags', () => {
  it('stores and flushes what changed, and only that', () => {
    const flags = (old: bigint, changed: boolean): readonly string[] =>
      on('6.12', old, (a, { cpu }) => {
        expect(run(a.sequences.pmdp_set_access_flags(cpu, vma, at, pmdp, HUGE, { dirty: true }))).toBe(
          changed,
        );
      }).log;
    expect(flags(0x0040_0000_4000_0fddn, true)).toEqual([
      'load', 'store 0xc0000040000f5d', 'dsb(ishst)', ...FLUSH,
    ]); // prettier-ignore
    expect(flags(HUGE, false)).toEqual(['load']);
  });
});

describe('arm32 pmdp_splitting_flush', () => {
  it('sets the bit and interrupts every CPU without an invalidation up to 4.4', () => {
    const r = on('4.4', HUGE, (a, { cpu }) => {
      run(a.sequences.pmdp_splitting_flush?.(cpu, vma, at, pmdp) ?? fail());
    });
    expect(r.log).toEqual(['load', 'store 0x1c0000040000f5d', 'dsb(ishst)', 'ipi all']);
  });
  it('is absent from 4.5 on', () => {
    expect('pmdp_splitting_flush' in arm32({ kernel: '4.5' }).sequences).toBe(false);
  });
});

describe('arm32 pmdp_huge_get_and_clear', () => {
  it('is a load and a store of 0 without barrier in every release', () => {
    for (const release of ['3.11', '4.9', '6.19']) {
      const r = on(release, HUGE, (a, { cpu }) => {
        expect(run(a.sequences.pmdp_huge_get_and_clear(cpu, vma.vm_mm, at, pmdp))).toBe(HUGE);
      });
      expect(r.log).toEqual(['load', 'store 0x0']);
    }
  });
});

describe('arm32 pmdp_collapse_flush', () => {
  it('clears the table and flushes the pages below it', () => {
    const r = on('6.12', 0x5000_0003n, (a, { cpu }) => {
      expect(run(a.sequences.pmdp_collapse_flush?.(cpu, vma, at, pmdp) ?? fail())).toBe(0x5000_0003n);
    });
    expect(r.log).toEqual(['load', 'store 0x0', ...FLUSH]);
  });
});

describe('arm32 pmd_populate', () => {
  it('stores the table descriptor and makes it visible to walkers', () => {
    const r = on('6.12', 0n, (a, { cpu }) => {
      run(a.sequences.pmd_populate(cpu, vma.vm_mm, pmdp, __paddr(0x5000_0000n)));
    });
    expect(r.log).toEqual(['store 0x50000003', 'dsb(ishst)']);
  });
});

describe('arm32 ptep_clear_flush', () => {
  it('flushes one page on every CPU', () => {
    const r = on('6.12', 0x00c0_0000_4000_0f5fn, (a, { cpu }) => {
      run(a.sequences.ptep_clear_flush(cpu, vma, at, ptep));
    });
    expect(r.log).toEqual(['load', 'store 0x0', 'dsb(ishst)', 'TLBIMVAIS 0x40000000', 'complete']);
  });
  it('does not flush what no TLB can hold', () => {
    const r = on('6.12', 0x0640_0000_4000_071en, (a, { cpu }) => {
      run(a.sequences.ptep_clear_flush(cpu, vma, at, ptep));
    });
    expect(r.log).toEqual(['load', 'store 0x0']);
  });
});

function fail(): never {
  throw new Error('the sequence is absent');
}

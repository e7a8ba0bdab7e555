import { __paddr, __vaddr, type Arch, type Slot, type VmaRef } from '@ptemu/arch';
import { describe, expect, it } from 'vitest';
import { type Recorder, recorder, run, SLOT_PADDR } from '../test/recorder.js';
import { arm64 } from './index.js';

const pmdp: Slot<'pmd'> = { level: 'pmd', paddr: __paddr(SLOT_PADDR) };
const ptep: Slot<'pte'> = { level: 'pte', paddr: __paddr(SLOT_PADDR) };
const vma: VmaRef = { vm_mm: { id: 'mm' }, vm_flags: 3n };
const at = __vaddr(0x4000_0000n);
const HUGE = 0x00a8_0000_4000_0f41n;
/** The same, clean: read-only for the hardware, which may change that (DBM). */
const CLEAN = 0x0028_0000_4000_0fc1n;
const ONE_TLBI = ['dsb(ishst)', 'VAE1IS 0x40000000', 'complete'];

const on = (
  release: string,
  word: bigint,
  sequence: (arch: Arch, r: Recorder) => void,
  interfere?: (log: readonly string[], word: bigint) => bigint,
): readonly string[] => {
  const r = recorder(release, word, interfere);
  sequence(arm64({ kernel: release }), r);
  return r.log;
};
/** A walker that writes to the page, once the kernel has loaded the entry. */
const walkerDirties = (log: readonly string[], word: bigint): bigint =>
  log.at(-1) === 'load' ? word & ~0x80n : word;

describe('arm64 pmdp_invalidate', () => {
  it('exchanges and invalidates once since 5.10', () => {
    const log = on('6.12', HUGE, (a, { cpu }) => {
      expect(run(a.sequences.pmdp_invalidate(cpu, vma, at, pmdp))).toBe(HUGE);
    });
    expect(log).toEqual(['load', 'xchg 0xa8000040000f40', ...ONE_TLBI]);
  });
  it('returns what the walker recorded up to the exchange', () => {
    on('6.12', CLEAN, (a, { cpu }) => {
      expect(run(a.sequences.pmdp_invalidate(cpu, vma, at, pmdp))).toBe(CLEAN & ~0x80n);
    }, walkerDirties); // prettier-ignore
  });
  it('stores what it loaded up to 4.15: a write that the walker recorded in between is lost', () => {
    const r = recorder('4.12', CLEAN, walkerDirties);
    run(arm64({ kernel: '4.12' }).sequences.pmdp_invalidate(r.cpu, vma, at, pmdp));
    expect(r.log.slice(0, 2)).toEqual(['load', 'store 0x28000040000fc0']);
    expect(r.memory.get(SLOT_PADDR)).toBe(0x0028_0000_4000_0fc0n);
  });
});

describe('arm64 pmdp_huge_get_and_clear', () => {
  const steps = (release: string): readonly string[] =>
    on(release, HUGE, (a, { cpu }) => {
      expect(run(a.sequences.pmdp_huge_get_and_clear(cpu, vma.vm_mm, at, pmdp))).toBe(HUGE);
    });
  it('is a load and a store up to 4.5: in 3.16 generic, in 4.5 by a wrong name (911f56eeb87e)', () => {
    for (const release of ['3.16', '4.4', '4.5']) {
      expect(steps(release)).toEqual(['load', 'store 0x0', 'dsb(ishst)', 'isb']);
    }
  });
  it('is one exchange since 911f56eeb87e', () => {
    for (const release of ['4.7', '5.8', '6.1.192', '6.12', '6.19'])
      expect(steps(release)).toEqual(['xchg 0x0']);
  });
});

describe('arm64 pmdp_set_wrprotect', () => {
  const steps = (release: string, word: bigint, interfere?: typeof walkerDirties): Recorder => {
    const r = recorder(release, word, interfere);
    run(arm64({ kernel: release }).sequences.pmdp_set_wrprotect(r.cpu, vma.vm_mm, at, pmdp));
    return r;
  };
  it('keeps dirty as the hardware knows it, and repeats when the walker was faster', () => {
    for (const release of ['4.16', '5.8', '6.1.192', '6.12']) {
      const r = steps(release, CLEAN, (log, word) => (log.length === 1 ? word & ~0x80n : word));
      expect(r.log).toEqual(['load', 'cmpxchg 0x20000040000fc1', 'cmpxchg 0xa0000040000fc1']);
    }
  });
  it('4.14: does not look for dirty as the hardware knows it', () => {
    expect(steps('4.14', 0x0028_0000_4000_0f41n).log).toEqual(['load', 'cmpxchg 0x20000040000fc1']);
  });
  it('4.3 to 4.13: takes an entry without PTE_RDONLY as dirty', () => {
    expect(steps('4.7', 0x0028_0000_4000_0f51n).memory.get(SLOT_PADDR)).toBe(0x00a0_0000_4000_0fd1n);
  });
  it('3.16: clears bit 57 of what it loaded, and set_pmd_at makes it read-only', () => {
    expect(steps('3.16', 0x02a0_0000_4000_0f51n).log).toEqual(['load', 'store 0xa0000040000fd1']);
  });
});

describe('arm64 pmdp_test_and_clear_young', () => {
  it('clears the access flag by one atomic instruction since 4.3', () => {
    const log = on('6.12', HUGE, (a, { cpu }) => {
      expect(run(a.sequences.pmdp_test_and_clear_young(cpu, vma, at, pmdp))).toBe(true);
    });
    expect(log).toEqual(['update -0x400 +0x0']);
  });
  it('loads and stores at 3.16', () => {
    const log = on('3.16', 0x02a0_0000_4000_0f51n, (a, { cpu }) => {
      run(a.sequences.pmdp_test_and_clear_young(cpu, vma, at, pmdp));
    });
    expect(log).toEqual(['load', 'store 0x2a0000040000b51']);
  });
});

describe('arm64 pmdp_set_access_flags', () => {
  const steps = (
    release: string,
    old: bigint,
    entry: bigint,
    dirty: boolean,
  ): Recorder & { changed: boolean } => {
    const r = recorder(release, old);
    const arch = arm64({ kernel: release });
    const changed = run(arch.sequences.pmdp_set_access_flags(r.cpu, vma, at, pmdp, entry, { dirty }));
    return { ...r, changed };
  };
  it('does nothing when the entry is as wanted', () => {
    expect(steps('6.12', HUGE, HUGE, true)).toMatchObject({ changed: false, log: ['load'] });
  });
  it('only ever adds: young, dirty, writable', () => {
    const r = steps('6.12', HUGE, 0x0020_0000_4000_0bc1n, false);
    expect(r).toMatchObject({ changed: true, log: ['load', 'cmpxchg 0xa8000040000f41'] });
  });
  it('flushes one page after a write fault since 6.1, nothing before', () => {
    const flush = ['dsb(ishst)', 'VALE1IS 0x40000000', 'complete'];
    expect(steps('6.12', CLEAN, HUGE, true).log).toEqual(['load', 'cmpxchg 0xa8000040000f41', ...flush]);
    expect(steps('6.1', CLEAN, HUGE, true).log).toEqual(['load', 'cmpxchg 0xa8000040000f41', ...flush]);
    expect(steps('5.15', CLEAN, HUGE, true).log).toEqual(['load', 'cmpxchg 0xa8000040000f41']);
  });
});

describe('arm64 set_pmd_at', () => {
  const stored = (release: string, entry: bigint): bigint =>
    arm64({ kernel: release }).seq.set_pmd_at(entry).stored;
  it('up to 4.4 decides about PTE_RDONLY of user entries', () => {
    for (const release of ['3.16', '4.3', '4.4']) {
      expect(stored(release, 0x0020_0000_4000_0f51n)).toBe(0x0020_0000_4000_0fd1n);
      expect(stored(release, 0x0020_0000_4000_0f11n)).toBe(0x0020_0000_4000_0f11n);
    }
  });
  it('4.5: of all valid entries', () => {
    expect(stored('4.5', 0x0020_0000_4000_0f11n)).toBe(0x0020_0000_4000_0f91n);
    expect(stored('4.5', 0x00a8_0000_4000_0fd1n)).toBe(0x00a8_0000_4000_0f51n);
    expect(stored('4.5', 0x04e0_0000_4000_0f10n)).toBe(0x04e0_0000_4000_0f10n);
  });
  it('4.7 to 4.13: of PROT_NONE entries too', () => {
    for (const release of ['4.7', '4.13']) {
      expect(stored(release, 0x04e0_0000_4000_0f10n)).toBe(0x04e0_0000_4000_0f90n);
    }
  });
  it('stores the entry as it is from 4.14 on', () => {
    for (const release of ['4.14', '5.15', '6.12', '6.19']) {
      for (const entry of [0x0020_0000_4000_0f51n, 0x04e0_0000_4000_0f10n])
        expect(stored(release, entry)).toBe(entry);
    }
  });
  it('has no barrier behind a user entry', () => {
    const log = on('6.12', 0n, (a, { cpu }) => run(a.sequences.set_pmd_at(cpu, vma.vm_mm, at, pmdp, HUGE)));
    expect(log).toEqual(['store 0xa8000040000f41']);
  });
  it('has barriers behind a valid kernel entry', () => {
    const log = on('6.12', 0n, (a, { cpu }) => {
      run(a.sequences.set_pmd_at(cpu, vma.vm_mm, at, pmdp, 0x00e8_0000_4000_0701n));
    });
    expect(log).toEqual(['store 0xe8000040000701', 'dsb(ishst)', 'isb']);
  });
});

describe('arm64 pmd_populate and pmd_clear', () => {
  const populate = (release: string): readonly string[] =>
    on(release, 0n, (a, { cpu }) => {
      run(a.sequences.pmd_populate(cpu, vma.vm_mm, pmdp, __paddr(0x5000_0000n)));
    });
  const clear = (release: string): readonly string[] =>
    on(release, HUGE, (a, { cpu }) => run(a.sequences.pmd_clear(cpu, pmdp)));
  it('wait for the store always, up to 4.16', () => {
    expect(populate('4.16')).toEqual(['store 0x50000003', 'dsb(ishst)', 'isb']);
    expect(clear('4.16')).toEqual(['store 0x0', 'dsb(ishst)', 'isb']);
  });
  it('wait for the store of a valid entry only from 4.20 on, with an isb from 5.4 on', () => {
    expect(populate('4.20')).toEqual(['store 0x50000003', 'dsb(ishst)']);
    expect(populate('5.4')).toEqual(['store 0x50000003', 'dsb(ishst)', 'isb']);
    expect(populate('6.12')).toEqual(['store 0x800000050000003', 'dsb(ishst)', 'isb']);
    for (const release of ['4.20', '5.4', '6.12']) expect(clear(release)).toEqual(['store 0x0']);
  });
});

describe('arm64 pmdp_splitting_flush', () => {
  it('sets bit 56 and interrupts every CPU, but drops no TLB entry (up to 4.4)', () => {
    const log = on('4.4', HUGE, (a, { cpu }) => {
      const steps = a.sequences.pmdp_splitting_flush?.(cpu, vma, at, pmdp);
      expect(steps).toBeDefined();
      if (steps) run(steps);
    });
    expect(log).toEqual(['load', 'store 0x1a8000040000f41', 'ipi all']);
  });
  it('is gone from 4.5 on', () => {
    expect('pmdp_splitting_flush' in arm64({ kernel: '4.5' }).sequences).toBe(false);
  });
});

describe('arm64 contiguous ptes (6.9 on)', () => {
  const CONT = 0x0078_0000_4001_0fc3n;
  const fill = (r: Recorder): void => {
    for (let i = 0n; i < 16n; i++) r.memory.set(SLOT_PADDR + i * 8n, CONT + i * 0x1000n);
  };
  it('unfolds the run before it takes one entry away', () => {
    const r = recorder('6.12', CONT);
    fill(r);
    // The walker has recorded a write in one entry of the run.
    r.memory.set(SLOT_PADDR + 24n, (CONT + 0x3000n) & ~0x80n);
    const old = run(arm64({ kernel: '6.12' }).sequences.ptep_get_and_clear(r.cpu, vma.vm_mm, at, ptep));
    expect(old).toBe(0x00e8_0000_4001_0f43n);
    const xchg = r.log.findIndex((line) => line.startsWith('xchg'));
    const flushed = r.log.indexOf('complete');
    expect(r.log.slice(flushed - 17, flushed)[0]).toBe('dsb(ishst)');
    expect(r.log.filter((line) => line.startsWith('VALE1IS'))).toHaveLength(16);
    expect(r.log.filter((line, i) => line.startsWith('store') && i < flushed)).toEqual([]);
    expect(xchg).toBeLessThan(flushed);
    expect(r.memory.get(SLOT_PADDR + 8n)).toBe(0x00e8_0000_4001_1f43n);
    expect(r.memory.get(SLOT_PADDR)).toBe(0n);
  });
  it('never stores the hint by itself', () => {
    expect(arm64({ kernel: '6.12' }).seq.set_pte_at(CONT).stored).toBe(CONT & ~(1n << 52n));
    const off = { kernel: '6.12', config: { ARM64_CONTPTE: false } };
    expect(arm64(off).seq.set_pte_at(CONT).stored).toBe(CONT);
    expect(arm64({ kernel: '6.1.192' }).seq.set_pte_at(CONT).stored).toBe(CONT);
  });
  it('clears young in the whole run', () => {
    const r = recorder('6.12', CONT);
    fill(r);
    run(arm64({ kernel: '6.12' }).sequences.ptep_test_and_clear_young(r.cpu, vma, at, ptep));
    expect([...r.memory.values()].filter((word) => (word & 0x400n) !== 0n)).toEqual([]);
    expect(r.log.filter((line) => line.startsWith('update'))).toHaveLength(16);
  });
});

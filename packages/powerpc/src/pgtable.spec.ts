import { type Arch, __paddr, __vaddr, kernel, type Slot, type VmaRef } from '@ptemu/arch';
import { describe, expect, it } from 'vitest';
import { recorder, type Recorder, type RecorderOptions, run } from '../test/recorder.js';
import { powerpc } from './index.js';

const mm = { id: 'mm' };
const vma: VmaRef = { vm_mm: mm, vm_flags: 3n };
const ADDRESS = __vaddr(0x4000_0000n);
const pmdp: Slot<'pmd'> = { level: 'pmd', paddr: __paddr(0x1000n) };
/** The entry that holds the deposited table of `pmdp`: 2^10 entries behind it. */
const BEHIND = 0x1000n + 0x2000n;
const TABLE = __paddr(0x5000n);
/** `__pgprot` of nothing: a helper for words with HASHPTE. */
const HASHED = 0xc080_0000_4000_2186n;

function machine(arch: Arch, options: Omit<RecorderOptions, 'release'> = {}): Recorder {
  return recorder({ release: arch.kernel.release, ...options });
}

/** What `pmdp_invalidate` does on radix. */
function invalidate(release: string, options: Omit<RecorderOptions, 'release'> = {}): readonly string[] {
  const arch = powerpc({ kernel: release });
  const r = machine(arch, options);
  r.memory.set(0x1000n, 0xc000_0000_4000_0186n);
  run(arch.sequences.pmdp_invalidate(r.cpu, vma, ADDRESS, pmdp));
  return r.log;
}

describe('powerpc pmdp_invalidate', () => {
  const update = 'update 0x1000 -0x8000000000000000 +0x2000000000000000';
  const global = ['smp_mb', 'ptesync', 'tlbie RIC=0 AP=2M 0x40000000', 'complete'];
  it('radix: one atomic update, then one tlbie of 2M, no IPI from 5.8 on', () => {
    expect(invalidate('5.8')).toEqual([update, ...global]);
    expect(invalidate('6.19')).toEqual([update, ...global]);
  });
  it('radix: tlbiel, complete at once, where no other CPU has the mm', () => {
    expect(invalidate('6.12', { onlyUser: true })).toEqual([
      update,
      'smp_mb',
      'ptesync',
      'tlbiel RIC=0 AP=2M 0x40000000',
    ]);
  });
  it('radix: an IPI to the CPUs of the mm from 4.14 to 5.4', () => {
    expect(invalidate('4.14').at(-1)).toBe('ipi mm');
    expect(invalidate('5.4')).toEqual([update, ...global, 'smp_mb', 'ipi mm']);
  });
  it('radix: an IPI to all CPUs up to 4.13, and no INVALID mark', () => {
    const plain = 'update 0x1000 -0x8000000000000000 +0x0';
    expect(invalidate('4.13')).toEqual([plain, ...global, 'smp_mb', 'ipi all']);
    expect(invalidate('4.7')).toEqual([
      plain,
      'smp_mb',
      'ptesync',
      'tlbie RIC=2 PID',
      'complete',
      'smp_mb',
      'ipi all',
    ]);
  });

  it('hash: waits while the fault handler holds the entry', () => {
    const arch = powerpc({ kernel: '6.12', mmu: 'hash' });
    let reads = 0;
    const r = machine(arch, {
      // The handler lets go of the entry before the third read.
      interfere: (self) => void (++reads === 3 && self.memory.set(0x1000n, 0xc000_0000_4000_2186n)),
    });
    r.memory.set(0x1000n, 0xc000_0000_4000_21c6n);
    expect(run(arch.sequences.pmdp_invalidate(r.cpu, vma, ADDRESS, pmdp))).toBe(0xc000_0000_4000_2186n);
    expect(r.log).toEqual(['load 0x1000', 'load 0x1000', 'load 0x1000', 'cmpxchg 0x1000 0x6000000040002186']);
  });
  it('hash: tries again when the entry changed between load and store', () => {
    const arch = powerpc({ kernel: '6.12', mmu: 'hash' });
    let accesses = 0;
    const r = machine(arch, {
      interfere: (self) => void (++accesses === 2 && self.memory.set(0x1000n, 0xc000_0000_4000_2106n)),
    });
    r.memory.set(0x1000n, 0xc000_0000_4000_2006n);
    expect(run(arch.sequences.pmdp_invalidate(r.cpu, vma, ADDRESS, pmdp))).toBe(0xc000_0000_4000_2106n);
    expect(r.log.filter((line) => line.startsWith('cmpxchg'))).toHaveLength(2);
    expect(r.memory.get(0x1000n)).toBe(0x6000_0000_4000_2106n);
  });
});

describe('powerpc hash hugepage flush', () => {
  /** Slots of the sub-pages 0 (primary 2) and 3 (secondary 1), as the kernel's bytes lie in memory. */
  const recorded = 0x0500_0013_0000_0000n;
  const flush = (arch: Arch, deposited: bigint, word: bigint): readonly string[] => {
    const r = machine(arch);
    r.memory.set(0x1000n, HASHED);
    r.memory.set(BEHIND, deposited);
    r.memory.set(TABLE, word);
    run(arch.sequences.pmdp_invalidate(r.cpu, vma, ADDRESS, pmdp));
    return r.log.slice(2);
  };
  const arch = powerpc({ kernel: '6.12', mmu: 'hash' });
  it('issues one tlbie per recorded HPTE and waits once', () => {
    expect(flush(arch, TABLE, recorded)).toEqual([
      'load 0x3000',
      'load 0x5000',
      'tlbie HPTE 0x40000000..0x40010000',
      'tlbie HPTE 0x40030000..0x40040000',
      'complete',
    ]);
  });
  it('does nothing when no HPTE is recorded', () => {
    expect(flush(arch, TABLE, 0n)).toEqual(['load 0x3000', 'load 0x5000']);
  });
  it('returns silently when the table has been withdrawn', () => {
    expect(flush(arch, 0n, recorded)).toEqual(['load 0x3000']);
  });
  it('does not look at the slots of an entry that never had an HPTE', () => {
    const r = machine(arch);
    r.memory.set(0x1000n, HASHED & ~(1n << 55n));
    run(arch.sequences.pmdp_invalidate(r.cpu, vma, ADDRESS, pmdp));
    expect(r.log).toHaveLength(2);
  });
  it('reads the bytes from the other end, with the valid bit at 3, up to 4.5', () => {
    const old = powerpc({ kernel: '4.5', mmu: 'hash' });
    const r = machine(old);
    r.memory.set(0x1000n, 0x1000_0008_0787n);
    r.memory.set(BEHIND, TABLE);
    r.memory.set(TABLE, 0x0000_0000_9800_0028n);
    run(old.sequences.pmdp_invalidate(r.cpu, vma, ADDRESS, pmdp));
    expect(r.log.filter((line) => line.startsWith('tlbie'))).toEqual([
      'tlbie HPTE 0x40000000..0x40010000',
      'tlbie HPTE 0x40030000..0x40040000',
    ]);
  });
});

describe('powerpc c777e2a8b654, withdraw before invalidate', () => {
  const split = (arch: Arch): readonly string[] => {
    const r = machine(arch);
    r.memory.set(0x1000n, 0x1000_0008_0787n);
    r.memory.set(BEHIND, TABLE);
    r.memory.set(TABLE, 0x28n);
    const s = arch.sequences;
    if (s.pmdp_huge_split_prepare) run(s.pmdp_huge_split_prepare(r.cpu, vma, ADDRESS, pmdp));
    expect(run(s.pgtable_trans_huge_withdraw(r.cpu, mm, pmdp))).toBe(TABLE);
    run(s.pmdp_invalidate(r.cpu, vma, ADDRESS, pmdp));
    return r.log.filter((line) => /^(tlbie|fill|ipi)/.test(line));
  };
  it('with the fix, HPTEs go before the table is withdrawn, and an IPI ends the split', () => {
    expect(split(powerpc({ kernel: '4.5', mmu: 'hash' }))).toEqual([
      'tlbie HPTE 0x40000000..0x40010000',
      'fill 0x5000 4096',
      'ipi all',
    ]);
  });
  it('without it, the HPTE survives the split', () => {
    expect(split(powerpc({ kernel: kernel('4.5').without('c777e2a8b654'), mmu: 'hash' }))).toEqual([
      'fill 0x5000 4096',
    ]);
  });
  it('takes USER away at 4.5 and sets PRIVILEGED from 4.7 on', () => {
    const prepared = (release: string, word: bigint): bigint | undefined => {
      const arch = powerpc({ kernel: release, mmu: 'hash' });
      const r = machine(arch);
      r.memory.set(0x1000n, word);
      const steps = arch.sequences.pmdp_huge_split_prepare?.(r.cpu, vma, ADDRESS, pmdp);
      if (steps) run(steps);
      return r.memory.get(0x1000n);
    };
    expect(prepared('4.5', 0x1000_0008_0387n)).toBe(0x1000_0008_0383n);
    expect(prepared('4.15', 0xc000_0000_4000_2186n)).toBe(0xc000_0000_4000_218en);
  });
});

describe('powerpc __hash_page_thp', () => {
  const arch = powerpc({ kernel: '6.12', mmu: 'hash' });
  const fault = (word: bigint, write: boolean, r = machine(arch)): readonly unknown[] => {
    r.memory.set(0x1000n, word);
    r.memory.set(BEHIND, TABLE);
    const inserted: bigint[] = [];
    const steps = arch.sequences.__hash_page_thp?.(
      r.cpu,
      __vaddr(0x4003_1234n),
      pmdp,
      { write, exec: false },
      function* (entry) {
        inserted.push(entry);
        return 9;
      },
    );
    return [steps && run(steps), inserted, r.memory.get(0x1000n), r.memory.get(TABLE)];
  };
  it('locks the entry, inserts, records the slot, and unlocks it with HASHPTE', () => {
    const r = machine(arch);
    expect(fault(0xc000_0000_4000_2106n, true, r)).toEqual([
      'done',
      [0xc000_0000_4000_21c6n],
      0xc080_0000_4000_2186n,
      0x0000_0013_0000_0000n, // sub-page 3: 9 << 1 | 1
    ]);
    expect(r.log).toEqual([
      'load 0x1000',
      'cmpxchg 0x1000 0xc0000000400021c6',
      'load 0x3000',
      'load 0x5000',
      'store 0x5000 0x1300000000',
      'smp_wmb',
      'store 0x1000 0xc080000040002186',
    ]);
  });
  it('is busy while another CPU holds the entry', () => {
    expect(fault(0xc000_0000_4000_2146n, false)[0]).toBe('busy');
  });
  it('faults for what is invalidated, privileged, prot-none, or not writable', () => {
    for (const word of [0x6000_0000_4000_2186n, 0xc000_0000_4000_218en, 0xc000_0000_4000_2180n, 0n]) {
      expect(fault(word, false)[0]).toBe('fault');
    }
    expect([fault(0xc000_0000_4000_2184n, true)[0], fault(0xc000_0000_4000_2184n, false)[0]]).toEqual([
      'fault',
      'done',
    ]);
  });
  it('is found by the next flush', () => {
    const r = machine(arch);
    fault(0xc000_0000_4000_2106n, true, r);
    run(arch.sequences.pmdp_invalidate(r.cpu, vma, ADDRESS, pmdp));
    expect(r.log.filter((line) => line.startsWith('tlbie'))).toEqual(['tlbie HPTE 0x40030000..0x40040000']);
  });
  it('exists on hash with 64K pages only', () => {
    expect('__hash_page_thp' in powerpc({ kernel: '6.12' }).sequences).toBe(false);
    expect('__hash_page_thp' in powerpc({ kernel: '6.12', mmu: 'hash', page: '4k' }).sequences).toBe(false);
  });
});

describe('powerpc __hash_page', () => {
  const ptep: Slot<'pte'> = { level: 'pte', paddr: __paddr(0x2000n) };
  const arch = powerpc({ kernel: '6.12', mmu: 'hash' });
  const fault = (word: bigint, write: boolean, r = machine(arch)): readonly unknown[] => {
    r.memory.set(0x2000n, word);
    const access = { write, exec: false };
    const steps = arch.sequences.__hash_page?.(r.cpu, ptep, access, function* () {
      r.log.push('insert');
      return 0;
    });
    return [steps && run(steps), r.memory.get(0x2000n)];
  };
  it('locks the entry, inserts, and unlocks it with HASHPTE', () => {
    const r = machine(arch);
    expect(fault(0xc000_0000_4000_0006n, true, r)).toEqual(['done', 0xc080_0000_4000_0186n]);
    expect(r.log).toEqual([
      'load 0x2000',
      'cmpxchg 0x2000 0xc0000000400001c6',
      'insert',
      'store 0x2000 0xc080000040000186',
    ]);
  });
  it('is busy, or faults, without touching the entry', () => {
    expect(fault(0xc000_0000_4000_0046n, false)).toEqual(['busy', 0xc000_0000_4000_0046n]);
    expect(fault(0xc000_0000_4000_0004n, true)).toEqual(['fault', 0xc000_0000_4000_0004n]);
    expect(fault(0x6000_0000_4000_0186n, false)[0]).toBe('fault');
  });
  it('is undone by the next change of the entry', () => {
    const r = machine(arch);
    fault(0xc000_0000_4000_0106n, false, r);
    run(arch.sequences.ptep_set_wrprotect(r.cpu, mm, ADDRESS, ptep));
    expect(r.log.slice(-2)).toEqual(['tlbie HPTE 0x40000000..0x40010000', 'complete']);
  });
});

describe('powerpc pmdp_huge_get_and_clear', () => {
  const clear = (release: string, mmu: 'radix' | 'hash', word: bigint): readonly string[] => {
    const arch = powerpc({ kernel: release, mmu });
    const r = machine(arch);
    r.memory.set(0x1000n, word);
    r.memory.set(BEHIND, TABLE);
    expect(run(arch.sequences.pmdp_huge_get_and_clear(r.cpu, mm, ADDRESS, pmdp))).toBe(word);
    expect(r.memory.get(0x1000n)).toBe(0n);
    return r.log;
  };
  const huge = 0xc000_0000_4000_2186n;
  it('hash: zeroes the deposited table, IPI up to 5.4', () => {
    expect(clear('5.4', 'hash', huge)).toEqual([
      'load 0x1000',
      'cmpxchg 0x1000 0x0',
      'load 0x3000',
      'fill 0x5000 4096',
      'smp_mb',
      'ipi mm',
    ]);
    expect(clear('5.8', 'hash', huge)).toEqual([
      'load 0x1000',
      'cmpxchg 0x1000 0x0',
      'load 0x3000',
      'fill 0x5000 4096',
    ]);
  });
  it('hash: no IPI before 13bd817bb884', () => {
    expect(clear('3.16', 'hash', 0x1000_2000_0393n).at(-1)).toBe('fill 0x5000 4096');
    expect(clear('4.4', 'hash', 0x1000_2000_0393n).at(-1)).toBe('ipi all');
  });
  it('radix: one update, IPI up to 5.4', () => {
    const update = 'update 0x1000 -0xffffffffffffffff +0x0';
    expect(clear('5.4', 'radix', huge)).toEqual([update, 'smp_mb', 'ipi mm']);
    expect(clear('5.8', 'radix', huge)).toEqual([update]);
  });
  it('plainly clears what is not present in the stable trees', () => {
    const migration = 0x4000_0000_4000_001an;
    expect(clear('6.12.117', 'hash', migration)).toEqual(['load 0x1000', 'store 0x1000 0x0']);
    expect(clear('6.12', 'radix', migration)).toEqual(['update 0x1000 -0xffffffffffffffff +0x0']);
  });
  it('flushes in the full form from 5.8 on, unless the whole mm goes', () => {
    const log = (full: boolean): readonly string[] => {
      const arch = powerpc({ kernel: '5.8' });
      const r = machine(arch);
      r.memory.set(0x1000n, huge);
      const steps = arch.sequences.pmdp_huge_get_and_clear_full?.(r.cpu, vma, ADDRESS, pmdp, { full });
      if (steps) run(steps);
      return r.log.slice(1);
    };
    expect(log(true)).toEqual([]);
    expect(log(false)).toEqual(['smp_mb', 'ptesync', 'tlbie RIC=0 AP=2M 0x40000000', 'complete']);
  });
});

describe('powerpc pmdp_collapse_flush', () => {
  const collapse = (
    release: string,
    mmu: 'radix' | 'hash',
    page: '4k' | '64k' = '64k',
  ): readonly string[] => {
    const arch = powerpc({ kernel: release, mmu, page });
    const r = machine(arch);
    r.memory.set(0x1000n, 0x8000_0000_5000_0005n);
    const steps = arch.sequences.pmdp_collapse_flush?.(r.cpu, vma, ADDRESS, pmdp);
    if (steps) expect(run(steps)).toBe(0x8000_0000_5000_0005n);
    return r.log;
  };
  const taken = ['load 0x1000', 'store 0x1000 0x0'];
  const pages = ['smp_mb', 'ptesync', 'tlbie RIC=1 PID', 'tlbie RIC=0 0x40000000..0x40200000', 'complete'];
  it('hash: waits for all low-level faults, then flushes the range, to this day', () => {
    const flushed = ['tlbie HPTE 0x40000000..0x41000000', 'complete'];
    expect(collapse('6.19', 'hash')).toEqual([...taken, 'smp_mb', 'ipi mm', ...flushed]);
    expect(collapse('4.5', 'hash')).toEqual([...taken, 'smp_mb', 'ipi all', ...flushed]);
  });
  it('radix: walk cache and pages; the IPI before went with bedf03416913', () => {
    expect(collapse('5.15', 'radix')).toEqual([...taken, 'smp_mb', 'ipi mm', ...pages]);
    expect(collapse('6.1', 'radix')).toEqual([...taken, ...pages]);
  });
  it('radix: the whole mm up to 4.13, walk cache and pages from 4.14 on', () => {
    const wholeMm = ['smp_mb', 'ptesync', 'tlbie RIC=2 PID', 'complete'];
    expect(collapse('4.13', 'radix')).toEqual([...taken, 'smp_mb', 'ipi all', ...wholeMm]);
    expect(collapse('4.14', 'radix')).toEqual([...taken, 'smp_mb', 'ipi mm', ...pages]);
  });
  it('radix with 4K pages: the whole mm', () => {
    expect(collapse('6.12', 'radix', '4k')).toEqual([
      ...taken,
      'smp_mb',
      'ptesync',
      'tlbie RIC=2 PID',
      'complete',
    ]);
  });
});

describe('powerpc deposit and withdraw', () => {
  it('hash: one table per pmd behind it, visible before the huge pmd; zeroed when withdrawn', () => {
    const arch = powerpc({ kernel: '6.12', mmu: 'hash' });
    const r = machine(arch);
    run(arch.sequences.pgtable_trans_huge_deposit(r.cpu, mm, pmdp, TABLE));
    expect(r.log).toEqual(['store 0x3000 0x5000', 'smp_wmb']);
    expect(run(arch.sequences.pgtable_trans_huge_withdraw(r.cpu, mm, pmdp))).toBe(TABLE);
    expect(r.log.slice(2)).toEqual(['load 0x3000', 'store 0x3000 0x0', 'fill 0x5000 4096']);
  });
  it('radix: withdraws 6,1,2,3,4,5 after deposits 1..6 and zeroes the two list words', () => {
    const arch = powerpc({ kernel: '6.12' });
    const r = machine(arch);
    const tables = [1n, 2n, 3n, 4n, 5n, 6n].map((n) => __paddr(n << 16n));
    for (const table of tables) run(arch.sequences.pgtable_trans_huge_deposit(r.cpu, mm, pmdp, table));
    const taken = tables.map(() => run(arch.sequences.pgtable_trans_huge_withdraw(r.cpu, mm, pmdp)) >> 16n);
    expect(taken).toEqual([6n, 1n, 2n, 3n, 4n, 5n]);
    for (const table of tables) expect([r.memory.get(table), r.memory.get(table + 8n)]).toEqual([0n, 0n]);
  });
  it('radix: tables of one page of pmds share a list, those of another do not', () => {
    const arch = powerpc({ kernel: '6.12' });
    const r = machine(arch);
    run(arch.sequences.pgtable_trans_huge_deposit(r.cpu, mm, pmdp, TABLE));
    expect([...r.cells.keys()]).toEqual(['pmd_huge_pte:0x0']);
    const other = { level: 'pmd', paddr: __paddr(0x1_1000n) } as const;
    run(arch.sequences.pgtable_trans_huge_deposit(r.cpu, mm, other, __paddr(0x9000n)));
    expect(r.cells.size).toBe(2);
  });
});

describe('powerpc pte sequences', () => {
  const ptep: Slot<'pte'> = { level: 'pte', paddr: __paddr(0x2000n) };
  it('hash: flush the HPTE where the entry is changed', () => {
    const arch = powerpc({ kernel: '6.12', mmu: 'hash' });
    const r = machine(arch);
    r.memory.set(0x2000n, 0xc080_0000_4000_0186n);
    run(arch.sequences.ptep_get_and_clear(r.cpu, mm, ADDRESS, ptep));
    expect(r.log).toEqual([
      'load 0x2000',
      'cmpxchg 0x2000 0x0',
      'tlbie HPTE 0x40000000..0x40010000',
      'complete',
    ]);
  });
  it('radix: a full unmap needs no atomic update, hash does', () => {
    const log = (mmu: 'radix' | 'hash'): readonly string[] => {
      const arch = powerpc({ kernel: '6.12', mmu });
      const r = machine(arch);
      r.memory.set(0x2000n, 0xc000_0000_4000_0186n);
      run(arch.sequences.ptep_get_and_clear_full(r.cpu, mm, ADDRESS, ptep, { full: true }));
      return r.log;
    };
    expect(log('radix')).toEqual(['load 0x2000', 'store 0x2000 0x0']);
    expect(log('hash')).toEqual(['load 0x2000', 'cmpxchg 0x2000 0x0']);
  });
  it('ptep_set_access_flags only adds rights and needs no flush', () => {
    const arch = powerpc({ kernel: '6.12' });
    const r = machine(arch);
    r.memory.set(0x2000n, 0xc000_0000_4000_0104n);
    const entry = 0xc000_0000_4000_0382n;
    const steps = arch.sequences.ptep_set_access_flags(r.cpu, vma, ADDRESS, ptep, entry, { dirty: true });
    expect(run(steps)).toBe(true);
    expect(r.log).toEqual(['load 0x2000', 'update 0x2000 -0x0 +0x382']);
    expect(r.memory.get(0x2000n)).toBe(0xc000_0000_4000_0386n);
  });
});

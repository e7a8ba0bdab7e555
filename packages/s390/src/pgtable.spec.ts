import { type Slot, __paddr, __vaddr } from '@ptemu/arch';
import { describe, expect, it } from 'vitest';
import { TableCpu } from '../test/table-cpu.js';
import { type S390Options, s390, storageKeyCell } from './index.js';

const TABLE = 0x10_0000n;
const MM = { id: 'mm' };
const VMA = { vm_mm: MM, vm_flags: 0n };
const HUGE = 0x4000_3403n;
/** The segment of 0x80300000 has index 3 in the segment table of its region. */
const ADDRESS = __vaddr(0x8030_0000n);
const pmdp: Slot<'pmd'> = { level: 'pmd', paddr: __paddr(TABLE + 3n * 8n) };

function on(options: S390Options, word = HUGE): { arch: ReturnType<typeof s390>; cpu: TableCpu } {
  const cpu = new TableCpu();
  cpu.words.set(pmdp.paddr, word);
  return { arch: s390(options), cpu };
}

describe('s390 pmdp_invalidate', () => {
  it('6.12: loads, purges by origin and address, then stores the old entry with INVALID', () => {
    const { arch, cpu } = on({ kernel: '6.12' });
    expect(cpu.run(arch.sequences.pmdp_invalidate(cpu, VMA, ADDRESS, pmdp))).toBe(HUGE);
    expect(cpu.log).toEqual(['load', 'load', 'IDTE global 0x100000 0x80300000', 'store 0x40003423']);
  });
  it('4.12: stores EMPTY behind the IDTE', () => {
    const { arch, cpu } = on({ kernel: '4.12' });
    cpu.run(arch.sequences.pmdp_invalidate(cpu, VMA, ADDRESS, pmdp));
    expect(cpu.log).toEqual(['load', 'IDTE global 0x100000 0x80300000', 'store 0x20']);
  });
  it('4.5: the IDTE is all there is', () => {
    const { arch, cpu } = on({ kernel: '4.5' });
    cpu.run(arch.sequences.pmdp_invalidate(cpu, VMA, ADDRESS, pmdp));
    expect(cpu.log).toEqual(['load', 'IDTE global 0x100000 0x80300000']);
    expect(cpu.words.get(pmdp.paddr)).toBe(0x4000_3423n);
  });
  it('does not purge an entry that is INVALID already', () => {
    const { arch, cpu } = on({ kernel: '6.12' }, 0x4000_2423n);
    cpu.run(arch.sequences.pmdp_invalidate(cpu, VMA, ADDRESS, pmdp));
    expect(cpu.log).toEqual(['load', 'load', 'store 0x40002423']);
  });
  it('uses the local form with local clearing, where no other CPU has the mm', () => {
    const { arch, cpu } = on({ kernel: '6.12', cpu: { tlbLc: true } });
    cpu.alone = true;
    cpu.run(arch.sequences.pmdp_invalidate(cpu, VMA, ADDRESS, pmdp));
    expect(cpu.log[3]).toBe('IDTE local 0x100000 0x80300000');
    cpu.alone = false;
    cpu.words.set(pmdp.paddr, HUGE);
    cpu.run(arch.sequences.pmdp_invalidate(cpu, VMA, ADDRESS, pmdp));
    expect(cpu.log[8]).toBe('IDTE global 0x100000 0x80300000');
  });
});

describe('s390 __pmdp_idte with the address of the next segment', () => {
  const wrong = __vaddr(ADDRESS + 0x10_0000n);
  it('sets 0x20 in the page before the table and leaves the pmd valid', () => {
    const { arch, cpu } = on({ kernel: '4.5' });
    cpu.words.set(TABLE - 4096n + 4n * 8n, 0x1234_5000n);
    cpu.run(arch.sequences.pmdp_invalidate(cpu, VMA, wrong, pmdp));
    expect(cpu.log).toEqual(['load', 'IDTE global 0xffff8 0x80400000']);
    expect(cpu.words.get(pmdp.paddr)).toBe(HUGE);
    expect(cpu.words.get(TABLE - 4096n + 4n * 8n)).toBe(0x1234_5020n);
  });
  it('sets 0x20 in entry index - 511 of the same table from index 511 on', () => {
    const { arch, cpu } = on({ kernel: '4.5' });
    const slot: Slot<'pmd'> = { level: 'pmd', paddr: __paddr(TABLE + 600n * 8n) };
    cpu.words.set(slot.paddr, HUGE);
    cpu.run(arch.sequences.pmdp_invalidate(cpu, VMA, __vaddr(0x8000_0000n + 601n * 0x10_0000n), slot));
    expect(cpu.words.get(slot.paddr)).toBe(HUGE);
    expect(cpu.words.get(TABLE + 89n * 8n)).toBe(0x20n);
  });
  it('finds the pmd all the same where CSP is used: 4.5 and 6.12 without IDTE; 6.19 has no such fallback', () => {
    for (const kernel of ['4.5', '6.12']) {
      const { arch, cpu } = on({ kernel, cpu: { idte: false } });
      cpu.run(arch.sequences.pmdp_invalidate(cpu, VMA, wrong, pmdp));
      expect(cpu.log.find((line) => line.startsWith('CSP'))).toBe('CSP global 0x100000 0x80300000');
      expect(cpu.words.get(pmdp.paddr)).toBe(0x4000_3423n);
    }
    const { arch, cpu } = on({ kernel: '6.19', cpu: { idte: false } }, 0x4000_f401n);
    cpu.run(arch.sequences.pmdp_invalidate(cpu, VMA, ADDRESS, pmdp));
    expect(cpu.log[2]).toBe('IDTE global 0x100000 0x80300000');
  });
});

describe('s390 pmdp_huge_get_and_clear', () => {
  it('purges and stores EMPTY; clear_flush and collapse_flush are the same, with no range flush', () => {
    const names = ['pmdp_huge_clear_flush', 'pmdp_collapse_flush'] as const;
    for (const name of names) {
      const { arch, cpu } = on({ kernel: '6.12' });
      const run = arch.sequences[name];
      expect(run && cpu.run(run(cpu, VMA, ADDRESS, pmdp))).toBe(HUGE);
      expect(cpu.log).toEqual(['load', 'IDTE global 0x100000 0x80300000', 'store 0x20']);
    }
  });
  it('full: stores EMPTY and purges nothing', () => {
    const { arch, cpu } = on({ kernel: '6.12' });
    const run = arch.sequences.pmdp_huge_get_and_clear_full;
    expect(run && cpu.run(run(cpu, VMA, ADDRESS, pmdp, { full: true }))).toBe(HUGE);
    expect(cpu.log).toEqual(['load', 'store 0x20']);
  });
});

describe('s390 pmdp_set_wrprotect', () => {
  it('4.5: purges always; 6.12: is lazy where this CPU is alone', () => {
    for (const [kernel, expected] of [
      ['4.5', ['load', 'load', 'IDTE global 0x100000 0x80300000', 'store 0x40003602']],
      [
        '6.12',
        ['load', 'load', 'isOnlyUser', 'load', 'store 0x40003423', 'write flush_mm:mm 1', 'store 0x40003601'],
      ],
    ] as const) {
      const { arch, cpu } = on({ kernel });
      cpu.alone = true;
      cpu.run(arch.sequences.pmdp_set_wrprotect(cpu, MM, ADDRESS, pmdp));
      expect(cpu.log).toEqual(expected);
    }
  });
  it('leaves a read-only pmd alone', () => {
    const { arch, cpu } = on({ kernel: '6.12' }, 0x4000_3601n);
    cpu.run(arch.sequences.pmdp_set_wrprotect(cpu, MM, ADDRESS, pmdp));
    expect(cpu.log).toEqual(['load']);
  });
});

describe('s390 pmdp_set_access_flags', () => {
  it('makes the entry young, and dirty for a write, before it compares', () => {
    const { arch } = on({ kernel: '6.12' });
    expect(arch.seq.pmdp_set_access_flags(0x4000_7403n, { entry: 0x4000_2423n, dirty: true })).toEqual({
      stored: 0x4000_7403n,
      returned: false,
    });
    expect(arch.seq.pmdp_set_access_flags(0x4000_0623n, { entry: 0x4000_0623n, dirty: false })).toEqual({
      stored: 0x4000_1603n,
      returned: true,
    });
  });
  it('4.5: invalidates, then sets', () => {
    const { arch, cpu } = on({ kernel: '4.5' }, 0x4000_1603n);
    cpu.run(arch.sequences.pmdp_set_access_flags(cpu, VMA, ADDRESS, pmdp, 0x4000_1603n, { dirty: true }));
    expect(cpu.log).toEqual(['load', 'load', 'IDTE global 0x100000 0x80300000', 'store 0x40007403']);
  });
});

describe('s390 pmdp_test_and_clear_young', () => {
  it('3.8: asks the storage key and leaves the entry alone', () => {
    const { arch, cpu } = on({ kernel: '3.8' }, 0x4000_0400n);
    cpu.cells.set(storageKeyCell(0x4000_0000n), 1n);
    const run = (): boolean => cpu.run(arch.sequences.pmdp_test_and_clear_young(cpu, VMA, ADDRESS, pmdp));
    expect([run(), run()]).toEqual([true, false]);
    expect(cpu.words.get(pmdp.paddr)).toBe(0x4000_0400n);
  });
  it('6.12: purges and stores the old form, young or not', () => {
    const { arch } = on({ kernel: '6.12' });
    expect(arch.seq.pmdp_test_and_clear_young(HUGE)).toEqual({ stored: 0x4000_2423n, returned: true });
    expect(arch.seq.pmdp_test_and_clear_young(0x4000_2423n)).toEqual({
      stored: 0x4000_2423n,
      returned: false,
    });
  });
});

describe('s390 pmdp_splitting_flush', () => {
  it('sets the bit of its era and interrupts the other CPUs once', () => {
    for (const [kernel, word, split] of [
      ['3.8', 0x4000_0400n, 0x4000_0401n],
      ['4.4', HUGE, HUGE | 0x800n],
    ] as const) {
      const { arch, cpu } = on({ kernel }, word);
      const run = arch.sequences.pmdp_splitting_flush;
      if (run === undefined) throw new Error(`${kernel} has no pmdp_splitting_flush`);
      cpu.run(run(cpu, VMA, ADDRESS, pmdp));
      cpu.run(run(cpu, VMA, ADDRESS, pmdp));
      expect(cpu.words.get(pmdp.paddr)).toBe(split);
      expect(cpu.log.filter((line) => line === 'crossCall')).toHaveLength(1);
      expect(arch.pmd.pmd_trans_splitting?.(split)).toBe(true);
      expect(arch.pmd.pmd_trans_huge(split)).toBe(true);
    }
  });
});

describe('s390 set_pmd_at', () => {
  it('strips NOEXEC without NX from 4.11 to 6.12, and only then', () => {
    const stored = (kernel: string, nx: boolean): bigint =>
      s390({ kernel, cpu: { nx } }).seq.set_pmd_at(0x4000_3503n).stored;
    expect(stored('4.10', false)).toBe(0x4000_3503n);
    expect(stored('4.11', false)).toBe(0x4000_3403n);
    expect(stored('6.12', false)).toBe(0x4000_3403n);
    expect(stored('6.12', true)).toBe(0x4000_3503n);
    expect(stored('6.14', false)).toBe(0x4000_3503n);
  });
});

describe('s390 ptep sequences', () => {
  const ptep: Slot<'pte'> = { level: 'pte', paddr: __paddr(0x20_0800n + 5n * 8n) };
  const VA = __vaddr(0x8030_5000n);
  const pte = (kernel: string, alone: boolean): { arch: ReturnType<typeof s390>; cpu: TableCpu } => {
    const cpu = new TableCpu();
    cpu.words.set(ptep.paddr, 0x4000_003dn);
    cpu.alone = alone;
    return { arch: s390({ kernel }), cpu };
  };
  it('ptep_get_and_clear is lazy: IPTE where others have the mm, a plain INVALID and the flag where none has', () => {
    const shared = pte('6.12', false);
    shared.cpu.run(shared.arch.sequences.ptep_get_and_clear(shared.cpu, MM, VA, ptep));
    expect(shared.cpu.log).toEqual(['load', 'isOnlyUser', 'IPTE global 0x200828 0x80305000', 'store 0x400']);
    const alone = pte('6.12', true);
    expect(alone.cpu.run(alone.arch.sequences.ptep_get_and_clear(alone.cpu, MM, VA, ptep))).toBe(
      0x4000_003dn,
    );
    expect(alone.cpu.log).toEqual([
      'load',
      'isOnlyUser',
      'load',
      'store 0x4000043d',
      'write flush_mm:mm 1',
      'store 0x400',
    ]);
  });
  it('ptep_clear_flush purges at once, and flush_tlb_page has nothing left to do', () => {
    const { arch, cpu } = pte('6.12', true);
    cpu.run(arch.sequences.ptep_clear_flush(cpu, VMA, VA, ptep));
    cpu.run(arch.sequences.flush_tlb_page(cpu, VMA, VA));
    expect(cpu.log).toEqual(['load', 'IPTE global 0x200828 0x80305000', 'store 0x400']);
  });
  it('IPTE with the address of the next page edits the next pte', () => {
    const { arch, cpu } = pte('6.12', false);
    cpu.run(arch.sequences.ptep_clear_flush(cpu, VMA, __vaddr(VA + 0x1000n), ptep));
    expect(cpu.words.get(ptep.paddr + 8n)).toBe(0x400n);
  });
  it('ptep_get_and_clear_full: full stores 0x400 and purges nothing', () => {
    const { arch, cpu } = pte('6.12', false);
    cpu.run(arch.sequences.ptep_get_and_clear_full(cpu, MM, VA, ptep, { full: true }));
    expect(cpu.log).toEqual(['load', 'store 0x400']);
  });
  it('ptep_set_access_flags stores nothing for an entry that is the same', () => {
    const { arch, cpu } = pte('6.12', false);
    const set = (entry: bigint): boolean =>
      cpu.run(arch.sequences.ptep_set_access_flags(cpu, VMA, VA, ptep, entry, { dirty: true }));
    expect([set(0x4000_003dn), set(0x4000_023dn)]).toEqual([false, true]);
    expect(cpu.log).toEqual(['load', 'load', 'load', 'IPTE global 0x200828 0x80305000', 'store 0x4000023d']);
  });
  it('ptep_modify_prot: start leaves the old bits with INVALID, commit strips NOEXEC without NX', () => {
    const { arch, cpu } = pte('6.12', false);
    cpu.run(arch.sequences.ptep_modify_prot_start(cpu, VMA, VA, ptep));
    expect(cpu.words.get(ptep.paddr)).toBe(0x4000_043dn);
    cpu.run(arch.sequences.ptep_modify_prot_commit(cpu, VMA, VA, ptep, 0x4000_003dn, 0x4000_0315n));
    expect(cpu.words.get(ptep.paddr)).toBe(0x4000_0315n);
    const plain = s390({ kernel: '6.12', cpu: { nx: false } });
    cpu.run(plain.sequences.ptep_modify_prot_commit(cpu, VMA, VA, ptep, 0x4000_003dn, 0x4000_0315n));
    expect(cpu.words.get(ptep.paddr)).toBe(0x4000_0215n);
  });
});

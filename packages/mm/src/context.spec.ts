import { __paddr, __vaddr, type Pmd } from '@ptemu/arch';
import type { Step, Steps } from '@ptemu/explore';
import { tlbOf } from '@ptemu/hw';
import { arm64 } from '@ptemu/arm64';
import { s390 } from '@ptemu/s390';
import { x86_64 } from '@ptemu/x86_64';
import { describe, expect, it } from 'vitest';
import { drive } from '../test/drive.js';
import { backends, store, worldOf } from '../test/worlds.js';
import type { Context, MmWorld } from './index.js';

const invalidate = (w: MmWorld, cx: Context = w.context('reclaim')): Steps<Pmd> =>
  cx.sequences.pmdp_invalidate(cx, w.vma, w.vma.vm_start, w.vma.pmd);
const kinds = (steps: readonly Step[]): string[] => steps.map(({ kind }) => kind);
const cached = (w: MmWorld): number => tlbOf(w.machine, 2).length;

/** Runs the steps and notes, when the pmd has just changed, whether the user's CPU still holds its translation. */
function staleAtStore(w: MmWorld, steps: Steps<unknown>): boolean | undefined {
  let stale: boolean | undefined;
  const before = w.machine.valueOf(w.pmd);
  drive(w, steps, () => {
    if (stale === undefined && w.machine.valueOf(w.pmd) !== before) stale = cached(w) > 0;
  });
  return stale;
}

describe.each(backends('6.12'))('%s pmdp_invalidate', (name, arch) => {
  it(`leaves the translation ${name === 's390' ? 'not even for the step that edits the entry' : 'in the TLB until it has flushed'}, and none when it returns`, () => {
    const w = worldOf(arch);
    store(w, 1);
    expect(cached(w)).toBe(1);
    expect(staleAtStore(w, invalidate(w))).toBe(name !== 's390');
    expect(cached(w)).toBe(0);
  });

  it('without flush: edits the entry, and the translation stays', () => {
    const w = worldOf(arch);
    store(w, 1);
    const before = w.machine.valueOf(w.pmd);
    drive(w, invalidate(w, w.context('reclaim').withoutFlush()));
    expect(w.machine.valueOf(w.pmd)).not.toBe(before);
    expect(cached(w)).toBe(1);
  });
});

describe('Context.crossCall', () => {
  it('takes two steps, sent and awaited, to the other CPUs of the mm', () => {
    const w = worldOf(x86_64({ kernel: '6.12' }));
    const { steps } = drive(w, w.context('kernel', 1).crossCall({ mm: w.mm }));
    expect(kinds(steps)).toEqual(['ipi-send', 'ipi-wait']);
    expect(steps[0]?.operands.slice(4)).toEqual([2]);
  });
  it('takes no step where no other CPU is meant', () => {
    const w = worldOf(x86_64({ kernel: '6.12' }));
    expect(drive(w, w.context('kernel').crossCall({ mm: { id: 'other' } })).steps).toEqual([]);
    expect(drive(w, w.context('kernel').withoutFlush().crossCall({ mm: w.mm })).steps).toEqual([]);
  });
});

describe('Context.invalidate', () => {
  it('takes no step for one page that nobody uses', () => {
    const w = worldOf(arm64({ kernel: '6.12' }));
    const at = (page: bigint): number =>
      drive(
        w,
        w
          .context('k')
          .invalidate({ instruction: 'VALE1IS', mm: w.mm, start: __vaddr(w.vma.vm_start + page * 4096n) }),
      ).steps.length;
    expect([at(0n), at(1n), at(2n), at(3n)]).toEqual([1, 1, 1, 0]);
  });
});

describe('Context.purgeEntry', () => {
  const w = worldOf(s390({ kernel: '6.12' }));
  const purge = (origin: bigint, originAlignment: bigint): bigint => {
    const what = {
      instruction: 'IDTE',
      level: 'pmd',
      va: w.vma.vm_start,
      sets: 0x20n,
      mm: w.mm,
      scope: 'global',
    } as const;
    const { steps } = drive(
      w,
      w.context('k').purgeEntry({ ...what, origin: __paddr(origin), originAlignment }),
    );
    return steps[0]?.operands[0] as bigint;
  };
  // Segment index of 0x4000_0000 is 0x400, so the entry lies 0x2000 behind the origin.
  it('selects the word by aligned origin and address', () => {
    expect(purge(0x6000_0000n, 0x1000n)).toBe(0x6000_2000n);
  });
  it('ignores the bits of the origin below the alignment, and only those', () => {
    expect(purge(0x6000_0ff8n, 0x1000n)).toBe(0x6000_2000n);
    expect(purge(0x6000_0ff8n, 0x800n)).toBe(0x6000_2800n);
  });
});

describe('Context.isOnlyUser', () => {
  it('counts CPUs that have the mm loaded, whether or not they translate', () => {
    const w = worldOf(x86_64({ kernel: '6.12' }));
    expect(drive(w, w.context('k', 1).isOnlyUser(w.mm)).value).toBe(false);
    expect(drive(w, w.context('k', 1).isOnlyUser({ id: 'other' })).value).toBe(true);
  });
});

describe('Context.bug_on', () => {
  it('takes a step only when the condition holds', () => {
    const w = worldOf(x86_64({ kernel: '6.12' }));
    expect(drive(w, w.context('k').in('f').bug_on(false, 'x')).steps).toEqual([]);
    expect(drive(w, w.context('k').in('f').bug_on(true, 'x')).fell).toEqual([
      { invariant: 'I22', message: 'f: x' },
    ]);
  });
});

// Fact sheet 3.4: deposited 1 to 6, withdrawn 6, 1, 2, 3, 4, 5, where the tables are on a list.
describe.each(backends('6.12').filter(([name]) => name !== 'powerpc hash'))(
  '%s deposited tables',
  (_name, arch) => {
    it('come back in the order 6, 1, 2, 3, 4, 5', () => {
      const w = worldOf(arch, { spareTables: 6 });
      const cx = w.context('k');
      const base = (n: number): bigint => 0x5000_0000n + BigInt(n) * 0x2_0000n;
      expect(drive(w, cx.sequences.pgtable_trans_huge_withdraw(cx, w.mm, w.vma.pmd)).value).toBe(base(0));
      for (let n = 1; n <= 6; n++) {
        drive(w, cx.act('write', `role:T${n}`, ['deposited']));
        drive(w, cx.sequences.pgtable_trans_huge_deposit(cx, w.mm, w.vma.pmd, __paddr(base(n))));
      }
      const order = Array.from({ length: 6 }, () =>
        Number(
          (drive(w, cx.sequences.pgtable_trans_huge_withdraw(cx, w.mm, w.vma.pmd)).value - base(0)) /
            0x2_0000n,
        ),
      );
      expect(order).toEqual([6, 1, 2, 3, 4, 5]);
    });
  },
);

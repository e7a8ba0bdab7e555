import { __paddr, ArchError, decodeBits, levelLayout, type Match } from '@ptemu/arch';
import { describe, expect, it } from 'vitest';
import {
  arm64, type Arm64Fault, type Arm64Geometry, type Arm64Options, esrOf, faultOf, type Granule, rootOf, ttbrOf,
} from './index.js'; // prettier-ignore

const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    return error instanceof ArchError ? error.code : String(error);
  }
  return 'no error';
};
const latest = (options: Partial<Arm64Options> = {}): ReturnType<typeof arm64> =>
  arm64({ kernel: '6.12', ...options });

describe('arm64 factory', () => {
  it('names itself with the options that differ from the defaults', () => {
    expect(latest().spec).toBe('arm64');
    expect(latest({ granule: '4k', vaBits: 48 }).spec).toBe('arm64');
    expect(latest({ granule: '16k', vaBits: 47 }).spec).toBe('arm64:granule=16k,vaBits=47');
    expect(latest({ granule: '16k', lpa2: true }).spec).toBe('arm64:granule=16k,lpa2=true');
    expect(latest({ lpa2: true }).options).toEqual({ granule: '4k', vaBits: 52, lpa2: true });
  });
  it('refuses releases before THP and unknown ones', () => {
    expect(codeOf(() => arm64({ kernel: '3.10' }))).toBe('RELEASE_BEFORE_THP');
    expect(codeOf(() => arm64({ kernel: '6.12.1' }))).toBe('UNKNOWN_RELEASE');
    expect(codeOf(() => arm64({ kernel: '3.11' }))).toBe('no error');
  });
  it('refuses unknown options', () => {
    const bad: readonly Partial<Arm64Options>[] = [
      { granule: '8k' as Granule },
      { vaBits: 47 },
      { vaBits: 52 },
      { granule: '16k', vaBits: 52 },
      { granule: '16k', vaBits: 42 },
      { granule: '64k', vaBits: 47 },
      { granule: '64k', lpa2: true },
      { lpa2: true, vaBits: 48 },
      { config: { NOPE: true } },
      { cpu: { nope: true } },
      { cpu: { dbm: true } },
    ];
    for (const options of bad)
      expect([options, codeOf(() => latest(options))]).toEqual([options, 'UNKNOWN_OPTION']);
    expect(codeOf(() => arm64({ kernel: '6.1', lpa2: true }))).toBe('UNKNOWN_OPTION');
  });
});

describe('arm64 layout', () => {
  const shape = (options: Partial<Arm64Options>): string =>
    latest(options)
      .layoutOf()
      .levels.map(({ shift, entries, folded }) => (folded ? '-' : `${shift}:${entries}`))
      .join(' ');
  it('folds from below the root by the bits of an address', () => {
    expect(shape({})).toBe('39:512 - 30:512 21:512 12:512');
    expect(shape({ vaBits: 39 })).toBe('30:512 - - 21:512 12:512');
    expect(shape({ lpa2: true })).toBe('48:16 39:512 30:512 21:512 12:512');
    expect(shape({ granule: '16k' })).toBe('47:2 - 36:2048 25:2048 14:2048');
    expect(shape({ granule: '16k', vaBits: 47 })).toBe('36:2048 - - 25:2048 14:2048');
    expect(shape({ granule: '16k', vaBits: 36 })).toBe('25:2048 - - - 14:2048');
    expect(shape({ granule: '16k', lpa2: true })).toBe('47:32 - 36:2048 25:2048 14:2048');
    expect(shape({ granule: '64k' })).toBe('42:64 - - 29:8192 16:8192');
    expect(shape({ granule: '64k', vaBits: 42 })).toBe('29:8192 - - - 16:8192');
    expect(shape({ granule: '64k', vaBits: 52 })).toBe('42:1024 - - 29:8192 16:8192');
  });
  it('covers exactly the bits of an address', () => {
    for (const options of [{}, { vaBits: 39 }, { lpa2: true }, { granule: '16k', vaBits: 36 }] as const) {
      const { levels, PAGE_SHIFT, vaBits, TASK_SIZE } = latest(options).layoutOf();
      expect(levels.reduce((sum, { entries }) => sum + Math.log2(entries), PAGE_SHIFT)).toBe(vaBits);
      expect(TASK_SIZE).toBe(1n << BigInt(vaBits));
    }
  });
  it('has huge pages of 2 MiB, 32 MiB and 512 MiB', () => {
    const sizes = (['4k', '16k', '64k'] as const).map(
      (granule) => latest({ granule }).layoutOf().HPAGE_PMD_SIZE,
    );
    expect(sizes).toEqual([0x20_0000, 0x200_0000, 0x2000_0000]);
  });
  it('has a root of 128 bytes with 4k LPA2: it need not be page-aligned', () => {
    expect(levelLayout(latest({ lpa2: true }).layoutOf(), 'pgd').tableBytes).toBe(128);
  });
});

describe('arm64 upper levels', () => {
  const seen = (options: Partial<Arm64Options>): readonly boolean[] => {
    const { pgd, p4d, pud } = latest(options);
    return [pgd.pgd_none(0n), p4d.p4d_none(0n), pud.pud_none(0n)];
  };
  it('look at the entry where they are real, and at the root entry right below a folded root', () => {
    expect(seen({ lpa2: true })).toEqual([true, true, true]);
    expect(seen({})).toEqual([false, true, true]);
    expect(seen({ vaBits: 39 })).toEqual([false, false, true]);
    expect(seen({ granule: '64k', vaBits: 42 })).toEqual([false, false, false]);
  });
  it('populate to entries that are present and not bad', () => {
    const { pgd, p4d, pud } = latest({ lpa2: true });
    const words = [pgd.pgd_populate, p4d.p4d_populate, pud.pud_populate].map((populate) =>
      populate?.(0x5000_0000n),
    );
    expect(words).toEqual(Array(3).fill(0x0800_0000_5000_0003n));
    const word = 0x0800_0000_5000_0003n;
    expect([pgd.pgd_bad(word), p4d.p4d_bad(word), pud.pud_bad(word)]).toEqual([false, false, false]);
    expect([pgd.pgd_present(word), p4d.p4d_present(word), pud.pud_present(word)]).toEqual([true, true, true]);
  });
  it('call an entry with bit 1 only a table up to 6.14, not at 6.19', () => {
    const bad = (kernel: string): boolean => arm64({ kernel }).p4d.p4d_bad(0x5000_0002n);
    expect([bad('6.12'), bad('6.19')]).toEqual([false, true]);
  });
  it('have pud blocks with 4k and 16k pages only', () => {
    const block = (options: Partial<Arm64Options>): boolean | undefined =>
      latest(options).pud.pud_leaf?.(0x4000_0701n);
    expect([block({}), block({ granule: '16k' }), block({ granule: '64k' })]).toEqual([true, true, false]);
  });
  it('take any non-zero pud as present up to 4.7', () => {
    const present = (kernel: string): boolean => arm64({ kernel }).pud.pud_present(2n);
    expect([present('4.7'), present('5.7')]).toEqual([true, false]);
  });
});

describe('arm64 mmu', () => {
  const holds = (matches: readonly Match[] | undefined, v: bigint): boolean =>
    matches?.some(({ mask, value }) => (v & mask) === value) ?? false;
  const levels = (options: Partial<Arm64Options>): string =>
    latest(options)
      .mmuOf()
      .levels.map(
        ({ level, indexShift, indexBits, page }) =>
          `${level} ${indexShift}+${indexBits} ${page?.shift ?? '-'}`,
      )
      .join(', ');
  it('walks the real levels; blocks at levels 1 and 2 (4k), 2 (16k, 64k), one more with 52 bits', () => {
    expect(levels({})).toBe('pgd 39+9 -, pud 30+9 30, pmd 21+9 21, pte 12+9 12');
    expect(levels({ vaBits: 39 })).toBe('pgd 30+9 30, pmd 21+9 21, pte 12+9 12');
    expect(levels({ lpa2: true })).toBe('pgd 48+4 -, p4d 39+9 39, pud 30+9 30, pmd 21+9 21, pte 12+9 12');
    expect(levels({ granule: '16k' })).toBe('pgd 47+1 -, pud 36+11 -, pmd 25+11 25, pte 14+11 14');
    expect(levels({ granule: '16k', lpa2: true })).toBe(
      'pgd 47+5 -, pud 36+11 36, pmd 25+11 25, pte 14+11 14',
    );
    expect(levels({ granule: '64k' })).toBe('pgd 42+6 -, pmd 29+13 29, pte 16+13 16');
    expect(levels({ granule: '64k', config: { ARM64_PA_BITS_52: true } })).toBe(
      'pgd 42+6 42, pmd 29+13 29, pte 16+13 16',
    );
  });
  it('splits the space into two halves of as many bits', () => {
    expect(latest().mmuOf().split).toEqual({ kind: 'two-halves', userBits: 48, kernelBits: 48 });
    expect(latest({ granule: '16k', vaBits: 36 }).mmuOf().split).toMatchObject({
      userBits: 36,
      kernelBits: 36,
    });
  });
  it('faults on type 1 where there are no blocks, and at the last level', () => {
    const [pgd, pud, pmd, pte] = latest().mmuOf().levels;
    const valid = [pgd, pud, pmd, pte].map((level) => level?.valid.every((m) => holds([m], 0x4000_0701n)));
    expect(valid).toEqual([false, true, true, false]);
    expect([pud, pmd].map((level) => holds(level?.leaf as readonly Match[], 0x4000_0701n))).toEqual([
      true,
      true,
    ]);
    expect([pud, pmd].map((level) => holds(level?.leaf as readonly Match[], 0x4000_0003n))).toEqual([
      false,
      false,
    ]);
    expect([pgd?.leaf, pte?.leaf]).toEqual(['never', 'always']);
  });
  it('finds the output address: 51:50 in 9:8 with LPA2, 51:48 in 15:12 with 64k', () => {
    const of = (options: Partial<Arm64Options>, name: string, entry: bigint): bigint | undefined =>
      latest(options)
        .mmuOf()
        .levels.find(({ level }) => level === name)
        ?.page?.address.reduce((sum, { mask, shift }) => sum | ((entry & mask) << BigInt(shift)), 0n);
    expect(of({}, 'pte', 0xffff_ffff_ffff_ffffn)).toBe(0xffff_ffff_f000n);
    expect(of({}, 'pmd', 0xffff_ffff_ffff_ffffn)).toBe(0xffff_ffe0_0000n);
    expect(of({ lpa2: true }, 'pte', 0xffff_ffff_ffff_ffffn)).toBe(0xf_ffff_ffff_f000n);
    expect(of({ lpa2: true }, 'pmd', 0x4000_0301n)).toBe(0xc_0000_4000_0000n);
    const wide = { granule: '64k', config: { ARM64_PA_BITS_52: true } } as const;
    expect(of(wide, 'pte', 0x1234_f003n)).toBe(0xf_0000_1234_0000n);
  });
  it('denies by AP, UXN and PXN, and by the table bits above', () => {
    const pmd = latest().mmuOf().levels[2];
    const denied = (entry: bigint): readonly string[] =>
      Object.entries(pmd?.leafDenies ?? {}).flatMap(([kind, m]) =>
        holds(m as readonly Match[], entry) ? [kind] : [],
      );
    expect(denied(0x0068_0000_4000_0f41n)).toEqual(['exec', 'kernelExec']);
    expect(denied(0x0028_0000_4000_0f41n)).toEqual(['kernelExec']);
    expect(denied(0x0000_0000_4000_0f41n)).toEqual(['kernelExec']);
    expect(denied(0x0060_0000_4000_0fc1n)).toEqual(['write', 'exec', 'kernelExec']);
    expect(denied(0x00c8_0000_4000_0701n)).toEqual(['exec', 'user']);
    const above = (bit: bigint): readonly string[] =>
      Object.entries(pmd?.tableDenies ?? {}).flatMap(([kind, m]) =>
        holds(m as readonly Match[], 1n << bit) ? [kind] : [],
      );
    expect([59n, 60n, 61n, 62n, 63n].map(above)).toEqual([['kernelExec'], ['exec'], ['user'], ['write'], []]);
  });
  it('leaves young and dirty to software unless the processor has FEAT_HAFDBS', () => {
    const of = (options: Partial<Arm64Options>): readonly unknown[] => {
      const { accessed, dirty, levels: all } = latest(options).mmuOf();
      const clean = holds(all[2]?.leafDenies?.write, 0x0028_0000_4000_0fc1n);
      const readOnly = holds(all[2]?.leafDenies?.write, 0x0020_0000_4000_0fc1n);
      return [accessed?.by, dirty?.by, clean, readOnly];
    };
    expect(of({})).toEqual(['fault', undefined, true, true]);
    expect(of({ cpu: { hafdbs: true } })).toEqual(['hardware', undefined, true, true]);
    expect(of({ cpu: { hafdbs: true, dbm: true } })).toEqual(['hardware', 'hardware', false, true]);
    expect(of({ kernel: '3.16', cpu: { hafdbs: true, dbm: true } })).toEqual([
      'fault',
      undefined,
      true,
      true,
    ]);
  });
  it('records a write by clearing PTE_RDONLY', () => {
    const { dirty } = latest({ cpu: { hafdbs: true, dbm: true } }).mmuOf();
    expect(dirty).toMatchObject({ set: 0n, clear: 0x80n });
    expect(holds(dirty && [dirty.clean], 0x0028_0000_4000_0fc1n)).toBe(true);
    expect(holds(dirty && [dirty.clean], 0x0028_0000_4000_0f41n)).toBe(false);
  });
  it('takes runs under the contiguous hint as one: 64 KiB and 32 MiB, 2 MiB and 1 GiB, 2 MiB and 16 GiB', () => {
    const shifts = (granule: Granule): readonly unknown[] =>
      latest({ granule })
        .mmuOf()
        .levels.slice(-2)
        .map(({ contiguous }) => contiguous?.shift);
    expect((['4k', '16k', '64k'] as const).map(shifts)).toEqual([
      [25, 16],
      [30, 21],
      [34, 21],
    ]);
  });
  it('aborts on two sizes for one address unless the processor has BBM level 2', () => {
    expect(latest().mmuOf().mixedSizes).toBe('conflict-abort');
    expect(latest({ cpu: { bbml2: true } }).mmuOf().mixedSizes).toBe('allowed');
  });
});

describe('arm64 bits', () => {
  const fields = (kernel: string, level: 'pmd' | 'pte', entry: bigint): readonly string[] =>
    decodeBits(arm64({ kernel }).bits, level, entry).fields.map(({ field }) => field.name);
  it("names every field of the issue's entry, 0x00e8000040200f41", () => {
    expect(fields('6.12', 'pmd', 0x00e8_0000_4020_0f41n)).toEqual([
      'PTE_VALID', 'PTE_USER', 'PTE_SHARED', 'PTE_AF', 'PTE_NG', 'PTE_PRESENT_INVALID', 'PTE_ADDR', 'PTE_DBM', 'PTE_PXN',
      'PTE_UXN', 'PTE_DIRTY',
    ]); // prettier-ignore
  });
  it('says where a bit means something else', () => {
    const nG = arm64({ kernel: '6.12' }).bits.filter(({ mask }) => mask === 0x800n);
    expect(nG.map(({ name, when }) => `${name}: ${when}`)).toEqual([
      'PTE_NG: valid leaf',
      'PTE_PRESENT_INVALID: not valid',
    ]);
    const b59 = arm64({ kernel: '6.1' }).bits.filter(({ mask }) => mask === 1n << 59n);
    expect(b59.map(({ name, when }) => `${name}: ${when}`)).toEqual([
      'PMD_PRESENT_INVALID: not valid',
      'TABLE_PXN: table',
    ]);
  });
  it('calls b58 PROT_NONE up to 6.10 and uffd-wp from 6.11 on, b57 WRITE at 3.16 and DEVMAP later', () => {
    expect(fields('6.1', 'pte', 1n << 58n)).toEqual(['PTE_PROT_NONE']);
    expect(fields('6.12', 'pte', 1n << 58n)).toEqual(['PTE_UFFD_WP']);
    expect(fields('3.16', 'pte', 1n << 57n)).toEqual(['PTE_WRITE']);
    expect(fields('6.12', 'pte', 1n << 57n)).toEqual(['PTE_DEVMAP']);
    expect(decodeBits(arm64({ kernel: '6.19' }).bits, 'pte', 1n << 57n)).toEqual({
      fields: [],
      rest: 1n << 57n,
    });
  });
});

describe('arm64 fault', () => {
  const four: Arm64Geometry = { granule: '4k', vaBits: 48, lpa2: false, paBits: 48 };
  const five: Arm64Geometry = { granule: '4k', vaBits: 52, lpa2: true, paBits: 52 };
  it('reads back every syndrome that it makes', () => {
    const made = new Set<number>();
    for (const cause of ['not-present', 'access-flag', 'permission', 'address-size'] as const) {
      for (const level of ['pud', 'pmd', 'pte'] as const) {
        for (const access of ['read', 'write', 'exec'] as const) {
          for (const mode of ['user', 'kernel'] as const) {
            const fault: Arm64Fault = { cause, level, access, mode };
            const esr = esrOf(four, fault);
            made.add(esr);
            expect(faultOf(four, esr)).toEqual(fault);
          }
        }
      }
    }
    expect(made.size).toBe(72);
  });
  it('counts levels from the bottom: a missing root entry is level 0, 1 or -1', () => {
    const of = (geometry: Arm64Geometry): number =>
      esrOf(geometry, { cause: 'not-present', level: 'pgd', access: 'read', mode: 'user' }) & 0x3f;
    expect([of(four), of({ ...four, vaBits: 39 }), of(five)]).toEqual([0x04, 0x05, 0x2b]);
  });
  it('calls a user write to a read-only page 0x9200004f without its instruction-length bit', () => {
    const esr = esrOf(four, { cause: 'permission', level: 'pte', access: 'write', mode: 'user' });
    expect(esr).toBe(0x9000004f);
  });
  it('reports a TLB conflict without a level', () => {
    const fault: Arm64Fault = { cause: 'tlb-conflict', access: 'read', mode: 'user' };
    expect(esrOf(four, fault) & 0x3f).toBe(0x30);
    expect(faultOf(four, esrOf(four, fault))).toEqual(fault);
  });
  it('refuses what cannot be, and knows other exceptions as none of its', () => {
    const bad: Arm64Fault = { cause: 'permission', level: 'pgd', access: 'read', mode: 'user' };
    expect(codeOf(() => esrOf(five, bad))).toBe('BAD_ARGUMENT');
    expect(faultOf(four, 0x5600_0000)).toBeUndefined();
    expect(faultOf(four, 0x9000_0010)).toBeUndefined();
  });
});

describe('arm64 context', () => {
  it('puts root, ASID and CnP into TTBR: the registers of a 52-bit capture (QEMU, 6.12.117)', () => {
    const root = __paddr(0x4399_d200n);
    expect(ttbrOf({ paBits: 52 }, root, { cnp: true })).toBe(0x4399_d201n);
    expect(ttbrOf({ paBits: 52 }, __paddr(0x41ef_e000n), { asid: 2, cnp: true })).toBe(
      0x0002_0000_41ef_e001n,
    );
    expect(rootOf({ paBits: 52 }, 0x0002_0000_41ef_e001n)).toBe(0x41ef_e000n);
    expect(rootOf({ paBits: 52 }, 0x4399_d201n)).toBe(root);
  });
  it('has bits 51:48 of the root in 5:2 with 52 bits', () => {
    const root = __paddr(0xf_0000_4399_d200n);
    expect(ttbrOf({ paBits: 52 }, root)).toBe(0x4399_d23cn);
    expect(rootOf({ paBits: 52 }, 0x4399_d23cn)).toBe(root);
    expect(rootOf({ paBits: 48 }, 0x0003_0000_4185_6000n)).toBe(0x4185_6000n);
  });
});

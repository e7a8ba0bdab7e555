import { type Arch, type Kernel, kernel, releases } from '@ptemu/arch';
import { arm32 } from '@ptemu/arm32';
import { arm64 } from '@ptemu/arm64';
import { powerpc } from '@ptemu/powerpc';
import { s390 } from '@ptemu/s390';
import { x86_64 } from '@ptemu/x86_64';
import { describe, expect, it } from 'vitest';
import {
  checked, conformance, formatLawReport, LAW_EXCEPTIONS, LAWS, type LawLevel, type LawReport, NOT_MODELLED, PROTECTIONS,
} from '@ptemu/conformance'; // prettier-ignore

const BACKENDS: Readonly<Record<string, (kernel: Kernel | string) => Arch>> = {
  x86_64: (k) => x86_64({ kernel: k }),
  'x86_64:levels=5': (k) => x86_64({ kernel: k, levels: 5 }),
  arm32: (k) => arm32({ kernel: k }),
  arm64: (k) => arm64({ kernel: k }),
  'arm64 with hardware A/D': (k) => arm64({ kernel: k, cpu: { hafdbs: true, dbm: true } }),
  s390: (k) => s390({ kernel: k }),
  powerpc: (k) => powerpc({ kernel: k }),
  'powerpc:hash': (k) => powerpc({ kernel: k, mmu: 'hash' }),
  'powerpc:hash,page=4k': (k) => powerpc({ kernel: k, mmu: 'hash', page: '4k' }),
};

/** Releases that the backend has. */
const eras = (make: (kernel: string) => Arch): readonly Arch[] =>
  releases().flatMap((release) => {
    try {
      return [make(release)];
    } catch {
      return [];
    }
  });

describe('laws', () => {
  for (const [name, make] of Object.entries(BACKENDS)) {
    it(`hold on ${name} in every release, but for the listed exceptions`, () => {
      const archs = eras(make);
      expect(archs.length).toBeGreaterThan(40);
      const reports = archs.map((arch) => conformance(arch));
      const wrong = reports.filter(({ conforms }) => !conforms).map(formatLawReport);
      expect(wrong).toEqual([]);
      expect(Math.min(...reports.map(({ counts }) => counts.holds))).toBeGreaterThan(25);
    });
  }

  it('are asked of all 16 protections', () => {
    expect(PROTECTIONS.map(({ name }) => name)).toEqual([
      '---p', 'r--p', '-w-p', 'rw-p', '--xp', 'r-xp', '-wxp', 'rwxp',
      '---s', 'r--s', '-w-s', 'rw-s', '--xs', 'r-xs', '-wxs', 'rwxs',
    ]); // prettier-ignore
    const { results } = conformance(x86_64({ kernel: '6.12' }));
    const young = results.find(({ id, level }) => id === '3' && level === 'pmd');
    expect(young).toMatchObject({ grade: 'holds', asked: 16, held: 16 });
  });

  it('name each law once per level, and what is left out', () => {
    const keys = LAWS.map(({ id, level }) => `${id} ${level}`);
    expect(new Set(keys).size).toBe(keys.length);
    const numbers = new Set(LAWS.map(({ id }) => id.replace(/[a-z]$/, '')));
    const left = NOT_MODELLED.flatMap(({ id }) => id.split(' ')[0]);
    for (let n = 1; n <= 16; n++) expect(numbers.has(String(n)) || left.includes(String(n))).toBe(true);
    for (let n = 34; n <= 48; n++) expect(numbers.has(String(n)) || left.includes(String(n))).toBe(true);
    for (let n = 1; n <= 7; n++) expect(numbers.has(`P${n}`)).toBe(true);
  });
});

describe('law exceptions', () => {
  const gradeOf = (arch: Arch, id: string, level: LawLevel = 'pmd'): string | undefined =>
    conformance(arch).results.find((result) => result.id === id && result.level === level)?.grade;

  // Expected failures of fact sheet 11.
  it('arm32: 46 and 47 in all eras, 45 up to 4.6', () => {
    for (const release of ['3.11', '4.5', '4.7', '6.19']) {
      const arch = arm32({ kernel: release });
      expect([gradeOf(arch, '46'), gradeOf(arch, '47')]).toEqual(['listed', 'listed']);
      expect(gradeOf(arch, '45')).toBe(arch.kernel.isBefore('4.7') ? 'listed' : 'holds');
    }
  });
  it('arm64: 46 at 4.7 to 5.9, 47 at 5.15', () => {
    const grades = (id: string): readonly (string | undefined)[] =>
      ['4.5', '4.7', '5.9', '5.10', '5.15', '6.1'].map((release) => gradeOf(arm64({ kernel: release }), id));
    expect(grades('46')).toEqual(['holds', 'listed', 'listed', 'holds', 'holds', 'holds']);
    expect(grades('47')).toEqual(['not-applicable', 'not-applicable', 'listed', 'listed', 'listed', 'holds']);
  });
  it('x86_64: 46 up to 3.6', () => {
    expect(['3.6', '3.8'].map((release) => gradeOf(x86_64({ kernel: release }), '46'))).toEqual([
      'listed',
      'holds',
    ]);
  });
  it('s390: 12 at 3.16 to 5.4, an invalidated entry that is none at 4.7 to 4.12', () => {
    const grades = (id: string): readonly (string | undefined)[] =>
      ['3.16', '4.5', '4.7', '4.12', '4.15', '5.4', '5.8'].map((release) =>
        gradeOf(s390({ kernel: release }), id),
      );
    expect(grades('12')).toEqual([...Array<string>(6).fill('listed'), 'holds']);
    expect(grades('P2')).toEqual(['holds', 'holds', 'listed', 'listed', 'holds', 'holds', 'holds']);
  });

  it('move with the commit that they hang on', () => {
    expect(gradeOf(arm32({ kernel: kernel('4.5').with('arm-8579-1') }), '45')).toBe('holds');
    expect(gradeOf(arm32({ kernel: kernel('4.9').without('arm-8579-1') }), '45')).toBe('listed');
    expect(gradeOf(s390({ kernel: kernel('4.12').with('91c575b33576') }), 'P2')).toBe('holds');
    expect(gradeOf(x86_64({ kernel: kernel('4.15').with('c58f0bb77ed8') }), 'P4')).toBe('holds');
  });
  it('are stale where the backend is better than the kernel', () => {
    const arch = arm32({ kernel: '6.12' });
    const better = { ...arch, pmd: { ...arch.pmd, pmd_present: (pmd: bigint) => pmd !== 0n } };
    const report = conformance(better);
    expect(report.conforms).toBe(false);
    expect(report.results.filter(({ grade }) => grade === 'stale').map(({ id }) => id)).toEqual(['46']);
  });
  it('each have a reason, a source and a law', () => {
    for (const { law, level, reason, source } of LAW_EXCEPTIONS) {
      expect(LAWS.some((candidate) => candidate.id === law && candidate.level === level)).toBe(true);
      expect([reason, source].every((text) => text.length > 10)).toBe(true);
    }
  });
});

describe('law report', () => {
  it('says in words what fails, from which entry', () => {
    const arch = x86_64({ kernel: '6.12' });
    const broken = { ...arch, pte: { ...arch.pte, pte_mkyoung: arch.pte.pte_mkold } };
    const report: LawReport = conformance(broken);
    expect(report.conforms).toBe(false);
    expect(formatLawReport(report).split('\n').slice(1)).toEqual([
      '  fails 3 pte: mkyoung makes young (0 of 16)',
      '    ---p 0x000fffffbffff120: pte_mkold 0x000fffffbffff100, pte_mkyoung 0x000fffffbffff100; pte_young is false',
    ]);
  });
});

describe('laws and a backend that throws', () => {
  it('fail with what was thrown, and the report goes on', () => {
    const arch = arm32({ kernel: '6.12' });
    const throws = (): never => {
      throw new TypeError('not a function');
    };
    const report = conformance({ ...arch, pmd: { ...arch.pmd, pmd_mkold: throws } });
    const failed = report.results.filter(({ grade }) => grade === 'fails');
    expect(failed.map(({ id, level }) => `${id} ${level}`)).toContain('4 pmd');
    expect(new Set(failed.map(({ counterexample }) => counterexample?.answer))).toEqual(
      new Set(['not a function']),
    );
    expect(report.counts.holds).toBeGreaterThan(25);
  });
});

/**
 * Broken twins: every helper of a backend once replaced, a predicate by its opposite, a maker by one that does nothing, a
 * conversion by one that flips a bit, a sequence by one that changes nothing.
 */
function* twins(arch: Arch): Generator<{ readonly name: string; readonly arch: Arch }> {
  const sample = arch.pmd.pfn_pmd(
    0x40000,
    arch.prot.vm_get_page_prot({ read: true, write: true, exec: false, shared: true }),
  );
  for (const part of ['pte', 'pmd', 'pud', 'p4d', 'pgd', 'swap', 'seq'] as const) {
    for (const [name, helper] of Object.entries(arch[part] as unknown as Record<string, unknown>)) {
      if (typeof helper !== 'function') continue;
      const original = helper as (...args: readonly unknown[]) => unknown;
      const twin = (...args: readonly unknown[]): unknown => {
        const answer = original(...args);
        if (typeof answer === 'boolean') return !answer;
        if (part === 'seq') return { stored: args[0], returned: args[0] };
        if (typeof answer === 'number') return answer + 1;
        if (args.length === 0) return sample;
        const same = typeof args[0] === 'bigint' && !name.startsWith('__');
        return same ? args[0] : (answer as bigint) ^ 0x2000n;
      };
      yield { name, arch: { ...arch, [part]: { ...(arch[part] as object), [name]: twin } } };
    }
  }
  const lost = { ...arch.sequences, pmdp_invalidate: arch.sequences.pmdp_huge_clear_flush };
  lost.pmdp_invalidate = function* (cpu, vma, address, pmdp) {
    yield* cpu.store(pmdp, 0n);
    return arch.pmd.pmd_clear();
  };
  yield { name: 'pmdp_invalidate that returns nothing', arch: { ...arch, sequences: lost } };
}

describe('laws and broken twins', () => {
  for (const [name, arch] of [
    ['x86_64', x86_64({ kernel: '6.14' })],
    ['arm64', arm64({ kernel: '6.19', cpu: { hafdbs: true, dbm: true } })],
    ['arm32', arm32({ kernel: '6.19' })],
  ] as const) {
    it(`of ${name}: each law that holds is broken by some twin`, () => {
      const alive = new Map(
        LAWS.filter(
          (law) => law.over === 'once' || checked(law, arch, PROTECTIONS[11] ?? fail()).verdict === 'holds',
        )
          .filter((law) =>
            PROTECTIONS.every((protection) => checked(law, arch, protection).verdict === 'holds'),
          )
          .map((law) => [`${law.id} ${law.level}`, law]),
      );
      expect(alive.size).toBeGreaterThan(30);
      for (const twin of twins(arch)) {
        for (const [key, law] of alive) {
          const caught = PROTECTIONS.some(
            (protection) => checked(law, twin.arch, protection).verdict === 'fails',
          );
          if (caught) alive.delete(key);
        }
      }
      expect([...alive.keys()]).toEqual([]);
    });
  }
});

function fail(): never {
  throw new Error('there are 16 protections');
}

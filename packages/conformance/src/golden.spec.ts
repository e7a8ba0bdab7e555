import { type Arch, kernel, KernelBug } from '@ptemu/arch';
import { describe, expect, it } from 'vitest';
import { compareConstants, vectorLine, wronglyDefined } from './golden.js';
import type { VectorFile } from './vector-file.js';
import { compareVectors } from './vectors.js';

/** A made-up backend: bit 0 present, bit 1 dirty; the kernel's code for 9 does not return. */
const arch = {
  name: 'toy',
  kernel: kernel('6.12'),
  constants: { PMD_SHIFT: 21n, _PAGE_PRESENT: 1n, OURS: 5n },
  pte: { pte_present: (v: bigint) => (v & 1n) !== 0n, pte_mkwrite: (v: bigint) => v },
  pmd: {
    pmd_present: (v: bigint) => (v & 1n) !== 0n,
    pmd_mkdirty: (v: bigint) => v | 2n,
    pmd_pfn: (v: bigint) => {
      if (v === 9n) throw new KernelBug('BUG in pmd_pfn');
      return Number(v >> 12n);
    },
  },
  pud: {},
  prot: { vm_get_page_prot: ({ write }: { write: boolean }) => (write ? 3n : 1n), PAGE: { PAGE_NONE: 8n } },
} as unknown as Arch;

const FILE: VectorFile = {
  meta: {
    name: 'toy-v6.12',
    arch: 'toy',
    kernel_release: '6.12',
    mode: '',
    config: {},
    not_defined_on_this_build: ['pmd:pmd_devmap', 'pte:pte_mkwrite', 'pud:pud_pfn', 'p4d:p4d_present'],
  },
  inputs: ['0x1', '0x9', '0x5000'],
  pgprots: { PAGE_NONE: '0x8', PAGE_SHIFT: '0xc' },
  vm_get_page_prot: { 'rw-p': '0x3', 'r--p': '0x1' },
  constants: { PMD_SHIFT: '0x15', _PAGE_PRESENT: '0x1', THEIRS: '0x7' },
  pmd: { pmd_present: [1, 1, 0], pmd_mkdirty: ['0x3', '0xb', '0x5002'], pmd_pfn: [0, 'trap:BUG', 5] },
  pte: {},
  pud: {},
  p4d: {},
  pgd: {},
  seq: {},
  seq_pte: {},
  modify: [],
  pfn: [],
  make_table: [],
  swap: [],
  arch_swp_entry: [],
};

describe('golden vectorLine', () => {
  it('says the slots, the traps and the protections, agreeing or not', () => {
    expect(vectorLine(compareVectors(arch, FILE))).toBe(
      'vectors toy-v6.12: 8 of 8 (traps 1), protections 3 of 3',
    );
    const wrong = { ...FILE, pmd: { ...FILE.pmd, pmd_present: [1, 0, 1] }, pgprots: { PAGE_NONE: '0x4' } };
    expect(vectorLine(compareVectors(arch, wrong))).toBe(
      'vectors toy-v6.12: 6 of 8 (traps 1), protections 2 of 3',
    );
  });
});

describe('golden compareVectors', () => {
  it('says where the kernel and the backend differ, at most as often as it is told', () => {
    const wrong = { ...FILE, pmd: { pmd_present: [0, 0, 0], pmd_mkdirty: ['0x3', '0xb', '0x5000'] } };
    const report = compareVectors(arch, wrong, { limit: 2 });
    expect([...report.byColumn]).toEqual([
      ['pmd pmd_present', 2],
      ['pmd pmd_mkdirty', 1],
    ]);
    expect(report.disagreements).toEqual([
      { section: 'pmd', column: 'pmd_present', input: '0x1', kernel: '0', backend: '0x1' },
      { section: 'pmd', column: 'pmd_present', input: '0x9', kernel: '0', backend: '0x1' },
    ]);
  });

  it('counts a helper that is absent, or that stops where the kernel does not, as a disagreement', () => {
    const wrong = { ...FILE, pmd: { pmd_huge: [1, 0, 0], pmd_pfn: [0, 0, 5] } };
    const { agree, slots, traps, disagreements } = compareVectors(arch, wrong);
    expect([agree, slots, traps]).toEqual([2, 6, 0]);
    expect(disagreements.map(({ backend }) => backend)).toEqual([
      'toy 6.12 does not define pmd_huge',
      'toy 6.12 does not define pmd_huge',
      'toy 6.12 does not define pmd_huge',
      'BUG in pmd_pfn',
    ]);
  });
});

describe('golden compareConstants', () => {
  it('compares the names that both have', () => {
    expect(compareConstants(arch, FILE)).toEqual({ shared: ['PMD_SHIFT', '_PAGE_PRESENT'], wrong: [] });
  });

  it('says both values where they differ, a zero of the kernel included', () => {
    const { wrong } = compareConstants(arch, { ...FILE, constants: { PMD_SHIFT: '0x15', OURS: '0x0' } });
    expect(wrong).toEqual([{ name: 'OURS', kernel: 0n, backend: 5n }]);
  });
});

describe('golden wronglyDefined', () => {
  it('passes helpers that the backend lacks, and pte_mkwrite, which stands for two forms', () => {
    expect(wronglyDefined(arch, FILE)).toEqual([]);
  });

  it('names a helper that the backend has although the build has not, at its own level only', () => {
    const not_defined_on_this_build = ['pmd:pmd_pfn', 'pte:pmd_pfn', 'pte:pte_present'];
    const file = { ...FILE, meta: { ...FILE.meta, not_defined_on_this_build } };
    expect(wronglyDefined(arch, file)).toEqual(['pmd:pmd_pfn', 'pte:pte_present']);
  });
});

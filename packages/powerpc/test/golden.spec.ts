import { readdirSync } from 'node:fs';
import type { Arch } from '@ptemu/arch';
import {
  answerOf,
  compareConstants,
  compareVectors,
  readVectorFile,
  type VectorFile,
  vectorLine,
  wronglyDefined,
} from '@ptemu/conformance';
import { describe, expect, it } from 'vitest';
import { PMD_STATES, powerpc } from '../src/index.js';

/**
 * The answers of the kernel's own headers, 6.1.192 and 6.12.117.
 * source: test/fixtures/*.json.gz; how: the kernel's headers compiled by its own build and run as POWER9.
 */
const FIXTURES = new URL('./fixtures/', import.meta.url);
const files = readdirSync(FIXTURES).filter((name) => name.endsWith('.json.gz'));

const load = (name: string): VectorFile => readVectorFile(new URL(name, FIXTURES));

/** The backend of a vector file: an option that the file does not have as `y` is off. */
function backendOf({ meta }: VectorFile): Arch {
  const on = (name: string): boolean => meta.config[`CONFIG_${name}`] === 'y';
  return powerpc({
    kernel: meta.kernel_release,
    mmu: meta.mode.startsWith('radix') ? 'radix' : 'hash',
    page: on('PPC_4K_PAGES') ? '4k' : '64k',
    config: {
      NUMA_BALANCING: on('NUMA_BALANCING'),
      MEM_SOFT_DIRTY: on('MEM_SOFT_DIRTY'),
      DEVICE_PRIVATE: on('DEVICE_PRIVATE'),
      MEMORY_FAILURE: on('MEMORY_FAILURE'),
    },
  });
}

describe('powerpc golden', () => {
  it('has the eight vector files', () => {
    expect(files).toHaveLength(8);
  });

  for (const name of files) {
    it(`agrees with every slot of ${name}`, () => {
      const file = load(name);
      const report = compareVectors(backendOf(file), file);
      console.log(vectorLine(report));
      expect([...report.byColumn]).toEqual([]);
      expect(report.agree).toBe(report.slots);
      expect(report.protections.disagreements).toEqual([]);
      expect(report.protections.agree).toBe(report.protections.slots);
    });

    it(`agrees with the kernel's constants in ${name}`, () => {
      const file = load(name);
      const { shared, wrong } = compareConstants(backendOf(file), file);
      expect(shared.length).toBeGreaterThan(60);
      expect(wrong).toEqual([]);
    });

    it(`defines no helper that ${name} lists as not defined`, () => {
      const file = load(name);
      expect(wronglyDefined(backendOf(file), file)).toEqual([]);
    });

    it(`stops where ${name} says trap`, () => {
      const file = load(name);
      const arch = backendOf(file);
      let traps = 0;
      for (const section of ['pmd', 'pte', 'pud', 'seq', 'seq_pte'] as const) {
        for (const [column, answers] of Object.entries(file[section])) {
          answers.forEach((answer, i) => {
            if (!String(answer).startsWith('trap:') || traps >= 200) return;
            traps++;
            const input = BigInt(file.inputs[i] ?? 0);
            expect(() => answerOf(arch, section, column, input), `${column} ${file.inputs[i]}`).toThrow();
          });
        }
      }
      for (const row of file.pfn.filter(({ result }) => result.startsWith('trap:'))) {
        const helper = row.helper === 'pfn_pud' ? arch.pud.pfn_pud : arch.pmd.pfn_pmd;
        expect(() => helper?.(Number(row.pfn), BigInt(row.prot)), row.helper).toThrow(/BUG/);
        traps++;
      }
      const hash = arch.options['mmu'] === 'hash';
      expect(traps > 0).toBe(hash);
    });
  }

  it('finds states of the table among the inputs, with the answers of the kernel', () => {
    const file = load('powerpc-radix-64k-v6.12.json.gz');
    const frame = BigInt(file.constants['PTE_RPN_MASK'] ?? 0);
    let found = 0;
    for (const state of PMD_STATES.filter(({ leaf }) => leaf !== undefined)) {
      const at = file.inputs.findIndex((input) => (BigInt(input) & ~frame) === (state.entry & ~frame));
      if (at < 0) continue;
      found++;
      const kernel = (column: string): boolean => Number(file.pmd[column]?.[at]) === 1;
      expect([state.name, kernel('pmd_none'), kernel('pmd_present'), kernel('pmd_trans_huge')]).toEqual([
        state.name, state.none, state.present, state.trans_huge,
      ]); // prettier-ignore
      expect([state.name, kernel('pmd_bad'), kernel('pmd_protnone'), kernel('pmd_is_serializing')]).toEqual([
        state.name, state.bad, state.protnone, state.serializing,
      ]); // prettier-ignore
      expect([state.name, kernel('pmd_young'), kernel('pmd_dirty'), kernel('pmd_write')]).toEqual([
        state.name, state.leaf?.young, state.leaf?.dirty, state.leaf?.write,
      ]); // prettier-ignore
    }
    console.log(`states found among the inputs: ${found}`);
    expect(found).toBeGreaterThanOrEqual(5);
  });
});

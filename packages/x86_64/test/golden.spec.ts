import { readdirSync } from 'node:fs';
import type { Arch } from '@ptemu/arch';
import {
  compareConstants,
  compareVectors,
  readVectorFile,
  type VectorFile,
  vectorLine,
  wronglyDefined,
} from '@ptemu/conformance';
import { describe, expect, it } from 'vitest';
import { PMD_STATES, x86_64 } from '../src/index.js';

/**
 * The answers of the kernel's own headers, 6.1.192 and 6.12.117.
 * source: test/fixtures/*.json.gz; how: the kernel's headers compiled by its own build and run.
 */
const FIXTURES = new URL('./fixtures/', import.meta.url);
const files = readdirSync(FIXTURES).filter((name) => name.endsWith('.json.gz'));

const load = (name: string): VectorFile => readVectorFile(new URL(name, FIXTURES));

/** The backend of a vector file: an option that the file does not have as `y` is off. */
function backendOf({ meta }: VectorFile): Arch {
  const on = (name: string): boolean => meta.config[`CONFIG_${name}`] === 'y';
  return x86_64({
    kernel: meta.kernel_release,
    config: {
      MEM_SOFT_DIRTY: on('MEM_SOFT_DIRTY'),
      USERFAULTFD: on('USERFAULTFD'),
      NUMA_BALANCING: on('NUMA_BALANCING'),
      X86_USER_SHADOW_STACK: on('X86_USER_SHADOW_STACK'),
      DEVICE_PRIVATE: on('DEVICE_PRIVATE'),
      MEMORY_FAILURE: on('MEMORY_FAILURE'),
    },
    cpu: { shstk: meta.name.includes('shstk') },
  });
}

describe('x86_64 golden', () => {
  it('has the five vector files', () => {
    expect(files).toHaveLength(5);
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
  }

  it('finds states of the table among the inputs, with the answers of the kernel', () => {
    const file = load('x86_64-4level-v6.12.json.gz');
    const frame = 0x4000_0000n ^ 0x1220_0000n;
    let found = 0;
    for (const state of PMD_STATES.filter(({ leaf }) => leaf !== undefined)) {
      const at = file.inputs.findIndex((input) => BigInt(input) === (state.entry ^ frame));
      if (at < 0) continue;
      found++;
      const kernel = (column: string): boolean => Number(file.pmd[column]?.[at]) === 1;
      expect([state.name, kernel('pmd_none'), kernel('pmd_present'), kernel('pmd_trans_huge')]).toEqual([
        state.name, state.none, state.present, state.trans_huge,
      ]); // prettier-ignore
      expect([state.name, kernel('pmd_bad'), kernel('pmd_protnone')]).toEqual([
        state.name,
        state.bad,
        state.protnone,
      ]);
      expect([state.name, kernel('pmd_young'), kernel('pmd_dirty'), kernel('pmd_write')]).toEqual([
        state.name, state.leaf?.young, state.leaf?.dirty, state.leaf?.write,
      ]); // prettier-ignore
    }
    console.log(`states found among the inputs: ${found}`);
    expect(found).toBeGreaterThanOrEqual(5);
  });
});

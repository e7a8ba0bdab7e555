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
import { arm64, type Granule, PMD_STATES, PTE_STATES } from '../src/index.js';

/**
 * The answers of the kernel's own headers, 6.1.192 and 6.12.117, without CPU capabilities.
 * source: test/fixtures/*.json.gz; how: the kernel's headers compiled by its own build and run.
 */
const FIXTURES = new URL('./fixtures/', import.meta.url);
const files = readdirSync(FIXTURES).filter((name) => name.endsWith('.json.gz'));

const load = (name: string): VectorFile => readVectorFile(new URL(name, FIXTURES));

/** The backend of a vector file: an option that the file does not have as `y` is off. */
function backendOf({ meta }: VectorFile): Arch {
  const on = (name: string): boolean => meta.config[`CONFIG_${name}`] === 'y';
  const granules: readonly Granule[] = ['4k', '16k', '64k'];
  return arm64({
    kernel: meta.kernel_release,
    granule: granules.find((granule) => on(`ARM64_${granule.toUpperCase()}_PAGES`)) ?? '4k',
    vaBits: Number(meta.config['CONFIG_ARM64_VA_BITS']),
    config: {
      USERFAULTFD: on('USERFAULTFD'),
      NUMA_BALANCING: on('NUMA_BALANCING'),
      DEVICE_PRIVATE: on('DEVICE_PRIVATE'),
      MEMORY_FAILURE: on('MEMORY_FAILURE'),
      ARM64_CONTPTE: on('ARM64_CONTPTE'),
      ARM64_PA_BITS_52: on('ARM64_PA_BITS_52'),
    },
  });
}

describe('arm64 golden', () => {
  it('has the six vector files', () => {
    expect(files).toHaveLength(6);
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
      expect(shared.length).toBeGreaterThan(100);
      expect(wrong).toEqual([]);
    });

    it(`defines no helper that ${name} lists as not defined`, () => {
      const file = load(name);
      expect(wronglyDefined(backendOf(file), file)).toEqual([]);
    });
  }

  it('is configured by default as the files were made', () => {
    for (const name of files) {
      const { config, options } = backendOf(load(name));
      const granule = options['granule'] as Granule;
      const plain = arm64({ kernel: '6.12.117', granule });
      expect(plain.options).toEqual(options);
      expect({ ...plain.config, ARM64_CONTPTE: config['ARM64_CONTPTE'] }).toEqual(config);
    }
  });

  it('has every state of its tables among the words that the kernel made', () => {
    const words = new Set<bigint>();
    for (const name of files.filter((file) => file.includes('4k-v6.12'))) {
      const { inputs, pmd, pte, seq, modify } = load(name);
      const columns = [inputs, ...[pmd, pte, seq].flatMap(Object.values<readonly (string | number)[]>)];
      for (const word of [...columns, ...modify.map(({ results }) => results)].flat()) {
        if (typeof word === 'string' && word.startsWith('0x')) words.add(BigInt(word));
      }
    }
    const mapped = PMD_STATES.filter(({ leaf }) => leaf);
    expect(mapped.length).toBeGreaterThan(16);
    const unseen = [
      // The files' huge page lies elsewhere.
      ...mapped.map(({ name, entry }) => ({ name, word: entry ^ 0x4000_0000n ^ 0x1220_0000n })),
      ...PTE_STATES.map(({ name, entry }) => ({ name, word: entry })),
    ].filter(({ word }) => !words.has(word));
    expect(unseen).toEqual([]);
  });
});

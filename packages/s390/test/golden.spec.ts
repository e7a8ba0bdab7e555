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
import { s390 } from '../src/index.js';

/**
 * The answers of the kernel's own headers, 6.1.192 and 6.12.117, on a machine with IDTE, EDAT-1, EDAT-2 and NX.
 * source: test/fixtures/*.json.gz; how: the kernel's headers compiled by its own build and run.
 */
const FIXTURES = new URL('./fixtures/', import.meta.url);
const files = readdirSync(FIXTURES).filter((name) => name.endsWith('.json.gz'));

const load = (name: string): VectorFile => readVectorFile(new URL(name, FIXTURES));

/** The backend of a vector file: an option that the file does not have as `y` is off. */
function backendOf({ meta }: VectorFile): Arch {
  const on = (name: string): boolean => meta.config[`CONFIG_${name}`] === 'y';
  const has = (feature: string): boolean => meta.mode.split(' ').includes(feature);
  return s390({
    kernel: meta.kernel_release,
    config: {
      NUMA_BALANCING: on('NUMA_BALANCING'),
      MEM_SOFT_DIRTY: on('MEM_SOFT_DIRTY'),
      HUGETLB_PAGE: on('HUGETLB_PAGE'),
      MEMORY_FAILURE: on('MEMORY_FAILURE'),
    },
    cpu: { idte: has('IDTE'), edat1: has('EDAT1'), edat2: has('EDAT2'), nx: has('NX') },
  });
}

describe('s390 golden', () => {
  it('has the two vector files', () => {
    expect(files).toHaveLength(2);
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
      expect(shared.length).toBeGreaterThan(110);
      expect(wrong).toEqual([]);
    });

    it(`defines no helper that ${name} lists as not defined`, () => {
      const file = load(name);
      expect(wronglyDefined(backendOf(file), file)).toEqual([]);
    });
  }
});

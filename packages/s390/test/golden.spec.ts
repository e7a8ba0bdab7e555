import { readdirSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { Arch } from '@ptemu/arch';
import { compareVectors, type VectorFile } from '@ptemu/conformance';
import { describe, expect, it } from 'vitest';
import { s390 } from '../src/index.js';

/**
 * The answers of the kernel's own headers, 6.1.192 and 6.12.117, on a machine with IDTE, EDAT-1, EDAT-2 and NX.
 * source: test/fixtures/*.json.gz; how: the kernel's headers compiled by its own build and run.
 */
const FIXTURES = new URL('./fixtures/', import.meta.url);
const files = readdirSync(FIXTURES).filter((name) => name.endsWith('.json.gz'));

interface Fixture extends VectorFile {
  readonly meta: VectorFile['meta'] & { readonly not_defined_on_this_build: readonly string[] };
}

const load = (name: string): Fixture =>
  JSON.parse(gunzipSync(readFileSync(new URL(name, FIXTURES))).toString()) as Fixture;

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
      const { protections } = report;
      console.log(
        `vectors ${file.meta.name}: ${report.agree} of ${report.slots} (traps ${report.traps}), ` +
          `protections ${protections.agree} of ${protections.slots}`,
      );
      expect([...report.byColumn]).toEqual([]);
      expect(report.agree).toBe(report.slots);
      expect(protections.disagreements).toEqual([]);
      expect(protections.agree).toBe(protections.slots);
    });

    it(`agrees with the kernel's constants in ${name}`, () => {
      const file = load(name);
      const { constants } = backendOf(file);
      const shared = Object.keys(constants).filter((key) => key in file.constants);
      expect(shared.length).toBeGreaterThan(110);
      for (const key of shared) {
        expect([key, constants[key]]).toEqual([key, BigInt(file.constants[key] ?? 0)]);
      }
    });

    it(`defines no helper that ${name} lists as not defined`, () => {
      const file = load(name);
      const arch = backendOf(file);
      const wrongly = file.meta.not_defined_on_this_build.filter((entry) => {
        const [level = '', helper = ''] = entry.split(':');
        // One name in the contract: with the VMA as an optional argument it stands for both forms.
        if (/^p(te|md)_mkwrite$/.test(helper)) return false;
        return helper in ((arch as unknown as Record<string, object>)[level] ?? {});
      });
      expect(wrongly).toEqual([]);
    });
  }
});

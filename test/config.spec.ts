import { readdirSync } from 'node:fs';
import { type Arch, ArchError, type KernelConfig } from '@ptemu/arch';
import { readVectorFile } from '@ptemu/conformance';
import { backend } from 'ptemu';
import { describe, expect, it } from 'vitest';

const NAMES: Readonly<Record<string, string>> = { arm: 'arm32' };
const PACKAGES = new URL('../packages/', import.meta.url);

/** Every vector file of the fixtures, with the configuration that it was built with. */
const files = ['x86_64', 'arm32', 'arm64', 's390', 'powerpc'].flatMap((arch) => {
  const folder = new URL(`${arch}/test/fixtures/`, PACKAGES);
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json.gz'))
    .map((name) => ({ name, meta: readVectorFile(new URL(name, folder)).meta }));
});

/** The backend of a vector file, configured by what `pick` takes from the file's own list. */
function backendOf(meta: (typeof files)[number]['meta'], config: KernelConfig | undefined): Arch {
  const [first = '', second = '', third = ''] = meta.name.split('-');
  const name = NAMES[first] ?? first;
  const options =
    name === 'arm64' ? { granule: second } : name === 'powerpc' ? { mmu: second, page: third } : {};
  return backend(name, { kernel: meta.kernel_release, ...options, ...(config !== undefined && { config }) });
}

describe('a configuration taken from the vectors', () => {
  it.each(files.map(({ name, meta }) => [name, meta] as const))(
    '%s: the whole list, and the three options of the README, mean the same',
    (_name, meta) => {
      const on = (option: string): boolean => meta.config[`CONFIG_${option}`] === 'y';
      const whole = Object.fromEntries(
        Object.entries(meta.config).map(([key, value]) => [key.replace(/^CONFIG_/, ''), value === 'y']),
      );
      const three = {
        MEM_SOFT_DIRTY: on('MEM_SOFT_DIRTY'),
        USERFAULTFD: on('USERFAULTFD'),
        NUMA_BALANCING: on('NUMA_BALANCING'),
      };
      const asBuilt = backendOf(meta, whole);
      expect(backendOf(meta, three).config).toEqual(asBuilt.config);
      if (!meta.name.includes('min')) expect(backendOf(meta, undefined).config).toEqual(asBuilt.config);
      for (const [key, value] of Object.entries(asBuilt.config)) {
        if (`CONFIG_${key}` in meta.config) expect([key, value]).toEqual([key, on(key)]);
      }
    },
  );

  it('an option that is not modelled has one value, and an unknown one is refused', () => {
    expect(() => backend('x86_64', { kernel: '6.12', config: { TRANSPARENT_HUGEPAGE: false } })).toThrow(
      /is always true here/,
    );
    expect(() => backend('s390', { kernel: '6.12', config: { FROBNICATE: true } })).toThrow(ArchError);
  });
});

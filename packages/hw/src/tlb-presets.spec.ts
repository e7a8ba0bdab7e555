import { describe, expect, it } from 'vitest';
import { LIKE_ARM64, LIKE_POWERPC, LIKE_S390, LIKE_X86 } from '../test/descriptions.js';
import { PhysicalMemory } from './memory.js';
import { accessRight, compileTranslator } from './tlb-batch.js';
import { TLB_PRESETS, tlbPreset } from './tlb-presets.js';

const LIKE = {
  x86_64: LIKE_X86,
  arm64: LIKE_ARM64,
  arm32: LIKE_ARM64,
  s390: LIKE_S390,
  powerpc: LIKE_POWERPC,
};

/** Entries of the structures that hold 4 KiB pages, as the cited texts give them. */
const ENTRIES: Readonly<Record<string, readonly [l1d: number, l1i: number, l2: number]>> = {
  'skylake-server': [64, 128, 1536],
  zen: [64, 64, 1536],
  'neoverse-n1': [48, 48, 1280],
  'cortex-a15': [32, 32, 512],
};

describe('TLB_PRESETS', () => {
  for (const [name, { arch, config, sources }] of Object.entries(TLB_PRESETS)) {
    it(`has a source or the label assumed for each number: ${name}`, () => {
      const structures = (['l1d', 'l1i', 'l2', 'walkCaches'] as const).flatMap((level) =>
        (config[level] ?? []).map((_, i) => `${level}.${i}`),
      );
      expect(Object.keys(sources).sort()).toEqual([...structures, 'replacement', 'tagBits'].sort());
      for (const text of Object.values(sources)) expect(text).toMatch(/^(assumed: .{8}|[A-Z0-9].{12})/);
      expect(config.name).toBe(name);
    });

    it(`makes a translator for its architecture: ${name}`, () => {
      const memory = new PhysicalMemory();
      const unit = compileTranslator({ memory, mmu: LIKE[arch as keyof typeof LIKE], tlb: config });
      unit.load({ space: 1, root: 0n });
      unit.translate(0x1000, 0, accessRight({ kind: 'exec', mode: 'user' }));
      expect(unit.counters().walks).toBe(1);
    });
  }

  it.each(Object.entries(ENTRIES))('has the entries that the cited texts give: %s', (name, want) => {
    const { config } = tlbPreset(name)!;
    const got = [config.l1d, config.l1i!, config.l2!].map((level) => level[0]!.sets * level[0]!.ways);
    expect(got).toEqual(want);
  });

  it('knows no other names', () => {
    expect(tlbPreset('pentium')).toBeUndefined();
    expect(tlbPreset('constructor')).toBeUndefined();
  });
});

/** The generated translator of every backend against its bigint twin and against fresh walks. Here, because only here are all five at hand. */
import { describe, expect, it } from 'vitest';
import type { MmuDescription } from '@ptemu/arch';
import { assertTranslatorTwin, brokenTwin, expectReached } from '../packages/hw/test/tlb-twin.js';
import { backend } from './capture-backends.js';

const kernel = '6.12.117';
const DESCRIPTIONS: Readonly<Record<string, () => MmuDescription>> = {
  x86_64: () => backend('x86_64', { kernel }).mmuOf(),
  'x86_64:levels=5': () => backend('x86_64', { kernel, levels: 5 }).mmuOf(),
  arm32: () => backend('arm32', { kernel }).mmuOf(),
  arm64: () => backend('arm64', { kernel }).mmuOf(),
  'arm64:granule=16k,vaBits=47': () => backend('arm64', { kernel, granule: '16k', vaBits: 47 }).mmuOf(),
  'arm64:granule=64k,vaBits=52': () => backend('arm64', { kernel, granule: '64k', vaBits: 52 }).mmuOf(),
  's390, 3 levels': () => backend('s390', { kernel }).mmuOf({ levels: 3 }),
  powerpc: () => backend('powerpc', { kernel }).mmuOf(),
  'powerpc:page=4k': () => backend('powerpc', { kernel, page: '4k' }).mmuOf(),
};

describe('compileTranslator of the backends', () => {
  for (const [name, mmu] of Object.entries(DESCRIPTIONS)) {
    it(`agrees with the bigint model and serves what a fresh walk gives: ${name}`, () => {
      expectReached(assertTranslatorTwin(mmu(), { numRuns: 40 }), mmu());
    });
  }

  it.each(['x86_64', 'arm32', 'arm64', 's390, 3 levels', 'powerpc'])(
    'serves what is stale when an invalidation is skipped (broken twin): %s',
    (name) => {
      expect(brokenTwin(DESCRIPTIONS[name]!(), 'skip an invalidation')).toMatch(
        /^served .*, a fresh walk gives/,
      );
    },
  );
});

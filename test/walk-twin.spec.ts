/** The generated walker of every backend's description against the bigint walk. Here, because only here are all five at hand. */
import { describe, expect, it } from 'vitest';
import type { MmuDescription } from '@ptemu/arch';
import { assertTwin } from '../packages/hw/test/twin.js';
import { backend } from './capture-backends.js';

const kernel = '6.12.117';
const DESCRIPTIONS: Readonly<Record<string, () => MmuDescription>> = {
  x86_64: () => backend('x86_64', { kernel }).mmuOf(),
  'x86_64:levels=5': () => backend('x86_64', { kernel, levels: 5 }).mmuOf(),
  arm32: () => backend('arm32', { kernel }).mmuOf(),
  'arm32, TTBR1': () => backend('arm32', { kernel }).mmuOf({ levels: 2 }),
  arm64: () => backend('arm64', { kernel }).mmuOf(),
  'arm64:lpa2': () => backend('arm64', { kernel, vaBits: 52, lpa2: true }).mmuOf(),
  'arm64:granule=16k,vaBits=47': () => backend('arm64', { kernel, granule: '16k', vaBits: 47 }).mmuOf(),
  'arm64:granule=64k,vaBits=52': () => backend('arm64', { kernel, granule: '64k', vaBits: 52 }).mmuOf(),
  's390, 3 levels': () => backend('s390', { kernel }).mmuOf({ levels: 3 }),
  's390, 5 levels': () => backend('s390', { kernel }).mmuOf({ levels: 5 }),
  powerpc: () => backend('powerpc', { kernel }).mmuOf(),
  'powerpc:page=4k': () => backend('powerpc', { kernel, page: '4k' }).mmuOf(),
  'powerpc:hash': () => backend('powerpc', { kernel, mmu: 'hash' }).mmuOf(),
};

describe('compileWalker of the backends', () => {
  for (const [name, mmu] of Object.entries(DESCRIPTIONS)) {
    it(`agrees with the bigint walk: ${name}`, () => {
      const reached = assertTwin(mmu(), 'zero', 4000);
      expect(reached.mapped).toBeGreaterThan(20);
      expect(reached.deep).toBeGreaterThan(50);
    });
  }
});

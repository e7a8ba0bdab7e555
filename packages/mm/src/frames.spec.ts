import { describe, expect, it } from 'vitest';
import { Frames } from './frames.js';

describe('Frames', () => {
  const huge = { name: 'H', pfn: 0x40000, nrPages: 512 };
  const small = { name: 'P0', pfn: 0x70000, nrPages: 1 };
  const zero = { name: 'frame0', pfn: 0, nrPages: 1 };
  const frames = new Frames(huge, [small], zero);
  it('finds the folio of its first and last frame, and none beside it', () => {
    expect([0x3ffff, 0x40000, 0x401ff, 0x40200].map((pfn) => frames.ofPfn(pfn)?.name)).toEqual([
      undefined, 'H', 'H', undefined,
    ]); // prettier-ignore
    expect([frames.ofPfn(0x70000), frames.ofPfn(0), frames.ofPfn(1)]).toEqual([small, zero, undefined]);
  });
  it('finds by name', () => {
    expect([frames.named('P0'), frames.named('P1')]).toEqual([small, undefined]);
  });
});

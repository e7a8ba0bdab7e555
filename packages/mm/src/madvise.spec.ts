import { describe, expect, it } from 'vitest';
import { drive } from '../test/drive.js';
import { backends, store, worldOf } from '../test/worlds.js';
import { madvise_dontneed } from './index.js';

describe.each(backends('6.12'))('%s madvise_dontneed', (_name, arch) => {
  it('drops the page after the flush, and a later store gets a new one', () => {
    const w = worldOf(arch, { extraRefs: 0 });
    store(w, 1);
    const { steps, fell } = drive(w, madvise_dontneed(w.context('dontneed', 1), w.vma, w.frames));
    expect(fell).toEqual([]);
    expect(steps.slice(-2).map(({ kind }) => kind)).toEqual(['put', 'zap-done']);
    expect(w.machine.get('H.state')).toBe('free');
    expect(store(w, 1)).toEqual([]);
    expect([w.machine.get('mm.rss'), w.machine.get('P0.stored')]).toEqual([1, 1]);
  });
  it('may be called again by the same thread', () => {
    const w = worldOf(arch);
    for (const n of [0, 1]) {
      expect(drive(w, madvise_dontneed(w.context('dontneed', 1), w.vma, w.frames, { n })).fell).toEqual([]);
      store(w, 1);
    }
    expect(w.machine.get('mm.rss')).toBe(1);
  });
});

import { x86_64 } from '@ptemu/x86_64';
import { describe, expect, it } from 'vitest';
import { drive } from '../test/drive.js';
import { worldOf } from '../test/worlds.js';
import { unlink_anon_vmas } from './rmap.js';

describe('unlink_anon_vmas', () => {
  it('takes the VMA out under the lock of its tree', () => {
    const w = worldOf(x86_64({ kernel: '6.12' }));
    const { steps } = drive(w, unlink_anon_vmas(w.context('exit', 1), w.vma));
    expect(steps.map(({ kind, object }) => `${kind} ${object}`)).toEqual([
      'down_write anon_vma',
      'write vma.unlinked',
      'up_write anon_vma',
    ]);
    expect([w.machine.get('vma.unlinked'), w.machine.get('anon_vma')]).toEqual([true, 0]);
  });
});

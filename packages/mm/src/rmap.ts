/** Taking a VMA out of the rmap. @see Linux mm/rmap.c (6.12.117) */
import type { Steps } from '@ptemu/explore';
import type { Context } from './context.js';
import type { VmAreaStruct } from './mm_types.js';

/**
 * Takes the VMA out of the rmap: waits for rmap walks that are in it, and later ones do not find it.
 * @see Linux mm/rmap.c, `unlink_anon_vmas` (6.12.117)
 */
export function* unlink_anon_vmas(cx: Context, vma: VmAreaStruct): Steps<void> {
  const c = cx.in('unlink_anon_vmas');
  yield* c.down_write(vma.anon_vma);
  yield* c.write(vma.unlinked, true);
  yield* c.up_write(vma.anon_vma);
}

/** A user program that touches memory: the hardware's translation, and the fault path when it fails. */
import type { Level, Slot, Vaddr } from '@ptemu/arch';
import type { Steps } from '@ptemu/explore';
import { type AccessResult, viewEntry } from '@ptemu/hw';
import type { Context } from './context.js';
import type { Frames } from './frames.js';
import { handle_mm_fault } from './memory.js';
import type { VmAreaStruct } from './mm_types.js';
import { pmd_pgtable, slotFor } from './page-table.js';

/**
 * Accesses one address until the access completes: through the TLB, or by a walk of one step per level from the pmd
 * down (the entries above it do not change in the scenarios), or after a fault.
 *
 * @param options - `n` is the number of the access in its thread: what a new attempt depends on. With the switch
 * `user.attempts` the thread gives up after so many; its schedules then have an end.
 */
export function* touch(
  cx: Context,
  vma: VmAreaStruct,
  frames: Frames,
  address: Vaddr,
  options: { readonly write: boolean; readonly n: number },
): Steps<void> {
  const mm = vma.vm_mm.id;
  const object = `0x${address.toString(16)}`;
  const bound = cx.switches['user.attempts'];
  const attempts = bound === undefined ? Infinity : Number(bound);
  for (let attempt = 0; attempt < attempts; attempt++) {
    const operands = [cx.cpu, mm, address, options.write];
    const forget = bound === undefined ? `touch#${options.n}` : `touch#${options.n}.${attempt}`;
    const result = yield* cx.act('access', object, operands, { forget });
    if (result === 'done') return;
    const hash = cx.machine.mmu.kind === 'hash';
    const walked = hash
      ? yield* hash_page(cx, vma, address, options)
      : yield* walk(cx, vma, address, options);
    if (walked === 'done') return;
    if (walked === 'fault') yield* handle_mm_fault(cx, vma, frames, address, options);
  }
}

/**
 * A miss in the hash table: the low-level handler runs with interrupts off and puts an HPTE in, from the huge pmd or from
 * a pte. `again` when it did, or when another CPU holds the entry; `fault` when Linux's page fault has to help.
 * @see Linux arch/powerpc/mm/book3s64/hash_utils.c, `hash_page_mm` (6.12.117)
 */
function* hash_page(
  cx: Context,
  vma: VmAreaStruct,
  address: Vaddr,
  options: { readonly write: boolean },
): Steps<AccessResult> {
  const c = cx.in('hash_page');
  const { __hash_page_thp, __hash_page } = c.sequences;
  if (__hash_page_thp === undefined || __hash_page === undefined)
    throw new Error('internal: no hash fault handler');
  const access = { write: options.write, exec: false };
  const insert = (level: Level) =>
    function* (entry: bigint): Steps<number> {
      yield* c.act('hpte-insert', `0x${address.toString(16)}`, [
        c.cpu,
        vma.vm_mm.id,
        address,
        options.write,
        entry,
        level,
      ]);
      return 0;
    };
  yield* c.local_irq_disable();
  const pmd = yield* c.loadForTable(vma.pmd, vma.vm_mm, 'maybe-table');
  let result: 'done' | 'busy' | 'fault' = 'fault';
  if (c.pmd.pmd_trans_huge(pmd)) {
    result = yield* __hash_page_thp(c.within('hash slots'), address, vma.pmd, access, insert('pmd'));
  } else if (!c.pmd.pmd_none(pmd)) {
    const table = pmd_pgtable(c, pmd);
    if (table !== undefined) {
      result = yield* __hash_page(c, slotFor(c, table, vma, address), access, insert('pte'));
    }
  }
  yield* c.local_irq_enable();
  return result === 'fault' ? 'fault' : 'again';
}

/** What the hardware may do at any moment: walk for an address that nobody asked for, and cache what it finds. */
export function* speculate(cx: Context, vma: VmAreaStruct, address: Vaddr): Steps<void> {
  yield* cx.act('hw-walk', `CPU${cx.cpu}`, [cx.cpu]);
  yield* walk(cx, vma, address, { write: false, kind: 'speculative' });
}

function* walk(
  cx: Context,
  vma: VmAreaStruct,
  address: Vaddr,
  options: { readonly write: boolean; readonly kind?: 'speculative' },
): Steps<AccessResult> {
  const c = cx.in('walk');
  const fill = function* (slot: Slot, entry: bigint): Steps<AccessResult> {
    const label = c.machine.labelOf(slot.paddr);
    const operands = [c.cpu, vma.vm_mm.id, address, options.write, entry, label, options.kind ?? 'access'];
    return (yield* c.act('hw-fill', label, operands)) as AccessResult;
  };
  const hwLoad = function* (slot: Slot): Steps<bigint> {
    return (yield* c.act('hw-load', c.machine.labelOf(slot.paddr), [c.cpu, vma.vm_mm.id])) as bigint;
  };
  const pmd = yield* hwLoad(vma.pmd);
  const view = viewEntry(c.machine.mmu, 'pmd', pmd);
  if (view.kind === 'fault') return 'fault';
  if (view.kind === 'leaf') return yield* fill(vma.pmd, pmd);
  const table = pmd_pgtable(c, pmd);
  if (table === undefined) return 'fault';
  const slot = slotFor(c, table, vma, address);
  const pte = yield* hwLoad(slot);
  return viewEntry(c.machine.mmu, 'pte', pte).kind === 'leaf' ? yield* fill(slot, pte) : 'fault';
}

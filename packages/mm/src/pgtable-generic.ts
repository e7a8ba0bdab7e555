/**
 * From a pmd to the table under it, without and with its lock; entries that make no sense are reported and cleared.
 * @see Linux mm/pgtable-generic.c (6.12.117); include/linux/pgtable.h and include/linux/mm.h (6.1.192)
 */
import type { Steps } from '@ptemu/explore';
import type { TableRegion } from '@ptemu/hw';
import type { Context } from './context.js';
import { ptlOf, type VmAreaStruct } from './mm_types.js';
import { pmd_pgtable } from './page-table.js';

/** A slot of a table whose lock is held. */
export interface MappedTable {
  readonly table: TableRegion;
  readonly ptl: string;
}

/**
 * Reports an entry that is neither none, huge nor a table, and clears it: what it mapped is lost. The report is I22.
 * @see Linux mm/pgtable-generic.c, `pmd_clear_bad` (6.12.117)
 */
export function* pmd_clear_bad(cx: Context, vma: VmAreaStruct, entry: bigint): Steps<void> {
  const c = cx.in('pmd_clear_bad');
  yield* c.bug_on(true, `bad pmd 0x${entry.toString(16)}`);
  yield* c.sequences.pmd_clear(c, vma.pmd);
}

/** Reads a pmd; `undefined` when it is none or bad. @see Linux include/linux/pgtable.h, `pmd_none_or_clear_bad` (6.12.117) */
export function* pmd_none_or_clear_bad(cx: Context, vma: VmAreaStruct): Steps<TableRegion | undefined> {
  const c = cx.in('pmd_none_or_clear_bad');
  const entry = yield* c.loadForTable(vma.pmd, vma.vm_mm, 'maybe-table');
  if (c.pmd.pmd_none(entry)) return undefined;
  if (!c.pmd.pmd_bad(entry)) return pmd_pgtable(c, entry);
  yield* pmd_clear_bad(c, vma, entry);
  return undefined;
}

/**
 * Whether a pmd, read again, has no table to go on to. Up to 6.1; since 4.14 an entry that is not present counts too where
 * huge pages migrate whole.
 * @see Linux include/linux/pgtable.h, `pmd_none_or_trans_huge_or_clear_bad` (6.1.192)
 */
export function* pmd_none_or_trans_huge_or_clear_bad(cx: Context, vma: VmAreaStruct): Steps<boolean> {
  const c = cx.in('pmd_none_or_trans_huge_or_clear_bad');
  const entry = yield* c.load(vma.pmd);
  if (c.pmd.pmd_none(entry) || c.pmd.pmd_trans_huge(entry)) return true;
  if (c.kernel.has('616b8371539a') && thp_migration_supported(c) && !c.pmd.pmd_present(entry)) return true;
  if (!c.pmd.pmd_bad(entry)) return false;
  yield* pmd_clear_bad(c, vma, entry);
  return true;
}

/** Whether the architecture migrates huge pages whole: a variant may say so of one that does not. */
export function thp_migration_supported(c: Context): boolean {
  if (c.switches['thp-migration'] === true) return true;
  const { make_readable_migration_entry, swp_entry_to_pmd } = c.arch.swap;
  return c.pmd.is_pmd_migration_entry?.(swp_entry_to_pmd(make_readable_migration_entry(1n))) === true;
}

/**
 * The table under a pmd, and the word that said so; no lock is held. Up to 6.4 the entry is taken for a table whatever it
 * says; from 6.5 on the answer may be that there is none.
 *
 * @param forget - Key of a loop that starts again here with nothing to remember.
 * @see Linux mm/pgtable-generic.c, `__pte_offset_map` (6.12.117); include/linux/pgtable.h, `pte_offset_map` (6.1.192)
 */
export function* pte_offset_map(
  cx: Context,
  vma: VmAreaStruct,
  forget?: string,
): Steps<{ readonly table: TableRegion; readonly entry: bigint } | undefined> {
  const c = cx.in('pte_offset_map');
  const mayFail = c.kernel.has('pte-offset-map-may-fail');
  const entry = yield* c.loadForTable(vma.pmd, vma.vm_mm, mayFail ? 'maybe-table' : 'table', {
    ...(forget !== undefined && { forget }),
  });
  if (mayFail) {
    if (c.pmd.pmd_none(entry) || c.pmd.is_pmd_migration_entry?.(entry) === true) return undefined;
    if (c.pmd.pmd_trans_huge(entry)) return undefined;
    if (c.pmd.pmd_bad(entry)) {
      yield* pmd_clear_bad(c, vma, entry);
      return undefined;
    }
  }
  const table = pmd_pgtable(c, entry);
  return table === undefined ? undefined : { table, entry };
}

/**
 * Finds and locks the table under a pmd. The lock lies in the metadata of the table's page, so which one it is follows
 * from an entry that was read without it. Up to 6.4 the entry is read once for the lock and once for the table; from 6.5
 * on both come from one reading, the entry is compared again under the lock, and the whole starts anew when it differs.
 *
 * @returns Nothing when the pmd has no table: from 6.5 on a regular outcome, before a wrong one (I2 has fallen).
 * @see Linux mm/pgtable-generic.c, `__pte_offset_map_lock` (6.12.117); include/linux/mm.h, `pte_offset_map_lock` (6.1.192)
 */
export function* pte_offset_map_lock(
  cx: Context,
  vma: VmAreaStruct,
  forget: string,
): Steps<MappedTable | undefined> {
  const c = cx.in('pte_offset_map_lock');
  if (!c.kernel.has('pte-offset-map-may-fail')) {
    const ptl = yield* pte_lockptr(c, vma);
    const mapped = yield* pte_offset_map(c, vma);
    if (ptl === undefined || mapped === undefined) return undefined;
    yield* c.lock(ptl);
    return { table: mapped.table, ptl };
  }
  for (;;) {
    const mapped = yield* pte_offset_map(c, vma, forget);
    if (mapped === undefined) return undefined;
    const ptl = ptlOf(mapped.table.name);
    yield* c.lock(ptl);
    if (c.pmd.pmd_same(yield* c.load(vma.pmd), mapped.entry)) return { table: mapped.table, ptl };
    yield* c.unlock(ptl);
  }
}

/** The lock of the table that the pmd points to now. @see Linux include/linux/mm.h, `pte_lockptr` (6.1.192) */
export function* pte_lockptr(cx: Context, vma: VmAreaStruct): Steps<string | undefined> {
  const c = cx.in('pte_lockptr');
  const table = pmd_pgtable(c, yield* c.loadForTable(vma.pmd, vma.vm_mm, 'table'));
  return table === undefined ? undefined : ptlOf(table.name);
}

/** Which translations are still held although they are no longer true. */
import type { Vaddr } from '@ptemu/arch';
import type { CpuSet } from './cpu-set.js';
import type { DirectMm } from './mm_types.js';
import type { PageTables } from './page-table.js';

/** A translation that a CPU still holds although the tables no longer say so. */
export interface Stale {
  readonly what: 'leaf' | 'table';
  readonly mm: string;
  readonly start: Vaddr;
  readonly shift: number;
  readonly cpus: readonly number[];
}

/**
 * What is held and no longer true: a leaf whose page went, moved or lost the right to be written; a pointer to a table that was
 * freed. CPUs that are lazy or have left the mm are not counted: they catch up before they use it.
 */
export function staleTranslations(tables: PageTables, mms: readonly DirectMm[]): readonly Stale[] {
  const { cached } = tables.machine;
  const stale: Stale[] = [];
  const report = (
    what: Stale['what'],
    mm: DirectMm,
    entry: Pick<Stale, 'start' | 'shift'>,
    cpus: CpuSet,
  ): void => {
    const active = cpus.clone();
    active.deleteAll(mm.lazy);
    active.deleteAll(mm.left);
    if (active.isEmpty) return;
    stale.push({ what, mm: mm.id, start: entry.start, shift: entry.shift, cpus: [...active.members()] });
  };
  const byId = new Map(mms.map((mm) => [mm.id, mm]));
  for (const leaf of cached.leaves()) {
    const mm = byId.get(leaf.mm);
    if (mm === undefined) continue;
    const now = tables.walk(mm, leaf.start, leaf.cpus);
    const same = now !== undefined && leaf.shift <= now.shift && (now.write || !leaf.write);
    if (!same || leaf.pa !== now.pa + (leaf.start - now.start)) report('leaf', mm, leaf, leaf.cpus);
  }
  for (const table of cached.tables()) {
    const mm = byId.get(table.mm);
    if (mm === undefined) continue;
    if (!tables.isTable(table.table)) report('table', mm, table, table.cpus);
  }
  return stale;
}

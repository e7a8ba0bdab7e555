import type { Arch } from '@ptemu/arch';
import { type Answer, asAnswer, call } from './vector-answers.js';

/** What the backend answers to a column of a row of the `swap` section: the row names how its entry is made. */
export function swapAnswer(
  arch: Arch,
  row: Readonly<Record<string, string | number>>,
  column: string,
): Answer {
  const s = arch.swap;
  const entry = BigInt(row['swp_entry_t'] ?? 0);
  const type = Number(row['type']);
  const offset = BigInt(row['offset'] ?? 0);
  const made = (): unknown => {
    switch (row['maker']) {
      case 'swp_entry':
        return s.swp_entry(type, offset);
      case 'make_readable_migration_entry':
        return s.make_readable_migration_entry(offset);
      case 'make_readable_exclusive_migration_entry':
        return s.make_readable_exclusive_migration_entry(offset);
      case 'make_writable_migration_entry':
        return s.make_writable_migration_entry(offset);
      case 'make_migration_entry_young(readable)':
        return s.make_migration_entry_young(s.make_readable_migration_entry(offset));
      case 'make_migration_entry_dirty(young(writable))':
        return s.make_migration_entry_dirty(
          s.make_migration_entry_young(s.make_writable_migration_entry(offset)),
        );
      case 'make_hwpoison_entry':
        return s.make_hwpoison_entry?.(offset);
      case 'make_pte_marker_entry':
        return s.make_pte_marker_entry?.(offset);
      default:
        return undefined;
    }
  };
  switch (column) {
    case 'swp_entry_t':
      return asAnswer(made());
    case '__swp_entry_to_pte':
    case '__swp_entry_to_pmd':
      return asAnswer(s[column]?.(entry));
    case '__swp_type':
      return asAnswer(s.__swp_type(entry));
    case '__swp_offset':
      return asAnswer(s.__swp_offset(entry));
    case 'pte_to_swp_entry(swp_entry_to_pte)':
      return asAnswer(arch.pte.pte_to_swp_entry?.(s.swp_entry_to_pte(entry)));
    case 'pmd_to_swp_entry(swp_entry_to_pmd)':
      return asAnswer(arch.pmd.pmd_to_swp_entry?.(s.swp_entry_to_pmd(entry)));
    default:
      return asAnswer(call(s as unknown as Readonly<Record<string, unknown>>, column, entry));
  }
}

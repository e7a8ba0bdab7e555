/**
 * Answers of the real kernel's helpers, compared with a backend's.
 *
 * A vector file names helpers as columns: `pmd_present`, `pmd_access_permitted(write=1)`, `swp_type(pmd_to_swp_entry)`.
 * `answerOf` says what a backend answers under such a name; `compareVectors` goes through a whole file. Slots where the
 * kernel's code trapped (BUG, endless loop) are no values: they are counted apart.
 */
import type { Arch } from '@ptemu/arch';
import { answerOf, asAnswer, call } from './vector-answers.js';
import type { VectorFile } from './vector-file.js';
import { swapAnswer } from './vector-swap.js';
import { Tally, type VectorTally } from './vector-tally.js';

/** The result of comparing one file. */
export interface VectorReport extends VectorTally {
  /** `PAGE_*` and `vm_get_page_prot`, counted apart. */
  readonly protections: VectorTally;
}

/** Compares every slot of a vector file. `limit` (default 20) bounds the list of disagreements, not their count. */
export function compareVectors(
  arch: Arch,
  file: VectorFile,
  options: { readonly limit?: number } = {},
): VectorReport {
  const tally = new Tally(options.limit ?? 20);
  const inputs = file.inputs.map(BigInt);
  for (const section of ['pmd', 'pte', 'pud', 'p4d', 'pgd', 'seq', 'seq_pte'] as const) {
    for (const [column, answers] of Object.entries(file[section])) {
      answers.forEach((expected, i) =>
        tally.check(section, column, file.inputs[i] ?? '', expected, () =>
          answerOf(arch, section, column, inputs[i] ?? 0n),
        ),
      );
    }
  }
  for (const { helper, prot, results } of file.modify) {
    const modify = arrayHelper(arch, helper);
    results.forEach((expected, i) =>
      tally.check('modify', helper, `${file.inputs[i]} prot ${prot}`, expected, () =>
        modify(inputs[i] ?? 0n, BigInt(prot)),
      ),
    );
  }
  for (const row of file.pfn) {
    tally.check('pfn', row.helper, `${row.pfn} prot ${row.prot}`, row.result, () => makeOfPfn(arch, row));
  }
  for (const row of file.make_table) {
    tally.check('make_table', row.helper, row.phys, row.result, () =>
      arrayHelper(arch, row.helper)(BigInt(row.phys)),
    );
  }
  for (const row of file.swap) {
    const columns = Object.keys(row).filter((column) => !SWAP_ARGUMENTS.includes(column));
    tally.checkRow(
      'swap',
      `${row['maker']} ${row['type']} ${row['offset']}`,
      columns.map((column) => ({
        column,
        expected: row[column] ?? '',
        answer: () => swapAnswer(arch, row, column),
      })),
    );
  }
  for (const row of file.arch_swp_entry) {
    tally.check('arch_swp_entry', '__swp_entry', `${row.type} ${row.offset}`, row.__swp_entry, () =>
      arch.swap.__swp_entry(Number(row.type), BigInt(row.offset)),
    );
  }
  return { ...tally.report(file.meta.name), protections: compareProtections(arch, file) };
}

const SWAP_ARGUMENTS: readonly string[] = ['maker', 'type', 'offset'];

/** Constants that are no protections, which arm's files list because their names begin alike. */
const OTHER_PAGE_CONSTANTS =
  /^PAGE_(ALLOC_COSTLY_ORDER|COUNTER_MAX|FLAGS_.*|FRAG_.*|IS_.*|MAPCOUNT_RESERVE|MASK|OFFSET|SECTORS.*|SHIFT|SIZE|TYPE_BASE)$/;

/** Compares the named protections and `vm_get_page_prot`. */
function compareProtections(arch: Arch, file: VectorFile): VectorTally {
  const tally = new Tally(20);
  for (const [name, expected] of Object.entries(file.vm_get_page_prot)) {
    tally.check('vm_get_page_prot', name, '', expected, () =>
      arch.prot.vm_get_page_prot({
        read: name[0] === 'r',
        write: name[1] === 'w',
        exec: name[2] === 'x',
        shared: name[3] === 's',
      }),
    );
  }
  for (const [name, expected] of Object.entries(file.pgprots)) {
    if (OTHER_PAGE_CONSTANTS.test(name)) continue;
    tally.check('pgprots', name, '', expected, () => arch.prot.PAGE[name]);
  }
  return tally.report('protections');
}

function arrayHelper(arch: Arch, name: string): (...args: readonly bigint[]) => bigint {
  const level = name.slice(0, 3);
  const helpers: Readonly<Record<string, unknown>> =
    level === 'pte' ? arch.pte : level === 'pmd' ? arch.pmd : arch.pud;
  return (...args) => asAnswer(call(helpers, name, ...args));
}

function makeOfPfn(
  arch: Arch,
  row: { readonly helper: string; readonly pfn: string; readonly prot: string },
): bigint {
  const pfn = Number(row.pfn);
  const prot = BigInt(row.prot);
  switch (row.helper) {
    case 'pfn_pte':
      return arch.pte.pfn_pte(pfn, prot);
    case 'pfn_pmd':
      return arch.pmd.pfn_pmd(pfn, prot);
    case 'pmd_mkhuge(pfn_pmd)':
      return arch.pmd.pmd_mkhuge(arch.pmd.pfn_pmd(pfn, prot));
    default:
      return asAnswer(call(arch.pud, row.helper, pfn, prot));
  }
}

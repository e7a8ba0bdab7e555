/**
 * Answers of the real kernel's helpers, compared with a backend's.
 *
 * A vector file names helpers as columns: `pmd_present`, `pmd_access_permitted(write=1)`, `swp_type(pmd_to_swp_entry)`.
 * `answerOf` says what a backend answers under such a name; `compareVectors` goes through a whole file. Slots where the
 * kernel's code trapped (BUG, endless loop) are no values: they are counted apart.
 */
import { type Arch, ArchError, KernelBug, VM_SHADOW_STACK, VM_WRITE } from '@ptemu/arch';

/** A section of a vector file whose columns are aligned with the inputs. */
export type VectorSection = 'pmd' | 'pte' | 'pud' | 'p4d' | 'pgd' | 'seq' | 'seq_pte';

/** What a helper answers: a predicate's truth as 0n or 1n, a value as it is. */
export type Answer = bigint;

/** The part of a vector file that is compared. */
export interface VectorFile {
  readonly meta: {
    readonly name: string;
    readonly arch: string;
    readonly kernel_release: string;
    readonly mode: string;
    readonly config: Readonly<Record<string, string>>;
  };
  readonly inputs: readonly string[];
  readonly pgprots: Readonly<Record<string, string>>;
  readonly vm_get_page_prot: Readonly<Record<string, string>>;
  readonly constants: Readonly<Record<string, string>>;
  readonly pmd: Columns;
  readonly pte: Columns;
  readonly pud: Columns;
  readonly p4d: Columns;
  readonly pgd: Columns;
  readonly seq: Columns;
  readonly seq_pte: Columns;
  readonly modify: readonly {
    readonly helper: string;
    readonly prot: string;
    readonly results: readonly string[];
  }[];
  readonly pfn: readonly {
    readonly helper: string;
    readonly pfn: string;
    readonly prot: string;
    readonly result: string;
  }[];
  readonly make_table: readonly { readonly helper: string; readonly phys: string; readonly result: string }[];
  readonly swap: readonly Readonly<Record<string, string | number>>[];
  readonly arch_swp_entry: readonly {
    readonly type: string;
    readonly offset: string;
    readonly __swp_entry: string;
  }[];
}

type Columns = Readonly<Record<string, readonly (string | number)[]>>;

/** A slot where backend and kernel disagree. */
export interface Disagreement {
  readonly section: string;
  readonly column: string;
  readonly input: string;
  readonly kernel: string;
  readonly backend: string;
}

/** The result of comparing one file. */
export interface VectorReport extends VectorTally {
  /** `PAGE_*` and `vm_get_page_prot`, counted apart. */
  readonly protections: VectorTally;
}

/** Counts of one comparison. */
export interface VectorTally {
  readonly name: string;
  /** Slots that hold a value; a row of the `swap` section is one slot. */
  readonly slots: number;
  readonly agree: number;
  readonly traps: number;
  /** The first ones, at most `limit`. */
  readonly disagreements: readonly Disagreement[];
  /** Disagreements per `section column`. */
  readonly byColumn: ReadonlyMap<string, number>;
}

const MM_PLAIN = { vm_flags: VM_WRITE };
const MM_SHADOW = { vm_flags: VM_WRITE | VM_SHADOW_STACK };

/**
 * What the backend answers to a column of a vector file for one input.
 *
 * @throws ArchError `UNKNOWN_HELPER` when the backend does not define the helper.
 * @throws KernelBug where the kernel's code would not return.
 */
export function answerOf(arch: Arch, section: VectorSection, column: string, input: bigint): Answer {
  if (section === 'seq' || section === 'seq_pte') return sequenceAnswer(arch, column, input);
  const helpers: Readonly<Record<string, unknown>> = arch[section];
  const direct = helpers[column];
  if (typeof direct === 'function') return asAnswer((direct as (entry: bigint) => unknown)(input));
  const special = SPECIAL_COLUMNS[column] ?? SPECIAL_COLUMNS[column.replace(/^(pte|pmd|pud)_/, 'X_')];
  const answer = special?.(arch, helpers, input, section);
  if (answer === undefined) {
    throw new ArchError('UNKNOWN_HELPER', `${arch.name} ${arch.kernel.release} does not define ${column}`, {
      arch: arch.name,
      helper: column,
    });
  }
  return asAnswer(answer);
}

type Special = (
  arch: Arch,
  helpers: Readonly<Record<string, unknown>>,
  input: bigint,
  section: 'pmd' | 'pte' | 'pud' | 'p4d' | 'pgd',
) => unknown;

function call(
  helpers: Readonly<Record<string, unknown>>,
  name: string,
  ...args: readonly unknown[]
): unknown {
  const helper = helpers[name];
  return typeof helper === 'function'
    ? (helper as (...a: readonly unknown[]) => unknown)(...args)
    : undefined;
}

const through =
  (inner: string, outer: (arch: Arch, entry: bigint) => unknown): Special =>
  (arch, helpers, input) => {
    const entry = call(helpers, inner, input);
    return typeof entry === 'bigint' ? outer(arch, entry) : undefined;
  };

const SPECIAL_COLUMNS: Readonly<Record<string, Special>> = {
  'X_access_permitted(write=0)': (_a, h, v, s) => call(h, `${s}_access_permitted`, v, { write: false }),
  'X_access_permitted(write=1)': (_a, h, v, s) => call(h, `${s}_access_permitted`, v, { write: true }),
  'X_mkwrite(vma)': (_a, h, v, s) => call(h, `${s}_mkwrite`, v, MM_PLAIN),
  'X_mkwrite(vma:VM_SHADOW_STACK)': (_a, h, v, s) => call(h, `${s}_mkwrite`, v, MM_SHADOW),
  'maybe_mkwrite(vma:VM_WRITE)': (_a, h, v) => call(h, 'maybe_mkwrite', v, MM_PLAIN),
  'maybe_mkwrite(vma:!VM_WRITE)': (_a, h, v) => call(h, 'maybe_mkwrite', v, { vm_flags: 0n }),
  'pte_accessible(no-pending-flush)': (_a, h, v) =>
    call(h, 'pte_accessible', v, { tlb_flush_pending: false }),
  'pte_accessible(pending-flush)': (_a, h, v) => call(h, 'pte_accessible', v, { tlb_flush_pending: true }),
  // Which bit is flipped follows the input: its number is the input's low six bits.
  'pte_same(v,v^1bit)': (_a, h, v) => call(h, 'pte_same', v, v ^ (1n << (v & 63n))),
  'pmd_raw(le64)': (arch, _h, v) => arch.rawEntry(v),
  'is_migration_entry(pte_to_swp_entry)': through('pte_to_swp_entry', (a, e) => a.swap.is_migration_entry(e)),
  'swp_type(pte_to_swp_entry)': through('pte_to_swp_entry', (a, e) => a.swap.swp_type(e)),
  'swp_offset(pte_to_swp_entry)': through('pte_to_swp_entry', (a, e) => a.swap.swp_offset(e)),
  'swp_type(pmd_to_swp_entry)': through('pmd_to_swp_entry', (a, e) => a.swap.swp_type(e)),
  'swp_offset(pmd_to_swp_entry)': through('pmd_to_swp_entry', (a, e) => a.swap.swp_offset(e)),
};

function sequenceAnswer(arch: Arch, column: string, input: bigint): Answer {
  const [operation = '', result = ''] = column.split(' -> ');
  const name = operation.replace(/\(.*\)$/, '');
  const argument = /\((.*)\)$/.exec(operation)?.[1];
  const run: unknown = (arch.seq as unknown as Readonly<Record<string, unknown>>)[name];
  if (typeof run !== 'function' || (result !== 'stored' && result !== 'returned')) {
    throw new ArchError('UNKNOWN_HELPER', `${arch.name} ${arch.kernel.release} does not define ${column}`, {
      helper: column,
    });
  }
  const options = argument === 'full=1' ? { full: true } : argument === 'new=0' ? { new: 0n } : undefined;
  const outcome = (run as (old: bigint, options?: object) => { stored: bigint; returned: unknown })(
    input,
    options,
  );
  return asAnswer(outcome[result]);
}

function asAnswer(value: unknown): Answer {
  if (typeof value === 'boolean') return value ? 1n : 0n;
  if (typeof value === 'number') return BigInt(value);
  if (typeof value === 'bigint') return value;
  throw new ArchError('UNKNOWN_HELPER', `the helper answers ${String(value)}, which is no value`);
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

function swapAnswer(arch: Arch, row: Readonly<Record<string, string | number>>, column: string): Answer {
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

class Tally {
  readonly #limit: number;
  readonly #disagreements: Disagreement[] = [];
  readonly #byColumn = new Map<string, number>();
  #slots = 0;
  #agree = 0;
  #traps = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  check(
    section: string,
    column: string,
    input: string,
    expected: string | number,
    answer: () => unknown,
  ): void {
    if (typeof expected === 'string' && expected.startsWith('trap:')) {
      this.#traps++;
      return;
    }
    this.#slots++;
    let got: string;
    try {
      const value = asAnswer(answer());
      if (value === BigInt(expected)) {
        this.#agree++;
        return;
      }
      got = `0x${value.toString(16)}`;
    } catch (error) {
      if (!(error instanceof ArchError || error instanceof KernelBug)) throw error;
      got = error.message;
    }
    const key = `${section} ${column}`;
    this.#byColumn.set(key, (this.#byColumn.get(key) ?? 0) + 1);
    if (this.#disagreements.length < this.#limit) {
      this.#disagreements.push({ section, column, input, kernel: String(expected), backend: got });
    }
  }

  /** Compares a row of several columns as one slot. */
  checkRow(
    section: string,
    input: string,
    cells: readonly {
      readonly column: string;
      readonly expected: string | number;
      readonly answer: () => unknown;
    }[],
  ): void {
    const before = { slots: this.#slots, agree: this.#agree, traps: this.#traps };
    for (const { column, expected, answer } of cells) this.check(section, column, input, expected, answer);
    const slots = this.#slots - before.slots;
    const whole = this.#agree - before.agree === slots;
    this.#slots = before.slots + (slots > 0 ? 1 : 0);
    this.#agree = before.agree + (slots > 0 && whole ? 1 : 0);
    this.#traps = before.traps + (slots > 0 ? 0 : 1);
  }

  report(name: string): VectorTally {
    return {
      name,
      slots: this.#slots,
      agree: this.#agree,
      traps: this.#traps,
      disagreements: this.#disagreements,
      byColumn: this.#byColumn,
    };
  }
}

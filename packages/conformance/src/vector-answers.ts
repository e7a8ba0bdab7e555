/** What a backend answers to the columns of a vector file whose slots stand for one input each. */
import { type Arch, ArchError, VM_SHADOW_STACK, VM_WRITE } from '@ptemu/arch';
import type { VectorSection } from './vector-file.js';

/** What a helper answers: a predicate's truth as 0n or 1n, a value as it is. */
export type Answer = bigint;

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

/** Calls a helper where there is one. */
export function call(
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

/** The answer in its one form. Throws `UNKNOWN_HELPER` for what is no value, such as that of a helper that is absent. */
export function asAnswer(value: unknown): Answer {
  if (typeof value === 'boolean') return value ? 1n : 0n;
  if (typeof value === 'number') return BigInt(value);
  if (typeof value === 'bigint') return value;
  throw new ArchError('UNKNOWN_HELPER', `the helper answers ${String(value)}, which is no value`);
}

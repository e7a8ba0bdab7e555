/**
 * The laws of values: what helpers make of an entry, without any memory. Here are those that are more than one walk through
 * helpers: comparisons, table entries, PROT_NONE, swap entries.
 *
 * @see Linux mm/debug_vm_pgtable.c; Documentation/mm/arch_pgtable_helpers.rst (6.12.117; additions of 6.19 by fact sheet 11)
 */
import type { Arch } from '@ptemu/arch';
import {
  FRAME, fresh, helperOf, HOLDS, type Law, type LawLevel, notApplicable, type Protection, TABLE, Trial,
} from './law.js'; // prettier-ignore
import { CHAIN_LAWS } from './laws-chains.js';

const KERNEL_TEST = 'Linux mm/debug_vm_pgtable.c';

/** Commits from which PROT_NONE entries serve as NUMA hinting entries. */
const PROTNONE_COMMITS: Readonly<Record<string, string>> = {
  x86_64: 'x86-protnone-numa',
  arm64: 'arm64-protnone',
  powerpc: 'ppc-protnone',
  s390: 's390-segment-dirty-bits',
};

function balances(arch: Arch): boolean {
  if (arch.config['NUMA_BALANCING'] === false) return false;
  const commit = PROTNONE_COMMITS[arch.name];
  return commit === undefined ? arch.config['NUMA_BALANCING'] === true : arch.kernel.has(commit);
}

const PAGE_NONE: Protection = {
  name: '---p',
  access: { read: false, write: false, exec: false, shared: false },
};

/** 35 and 36: an entry without access is present, and known for what it is. */
const protnone = (id: string, level: 'pte' | 'pmd'): Law => ({
  id,
  level,
  title: `a ${level === 'pmd' ? 'huge pmd' : 'pte'} without access is protnone and present`,
  source: `${KERNEL_TEST}, ${level}_protnone_tests (6.12.117)`,
  over: 'once',
  check: (arch) => {
    if (!balances(arch)) return notApplicable('no NUMA balancing');
    const trial = fresh(arch, level, PAGE_NONE);
    if (level === 'pmd') trial.make('mkhuge');
    return trial.expect({ protnone: true, present: true });
  },
});

/** Tests whether the helpers of a feature do anything in this build: the generic ones return the entry as it is. */
const changes = (arch: Arch, level: 'pte' | 'pmd', names: readonly string[]): boolean =>
  names.some((name) =>
    [0n, (1n << 64n) - 1n].some((v) => helperOf(arch, level, `${level}_${name}`)(v) !== v),
  );

/** 38 and 39: soft-dirty of a present and of a swap entry. */
const softDirty = (id: string, level: 'pte' | 'pmd', prefix: '' | 'swp_'): Law => {
  const [mk, clear] = [`${prefix}mksoft_dirty`, `${prefix}clear_soft_dirty`] as const;
  return {
    id,
    level,
    title: `${mk} and ${clear} do what they say`,
    source: `${KERNEL_TEST}, ${level}_${prefix === '' ? '' : 'swap_'}soft_dirty_tests (6.12.117)`,
    over: 'all',
    check: (arch, protection) => {
      const wanted = arch.config['MEM_SOFT_DIRTY'] ?? changes(arch, level, [mk, clear]);
      if (!wanted) return notApplicable('no soft-dirty in this build');
      if (level === 'pmd' && prefix !== '' && !hasThpMigration(arch))
        return notApplicable('no THP migration');
      if (!changes(arch, level, [mk, clear])) return notApplicable('no soft-dirty in this release');
      const made = fresh(arch, level, protection)
        .make(mk)
        .expect({ [`${prefix}soft_dirty`]: true });
      if (made.verdict === 'fails') return made;
      return fresh(arch, level, protection)
        .make(clear)
        .expect({ [`${prefix}soft_dirty`]: false });
    },
  };
};

/** Whether a migration entry can stand in a pmd. */
export const hasThpMigration = (arch: Arch): boolean =>
  arch.swap.swp_entry_to_pmd(arch.swap.make_writable_migration_entry(BigInt(FRAME))) !== 0n;

/** 40: the largest swap entry keeps its value whether exclusive or not, and is told from a present one. */
const swapExclusive: Law = {
  id: '40',
  level: 'pte',
  title: 'the exclusive mark of a swap pte changes nothing else',
  source: `${KERNEL_TEST}, pte_swap_exclusive_tests (6.12.117)`,
  over: 'once',
  check: (arch) => {
    if (!changes(arch, 'pte', ['swp_mkexclusive', 'swp_clear_exclusive']))
      return notApplicable('no exclusive mark in this release');
    const { swap } = arch;
    const read = helperOf(arch, 'pte', 'pte_to_swp_entry');
    const isSwap = helperOf(arch, 'pte', 'is_swap_pte');
    const limit = swap.swp_offset(read(swap.swp_entry_to_pte(swap.swp_entry(0, (1n << 64n) - 1n))) as bigint);
    const entry = swap.swp_entry(31, limit);
    const trial = new Trial(arch, 'pte', '', swap.swp_entry_to_pte(entry));
    for (const [step, exclusive] of [['', false], ['swp_mkexclusive', true], ['swp_clear_exclusive', false]] as const) {
      if (step !== '') trial.make(step);
      const marked = trial.expect({ swp_exclusive: exclusive, swp_soft_dirty: false });
      if (marked.verdict === 'fails') return marked;
      if (isSwap(trial.entry) !== true) return trial.fails('is_swap_pte', 'false');
      const same = trial.expectValue('pte_to_swp_entry', read(trial.entry) as bigint, entry);
      if (same.verdict === 'fails') return same;
    }
    return HOLDS;
  }, // prettier-ignore
};

/** 41: through the architecture's swap form and back, the frame stays (a test of the kernel up to 6.18). */
const swapFrame = (level: 'pte' | 'pmd'): Law => ({
  id: '41a',
  level,
  title: 'an entry taken for a swap entry and back keeps its frame',
  source: `${KERNEL_TEST}, ${level}_swap_tests (6.12.117)`,
  over: 'all',
  check: (arch, protection) => {
    if (!arch.kernel.isBefore('6.19'))
      return notApplicable("the kernel's own test asks for more from 6.19 on");
    const back = helperOf(arch, 'swap', `__swp_entry_to_${level}`);
    const trial = fresh(arch, level, protection);
    const frame = Number(helperOf(arch, level, `${level}_pfn`)(trial.entry));
    trial.becomes(
      'as swap entry and back',
      back(helperOf(arch, level, `__${level}_to_swp_entry`)(trial.entry)) as bigint,
    );
    return trial.expectValue(
      `${level}_pfn`,
      Number(helperOf(arch, level, `${level}_pfn`)(trial.entry)),
      frame,
    );
  },
});

/** 41 as of 6.19: a real swap entry stays whole. */
const swapWhole = (level: 'pte' | 'pmd'): Law => ({
  id: '41b',
  level,
  title: 'a swap entry stored and read back is the same',
  source: `${KERNEL_TEST}, ${level}_swap_tests (6.19, fact sheet 11)`,
  over: 'once',
  check: (arch) => {
    if (level === 'pmd' && !hasThpMigration(arch)) return notApplicable('no THP migration');
    const store = helperOf(arch, 'swap', `__swp_entry_to_${level}`);
    const read = helperOf(arch, level, `__${level}_to_swp_entry`);
    for (const type of [0, 1, 27, 31]) {
      for (const offset of [1n, 0x1234n, BigInt(FRAME)]) {
        const entry = arch.swap.__swp_entry(type, offset);
        const trial = new Trial(arch, level, '', entry).becomes(
          `__swp_entry_to_${level}`,
          store(entry) as bigint,
        );
        const outcome = trial.expectValue(`__${level}_to_swp_entry`, read(trial.entry) as bigint, entry);
        if (outcome.verdict === 'fails') return outcome;
      }
    }
    return HOLDS;
  },
});

/** 42: migration entries are what they were made as, from a frame and from another entry's offset. */
const migration: Law = {
  id: '42',
  level: 'pte',
  title: 'a migration entry is writable exactly if made so',
  source: `${KERNEL_TEST}, swap_migration_tests (6.12.117)`,
  over: 'once',
  check: (arch) => {
    const { swap } = arch;
    const writable = swap.make_writable_migration_entry(BigInt(FRAME));
    const readable = swap.make_readable_migration_entry(BigInt(FRAME));
    const derived = swap.make_readable_migration_entry(swap.swp_offset(writable));
    for (const [entry, wished] of [[writable, true], [readable, false], [derived, false]] as const) {
      const trial = new Trial(arch, 'pte', '', entry);
      if (!swap.is_migration_entry(entry)) return trial.fails('is_migration_entry', 'false');
      if (swap.is_writable_migration_entry(entry) !== wished) return trial.fails('is_writable_migration_entry', String(!wished));
      if (swap.swp_offset_pfn(entry) !== BigInt(FRAME)) return trial.fails('swp_offset_pfn', String(swap.swp_offset_pfn(entry)));
    }
    return HOLDS;
  }, // prettier-ignore
};

/** 2: an entry is the same as itself. */
const same = (level: 'pte' | 'pmd'): Law => ({
  id: '2',
  level,
  title: 'an entry is the same as itself, and not as one of another frame',
  source: `${KERNEL_TEST}, ${level}_basic_tests (6.12.117)`,
  over: 'all',
  check: (arch, protection) => {
    const trial = fresh(arch, level, protection);
    const equal = helperOf(arch, level, `${level}_same`);
    const prot = arch.prot.vm_get_page_prot(protection.access);
    const other = helperOf(arch, level, `pfn_${level}`)(2 * FRAME, prot);
    if (equal(trial.entry, trial.entry) !== true) return trial.fails(`${level}_same of itself`, 'false');
    return equal(trial.entry, other) === false
      ? HOLDS
      : trial.fails(`${level}_same of another frame`, 'true');
  },
});

/** 15: a fresh entry is something, a cleared one is nothing. */
const cleared = (level: 'pte' | 'pmd'): Law => ({
  id: '15',
  level,
  title: `${level}_clear leaves an entry that is none`,
  source: `${KERNEL_TEST}, ${level}_clear_tests (6.12.117)`,
  over: 'all',
  check: (arch, protection) => {
    const trial = fresh(arch, level, protection);
    const before = trial.expect({ none: false });
    if (before.verdict === 'fails') return before;
    return trial
      .becomes(`${level}_clear`, helperOf(arch, level, `${level}_clear`)() as bigint)
      .expect({ none: true });
  },
});

/** 16: an entry that points to a table is not bad. */
const populated = (level: Exclude<LawLevel, 'pte'>): Law => ({
  id: '16',
  level,
  title: `${level}_populate makes an entry that is not bad`,
  source: `${KERNEL_TEST}, ${level}_populate_tests (6.12.117)`,
  over: 'once',
  check: (arch) => {
    const entry = helperOf(arch, level, `${level}_populate`)(TABLE) as bigint;
    return new Trial(arch, level, '', entry).expect({ bad: false, none: false });
  },
});

/** Laws 1 to 16 and 34 to 48. */
export const BASIC_LAWS: readonly Law[] = [
  ...CHAIN_LAWS,
  same('pte'),
  same('pmd'),
  cleared('pte'),
  cleared('pmd'),
  ...(['pmd', 'pud', 'p4d', 'pgd'] as const).map(populated),
  protnone('35', 'pte'),
  protnone('36', 'pmd'),
  softDirty('38', 'pte', ''),
  softDirty('38', 'pmd', ''),
  softDirty('39', 'pte', 'swp_'),
  softDirty('39', 'pmd', 'swp_'),
  swapExclusive,
  swapFrame('pte'),
  swapFrame('pmd'),
  swapWhole('pte'),
  swapWhole('pmd'),
  migration,
];

/** What the list leaves out, and why: a report that names its gaps. */
export const NOT_MODELLED: readonly { readonly id: string; readonly why: string }[] = [
  { id: '14', why: 'p4d_same and pgd_same are no helpers of the contract: the kernel compares values' },
  { id: '19', why: 'ptep_set_access_flags has no one-entry form in the contract' },
  { id: '28-32', why: 'the pudp_* sequences are not in the contract' },
  { id: '33', why: 'pmd_set_huge and pud_set_huge (huge vmap) are not in the contract' },
  { id: '43 (pte_huge)', why: 'arch_make_huge_pte is not in the contract' },
];

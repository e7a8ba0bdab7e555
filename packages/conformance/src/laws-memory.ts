/**
 * The laws of stored entries: what a sequence leaves in a table of one entry, and what readers without a lock make of it.
 *
 * 17 to 27 are the kernel's own; P1 to P7 are not in its test, and are what its page-table code relies on.
 *
 * @see Linux mm/debug_vm_pgtable.c, `pte_advanced_tests`, `pmd_advanced_tests` (6.12.117); fact sheet 11
 */
import { __vaddr, type Arch, type MmuDescription } from '@ptemu/arch';
import {
  FRAME, fresh, HOLDS, type Law, type LawOutcome, notApplicable, type Protection, TABLE, Trial,
} from './law.js'; // prettier-ignore
import { hasThpMigration } from './laws-basic.js';
import { afterWrite, isLiveLeaf, PMD_SLOT, WalkerCpu } from './walker-cpu.js';

const ADDRESS = __vaddr(0x4000_0000n);
const ADVANCED = 'Linux mm/debug_vm_pgtable.c, advanced tests (6.12.117)';
const SHEET = 'fact sheet 11, not covered by the kernel test';

const huge = (arch: Arch, protection: Protection): Trial => fresh(arch, 'pmd', protection).make('mkhuge');

/** Puts the entry into memory. */
function stored(trial: Trial): Trial {
  const { seq } = trial.arch;
  const [how, outcome] =
    trial.level === 'pte'
      ? (['set_pte_at', seq.set_pte_at(trial.entry)] as const)
      : (['set_pmd_at', seq.set_pmd_at(trial.entry)] as const);
  return trial.becomes(how, outcome.stored);
}

type Row = readonly [
  id: string,
  level: 'pte' | 'pmd',
  title: string,
  check: (arch: Arch, protection: Protection) => LawOutcome,
];

const ADVANCED_ROWS: readonly Row[] = [
  ['17', 'pte', 'ptep_set_wrprotect leaves a read-only entry', (arch, protection) => {
    const trial = stored(fresh(arch, 'pte', protection));
    return trial.becomes('ptep_set_wrprotect', arch.seq.ptep_set_wrprotect(trial.entry).stored).expect({ write: false });
  }],
  ['18', 'pte', 'ptep_get_and_clear leaves none', (arch, protection) => {
    const trial = stored(fresh(arch, 'pte', protection));
    return trial.becomes('ptep_get_and_clear', arch.seq.ptep_get_and_clear(trial.entry).stored).expect({ none: true });
  }],
  ['21', 'pte', 'ptep_test_and_clear_young leaves an old entry', (arch, protection) => {
    const trial = stored(fresh(arch, 'pte', protection).make('mkyoung'));
    return trial.becomes('ptep_test_and_clear_young', arch.seq.ptep_test_and_clear_young(trial.entry).stored).expect({ young: false });
  }],
  ['23', 'pmd', 'pmdp_set_wrprotect leaves a read-only entry', (arch, protection) => {
    const trial = stored(huge(arch, protection));
    return trial.becomes('pmdp_set_wrprotect', arch.seq.pmdp_set_wrprotect(trial.entry).stored).expect({ write: false });
  }],
  ['24', 'pmd', 'pmdp_huge_get_and_clear leaves none', (arch, protection) => {
    const trial = stored(huge(arch, protection));
    return trial.becomes('pmdp_huge_get_and_clear', arch.seq.pmdp_huge_get_and_clear(trial.entry).stored).expect({ none: true });
  }],
  ['25', 'pmd', 'pmdp_set_access_flags of a write leaves a writable, dirty entry', (arch, protection) => {
    const trial = stored(huge(arch, protection).make('mkclean', 'wrprotect'));
    const entry = new Trial(arch, 'pmd', '', trial.entry).make('mkwrite', 'mkdirty', 'mkyoung').entry;
    const outcome = arch.seq.pmdp_set_access_flags(trial.entry, { entry, dirty: true });
    return trial.becomes('pmdp_set_access_flags', outcome.stored).expect({ write: true, dirty: true });
  }],
  ['26', 'pmd', 'pmdp_huge_get_and_clear_full leaves none', (arch, protection) => {
    const clear = arch.seq.pmdp_huge_get_and_clear_full;
    if (clear === undefined) return notApplicable('no pmdp_huge_get_and_clear_full');
    const trial = stored(huge(arch, protection));
    return trial.becomes('pmdp_huge_get_and_clear_full', clear(trial.entry, { full: true }).stored).expect({ none: true });
  }],
  ['27', 'pmd', 'pmdp_test_and_clear_young leaves an old entry', (arch, protection) => {
    const trial = stored(huge(arch, protection).make('mkyoung'));
    return trial.becomes('pmdp_test_and_clear_young', arch.seq.pmdp_test_and_clear_young(trial.entry).stored).expect({ young: false });
  }],
]; // prettier-ignore

/** Every kind of entry that a pmd can hold in memory, each as a trial that tells how it came about. */
function pmdStates(arch: Arch, protection: Protection): readonly Trial[] {
  const states = [
    stored(huge(arch, protection)),
    stored(huge(arch, protection).make('mkyoung', 'mkdirty')),
    stored(huge(arch, protection).make('mkold', 'mkdirty')),
    stored(huge(arch, protection).make('mkdirty', 'wrprotect')),
    stored(huge(arch, protection).make('mkyoung', 'mkdirty', 'mkwrite')),
  ];
  const invalidated = states.map(({ entry }) => {
    const trial = new Trial(arch, 'pmd', protection.name, entry);
    return trial.becomes('pmdp_invalidate', arch.seq.pmdp_invalidate(entry).stored);
  });
  return [
    ...states,
    ...invalidated,
    new Trial(arch, 'pmd', protection.name, arch.pmd.pmd_clear()),
    new Trial(arch, 'pmd', protection.name, arch.pmd.pmd_populate(TABLE)),
    ...(hasThpMigration(arch) ? [migrationPmd(arch)] : []),
  ];
}

const migrationPmd = (arch: Arch): Trial =>
  new Trial(
    arch,
    'pmd',
    '',
    arch.swap.swp_entry_to_pmd(arch.swap.make_writable_migration_entry(BigInt(FRAME))),
  );

/** Fails with the first state for which a combination of answers holds that must not. */
function never(
  arch: Arch,
  protection: Protection,
  what: string,
  wrong: (ask: (name: string) => boolean) => boolean,
): LawOutcome {
  for (const trial of pmdStates(arch, protection)) {
    if (wrong((name) => trial.ask(name))) return trial.fails(what, 'true');
  }
  return HOLDS;
}

const noWalker = (mmu: MmuDescription): boolean => mmu.kind === 'hash';
const HASH = 'the hardware does not walk these tables';

const OWN_ROWS: readonly Row[] = [
  ['P1', 'pmd', 'nothing is none and present at once', (arch, protection) =>
    never(arch, protection, 'pmd_none and pmd_present', (ask) => ask('none') && ask('present')),
  ],
  ['P2', 'pmd', 'an invalidated huge pmd is not none in memory', (arch, protection) => {
    const trial = stored(huge(arch, protection).make('mkyoung', 'mkdirty'));
    return trial.becomes('pmdp_invalidate', arch.seq.pmdp_invalidate(trial.entry).stored).expect({ none: false });
  }],
  ['P3', 'pmd', 'the hardware faults on an invalidated huge pmd', (arch, protection) => {
    const mmu = arch.mmuOf();
    if (noWalker(mmu)) return notApplicable(HASH);
    const trial = stored(huge(arch, protection).make('mkyoung', 'mkdirty'));
    trial.becomes('pmdp_invalidate', arch.seq.pmdp_invalidate(trial.entry).stored);
    return isLiveLeaf(mmu, trial.entry) ? trial.fails('the walker takes it for a page', 'true') : HOLDS;
  }],
  ['P4', 'pmd', 'pmdp_invalidate returns what the hardware recorded until it took effect', (arch, protection) => {
    const mmu = arch.mmuOf();
    const trial = stored(huge(arch, protection).make('mkwrite', 'mkold'));
    if (noWalker(mmu)) return notApplicable(HASH);
    if (afterWrite(mmu, trial.entry) === trial.entry)
      return notApplicable('the hardware records nothing in this entry');
    const cpu = new WalkerCpu(arch, trial.entry);
    const vma = { vm_mm: { id: 'law' }, vm_flags: 0n };
    const returned = cpu.run(arch.sequences.pmdp_invalidate(cpu, vma, ADDRESS, PMD_SLOT));
    trial.becomes('recorded by the walker', cpu.recorded ?? trial.entry).becomes('returned', returned);
    return returned === cpu.recorded ? HOLDS : trial.fails('has what the walker recorded', 'false');
  }],
  ['P5', 'pmd', 'a migration pmd is something, not present and not trans_huge', (arch) =>
    hasThpMigration(arch)
      ? migrationPmd(arch).expect({ none: false, present: false, trans_huge: false })
      : notApplicable('no THP migration'),
  ],
  ['P6', 'pmd', 'what is present is a huge page or a table', (arch, protection) =>
    never(arch, protection, 'pmd_present, pmd_bad and not pmd_trans_huge', (ask) =>
      ask('present') && ask('bad') && !ask('trans_huge')),
  ],
  ['P7', 'pmd', 'a table is walked on, and is no leaf, not bad, not none', (arch) => {
    const trial = new Trial(arch, 'pmd', '', arch.pmd.pmd_populate(TABLE));
    const answers = trial.expect({ bad: false, none: false, present: true, trans_huge: false });
    if (answers.verdict === 'fails') return answers;
    if ((arch.pmd.pmd_leaf ?? arch.pmd.pmd_large)?.(trial.entry) === true) return trial.fails('pmd_leaf', 'true');
    return walksOn(arch.mmuOf(), trial);
  }],
]; // prettier-ignore

/** Tests whether the walker goes from a pmd entry to the table at `TABLE`. */
function walksOn(mmu: MmuDescription, trial: Trial): LawOutcome {
  if (noWalker(mmu)) return HOLDS;
  const level = mmu.levels.find((candidate) => candidate.level === 'pmd');
  const valid = level?.valid.every(({ mask, value }) => (trial.entry & mask) === value) ?? false;
  if (!valid || isLiveLeaf(mmu, trial.entry)) return trial.fails('the walker goes on to a table', 'false');
  const at = (level?.table ?? []).reduce(
    (address, { mask, shift }) =>
      address | (shift >= 0 ? (trial.entry & mask) << BigInt(shift) : (trial.entry & mask) >> BigInt(-shift)),
    0n,
  );
  return trial.expectValue('table that the walker goes on to', at, TABLE);
}

const law =
  (source: string) =>
  ([id, level, title, check]: Row): Law => ({
    id,
    level,
    title,
    source,
    over: id === 'P5' || id === 'P7' ? 'once' : 'all',
    check,
  });

/** Laws 17, 18, 21, 23 to 27, and P1 to P7. */
export const MEMORY_LAWS: readonly Law[] = [...ADVANCED_ROWS.map(law(ADVANCED)), ...OWN_ROWS.map(law(SHEET))];

/**
 * What a law of page-table helpers is, and the small vocabulary that laws are written in.
 *
 * A law asks a backend by the names of the kernel's helpers and sees nothing of its bits. What it cannot ask, because the
 * architecture has no such helper in that release, is `not-applicable`, never `holds`.
 */
import { type Arch, ArchError, InvariantError, KernelBug, type VmAccess, VM_WRITE } from '@ptemu/arch';

/** One of the 16 combinations of read, write, execute and shared. */
export interface Protection {
  /** As the vectors write it: `rw-p`. */
  readonly name: string;
  readonly access: VmAccess;
}

/** All 16, in the order of the kernel's `protection_map` index. */
export const PROTECTIONS: readonly Protection[] = Array.from({ length: 16 }, (_, index) => {
  const access = {
    read: (index & 1) !== 0,
    write: (index & 2) !== 0,
    exec: (index & 4) !== 0,
    shared: (index & 8) !== 0,
  };
  const name =
    (access.read ? 'r' : '-') +
    (access.write ? 'w' : '-') +
    (access.exec ? 'x' : '-') +
    (access.shared ? 's' : 'p');
  return { name, access };
});

/** Levels that laws speak of; a law about stored swap entries is one about ptes. */
export type LawLevel = 'pgd' | 'p4d' | 'pud' | 'pmd' | 'pte';

/** Why a law does not hold: an entry, what was made of it, and the answer that should have been the other. */
export interface Counterexample {
  /** The protection from which the entry was made. */
  readonly protection: string;
  readonly start: bigint;
  /** Helpers applied one after the other, each with what it returned. */
  readonly steps: readonly { readonly helper: string; readonly value: bigint }[];
  /** The last question and its answer, or the BUG that was hit. */
  readonly question: string;
  readonly answer: string;
}

/** What one check ends in. */
export type LawOutcome =
  | { readonly verdict: 'holds' }
  | { readonly verdict: 'fails'; readonly counterexample: Counterexample }
  | { readonly verdict: 'not-applicable'; readonly why: string };

/** A law, as data. */
export interface Law {
  /** Number in the fact sheet's section 11 (`12`), or its letter (`P3`). */
  readonly id: string;
  readonly level: LawLevel;
  /** In words, present tense. */
  readonly title: string;
  readonly source: string;
  /** `all`: asked of each of the 16 protections. `once`: it has none in it. */
  readonly over: 'all' | 'once';
  /** Checks one protection. Throws nothing but our own mistakes. */
  check(arch: Arch, protection: Protection): LawOutcome;
}

export const HOLDS: LawOutcome = { verdict: 'holds' };
export const notApplicable = (why: string): LawOutcome => ({ verdict: 'not-applicable', why });

/** The page frame of all laws: aligned for every size of huge page, and below 4 GiB. */
export const FRAME = 0x40000;
/** Where the table lies that table entries point to. */
export const TABLE = 0x5000_0000n;

/** Other names of a helper, in other releases. */
const ALIASES: Readonly<Record<string, string>> = {
  pmd_mkinvalid: 'pmd_mknotpresent',
  pmd_leaf: 'pmd_large',
  pud_leaf: 'pud_large',
};

type Helper = (...args: readonly unknown[]) => unknown;

/** The helper of this name. Throws `UNKNOWN_HELPER`, which makes the law not applicable. */
export function helperOf(arch: Arch, level: LawLevel | 'swap', name: string): Helper {
  const helpers = arch[level] as unknown as Readonly<Record<string, unknown>>;
  const found = helpers[name] ?? helpers[ALIASES[name] ?? ''];
  if (typeof found !== 'function') {
    throw new ArchError('UNKNOWN_HELPER', `${arch.spec} ${arch.kernel.release} has no ${name}`, {
      helper: name,
    });
  }
  return found as Helper;
}

/** One trial: an entry on its way through helpers, which remembers the way. */
export class Trial {
  readonly arch: Arch;
  readonly level: LawLevel;
  readonly protection: string;
  readonly start: bigint;
  entry: bigint;
  readonly #steps: { readonly helper: string; readonly value: bigint }[] = [];

  constructor(arch: Arch, level: LawLevel, protection: string, start: bigint) {
    this.arch = arch;
    this.level = level;
    this.protection = protection;
    this.start = start;
    this.entry = start;
  }

  /** Applies helpers by their short names: `make('mkold', 'mkyoung')`. */
  make(...names: readonly string[]): this {
    for (const name of names) {
      const helper = `${this.level}_${name}`;
      this.#to(helper, helperOf(this.arch, this.level, helper)(this.entry, { vm_flags: VM_WRITE }) as bigint);
    }
    return this;
  }

  /** Goes on with a value that something else made of the entry. */
  becomes(how: string, value: bigint): this {
    this.#to(how, value);
    return this;
  }

  #to(helper: string, value: bigint): void {
    this.entry = value;
    this.#steps.push({ helper, value });
  }

  /** Asks a predicate by its short name. */
  ask(name: string): boolean {
    return helperOf(this.arch, this.level, `${this.level}_${name}`)(this.entry) === true;
  }

  /** Ends the trial: holds when each named predicate answers as wished. */
  expect(wished: Readonly<Record<string, boolean>>): LawOutcome {
    for (const [name, answer] of Object.entries(wished)) {
      if (this.ask(name) !== answer) return this.fails(`${this.level}_${name}`, String(!answer));
    }
    return HOLDS;
  }

  /** Ends the trial: holds when the entry is as wished. */
  expectValue(what: string, got: bigint | number, wished: bigint | number): LawOutcome {
    return BigInt(got) === BigInt(wished) ? HOLDS : this.fails(what, `0x${BigInt(got).toString(16)}`);
  }

  fails(question: string, answer: string): LawOutcome {
    const { protection, start } = this;
    return {
      verdict: 'fails',
      counterexample: { protection, start, steps: [...this.#steps], question, answer },
    };
  }
}

/** A fresh entry of a level, as `pfn_pte`, `pfn_pmd` or `pfn_pud` make it. */
export function fresh(arch: Arch, level: 'pte' | 'pmd' | 'pud', protection: Protection): Trial {
  if (level === 'pmd' && !hasTransparentHugepage(arch)) {
    throw new ArchError('UNKNOWN_HELPER', `${arch.spec} has no transparent huge pages`, {
      helper: 'pfn_pmd',
    });
  }
  const make = helperOf(arch, level, `pfn_${level}`);
  const entry = make(FRAME, arch.prot.vm_get_page_prot(protection.access)) as bigint;
  return new Trial(arch, level, protection.name, entry);
}

/** `has_transparent_hugepage()`: every configuration that has a backend, but for powerpc hash with 4K pages. @see fact sheet 8.1 */
const hasTransparentHugepage = (arch: Arch): boolean =>
  !(arch.name === 'powerpc' && arch.mmuOf().kind === 'hash' && arch.layoutOf().PAGE_SHIFT === 12);

/** Runs a check: a missing helper makes it not applicable; whatever else the backend throws makes it fail. */
export function checked(law: Pick<Law, 'check'>, arch: Arch, protection: Protection): LawOutcome {
  try {
    return law.check(arch, protection);
  } catch (error) {
    if (error instanceof ArchError && error.code === 'UNKNOWN_HELPER') return notApplicable(error.message);
    if (error instanceof InvariantError) throw error;
    const question = error instanceof KernelBug ? 'BUG' : 'thrown error';
    const answer = error instanceof Error ? error.message : String(error);
    return {
      verdict: 'fails',
      counterexample: { protection: protection.name, start: 0n, steps: [], question, answer },
    };
  }
}

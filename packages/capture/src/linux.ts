/**
 * What Linux calls an address: the tree of an mm, read in software with the kernel's own helpers.
 *
 * This is not what the MMU does: a PROT_NONE page is present here and a fault there. Where a table entry points is the
 * one thing that both agree on, so it is taken from the description of the walker.
 */
import {
  type Arch,
  ArchError,
  KernelBug,
  type Layout,
  type Level,
  type MmuDescription,
  hex,
} from '@ptemu/arch';
import { type PhysicalMemory, pointsTo } from '@ptemu/hw';

/** What every answer has: the entry that decided it, and up to where the same entry decides. */
interface Decided {
  /** Level of the entry that decided. */
  readonly level: Level;
  readonly entryPaddr: bigint;
  readonly entry: bigint;
  /** The addresses that this entry decides about: [start, end). */
  readonly start: bigint;
  readonly end: bigint;
}

/** What Linux calls an address. */
export type LinuxState =
  | ({ readonly kind: 'none' } & Decided)
  /** `pfn` is the frame of the entry's first page, in base pages. */
  | ({ readonly kind: 'present'; readonly pfn: bigint } & Decided)
  /** Swap, migration, hwpoison or marker entry, as pagemap splits it. `offset` is that of the entry's first page. */
  | ({ readonly kind: 'swap'; readonly type: number; readonly offset: bigint } & Decided)
  /** Neither none nor present nor swap to this kernel: it has no such entries at this level, and passes over it. */
  | ({ readonly kind: 'hidden' } & Decided)
  /** A table lies outside of memory, or the entry is one that the kernel would stop at. */
  | ({ readonly kind: 'bad'; readonly why: string } & Decided);

interface LevelPlan {
  readonly level: Level;
  readonly shift: bigint;
  readonly mask: bigint;
  readonly none: (entry: bigint) => boolean;
  readonly present: (entry: bigint) => boolean;
  readonly leaf: (entry: bigint) => boolean;
  readonly pfn: (entry: bigint) => bigint;
  readonly toSwap: ((entry: bigint) => bigint) | undefined;
  readonly table: (entry: bigint) => bigint;
}

const never = (): boolean => false;

/** The tree of one mm. */
export class LinuxTree {
  private readonly memory: PhysicalMemory;
  private readonly arch: Arch;
  private readonly plans: readonly LevelPlan[];
  private readonly root: bigint;
  private readonly contains: (va: bigint) => boolean;
  private lastKey = -1n;
  private lastTable = 0n;
  private lastAbove: LinuxState | undefined;

  /** `contains` says which addresses belong to the tree: those of its half. */
  constructor(
    memory: PhysicalMemory,
    arch: Arch,
    tree: {
      readonly layout: Layout;
      readonly mmu: MmuDescription;
      readonly table: bigint;
      readonly contains: (va: bigint) => boolean;
    },
  ) {
    const { layout, mmu, table: root } = tree;
    this.contains = tree.contains;
    this.memory = memory;
    this.arch = arch;
    this.root = root;
    const real = layout.levels.filter(({ folded }) => !folded);
    this.plans = real.map(({ level, shift, entries }) => {
      const plan = planOf(arch, mmu, layout, level, shift, entries);
      return foldedBelow(layout, level).reduce(
        (upper, folded) => joined(upper, planOf(arch, mmu, layout, folded, shift, entries)),
        plan,
      );
    });
  }

  /** What Linux calls the page at `va`. */
  at(va: bigint): LinuxState {
    const above = this.lastAbove;
    if (above !== undefined && va >= above.start && va < above.end) return above;
    const last = this.plans.at(-1)!;
    const tableShift = this.plans.at(-2)!.shift;
    const key = va >> tableShift;
    if (key === this.lastKey) return this.decide(last, this.lastTable, va) ?? this.bad(last, va, 'endless');
    return this.descend(va, key);
  }

  /**
   * Every entry that is not none and not a table, in the order of addresses: what the tree maps or keeps in mind.
   * Tables may be shared or point to themselves, so at most `tablesMax` tables are read; `undefined` comes last where
   * that bound was met.
   */
  *entries(tablesMax: number): Generator<LinuxState | undefined> {
    const budget = { left: tablesMax };
    yield* this.entriesOf(0, this.root, 0n, budget);
    if (budget.left < 0) yield undefined;
  }

  private *entriesOf(
    depth: number,
    table: bigint,
    base: bigint,
    budget: { left: number },
  ): Generator<LinuxState> {
    if (--budget.left < 0) return;
    const plan = this.plans[depth]!;
    if (!this.memory.exists(table)) {
      yield this.bad(plan, base, `no memory at ${hex(table)}`, table);
      return;
    }
    for (let i = 0n; i <= plan.mask; i++) {
      const va = base + (i << plan.shift);
      const decided = this.decide(plan, table, va);
      if (decided === undefined) {
        const next = plan.table(this.memory.load(entryAddress(plan, table, va)));
        if (depth + 1 < this.plans.length) yield* this.entriesOf(depth + 1, next, va, budget);
        if (budget.left < 0) return;
      } else if (decided.kind !== 'none') yield decided;
    }
  }

  private descend(va: bigint, key: bigint): LinuxState {
    if (!this.contains(va)) return this.bad(this.plans.at(-1)!, va, `${hex(va)} is no address of this tree`);
    let table = this.root;
    for (const plan of this.plans) {
      if (plan === this.plans.at(-1)) {
        this.lastKey = key;
        this.lastTable = table;
      }
      const decided = this.decide(plan, table, va);
      if (decided !== undefined) {
        if (plan !== this.plans.at(-1)) this.lastAbove = decided;
        return decided;
      }
      table = plan.table(this.memory.load(entryAddress(plan, table, va)));
    }
    return this.bad(this.plans.at(-1)!, va, 'the last level leads on');
  }

  /** The answer that the entry of one level gives, or undefined where it leads to a table. */
  private decide(plan: LevelPlan, table: bigint, va: bigint): LinuxState | undefined {
    const entryPaddr = entryAddress(plan, table, va);
    if ((entryPaddr & 7n) !== 0n || !this.memory.exists(entryPaddr))
      return this.bad(plan, va, `no memory at ${hex(entryPaddr)}`, entryPaddr);
    const entry = this.memory.load(entryPaddr);
    try {
      if (plan.none(entry)) return { kind: 'none', ...decided(plan, va, entryPaddr, entry) };
      if (!plan.present(entry)) return this.notPresent(plan, va, entryPaddr, entry);
      if (!plan.leaf(entry)) return undefined;
      return { kind: 'present', pfn: plan.pfn(entry), ...decided(plan, va, entryPaddr, entry) };
    } catch (error) {
      if (!(error instanceof KernelBug || error instanceof ArchError)) throw error;
      return this.bad(plan, va, error.message, entryPaddr, entry);
    }
  }

  private notPresent(plan: LevelPlan, va: bigint, entryPaddr: bigint, entry: bigint): LinuxState {
    const extent = decided(plan, va, entryPaddr, entry);
    if (plan.toSwap === undefined) return { kind: 'hidden', ...extent };
    const { swap } = this.arch;
    const swp = plan.toSwap(entry);
    const offset = swap.is_pfn_swap_entry(swp) ? swap.swp_offset_pfn(swp) : swap.swp_offset(swp);
    return { kind: 'swap', type: swap.swp_type(swp), offset, ...extent };
  }

  private bad(plan: LevelPlan, va: bigint, why: string, entryPaddr = 0n, entry = 0n): LinuxState {
    return { kind: 'bad', why, ...decided(plan, va, entryPaddr, entry) };
  }
}

/** The levels that are folded into this one: the kernel asks their helpers about the same entry. */
function foldedBelow(layout: Layout, level: Level): readonly Level[] {
  const at = layout.levels.findIndex((candidate) => candidate.level === level);
  const below = layout.levels.slice(at + 1);
  const next = below.findIndex(({ folded }) => !folded);
  return below.slice(0, next === -1 ? 0 : next).map((candidate) => candidate.level);
}

/** One entry under the helpers of two levels: a folded level's own always say that there is a table. */
const joined = (upper: LevelPlan, folded: LevelPlan): LevelPlan => ({
  ...upper,
  none: (entry) => upper.none(entry) || folded.none(entry),
  present: (entry) => upper.present(entry) && folded.present(entry),
  leaf: (entry) => upper.leaf(entry) || folded.leaf(entry),
});

const entryAddress = (plan: LevelPlan, table: bigint, va: bigint): bigint =>
  table + ((va >> plan.shift) & plan.mask) * 8n;

function decided(plan: LevelPlan, va: bigint, entryPaddr: bigint, entry: bigint): Decided {
  const start = (va >> plan.shift) << plan.shift;
  return { level: plan.level, entryPaddr, entry, start, end: start + (1n << plan.shift) };
}

function planOf(
  arch: Arch,
  mmu: MmuDescription,
  layout: Layout,
  level: Level,
  shift: number,
  entries: number,
): LevelPlan {
  const described = mmu.levels.find((candidate) => candidate.level === level);
  const pieces = described?.table;
  const page = described?.page;
  const describedPfn = (entry: bigint): bigint =>
    page === undefined ? 0n : pointsTo(page.address, entry) >> BigInt(layout.PAGE_SHIFT);
  const toBig = (pfn: ((entry: bigint) => number) | undefined) =>
    pfn === undefined ? describedPfn : (entry: bigint): bigint => BigInt(pfn(entry));
  const shared = {
    level,
    shift: BigInt(shift),
    mask: BigInt(entries - 1),
    table: (entry: bigint): bigint => (pieces === undefined ? 0n : pointsTo(pieces, entry)),
  };
  const { pgd, p4d, pud, pmd, pte, swap } = arch;
  switch (level) {
    case 'pgd':
      return { ...shared, none: pgd.pgd_none, present: pgd.pgd_present, leaf: pgd.pgd_leaf ?? never, pfn: describedPfn, toSwap: undefined }; // prettier-ignore
    case 'p4d':
      return { ...shared, none: p4d.p4d_none, present: p4d.p4d_present, leaf: p4d.p4d_leaf ?? never, pfn: describedPfn, toSwap: undefined }; // prettier-ignore
    case 'pud':
      return { ...shared, none: pud.pud_none, present: pud.pud_present, leaf: pud.pud_leaf ?? pud.pud_huge ?? never, pfn: toBig(pud.pud_pfn), toSwap: undefined }; // prettier-ignore
    case 'pmd':
      return {
        ...shared,
        none: pmd.pmd_none,
        present: pmd.pmd_present,
        leaf: pmd.pmd_leaf ?? pmd.pmd_large ?? pmd.pmd_trans_huge,
        pfn: toBig(pmd.pmd_pfn),
        toSwap:
          swap.__swp_entry_to_pmd === undefined ? undefined : (pmd.pmd_to_swp_entry ?? pte.pte_to_swp_entry),
      };
    case 'pte':
      return { ...shared, none: pte.pte_none, present: pte.pte_present, leaf: () => true, pfn: toBig(pte.pte_pfn), toSwap: pte.pte_to_swp_entry }; // prettier-ignore
  }
}

/**
 * A machine of one word on which the hardware walker is as late as it can be: it records accessed and dirty in the entry right
 * before the first access that changes it. What a sequence returns as the old entry must have them.
 */
import type {
  Arch, Barrier, Cpu, EntryOf, EntryPurge, Invalidation, Kernel, Level, Match, MmuDescription, Slot, StateBit,
} from '@ptemu/arch'; // prettier-ignore
import { __paddr, InvariantError } from '@ptemu/arch';
import type { Operand, Step, Steps } from '@ptemu/explore';

const STEPS_MAX = 4096;
const SLOT = __paddr(0x1000_0000n);

/** The slot of the one pmd. */
export const PMD_SLOT: Slot<'pmd'> = { level: 'pmd', paddr: SLOT };

const holds = ({ mask, value }: Match, entry: bigint): boolean => (entry & mask) === value;

/** Tests whether the walker takes a pmd entry for a translation. */
export function isLiveLeaf(mmu: MmuDescription, entry: bigint): boolean {
  const level = mmu.levels.find((candidate) => candidate.level === 'pmd');
  if (level === undefined || !level.valid.every((match) => holds(match, entry))) return false;
  return (
    level.leaf === 'always' || (level.leaf !== 'never' && level.leaf.some((match) => holds(match, entry)))
  );
}

/** What the walker makes of an entry by a write through it. */
export function afterWrite(mmu: MmuDescription, entry: bigint): bigint {
  const recorded = (value: bigint, state: StateBit | undefined): bigint =>
    state?.by === 'hardware' && holds(state.clean, value) ? (value | state.set) & ~state.clear : value;
  return isLiveLeaf(mmu, entry) ? recorded(recorded(entry, mmu.accessed), mmu.dirty) : entry;
}

/** The CPU that runs the sequence. */
export class WalkerCpu implements Cpu {
  readonly kernel: Kernel;
  word: bigint;
  /** What the entry was when the walker was done with it. */
  recorded: bigint | undefined;
  readonly #mmu: MmuDescription;
  readonly #cells = new Map<string, Operand>();

  constructor(arch: Arch, word: bigint) {
    this.kernel = arch.kernel;
    this.#mmu = arch.mmuOf();
    this.word = word;
  }

  run<R>(steps: Steps<R>): R {
    for (let n = 0; n < STEPS_MAX; n++) {
      const next = steps.next();
      if (next.done === true) return next.value;
    }
    throw new InvariantError('a sequence on one entry does not end');
  }

  in(): Cpu {
    return this;
  }
  *load<L extends Level>(slot: Slot<L>): Steps<EntryOf[L]> {
    yield this.#step('load');
    return this.#at(slot) as EntryOf[L];
  }
  *store(slot: Slot, value: bigint): Steps<void> {
    yield this.#step('store');
    this.#change(slot, () => value);
  }
  *xchg<L extends Level>(slot: Slot<L>, value: bigint): Steps<EntryOf[L]> {
    yield this.#step('xchg');
    return this.#change(slot, () => value) as EntryOf[L];
  }
  *cmpxchg<L extends Level>(slot: Slot<L>, expected: bigint, value: bigint): Steps<EntryOf[L]> {
    yield this.#step('cmpxchg');
    return this.#change(slot, (old) => (old === expected ? value : old)) as EntryOf[L];
  }
  *update<L extends Level>(
    slot: Slot<L>,
    change: { readonly clear: bigint; readonly set: bigint },
  ): Steps<EntryOf[L]> {
    yield this.#step('update');
    return this.#change(slot, (old) => (old & ~change.clear) | change.set) as EntryOf[L];
  }
  *fill(): Steps<void> {
    yield this.#step('fill');
  }
  *read(cell: string): Steps<Operand> {
    yield this.#step('read');
    return this.#cells.get(cell);
  }
  *write(cell: string, value: Operand): Steps<void> {
    yield this.#step('write');
    this.#cells.set(cell, value);
  }
  *barrier(_kind: Barrier): Steps<void> {
    yield this.#step('barrier');
  }
  *invalidate(_what: Invalidation): Steps<void> {
    yield this.#step('invalidate');
  }
  *complete(): Steps<void> {
    yield this.#step('complete');
  }
  *purgeEntry(what: EntryPurge): Steps<void> {
    yield this.#step('purgeEntry');
    this.#change(PMD_SLOT, (old) => old | what.sets);
  }
  *crossCall(): Steps<void> {
    yield this.#step('crossCall');
  }
  *isOnlyUser(): Steps<boolean> {
    yield this.#step('isOnlyUser');
    return false;
  }

  #at(slot: Slot): bigint {
    return slot.paddr === SLOT ? this.word : 0n;
  }
  /** The walker comes first, once; then the change, atomically. Returns what the change found. */
  #change(slot: Slot, change: (old: bigint) => bigint): bigint {
    if (slot.paddr !== SLOT) return 0n;
    if (this.recorded === undefined) {
      this.word = afterWrite(this.#mmu, this.word);
      this.recorded = this.word;
    }
    const old = this.word;
    this.word = BigInt.asUintN(64, change(old));
    return old;
  }
  #step(kind: string): Step {
    return { kind, object: 'pmd', operands: [], fn: '' };
  }
}

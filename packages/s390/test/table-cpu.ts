/**
 * A machine of a few words and cells for tests of sequences: it does what the instructions do, IDTE and IPTE by their
 * operands, and keeps a log of what was done in which order.
 */
import {
  type Barrier,
  type Cpu,
  type EntryOf,
  type EntryPurge,
  type Invalidation,
  type Kernel,
  type Level,
  type Slot,
  type Steps,
  kernel,
} from '@ptemu/arch';

type Operand = bigint | number | string | boolean | undefined;
const hex = (value: bigint): string => `0x${value.toString(16)}`;

export class TableCpu implements Cpu {
  readonly kernel: Kernel = kernel('6.12');
  readonly words = new Map<bigint, bigint>();
  readonly cells = new Map<string, Operand>();
  readonly log: string[] = [];
  /** Answer of `isOnlyUser`. */
  alone = false;

  /** Runs a sequence to its end; more than 10 000 steps mean that it hangs. */
  run<R>(steps: Steps<R>): R {
    for (let n = 0; n < 10_000; n++) {
      const next = steps.next();
      if (next.done === true) return next.value;
    }
    throw new Error('the sequence does not end');
  }

  in(): Cpu {
    return this;
  }
  *load<L extends Level>(slot: Slot<L>): Steps<EntryOf[L]> {
    return yield* this.#do('load', () => (this.words.get(slot.paddr) ?? 0n) as EntryOf[L]);
  }
  *store(slot: Slot, value: bigint): Steps<void> {
    yield* this.#do(`store ${hex(value)}`, () => void this.words.set(slot.paddr, value));
  }
  *xchg<L extends Level>(slot: Slot<L>, value: bigint): Steps<EntryOf[L]> {
    return yield* this.update(slot, { clear: ~0n, set: value });
  }
  *cmpxchg<L extends Level>(slot: Slot<L>, expected: bigint, value: bigint): Steps<EntryOf[L]> {
    const old = this.words.get(slot.paddr) ?? 0n;
    return yield* this.update(slot, {
      clear: old === expected ? ~0n : 0n,
      set: old === expected ? value : 0n,
    });
  }
  *update<L extends Level>(
    slot: Slot<L>,
    change: { readonly clear: bigint; readonly set: bigint },
  ): Steps<EntryOf[L]> {
    return yield* this.#do(`set ${hex(change.set)}`, () => {
      const old = this.words.get(slot.paddr) ?? 0n;
      this.words.set(slot.paddr, (old & ~change.clear) | change.set);
      return old as EntryOf[L];
    });
  }
  *fill(): Steps<void> {
    yield* this.#do('fill', () => undefined);
  }
  *read(cell: string): Steps<Operand> {
    return yield* this.#do(`read ${cell}`, () => this.cells.get(cell));
  }
  *write(cell: string, value: Operand): Steps<void> {
    yield* this.#do(`write ${cell} ${String(value)}`, () => void this.cells.set(cell, value));
  }
  *lock(name: string): Steps<void> {
    yield* this.#do(`lock ${name}`, () => undefined);
  }
  *unlock(name: string): Steps<void> {
    yield* this.#do(`unlock ${name}`, () => undefined);
  }
  *barrier(kind: Barrier): Steps<void> {
    yield* this.#do(kind, () => undefined);
  }
  *invalidate(what: Invalidation): Steps<void> {
    const range = what.start === undefined ? '' : ` ${hex(what.start)}`;
    yield* this.#do(`${what.instruction} ${what.mm?.id ?? ''}${range}`, () => undefined);
  }
  *complete(): Steps<void> {
    yield* this.#do('complete', () => undefined);
  }
  /** IDTE uses the 4 KiB-aligned part of the origin and 11 bits of the address; IPTE 2 KiB and 8 bits. */
  *purgeEntry({ instruction, level, origin, originAlignment, va, sets, scope }: EntryPurge): Steps<void> {
    yield* this.#do(`${instruction} ${scope} ${hex(origin)} ${hex(va)}`, () => {
      const target =
        (origin & ~(originAlignment - 1n)) +
        (level === 'pte' ? (va >> 12n) & 0xffn : (va >> 20n) & 0x7ffn) * 8n;
      this.words.set(target, (this.words.get(target) ?? 0n) | sets);
    });
  }
  *crossCall(): Steps<void> {
    yield* this.#do('crossCall', () => undefined);
  }
  *isOnlyUser(): Steps<boolean> {
    return yield* this.#do('isOnlyUser', () => this.alone);
  }

  *#do<R>(what: string, run: () => R): Steps<R> {
    yield { kind: what.split(' ')[0] ?? '', object: '', operands: [], fn: '' };
    this.log.push(what);
    return run();
  }
}

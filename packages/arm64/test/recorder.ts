/** A CPU that records what a sequence does, for tests. Memory is a map of words, so that a run of entries fits too. */
import { type Cpu, kernel, type Slot, type Steps } from '@ptemu/arch';

/** What was done, as text: `xchg 0x0`, `VAE1IS 0x40000000`, `dsb(ishst)`, `complete`, `ipi`. */
export interface Recorder {
  readonly cpu: Cpu;
  readonly log: string[];
  /** Words by physical address. */
  readonly memory: Map<bigint, bigint>;
}

/** Where the tests' entries lie. */
export const SLOT_PADDR = 0x1000n;

/** `interfere` runs before each access: another agent that changes the word. */
export function recorder(
  release: string,
  word: bigint,
  interfere: (log: readonly string[], word: bigint) => bigint = (_log, w) => w,
): Recorder {
  const log: string[] = [];
  const memory = new Map<bigint, bigint>([[SLOT_PADDR, word]]);
  const hex = (value: bigint): string => `0x${value.toString(16)}`;
  const access = (slot: Slot, text: string, change: (old: bigint) => bigint): bigint => {
    const old = interfere(log, memory.get(slot.paddr) ?? 0n);
    memory.set(slot.paddr, change(old));
    log.push(slot.paddr === SLOT_PADDR ? text : `${text} @${hex(slot.paddr)}`);
    return old;
  };
  const cpu = {
    kernel: kernel(release),
    in: (): Cpu => cpu as unknown as Cpu,
    *load(slot: Slot): Steps<bigint> {
      return access(slot, 'load', (old) => old);
    },
    *store(slot: Slot, value: bigint): Steps<void> {
      access(slot, `store ${hex(value)}`, () => value);
    },
    *xchg(slot: Slot, value: bigint): Steps<bigint> {
      return access(slot, `xchg ${hex(value)}`, () => value);
    },
    *cmpxchg(slot: Slot, expected: bigint, value: bigint): Steps<bigint> {
      return access(slot, `cmpxchg ${hex(value)}`, (old) => (old === expected ? value : old));
    },
    *update(slot: Slot, { clear, set }: { clear: bigint; set: bigint }): Steps<bigint> {
      return access(slot, `update -${hex(clear)} +${hex(set)}`, (old) => (old & ~clear) | set);
    },
    *barrier(kind: string): Steps<void> {
      log.push(kind);
    },
    *invalidate(w: { instruction: string; start?: bigint; end?: bigint }): Steps<void> {
      const from = w.start === undefined ? '' : ` ${hex(w.start)}`;
      log.push(w.instruction + from + (w.end === undefined ? '' : `..${hex(w.end)}`));
    },
    *crossCall(targets: { mm?: unknown }, w?: unknown): Steps<void> {
      log.push(`ipi ${targets.mm === undefined ? 'all' : 'mm'}${w === undefined ? '' : ' invalidating'}`);
    },
    *complete(): Steps<void> {
      log.push('complete');
    },
  };
  return { cpu: cpu as unknown as Cpu, log, memory };
}

/** Runs a sequence to its end. */
export function run<R>(steps: Steps<R>): R {
  for (;;) {
    const { done, value } = steps.next(undefined as never);
    if (done === true) return value as R;
  }
}

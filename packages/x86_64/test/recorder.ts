/** A CPU that records what a sequence does to one slot, for tests. */
import type { Cpu, Kernel, Steps } from '@ptemu/arch';
import { kernel } from '@ptemu/arch';

/** What was done, as text: `xchg 0x0`, `INVLPG 0x4000000`, `ipi INVLPG 0x4000000`. */
export interface Recorder {
  readonly cpu: Cpu;
  readonly log: string[];
  word: bigint;
}

/** `interfere` runs before each access: another agent that changes the word. */
export function recorder(
  release: string,
  word: bigint,
  interfere: (log: readonly string[], word: bigint) => bigint = (_log, w) => w,
): Recorder {
  const k: Kernel = kernel(release);
  const log: string[] = [];
  const state = { log, word } as { cpu: Cpu; log: string[]; word: bigint };
  const access = (text: string, change: (old: bigint) => bigint): bigint => {
    state.word = interfere(log, state.word);
    const old = state.word;
    state.word = change(old);
    log.push(text);
    return old;
  };
  const hex = (value: bigint): string => `0x${value.toString(16)}`;
  const what = (w: { instruction: string; start?: bigint; end?: bigint }): string =>
    w.instruction +
    (w.start === undefined ? '' : ` ${hex(w.start)}`) +
    (w.end === undefined ? '' : `..${hex(w.end)}`);
  const cpu = {
    kernel: k,
    in: (): Cpu => cpu as unknown as Cpu,
    *load(): Steps<bigint> {
      return access('load', (old) => old);
    },
    *store(_slot: unknown, value: bigint): Steps<void> {
      access(`store ${hex(value)}`, () => value);
    },
    *xchg(_slot: unknown, value: bigint): Steps<bigint> {
      return access(`xchg ${hex(value)}`, () => value);
    },
    *cmpxchg(_slot: unknown, expected: bigint, value: bigint): Steps<bigint> {
      return access(`cmpxchg ${hex(value)}`, (old) => (old === expected ? value : old));
    },
    *update(_slot: unknown, { clear, set }: { clear: bigint; set: bigint }): Steps<bigint> {
      return access(`update -${hex(clear)} +${hex(set)}`, (old) => (old & ~clear) | set);
    },
    *invalidate(w: { instruction: string }): Steps<void> {
      log.push(what(w));
    },
    *crossCall(_targets: unknown, w?: { instruction: string }): Steps<void> {
      log.push(`ipi ${w === undefined ? '' : what(w)}`);
    },
    *complete(): Steps<void> {
      log.push('complete');
    },
  };
  state.cpu = cpu as unknown as Cpu;
  return state;
}

/** Runs a sequence to its end. */
export function run<R>(steps: Steps<R>): R {
  for (;;) {
    const { done, value } = steps.next(undefined as never);
    if (done === true) return value as R;
  }
}

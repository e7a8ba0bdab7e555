/** A CPU that records what a sequence does to one slot, for tests. */
import { type Cpu, kernel, type Steps } from '@ptemu/arch';

/** What was done, as text: `store 0x0`, `TLBIMVAIS 0x4000000`, `complete`, `ipi`. */
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
  const cpu = {
    kernel: kernel(release),
    in: (): Cpu => cpu as unknown as Cpu,
    *load(): Steps<bigint> {
      return access('load', (old) => old);
    },
    *store(_slot: unknown, value: bigint): Steps<void> {
      access(`store ${hex(value)}`, () => value);
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

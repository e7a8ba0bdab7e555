/** A CPU over a small memory, which records what a sequence does, for tests. */
import { type Cpu, kernel, type Steps } from '@ptemu/arch';

/** What was done, as text: `update 0x1000 -0x1 +0x2`, `tlbie RIC=0 0x40000000..0x40200000`, `ipi mm`. */
export interface Recorder {
  readonly cpu: Cpu;
  readonly log: string[];
  readonly memory: Map<bigint, bigint>;
  readonly cells: Map<string, unknown>;
}

/** How the machine around the sequence behaves. */
export interface RecorderOptions {
  readonly release: string;
  /** This CPU is the only one that has the mm loaded. */
  readonly onlyUser?: boolean;
  /** Runs before each access to memory: another agent that changes it. */
  readonly interfere?: (r: Recorder) => void;
}

const hex = (value: bigint): string => `0x${value.toString(16)}`;

/** Makes a recorder. Words that were never stored are 0. */
export function recorder({ release, onlyUser = false, interfere }: RecorderOptions): Recorder {
  const log: string[] = [];
  const memory = new Map<bigint, bigint>();
  const cells = new Map<string, unknown>();
  type At = { readonly paddr: bigint };
  const access = (slot: At, text: string, change: (old: bigint) => bigint): bigint => {
    interfere?.(self);
    const old = memory.get(slot.paddr) ?? 0n;
    memory.set(slot.paddr, change(old));
    log.push(text);
    return old;
  };
  const cpu = {
    kernel: kernel(release),
    in: (): unknown => cpu,
    *load(slot: At): Steps<bigint> {
      return access(slot, `load ${hex(slot.paddr)}`, (old) => old);
    },
    *store(slot: At, value: bigint): Steps<void> {
      access(slot, `store ${hex(slot.paddr)} ${hex(value)}`, () => value);
    },
    *cmpxchg(slot: At, expected: bigint, value: bigint): Steps<bigint> {
      return access(slot, `cmpxchg ${hex(slot.paddr)} ${hex(value)}`, (old) =>
        old === expected ? value : old,
      );
    },
    *update(slot: At, { clear, set }: { clear: bigint; set: bigint }): Steps<bigint> {
      return access(
        slot,
        `update ${hex(slot.paddr)} -${hex(clear)} +${hex(set)}`,
        (old) => (old & ~clear) | set,
      );
    },
    *fill(table: bigint, sizeBytes: number, value: bigint): Steps<void> {
      log.push(`fill ${hex(table)} ${sizeBytes}`);
      for (let at = 0; at < sizeBytes; at += 8) memory.set(table + BigInt(at), value);
    },
    *read(cell: string): Steps<unknown> {
      return cells.get(cell);
    },
    *write(cell: string, value: unknown): Steps<void> {
      cells.set(cell, value);
    },
    *barrier(kind: string): Steps<void> {
      log.push(kind);
    },
    *invalidate(what: { instruction: string; start?: bigint; end?: bigint }): Steps<void> {
      const from = what.start === undefined ? '' : ` ${hex(what.start)}`;
      const to = what.end === undefined ? '' : `..${hex(what.end)}`;
      log.push(`${what.instruction}${from}${to}`);
    },
    *complete(): Steps<void> {
      log.push('complete');
    },
    *crossCall(targets: { mm?: { id: string } }): Steps<void> {
      log.push(`ipi ${targets.mm?.id ?? 'all'}`);
    },
    *isOnlyUser(): Steps<boolean> {
      return onlyUser;
    },
  };
  const self: Recorder = { cpu: cpu as unknown as Cpu, log, memory, cells };
  return self;
}

/** Runs a sequence to its end; more steps than that mean that it spins. */
export function run<R>(steps: Steps<R>): R {
  for (let n = 0; n < 1000; n++) {
    const { done, value } = steps.next(undefined as never);
    if (done === true) return value as R;
  }
  throw new Error('the sequence spins');
}

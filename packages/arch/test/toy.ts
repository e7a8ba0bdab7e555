/** A made-up architecture and a recording CPU, for the tests of what architectures inherit. */
import type { Operand, Steps } from '@ptemu/explore';
import {
  __pmd,
  __pte,
  completeSequences,
  type Cpu,
  type Env,
  kernel,
  type OwnSequences,
  type Pmd,
  type PmdHelpers,
  type Pte,
  type PteHelpers,
  type Sequences,
} from '../src/index.js';

/** Bits of an entry: what it is, and what the toy's hardware may set by itself. */
export const VALID = 1n;
export const WRITE = 2n;
export const YOUNG = 4n;
export const DIRTY = 8n;
/** Bytes that a huge page of the toy maps. */
export const HPAGE_SIZE = 0x20_0000n;

const pmd: Partial<PmdHelpers> = {
  pmd_young: (v) => (v & YOUNG) !== 0n,
  pmd_same: (a, b) => a === b,
  pmd_mkyoung: (v): Pmd => __pmd(v | YOUNG),
  pmd_mkold: (v): Pmd => __pmd(v & ~YOUNG),
  pmd_mkdirty: (v): Pmd => __pmd(v | DIRTY),
  pmd_wrprotect: (v): Pmd => __pmd(v & ~WRITE),
  pmd_mkinvalid: (v): Pmd => __pmd(v & ~VALID),
  pmd_clear: (): Pmd => __pmd(0n),
  pmd_populate: (table): Pmd => __pmd(table | VALID),
};

const pte: Partial<PteHelpers> = {
  pte_young: (v) => (v & YOUNG) !== 0n,
  pte_same: (a, b) => a === b,
  pte_mkold: (v): Pte => __pte(v & ~YOUNG),
  pte_wrprotect: (v): Pte => __pte(v & ~WRITE),
  pte_clear: (): Pte => __pte(0n),
  pte_accessible: (v) => (v & VALID) !== 0n,
};

/** The toy's helpers; the sequences ask for no others. */
export const helpers = { pmd: pmd as PmdHelpers, pte: pte as PteHelpers };

const FLUSHES: OwnSequences = {
  *flush_tlb_range(cpu, { vm_mm }, { start, end }): Steps<void> {
    yield* cpu.invalidate({ instruction: 'range', mm: vm_mm, start, end });
  },
  *flush_pmd_tlb_range(cpu, { vm_mm }, { start, end }): Steps<void> {
    yield* cpu.invalidate({ instruction: 'pmd-range', mm: vm_mm, start, end });
  },
  *flush_tlb_page(cpu, { vm_mm }, start): Steps<void> {
    yield* cpu.invalidate({ instruction: 'page', mm: vm_mm, start });
  },
  *flush_tlb_mm(cpu, mm): Steps<void> {
    yield* cpu.invalidate({ instruction: 'mm', mm });
  },
  *tlb_flush(cpu, mm): Steps<void> {
    yield* cpu.invalidate({ instruction: 'mm', mm });
  },
};

/** The toy's sequences: its flushes, `own`, and for the rest what every architecture inherits. */
export function toySequences(
  release: string,
  own: Partial<Sequences> = {},
  helpersOf: typeof helpers = helpers,
): Sequences {
  const layout = { HPAGE_PMD_SIZE: Number(HPAGE_SIZE) };
  const env = { kernel: kernel(release), config: {}, cpu: {}, layout } as unknown as Env;
  return completeSequences(env, helpersOf, { ...FLUSHES, ...own });
}

/** A CPU over a small memory, with what it was asked to do as text. */
export interface Recorder {
  readonly cpu: Cpu;
  readonly log: string[];
  readonly memory: Map<bigint, bigint>;
}

/** Makes a recorder. `afterLoad` runs behind each load: another agent that changes memory. */
export function recorder(afterLoad: (memory: Map<bigint, bigint>) => void = () => undefined): Recorder {
  const log: string[] = [];
  const memory = new Map<bigint, bigint>();
  const cells = new Map<string, Operand>();
  type At = { readonly paddr: bigint };
  const cpu = {
    in: (): unknown => cpu,
    *load({ paddr }: At): Steps<bigint> {
      const value = memory.get(paddr) ?? 0n;
      log.push('load');
      afterLoad(memory);
      return value;
    },
    *store({ paddr }: At, value: bigint): Steps<void> {
      log.push(`store ${value}`);
      memory.set(paddr, value);
    },
    *xchg({ paddr }: At, value: bigint): Steps<bigint> {
      const old = memory.get(paddr) ?? 0n;
      log.push(`xchg ${value}`);
      memory.set(paddr, value);
      return old;
    },
    *invalidate(what: { instruction: string; start?: bigint; end?: bigint }): Steps<void> {
      const ends = [what.start, what.end].filter((end) => end !== undefined);
      log.push(`${what.instruction} ${ends.map((end) => `0x${end.toString(16)}`).join('..')}`);
    },
    *read(cell: string): Steps<Operand> {
      return cells.get(cell);
    },
    *write(cell: string, value: Operand): Steps<void> {
      cells.set(cell, value);
    },
  };
  return { cpu: cpu as unknown as Cpu, log, memory };
}

/** Runs a sequence to its end. The recorder's steps yield nothing. */
export function run<R>(steps: Steps<R>): R {
  const next = steps.next();
  if (next.done !== true) throw new Error(`the recorder does not do '${next.value.kind}'`);
  return next.value;
}

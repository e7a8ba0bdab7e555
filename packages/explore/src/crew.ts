/**
 * A crew of threads that expands states in rounds, and comes to what one thread alone comes to.
 *
 * A round is a range of states of one level. Its portions are handed out; each thread expands its portions, writes every
 * state that it finds new to a place of its own and enters the place in the shared index (compare-and-swap). This claim holds
 * the smallest key of those who came to the state, the key being the place of the step in the order in which one thread alone
 * would take it. When all portions are done, each state goes to the step with that key, and the states get their numbers in
 * the order of keys; where they lie depends on who was first, and is seen by nobody. So numbers, parents, counts and the first
 * counterexample are those of the search without a crew.
 *
 * The crew only reads tables. A state of which something is not known, or must be told, is put off to the end of the round,
 * where the caller's thread learns and expands it; its claims go to their place in the order of keys. Where that changes how
 * states are packed the round is given up: its claims are wiped from the index, and the caller expands the range alone.
 *
 * @see Alfons Laarman, Jaco van de Pol, Michael Weber, "Boosting multi-core reachability performance with shared hash
 * tables", FMCAD 2010, for the shared table; the order of numbers is ours
 */
import { ExploreError } from './errors.js';
import { scratchOf } from './expander.js';
import { makeKernel } from './kernel.js';
import type { KernelScratch, KernelTables, RoundMemory } from './kernel.js';
import type { Model } from './model.js';
import type { PackedStore } from './packed-store.js';

const kernel = makeKernel();
const { EXTRA, FROM, TO, LEVEL_PLACE, NEXT_PORTION, NEXT_CLAIM, EVENT, ALL_TRANSITIONS, NR_PORTIONS, PORTION, CLAIMS } =
  kernel.constants; // prettier-ignore
const { PORTION_FIELDS, TRANSITIONS, MET_BARRED, NR_PUT_OFF, FIRST_PLACE } = kernel.constants;

/** Words of the control block: the phase that is on, how many phases have begun, threads that have done it, threads ready. */
const PHASE = 0;
const BEGUN = 1;
const FINISHED = 2;
const READY = 3;
/** Phases. */
const [EXPAND, COMMIT, MOVE, QUIT] = [1, 2, 3, 4];

/** Candidates that one round may make. */
const ROUND_CANDIDATES = 1 << 19;
/** States that a round may put off; with more it is given up. */
const PUT_OFF_MAX = 2048;
/** A range with fewer states than this is not worth a round. */
export const ROUND_MIN = 1024;
/** How often a waiting thread looks before it sleeps. */
const SPINS = 50_000;

/** What a crew needs of `node:worker_threads`. */
interface Threads {
  readonly Worker: new (
    code: string,
    options: { eval: true; execArgv: string[]; workerData: unknown; transferList?: unknown[] },
  ) => { unref(): void };
  readonly MessageChannel: new () => { readonly port1: Port; readonly port2: Port };
}

interface Port {
  postMessage(message: unknown): void;
  unref(): void;
  close(): void;
}

/**
 * Expands one state by the thread that may learn, into the scratch's batch: the tables as they are then, and how many candidates
 * there are. Undefined when that changes how states are packed, or more than a state can be put off for.
 */
export type Alone = (state: number, scratch: KernelScratch) => Expanded | undefined;

/** A state that was expanded into a batch. */
export interface Expanded {
  readonly tables: KernelTables;
  readonly nrBatch: number;
}

/** Threads that share a search. Made by `Crew.start`; `close` ends it. */
export class Crew {
  /** Threads, the caller's own included. */
  readonly size: number;
  readonly #control: Int32Array;
  readonly #ports: Port[] = [];
  readonly #scratch: KernelScratch;
  #memory: RoundMemory | undefined;
  #nrWords = 0;
  /** What the workers were sent last. */
  #sent: KernelTables | undefined;
  readonly #sentChunks: readonly [Int32Array[], Int32Array[], Uint8Array[], Int32Array[], Int32Array[]] = [[], [], [], [], []]; // prettier-ignore

  private constructor(size: number, model: Model<unknown>, threads: Threads) {
    this.size = size;
    this.#control = new Int32Array(new SharedArrayBuffer(4 * 16));
    this.#scratch = scratchOf(model);
    for (let who = 1; who < size; who++) {
      const { port1, port2 } = new threads.MessageChannel();
      const worker = new threads.Worker(workerText(), {
        eval: true,
        // The text is a script, whatever the process was told that its own text is (`--input-type=module`).
        execArgv: [],
        workerData: { control: this.#control, who, port: port2 },
        transferList: [port2],
      });
      worker.unref();
      port1.unref();
      this.#ports.push(port1);
    }
  }

  /**
   * Starts the threads, and returns before they are ready.
   *
   * @throws ExploreError `BAD_OPTION` where there are no worker threads.
   */
  static start(size: number, model: Model<unknown>): Crew {
    const { process } = globalThis as {
      readonly process?: { getBuiltinModule?(name: string): unknown };
    };
    const threads = process?.getBuiltinModule?.('node:worker_threads') as Threads | undefined;
    if (threads === undefined) {
      throw new ExploreError(
        'BAD_OPTION',
        'option jobs needs worker threads, which this platform has not; leave it out',
        {
          name: 'jobs',
        },
      );
    }
    return new Crew(size, model, threads);
  }

  /** Whether all threads can take part. */
  get ready(): boolean {
    return Atomics.load(this.#control, READY) === this.size - 1;
  }

  /** How many states the next round takes, of a program with so many threads. */
  static roundOf(nrThreads: number): number {
    return Math.floor(ROUND_CANDIDATES / nrThreads / PORTION) * PORTION;
  }

  /** Places that so many candidates of one round may take. */
  placesFor(candidates: number): number {
    return candidates + this.size * CLAIMS;
  }

  /**
   * Expands states [from, to) of a level, and enters what is new. The store has an order, and room for all that may come:
   * see `placesFor`.
   *
   * @returns Steps taken; or, when nothing was done, `~state`: the caller has to go on alone up to about this state, as something
   * has to be learned or told there.
   */
  round(tables: KernelTables, store: PackedStore, from: number, to: number, alone: Alone): number {
    const control = this.#control;
    const memory = this.#prepare(tables);
    const nrPortions = Math.ceil((to - from) / PORTION);
    control[FROM] = from;
    control[TO] = to;
    control[LEVEL_PLACE] = store.levelPlace;
    control[FIRST_PLACE] = store.nrPlaces;
    control[NEXT_CLAIM] = 0;
    control[EVENT] = 0;
    control[ALL_TRANSITIONS] = 0;
    control[NR_PORTIONS] = nrPortions;
    control[NR_PUT_OFF] = 0;
    memory.portions.fill(0, 0, nrPortions * PORTION_FIELDS);
    this.#scratch.registers[MET_BARRED] = 0;
    this.#scratch.registers[TRANSITIONS] = 0;
    this.#phase(EXPAND, () => kernel.runRound(tables, this.#scratch, memory, 0));
    if (control[EVENT] === 0) this.#catchUp(memory, alone);
    if (control[EVENT] !== 0) {
      wipe(tables.index, memory, control[NEXT_CLAIM] as number);
      return ~Math.max(from, (control[EVENT] as number) - 1);
    }
    let size = store.size;
    for (let portion = 0; portion < nrPortions; portion++) {
      const fields = portion * PORTION_FIELDS;
      memory.portions[fields + 4] = size;
      size += memory.portions[fields + 3] as number;
    }
    this.#phase(COMMIT, () => kernel.commitWinners(tables, memory));
    store.size = size;
    store.nrPlaces += control[NEXT_CLAIM] as number;
    return control[ALL_TRANSITIONS] as number;
  }

  /**
   * Expands the states that were put off, in their order. Their claims go to where they would be, had the crew known what to do:
   * the log of a portion is made anew, in the order of keys.
   */
  #catchUp(memory: RoundMemory, alone: Alone): void {
    const control = this.#control;
    const { portions, logs } = memory;
    const log = logs[0] as Int32Array;
    const states = memory.putOff.slice(0, control[NR_PUT_OFF]).sort();
    let logged = 0;
    for (let portion = 0; portion < (control[NR_PORTIONS] as number); portion++) {
      const fields = portion * PORTION_FIELDS;
      if (portions[fields] === 0) {
        logged = Math.max(logged, (portions[fields + 1] as number) + (portions[fields + 2] as number));
      }
    }
    const changed = new Map<number, number[]>();
    for (const state of states) {
      const batch = alone(state, this.#scratch);
      if (batch === undefined) {
        control[EVENT] = state + 1;
        return;
      }
      const { tables, nrBatch } = batch;
      const start = logged;
      logged = kernel.claimBatch(tables, this.#scratch, memory, nrBatch, log, logged);
      if (logged < 0) {
        control[EVENT] = state + 1;
        return;
      }
      const portion = Math.floor((state - (control[FROM] as number)) / PORTION);
      const own = changed.get(portion) ?? [];
      changed.set(portion, own);
      for (let at = start; at < logged; at++) own.push(log[at] as number);
      const wins = portion * PORTION_FIELDS + 3;
      portions[wins] = (portions[wins] as number) + ((logged - start) >>> 1);
    }
    for (const [portion, own] of changed) {
      const fields = portion * PORTION_FIELDS;
      const theirs = logs[portions[fields] as number] as Int32Array;
      const from = portions[fields + 1] as number;
      const all = [...theirs.subarray(from, from + (portions[fields + 2] as number)), ...own];
      const pairs = Array.from({ length: all.length >>> 1 }, (_, i) => [
        all[2 * i] as number,
        all[2 * i + 1] as number,
      ]);
      pairs.sort((a, b) => (a[1] as number) - (b[1] as number));
      portions[fields] = 0;
      portions[fields + 1] = logged;
      portions[fields + 2] = all.length;
      for (const pair of pairs) for (const word of pair) log[logged++] = word;
    }
  }

  /** Enters what an index has into a larger one that is empty. */
  moveEntries(before: Int32Array, after: Int32Array): void {
    for (const port of this.#ports) port.postMessage({ move: { before, after } });
    this.#phase(MOVE, () => kernel.moveEntries(before, after, this.#control));
  }

  /** Ends the threads. */
  close(): void {
    this.#begin(QUIT);
    for (const port of this.#ports) port.close();
  }

  #phase(phase: number, own: () => void): void {
    Atomics.store(this.#control, NEXT_PORTION, 0);
    Atomics.store(this.#control, FINISHED, 0);
    this.#begin(phase);
    own();
    waitFor(this.#control, FINISHED, (finished) => finished === this.size - 1);
  }

  #begin(phase: number): void {
    Atomics.store(this.#control, PHASE, phase);
    Atomics.add(this.#control, BEGUN, 1);
    Atomics.notify(this.#control, BEGUN);
  }

  /** Makes the round's memory, and sends the workers what they do not have yet. */
  #prepare(tables: KernelTables): RoundMemory {
    const { nrWords, nrThreads } = tables;
    const claims = this.placesFor(ROUND_CANDIDATES + PUT_OFF_MAX * nrThreads);
    const shared = (length: number): Int32Array => new Int32Array(new SharedArrayBuffer(4 * length));
    let fresh: RoundMemory | undefined;
    if (this.#memory === undefined || this.#nrWords !== nrWords) {
      this.#nrWords = nrWords;
      fresh = {
        control: this.#control,
        slots: shared(claims),
        keys: shared(claims),
        logs: Array.from({ length: this.size }, () => shared(4 * (claims + ROUND_CANDIDATES))),
        portions: shared((ROUND_CANDIDATES / PORTION + 1) * PORTION_FIELDS),
        putOff: shared(PUT_OFF_MAX),
      };
      this.#memory = fresh;
      this.#scratch.batch = new Int32Array(Math.max(256, nrThreads) * (nrWords + EXTRA));
    }
    const slots = 1 + tables.wordOf.length;
    if (this.#scratch.vector.length < slots) this.#scratch.vector = new Int32Array(2 * slots);
    const lists = [tables.words, tables.parents, tables.actors, tables.sleeps, tables.order] as const;
    const chunks = lists.map((list, l) => {
      const sent = this.#sentChunks[l] as (Int32Array | Uint8Array)[];
      const fresh: (readonly [number, Int32Array | Uint8Array])[] = [];
      for (let i = 0; i < list.length; i++) {
        const chunk = list[i] as Int32Array | Uint8Array;
        if (sent[i] !== chunk) fresh.push([i, chunk]);
        sent[i] = chunk;
      }
      return fresh;
    });
    const changed = this.#sent !== tables;
    if (!changed && fresh === undefined && chunks.every((list) => list.length === 0)) return this.#memory;
    this.#sent = tables;
    const { words: _w, parents: _p, actors: _a, sleeps: _s, order: _o, ...rest } = tables;
    for (const port of this.#ports)
      port.postMessage({ memory: fresh, tables: changed ? rest : undefined, chunks, slots });
    return this.#memory;
  }
}

/** Takes the claims of a round that is given up out of the index. */
function wipe(index: Int32Array, memory: RoundMemory, nrClaims: number): void {
  for (let claim = 0; claim < nrClaims; claim++) {
    const slot = memory.slots[claim] as number;
    if (slot >= 0) index[2 * slot] = 0;
  }
}

function waitFor(control: Int32Array, word: number, done: (value: number) => boolean): void {
  for (let spin = 0; spin < SPINS; spin++) if (done(Atomics.load(control, word))) return;
  for (let value = Atomics.load(control, word); !done(value); value = Atomics.load(control, word)) {
    Atomics.wait(control, word, value);
  }
}

/** What a worker runs: the kernel's own text, and a loop around it. */
function workerText(): string {
  return `'use strict';
const { workerData, receiveMessageOnPort } = require('node:worker_threads');
const kernel = (${makeKernel.toString()})();
(${work.toString()})(kernel, workerData, receiveMessageOnPort, {
  PHASE: ${PHASE}, BEGUN: ${BEGUN}, FINISHED: ${FINISHED}, READY: ${READY},
  EXPAND: ${EXPAND}, COMMIT: ${COMMIT}, MOVE: ${MOVE}, SPINS: ${SPINS},
});
`;
}

/** A worker's life. Uses nothing outside itself. */
function work(
  kernel: ReturnType<typeof makeKernel>,
  data: { readonly control: Int32Array; readonly who: number; readonly port: unknown },
  receive: (port: unknown) => { readonly message: unknown } | undefined,
  k: Readonly<
    Record<'PHASE' | 'BEGUN' | 'FINISHED' | 'READY' | 'EXPAND' | 'COMMIT' | 'MOVE' | 'SPINS', number>
  >,
): void {
  const { control, who, port } = data;
  const { EXTRA, MET_BARRED } = kernel.constants;
  type Message = {
    readonly memory: RoundMemory | undefined;
    readonly tables: KernelTables | undefined;
    readonly chunks: readonly (readonly (readonly [number, Int32Array | Uint8Array])[])[];
    readonly slots: number;
    readonly move: { readonly before: Int32Array; readonly after: Int32Array } | undefined;
  };
  let move: Message['move'];
  const lists: (Int32Array | Uint8Array)[][] = [[], [], [], [], []];
  const [words, parents, actors, sleeps, order] = lists;
  let memory: RoundMemory | undefined;
  let tables: KernelTables | undefined;
  let scratch: KernelScratch | undefined;
  let begun = 0;
  Atomics.add(control, k.READY, 1);
  for (;;) {
    for (let spin = 0; spin < k.SPINS && Atomics.load(control, k.BEGUN) === begun; spin++);
    while (Atomics.load(control, k.BEGUN) === begun) Atomics.wait(control, k.BEGUN, begun);
    begun++;
    for (let got = receive(port); got !== undefined; got = receive(port)) {
      const message = got.message as Message;
      ({ move } = message);
      if (move !== undefined) continue;
      memory = message.memory ?? memory;
      message.chunks.forEach((list, l) => {
        for (const [i, chunk] of list) (lists[l] as unknown[])[i] = chunk;
      });
      if (message.tables !== undefined)
        tables = { ...message.tables, words, parents, actors, sleeps, order } as KernelTables;
      const { nrWords, nrThreads } = tables as KernelTables;
      const length = Math.max(256, nrThreads) * (nrWords + EXTRA);
      if (scratch === undefined || scratch.batch.length !== length || scratch.vector.length < message.slots) {
        scratch = {
          vector: new Int32Array(2 * message.slots),
          leafOf: new Int32Array(nrThreads),
          batch: new Int32Array(length),
          registers: new Int32Array(8),
        };
      }
    }
    const phase = Atomics.load(control, k.PHASE);
    if (phase === k.EXPAND) {
      (scratch as KernelScratch).registers[MET_BARRED] = 0;
      kernel.runRound(tables as KernelTables, scratch as KernelScratch, memory as RoundMemory, who);
    } else if (phase === k.COMMIT) kernel.commitWinners(tables as KernelTables, memory as RoundMemory);
    else if (phase === k.MOVE && move !== undefined) kernel.moveEntries(move.before, move.after, control);
    else return;
    Atomics.add(control, k.FINISHED, 1);
    Atomics.notify(control, k.FINISHED);
  }
}

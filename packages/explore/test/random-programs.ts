import fc from 'fast-check';
import { cells } from '../src/index.js';
import type { Program, StepResult, Steps } from '../src/index.js';

/**
 * Small programs drawn at random, and what they do by an enumerator that shares nothing with the explorer: it copies
 * plain states and follows every path.
 */

/** An instruction on cells and on the thread's one register, which a read, a swap and an addition set. */
export type Instruction =
  | { readonly op: 'read'; readonly cell: number }
  | { readonly op: 'write'; readonly cell: number; readonly value: number }
  | { readonly op: 'writeNext'; readonly cell: number }
  | { readonly op: 'swap'; readonly cell: number; readonly expected: number; readonly value: number }
  | { readonly op: 'add'; readonly cell: number }
  | { readonly op: 'wait'; readonly cell: number; readonly value: number }
  | { readonly op: 'lock'; readonly lock: number }
  | { readonly op: 'unlock'; readonly lock: number }
  | { readonly op: 'skipIf'; readonly value: number; readonly by: number }
  | { readonly op: 'assertNot'; readonly value: number };

export interface Sketch {
  readonly threads: readonly (readonly Instruction[])[];
  /** Threads from this one on are agents. */
  readonly agentsFrom: number;
  readonly judgedBy: readonly string[] | undefined;
}

const [CELLS, LOCKS] = [2, 2];
const cell = fc.nat(CELLS - 1);
const value = fc.nat(2);

const instruction: fc.Arbitrary<Instruction> = fc.oneof(
  fc.record({ op: fc.constant('read' as const), cell }),
  fc.record({ op: fc.constant('write' as const), cell, value }),
  fc.record({ op: fc.constant('writeNext' as const), cell }),
  fc.record({ op: fc.constant('swap' as const), cell, expected: value, value }),
  fc.record({ op: fc.constant('add' as const), cell }),
  fc.record({ op: fc.constant('wait' as const), cell, value }),
  fc.record({ op: fc.constant('lock' as const), lock: fc.nat(LOCKS - 1) }),
  fc.record({ op: fc.constant('unlock' as const), lock: fc.nat(LOCKS - 1) }),
  fc.record({ op: fc.constant('skipIf' as const), value, by: fc.integer({ min: 1, max: 2 }) }),
  fc.record({ op: fc.constant('assertNot' as const), value }),
);

/** A section under one or two locks, so that programs which use locks well are common. */
const section: fc.Arbitrary<Instruction[]> = fc
  .tuple(fc.array(instruction, { maxLength: 2 }), fc.shuffledSubarray([0, 1], { minLength: 1 }))
  .map(([body, locks]) => [
    ...locks.map((lock) => ({ op: 'lock' as const, lock })),
    ...body,
    ...locks.map((lock) => ({ op: 'unlock' as const, lock })),
  ]);

const code: fc.Arbitrary<Instruction[]> = fc.oneof(
  fc.array(instruction, { maxLength: 5 }),
  section,
  fc.tuple(section, fc.array(instruction, { maxLength: 1 })).map(([a, b]) => [...a, ...b]),
);

export const sketches: fc.Arbitrary<Sketch> = fc.record({
  threads: fc.array(code, { minLength: 1, maxLength: 3 }),
  agentsFrom: fc.integer({ min: 1, max: 4 }),
  judgedBy: fc.constantFrom(undefined, [], ['assert'], ['lock-owner', 'sum']),
});

/** What a program does, in a form that two ways of finding it can share. */
export interface Behaviour {
  readonly verdict: string;
  /** Invariants that fell, judged or not, each with the length of its shortest schedule. */
  readonly fell: Readonly<Record<string, number>>;
  /** Cells in states where nothing is enabled. */
  readonly finals: readonly string[];
  readonly states: number;
  readonly transitions: number;
  readonly executions: bigint;
}

const SUM_MAX = 3;

/** The sketch as a program; `ended` hears of the cells whenever all actors have ended. */
export function programOf(
  { threads, agentsFrom, judgedBy }: Sketch,
  forgets: boolean,
  ended: (cells: string) => void,
  looked: 'looked-at' | 'not-looked-at' = 'looked-at',
): Program {
  const c = cells(CELLS, {
    locks: LOCKS,
    invariants: looked === 'not-looked-at' ? {} : { sum: (now) => now.get(0) + now.get(1) <= SUM_MAX },
    final: {
      heard: (now) => {
        ended([0, 1].map((i) => now.get(i)).join());
        return true;
      },
    },
  });
  function* run(instructions: readonly Instruction[]): Steps<void> {
    let register = 0;
    for (let pc = 0; pc < instructions.length; pc++) {
      const i = instructions[pc] as Instruction;
      const mark = forgets ? { forget: `${pc} ${register}` } : {};
      if (i.op === 'read') register = yield* c.read(i.cell, mark);
      else if (i.op === 'write') yield* c.write(i.cell, i.value, mark);
      else if (i.op === 'writeNext') yield* c.write(i.cell, register + 1, mark);
      else if (i.op === 'swap') {
        register = (yield* c.compareAndSwap(i.cell, i.expected, i.value, mark)) ? 1 : 0;
      } else if (i.op === 'add') register = yield* c.fetchAdd(i.cell, 1, mark);
      else if (i.op === 'wait') yield* c.waitUntil(i.cell, i.value, mark);
      else if (i.op === 'lock') yield* c.lock(i.lock, mark);
      else if (i.op === 'unlock') yield* c.unlock(i.lock, mark);
      else if (i.op === 'skipIf') pc += register === i.value ? i.by : 0;
      else yield* c.assertThat(register !== i.value, `register is ${i.value}`, mark);
    }
  }
  const program: Program = {
    world: c.world,
    threads: threads.map((instructions, i) => ({
      name: `T${i}`,
      role: i < agentsFrom ? 'actor' : 'agent',
      start: () => run(instructions),
    })),
  };
  return judgedBy === undefined ? program : { ...program, judgedBy };
}

export interface PlainThread {
  readonly pc: number;
  readonly register: number;
  /** What the thread remembers: all results so far, or with `forgets` where it was and the last result. */
  readonly memory: string;
}

export interface PlainState {
  readonly threads: readonly PlainThread[];
  readonly cells: readonly number[];
  readonly owners: readonly number[];
}

/** A sketch as a plain machine: its first state, and what a step of a thread makes of a state. */
export interface PlainMachine {
  readonly first: PlainState;
  ended(state: PlainState, t: number): boolean;
  /** Undefined when the thread has ended or must wait. */
  take(state: PlainState, t: number): { readonly next: PlainState; readonly fallen: string[] } | undefined;
}

export function plainMachine({ threads }: Pick<Sketch, 'threads'>, forgets: boolean): PlainMachine {
  /** Skips what is no step. */
  const settle = (thread: PlainThread, code: readonly Instruction[]): PlainThread => {
    let { pc } = thread;
    for (; pc < code.length; pc++) {
      const i = code[pc] as Instruction;
      if (i.op === 'skipIf') pc += thread.register === i.value ? i.by : 0;
      else if (i.op !== 'assertNot' || thread.register === i.value) break;
    }
    return { ...thread, pc };
  };
  const ended = ({ threads: now }: PlainState, t: number): boolean =>
    (now[t] as PlainThread).pc >= (threads[t] as readonly Instruction[]).length;

  const take = (state: PlainState, t: number): { next: PlainState; fallen: string[] } | undefined => {
    const code = threads[t] as readonly Instruction[];
    const thread = state.threads[t] as PlainThread;
    const i = code[thread.pc];
    if (i === undefined) return undefined;
    const now = [...state.cells];
    const owners = [...state.owners];
    const fallen: string[] = [];
    let { register } = thread;
    let result: StepResult;
    switch (i.op) {
      case 'read':
        result = register = now[i.cell] as number;
        break;
      case 'write':
        now[i.cell] = i.value;
        break;
      case 'writeNext':
        now[i.cell] = register + 1;
        break;
      case 'swap':
        result = now[i.cell] === i.expected;
        if (result) now[i.cell] = i.value;
        register = result ? 1 : 0;
        break;
      case 'add':
        result = register = now[i.cell] as number;
        now[i.cell] = register + 1;
        break;
      case 'wait':
        if (now[i.cell] !== i.value) return undefined;
        break;
      case 'lock':
        if (owners[i.lock] !== -1) return undefined;
        owners[i.lock] = t;
        break;
      case 'unlock':
        if (owners[i.lock] !== t) fallen.push('lock-owner');
        else owners[i.lock] = -1;
        break;
      case 'assertNot':
        fallen.push('assert');
        break;
      case 'skipIf':
        throw new Error('settle has skipped it');
    }
    if ((now[0] as number) + (now[1] as number) > SUM_MAX) fallen.push('sum');
    const memory = forgets
      ? `${thread.pc} ${thread.register} ${result}`
      : `${thread.memory}${String(result)};`;
    const moved = settle({ pc: thread.pc + 1, register, memory }, code);
    const next = {
      threads: state.threads.map((other, o) => (o === t ? moved : other)),
      cells: now,
      owners,
    };
    return { next, fallen };
  };

  const first: PlainState = {
    threads: threads.map((code) => settle({ pc: 0, register: 0, memory: '' }, code)),
    cells: Array.from({ length: CELLS }, () => 0),
    owners: Array.from({ length: LOCKS }, () => -1),
  };
  return { first, ended, take };
}

/** What the program does by the naive enumerator. */
export function enumerate({ threads, agentsFrom, judgedBy }: Sketch, forgets: boolean): Behaviour {
  const { first, ended, take } = plainMachine({ threads }, forgets);
  const fell: Record<string, number> = {};
  const finals = new Set<string>();
  let transitions = 0;
  const judged = (name: string): boolean =>
    name === 'deadlock' || judgedBy === undefined || judgedBy.includes(name);
  const fall = (name: string, length: number): void => {
    fell[name] = Math.min(fell[name] ?? Infinity, length);
  };

  const keyOf = (state: PlainState): string =>
    JSON.stringify([
      state.threads.map(({ memory }, t) => (ended(state, t) ? 'ended' : memory)),
      state.cells,
      state.owners,
    ]);

  /** Least number of steps to each state, and the number of paths from it to an end. */
  const depths = new Map<string, number>();
  const paths = new Map<string, bigint>();
  const follow = (state: PlainState, depth: number): bigint => {
    const key = keyOf(state);
    const known = depths.get(key);
    const fresh = known === undefined;
    if (known !== undefined && known <= depth) return paths.get(key) as bigint;
    depths.set(key, depth);
    let count = 0n;
    let stuck = true;
    threads.forEach((_, t) => {
      const taken = take(state, t);
      if (taken === undefined) return;
      stuck = false;
      if (fresh) transitions++;
      for (const name of taken.fallen) fall(name, depth + 1);
      count += taken.fallen.some(judged) ? 1n : follow(taken.next, depth + 1);
    });
    if (stuck) {
      count = 1n;
      if (threads.every((_, t) => ended(state, t) || t >= agentsFrom)) finals.add(state.cells.join());
      else fall('deadlock', depth);
    }
    paths.set(key, count);
    return count;
  };
  const executions = follow(first, 0);
  return {
    verdict: Object.keys(fell).some(judged) ? 'violates' : 'holds',
    fell,
    finals: [...finals].sort(),
    states: depths.size,
    transitions,
    executions,
  };
}

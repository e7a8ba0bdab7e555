import { describe, expect, it } from 'vitest';
import { increments, lastZero, lockOrder, peterson, thread } from '../test/protocols.js';
import {
  criticalSections,
  fileSystem,
  indexer,
  oneWriterManyReaders,
  overwrites,
  pairsOfLocks,
  writersOfOneCell,
  writersOfTheirOwn,
} from '../test/trace-families.js';
import { cells, explore } from './index.js';
import type { Program, Steps } from './index.js';

const strategy = 'dpor';

function expectTraces(program: Program, traces: number): void {
  expect(explore(program, { strategy })).toMatchObject({
    verdict: 'holds',
    executions: BigInt(traces),
    terminalStates: traces,
    redundant: 0,
    bounds: [],
    schedule: [],
  });
}

const factorial = (n: number): number => (n < 2 ? 1 : n * factorial(n - 1));

describe('dpor', () => {
  // 2^(N-2) (N+3), POPL 2014; dpor.deep.spec.ts has N = 15.
  it.each([
    [2, 5],
    [3, 12],
    [5, 64],
    [10, 3328],
  ])('explores lastzero(%i) in %i executions', (n, traces) => expectTraces(lastZero(n), traces));

  it.each([1, 2, 5, 9])('explores %i writers of their own cells once: no two events conflict', (n) =>
    expectTraces(writersOfTheirOwn(n), 1),
  );

  it.each([1, 2, 3, 6])(
    'explores %i writers of one cell in n! executions: any two events conflict, so a trace is an order of them',
    (n) => expectTraces(writersOfOneCell(n), factorial(n)),
  );

  it.each([1, 2, 3, 8])(
    'explores a writer and %i readers in 2^n executions: each reader comes before or after the only write, and no two readers conflict',
    (n) => expectTraces(oneWriterManyReaders(n), 2 ** n),
  );

  it.each([
    [2, 1],
    [2, 3],
    [3, 2],
    [4, 1],
  ])(
    'explores %i threads with %i sections under one lock each in (n k)! / k!^n executions: sections exclude each other, so a trace is an order of all that keeps the order of each thread',
    (n, k) => expectTraces(criticalSections(n, k), factorial(n * k) / factorial(k) ** n),
  );

  // 8^(n-11) from 11 threads on; the proof stands at `indexer`.
  it.each([
    [5, 1],
    [11, 1],
    [12, 8],
    [13, 64],
  ])('explores indexer(%i) in %i executions', (n, traces) => expectTraces(indexer(n), traces));

  // 2^(n-13) from 13 threads on; the proof stands at `fileSystem`.
  it.each([
    [5, 1],
    [13, 1],
    [14, 2],
    [16, 8],
  ])('explores filesystem(%i) in %i executions', (n, traces) => expectTraces(fileSystem(n), traces));

  it.each([1, 2, 4])(
    'explores %i pairs of threads with a lock for each pair in 2^n executions: each pair has two orders',
    (n) => expectTraces(pairsOfLocks(n), 2 ** n),
  );

  it('explores three traces of a wait for a value that is overwritten, of which one never wakes', () => {
    // w1 = write 1, w2 = write 2, a = wait for 1. Orders that end: w1 a w2; w2 w1 a; and w1 w2, where a waits for ever.
    expect(explore(overwrites(), { strategy })).toMatchObject({
      verdict: 'violates',
      invariant: 'deadlock',
      message: 'waiter waits for cell[0] to be 1',
      executions: 3n,
      terminalStates: 3,
      redundant: 0,
    });
  });

  it('explores three traces of two locks taken in opposite orders: A first, B first, and the deadlock', () => {
    const result = explore(lockOrder([1, 0]), { strategy });
    expect(result).toMatchObject({
      verdict: 'violates',
      message: 'A waits for B, B waits for A',
      executions: 3n,
      redundant: 0,
    });
    const { schedule } = result;
    expect(explore(lockOrder([1, 0]), { strategy: 'replay', schedule })).toMatchObject({
      invariant: 'deadlock',
      drift: null,
    });
    expect(explore(lockOrder([0, 1]), { strategy })).toMatchObject({ verdict: 'holds', executions: 2n });
  });

  it('reverses two locks of which the second is met only after the first was given back', () => {
    // The reader's read comes to the lock after A has released it when A runs first; two orders of the sections.
    const c = cells(1, { locks: 1 });
    const section = function* (): Steps<void> {
      yield* c.lock(0);
      yield* c.unlock(0);
    };
    const late = function* (): Steps<void> {
      yield* c.write(0, 1);
      yield* section();
    };
    expectTraces({ world: c.world, threads: [thread('A', section), thread('B', late)] }, 2);
  });

  it('finds a lost update: six orders of r1 w1 r2 w2 make four traces', () => {
    // Reads do not conflict. By the orders of (w1, r2), (r1, w2), (w1, w2): A first, B first, and both reads first with
    // either write first.
    expect(explore(increments('read-write'), { strategy })).toMatchObject({
      verdict: 'violates',
      invariant: 'sum',
      executions: 4n,
      redundant: 0,
    });
  });

  it('stops at the first violation when told to', () => {
    const { executions, verdict } = explore(increments('read-write'), { strategy, stopAtFirst: true });
    expect(verdict).toBe('violates');
    expect(executions).toBeLessThan(4n);
  });

  it('sees an invariant that only some order of unrelated writes breaks', () => {
    const c = cells(2, { invariants: { sum: (now) => now.get(0) + now.get(1) < 2 } });
    const pulse = function* (cell: number): Steps<void> {
      yield* c.write(cell, 1);
      yield* c.write(cell, 0);
    };
    const threads = [thread('A', () => pulse(0)), thread('B', () => pulse(1))];
    // All writes conflict for the invariant's sake: 4! / (2! 2!) orders.
    expect(explore({ world: c.world, threads }, { strategy })).toMatchObject({
      verdict: 'violates',
      invariant: 'sum',
      executions: 6n,
    });
  });

  it('goes on after a judged fall, and tells of none after it', () => {
    const c = cells(1, { operations: { fail: { run: (now) => now.fall('early', 'fell') } } });
    const seen: number[] = [];
    const first = function* (): Steps<void> {
      const x = yield* c.read(0);
      if (x === 0) yield* c.call('fail');
      seen.push(x);
      yield* c.assertThat(x !== 1, 'late');
    };
    const program = {
      world: c.world,
      threads: [thread('A', first), thread('B', () => c.write(0, 1))],
    };
    const result = explore(program, { strategy });
    expect(result).toMatchObject({ verdict: 'violates', executions: 2n });
    expect(result.fell.map(({ invariant }) => invariant).sort()).toEqual(['assert', 'early']);
    expect(new Set(seen)).toEqual(new Set([0, 1]));

    const wrong = function* (): Steps<void> {
      yield* c.assertThat(false, 'wrong');
      yield* c.call('fail');
      yield* c.waitUntil(0, 7);
    };
    const after = explore({ world: c.world, threads: [thread('A', wrong)] }, { strategy });
    expect(after.fell.map(({ invariant }) => invariant)).toEqual(['assert']);
    expect(after).toMatchObject({ executions: 1n, terminalStates: 1, transitions: 2 });
  });

  it('takes operations apart by the cells that they touch', () => {
    const bump = (cell: number) => ({
      run: (now: { get(c: number): number; set(c: number, v: number): void }) =>
        now.set(cell, now.get(cell) + 1),
    });
    const c = cells(2, {
      operations: { bump0: bump(0), bump1: bump(1), peek0: { run: (now) => now.get(0) } },
    });
    const program = (one: string, other: string): Program => ({
      world: c.world,
      threads: [
        thread('A', () => c.call(one)),
        thread('B', () => c.call(other)),
        thread('C', () => c.read(0)),
      ],
    });
    expectTraces(program('bump0', 'bump0'), 6); // A, B, C all conflict: 3!
    expectTraces(program('bump0', 'bump1'), 2); // only A and C
    expectTraces(program('bump1', 'bump1'), 2); // only A and B
    expectTraces(program('bump0', 'peek0'), 4); // A with B and with C, as one writer and two readers
  });

  it('reverses steps of operations that wait for several cells', () => {
    // The gate waits for both cells to be 0: closed by A for ever, or by B for ever, or passed before both.
    const c = cells(3, {
      operations: {
        pass: { when: (now) => now.get(0) + now.get(1) === 0, run: (now) => now.set(2, 1) },
      },
    });
    const result = explore(
      {
        world: c.world,
        threads: [
          thread('A', () => c.write(0, 1)),
          thread('B', () => c.write(1, 1)),
          { name: 'gate', role: 'agent', start: () => c.call('pass') },
        ],
        sometimes: [{ name: 'passed', test: () => c.now.get(2) === 1 }],
      },
      { strategy },
    );
    // All steps conflict here. A B, B A without the gate; the gate first, then A B or B A.
    expect(result).toMatchObject({ verdict: 'holds', executions: 4n, redundant: 0 });
    expect(result.reached[0]?.reached).toBe(true);
  });

  it('is unknown at a bound, and names it', () => {
    expect(explore(writersOfOneCell(4), { strategy, maxExecutions: 7 })).toMatchObject({
      verdict: 'unknown',
      executions: 7n,
      bounds: [{ option: 'maxExecutions', limit: 7 }],
    });
    expect(explore(peterson('flag-first'), { strategy, maxSteps: 8, maxExecutions: 5 })).toMatchObject({
      verdict: 'unknown',
      bounds: [{ option: 'maxExecutions' }, { option: 'maxSteps' }],
    });
    expect(explore(criticalSections(2, 1), { strategy, maxDepth: 1 })).toMatchObject({
      verdict: 'unknown',
      bounds: [{ option: 'maxDepth', limit: 1 }],
    });
  });

  it('is not fooled by a first state that is wrong', () => {
    const c = cells(1);
    c.world.execute(0, c.world.prepare({ kind: 'assert', object: '', operands: ['wrong'], fn: '' }));
    const program = { world: c.world, threads: [thread('A', () => c.read(0))] };
    expect(explore(program, { strategy })).toMatchObject({ verdict: 'violates', executions: 0n });
  });

  it('leaves the world as it was, and finds the same again', () => {
    const program = lastZero(4);
    const results = [1, 2].map(() => explore(program, { strategy }));
    expect(results[0]).toEqual(results[1]);
    expect([0, 1, 2, 3, 4].map((i) => program.cells.now.get(i))).toEqual([0, 0, 0, 0, 0]);
  });
});

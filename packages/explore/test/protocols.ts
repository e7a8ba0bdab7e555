import { cells } from '../src/index.js';
import type { Cells, Program, Steps, Thread } from '../src/index.js';

/** Small programs that several specs look at. */

export const thread = (name: string, start: () => Steps<unknown>): Thread => ({ name, start });

/** Two increments of one cell; `atomic` retries a compareAndSwap, else a read is followed by a write. */
export function increments(how: 'read-write' | 'compareAndSwap'): Program {
  const c = cells(1, { names: ['x'], final: { sum: (now) => now.get(0) === 2 || `x is ${now.get(0)}` } });
  function* increment(): Steps<void> {
    for (;;) {
      const x = yield* c.read(0);
      if (how === 'read-write') return yield* c.write(0, x + 1);
      if (yield* c.compareAndSwap(0, x, x + 1)) return;
    }
  }
  return { world: c.world, threads: [thread('A', increment), thread('B', increment)] };
}

/** Two locks, taken by A as 0, 1 and by B in the order given. */
export function lockOrder(second: readonly [number, number]): Program {
  const c = cells(0, { locks: 2 });
  const take = function* ([outer, inner]: readonly [number, number]): Steps<void> {
    yield* c.lock(outer);
    yield* c.lock(inner);
    yield* c.unlock(inner);
    yield* c.unlock(outer);
  };
  return { world: c.world, threads: [thread('A', () => take([0, 1])), thread('B', () => take(second))] };
}

const [FLAG_0, FLAG_1, TURN, INSIDE] = [0, 1, 2, 3];

/**
 * Peterson's mutual exclusion, `rounds` entries per thread. The broken twin takes the turn before it raises its flag.
 *
 * @see G. L. Peterson, "Myths about the mutual exclusion problem", Information Processing Letters 12 (3), 1981
 */
export function peterson(order: 'flag-first' | 'turn-first', rounds = 2): Program {
  const c = cells(4, {
    names: ['flag0', 'flag1', 'turn', 'inside'],
    invariants: { exclusion: (now) => now.get(INSIDE) <= 1 || 'both are inside' },
  });
  function* enter(c: Cells, me: number): Steps<void> {
    const [mine, others, other] = me === 0 ? [FLAG_0, FLAG_1, 1] : [FLAG_1, FLAG_0, 0];
    for (let round = 0; round < rounds; round++) {
      if (order === 'turn-first') yield* c.write(TURN, other);
      yield* c.write(mine, 1);
      if (order === 'flag-first') yield* c.write(TURN, other, { forget: `${round} waits` });
      while (
        (yield* c.read(others, { forget: `${round} flag` })) === 1 &&
        (yield* c.read(TURN, { forget: `${round} turn` })) === other
      );
      yield* c.fetchAdd(INSIDE, 1, { forget: `${round} in` });
      yield* c.fetchAdd(INSIDE, -1, { forget: `${round} out` });
      yield* c.write(mine, 0, { forget: `${round} over` });
    }
  }
  return {
    world: c.world,
    threads: [0, 1].map((me) => thread(`P${me}`, () => enter(c.as('enter'), me))),
    sometimes: [
      { name: 'P0 waits for its turn', test: () => c.now.get(FLAG_0) === 1 && c.now.get(TURN) === 1 },
      { name: 'both are inside', test: () => c.now.get(INSIDE) === 2 },
    ],
  };
}

/**
 * The last-zero program: thread 0 looks for the last zero of an array from its top down, and thread i (1 to n) sets
 * cell i to one more than cell i - 1.
 *
 * @see P. Abdulla, S. Aronis, B. Jonsson, K. Sagonas, "Optimal dynamic partial order reduction", POPL 2014, Fig. 5
 */
export function lastZero(
  n: number,
  ended: (cells: readonly number[]) => void = () => {},
): Program & { readonly cells: Cells } {
  const c = cells(n + 1, {
    final: {
      heard: (now) => {
        ended(Array.from({ length: n + 1 }, (_, i) => now.get(i)));
        return true;
      },
    },
  });
  const seek = function* (): Steps<void> {
    let i = n;
    while ((yield* c.read(i)) !== 0) i--;
  };
  const raise = function* (j: number): Steps<void> {
    const below = yield* c.read(j - 1);
    yield* c.write(j, below + 1);
  };
  const threads = [thread('seek', seek)];
  for (let j = 1; j <= n; j++) threads.push(thread(`raise${j}`, () => raise(j)));
  return { world: c.world, threads, cells: c };
}

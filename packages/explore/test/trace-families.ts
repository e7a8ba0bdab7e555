import { cells } from '../src/index.js';
import type { Program, Steps } from '../src/index.js';
import { thread } from './protocols.js';

/** Programs whose numbers of Mazurkiewicz traces are known, from the literature or by the proof beside them. */

const numbers = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** One trace: no two events conflict. */
export function writersOfTheirOwn(n: number): Program {
  const c = cells(n);
  return { world: c.world, threads: numbers(n).map((i) => thread(`W${i}`, () => c.write(i, 1))) };
}

/** n! traces: every two events conflict. */
export function writersOfOneCell(n: number): Program {
  const c = cells(1);
  return { world: c.world, threads: numbers(n).map((i) => thread(`W${i}`, () => c.write(0, i))) };
}

/** 2^n traces: a reader conflicts with the writer only. */
export function oneWriterManyReaders(n: number): Program {
  const c = cells(1);
  const readers = numbers(n).map((i) => thread(`R${i}`, () => c.read(0)));
  return { world: c.world, threads: [...readers, thread('W', () => c.write(0, 1))] };
}

/** (n k)! / k!^n traces: the sections of all threads follow each other, those of one in their order. */
export function criticalSections(n: number, k: number): Program {
  const c = cells(1, { locks: 1 });
  const run = function* (): Steps<void> {
    for (let section = 0; section < k; section++) {
      yield* c.lock(0);
      const x = yield* c.read(0);
      yield* c.write(0, x + 1);
      yield* c.unlock(0);
    }
  };
  return { world: c.world, threads: numbers(n).map((i) => thread(`T${i}`, run)) };
}

/** 2^n traces: threads of different pairs touch nothing in common, the two of a pair have two orders of sections. */
export function pairsOfLocks(n: number): Program {
  const c = cells(n, { locks: n });
  const run = function* (pair: number): Steps<void> {
    yield* c.lock(pair);
    yield* c.write(pair, 1);
    yield* c.unlock(pair);
  };
  const threads = numbers(2 * n).map((i) => thread(`T${i}`, () => run(i >> 1)));
  return { world: c.world, threads };
}

/** A waiter for 1, and writers of 1 and 2. */
export function overwrites(): Program {
  const c = cells(1);
  return {
    world: c.world,
    threads: [
      thread('waiter', () => c.waitUntil(0, 1)),
      thread('one', () => c.write(0, 1)),
      thread('two', () => c.write(0, 2)),
    ],
  };
}

const [SIZE, MESSAGES] = [128, 4];

/**
 * Threads that put four messages each into a hash table by compare-and-swap.
 *
 * Message w = 11 m + tid goes to 7 w mod 128. As 7 is odd and w < 128, two messages meet only when their w is equal:
 * message m + 1 of thread t and message m of thread t + 11, for m = 1, 2, 3 (and t < 11 here). The second to come takes
 * the next slot, which is that of w + 55, larger than any w of up to 15 threads, so nothing else meets. Each of the
 * three meetings has two orders, and any choice of them can be had, since the meetings lie in the same order in both
 * threads: 8^(n - 11) traces for n from 11 to 15.
 *
 * @see C. Flanagan, P. Godefroid, "Dynamic partial-order reduction for model checking software", POPL 2005:
 * the benchmark; the count is proved here
 */
export function indexer(n: number): Program {
  const c = cells(SIZE);
  const run = function* (tid: number): Steps<void> {
    for (let m = 1; m <= MESSAGES; m++) {
      const w = m * 11 + tid;
      for (let h = (w * 7) % SIZE; !(yield* c.compareAndSwap(h, 0, w)); h = (h + 1) % SIZE);
    }
  };
  return { world: c.world, threads: numbers(n).map((tid) => thread(`T${tid}`, () => run(tid))) };
}

const [NR_BLOCKS, NR_INODES] = [26, 32];

/**
 * Threads that allocate a block to an inode of their own, under a lock for each inode and each block.
 *
 * Thread i begins to look at block 2 i mod 26, so only threads i and i + 13 (i < 13, up to 26 threads) look at the same
 * block first. Whoever comes second finds it busy and takes the next, of odd number, at which nobody else looks. So each
 * such pair has two orders of its sections on that block's lock, and pairs have nothing in common: 2^(n - 13) traces for
 * n from 13 to 26.
 *
 * @see C. Flanagan, P. Godefroid, "Dynamic partial-order reduction for model checking software", POPL 2005:
 * the benchmark; the count is proved here
 */
export function fileSystem(n: number): Program {
  const [inode, busy] = [(i: number): number => i, (b: number): number => NR_INODES + b];
  const c = cells(NR_INODES + NR_BLOCKS, { locks: NR_INODES + NR_BLOCKS });
  const run = function* (tid: number): Steps<void> {
    const i = tid % NR_INODES;
    yield* c.lock(i);
    if ((yield* c.read(inode(i))) === 0) {
      for (let b = (i * 2) % NR_BLOCKS; ; b = (b + 1) % NR_BLOCKS) {
        yield* c.lock(NR_INODES + b);
        const free = (yield* c.read(busy(b))) === 0;
        if (free) {
          yield* c.write(busy(b), 1);
          yield* c.write(inode(i), b + 1);
        }
        yield* c.unlock(NR_INODES + b);
        if (free) break;
      }
    }
    yield* c.unlock(i);
  };
  return { world: c.world, threads: numbers(n).map((tid) => thread(`T${tid}`, () => run(tid))) };
}

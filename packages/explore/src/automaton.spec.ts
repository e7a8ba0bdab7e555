import { describe, expect, it } from 'vitest';
import { PLAIN } from '../test/json.js';
import { thread } from '../test/protocols.js';
import { cells, explore, ExploreError } from './index.js';
import type { ExploreErrorCode, Step, Steps, Thread } from './index.js';

const c = cells(2);
const errorOf = (...threads: Thread[]): ExploreError => {
  try {
    explore({ world: c.world, threads });
  } catch (error) {
    if (error instanceof ExploreError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
};
const writer = thread('W', () => c.write(0, 1));

describe('explore, learning a thread', () => {
  it('starts a generator as often as its histories need, not once per state', () => {
    let starts = 0;
    const count = thread('A', () => {
      starts++;
      return c.read(0);
    });
    const threads = [count, writer, thread('V', () => c.write(1, 1))];
    const result = explore({ world: c.world, threads }, PLAIN);
    // Once to learn the first step; for each of two values read one run, one of them the first going on; and each end
    // is checked by a run of its own.
    expect(starts).toBe(1 + 1 + 2);
    expect(result.states).toBeGreaterThan(starts);
  });

  it.each<[string, ExploreErrorCode, RegExp, () => Steps<unknown>]>([
    [
      'takes another step when run again',
      'NONDETERMINISTIC',
      /^thread A takes "write cell\[1\] 2" after 1 steps where it took "write cell\[1\] 1" on the same results/,
      (() => {
        let runs = 0;
        return function* () {
          const run = ++runs;
          yield* c.read(0);
          yield* c.write(1, run);
        };
      })(),
    ],
    [
      'ends later when run again',
      'NONDETERMINISTIC',
      /^thread A takes "read cell\[0\]" after 1 steps where it had ended/,
      (() => {
        let runs = 0;
        return function* () {
          for (let i = ++runs; i > 0; i--) yield* c.read(0);
        };
      })(),
    ],
    [
      'ends sooner when run again',
      'NONDETERMINISTIC',
      /^thread A takes no step after 0 steps where it took "read cell\[0\]"/,
      (() => {
        let runs = 0;
        return function* () {
          if (++runs === 1) yield* c.read(0);
        };
      })(),
    ],
    [
      'forgets what it still uses',
      'BAD_FORGET',
      /^thread A forgets alike under "all" with result undefined, but goes on with "write cell\[1\] 0" or with "write cell\[1\] 1"/,
      function* () {
        const value = yield* c.read(0);
        yield* c.write(1, 5, { forget: 'all' });
        yield* c.write(1, value);
      },
    ],
    [
      'throws',
      'THREAD_THREW',
      /^thread A threw after 1 steps: oops$/,
      function* () {
        yield* c.read(0);
        throw new Error('oops');
      },
    ],
    [
      'yields what is no step',
      'BAD_STEP',
      /^thread A yielded an object, which is not a step; write yield\*/,
      function* () {
        yield c.read(0) as unknown as Step;
      },
    ],
    [
      'names a cell that does not exist',
      'THREAD_THREW',
      /there is no cell 2; there are 2/,
      function* () {
        yield* c.read(2);
      },
    ],
    [
      'yields a step that the world does not know',
      'BAD_STEP',
      /^a world of cells cannot do "f: load pmd 0x20"$/,
      function* () {
        yield { kind: 'load', object: 'pmd', operands: [0x20n], fn: 'f' };
      },
    ],
  ])('says by name which thread %s', (_, code, message, start) => {
    const error = errorOf(thread('A', start), writer);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
  });

  it('keeps the exception of a thread as the cause', () => {
    const cause = new Error('oops');
    const start = function* (): Steps<void> {
      throw cause;
    };
    expect(errorOf(thread('A', start)).cause).toBe(cause);
    const options = { strategy: 'random' as const };
    expect(() => explore({ world: c.world, threads: [thread('A', start)] }, options)).toThrow(
      expect.objectContaining({ code: 'THREAD_THREW', cause }),
    );
  });

  it('tells results apart that print alike', () => {
    const results = [1, 1n, '1', true, 'true', undefined, 'undefined'];
    const o = cells(1, {
      operations: { draw: { run: (now) => results[now.get(0)] } },
      final: { seen: (now) => now.get(0) < 100 },
    });
    const seen = new Set<string>();
    const program = {
      world: o.world,
      threads: [
        thread('A', function* () {
          const result = yield* o.call('draw');
          seen.add(`${typeof result} ${String(result)}`);
          yield* o.write(0, typeof result === 'bigint' ? 50 : 60);
        }),
        thread('B', function* () {
          for (let i = 1; i < results.length; i++) yield* o.fetchAdd(0, 1);
        }),
      ],
    };
    explore(program);
    expect(seen.size).toBe(results.length);
  });

  it('takes the start of a thread for the state behind a step that forgets alike', () => {
    const o = cells(1);
    const toggle = function* (): Steps<void> {
      for (;;) {
        yield* o.compareAndSwap(0, 0, 1, { forget: 'half' });
        yield* o.write(0, 0, { forget: 'idle' });
      }
    };
    const states = (agent: Partial<Thread>): number =>
      explore({ world: o.world, threads: [{ name: 'I', role: 'agent', start: toggle, ...agent }] }, PLAIN)
        .states;
    // At the head with 0, and behind the swap with 1; the start is a third place unless it is said to be the head.
    expect(states({ forget: 'idle' })).toBe(2);
    expect(states({})).toBe(3);
  });
});

import { describe, expect, it } from 'vitest';
import { thread } from '../test/protocols.js';
import { cells, explore, LIVELOCK } from './index.js';
import type { Cells, Program, Steps, Thread } from './index.js';

const FLAG = 0;

/** Reads the flag until it is up; the loop forgets, so that it is one place. */
const spin = (c: Cells) =>
  function* (): Steps<void> {
    while ((yield* c.as('spin').read(FLAG, { forget: 'again' })) === 0);
  };

const programOf = (c: Cells, ...threads: Thread[]): Program => ({ world: c.world, threads });

describe('livelock', () => {
  it('falls where nobody ever raises the flag', () => {
    const c = cells(1, { names: ['flag'] });
    const result = explore(programOf(c, thread('A', spin(c))));
    expect(result).toMatchObject({ verdict: 'violates', invariant: LIVELOCK });
    expect(result.fell[0]?.cycle).toEqual([{ actor: 'A', step: 'spin: read flag' }]);
    expect(result.message).toBe(
      'A goes round for ever: 1 steps, after which it is where it was, and nothing that it reads has been changed by others',
    );
  });

  it('holds where another thread raises it: fairness has it do so', () => {
    const c = cells(1);
    const result = explore(
      programOf(
        c,
        thread('A', spin(c)),
        thread('B', () => c.write(FLAG, 1)),
      ),
    );
    expect(result.verdict).toBe('holds');
  });

  it('falls where the other thread waits for a lock that the spinning one holds', () => {
    const c = cells(1, { locks: 1, names: ['flag'] });
    const holding = function* (): Steps<void> {
      yield* c.lock(0);
      yield* spin(c)();
      yield* c.unlock(0);
    };
    const raising = function* (): Steps<void> {
      yield* c.lock(0);
      yield* c.write(FLAG, 1);
      yield* c.unlock(0);
    };
    const result = explore(programOf(c, thread('A', holding), thread('B', raising)));
    expect(result).toMatchObject({ invariant: LIVELOCK, schedule: [{ actor: 'A', step: 'lock lock[0]' }] });
    // The same without the lock around the loop.
    const patient = explore(programOf(c, thread('A', spin(c)), thread('B', raising)));
    expect(patient.verdict).toBe('holds');
  });

  it('finds a retry loop that takes and gives back a lock, since what it retries on does not change', () => {
    const c = cells(1, { locks: 1, names: ['ready'] });
    const retry = function* (): Steps<void> {
      for (;;) {
        yield* c.as('retry').lock(0, { forget: 'locked' });
        const ready = yield* c.as('retry').read(FLAG, { forget: 'read' });
        yield* c.as('retry').unlock(0, { forget: `unlocked ${ready}` });
        if (ready === 1) return;
      }
    };
    const result = explore(programOf(c, thread('A', retry)));
    expect(result.invariant).toBe(LIVELOCK);
    expect(result.fell[0]?.cycle?.map(({ step }) => step).sort()).toEqual([
      'retry: lock lock[0]',
      'retry: read ready',
      'retry: unlock lock[0]',
    ]);
  });

  it('holds where the other thread can step only now and then: strong fairness has it step all the same', () => {
    const c = cells(1, { locks: 1, names: ['flag'] });
    const polite = function* (): Steps<void> {
      for (;;) {
        yield* c.lock(0, { forget: 'locked' });
        const flag = yield* c.read(FLAG, { forget: 'read' });
        yield* c.unlock(0, { forget: `unlocked ${flag}` });
        if (flag === 1) return;
      }
    };
    const raising = function* (): Steps<void> {
      yield* c.lock(0);
      yield* c.write(FLAG, 1);
      yield* c.unlock(0);
    };
    expect(explore(programOf(c, thread('A', polite), thread('B', raising))).verdict).toBe('holds');
  });

  it('finds a way round that keeps out of the states in which the other could step', () => {
    // While the gate is open B can raise the flag; A opens it once, and then spins behind a gate that it has shut again.
    const c = cells(2, {
      names: ['flag', 'gate'],
      operations: {
        raise: { when: (now) => now.get(1) === 1, run: (now) => now.set(0, 1) },
      },
    });
    const shutting = function* (): Steps<void> {
      yield* c.write(1, 1);
      yield* c.write(1, 0);
      yield* spin(c)();
    };
    const result = explore(
      programOf(
        c,
        thread('A', shutting),
        thread('B', () => c.call('raise')),
      ),
      {
        strategy: 'exhaustive',
      },
    );
    expect(result.fell.map(({ invariant }) => invariant)).toContain(LIVELOCK);
  });

  it('asks no fairness of a thread that is not fair', () => {
    const c = cells(1);
    const hardware: Thread = { name: 'H', role: 'agent', start: () => c.write(FLAG, 1) };
    expect(explore(programOf(c, thread('A', spin(c)), hardware)).verdict).toBe('holds');
    const may = { ...hardware, fair: false };
    expect(explore(programOf(c, thread('A', spin(c)), may)).invariant).toBe(LIVELOCK);
    // Once begun it must go on: the gate that it shuts it opens again.
    const d = cells(2);
    const shutAndOpen: Thread = {
      name: 'H',
      role: 'agent',
      fair: false,
      *start() {
        yield* d.write(1, 1);
        yield* d.write(1, 0);
      },
    };
    const behind = thread('B', function* () {
      yield* d.waitUntil(1, 0);
      yield* d.write(FLAG, 1);
    });
    expect(explore(programOf(d, thread('A', spin(d)), behind, shutAndOpen)).verdict).toBe('holds');
  });

  it('does not take two threads that keep changing what the other reads for one: that state changes', () => {
    const c = cells(1);
    const toggle = (mine: number, other: number) =>
      function* (): Steps<void> {
        while (yield* c.compareAndSwap(FLAG, mine, other, { forget: 'swapped' }));
      };
    // Each goes on for as long as the other has given the turn back.
    const result = explore(programOf(c, thread('A', toggle(0, 1)), thread('B', toggle(1, 0))));
    expect(result.verdict).toBe('holds');
  });

  it('is not looked for when told so, after a violation, or behind a bound', () => {
    const c = cells(1);
    const program = programOf(c, thread('A', spin(c)));
    expect(explore(program, { liveness: false }).verdict).toBe('holds');
    expect(explore(program, { maxStates: 1, strategy: 'exhaustive' }).invariant).toBe(LIVELOCK);
    const two = programOf(
      c,
      thread('A', spin(c)),
      thread('B', () => c.write(0, 0)),
    );
    expect(explore(two, { maxStates: 1, strategy: 'exhaustive' }).verdict).toBe('unknown');
    const falling = function* (): Steps<void> {
      yield* c.assertThat(false, 'falls');
    };
    expect(explore(programOf(c, thread('A', spin(c)), thread('B', falling))).invariant).toBe('assert');
  });

  it('sees steps that sleep sets leave out', () => {
    // B's write commutes with A's read of another cell, so one order of them is left out; the loop is found all the same.
    const c = cells(2, { names: ['flag', 'other'] });
    const result = explore(
      programOf(
        c,
        thread('A', spin(c)),
        thread('B', () => c.write(1, 1)),
      ),
    );
    expect(result.invariant).toBe(LIVELOCK);
  });
});

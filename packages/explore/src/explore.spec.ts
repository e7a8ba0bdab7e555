import { describe, expect, it } from 'vitest';
import { PLAIN, toJson } from '../test/json.js';
import { increments, lastZero, lockOrder, peterson, thread } from '../test/protocols.js';
import { SIZES, svz, svzByLabel } from '../test/svz.js';
import { cells, explore, ExploreError } from './index.js';
import type { CellOp, ExploreOptions, ExploreResult, Program, Steps, World } from './index.js';

const twoSteps = (c: ReturnType<typeof cells>) =>
  function* (): Steps<void> {
    yield* c.write(0, 1);
    yield* c.write(0, 2);
  };

describe('explore, on protocols', () => {
  it('finds the shortest schedule by which an update is lost', () => {
    // Ar Aw Br Bw and Br Bw Ar Aw keep both; ArBrAwBw, ArBrBwAw, BrArAwBw and BrArBwAw lose one.
    const result = explore(increments('read-write'), PLAIN);
    expect(result).toMatchObject({
      verdict: 'violates',
      invariant: 'sum',
      message: 'x is 1',
      executions: 6n,
    });
    expect(result.schedule).toEqual([
      { actor: 'A', step: 'read x' },
      { actor: 'B', step: 'read x' },
      { actor: 'A', step: 'write x 1' },
      { actor: 'B', step: 'write x 1' },
    ]);
  });

  it('finds that a compareAndSwap loses none', () => {
    const result = explore(increments('compareAndSwap'));
    expect(result).toMatchObject({ verdict: 'holds', invariant: null, schedule: [], fell: [], bounds: [] });
  });

  it('prints who waits for whom when two locks are taken in opposite order', () => {
    const result = explore(lockOrder([1, 0]));
    expect(result).toMatchObject({
      verdict: 'violates',
      invariant: 'deadlock',
      message: 'A waits for B, B waits for A',
      schedule: [
        { actor: 'A', step: 'lock lock[0]' },
        { actor: 'B', step: 'lock lock[1]' },
      ],
    });
  });

  it('finds no deadlock when both take the locks in one order', () => {
    // B's first step waits for A's last or the other way round: two schedules, of 8 steps each.
    expect(explore(lockOrder([0, 1]))).toMatchObject({ verdict: 'holds', states: 16, executions: 2n });
  });

  it('finds that Peterson excludes, and that its waiting is reached', () => {
    const result = explore(peterson('flag-first'));
    expect(result).toMatchObject({ verdict: 'holds', executions: null });
    expect(result.reached.map(({ name, reached }) => [name, reached])).toEqual([
      ['P0 waits for its turn', true],
      ['both are inside', false],
    ]);
    expect(result.reached[0]?.schedule).toEqual([
      { actor: 'P0', step: 'enter: write flag0 1' },
      { actor: 'P0', step: 'enter: write turn 1' },
    ]);
  });

  it('finds how Peterson with turn and flag exchanged lets both in', () => {
    // P1 must see flag0 down (4 steps), so P0 sees flag1 up and needs its turn, too (5 steps).
    const result = explore(peterson('turn-first'), { strategy: 'exhaustive' });
    expect(result).toMatchObject({ verdict: 'violates', invariant: 'exclusion', message: 'both are inside' });
    expect(result.schedule).toHaveLength(9);
    expect(result.reached[1]).toEqual({ name: 'both are inside', reached: true, schedule: result.schedule });
  });

  it.each([1, 2, 3, 4])('finds the final states of lastzero(%i)', (n) => {
    // raise1 writes 1; raise j writes 1 or one more than what raise j - 1 has written.
    let expected = [[0, 1]];
    for (let j = 2; j <= n; j++) {
      expected = expected.flatMap((row) => [
        [...row, 1],
        [...row, (row[j - 1] as number) + 1],
      ]);
    }
    const finals = new Set<string>();
    const { cells: c, ...program } = lastZero(n, (now) => finals.add(now.join()));
    const result = explore(program);
    expect(result.verdict).toBe('holds');
    expect([...finals].sort()).toEqual(expected.map((row) => row.join()).sort());
    expect(c.now.get(1)).toBe(0);
  });

  it('counts the executions of lastzero(1)', () => {
    // seek reads 0 and is done before or after raise1 has read (2), or reads 1 after raise1 and then cell 0 (1).
    expect(explore(lastZero(1), PLAIN).executions).toBe(3n);
  });

  it('counts executions beyond the integers that a number holds', () => {
    // 3 threads of 20 steps: 60! / (20!)^3.
    const c = cells(3);
    const count = function* (cell: number): Steps<void> {
      for (let i = 0; i < 20; i++) yield* c.fetchAdd(cell, 1);
    };
    const factorial = (n: bigint): bigint => (n === 0n ? 1n : n * factorial(n - 1n));
    const threads = [0, 1, 2].map((i) => thread(`T${i}`, () => count(i)));
    const result = explore({ world: c.world, threads }, PLAIN);
    expect(result.executions).toBe(factorial(60n) / factorial(20n) ** 3n);
    expect(result).toMatchObject({ states: 21 ** 3, transitions: 3 * 20 * 21 ** 2, terminalStates: 1 });
  });
});

describe('explore, judging', () => {
  const falls = (judgedBy?: readonly string[]): Program => {
    const c = cells(1, {
      invariants: { small: (now) => now.get(0) < 2, tiny: (now) => now.get(0) < 1 },
      final: { even: (now) => now.get(0) % 2 === 0 || 'it is odd' },
    });
    const add = function* (): Steps<void> {
      yield* c.fetchAdd(0, 1);
    };
    const threads = ['A', 'B', 'C'].map((name) => thread(name, add));
    return { world: c.world, threads, ...(judgedBy === undefined ? {} : { judgedBy }) };
  };
  const lengths = ({ fell }: ExploreResult): unknown =>
    fell.map(({ invariant, judged, schedule }) => [invariant, judged, schedule.length]);

  it('is judged by all invariants when none are named, and enters no state behind a fall', () => {
    const result = explore(falls());
    expect(result).toMatchObject({ verdict: 'violates', invariant: 'tiny', alsoFell: [], states: 1 });
    expect(lengths(result)).toEqual([['tiny', true, 1]]);
  });

  it('lists what fell but is not judged, over the whole space', () => {
    const result = explore(falls(['other']));
    expect(result).toMatchObject({ verdict: 'holds', invariant: null, alsoFell: ['even', 'small', 'tiny'] });
    expect(result).toMatchObject({ states: 8, transitions: 12, executions: 6n });
    expect(lengths(result)).toEqual([
      ['tiny', false, 1],
      ['small', false, 2],
      ['even', false, 3],
    ]);
  });

  it('goes on after a violation, unless told to stop', () => {
    const program = svz(SIZES.S, 'bug');
    const strategy = 'exhaustive';
    const [whole, stopped] = [
      explore(program, { strategy }),
      explore(program, { strategy, stopAtFirst: true }),
    ];
    expect(whole).toMatchObject({ verdict: 'violates', invariant: 'stale-tlb' });
    expect(stopped.states).toBeLessThan(whole.states);
    expect(stopped.executions).toBeNull();
    expect([stopped.invariant, stopped.schedule]).toEqual([whole.invariant, whole.schedule]);
  });

  it('names the judged invariant that stands first when several fall at once', () => {
    const c = cells(1, { invariants: { a: () => false, b: () => false } });
    const program = { world: c.world, threads: [thread('A', twoSteps(c))] };
    expect(explore(program).invariant).toBe('a');
    expect(explore({ ...program, judgedBy: ['b', 'a'] }).invariant).toBe('b');
    expect(explore({ ...program, judgedBy: ['b'] })).toMatchObject({ invariant: 'b', alsoFell: ['a'] });
  });

  it('prefers a deadlock to a fall that takes one step more', () => {
    // After the write of A nothing can step (1 step); or C goes first, and its third step lets `low` fall.
    const c = cells(2, { invariants: { low: (now) => now.get(1) < 2 } });
    const program = {
      world: c.world,
      threads: [
        thread('C', function* () {
          yield* c.waitUntil(0, 0);
          if ((yield* c.read(0)) === 0) yield* c.write(1, 2);
        }),
        thread('A', () => c.write(0, 1)),
        thread('B', () => c.waitUntil(0, 0)),
      ],
    };
    const result = explore(program);
    expect(result.fell.map(({ invariant, schedule }) => [invariant, schedule.length])).toEqual([
      ['deadlock', 1],
      ['low', 3],
    ]);
    expect(result.invariant).toBe('deadlock');
  });

  it.each([
    ['end', 'end', 1],
    ['early', 'late', 2],
  ])('puts the shorter fall first when it is found later (%s, %s)', (early, late, count) => {
    // The final invariant falls after B and X, the other in a step of A: found first in that level, but longer.
    const c = cells(2, {
      invariants: { [late]: (now) => now.get(0) < 2 },
      final: { [early]: (now) => now.get(0) !== 0 },
    });
    const program: Program = {
      world: c.world,
      threads: [
        { name: 'A', role: 'agent', start: () => twoStepsWhen(1) },
        thread('B', function* () {
          yield* c.fetchAdd(1, 1);
        }),
        { name: 'X', role: 'agent', start: () => c.write(1, 7) },
      ],
    };
    function* twoStepsWhen(value: number): Steps<void> {
      yield* c.waitUntil(1, value);
      yield* c.write(0, 2);
    }
    const { schedule, fell } = explore(program);
    expect(fell.map(({ invariant }) => invariant)).toEqual([early, late].slice(0, count));
    expect(schedule.map(({ actor }) => actor)).toEqual(['B', 'X']);
  });

  it('reports what fell before the first step', () => {
    const c = cells(1);
    const world = c.world as ReturnType<typeof cells>['world'] & { fall(name: string, why: string): void };
    world.fall('setup', 'it was wrong from the start');
    const program = { world, threads: [thread('A', twoSteps(c))] };
    expect(explore(program)).toMatchObject({
      verdict: 'violates',
      invariant: 'setup',
      schedule: [],
      states: 1,
    });
  });
});

describe('explore, ends of schedules', () => {
  it('lets agents stay unfinished', () => {
    const c = cells(1);
    const wait = (): Steps<void> => c.waitUntil(0, 5);
    const threads = [thread('A', twoSteps(c))];
    const agent = { name: 'I', role: 'agent' as const, start: wait };
    expect(explore({ world: c.world, threads: [...threads, agent] }).verdict).toBe('holds');
    expect(explore({ world: c.world, threads: [...threads, thread('I', wait)] })).toMatchObject({
      invariant: 'deadlock',
      message: 'I waits for cell[0] to be 5',
    });
  });

  it('asks for the final invariants where all actors have ended, and not in a deadlock', () => {
    const c = cells(1, { final: { never: () => false } });
    const stuck = { world: c.world, threads: [thread('A', () => c.waitUntil(0, 1))] };
    expect(explore(stuck).fell.map(({ invariant }) => invariant)).toEqual(['deadlock']);
    const free = { world: c.world, threads: [thread('A', () => c.waitUntil(0, 0))] };
    expect(explore(free).fell.map(({ invariant }) => invariant)).toEqual(['never']);
  });

  it('rolls back to every mark that it made, and to none twice', () => {
    const c = cells(1, { final: { fine: () => true } });
    const marks: number[] = [];
    let made = 0;
    const world: World<CellOp> = {
      prepare: (step) => c.world.prepare(step),
      enabled: (actor, op) => c.world.enabled(actor, op),
      execute: (actor, op) => c.world.execute(actor, op),
      takeFallen: () => c.world.takeFallen(),
      mark: () => (marks.push(c.world.mark()), made++, marks.at(-1) ?? NaN),
      rollback: (mark) => {
        expect(marks.pop()).toBe(mark);
        c.world.rollback(mark);
      },
      pack: (out) => c.world.pack(out),
      unpack: (from, start, end) => c.world.unpack(from, start, end),
      watch: (watcher) => c.world.watch(watcher),
      finish: () => c.world.finish?.(),
    };
    explore({ world, threads: [thread('A', twoSteps(c))] });
    expect(marks).toHaveLength(0);
    expect(made).toBeGreaterThan(0);
  });

  it('finds no end where an agent can step for ever', () => {
    const c = cells(1, { final: { never: () => false } });
    const spin = function* (): Steps<void> {
      for (;;) yield* c.write(0, 0, { forget: 'again' });
    };
    const agent = { name: 'I', role: 'agent' as const, start: spin, forget: 'again' };
    const result = explore({ world: c.world, threads: [thread('A', twoSteps(c)), agent] });
    // The agent is one state; A's three places with what the cell holds there: 0, 1 or 0, 2 or 0.
    expect(result).toMatchObject({ verdict: 'holds', terminalStates: 0, executions: null, states: 5 });
  });
});

describe('explore, bounds', () => {
  const program = peterson('flag-first');
  const all = explore(program).states;

  it.each<[ExploreOptions, string]>([
    [{ maxStates: all - 1 }, 'maxStates'],
    [{ maxDepth: 5 }, 'maxDepth'],
    [{ maxSteps: 12 }, 'maxSteps'],
    [{ strategy: 'random', runs: 3 }, 'runs'],
  ])('answers unknown under %j and names the option', (options, option) => {
    const result = explore(program, options);
    const limit = options[option as 'runs'];
    expect(result).toMatchObject({ verdict: 'unknown', invariant: null, bounds: [{ option, limit }] });
    expect(result.message).toContain(`raise ${option} ${limit}`);
  });

  it('holds when a bound is just not reached', () => {
    expect(explore(program, { maxStates: all })).toMatchObject({ verdict: 'holds', bounds: [] });
    const c = cells(1);
    const two = { world: c.world, threads: [thread('A', twoSteps(c))] };
    expect(explore(two, { maxDepth: 2, maxSteps: 2 }).verdict).toBe('holds');
    expect(explore(two, { maxDepth: 1 })).toMatchObject({ verdict: 'unknown', states: 2, terminalStates: 0 });
    expect(explore(two, { maxSteps: 1 })).toMatchObject({ verdict: 'unknown', states: 2, terminalStates: 0 });
  });

  it('violates within a bound when something falls there', () => {
    const result = explore(peterson('turn-first'), { maxSteps: 9 });
    expect(result).toMatchObject({ verdict: 'violates', bounds: [{ option: 'maxSteps', limit: 9 }] });
    expect(explore(peterson('turn-first'), { maxSteps: 8 }).verdict).toBe('unknown');
  });

  it.each<[unknown, string]>([
    [{ strategy: 'clever' }, 'UNKNOWN_STRATEGY'],
    [{ maxStates: 0 }, 'BAD_OPTION'],
    [{ maxDepth: 1.5 }, 'BAD_OPTION'],
    [{ maxSteps: Infinity }, 'BAD_OPTION'],
    [{ runs: -1 }, 'BAD_OPTION'],
    [{ seed: 2 ** 32 }, 'BAD_OPTION'],
    [{ strategy: 'replay' }, 'BAD_OPTION'],
    [{ maxstates: 5 }, 'BAD_OPTION'],
  ])('refuses %j with %s', (options, code) => {
    expect(() => explore(program, options as ExploreOptions)).toThrow(
      expect.objectContaining({ name: 'ExploreError', code }),
    );
  });

  it('refuses a program without threads, or with two of one name', () => {
    const { world } = cells(1);
    const a = thread('A', () => cells(1).write(0, 1));
    const bad = (threads: Program['threads']) => () => explore({ world, threads });
    expect(bad([])).toThrow(ExploreError);
    expect(bad([a, a])).toThrow(/two threads are called A/);
  });
});

describe('explore, twice', () => {
  it.each<ExploreOptions>([{}, { strategy: 'random', runs: 50, seed: 7 }])(
    'gives the same bytes, for the same program and for one made anew (%j)',
    (options) => {
      for (const make of [() => peterson('turn-first'), () => svz(SIZES.S, 'bug'), () => lockOrder([1, 0])]) {
        const program = make();
        const first = toJson(explore(program, options));
        expect(toJson(explore(program, options))).toBe(first);
        expect(toJson(explore(make(), options))).toBe(first);
      }
    },
  );

  it('tells of its progress', () => {
    const seen: number[] = [];
    explore(svzByLabel(SIZES.M), { merge: 'none', progress: ({ states }) => seen.push(states) });
    expect(seen[0]).toBe(1);
    expect(seen.length).toBeGreaterThan(1);
  });
});

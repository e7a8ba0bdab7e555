import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toJson } from '../test/json.js';
import { countPreemptions, orderOf, preemptionsOf } from '../test/plain-runs.js';
import { increments, lockOrder, peterson, thread } from '../test/protocols.js';
import { programOf, sketches } from '../test/random-programs.js';
import { SIZES, svz } from '../test/svz.js';
import { cells, explore, exploration, shrink } from './index.js';
import type { Finding } from './index.js';

describe('explore by default', () => {
  it('reports the lost update with one preemption: A reads, B runs, A writes', () => {
    const result = explore(increments('read-write'));
    expect(result).toMatchObject({ strategy: 'simplest', verdict: 'violates', invariant: 'sum' });
    expect(result.schedule).toEqual([
      { actor: 'A', step: 'read x' },
      { actor: 'B', step: 'read x' },
      { actor: 'B', step: 'write x 1' },
      { actor: 'A', step: 'write x 1' },
    ]);
    expect(result.simplest).toMatchObject({ preemptions: 1 });
  });

  it('tells it before the search has seen everything, and goes on to the counts of the whole', () => {
    const program = svz(SIZES.M, 'bug');
    const found: Finding[] = [];
    const search = exploration(program, { found: (finding) => found.push(finding) });
    let step = search.next();
    while (step.done !== true && found.length === 0) step = search.next(undefined);
    expect(step.done).toBe(false);
    while (step.done !== true) step = search.next(undefined);
    const whole = explore(program, { strategy: 'exhaustive' });
    expect(step.value).toMatchObject({
      verdict: 'violates',
      states: whole.states,
      transitions: whole.transitions,
      alsoFell: whole.alsoFell,
    });
    expect(step.value.fell.map(({ invariant }) => invariant)).toEqual(['stale-tlb']);
    expect(found).toEqual([step.value.fell[0]]);
  });

  it('ends at the simplest violation when told to stop at the first', () => {
    const result = explore(svz(SIZES.M, 'bug'), { stopAtFirst: true });
    expect(result.verdict).toBe('violates');
    expect(result.simplest).toMatchObject({ states: result.states, transitions: result.transitions });
  });

  it('holds where nothing falls, and says what the look at simple schedules took', () => {
    const result = explore(peterson('flag-first'));
    expect(result).toMatchObject({ verdict: 'holds', schedule: [], simplest: { preemptions: null } });
    expect(result.simplest?.states).toBeGreaterThan(0);
  });

  it('goes on looking when only the exhaustive search finds the violation', () => {
    // Four handovers, each of them a preemption, since no thread ever waits; the first look ends at one.
    const c = cells(1, { names: ['x'], invariants: { few: (now) => now.get(0) < 4 } });
    const pass = (mine: number) =>
      function* () {
        for (let turn = mine; turn < 4; turn += 2) {
          const x = yield* c.read(0);
          if (x !== turn) return;
          yield* c.write(0, turn + 1);
          yield* c.read(0);
        }
      };
    const program = { world: c.world, threads: [thread('A', pass(0)), thread('B', pass(1))] };
    const result = explore(program, { preemptions: 0 });
    expect(result).toMatchObject({ verdict: 'violates', invariant: 'few' });
    expect(result.simplest?.preemptions).toBeGreaterThan(0);
    expect(explore(program, { strategy: 'replay', schedule: result.schedule }).invariant).toBe('few');
  });

  it('has the fewest preemptions of all violations, shrunk, and the verdict of the exhaustive search', () => {
    fc.assert(
      fc.property(sketches, (sketch) => {
        const program = programOf(sketch, false, () => {});
        const result = explore(program);
        const whole = explore(program, { strategy: 'exhaustive' });
        expect(result.verdict).toBe(whole.verdict);
        expect(result.alsoFell).toEqual(whole.alsoFell);
        if (result.verdict !== 'violates') return;
        const { invariant, message, schedule } = result;
        const again = explore(program, { strategy: 'replay', schedule });
        expect(again).toMatchObject({ drift: null, invariant, message, schedule });
        const { fewest } = preemptionsOf(sketch);
        expect(result.simplest?.preemptions).toBe(fewest);
        expect(countPreemptions(sketch, orderOf(schedule))).toBe(fewest);
        expect(shrink(program, schedule, { preemptions: fewest })).toEqual(schedule);
      }),
      { seed: 11, numRuns: 300 },
    );
  });

  it('gives the same bytes twice', () => {
    for (const make of [() => lockOrder([1, 0]), () => svz(SIZES.S, 'bug')]) {
      expect(toJson(explore(make()))).toBe(toJson(explore(make())));
    }
  });
});

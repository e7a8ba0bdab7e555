import { describe, expect, it } from 'vitest';
import { PLAIN } from '../test/json.js';
import { increments, peterson, thread } from '../test/protocols.js';
import { SIZES, svz } from '../test/svz.js';
import { cells, explore } from './index.js';
import type { Program, Steps } from './index.js';
import { mergedThreads } from './merge.js';

const merged = { strategy: 'exhaustive', sleepSets: false } as const;

/** Reads a cell and then does the same whatever it read; nothing is said to be forgotten. */
function readers(values: number): Program {
  const c = cells(2);
  const read = function* (): Steps<void> {
    yield* c.read(0);
    yield* c.write(1, 1);
    yield* c.write(1, 2);
  };
  const count = function* (): Steps<void> {
    for (let i = 1; i < values; i++) yield* c.write(0, i);
  };
  return { world: c.world, threads: [thread('R', read), thread('W', count)] };
}

describe('merging bisimilar nodes', () => {
  it('makes one place of what was read where nothing depends on it', () => {
    // W has `values` places and the cell goes with it; R is before its read, before either write, or done: 4 places, and
    // cell 1 goes with them. Unmerged, R remembers which of the values so far it has read.
    expect(explore(readers(4), merged).states).toBe(4 * 4);
    expect(explore(readers(4), PLAIN).states).toBeGreaterThan(16);
  });

  it('counts the same schedules, ends and verdicts', () => {
    for (const make of [() => readers(3), () => increments('read-write'), () => peterson('turn-first')]) {
      const [with_, without] = [explore(make(), merged), explore(make(), PLAIN)];
      expect(with_.verdict).toBe(without.verdict);
      expect(with_.executions).toBe(without.executions);
      expect(with_.schedule).toEqual(without.schedule);
      expect(with_.states).toBeLessThanOrEqual(without.states);
    }
  });

  it('has fewer states than Promela processes have for split, zap and fault, written as code', () => {
    // SPIN stores 14,996 at size M: its program counters tell places apart from which the same follows.
    const { verdict, states } = explore(svz(SIZES.M), merged);
    expect(verdict).toBe('holds');
    expect(states).toBeLessThan(14_996);
  });

  it('keeps apart what differs only in a later step', () => {
    const c = cells(2, { final: { kept: (now) => now.get(0) === now.get(1) } });
    const copy = function* (): Steps<void> {
      const value = yield* c.read(0);
      yield* c.fetchAdd(1, 0);
      yield* c.write(1, value);
    };
    const write = function* (): Steps<void> {
      yield* c.write(0, 7);
    };
    const program = { world: c.world, threads: [thread('C', copy), thread('W', write)] };
    const result = explore(program, merged);
    expect(result).toMatchObject({ verdict: 'violates', invariant: 'kept' });
    expect(explore(program, { strategy: 'replay', schedule: result.schedule }).invariant).toBe('kept');
  });

  it('gives up where values have no end, and the search does without', () => {
    const c = cells(1);
    const add = function* (): Steps<void> {
      if ((yield* c.fetchAdd(0, 1)) > 1) yield* c.write(0, 0);
    };
    const program = { world: c.world, threads: [thread('A', add), thread('B', add)] };
    expect(mergedThreads(program)).toBeUndefined();
    expect(explore(program, merged).verdict).toBe('holds');
  });

  it('gives up where a value that never comes makes a thread throw', () => {
    const c = cells(2);
    const careful = function* (): Steps<void> {
      // Cell 1 is 1 only together with cell 0, which is not known beforehand.
      const [a, b] = [yield* c.read(0), yield* c.read(1)];
      if (a === 0 && b === 1) throw new Error('cannot be');
      yield* c.write(1, a);
    };
    const writer = function* (): Steps<void> {
      yield* c.write(0, 1);
      yield* c.write(1, 1);
    };
    const program = { world: c.world, threads: [thread('A', careful), thread('W', writer)] };
    expect(mergedThreads(program)).toBeUndefined();
    expect(() => explore(program, merged)).toThrow('cannot be');
    const inOrder = { ...program, threads: [thread('W', writer), thread('A', () => c.read(0))] };
    expect(explore(inOrder, merged).verdict).toBe('holds');
  });
});

import { describe, expect, it } from 'vitest';
import { thread } from '../test/protocols.js';
import { cells, explore, ExploreError } from './index.js';
import type { Program, Steps } from './index.js';

const errorOf = (program: Program): ExploreError => {
  try {
    explore(program);
  } catch (error) {
    if (error instanceof ExploreError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
};

describe('what a program depends on outside its world', () => {
  it('is found where a thread draws by chance', () => {
    // Seven of eight draws differ between the run that learns a step and the run that checks it.
    let state = 1;
    const chance = (): number => (state = (state * 5 + 3) % 8);
    const c = cells(1);
    const start = function* (): Steps<void> {
      yield* c.write(0, chance());
    };
    const error = errorOf({ world: c.world, threads: [thread('A', start), thread('B', () => c.read(0))] });
    expect(error.code).toBe('NONDETERMINISTIC');
    expect(error.message).toMatch(/^thread A takes "write cell\[0\] \d" after 0 steps where it took "write/);
  });

  it('is found where a thread goes through something that grows outside', () => {
    const seen = new Set<number>();
    const c = cells(1);
    const start = function* (): Steps<void> {
      seen.add(seen.size);
      for (const item of seen) yield* c.write(0, item);
    };
    expect(errorOf({ world: c.world, threads: [thread('A', start)] }).message).toMatch(/^thread A takes /);
  });

  it('is found where an operation depends on a clock', () => {
    let now = 0;
    const c = cells(1, { operations: { stamp: { run: (w) => w.set(0, ++now) } } });
    const error = errorOf({ world: c.world, threads: [thread('A', () => c.call('stamp'))] });
    expect(error.code).toBe('NONDETERMINISTIC');
    expect(error.message).toMatch(/^step "call stamp" of thread A does two things in one state/);
    expect(error.data).toMatchObject({ thread: 'A', step: 'call stamp' });
  });

  it('is found where a thread changes the world between two steps, or reads it there', () => {
    const c = cells(2);
    const changing = function* (): Steps<void> {
      yield* c.read(0);
      (c.world as unknown as { set(cell: number, value: number): void }).set(1, 5);
      yield* c.read(0);
    };
    expect(errorOf({ world: c.world, threads: [thread('A', changing)] }).message).toBe(
      'thread A changes cell 1 of the world after 1 steps, between two steps; make that a step',
    );
    const d = cells(2);
    const reading = function* (): Steps<void> {
      yield* d.write(0, d.now.get(1));
    };
    expect(errorOf({ world: d.world, threads: [thread('A', reading)] }).message).toBe(
      'thread A reads cell 1 of the world after 0 steps, between two steps; make that a step',
    );
  });

  it('is found in a thread that waits for ever', () => {
    let runs = 0;
    const c = cells(2);
    const start = function* (): Steps<void> {
      runs++;
      yield* c.read(0);
      yield* c.waitUntil(1, runs);
    };
    expect(errorOf({ world: c.world, threads: [thread('A', start)] }).code).toBe('NONDETERMINISTIC');
  });
});

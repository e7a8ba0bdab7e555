import { describe, expect, it } from 'vitest';
import { thread } from '../test/protocols.js';
import { cells, explore } from './index.js';
import type { Cells, Steps, Thread, World } from './index.js';

const messageOf = (locks: number, make: (c: Cells) => Thread[]): string => {
  const c = cells(1, { locks, operations: { never: { when: () => false, run: () => undefined } } });
  const { invariant, message } = explore({ world: c.world, threads: make(c) }, { strategy: 'exhaustive' });
  expect(invariant).toBe('deadlock');
  return message;
};
const take = (c: Cells, ...locks: number[]) =>
  function* (): Steps<void> {
    for (const lock of locks) yield* c.lock(lock);
    for (const lock of locks) yield* c.unlock(lock);
  };

describe('deadlock', () => {
  it('prints a cycle of three from its first thread on', () => {
    const philosophers = (c: Cells): Thread[] => [
      thread('A', take(c, 0, 1)),
      thread('B', take(c, 1, 2)),
      thread('C', take(c, 2, 0)),
    ];
    expect(messageOf(3, philosophers)).toBe('A waits for B, B waits for C, C waits for A');
  });

  it('prints the cycle alone when others wait for its members', () => {
    const outsider = (c: Cells): Thread[] => [
      thread('A', function* () {
        yield* c.waitUntil(0, 2);
        yield* c.lock(1);
      }),
      thread('B', function* () {
        yield* c.lock(0);
        yield* c.fetchAdd(0, 1);
        yield* c.lock(1);
        yield* c.write(0, 0);
        yield* c.unlock(1);
        yield* c.unlock(0);
      }),
      thread('C', function* () {
        yield* c.lock(1);
        yield* c.fetchAdd(0, 1);
        yield* c.lock(0);
        yield* c.write(0, 0);
        yield* c.unlock(0);
        yield* c.unlock(1);
      }),
    ];
    expect(messageOf(2, outsider)).toBe('B waits for C, C waits for B');
  });

  it('prints a thread that waits for itself', () => {
    expect(messageOf(1, (c) => [thread('A', take(c, 0, 0))])).toBe('A waits for A');
  });

  it('prints what is waited for when there is no cycle', () => {
    const waits = (c: Cells): Thread[] => [
      thread('A', () => c.waitUntil(0, 1)),
      thread('B', () => c.call('never')),
      { name: 'I', role: 'agent', start: () => c.waitUntil(0, 3) },
    ];
    expect(messageOf(0, waits)).toBe('A waits for cell[0] to be 1, B waits for never to be possible');
  });

  it('prints a thread that waits for one that has ended', () => {
    expect(messageOf(1, (c) => [thread('A', () => c.lock(0)), thread('B', () => c.lock(0))])).toBe(
      'B waits for A',
    );
  });

  it('prints the step where the world does not know who is waited for', () => {
    const { world } = cells(1);
    const silent: World<unknown> = {
      prepare: (step) => world.prepare(step),
      enabled: () => false,
      execute: () => undefined,
      takeFallen: () => [],
      mark: () => 0,
      rollback: () => {},
      pack: () => {},
      unpack: () => {},
      watch: () => {},
    };
    const c = cells(1);
    const threads = [thread('A', () => c.as('f').read(0))];
    expect(explore({ world: silent, threads }).message).toBe('A waits to do "f: read cell[0]"');
  });
});

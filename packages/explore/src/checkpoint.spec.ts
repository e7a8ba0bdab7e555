import { describe, expect, it } from 'vitest';
import { toJson } from '../test/json.js';
import { peterson, thread } from '../test/protocols.js';
import { SIZES, svz, svzByLabel } from '../test/svz.js';
import { cells, exploration, explore, ExploreError } from './index.js';
import type { ExploreOptions, Program } from './index.js';

const strategy = 'exhaustive';

/** Runs a search up to the n-th time that it tells how far it is, and makes a checkpoint there. */
function stopAfter(program: Program, n: number, options: ExploreOptions): Uint8Array {
  const search = exploration(program, options);
  let step = search.next();
  for (let i = 1; i < n && step.done !== true; i++) step = search.next(undefined);
  if (step.done === true || step.value.checkpoint === undefined) throw new Error('no checkpoint');
  const bytes = step.value.checkpoint();
  search.next({ bound: 'interrupt', limit: 0 });
  return bytes;
}

const codeOf = (action: () => unknown): unknown => {
  try {
    return action();
  } catch (error) {
    return error instanceof ExploreError ? error.code : error;
  }
};

describe('a checkpoint', () => {
  it.each<[string, () => Program, ExploreOptions]>([
    ['merged', () => svz(SIZES.M), { strategy }],
    ['unmerged', () => svz(SIZES.M), { strategy, merge: 'none' }],
    [
      'by label, without sleep sets',
      () => svzByLabel(SIZES.M),
      { strategy, merge: 'none', sleepSets: false },
    ],
    ['with a violation', () => svz(SIZES.M, 'bug'), { strategy }],
    ['of a protocol with loops', () => peterson('flag-first', 3), { strategy }],
  ])('goes on to the same result, wherever it was made (%s)', (_, make, options) => {
    const whole = toJson(explore(make(), options));
    for (const n of [1, 2, 7, 20]) {
      const resume = stopAfter(make(), n, options);
      expect(toJson(explore(make(), { ...options, resume }))).toBe(whole);
    }
  });

  it('can be taken up by the default strategy and by several threads, and made again from there', () => {
    const whole = explore(svz(SIZES.M));
    const resume = stopAfter(svz(SIZES.M), 5, { strategy });
    expect(explore(svz(SIZES.M), { resume, jobs: 2 })).toEqual(whole);
    const again = stopAfter(svz(SIZES.M), 4, { strategy, resume });
    expect(explore(svz(SIZES.M), { resume: again })).toEqual(whole);
  });

  it('is refused for another program, other options, damaged bytes and other bytes', () => {
    const resume = stopAfter(svz(SIZES.M), 5, { strategy });
    expect(codeOf(() => explore(svz(SIZES.S), { strategy, resume }))).toBe('BAD_CHECKPOINT');
    expect(codeOf(() => explore(svz(SIZES.M), { strategy, resume, merge: 'none' }))).toBe('BAD_CHECKPOINT');
    for (const damaged of [
      resume.slice(0, -4),
      resume.map((byte, i) => (i === resume.length >> 1 ? byte ^ 1 : byte)),
      new Uint8Array(3),
      new Uint8Array(100),
    ]) {
      expect(codeOf(() => explore(svz(SIZES.M), { strategy, resume: damaged }))).toBe('BAD_CHECKPOINT');
    }
  });

  it('is not made where the world cannot be, or only fingerprints are kept', () => {
    const c = cells(1);
    const { cellValues: _, ...rest } = { cellValues: 0 };
    const world = Object.assign(Object.create(c.world) as typeof c.world, rest, { cellValues: undefined });
    for (const name of [
      'prepare',
      'enabled',
      'execute',
      'takeFallen',
      'mark',
      'rollback',
      'pack',
      'unpack',
      'watch',
    ] as const) {
      Object.assign(world, { [name]: (c.world[name] as (...args: never[]) => unknown).bind(c.world) });
    }
    const program: Program = {
      world: world as unknown as Program['world'],
      threads: [thread('A', () => c.write(0, 1))],
    };
    expect(() => stopAfter(program, 1, { strategy })).toThrow('no checkpoint');
    expect(() => stopAfter(svz(SIZES.S), 1, { strategy, hashCompact: true })).toThrow('no checkpoint');
  });

  it('stops with what was covered', () => {
    const search = exploration(svz(SIZES.M), { strategy });
    for (let i = 0; i < 10; i++) search.next(undefined);
    const end = search.next({ bound: 'timeout', limit: 3 });
    expect(end.done).toBe(true);
    expect(end.value).toMatchObject({ verdict: 'unknown', bounds: [{ option: 'timeout', limit: 3 }] });
    expect((end.value as { states: number }).states).toBeGreaterThan(100);
    expect((end.value as { message: string }).message).toMatch(
      /^nothing fell in \d+ states; the search was stopped$/,
    );
  });

  it('ends at maxMemory', () => {
    const result = explore(svz(SIZES.M), { strategy, maxMemory: 1000 });
    expect(result).toMatchObject({ verdict: 'unknown', bounds: [{ option: 'maxMemory', limit: 1000 }] });
    expect(explore(svz(SIZES.M), { strategy, maxMemory: 1 << 28 }).verdict).toBe('holds');
  });
});

import * as threads from 'node:worker_threads';
import { describe, expect, it, vi } from 'vitest';
import { toJson } from '../test/json.js';
import { SIZES, svz } from '../test/svz.js';
import { explore } from './index.js';
import type { ExploreOptions, Program } from './index.js';

/** Size L has some 800,000 states; other threads join a search at 50,000. */
const L = (): Program => svz(SIZES.L);
const search = (program: Program, options: ExploreOptions): string =>
  toJson(explore(program, { strategy: 'exhaustive', ...options }));

describe('a search with several threads', () => {
  it('gives the bytes that one thread gives', () => {
    expect(search(L(), { jobs: 2 })).toBe(search(L(), {}));
  });

  it('finds the same first counterexample and the same counts', () => {
    const bug = (): Program => svz(SIZES.L, 'bug');
    expect(search(bug(), { jobs: 3 })).toBe(search(bug(), {}));
  });

  it('reaches the same bound with the same states', () => {
    expect(search(L(), { jobs: 2, maxStates: 200_000 })).toBe(search(L(), { maxStates: 200_000 }));
  });

  it('finds states that a test looks for, and looks on for what never comes', () => {
    const looking = (): Program => {
      const program = L();
      const [first] = program.sometimes ?? [];
      return {
        ...program,
        sometimes: [{ name: 'never', test: () => false }, ...(first === undefined ? [] : [first])],
      };
    };
    const [one, two] = [search(looking(), {}), search(looking(), { jobs: 2 })];
    expect(two).toBe(one);
    expect(JSON.parse(one)).toMatchObject({ reached: [{ reached: false }, { reached: true }] });
  });

  it('gives its threads, whose text is a script, no option of the process, which may say that a text is a module', () => {
    const seen: unknown[] = [];
    class Watched extends threads.Worker {
      constructor(text: string, options: threads.WorkerOptions) {
        super(text, options);
        seen.push(options.execArgv);
      }
    }
    const builtin = vi.spyOn(process, 'getBuiltinModule');
    builtin.mockReturnValue({ ...threads, Worker: Watched } as typeof threads);
    expect(explore(L(), { strategy: 'exhaustive', jobs: 2 }).verdict).toBe('holds');
    builtin.mockRestore();
    expect(seen).toEqual([[]]);
  });
});

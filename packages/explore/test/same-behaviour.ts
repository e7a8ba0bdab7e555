import { expect } from 'vitest';
import { explore } from '../src/index.js';
import type { ExploreResult } from '../src/index.js';
import { PLAIN } from './json.js';
import { enumerate, programOf } from './random-programs.js';
import type { Behaviour, Sketch } from './random-programs.js';

/** Checks that the explorer and the naive enumerator see the same program, and that what falls replays. */
export function expectSameBehaviour(sketch: Sketch, forgets: boolean): void {
  const finals = new Set<string>();
  const program = programOf(sketch, forgets, (cells) => finals.add(cells));
  const result = explore(program, PLAIN);
  const plain = enumerate(sketch, forgets);
  expect(behaviourOf(result, finals)).toEqual(plain);
  const strategy = 'exhaustive';
  for (const options of [
    { strategy, merge: 'none' },
    { strategy, sleepSets: false },
    { strategy },
  ] as const) {
    const reducedFinals = new Set<string>();
    const reduced = explore(
      programOf(sketch, forgets, (cells) => reducedFinals.add(cells)),
      options,
    );
    const { verdict, fell, finals: ends, states, transitions } = behaviourOf(reduced, reducedFinals);
    // Merging runs histories that never come, so it may hear of ends that are none; the search itself does not.
    const heard = 'merge' in options ? ends : plain.finals;
    expect({ verdict, fell, finals: heard }).toEqual({
      verdict: plain.verdict,
      fell: plain.fell,
      finals: plain.finals,
    });
    expect(transitions).toBeLessThanOrEqual(plain.transitions);
    if ('merge' in options) expect(states).toBe(plain.states);
    else expect(states).toBeLessThanOrEqual(plain.states);
    if ('sleepSets' in options) expect(reduced.executions).toBe(plain.executions);
  }
  for (const { invariant, message, judged, schedule } of result.fell) {
    const again = explore(program, { strategy: 'replay', schedule });
    expect(again.drift).toBeNull();
    expect(again.fell).toContainEqual({ invariant, message, judged, schedule });
  }
}

function behaviourOf(result: ExploreResult, finals: ReadonlySet<string>): Behaviour {
  const { verdict, fell, states, transitions, executions } = result;
  return {
    verdict,
    fell: Object.fromEntries(fell.map(({ invariant, schedule }) => [invariant, schedule.length])),
    finals: [...finals].sort(),
    states,
    transitions,
    executions: executions ?? -1n,
  };
}

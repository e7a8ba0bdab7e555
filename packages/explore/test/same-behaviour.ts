import { expect } from 'vitest';
import { explore } from '../src/index.js';
import type { ExploreResult } from '../src/index.js';
import { enumerate, programOf } from './random-programs.js';
import type { Behaviour, Sketch } from './random-programs.js';

/** Checks that the explorer and the naive enumerator see the same program, and that what falls replays. */
export function expectSameBehaviour(sketch: Sketch, forgets: boolean): void {
  const finals = new Set<string>();
  const program = programOf(sketch, forgets, (cells) => finals.add(cells));
  const result = explore(program);
  expect(behaviourOf(result, finals)).toEqual(enumerate(sketch, forgets));
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

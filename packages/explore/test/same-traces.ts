import { expect } from 'vitest';
import { explore } from '../src/index.js';
import { enumerate, programOf } from './random-programs.js';
import type { Sketch } from './random-programs.js';
import { countTraces } from './traces.js';

/**
 * Checks `dpor` against the naive enumerator: the verdict; with every invariant unjudged also what falls and the final
 * states; and the number of traces, where there are few enough interleavings to follow each. Returns that number.
 */
export function expectSameTraces(sketch: Sketch, mostInterleavings: number): number | null {
  const strategy = 'dpor';
  const plain = enumerate(sketch, false);
  const judged = explore(
    programOf(sketch, false, () => {}),
    { strategy },
  );
  expect(judged.verdict).toBe(plain.verdict);
  expect(judged.redundant).toBe(0);
  const forgetting = explore(
    programOf(sketch, true, () => {}),
    { strategy },
  );
  expect(forgetting).toEqual(judged);
  if (judged.verdict === 'violates') {
    const program = programOf(sketch, false, () => {});
    const again = explore(program, { strategy: 'replay', schedule: judged.schedule });
    expect(again).toMatchObject({ drift: null, invariant: judged.invariant, schedule: judged.schedule });
  }

  const free: Sketch = { ...sketch, judgedBy: [] };
  let count: number | null = null;
  for (const looked of ['looked-at', 'not-looked-at'] as const) {
    const finals = new Set<string>();
    const result = explore(
      programOf(free, false, (cells) => finals.add(cells), looked),
      { strategy },
    );
    const { fell, finals: plainFinals } = enumerate(free, false);
    const { sum: _sum, ...others } = fell;
    expect([...finals].sort()).toEqual(plainFinals);
    expect(result.fell.map(({ invariant }) => invariant).sort()).toEqual(
      Object.keys(looked === 'looked-at' ? fell : others).sort(),
    );
    expect(result.redundant).toBe(0);
    count = countTraces(sketch, looked, mostInterleavings);
    if (count !== null) expect(result.executions).toBe(BigInt(count));
  }
  return count;
}

import { enumerate, plainMachine } from './random-programs.js';
import type { Instruction, PlainState, Sketch } from './random-programs.js';

/** What an instruction touches and whether it may change it; undefined when other threads have no part in it. */
function touched(i: Instruction): { readonly object: string; readonly changes: boolean } | undefined {
  switch (i.op) {
    case 'read':
    case 'wait':
      return { object: `cell ${i.cell}`, changes: false };
    case 'write':
    case 'writeNext':
    case 'swap':
    case 'add':
      return { object: `cell ${i.cell}`, changes: true };
    case 'lock':
    case 'unlock':
      return { object: `lock ${i.lock}`, changes: true };
    default:
      return undefined;
  }
}

/**
 * Counts the Mazurkiewicz traces of a sketch by following every interleaving to its end: two are of one trace when they
 * have the same events and each two dependent events in the same order. `looked-at`: an invariant that reads both cells is
 * looked at after each step that changes anything, so such a step depends on every step that changes a cell.
 *
 * @returns null when there are more than `most` interleavings.
 */
export function countTraces(
  sketch: Sketch,
  looked: 'looked-at' | 'not-looked-at',
  most: number,
): number | null {
  const all: Sketch = { ...sketch, judgedBy: [] };
  if (enumerate(all, false).executions > BigInt(most)) return null;
  const machine = plainMachine(all, false);
  const traces = new Set<string>();
  const path: { readonly name: string; readonly instruction: Instruction }[] = [];
  const depend = (a: Instruction, b: Instruction): boolean => {
    const [left, right] = [touched(a), touched(b)];
    if (left === undefined || right === undefined) return false;
    const aboutCells = left.object.startsWith('cell') || right.object.startsWith('cell');
    if (looked === 'looked-at' && left.changes && right.changes && aboutCells) return true;
    return left.object === right.object && (left.changes || right.changes);
  };
  const nameTrace = (): string => {
    const orders = path.flatMap((later, j) =>
      path
        .slice(0, j)
        .flatMap((sooner) =>
          depend(sooner.instruction, later.instruction) ? [`${sooner.name}<${later.name}`] : [],
        ),
    );
    return JSON.stringify([path.map(({ name }) => name).sort(), orders.sort()]);
  };
  const follow = (state: PlainState): void => {
    let stuck = true;
    sketch.threads.forEach((code, t) => {
      const taken = machine.take(state, t);
      if (taken === undefined) return;
      stuck = false;
      const taker = path.filter(({ name }) => name.startsWith(`${t}.`)).length;
      const pc = state.threads[t]?.pc ?? 0;
      path.push({ name: `${t}.${taker}`, instruction: code[pc] as Instruction });
      follow(taken.next);
      path.pop();
    });
    if (stuck) traces.add(nameTrace());
  };
  follow(machine.first);
  return traces.size;
}

import { describe, expect, it } from 'vitest';
import { PathCounter } from './path-counter.js';

/** How a state of a grid is numbered, the first being 0. */
type Numbering = (index: number, states: number) => number;
const ASCENDING: Numbering = (index) => index;
const DESCENDING: Numbering = (index, states) => (index === 0 ? 0 : states - index);

/** A grid of n steps right and n steps down, all told but the end. */
function grid(n: number, numberOf: Numbering): { readonly counter: PathCounter; readonly states: number } {
  const counter = new PathCounter();
  const states = (n + 1) ** 2;
  const edges: number[][] = Array.from({ length: states }, () => []);
  for (let index = 0; index < states; index++) {
    const from = numberOf(index, states);
    if (index % (n + 1) < n) edges[from]!.push(numberOf(index + 1, states));
    if (index + n + 1 < states) edges[from]!.push(numberOf(index + n + 1, states));
  }
  edges.forEach((targets, from) => {
    if (targets.length === 0) counter.end(from);
    for (const to of targets) counter.edge(from, to);
  });
  return { counter, states };
}

/** n over k. */
function binomial(n: number, k: number): bigint {
  let product = 1n;
  for (let i = 1; i <= k; i++) product = (product * BigInt(n - k + i)) / BigInt(i);
  return product;
}

describe('PathCounter', () => {
  // Ways through a grid: which n of the 2 n steps go down. 2^53, 2^104 and more lie between these sizes.
  for (const n of [1, 10, 26, 27, 28, 30, 52, 53, 54, 60, 120]) {
    it(`counts the ways through a grid of ${n} by ${n}, whatever the numbers of its states`, () => {
      for (const numberOf of [ASCENDING, DESCENDING]) {
        const { counter, states } = grid(n, numberOf);
        expect(counter.total(states)).toBe(binomial(2 * n, n));
      }
    });
  }

  it('counts several ends at a state, on the way and at the end', () => {
    const counter = new PathCounter();
    counter.edge(0, 1);
    counter.edge(0, 1);
    counter.end(0);
    counter.end(1);
    counter.end(1);
    expect(counter.total(2)).toBe(5n);
  });

  it('goes on from what it saved', () => {
    for (const numberOf of [ASCENDING, DESCENDING]) {
      const { counter, states } = grid(30, numberOf);
      const again = new PathCounter();
      again.restore(counter.save());
      expect(again.total(states)).toBe(binomial(60, 30));
    }
  });

  it('counts no cycle', () => {
    const counter = new PathCounter();
    counter.edge(0, 1);
    counter.edge(1, 0);
    expect(counter.total(2)).toBeNull();
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ExploreError } from './errors.js';
import { StateStore } from './state-store.js';

const HEAD = 2;
const values = fc.oneof(
  { weight: 8, arbitrary: fc.nat(2) },
  fc.constantFrom(0x7f, 0x80, 0x3fff, 0x4000, 0x1f_ffff, 0x20_0000, 0xfff_ffff, 0x1000_0000, 0x7fff_ffff),
);
const trimmed = (vector: readonly number[]): number[] => {
  let end = vector.length;
  while (end > HEAD && vector[end - 1] === 0) end--;
  return vector.slice(0, end);
};
const add = (store: StateStore, vector: readonly number[]): number => {
  const known = store.find(vector, HEAD, vector.slice(HEAD));
  return known >= 0 ? known : store.insert(0, 0);
};
const load = (store: StateStore, state: number): number[] => {
  const length = store.load(state);
  return [...store.vector.subarray(0, length)];
};

describe('StateStore', () => {
  it('is a set of vectors, trailing zeros not counted', () => {
    const vectors = fc.array(fc.array(values, { minLength: HEAD, maxLength: 9 }), { maxLength: 200 });
    fc.assert(
      fc.property(vectors, (list) => {
        const store = new StateStore();
        const model = new Map<string, number>();
        for (const vector of list) {
          const key = trimmed(vector).join();
          const state = add(store, vector);
          expect(state).toBe(model.get(key) ?? model.size);
          model.set(key, state);
        }
        expect(store.size).toBe(model.size);
        for (const [key, state] of model) expect(load(store, state).join()).toBe(key);
      }),
      { seed: 1 },
    );
  });

  it('keeps every state while its table grows and over the borders of chunks', () => {
    // 3,000 states of 1.5 to 2.5 KB each do not fit into one chunk of 1 MiB, and outgrow the first table.
    const store = new StateStore();
    const vectorOf = (i: number): number[] => {
      const vector = Array.from({ length: 300 + (i % 200) }, (_, at) => 0x7fff_ffff - at);
      vector[5] = i;
      return vector;
    };
    for (let i = 0; i < 4000; i++) expect(add(store, vectorOf(i))).toBe(i);
    for (let i = 0; i < 4000; i++) expect(add(store, vectorOf(i))).toBe(i);
    for (let i = 0; i < 4000; i += 97) expect(load(store, i)).toEqual(vectorOf(i));
  });

  it('keeps the parent and the actor of each state', () => {
    const store = new StateStore();
    for (let i = 0; i < 10_000; i++) {
      store.find([i, 0], HEAD, []);
      store.insert(i >> 1, i & 0xff);
    }
    for (let i = 0; i < 10_000; i++) expect([store.parent(i), store.actor(i)]).toEqual([i >> 1, i & 0xff]);
  });

  it.each([-1, 0.5, 2 ** 31, NaN])('refuses %d', (value) => {
    const store = new StateStore();
    expect(() => store.find([0, 0], HEAD, [value, 1])).toThrow(ExploreError);
    expect(() => store.find([0, 0], HEAD, [value, 1])).toThrow(/it must pack integers in \[0, 2\^31\)/);
  });
});

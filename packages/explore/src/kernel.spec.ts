import { describe, expect, it } from 'vitest';
import { makeKernel } from './kernel.js';
import * as model from './model.js';
import * as store from './packed-store.js';

describe('the kernel', () => {
  it('has the numbers of the tables that it reads', () => {
    const theirs: Readonly<Record<string, unknown>> = { ...model, ...store };
    const { constants } = makeKernel();
    const shared = Object.entries(constants).filter(([name]) => name in theirs);
    expect(shared.map(([name]) => name).sort()).toEqual(
      [
        'BARRED', 'CHUNK_BITS', 'ENABLED', 'ENDED', 'FALLS', 'FIRST', 'JUDGED', 'LEAF_FLAGS', 'LEAF_LISTS',
        'LEAF_NR_WRITES', 'LEAF_READS', 'LEAF_RESULT', 'LEAF_WRITES', 'SECOND', 'TOLD',
      ], // prettier-ignore
    );
    for (const [name, value] of shared) expect([name, value]).toEqual([name, theirs[name]]);
  });

  it('uses nothing outside itself, so that its text makes a kernel', () => {
    // What a worker does with it; a name from outside would throw here or on first use.
    const made = new Function(`'use strict'; return (${makeKernel.toString()})();`)() as ReturnType<
      typeof makeKernel
    >;
    expect(made.constants).toEqual(makeKernel().constants);
    const free = makeKernel.toString().match(/__vi_import|_chunk_|import_/g);
    expect(free).toBeNull();
  });
});

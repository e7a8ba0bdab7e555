import { describe, expect, it } from 'vitest';
import { formatOperand, stepName } from './index.js';
import { StepTable } from './step-table.js';
import type { Step, World } from './index.js';

const step: Step = { kind: 'store', object: 'pmd 0x40000000', operands: [0x20n, 3], fn: 'set_pmd_at' };

describe('stepName', () => {
  it('is fn, kind, object and operands, with bigints in hex', () => {
    expect(stepName(step)).toBe('set_pmd_at: store pmd 0x40000000 0x20 3');
    expect(stepName({ ...step, fn: '', operands: [] })).toBe('store pmd 0x40000000');
    expect(stepName({ ...step, object: '', operands: [true, undefined, 'x'] })).toBe(
      'set_pmd_at: store true undefined x',
    );
  });

  it('does not tell whether a step forgets', () => {
    expect(stepName({ ...step, forget: 'key' })).toBe(stepName(step));
  });

  it('prints negative bigints with their sign', () => {
    expect(formatOperand(-0x20n)).toBe('-0x20');
  });
});

describe('StepTable', () => {
  it('prepares equal steps once, and tells apart what prints alike', () => {
    const prepared: Step[] = [];
    const world = { prepare: (one: Step) => prepared.push(one) } as unknown as World<number>;
    const table = new StepTable(world);
    const all: Step[] = [
      step,
      { ...step, fn: 'other' },
      { ...step, kind: 'load' },
      { ...step, object: 'pmd' },
      { ...step, forget: 'key' },
      { ...step, operands: [0x20n] },
      { ...step, operands: [0x20n, '3'] },
      { ...step, operands: [32, 3] },
    ];
    const entries = all.map((one) => table.intern(one, 'A'));
    expect(new Set(entries).size).toBe(all.length);
    expect(all.map((one) => table.intern({ ...one, operands: [...one.operands] }, 'B'))).toEqual(entries);
    // Forgetting changes nothing of what is done.
    expect(prepared).toHaveLength(all.length - 1);
    expect(entries[4]?.action).toBe(entries[0]?.action);
    expect(new Set(entries.map(({ action }) => action)).size).toBe(all.length - 1);
  });
});

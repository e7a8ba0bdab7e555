import { type Cpu, kernel, type Steps } from '@ptemu/arch';
import { describe, expect, it } from 'vitest';
import { switchMm, TLB_NR_DYN_ASIDS } from './context.js';

type Operand = bigint | number | string | boolean | undefined;

/** A CPU that has cells and logs what is invalidated, and whose mask is left. */
function recorder(release: string): { readonly cpu: Cpu; readonly log: string[] } {
  const cells = new Map<string, Operand>();
  const log: string[] = [];
  const cpu = {
    kernel: kernel(release),
    in: (): unknown => cpu,
    *read(cell: string): Steps<Operand> {
      return cells.get(cell);
    },
    *write(cell: string, value: Operand): Steps<void> {
      cells.set(cell, value);
    },
    *invalidate(what: { readonly instruction: string; readonly mm?: { readonly id: string } }): Steps<void> {
      log.push(`${what.instruction} ${what.mm?.id ?? ''}`);
    },
    *leaveMask(mm: { readonly id: string }): Steps<void> {
      log.push(`leaves ${mm.id}`);
    },
  };
  return { cpu: cpu as unknown as Cpu, log };
}

function switches(
  release: string,
  steps: readonly (readonly [string | undefined, string, boolean])[],
): string[] {
  const { cpu, log } = recorder(release);
  const run = switchMm(kernel(release));
  for (const [prev, next, behind] of steps) {
    const from = prev === undefined ? undefined : { id: prev };
    run(cpu, from, { id: next }, { behind }).next();
  }
  return log;
}

describe('x86_64 switch_mm_irqs_off', () => {
  it('drops what the old mm had up to 4.13', () => {
    expect(switches('4.13', [['a', 'b', false]])).toEqual(['leaves a', 'MOV to CR3 a']);
  });
  it('keeps the entries of an mm that still has a PCID, from 4.14 on', () => {
    const log = switches('4.14', [[undefined, 'a', false], ['a', 'b', false], ['b', 'a', false]]); // prettier-ignore
    expect(log).toEqual(['MOV to CR3 a', 'leaves a', 'MOV to CR3 b', 'leaves b', 'MOV to CR3 NOFLUSH a']);
  });
  it('flushes an mm that was flushed elsewhere meanwhile', () => {
    const log = switches('4.14', [[undefined, 'a', false], ['a', 'b', false], ['b', 'a', true]]); // prettier-ignore
    expect(log.at(-1)).toBe('MOV to CR3 a');
  });
  it('takes the PCID of the mm that got it first when all six are used', () => {
    const log = switches(
      '6.12',
      Array.from({ length: TLB_NR_DYN_ASIDS + 1 }, (_, i) => [
        i === 0 ? undefined : `m${i - 1}`,
        `m${i}`,
        false,
      ]),
    );
    expect(log.at(-1)).toBe('MOV to CR3 m0');
  });
  it('comes back from lazy mode without a flush, unless it missed one', () => {
    expect(switches('6.12', [['a', 'a', false]])).toEqual([]);
    expect(switches('6.12', [['a', 'a', true]])).toEqual(['MOV to CR3 a']);
  });
});

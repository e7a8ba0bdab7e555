import { describe, expect, it } from 'vitest';
import type { TraceDocument } from './document.js';
import { TraceError, parseTrace, validateTrace } from './validate.js';

const trace: TraceDocument = {
  format: 'ptemu-trace',
  version: 1,
  scenario: 'split-none-window-vs-zap',
  probe: 'D-1',
  arch: 's390',
  spec: 's390',
  options: { levels: 3 },
  kernel: '4.12',
  commits: ['+227be799c39a'],
  verdict: 'violates',
  invariant: 'I8',
  message: 'rss is 512 at exit',
  alsoFell: ['I21'],
  actors: [{ name: 'CPU0', title: 'reclaim' }],
  steps: [
    {
      actor: 'CPU0',
      fn: 'pmdp_invalidate',
      text: 'store pmd <- 0x20',
      step: 'pmdp_invalidate: store pmd 0x20',
      align: 'store pmd',
      pmd: {
        entry: '0x0000000000000020',
        none: true,
        present: false,
        trans_huge: false,
        bad: true,
        walker: 'fault',
      },
      effects: [],
      fell: [{ invariant: 'I21', message: 'none' }],
    },
  ],
};

const wrong = (change: (copy: Record<string, unknown>) => void): string => {
  const copy = structuredClone(trace) as unknown as Record<string, unknown>;
  change(copy);
  try {
    validateTrace(copy);
  } catch (error) {
    if (error instanceof TraceError) return `${error.code} ${error.message}`;
  }
  return 'accepted';
};

describe('validateTrace', () => {
  it('returns a valid document as it is', () => {
    expect(validateTrace(trace)).toBe(trace);
    expect(parseTrace(JSON.stringify(trace))).toEqual(trace);
  });
  it('accepts a trace without optional members', () => {
    const { probe: _p, invariant: _i, message: _m, ...rest } = trace;
    expect(validateTrace({ ...rest, verdict: 'holds', steps: [] })).toMatchObject({ verdict: 'holds' });
  });
  it.each([null, 3, 'x', [], {}, { format: 'other' }])('refuses %j', (value) => {
    expect(() => validateTrace(value)).toThrow(/^not a trace document/);
  });
  it('names another version', () => {
    expect(wrong((copy) => (copy['version'] = 2))).toBe(
      'NOT_A_TRACE trace version 2 is unknown; this ptemu reads version 1',
    );
  });
  it('names the member that is missing, unknown or wrong', () => {
    expect(wrong((copy) => delete copy['kernel'])).toBe(
      "INVALID trace document: the document lacks 'kernel'",
    );
    expect(wrong((copy) => (copy['extra'] = 1))).toBe(
      "INVALID trace document: the document has an unknown member 'extra'",
    );
    expect(wrong((copy) => (copy['verdict'] = 'perhaps'))).toBe(
      'INVALID trace document: verdict must be one of holds, violates, unknown',
    );
    expect(wrong((copy) => (copy['steps'] = [{ actor: 'CPU0' }]))).toMatch(/steps\.0 lacks '\w+'/);
    expect(wrong((copy) => (copy['commits'] = ['abc']))).toMatch(/commits\.0 must match pattern/);
  });
  it('holds entries to 0x and 16 lower-case digits', () => {
    const step = { ...trace.steps[0], pmd: { ...trace.steps[0]?.pmd, entry: '0x20' } };
    expect(wrong((copy) => (copy['steps'] = [step]))).toMatch(/steps\.0\.pmd\.entry must match/);
  });
  it('refuses a step of an actor that is not listed', () => {
    expect(wrong((copy) => (copy['actors'] = []))).toBe(
      "INVALID trace document: a step's actor 'CPU0' is not in 'actors'",
    );
  });
  it('says in one line that a text is no JSON', () => {
    expect(() => parseTrace('{"format": "ptemu-tr')).toThrow(
      'trace document: the text is not JSON, or was cut short',
    );
  });
});

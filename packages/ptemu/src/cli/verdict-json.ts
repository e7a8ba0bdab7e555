/** A verdict as `ptemu run --json` prints it, one line each; and read again by `ptemu merge`. */
import type { Expectation, ProbeResult } from '@ptemu/scenarios';

/** The members of a verdict's line. */
export function verdictOf(result: ProbeResult): Readonly<Record<string, unknown>> {
  return {
    scenario: result.scenario,
    probe: result.probe,
    ...(result.variant !== undefined && { variant: result.variant }),
    arch: result.arch,
    spec: result.spec,
    options: result.options,
    kernel: result.kernel,
    commits: result.commits,
    verdict: result.verdict,
    invariant: result.invariant ?? null,
    message: result.message ?? null,
    alsoFell: result.alsoFell,
    fell: result.fell.map(({ invariant }) => invariant),
    states: result.states,
    transitions: result.transitions,
    executions: executionsOf(result.executions),
    ...(result.simplest !== undefined && { simplest: result.simplest }),
    ...(result.omission !== undefined && { omission: result.omission }),
    bounds: result.bounds,
    schedule: result.schedule.map(({ actor, step }) => ({ actor, step })),
    ...(result.cycle !== undefined && { cycle: result.cycle }),
    reached: result.reached,
    expected: expectedOf(result.expected),
    ...(result.noExpectation !== undefined && { noExpectation: result.noExpectation }),
    agrees: result.agrees ?? null,
  };
}

/** A number where it is exact, else a string; null where nothing was counted. */
function executionsOf(executions: string | null): number | string | null {
  const number = Number(executions);
  return executions !== null && Number.isSafeInteger(number) ? number : executions;
}

function expectedOf(expected: Expectation | undefined): unknown {
  if (expected === undefined) return null;
  const { verdict, invariants, basis, source } = expected;
  return { verdict, ...(invariants && { invariants }), basis, source };
}

/** The result behind a verdict's line, as far as the line tells it; undefined when it is none. */
export function resultOf(line: unknown): ProbeResult | undefined {
  if (typeof line !== 'object' || line === null) return undefined;
  const verdict = line as Readonly<Record<string, unknown>>;
  const texts = ['scenario', 'probe', 'arch', 'spec', 'kernel', 'verdict'].every(
    (name) => typeof verdict[name] === 'string',
  );
  const lists = ['commits', 'alsoFell', 'fell', 'schedule'].every((name) => Array.isArray(verdict[name]));
  if (!texts || !lists || typeof verdict['states'] !== 'number') return undefined;
  const { invariant, message, executions, expected, agrees, fell, ...rest } = verdict;
  return {
    ...(rest as unknown as ProbeResult),
    fell: (fell as readonly string[]).map((name) => ({ invariant: name, message: '' })),
    executions: executions === null ? null : String(executions),
    ...(typeof invariant === 'string' && { invariant }),
    ...(typeof message === 'string' && { message }),
    ...(expected !== null && { expected: { archs: [], ...(expected as Omit<Expectation, 'archs'>) } }),
    ...(typeof agrees === 'boolean' && { agrees }),
  };
}

/** Running a probe: its world, the search, and the record of a schedule. */
import type { Arch, Kernel } from '@ptemu/arch';
import { DEADLOCK, exploration, type ExploreResult, LIVELOCK, type Program } from '@ptemu/explore';
import type { Prepared } from '@ptemu/hw';
import { MmWorld, type Switches } from '@ptemu/mm';
import { definitions } from './catalog.js';
import type { ProbeDefinition, ScenarioDefinition } from './definition.js';
import { ScenarioError } from './errors.js';
import type { Expectation, ProbeResult, ProbeSearch, RunOptions } from './types.js';

/** Finds a probe. Throws `UNKNOWN_SCENARIO` or `UNKNOWN_PROBE`, naming what there is. */
export function findProbe(
  scenarioId: string,
  probeId: string,
): { readonly scenario: ScenarioDefinition; readonly probe: ProbeDefinition } {
  const scenario = definitions.find((candidate) => candidate.id === scenarioId);
  if (scenario === undefined) {
    throw new ScenarioError(
      'UNKNOWN_SCENARIO',
      `no scenario '${scenarioId}'; there are ${definitions.map((d) => d.id).join(', ')}`,
    );
  }
  const probe = scenario.probes.find((candidate) => candidate.id === probeId);
  if (probe === undefined) {
    throw new ScenarioError(
      'UNKNOWN_PROBE',
      `${scenarioId} has no probe '${probeId}'; it has ${scenario.probes.map((p) => p.id).join(', ')}`,
    );
  }
  return { scenario, probe };
}

/** Why a probe cannot be run on a backend, or nothing when it can. */
export function whyNot(arch: Arch, scenario: ScenarioDefinition, probe: ProbeDefinition): string | undefined {
  if (arch.kernel.isBefore(scenario.since)) {
    return `${scenario.id} models code of ${scenario.since} and later, not of ${arch.kernel.release}`;
  }
  return probe.skip?.(arch);
}

/** A probe's program on a backend, and the world under it. */
export function prepareProbe(
  arch: Arch,
  scenarioId: string,
  probeId: string,
  switches: Switches = {},
): { readonly probe: ProbeDefinition; readonly world: MmWorld; readonly program: Program<Prepared> } {
  const { scenario, probe } = findProbe(scenarioId, probeId);
  const reason = whyNot(arch, scenario, probe);
  if (reason !== undefined) throw new ScenarioError('NOT_APPLICABLE', reason);
  const world = new MmWorld({ ...probe.world(arch), arch, switches: { ...probe.switches, ...switches } });
  const sometimes = probe.reached.map(({ name, test }) => ({ name, test: () => test(world) }));
  return { probe, world, program: world.program(probe.actors(arch), probe.judgedBy, sometimes) };
}

/** Runs one probe on one backend and compares the verdict with what is expected. */
export function runProbe(
  arch: Arch,
  scenario: string,
  probeId: string,
  options: RunOptions = {},
): ProbeResult {
  const search = searchProbe(arch, scenario, probeId, options);
  let step = search.next();
  while (step.done !== true) {
    options.progress?.(step.value);
    step = search.next(undefined);
  }
  return step.value;
}

/** The search of one probe on one backend, for a caller that drives it. */
export function* searchProbe(
  arch: Arch,
  scenario: string,
  probeId: string,
  options: RunOptions = {},
): ProbeSearch {
  const ends = options.strategy === 'dpor';
  const bound: Switches = ends ? { 'user.attempts': String(DPOR_ATTEMPTS) } : {};
  const { probe, program } = prepareProbe(arch, scenario, probeId, bound);
  const found = yield* exploration(program, options);
  return resultOf(arch, scenario, probe, found, ends ? { 'attempts of an access': DPOR_ATTEMPTS } : {});
}

/**
 * A thread that retries for as long as it likes has traces without end, so under `dpor` a user gives up an access after so
 * many attempts: one that meets the entry under split, and one after it.
 */
const DPOR_ATTEMPTS = 2;

/** What explore finds in any program, by the number that the corpus has for it: I18 is progress. */
const invariantOf = (name: string): string => (name === DEADLOCK || name === LIVELOCK ? 'I18' : name);

/** What every verdict of part D assumes: docs/adr/0003. */
const ASSUMED: Readonly<Record<string, string | number>> = {
  memory: 'sequentially consistent',
  'walk-cache entries': 0,
};

function resultOf(
  arch: Arch,
  scenario: string,
  probe: ProbeDefinition,
  found: ExploreResult,
  own: Readonly<Record<string, number>>,
): ProbeResult {
  const expectation = expectationFor(arch, probe);
  const { expected } = expectation;
  const cycle = found.fell.find(({ invariant }) => invariant === LIVELOCK)?.cycle;
  const bounds: Record<string, string | number> = { ...ASSUMED, ...probe.bounds, ...own };
  for (const { option, limit } of found.bounds) bounds[option] = limit;
  return {
    scenario,
    probe: probe.id,
    ...(probe.variant !== undefined && { variant: probe.variant }),
    arch: arch.name,
    spec: arch.spec,
    options: arch.options,
    kernel: arch.kernel.release,
    commits: arch.kernel.toggles,
    verdict: found.verdict,
    ...(found.invariant !== null && { invariant: invariantOf(found.invariant) }),
    message: found.message,
    alsoFell: found.alsoFell,
    fell: found.fell.map(({ invariant, message }) => ({ invariant: invariantOf(invariant), message })),
    states: found.states,
    transitions: found.transitions,
    executions: found.executions === null ? null : found.executions.toString(),
    ...(found.simplest !== undefined && { simplest: found.simplest }),
    ...(found.omission !== undefined && { omission: found.omission }),
    bounds,
    reached: Object.fromEntries(found.reached.map(({ name, reached }) => [name, reached])),
    schedule: found.schedule,
    ...(cycle !== undefined && { cycle }),
    ...expectation,
    ...(expected !== undefined && found.verdict !== 'unknown' && { agrees: agrees(found, expected) }),
  };
}

/**
 * The claim that applies to a backend in its release, the first that fits; or why there is none, where it is not known
 * whether the release has the commit that decides.
 */
export function expectationFor(
  arch: Arch,
  probe: ProbeDefinition,
): Pick<ProbeResult, 'expected' | 'noExpectation'> {
  const { kernel } = arch;
  for (const claim of probe.expected) {
    const { archs, from, to } = claim;
    if (archs.length > 0 && !archs.some((name) => fits(arch, name))) continue;
    if (from !== undefined && lacks(kernel, from)) continue;
    if (to !== undefined && kernel.has(to)) continue;
    const open = [from, to].find((commit) => commit !== undefined && kernel.gap(commit) !== undefined);
    return open === undefined ? { expected: claim } : { noExpectation: whereabouts(kernel, open) };
  }
  return {};
}

/** Tests whether it is known that a kernel does not have a commit. */
const lacks = (kernel: Kernel, commit: string): boolean =>
  !kernel.has(commit) && kernel.gap(commit) === undefined;

function whereabouts(kernel: Kernel, commit: string): string {
  const { after, by } = kernel.gap(commit) ?? {};
  return `${commit} came ${after === undefined ? `by ${by}` : `between ${after} and ${by}`}`;
}

/** A claim names a backend (`arm64`), one of its forms (`powerpc:hash`), or one of its options (`arm64:granule=64k`, `arm64:cpu.bbml2=true`). */
const fits = (arch: Arch, named: string): boolean => {
  const [name, option] = named.split(':');
  if (arch.name !== name) return false;
  if (option === undefined) return true;
  const [key = '', value] = option.includes('=') ? option.split('=') : ['mmu', option];
  const feature = /^cpu\.(.*)$/.exec(key)?.[1];
  return String(feature === undefined ? arch.options[key] : arch.cpu[feature]) === value;
};

function agrees(found: ExploreResult, expected: Expectation): boolean {
  return (found.verdict === 'violates') === (expected.verdict === 'CEX');
}

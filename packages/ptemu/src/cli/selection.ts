/** Which probes run on which machines: the command line's words turned into a list of jobs. */
import { type Arch, ArchError, releases } from '@ptemu/arch';
import type { Probe, Scenario, ScenarioApi } from '@ptemu/scenarios';
import { ALL_SPECS, backendEntry, parseSpec, splitSpecs } from '../backends.js';
import { clip, parseBackend, parseList, type Toggles } from './input.js';
import { UsageError } from './io.js';

/** A probe of a scenario. */
export interface Selected {
  readonly scenario: Scenario;
  readonly probe: Probe;
}

/** One run to make. */
export interface Job extends Selected {
  readonly arch: Arch;
}

/** What narrows the probes. */
export interface ProbeFilter {
  readonly part?: string;
  readonly probe?: string;
  readonly variant?: string;
  readonly twins?: boolean;
}

/** Finds a scenario. */
export function scenarioOf(api: ScenarioApi, id: string): Scenario {
  const found = api.scenarios.find((scenario) => scenario.id === id);
  if (found !== undefined) return found;
  const ids = api.scenarios.map((scenario) => scenario.id);
  const near = [
    ids.filter((name) => id.length > 2 && name.includes(id)),
    ids.filter((name) => sharesWord(name, id)),
  ];
  const guess = near.find((names) => names.length > 0) ?? [];
  const hint = guess.length > 0 ? `did you mean ${guess.join(' or ')}?` : "'ptemu list' names them";
  throw new UsageError(`unknown scenario '${clip(id)}'; ${hint}`);
}

/** Probes of one scenario, or of a part of the corpus. Broken twins only where asked for, or where a mail describes one. */
export function selectProbes(
  api: ScenarioApi,
  id: string | undefined,
  filter: ProbeFilter,
): readonly Selected[] {
  if (id === undefined && filter.part === undefined && filter.probe === undefined) {
    throw new UsageError('name a scenario, a part of the corpus (--part D) or a probe (--probe D-1)');
  }
  const among = id === undefined ? api.scenarios : [scenarioOf(api, id)];
  const all = among.flatMap((scenario) => scenario.probes.map((probe) => ({ scenario, probe })));
  const { part, probe: wanted, variant } = filter;
  if (part !== undefined && !all.some(({ probe }) => partOf(probe) === part)) {
    const parts = [...new Set(all.map(({ probe }) => partOf(probe)))].sort();
    throw new UsageError(`no probe of part '${clip(part)}'; there are ${parts.join(', ')}`);
  }
  if (wanted !== undefined && !all.some(({ probe }) => probe.id === wanted)) {
    const ids = all.map(({ probe }) => probe.id);
    throw new UsageError(
      `unknown probe '${clip(wanted)}'${id === undefined ? '' : ` of ${id}`}; there are ${ids.join(', ')}`,
    );
  }
  const selected = all.filter(
    ({ probe }) =>
      (part === undefined || partOf(probe) === part) &&
      (wanted === undefined ? filter.twins === true || onRecord(probe) : probe.id === wanted),
  );
  if (variant === undefined) return selected;
  const fitting = selected.filter(({ probe }) => probe.variant === variant);
  if (fitting.length > 0) return fitting;
  const variants = [...new Set(selected.flatMap(({ probe }) => probe.variant ?? []))];
  throw new UsageError(`unknown variant '${clip(variant)}'; there are ${variants.join(', ') || 'none'}`);
}

/** What says on which machines. */
export interface MachineOptions extends Toggles {
  readonly arch?: string;
  readonly kernel?: string;
}

/** Jobs to run, and what of `--arch all` was left out. */
export interface Jobs {
  readonly jobs: readonly Job[];
  /** Probes that make no sense on a machine, and why. */
  readonly left: readonly string[];
  /** Machines that did not exist in a release, and why. */
  readonly missing: readonly string[];
}

/** Codes that say: not in that release. */
const NOT_THERE: readonly string[] = ['RELEASE_BEFORE_THP', 'UNKNOWN_OPTION'];

/**
 * Pairs probes with machines. `--arch all` leaves out releases in which an architecture had no THP, and probes that make
 * no sense on it; what was named outright is an error there.
 */
export function selectJobs(probes: readonly Selected[], options: MachineOptions): Jobs {
  const list = options.arch ?? 'all';
  const lenient = list.split(',').includes('all');
  const left: string[] = [];
  const missing: string[] = [];
  const machines = splitSpecs(list).flatMap((spec) =>
    releasesFor(spec, options).flatMap((release) => {
      try {
        return [parseBackend(spec, release, options)];
      } catch (error) {
        if (
          !(lenient && ALL_SPECS.includes(spec)) ||
          !(error instanceof ArchError) ||
          !NOT_THERE.includes(error.code)
        )
          throw error;
        missing.push(error.message);
        return [];
      }
    }),
  );
  const jobs: Job[] = [];
  for (const { scenario, probe } of probes) {
    for (const arch of machines) {
      const why = skipped(scenario, probe, arch);
      if (why === undefined) jobs.push({ scenario, probe, arch });
      else left.push(`${probe.id} on ${arch.spec} ${arch.kernel.release}: ${why}`);
    }
  }
  if (jobs.length === 0) throw new UsageError(`nothing to run: ${left[0] ?? missing[0] ?? 'no machine'}`);
  return { jobs, left, missing };
}

function skipped(scenario: Scenario, probe: Probe, arch: Arch): string | undefined {
  if (arch.kernel.isBefore(scenario.since)) return `the code exists since ${scenario.since}`;
  return probe.skip?.(arch);
}

/** Releases named for a spec: by `spec@release`, by `--kernel`, or those in which the backend changed. */
function releasesFor(spec: string, options: MachineOptions): readonly (string | undefined)[] {
  if (spec.includes('@')) return [undefined];
  if (options.kernel === 'all') return releases();
  if (options.kernel !== undefined) return parseList(options.kernel, '--kernel');
  const { name, options: variant } = parseSpec(spec);
  return backendEntry(name).releases(variant);
}

/** Whether it is the scenario's own question, not a variant of one. */
export const isPlain = (probe: Probe): boolean => !probe.id.includes('/');

/** A probe of its own, or a variant whose outcome is on record: no mere check of the checker. */
export const onRecord = (probe: Probe): boolean =>
  probe.twinOf === undefined || probe.expected.some((claim) => claim.basis === 'doc');

const partOf = (probe: Probe): string => probe.id.replace(/-.*$/s, '');

const sharesWord = (name: string, id: string): boolean =>
  id.split('-').some((word) => word.length > 3 && name.includes(word));

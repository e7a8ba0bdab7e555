/**
 * The laws that every backend must satisfy, and a graded report on one.
 *
 * A law is asked of each of the 16 protections. Where Linux itself breaks it in some release, the exception is listed by name
 * with its reason (`LAW_EXCEPTIONS`); an exception that no longer occurs is stale, and as bad as a failure: the model would have
 * become better than the kernel.
 */
import { type Arch, hex } from '@ptemu/arch';
import { checked, type Counterexample, type Law, type LawLevel, PROTECTIONS } from './law.js';
import { exceptionFor, type LawException } from './law-exceptions.js';
import { BASIC_LAWS } from './laws-basic.js';
import { MEMORY_LAWS } from './laws-memory.js';

/** All laws. */
export const LAWS: readonly Law[] = [...BASIC_LAWS, ...MEMORY_LAWS];

/**
 * `holds`: for every protection that it applies to. `listed`: fails, as a listed exception says Linux does. `fails`: and
 * nothing says that it should. `stale`: an exception is listed, and it holds. `not-applicable`: nothing to ask.
 */
export type LawGrade = 'holds' | 'listed' | 'fails' | 'stale' | 'not-applicable';

/** One law's result on one backend. */
export interface LawResult {
  readonly id: string;
  readonly level: LawLevel;
  readonly title: string;
  readonly source: string;
  readonly grade: LawGrade;
  /** Protections for which it was asked, and for which it holds. */
  readonly asked: number;
  readonly held: number;
  /** The first failure. */
  readonly counterexample?: Counterexample;
  readonly exception?: LawException;
  /** Why it was not asked. */
  readonly why?: string;
}

/** What a backend is worth. */
export interface LawReport {
  readonly arch: string;
  readonly kernel: string;
  /** Nothing fails unlisted, and no exception is stale. */
  readonly conforms: boolean;
  readonly counts: Readonly<Record<LawGrade, number>>;
  readonly results: readonly LawResult[];
}

/** Asks a backend about every law. */
export function conformance(arch: Arch, laws: readonly Law[] = LAWS): LawReport {
  const results = laws.map((law) => gradeOf(law, arch));
  const counts: Record<LawGrade, number> = { holds: 0, listed: 0, fails: 0, stale: 0, 'not-applicable': 0 };
  for (const { grade } of results) counts[grade]++;
  return {
    arch: arch.spec,
    kernel: [arch.kernel.release, ...arch.kernel.toggles].join(' '),
    conforms: counts.fails === 0 && counts.stale === 0,
    counts,
    results,
  };
}

function gradeOf(law: Law, arch: Arch): LawResult {
  const protections = law.over === 'all' ? PROTECTIONS : PROTECTIONS.slice(0, 1);
  const outcomes = protections.map((protection) => checked(law, arch, protection));
  const asked = outcomes.filter(({ verdict }) => verdict !== 'not-applicable').length;
  const held = outcomes.filter(({ verdict }) => verdict === 'holds').length;
  const failure = outcomes.find((outcome) => outcome.verdict === 'fails');
  const why = outcomes.find((outcome) => outcome.verdict === 'not-applicable')?.why;
  const exception = asked === 0 ? undefined : exceptionFor(arch, law);
  const { id, level, title, source } = law;
  return {
    id,
    level,
    title,
    source,
    grade: grade(asked, failure !== undefined, exception !== undefined),
    asked,
    held,
    ...(failure && { counterexample: failure.counterexample }),
    ...(exception && { exception }),
    ...(asked === 0 && why !== undefined && { why }),
  };
}

function grade(asked: number, failed: boolean, listed: boolean): LawGrade {
  if (asked === 0) return 'not-applicable';
  if (failed) return listed ? 'listed' : 'fails';
  return listed ? 'stale' : 'holds';
}

/** The report as lines of text: a summary, then everything that does not simply hold. */
export function formatLawReport(report: LawReport): string {
  const { counts } = report;
  const lines = [
    `${report.arch} ${report.kernel}: ${report.conforms ? 'conforms' : 'does not conform'}: ` +
      `${counts.holds} laws hold, ${counts.listed} fail as listed, ${counts.fails} fail, ${counts.stale} exceptions stale, ` +
      `${counts['not-applicable']} not applicable`,
  ];
  for (const result of report.results) {
    if (result.grade === 'holds' || result.grade === 'not-applicable') continue;
    lines.push(
      `  ${result.grade} ${result.id} ${result.level}: ${result.title} (${result.held} of ${result.asked})`,
    );
    if (result.counterexample) lines.push(`    ${formatCounterexample(result.counterexample)}`);
    if (result.exception) lines.push(`    listed: ${result.exception.reason} [${result.exception.source}]`);
  }
  return lines.join('\n');
}

/** A counterexample in one line: `rw-p 0x…: pmd_mkhuge 0x…, pmd_mkinvalid 0x…; pmd_present is false`. */
export function formatCounterexample({ protection, start, steps, question, answer }: Counterexample): string {
  const path = steps.map(({ helper, value }) => `${helper} ${hex(value)}`).join(', ');
  return `${protection} ${hex(start)}: ${path === '' ? '' : `${path}; `}${question} is ${answer}`.trim();
}

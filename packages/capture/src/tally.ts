/** Counts of one check: how many of how many, and the first that did not agree. */

/** A check and how it went. */
export interface CheckResult {
  readonly name: string;
  readonly agreed: number;
  readonly total: number;
  /** The first few that did not agree, one line each. */
  readonly mismatches: readonly string[];
}

const MISMATCHES_MAX = 5;

interface Count {
  agreed: number;
  total: number;
  readonly mismatches: string[];
}

/** Counts checks by name, in the order in which they were met first. */
export class Tally {
  private readonly counts = new Map<string, Count>();

  /** Counts one answer; `why` is asked only for the first few that do not agree. */
  count(name: string, agrees: boolean, why: () => string): void {
    let count = this.counts.get(name);
    if (count === undefined) this.counts.set(name, (count = { agreed: 0, total: 0, mismatches: [] }));
    count.total++;
    if (agrees) count.agreed++;
    else if (count.mismatches.length < MISMATCHES_MAX) count.mismatches.push(why());
  }

  /** All checks that were met. */
  results(): readonly CheckResult[] {
    return [...this.counts].map(([name, count]) => ({ name, ...count }));
  }
}

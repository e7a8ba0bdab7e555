/**
 * What an operation costs by a profile, and who pays.
 *
 * Linear on purpose: each event has a price. Two things are not known from any published figure of a single operation, so a
 * cost is a span. When several CPUs are interrupted at once, the one that waits loses at least one latency (they all handle it
 * at the same time) and at most the sum (one after the other); and of that latency an interrupted CPU loses some part that
 * nobody measured. And a walk that brings a dropped translation back costs at most its price: next to other work it may
 * cost nothing.
 *
 * What has no price is said by name, and the sum that it belongs to is left out: half a sum would look like a whole one.
 */
import { ArchError, type CostKind, type CostPrimitive, type CostProfile, type CostUnit } from '@ptemu/arch';
import type { FlushEvents, InstructionCounts } from './events.js';

/** At least and at most; the same where nothing is open. */
export interface Span {
  readonly least: number;
  readonly most: number;
}

/** What one operation costs, in the unit of the profile. */
export interface Cost {
  readonly unit: CostUnit;
  /** Paid by the CPU that ran the operation, waiting for others included. */
  readonly initiator: Span | undefined;
  /** Paid by the interrupted CPUs, summed. */
  readonly targets: Span | undefined;
  /** Paid later by whoever uses a translation that went although nobody asked for that. */
  readonly refill: Span | undefined;
  /** The sum; undefined where a part of it has no price. */
  readonly total: Span | undefined;
  /** Events that happened and have no price: instructions by name, `completion`, `crossCall`, `walk`. */
  readonly lacks: readonly string[];
  /** The weakest kind among the prices that were charged; undefined where none was. */
  readonly basis: CostKind | undefined;
}

/** Strongest first. */
const KINDS: readonly CostKind[] = ['PRIM', 'DERIVED', 'E2E', 'assumed'];

/**
 * Charges the events of one operation.
 *
 * @throws ArchError `BAD_ARGUMENT` where a count is negative or no whole number.
 */
export function costOf(profile: CostProfile, events: FlushEvents): Cost {
  const bill = new Bill();
  const count = (what: string, n: number): number => checkedCount(what, n);
  const instructions = (counts: InstructionCounts, part: Part): void => {
    for (const [name, n] of Object.entries(counts)) {
      bill.charge(part, name, profile.instructions[name], count(name, n));
    }
  };
  const crossCalls = count('crossCalls', events.crossCalls);
  const ipis = count('ipis', events.ipis);
  // A profile without a price for the call has it in its other prices.
  if (profile.call) bill.charge('initiator', 'call', profile.call, count('calls', events.calls));
  instructions(events.issued, 'initiator');
  bill.charge('initiator', 'completion', profile.completion, count('completions', events.completions));
  bill.charge('initiator', 'crossCall', profile.crossCall, crossCalls, ipis);
  instructions(events.issuedByTargets, 'targets');
  bill.charge('targets', 'crossCall', profile.crossCall, 0, ipis);
  bill.charge('refill', 'walk', profile.walk, 0, count('refill.walks', events.refill.walks));
  return profile.status === 'uncalibrated' ? bill.unpriced(profile.unit) : bill.sum(profile.unit);
}

type Part = 'initiator' | 'targets' | 'refill';

/** Sums by who pays. */
class Bill {
  private readonly spans = new Map<Part, Span>();
  private readonly incomplete = new Set<Part>();
  private readonly lacks = new Set<string>();
  private weakest = -1;

  /** Adds `least` to `most` times a price. */
  charge(part: Part, what: string, price: CostPrimitive | undefined, least: number, most = least): void {
    if (most === 0) return;
    if (price === undefined) {
      this.incomplete.add(part);
      this.lacks.add(what);
      return;
    }
    this.weakest = Math.max(this.weakest, KINDS.indexOf(price.kind));
    const before = this.spans.get(part) ?? NOTHING;
    this.spans.set(part, plus(before, { least: least * price.value, most: most * price.value }));
  }

  /** Of an uncalibrated part not even nothing has a price: it would be a time. */
  unpriced(unit: CostUnit): Cost {
    const none = undefined;
    return {
      unit,
      initiator: none,
      targets: none,
      refill: none,
      total: none,
      lacks: [...this.lacks],
      basis: none,
    };
  }

  sum(unit: CostUnit): Cost {
    const of = (part: Part): Span | undefined =>
      this.incomplete.has(part) ? undefined : (this.spans.get(part) ?? NOTHING);
    const parts = { initiator: of('initiator'), targets: of('targets'), refill: of('refill') };
    const { initiator, targets, refill } = parts;
    const total = initiator && targets && refill && plus(plus(initiator, targets), refill);
    return { unit, ...parts, total, lacks: [...this.lacks], basis: KINDS[this.weakest] };
  }
}

const NOTHING: Span = { least: 0, most: 0 };
const plus = (a: Span, b: Span): Span => ({ least: a.least + b.least, most: a.most + b.most });

function checkedCount(what: string, n: number): number {
  if (Number.isSafeInteger(n) && n >= 0) return n;
  throw new ArchError('BAD_ARGUMENT', `count of ${what} is ${n}; it must be a whole number from 0`, {
    what,
    n,
  });
}

/** How well profiles reproduce the rows that they claim: model, published, error, one line each. */
import { type ArchCosts, ArchError, type CostClaim, type CostProfile, type CostRow } from '@ptemu/arch';
import { costOf } from './cost.js';
import type { FlushEvents } from './events.js';
import { checkProfile } from './profile.js';

/** How far from the published value a claimed row may be. */
export const ERROR_MAX = 0.1;

/** One claimed row. */
export interface CalibrationRow {
  readonly profile: string;
  readonly row: CostRow;
  readonly by: CostClaim['by'];
  /** In the row's unit. */
  readonly model: number;
  /** Model over published, less one: negative where the model is too cheap. 0 within a published range. */
  readonly error: number;
  /** `met`: within 10 %; `explained`: not, and the profile says why; `not met`: neither. */
  readonly verdict: 'met' | 'explained' | 'not met';
  /** Why it is not met. */
  readonly reason?: string;
}

/**
 * Compares every profile with the rows that it claims.
 *
 * @throws ArchError `BAD_ARGUMENT` where a profile is not sound, or has no price for a row that it claims.
 */
export function calibrate(costs: ArchCosts): readonly CalibrationRow[] {
  return costs.profiles.flatMap((profile) => {
    checkProfile(costs, profile);
    return profile.claims.map((claim) => calibrateClaim(costs, profile, claim));
  });
}

function calibrateClaim(costs: ArchCosts, profile: CostProfile, claim: CostClaim): CalibrationRow {
  const row = costs.rows.find(({ id }) => id === claim.row);
  const { initiator, lacks } = costOf(profile, eventsOf(claim));
  if (row === undefined || initiator === undefined) {
    const message = `cost profile ${profile.id} claims ${claim.row} and has no price for ${lacks.join(', ')}`;
    throw new ArchError('BAD_ARGUMENT', message, { profile: profile.id, row: claim.row });
  }
  const model = initiator.least + (claim.withHarness === true ? (profile.harness?.value ?? 0) : 0);
  const error = errorOf(model, row.value);
  const met = Math.abs(error) <= ERROR_MAX;
  const { by, notMet: reason } = claim;
  const verdict = met ? 'met' : reason === undefined ? 'not met' : 'explained';
  return {
    profile: profile.id,
    row,
    by,
    model,
    error,
    verdict,
    ...(!met && reason !== undefined && { reason }),
  };
}

/** Relative error; of a range, that from its nearer end. */
function errorOf(model: number, published: CostRow['value']): number {
  const [least, most] = typeof published === 'number' ? [published, published] : published;
  if (model < least) return model / least - 1;
  return model > most ? model / most - 1 : 0;
}

/** Events of a claim: what it leaves out did not happen. */
export function eventsOf({ events }: Pick<CostClaim, 'events'>): FlushEvents {
  return {
    calls: 0,
    issued: {},
    completions: 0,
    crossCalls: 0,
    ipis: 0,
    issuedByTargets: {},
    dropped: { wanted: 0, collateral: 0 },
    refill: { walks: 0, references: 0 },
    ...events,
  };
}

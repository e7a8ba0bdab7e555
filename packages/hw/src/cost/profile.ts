/** Profiles as they are asked for: looked up by id, put together from several, and checked for what a price must have. */
import { type ArchCosts, ArchError, type CostPrimitive, type CostProfile } from '@ptemu/arch';

/**
 * Finds profiles by id and puts them together: what the first has no price for the next may have.
 *
 * @param ids - Ids of profiles; the standard ones where left out.
 * @throws ArchError `BAD_ARGUMENT` for an unknown id, or units that differ.
 */
export function profileOf(costs: ArchCosts, ids: readonly string[] = costs.standard): CostProfile {
  const found = ids.map((id) => {
    const profile = costs.profiles.find((candidate) => candidate.id === id);
    if (profile !== undefined) return profile;
    const known = costs.profiles.map((candidate) => candidate.id).join(', ');
    throw new ArchError('BAD_ARGUMENT', `unknown cost profile '${id}'; there are ${known}`, { id });
  });
  const [first, ...others] = found;
  if (first === undefined) throw new ArchError('BAD_ARGUMENT', 'name at least one cost profile', {});
  return others.reduce(joined, first);
}

/** Both profiles; where both have a price the first one's counts. */
function joined(first: CostProfile, second: CostProfile): CostProfile {
  if (first.unit !== second.unit) {
    const message = `profile ${first.id} is in ${first.unit}, ${second.id} in ${second.unit}; they cannot be put together`; // prettier-ignore
    throw new ArchError('BAD_ARGUMENT', message, { first: first.id, second: second.id });
  }
  const notes = [first.note, second.note].filter((note) => note !== undefined);
  const strength = (profile: CostProfile): number => STATUS.indexOf(profile.status);
  return {
    ...second,
    ...first,
    id: `${first.id},${second.id}`,
    label: `${first.label}; ${second.label}`,
    status: strength(first) >= strength(second) ? first.status : second.status,
    source: `${first.source}; ${second.source}`,
    ...(notes.length > 0 && { note: notes.join('; ') }),
    instructions: { ...second.instructions, ...first.instructions },
    // A claim was made for one machine by itself.
    claims: [],
  };
}

/** Strongest first. */
const STATUS: readonly CostProfile['status'][] = ['calibrated', 'derived', 'uncalibrated'];

/**
 * Checks that every price of a profile is a number with a source, and every claim a row of kind PRIM in the profile's unit.
 *
 * @throws ArchError `BAD_ARGUMENT`, naming what is wrong.
 */
export function checkProfile(costs: ArchCosts, profile: CostProfile): void {
  const wrong = (what: string): never => {
    throw new ArchError('BAD_ARGUMENT', `cost profile ${profile.id}: ${what}`, { profile: profile.id });
  };
  if (profile.source.trim() === '') wrong('has no source');
  const prices = Object.entries(pricesOf(profile));
  for (const [name, { value, source }] of prices) {
    if (!Number.isFinite(value) || value < 0)
      wrong(`the price of ${name} is ${value}; it must be a number from 0`);
    if (source.trim() === '') wrong(`the price of ${name} has no source`);
  }
  if (profile.status === 'uncalibrated' && prices.length > 0) wrong('is uncalibrated and has prices');
  if (profile.status !== 'calibrated' && profile.claims.length > 0)
    wrong('is not calibrated and claims rows');
  for (const claim of profile.claims) {
    const row = costs.rows.find(({ id }) => id === claim.row);
    if (row === undefined) wrong(`claims row ${claim.row}, which is not there`);
    else if (row.kind !== 'PRIM')
      wrong(`claims row ${claim.row} of kind ${row.kind}; only PRIM can be claimed`);
    else if (row.unit !== profile.unit)
      wrong(`is in ${profile.unit} and claims row ${row.id} in ${row.unit}`);
    if (claim.withHarness === true && profile.harness === undefined) wrong('has no price of the harness');
  }
}

/** Every price of a profile by name. */
export function pricesOf(profile: CostProfile): Readonly<Record<string, CostPrimitive>> {
  const { call, completion, crossCall, walk, harness } = profile;
  return {
    ...profile.instructions,
    ...(call && { call }),
    ...(completion && { completion }),
    ...(crossCall && { crossCall }),
    ...(walk && { walk }),
    ...(harness && { harness }),
  };
}

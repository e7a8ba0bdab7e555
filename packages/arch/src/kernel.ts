/**
 * Kernel releases as sets of behaviour-changing commits.
 *
 * `kernel('4.12')` is what mainline 4.12 contains of the commits that the registry knows; `with` and `without` toggle
 * one. Code that a commit changed asks `kernel.has(commit)`, and nothing asks for a release number: so "before and
 * after this patch" needs no copy of any code.
 *
 * Stable trees (`6.1.192`, `6.12.117`) are releases of their own: they contain what their base has and the backports
 * that the registry names.
 */
import { ArchError } from './errors.js';
import { COMMITS } from './commits/index.js';
import { RELEASE_ALIASES, RELEASES, STABLE_TREES } from './releases.js';

/** A commit that changed what ptemu models. */
export interface Commit {
  /** 12 hex digits, or a slug where the id is not known. */
  readonly id: string;
  readonly subject: string;
  /** First mainline release that contains it, as the source places it (see `placed`). */
  readonly since: string;
  /** First release that no longer behaves so, where a later change took it back as a whole. */
  readonly until?: string;
  /**
   * How the release is known: `commit` (the commit or its tag), `read` (it has the commit, and the one before has not), or
   * `between`: seen first at `since`, while the last release read without it is older than the one before; the exact
   * release is not known.
   */
  readonly placed: 'commit' | 'read' | 'between';
  /** For `between`: the last release read without it; left out where none was read. */
  readonly after?: string;
  /** Stable trees that carry it although their base release does not. */
  readonly backports?: readonly string[];
  /** Grade of the fact sheet where the fact is not read in source: inferred, manual, recalled. */
  readonly grade?: 'I' | 'A' | 'R';
  readonly source: string;
}

/** The releases between which a commit came. */
export interface Gap {
  /** The last one read without it; left out where none was read. */
  readonly after?: string;
  /** The first one read with it. */
  readonly by: string;
}

/** A release plus toggled commits. Immutable. */
export interface Kernel {
  /** As asked for, aliases resolved: `4.7.4` is `4.7`. */
  readonly release: string;
  /** Toggles in the order in which they were made, e.g. `['+18e77600f7a1', '-b65399f6111b']`. */
  readonly toggles: readonly string[];
  /** Tests whether the commit is in. Throws `UNKNOWN_COMMIT` for an id that the registry does not have. */
  has(commit: string): boolean;
  /**
   * Where no source says whether the release has the commit: the releases between which it came. `has` then answers as in
   * the older one. A commit that was toggled is in no gap. Throws `UNKNOWN_COMMIT`.
   */
  gap(commit: string): Gap | undefined;
  with(...commits: readonly string[]): Kernel;
  without(...commits: readonly string[]): Kernel;
  /** Compares releases (a stable tree stands right behind its base); for tables and error texts, not for behaviour. */
  isBefore(release: string): boolean;
}

const byId: ReadonlyMap<string, Commit> = new Map(COMMITS.map((commit) => [commit.id, commit]));

/** Every commit that the registry knows, in the order of the registry. */
export const commits = (): readonly Commit[] => COMMITS;

/** Every release that can be asked for, oldest first, stable trees behind their base. */
export const releases = (): readonly string[] =>
  RELEASES.flatMap((release) => [
    release,
    ...STABLE_TREES.filter((tree) => tree.base === release).map((tree) => tree.name),
  ]);

/** Finds a commit by id or slug; a longer hexadecimal id is cut to 12 digits. Throws `UNKNOWN_COMMIT`. */
export function commitOf(id: string): Commit {
  const key = /^[0-9a-f]{13,40}$/.test(id) ? id.slice(0, 12) : id;
  const commit = byId.get(key);
  if (commit === undefined) {
    throw new ArchError(
      'UNKNOWN_COMMIT',
      `no commit '${id}' in the registry; give 12 hex digits or a slug that 'ptemu list --commits' prints`,
      { id },
    );
  }
  return commit;
}

/** Makes the kernel of a release. Throws `UNKNOWN_RELEASE` where no source places it. */
export function kernel(release: string): Kernel {
  const name = RELEASE_ALIASES[release] ?? release;
  if (position(name) === undefined) throw unknownRelease(release);
  const present = new Set(COMMITS.filter((commit) => contains(name, commit)).map((commit) => commit.id));
  return make(name, present, []);
}

function make(release: string, present: ReadonlySet<string>, toggles: readonly string[]): Kernel {
  const toggled = (ids: readonly string[], add: boolean): Kernel => {
    const next = new Set(present);
    const marks = [...toggles];
    for (const id of ids) {
      const { id: key } = commitOf(id);
      if (add) next.add(key);
      else next.delete(key);
      marks.push((add ? '+' : '-') + key);
    }
    return make(release, next, marks);
  };
  return {
    release,
    toggles,
    has: (commit) => present.has(commit) || (byId.has(commit) ? false : present.has(commitOf(commit).id)),
    gap: (id) => {
      const commit = commitOf(id);
      return toggles.some((mark) => mark.slice(1) === commit.id) ? undefined : gapOf(release, commit);
    },
    with: (...ids) => toggled(ids, true),
    without: (...ids) => toggled(ids, false),
    isBefore: (other) => {
      const at = position(RELEASE_ALIASES[other] ?? other);
      if (at === undefined) throw unknownRelease(other);
      return (position(release) ?? 0) < at;
    },
  };
}

function contains(release: string, commit: Commit): boolean {
  if (commit.backports?.includes(release) === true) return true;
  const tree = STABLE_TREES.find((stable) => stable.name === release);
  const base = tree?.base ?? release;
  const at = RELEASES.indexOf(base);
  if (at < RELEASES.indexOf(commit.since)) return false;
  return commit.until === undefined || at < RELEASES.indexOf(commit.until);
}

function gapOf(release: string, { placed, after, since, backports }: Commit): Gap | undefined {
  if (placed !== 'between' || backports?.includes(release) === true) return undefined;
  const at = position(release) ?? 0;
  if (at >= (position(since) ?? 0) || (after !== undefined && at <= (position(after) ?? 0))) return undefined;
  return { ...(after !== undefined && { after }), by: since };
}

/** Position in time; a stable tree lies between its base and the next mainline release. */
function position(release: string): number | undefined {
  const at = RELEASES.indexOf(release);
  if (at >= 0) return at;
  const tree = STABLE_TREES.findIndex((stable) => stable.name === release);
  if (tree < 0) return undefined;
  return RELEASES.indexOf(STABLE_TREES[tree]?.base ?? '') + (tree + 1) / (STABLE_TREES.length + 1);
}

function unknownRelease(release: string): ArchError {
  const all = releases();
  const asked = parts(release);
  const older = asked && all.filter((name) => compare(parts(name) ?? [], asked) < 0).at(-1);
  const newer = asked && all.find((name) => compare(parts(name) ?? [], asked) > 0);
  const near = [older, newer].filter((name) => name !== undefined);
  const hint =
    near.length > 0 ? `its neighbours are ${near.join(' and ')}` : `known are ${all[0]} to ${all.at(-1)}`;
  return new ArchError('UNKNOWN_RELEASE', `no source places kernel release '${release}'; ${hint}`, {
    release,
    neighbours: near,
  });
}

function parts(release: string): readonly number[] | undefined {
  return /^\d+(\.\d+){1,2}$/.test(release) ? release.split('.').map(Number) : undefined;
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

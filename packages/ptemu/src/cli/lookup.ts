import { type Arch, ArchError, KernelBug, type Level } from '@ptemu/arch';

/** What a predicate says; `absent` where the release has none, `bug` where the kernel would hit BUG(). */
export type Said = boolean | 'absent' | 'bug';

/** Asks a predicate by name. */
export function ask(arch: Arch, level: Level, helper: string, entry: bigint): Said {
  const found: unknown = (arch[level] as Readonly<Record<string, unknown>>)[helper];
  if (typeof found !== 'function') return 'absent';
  try {
    return (found as (entry: bigint) => unknown)(entry) === true;
  } catch (error) {
    if (error instanceof KernelBug || error instanceof ArchError) return 'bug';
    throw error;
  }
}

/** Names of the level's helpers that answer yes or no to an entry alone. */
export function predicates(arch: Arch, level: Level): readonly string[] {
  const helpers: Readonly<Record<string, unknown>> = arch[level];
  return Object.keys(helpers).filter((name) => {
    const helper = helpers[name];
    return (
      typeof helper === 'function' &&
      helper.length <= 1 &&
      PROBES.some((entry) => typeof answer(helper, entry) === 'boolean')
    );
  });
}

/** A helper that traps on one of these answers to the other. */
const PROBES: readonly bigint[] = [0n, 0xffff_ffff_ffff_ffffn];

function answer(helper: unknown, entry: bigint): unknown {
  try {
    return (helper as (entry: bigint) => unknown)(entry);
  } catch (error) {
    if (error instanceof KernelBug || error instanceof ArchError || error instanceof TypeError)
      return undefined;
    throw error;
  }
}

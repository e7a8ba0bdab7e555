/**
 * An exhaustive search as a checkpoint, and the way back: what the world has interned, what threads have answered, the states,
 * and how far the search has come. Steps are not saved; they are learned again from the histories.
 */
import { ThreadAutomaton } from './automaton.js';
import {
  badCheckpoint,
  bytesOf,
  decodeCheckpoint,
  encodeCheckpoint,
  intsOf,
  operandFromJson,
  operandToJson,
} from './checkpoint.js';
import type { Judge, JudgeState } from './judge.js';
import type { Model } from './model.js';
import type { Settings } from './options.js';
import type { PackedStore, StoredStates } from './packed-store.js';
import type { PathCounter } from './path-counter.js';
import type { Program } from './types.js';

/** What a search is made of. */
export interface SearchParts<P> {
  readonly program: Program<P>;
  readonly settings: Settings;
  readonly model: Model<P>;
  readonly store: PackedStore;
  readonly judge: Judge;
  readonly paths: PathCounter;
}

/** How far it has come. */
export interface SearchPlace {
  /** The next state to expand, its distance from the first, and the first state that is further. */
  readonly next: number;
  readonly level: number;
  readonly levelEnd: number;
  readonly transitions: number;
  readonly terminalStates: number;
  readonly deadlocked: boolean;
}

/** What a checkpoint's header holds. */
interface Saved {
  readonly identity: unknown;
  readonly cells: readonly (readonly [name: string, values: readonly unknown[]])[];
  readonly histories: readonly (readonly (readonly [parent: number, result: unknown])[] | null)[];
  readonly states: Pick<StoredStates, 'size' | 'layout'>;
  readonly search: SearchPlace;
  readonly judge: JudgeState;
  readonly paths: ReturnType<PathCounter['save']>;
}

type SavedArrays = Readonly<Record<'words' | 'parents' | 'sleeps' | 'actors', Uint8Array>>;

/** Tests whether a search can be saved: its world tells what it has interned, and its states are kept whole. */
export function canSave<P>({ program, settings }: SearchParts<P>): boolean {
  const { cellValues, internValues } = program.world;
  return cellValues !== undefined && internValues !== undefined && !settings.hashCompact;
}

/** Makes a checkpoint of a search that `canSave`. */
export function saveSearch<P>(parts: SearchParts<P>, search: SearchPlace): Uint8Array {
  const { program, model, store, judge, paths } = parts;
  const { words, parents, sleeps, actors, ...states } = store.save();
  const cells = program.world.cellValues?.() ?? [];
  return encodeCheckpoint({
    header: {
      identity: identityOf(parts),
      cells: cells.map(({ name, values }) => [name, values.map(operandToJson)]),
      histories: model.threads.map((thread) =>
        thread instanceof ThreadAutomaton
          ? thread.histories().map(([parent, result]) => [parent, operandToJson(result)])
          : null,
      ),
      states,
      search,
      judge: judge.save(),
      paths: paths.save(),
    },
    arrays: { words: bytesOf(words), parents: bytesOf(parents), sleeps: bytesOf(sleeps), actors },
  });
}

/** Takes up a search that has just been made. @throws ExploreError `BAD_CHECKPOINT`. */
export function resumeSearch<P>(bytes: Uint8Array, parts: SearchParts<P>): SearchPlace {
  const { program, model, store, judge, paths } = parts;
  if (!canSave(parts)) throw badCheckpoint('this search makes none');
  const { header, arrays } = decodeCheckpoint(bytes);
  const saved = header as unknown as Saved;
  if (JSON.stringify(saved.identity) !== JSON.stringify(identityOf(parts))) {
    throw badCheckpoint('it is of another program, or of other options');
  }
  const cells = saved.cells.map(([name, values]) => ({ name, values: values.map(operandFromJson) }));
  program.world.internValues?.(cells);
  saved.histories.forEach((histories, thread) => {
    if (histories === null) return;
    model.learnHistories(
      thread,
      histories.map(([parent, result]) => [parent, operandFromJson(result)]),
    );
  });
  const { words, parents, sleeps, actors } = arrays as Readonly<Record<string, Uint8Array>> & SavedArrays;
  store.restore({
    ...saved.states,
    words: intsOf(words),
    parents: intsOf(parents),
    sleeps: intsOf(sleeps),
    actors,
  });
  store.levelPlace = saved.search.levelEnd;
  // What the masks hold room for may have been met.
  saved.states.layout.maskOf.forEach((mask, slot) => model.touch(slot, mask === 0 ? 0 : (mask + 1) >>> 1));
  judge.restore(saved.judge);
  paths.restore(saved.paths);
  return saved.search;
}

/** What must be equal for a checkpoint to fit. */
function identityOf<P>({ program, settings, model }: SearchParts<P>): unknown {
  const { threads, judgedBy, sometimes } = program;
  const { merge, sleepSets, maxDepth, maxSteps } = settings;
  return {
    threads: threads.map(({ name, role }) => [name, role ?? 'actor']),
    judgedBy: judgedBy ?? null,
    sometimes: (sometimes ?? []).map(({ name }) => name),
    first: [...model.firstState()].slice(model.nrThreads),
    options: [merge, sleepSets, maxDepth, maxSteps],
  };
}

/**
 * Every reachable state, breadth first.
 *
 * States are expanded in the order in which they were found and threads in the order of the program, so the result
 * depends on nothing else, and the first schedule found to a state is a shortest one. A step in which a judged invariant
 * falls is counted, but the state after it is not entered; the search goes on with the others, so that `alsoFell` is that
 * of the whole space.
 *
 * Sleep sets leave out steps, never states. A thread sleeps in a state when its step was taken earlier on the way, or by
 * an elder sibling, and commutes with all that was done since: the same two steps in the other order lead here too.
 * Follows Patrice Godefroid, "Partial-order methods for the verification of concurrent systems", LNCS 1032, 1996, chapter
 * 5; independence is that of the two steps in the state at hand (Shmuel Katz, Doron Peled, "Defining conditional
 * independence using collapses", TCS 101 (2), 1992): neither writes a cell that the other reads or writes there.
 *
 * With a set of visited states sleep sets alone would lose states, since a state may be met again with a smaller one.
 * Godefroid explores such a state again. Breadth first it need not be: a state keeps the intersection of the sleep sets
 * with which it is met in the level in which it is found, before it is expanded, and what comes later changes nothing.
 * Proof: take any shortest schedule to a state (or to the step in which an invariant falls); of the equivalent ones, all
 * of the same length, take the first in the order of threads. No step of it is asleep where it is taken: else that thread,
 * asleep since an earlier state of the schedule, could step there, which gives an equivalent schedule that comes before.
 * Each state on it is at its shortest distance, so it is met with this schedule's sleep set before it is expanded, and the
 * intersection is no larger. So every state is found at its distance, and by its first shortest schedule.
 */
import { Crew, ROUND_MIN } from './crew.js';
import { fallenAtEnd } from './deadlock.js';
import type { Waiting } from './deadlock.js';
import { Expander } from './expander.js';
import type { ExpanderEvents } from './expander.js';
import { ownMemory, sharedMemory } from './int-buffer.js';
import { Judge, LIVELOCK } from './judge.js';
import { findLivelock } from './livelock.js';
import { mergedThreads } from './merge.js';
import { ENABLED, ENDED, FALLS, LEAF_FLAGS, Model, TOLD } from './model.js';
import type { Progress, Settings } from './options.js';
import { PackedStore } from './packed-store.js';
import { PathCounter } from './path-counter.js';
import type { ExploreResult } from './result.js';
import { canSave, resumeSearch, saveSearch } from './saved-search.js';
import type { SearchParts, SearchPlace } from './saved-search.js';
import { scheduleTo } from './schedule-to.js';
import type { Search, Stop } from './search.js';
import type { Program, ScheduleEntry } from './types.js';

/** How many states are expanded before the caller is asked whether to go on. */
const SLICE_STATES = 0x1000;
/** States from which on other threads are worth their start. */
const CREW_STATES = 50_000;
/** States that one thread expands alone where the crew had to give up. */
const ALONE_STATES = 1024;

/** Sees every reachable state of the program, within `maxStates`, `maxMemory`, `maxDepth` and `maxSteps`. */
export function* exhaustive<P>(program: Program<P>, settings: Settings): Search {
  const search = new Exhaustive(program, settings);
  try {
    while (!search.done) {
      const stop = yield search.progress;
      if (stop === undefined) search.advance();
      else search.stop(stop);
    }
  } finally {
    search.close();
  }
  if (settings.liveness) yield* search.lookForLivelock();
  return search.result();
}

/** An exhaustive search that goes on for as long as it is told to. */
export class Exhaustive<P> {
  readonly #program: Program<P>;
  readonly #settings: Settings;
  readonly #judge: Judge;
  readonly #model: Model<P>;
  readonly #store: PackedStore;
  readonly #expander: Expander<P>;
  readonly #paths = new PathCounter();
  /** Steps from the first state to those being expanded, and the first state of the next level. */
  #level = 0;
  #levelEnd = 1;
  /** The next state to expand. */
  #next = 0;
  #terminalStates = 0;
  #deadlocked = false;
  readonly #jobs: number;
  #crew: Crew | undefined;
  /** States before this one are expanded by this thread alone: a round had to be given up. */
  #aloneUntil = 0;
  /** States of the next round: fewer after one that was given up, more after one that was not. */
  #roundStates = 2 * ROUND_MIN;
  /** The state for which a round was given up, where the states before it are to have a round of their own. */
  #eventAt = Infinity;
  #stopped = false;

  constructor(program: Program<P>, settings: Settings) {
    this.#program = program;
    this.#settings = settings;
    this.#judge = new Judge(program, settings);
    const threads = settings.merge === 'bisimilar' ? mergedThreads(program) : undefined;
    // Workers are given no fingerprints: such a search is bound by memory, not by time.
    this.#jobs = settings.hashCompact ? 1 : settings.jobs;
    const allocate = this.#jobs > 1 ? sharedMemory : ownMemory;
    this.#model = new Model(program, (invariant) => this.#judge.judges(invariant), {
      threads,
      maxDepth: settings.maxDepth,
      allocate,
    });
    this.#store = new PackedStore(
      allocate,
      settings.hashCompact ? 'compact' : 'whole',
      this.#jobs > 1 ? 'large' : 'small',
    );
    this.#expander = new Expander(this.#model, this.#store, this.#events(), {
      sleepSets: settings.sleepSets,
      maxStates: settings.maxStates,
    });
    this.#expander.counting = true;
    if (settings.resume === undefined) this.#start();
    else this.#resume(settings.resume);
  }

  /** Whether there is nothing left to do. */
  get done(): boolean {
    return this.#stopped || this.#next >= this.#store.size;
  }

  get progress(): Progress {
    return {
      states: this.#store.size,
      expanded: this.#next,
      transitions: this.#expander.transitions,
      executions: 0,
      bytes: this.#store.bytes,
      ...(canSave(this.#parts) && { checkpoint: () => saveSearch(this.#parts, this.#place) }),
    };
  }

  /** Expands some more states, all of one level. */
  advance(): void {
    const { stopAtFirst, maxSteps, maxMemory } = this.#settings;
    if (this.#next === this.#levelEnd) {
      if (stopAtFirst === true && this.#judge.violated) {
        this.#stopped = true;
        return;
      }
      this.#level++;
      this.#levelEnd = this.#store.size;
      this.#store.nextLevel();
    }
    if (this.#level >= maxSteps) {
      this.#judgeEnds();
      this.#stopped = true;
      return;
    }
    if (maxMemory !== undefined && this.#store.bytes > maxMemory) {
      this.stop({ bound: 'maxMemory', limit: maxMemory });
      return;
    }
    if (this.#advanceWithCrew()) return;
    const slice = this.#crew === undefined ? SLICE_STATES : ALONE_STATES;
    const end = Math.min(this.#next + slice, this.#levelEnd);
    this.#expander.looking = this.#judge.looking;
    this.#expander.counting = this.#paths.counting;
    this.#expander.run(this.#next, end);
    this.#next = end;
  }

  /** Expands some states of the level with other threads; returns false when that is not to be, or did not do. */
  #advanceWithCrew(): boolean {
    if (this.#jobs === 1 || this.#store.size < CREW_STATES || this.#paths.counting) return false;
    this.#crew ??= Crew.start(this.#jobs, this.#model);
    const left = this.#levelEnd - this.#next;
    if (left < ROUND_MIN || !this.#crew.ready || this.#next < this.#aloneUntil) return false;
    const crew = this.#crew;
    if (this.#eventAt <= this.#next) this.#eventAt = Infinity;
    const most = Math.min(this.#roundStates, Crew.roundOf(this.#model.nrThreads));
    const end = Math.min(this.#next + most, this.#levelEnd, this.#eventAt);
    const store = this.#store;
    const candidates = (end - this.#next) * this.#model.nrThreads;
    // The last states before the limit are entered alone, in their order.
    if (store.size + candidates > this.#settings.maxStates) return false;
    store.startOrder((before, after) => crew.moveEntries(before, after));
    store.reserve(store.size + candidates, store.nrPlaces + crew.placesFor(candidates));
    const expander = this.#expander;
    expander.looking = this.#judge.looking;
    expander.counting = false;
    const open = this.#judge.open.map((i) => this.#model.testRoots[i] as number);
    // What states that were put off come to counts once the round is done.
    const ended: number[] = [];
    let alone = 0;
    const steps = crew.round(expander.tables(open), store, this.#next, end, (state, scratch) => {
      const expanded = expander.expandAlone(state, scratch, open);
      alone += expanded?.steps ?? 0;
      if (expanded?.terminal === true) ended.push(state);
      return expanded;
    });
    if (steps < 0) {
      // What comes before the state is known, and worth another round where it is much.
      const event = ~steps;
      this.#roundStates = Math.max(2 * ROUND_MIN, most >>> 2);
      this.#eventAt = event - this.#next >= ROUND_MIN && event < end ? event : Infinity;
      this.#aloneUntil = this.#eventAt === Infinity ? Math.min(end, event + ALONE_STATES) : 0;
      return this.#eventAt !== Infinity;
    }
    this.#roundStates = 2 * most;
    if (end === this.#eventAt) {
      this.#eventAt = Infinity;
      this.#aloneUntil = end + ALONE_STATES;
    }
    expander.transitions += steps + alone;
    for (const state of ended) this.#terminal(state, this.#load(state));
    this.#next = end;
    return true;
  }

  /** Gives back what the search holds outside this thread. */
  close(): void {
    this.#crew?.close();
    this.#crew = undefined;
  }

  /** Takes up a search from its checkpoint. @throws ExploreError `BAD_CHECKPOINT`. */
  #resume(bytes: Uint8Array): void {
    const place = resumeSearch(bytes, this.#parts);
    this.#next = place.next;
    this.#level = place.level;
    this.#levelEnd = place.levelEnd;
    this.#terminalStates = place.terminalStates;
    this.#deadlocked = place.deadlocked;
    this.#expander.transitions = place.transitions;
  }

  get #parts(): SearchParts<P> {
    return {
      program: this.#program,
      settings: this.#settings,
      model: this.#model,
      store: this.#store,
      judge: this.#judge,
      paths: this.#paths,
    };
  }

  get #place(): SearchPlace {
    return {
      next: this.#next,
      level: this.#level,
      levelEnd: this.#levelEnd,
      transitions: this.#expander.transitions,
      terminalStates: this.#terminalStates,
      deadlocked: this.#deadlocked,
    };
  }

  /** Ends the search where it is. */
  stop({ bound, limit }: Stop): void {
    this.#judge.hit(bound, limit);
    this.#stopped = true;
  }

  /** Looks for a livelock, where every state was seen and nothing else fell. */
  *lookForLivelock(): Generator<Progress, void, Stop | undefined> {
    if (this.#stopped || this.#judge.bounded || this.#judge.violated || this.#settings.hashCompact) return;
    const look = findLivelock(this.#model, this.#store);
    let step = look.next();
    while (step.done !== true) step = look.next(yield this.progress);
    const found = step.value;
    if (found === undefined) return;
    if ('bound' in found) {
      this.stop(found);
      return;
    }
    const { message, state, cycle } = found;
    const schedule = scheduleTo(this.#store, this.#model, state);
    this.#judge.fall([{ invariant: LIVELOCK, message, cycle }], schedule.length, () => schedule);
  }

  result(): ExploreResult {
    for (const thread of this.#model.threads) thread.verify();
    const complete = !this.#stopped && !this.#judge.bounded;
    const { size } = this.#store;
    if (this.#settings.hashCompact) {
      this.#judge.hit('hashCompact', 64);
      this.#judge.note(`; ${omission(size)}`);
    }
    return this.#judge.result(
      {
        states: this.#store.size,
        transitions: this.#expander.transitions,
        terminalStates: this.#terminalStates,
        executions: complete ? this.#paths.total(size) : null,
        ...(this.#settings.hashCompact && { omission: size ** 2 / 2 ** 65 }),
      },
      null,
    );
  }

  /** Enters the first state; a judged invariant that had fallen before any step ends the search. */
  #start(): void {
    const { fallen } = this.#settings;
    const first = this.#model.firstState();
    this.#store.start(first, this.#model.maxCodes);
    this.#look(0);
    if (fallen.length > 0 && this.#judge.fall(fallen, 0, () => [])) this.#stopped = true;
  }

  #events(): ExpanderEvents {
    return {
      falls: (state, thread) => this.#falls(state, thread),
      terminal: (state, vector) => this.#terminal(state, vector),
      barred: () => this.#judge.hit('maxDepth'),
      full: () => this.#judge.hit('maxStates'),
      entered: (state) => this.#look(state),
      edge: (from, to) => this.#paths.edge(from, to),
      end: (from) => this.#paths.end(from),
    };
  }

  /** Judges what falls in a step, and looks at the state after it, which may not be entered. */
  #falls(state: number, thread: number): void {
    const vector = this.#load(state);
    const model = this.#model;
    const schedule = (): readonly ScheduleEntry[] => scheduleTo(this.#store, model, state, thread);
    this.#judge.fall(model.fallenIn(vector, thread), this.#level + 1, schedule);
    if (!this.#judge.looking) return;
    const writes = model.writesOf(model.leafFor(vector, thread));
    for (let i = 0; i < writes.length; i += 2) vector[writes[i] as number] = writes[i + 1] as number;
    this.#judge.look((i) => model.testIn(vector, i), schedule);
  }

  #look(state: number): void {
    if (!this.#judge.looking) return;
    const vector = this.#load(state);
    this.#judge.look(
      (i) => this.#model.testIn(vector, i),
      () => scheduleTo(this.#store, this.#model, state),
    );
  }

  /** Judges a state in which no step is enabled: the first deadlock, and each first thing that `finish` finds. */
  #terminal(state: number, vector: Int32Array): void {
    this.#terminalStates++;
    if (this.#paths.counting) this.#paths.end(state);
    const model = this.#model;
    const { threads } = this.#program;
    const schedule = (): readonly ScheduleEntry[] => scheduleTo(this.#store, model, state);
    if (threads.some(({ role }, i) => role !== 'agent' && vector[i] !== ENDED)) {
      if (this.#deadlocked) return;
      this.#deadlocked = true;
      const waiting = threads.flatMap((_, thread): Waiting<P>[] => {
        const next = model.stepAt(thread, vector[thread] as number);
        return next === undefined ? [] : [{ thread, next }];
      });
      const fallen = model.inWorld(vector, () => fallenAtEnd(this.#program, waiting));
      this.#judge.fall(fallen, this.#level, schedule);
      return;
    }
    const leaf = model.finishLeaf(vector);
    if (leaf < 0) return;
    const flags = model.leaves.at(leaf + LEAF_FLAGS);
    if ((flags & FALLS) === 0 || (flags & TOLD) !== 0) return;
    model.leaves.array[leaf + LEAF_FLAGS] = flags | TOLD;
    this.#judge.fall(model.fallenAtEnd(vector), this.#level, schedule);
  }

  /** At the last level that `maxSteps` allows, judges the states in which no step is enabled. */
  #judgeEnds(): void {
    const model = this.#model;
    for (; this.#next < this.#store.size; this.#next++) {
      const vector = this.#load(this.#next);
      const able = this.#program.threads.some(
        (_, i) =>
          vector[i] !== ENDED && (model.leaves.at(model.leafFor(vector, i) + LEAF_FLAGS) & ENABLED) !== 0,
      );
      if (able) this.#judge.hit('maxSteps');
      else this.#terminal(this.#next, vector);
    }
  }

  #load(state: number): Int32Array {
    const vector = new Int32Array(this.#model.nrSlots);
    this.#store.load(state, vector);
    return vector;
  }
}

/** What a search that keeps fingerprints of 64 bits may have missed: two of n states have the same one with this chance. */
function omission(states: number): string {
  const chance = states ** 2 / 2 ** 65;
  return `only fingerprints of 64 bits were kept: a state may have been omitted, with probability at most ${chance.toPrecision(2)} if they are as good as random`;
}

/**
 * Probabilistic concurrency testing: seeded walks by random priorities, with a bound on what they miss.
 *
 * Follows Sebastian Burckhardt, Pravesh Kothari, Madanlal Musuvathi and Santosh Nagarakatte, "A randomized scheduler
 * with probabilistic guarantees of finding bugs", ASPLOS 2010. Each of the n threads starts with one of the priorities
 * d to d + n - 1, drawn at random; d - 1 of the k steps are drawn as change points. The enabled thread of highest
 * priority steps, and where that is the i-th change point drawn, its priority becomes i first. A violation that needs d
 * orderings between steps is then met with probability at least 1 / (n k^(d - 1)) by each walk, if no schedule has more
 * than k steps. It departs from the paper in this: k is measured by a first walk when it is not given; every step is a
 * scheduling point; agents are threads like the others.
 */
import { Judge } from './judge.js';
import type { Settings } from './options.js';
import { seeded } from './prng.js';
import type { Search } from './search.js';
import { StepTable } from './step-table.js';
import type { Program } from './types.js';
import { Walker } from './walker.js';

/** Walks until a judged invariant falls or `runs` walks are made. Never says `holds`. */
export function* pct<P>(program: Program<P>, settings: Settings): Search {
  const { world, threads } = program;
  const { depth } = settings;
  const judge = new Judge(program, settings);
  const table = new StepTable(world);
  const draw = seeded(settings.seed);
  const first: number[] = [];
  world.pack(first);
  judge.lookNow(() => []);
  judge.fall(settings.fallen, 0, () => []);

  let length = settings.length ?? 0;
  let longest = 0;
  let runs = 0;
  let transitions = 0;
  let terminalStates = 0;
  for (; runs < settings.runs && !judge.violated; runs++) {
    const stop = yield { states: 0, expanded: 0, transitions, executions: runs, bytes: 0 };
    if (stop !== undefined) {
      judge.hit(stop.bound, stop.limit);
      break;
    }
    const walker = new Walker(program, table, judge, settings);
    const priorities = shuffled(threads.length, draw).map((place) => depth + place);
    const changes = Array.from({ length: length > 0 ? depth - 1 : 0 }, () => draw(length));
    while (!judge.violated) {
      const enabled = walker.enabled();
      if (enabled.length === 0) {
        terminalStates++;
        walker.end();
        break;
      }
      const free = enabled.filter((thread) => !walker.barred(thread));
      if (free.length === 0) break;
      let thread = highest(free, priorities);
      changes.forEach((step, i) => {
        if (step !== walker.schedule.length) return;
        priorities[thread] = i + 1;
        thread = highest(free, priorities);
      });
      walker.step(thread);
      transitions++;
    }
    longest = Math.max(longest, walker.schedule.length);
    if (length === 0) length = Math.max(1, longest);
    world.unpack(first, 0, first.length);
  }
  if (!judge.violated && runs === settings.runs) judge.hit('runs');
  judge.note(explain(threads.length, length, depth, longest));
  return judge.result({ states: 0, transitions, terminalStates, executions: BigInt(runs) }, null);
}

/** The numbers below n in an order that is drawn uniformly. */
function shuffled(n: number, draw: (n: number) => number): number[] {
  const order = Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = draw(i + 1);
    [order[i], order[j]] = [order[j] as number, order[i] as number];
  }
  return order;
}

function highest(threads: readonly number[], priorities: readonly number[]): number {
  return threads.reduce((best, thread) =>
    (priorities[thread] as number) > (priorities[best] as number) ? thread : best,
  );
}

function explain(n: number, k: number, d: number, longest: number): string {
  if (longest > k) {
    return `; a schedule has ${longest} steps, more than length ${k}, so no bound is known: give length ${longest} or more`;
  }
  const power = d === 1 ? '' : d === 2 ? ` * ${k}` : ` * ${k}^${d - 1}`;
  return `; each finds a violation of depth ${d} with probability at least 1/(${n}${power}) = ${(1 / (n * k ** (d - 1))).toPrecision(3)} if no schedule has more than ${k} steps`;
}

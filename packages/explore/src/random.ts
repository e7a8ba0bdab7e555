import { Judge } from './judge.js';
import type { Settings } from './options.js';
import { seeded } from './prng.js';
import type { Search } from './search.js';
import { StepTable } from './step-table.js';
import type { Program } from './types.js';
import { Walker } from './walker.js';

/**
 * Walks from the first state, each step of a thread drawn uniformly among those enabled, until a judged invariant
 * falls or `runs` walks are made. Never says `holds`.
 */
export function* random<P>(program: Program<P>, settings: Settings): Search {
  const { world } = program;
  const judge = new Judge(program, settings);
  const table = new StepTable(world);
  const draw = seeded(settings.seed);
  const first: number[] = [];
  world.pack(first);
  judge.lookNow(() => []);
  judge.fall(settings.fallen, 0, () => []);

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
    while (!judge.violated) {
      const enabled = walker.enabled();
      if (enabled.length === 0) {
        terminalStates++;
        walker.end();
        break;
      }
      const free = enabled.filter((thread) => !walker.barred(thread));
      if (free.length === 0) break;
      walker.step(free[draw(free.length)] as number);
      transitions++;
    }
    world.unpack(first, 0, first.length);
  }
  if (!judge.violated && runs === settings.runs) judge.hit('runs');
  return judge.result({ states: 0, transitions, terminalStates, executions: BigInt(runs) }, null);
}

import { it } from 'vitest';
import { explore } from './index.js';
import { SIZES, svz, svzByLabel } from '../test/svz.js';
it('x', () => {
  for (const p of [
    svz(SIZES.S),
    svzByLabel(SIZES.S),
    svz(SIZES.M),
    svzByLabel(SIZES.M),
    svz(SIZES.S, 'bug'),
    svz(SIZES.M, 'bug'),
  ]) {
    const t = process.cpuUsage();
    const r = explore(p);
    const u = process.cpuUsage(t);
    console.log(
      r.verdict,
      r.message,
      r.states,
      r.transitions,
      r.terminalStates,
      r.executions,
      r.schedule.length,
      (u.user + u.system) / 1000,
    );
  }
});
